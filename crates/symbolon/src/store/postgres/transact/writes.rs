//! What a group writes, gathered by kind and sent together.

use std::collections::BTreeMap;

use symbolon_token::{
    Timestamp,
    view::{Ended, Entry},
};
use uuid::Uuid;

use crate::store::{
    postgres::{
        attempt::Attempt,
        batch::{Batch, params},
        pool::Connection,
        rows::{column, damaged, ended_columns, stored, to_json, typed},
        write,
    },
    *,
};

/// See the module.
#[derive(Default)]
pub(super) struct Writes {
    log: Vec<(Ended, Option<i64>)>,
    sessions: Vec<(Uuid, Timestamp)>,
    /// Generations to raise: user, disabled, updated.
    raised: Vec<(Uuid, bool, Timestamp)>,
    deleted: Vec<Uuid>,
    removed: Vec<(String, Timestamp)>,
    mints: Vec<(SessionRow, u64, Option<Uuid>)>,
    pub(super) changed: Vec<UserRow>,
    pub(super) clients: Vec<ClientRow>,
    pub(super) removed_clients: Vec<Uuid>,
    pub(super) passwords: Vec<(Uuid, String)>,
    pub(super) counters: BTreeMap<ThrottleKey, Option<Counter>>,
    pub(super) rekey: Option<(Rekey, Timestamp)>,
    pub(super) audit: Vec<AuditRow>,
}

impl Writes {
    /// How many entries there are so far.
    pub(super) fn entries(&self) -> usize {
        self.log.len()
    }

    /// Whether nothing is to be written.
    pub(super) fn nothing(&self) -> bool {
        self.log.is_empty()
            && self.mints.is_empty()
            && self.passwords.is_empty()
            && self.counters.is_empty()
            && self.rekey.is_none()
            && self.audit.is_empty()
    }

    /// Appends to the log; where in the group's entries it will stand.
    pub(super) fn append(&mut self, what: Ended, forget_at: i64) -> usize {
        let forget_at = (!matches!(what, Ended::Key(_))).then_some(forget_at);
        self.log.push((what, forget_at));
        self.log.len() - 1
    }

    /// The rows of an ending; `user` is the one that ends, as it was.
    pub(super) fn end(&mut self, end: &End, at: Timestamp, user: Option<&UserRow>) {
        match end {
            End::Session { id, .. } => self.sessions.push((*id, at)),
            End::User(id) | End::DisableUser(id) => {
                let disables = matches!(end, End::DisableUser(_));
                let updated = user.filter(|_| !disables).map_or(at, |user| user.updated_at);
                let disabled = disables || user.is_some_and(|user| user.disabled);
                self.raised.push((*id, disabled, updated));
            }
            End::DeleteUser(id) => self.deleted.push(*id),
            End::Key(kid) => self.removed.push((kid.to_string(), at)),
            End::Token { .. } => {}
        }
    }

    /// A session, of this generation; the children of the one it succeeds become its own.
    pub(super) fn mint(&mut self, session: SessionRow, generation: u64, succeeds: Option<Uuid>) {
        self.mints.push((session, generation, succeeds));
    }

