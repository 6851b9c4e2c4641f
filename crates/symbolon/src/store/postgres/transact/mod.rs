//! What ends or mints, and what changes a user or a client: several such jobs in one transaction of two round trips. The first locks and reads
//! all that the jobs ask about, then each is decided here, and the second writes what was decided, with the commit.
//!
//! The locks are what makes two nodes agree (model/README.md, rule 6): the installation's where it gets other master keys, users (shared by
//! whoever mints, alone for whoever raises a generation), then sessions, keys and counters, each in the order of their ids, and the head of the log last, held only until the
//! commit that is sent with it: numbers become visible in order.
//!
//! A job that was refused writes nothing. One that asks about what another job of the group changes waits for the next group.

mod decide;
mod needs;
mod writes;

use symbolon_token::view::Entry;
use uuid::Uuid;

use super::{
    attempt::Attempt,
    batch::{Batch, params},
    pool::Connection,
    read,
    rows::{self, column, damaged, session_columns, user_columns},
    write,
};
use crate::store::*;
use decide::{Decided, Found, decide};
use needs::Needs;
use writes::Writes;

/// One thing to do.
#[derive(Clone)]
#[expect(clippy::large_enum_variant, reason = "most are the large one")]
pub(super) enum Job {
    Transition(Transition),
    Change(UserChange),
    PutClient { client: ClientRow, forget_at: i64, audit: AuditRow },
    RemoveClient { id: Uuid, forget_at: i64, audit: AuditRow },
}

/// What came of it.
#[expect(clippy::large_enum_variant, reason = "most are the large one")]
pub(super) enum Answer {
    Transition(Outcome),
    Change(Option<(UserRow, u64)>),
    /// The number of the entry that says so; `None`: no such client.
    Client(Option<u64>),
}

/// What came of a group.
pub(super) struct Group {
    /// By job; `None`: its turn is in the next group.
    pub(super) answers: Vec<Option<Result<Answer>>>,
    /// What was appended to the log, in order.
    pub(super) entries: Vec<Entry>,
}

impl Job {
    /// Whether it appends to the log. What does not need not wait for what does.
    pub(super) fn appends(&self) -> bool {
        match self {
            Self::Transition(Transition { end, limit, rekey, .. }) => {
                end.is_some() || limit.is_some() || rekey.is_some()
            }
            Self::Change(_) | Self::PutClient { .. } | Self::RemoveClient { .. } => true,
        }
    }
}

/// The sessions of users that were not ended, newest first.
const CROWD: &str = concat!(
    "SELECT ",
    session_columns!(),
    ", ",
    user_columns!(),
    " FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.user_id = ANY($1) AND s.ended_at IS NULL \
     AND s.generation = u.generation ORDER BY s.id DESC"
);

/// Runs a group: all of it is committed, or nothing is.
pub(super) async fn transact(sql: &Connection, jobs: &[Job]) -> Attempt<Group> {
    let (needs, taken) = Needs::of(jobs);
    let found = look(sql, &needs).await?;
    let mut writes = Writes::default();
    // What each job decided, and how many entries stood before its own.
    let mut decided: Vec<Option<Result<Decided>>> = Vec::with_capacity(jobs.len());
    let mut group = needs::Met::default();
    for (job, taken) in jobs.iter().zip(taken) {
        let alone = taken && group.admits(job, &found);
        decided.push(if alone { Some(decide(job, &found, &mut writes)) } else { None });
    }
    if writes.nothing() {
        sql.roll_back().await?;
        return answer(decided, &[], found.head);
    }
    let entries = writes.commit(sql, found.head).await?;
    answer(decided, &entries, found.head)
}

fn answer(decided: Vec<Option<Result<Decided>>>, entries: &[Entry], head: u64) -> Attempt<Group> {
    let answers = decided
        .into_iter()
        .map(|decided| decided.map(|decided| decided.map(|decided| decided.answer(entries, head))))
        .collect();
    Ok(Group { answers, entries: entries.to_vec() })
}

/// Takes the locks, and reads what they guard.
async fn look(sql: &Connection, needs: &Needs) -> Attempt<Found> {
    let mut batch = Batch::begin(sql);
    if needs.installation {
        batch.add(write::LOCK, params![]);
    }
    needs.lock_users(&mut batch);
    if !needs.sessions.is_empty() {
        batch.add(
            "SELECT 1 FROM sessions WHERE id = ANY($1) ORDER BY id FOR UPDATE",
            params![needs.session_ids()],
        );
    }
    let keys = (!needs.kids.is_empty()).then(|| {
        batch.add(
            "SELECT kid, removed_at IS NULL FROM keys WHERE kid = ANY($1) ORDER BY kid FOR UPDATE",
            params![needs.kids.iter().cloned().collect::<Vec<_>>()],
        )
    });
    let counters = (!needs.counters.is_empty()).then(|| {
        let keys: Vec<Vec<u8>> = needs.counters.iter().map(|key| key.to_vec()).collect();
        batch.add(write::COUNTERS, params![keys])
    });
    let logins = (!needs.users.is_empty())
        .then(|| batch.add(read::LOGINS, params![needs.users.iter().copied().collect::<Vec<_>>()]));
    let sessions =
        (!needs.sessions.is_empty()).then(|| batch.add(read::SESSIONS, params![needs.session_ids()]));
    let crowded = (!needs.crowded.is_empty())
        .then(|| batch.add(CROWD, params![needs.crowded.iter().copied().collect::<Vec<_>>()]));
    let credentials = (!needs.credentials.is_empty()).then(|| {
        batch.add("SELECT id, user_id FROM credentials WHERE id = ANY($1)", params![needs.credential_ids()])
    });
    let clients = (!needs.clients.is_empty()).then(|| {
        let ids: Vec<Uuid> = needs.clients.iter().copied().collect();
        batch.add("SELECT id FROM clients WHERE id = ANY($1) ORDER BY id FOR UPDATE", params![ids])
    });
    let head = batch.add("SELECT head FROM log_head", params![]);
    let mut answers = batch.run().await?;

    let mut found = Found { counters: answers.take_if(counters), ..Found::default() };
    for row in answers.take_if(keys) {
        found.keys.insert(column(&row, 0)?, column(&row, 1)?);
    }
    for row in answers.take_if(logins) {
        let login = rows::login(&row)?;
        found.logins.insert(login.user.id, login);
    }
    for row in answers.take_if(sessions) {
        let session = rows::session_with_user(&row)?;
        found.sessions.insert(session.session.id, session);
    }
    for row in answers.take_if(crowded) {
        found.crowd.push(rows::session_with_user(&row)?);
    }
    for row in answers.take_if(credentials) {
        found.credentials.insert(column(&row, 0)?, column(&row, 1)?);
    }
    for row in answers.take_if(clients) {
        found.clients.insert(column(&row, 0)?);
    }
    let head: i64 = match answers.take(head).first() {
        Some(row) => column(row, 0)?,
        None => return Err(damaged("the head of the log is missing").into()),
    };
    found.head = head.unsigned_abs();
    if needs.installation {
        found.installation = Some(read::installation(sql, &()).await?);
    }
    Ok(found)
}