    /// Writes all and commits. Answers the entries with their numbers.
    pub(super) async fn commit(self, sql: &Connection, head: u64) -> Attempt<Vec<Entry>> {
        let mut batch = Batch::on(sql);
        self.endings(&mut batch);
        for user in &self.changed {
            batch.add(
                "UPDATE users SET profile = $2, roles = $3, disabled = $4, updated_at = $5 WHERE id = $1",
                params![
                    user.id,
                    to_json(&user.profile)?,
                    to_json(&user.roles)?,
                    user.disabled,
                    user.updated_at.as_millis()
                ],
            );
        }
        for (credential, hash) in &self.passwords {
            batch.add(
                "UPDATE credentials SET data = $2, version = version + 1 WHERE id = $1",
                params![*credential, typed(hash)],
            );
        }
        for (session, generation, succeeds) in &self.mints {
            if let Some(predecessor) = succeeds {
                batch.add(
                    "UPDATE sessions SET parent = $2 WHERE parent = $1",
                    params![*predecessor, session.id],
                );
            }
            write::insert(&mut batch, session, *generation)?;
        }
        write::write_counters(&mut batch, &self.counters);
        for client in &self.clients {
            write::add_client(&mut batch, client)?;
        }
        if !self.removed_clients.is_empty() {
            batch.add("DELETE FROM clients WHERE id = ANY($1)", params![self.removed_clients.clone()]);
        }
        self.rekeyings(&mut batch)?;
        write::add_audit(&mut batch, &self.audit)?;
        // The head of the log last: whoever appends holds it for as long as the commit takes.
        let raised = (!self.log.is_empty()).then(|| self.appended(&mut batch));
        let raised = batch.commit().await?.take_if(raised);
        let head = match raised.first() {
            Some(row) => column::<i64>(row, 0)?.unsigned_abs(),
            None if self.log.is_empty() => head,
            None => return Err(damaged("the head of the log is missing").into()),
        };
        let before = head - self.log.len() as u64;
        let numbered = self.log.iter().zip(before + 1..);
        Ok(numbered
            .map(|((what, forget_at), seq)| Entry { seq, what: *what, forget_at: *forget_at })
            .collect())
    }

    fn endings(&self, batch: &mut Batch<'_>) {
        if !self.sessions.is_empty() {
            batch.add(
                "UPDATE sessions AS s SET ended_at = e.at FROM unnest($1::uuid[], $2::bigint[]) AS e (id, at) WHERE s.id = e.id",
                params![
                    self.sessions.iter().map(|(id, _)| *id).collect::<Vec<_>>(),
                    self.sessions.iter().map(|(_, at)| at.as_millis()).collect::<Vec<_>>(),
                ],
            );
        }
        for (user, disabled, updated) in &self.raised {
            batch.add(
                "UPDATE users SET generation = generation + 1, disabled = $2, updated_at = $3 WHERE id = $1",
                params![*user, *disabled, updated.as_millis()],
            );
        }
        if !self.deleted.is_empty() {
            batch.add("DELETE FROM users WHERE id = ANY($1)", params![self.deleted.clone()]);
        }
        for (kid, at) in &self.removed {
            batch.add(
                "UPDATE keys SET sealed = NULL, removed_at = $2 WHERE kid = $1",
                params![kid.clone(), at.as_millis()],
            );
        }
    }

    fn rekeyings(&self, batch: &mut Batch<'_>) -> Result<()> {
        let Some((Rekey { installation, keys, ends_sessions, .. }, at)) = &self.rekey else { return Ok(()) };
        if *ends_sessions {
            batch.add("SET LOCAL statement_timeout = 0", params![]);
            batch.add("UPDATE sessions SET ended_at = $1 WHERE ended_at IS NULL", params![at.as_millis()]);
        }
        for key in keys {
            write::add_key(batch, key);
        }
        write::put_installation(batch, installation)
    }

    /// The numbers come from the head's row, which stays locked until the commit.
    fn appended(&self, batch: &mut Batch<'_>) -> crate::store::postgres::batch::Place {
        let count = stored(self.log.len() as u64);
        let raised = batch.add("UPDATE log_head SET head = head + $1 RETURNING head", params![count]);
        let columns: Vec<_> = self.log.iter().map(|(what, _)| ended_columns(what)).collect();
        batch.add(
            "INSERT INTO log (seq, kind, id, generation, forget_at) \
             SELECT h.head - $1 + e.place, e.kind, e.id, e.generation, e.forget_at FROM log_head h, \
             unnest($2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[]) AS e (place, kind, id, generation, forget_at)",
            params![
                count,
                (1..=count).collect::<Vec<i64>>(),
                columns.iter().map(|(kind, _, _)| (*kind).to_owned()).collect::<Vec<_>>(),
                columns.iter().map(|(_, id, _)| id.clone()).collect::<Vec<_>>(),
                columns.iter().map(|(_, _, generation)| *generation).collect::<Vec<_>>(),
                self.log.iter().map(|(_, forget_at)| *forget_at).collect::<Vec<_>>(),
            ],
        );
        raised
    }
}
