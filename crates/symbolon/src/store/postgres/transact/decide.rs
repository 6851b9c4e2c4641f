//! What a job comes to, given what there is. Pure: nothing is written before all of it is decided.

use std::collections::{HashMap, HashSet};

use symbolon_token::{
    Timestamp,
    view::{Ended, Entry},
};
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Answer, Job, writes::Writes};
use crate::store::{postgres::write::refunded, *};

/// What was found, under its locks.
#[derive(Default)]
pub(super) struct Found {
    pub(super) logins: HashMap<Uuid, LoginRow>,
    pub(super) sessions: HashMap<Uuid, SessionWithUser>,
    /// Sessions of those whose number is limited, newest first.
    pub(super) crowd: Vec<SessionWithUser>,
    /// Whose they are.
    pub(super) credentials: HashMap<Uuid, Uuid>,
    /// Whether they are still there, or were removed.
    pub(super) keys: HashMap<String, bool>,
    pub(super) counters: Vec<Row>,
    pub(super) clients: HashSet<Uuid>,
    /// Where another master key is to take its place.
    pub(super) installation: Option<Installation>,
    pub(super) head: u64,
}

/// What a job came to; the numbers of its entries are given with the commit.
pub(super) enum Decided {
    Answered(Answer),
    Done { done: Done, first: usize, last: usize },
    Changed { user: UserRow, at: usize },
    Client { at: usize },
}

impl Decided {
    /// The answer, once the group's entries have their numbers.
    pub(super) fn answer(self, entries: &[Entry], head: u64) -> Answer {
        let number = |at: usize| entries.get(at).map_or(head, |entry| entry.seq);
        match self {
            Self::Answered(answer) => answer,
            Self::Done { done, first, last } => {
                let entries = entries[first..last].to_vec();
                let head = entries.last().map_or(head, |entry| entry.seq);
                Answer::Transition(Outcome::Done(Done { head, entries, ..done }))
            }
            Self::Changed { user, at } => Answer::Change(Some((user, number(at)))),
            Self::Client { at } => Answer::Client(Some(number(at))),
        }
    }
}

/// What an ending finds.
enum Ending {
    Nothing,
    Dead(Option<SessionRow>),
    Ends(Option<SessionRow>),
}

/// Decides a job and adds what it writes.
pub(super) fn decide(job: &Job, found: &Found, writes: &mut Writes) -> Result<Decided> {
    match job {
        Job::Change(change) => Ok(decide_change(change, found, writes)),
        Job::PutClient { client, forget_at, audit } => {
            let at = writes.append(Ended::Changed(client.id), *forget_at);
            writes.clients.push(client.clone());
            writes.audit.push(audit.clone());
            Ok(Decided::Client { at })
        }
        Job::RemoveClient { id, .. } if !found.clients.contains(id) => {
            Ok(Decided::Answered(Answer::Client(None)))
        }
        Job::RemoveClient { id, forget_at, audit } => {
            let at = writes.append(Ended::Changed(*id), *forget_at);
            writes.removed_clients.push(*id);
            writes.audit.push(audit.clone());
            Ok(Decided::Client { at })
        }
        Job::Transition(transition) => decide_transition(transition, found, writes),
    }
}

fn decide_change(change: &UserChange, found: &Found, writes: &mut Writes) -> Decided {
    let Some(LoginRow { user, .. }) = found.logins.get(&change.user) else {
        return Decided::Answered(Answer::Change(None));
    };
    let mut user = user.clone();
    user.profile = change.profile.clone().unwrap_or(user.profile);
    user.roles = change.roles.clone().unwrap_or(user.roles);
    user.disabled &= !change.enable;
    user.updated_at = change.at;
    let at = writes.append(Ended::Changed(user.id), change.forget_at);
    writes.changed.push(user.clone());
    writes.audit.extend(change.audit.clone());
    Decided::Changed { user, at }
}

fn decide_transition(transition: &Transition, found: &Found, writes: &mut Writes) -> Result<Decided> {
    let refused = |outcome| Ok(Decided::Answered(Answer::Transition(outcome)));
    let Transition { condition, end, password, mint, limit, refunds, rekey, at, forget_at, audit } =
        transition;
    if let Some(condition) = condition {
        let login = found.logins.get(&condition.user);
        let predecessor = condition.predecessor.and_then(|id| found.sessions.get(&id));
        if !rules::holds(condition, login, predecessor, *at) {
            return refused(Outcome::Stale);
        }
    }
    let ending = match end.as_ref().map(|end| (end, ending(end, found))) {
        Some((_, Ending::Nothing)) => return refused(Outcome::NotFound),
        other => other,
    };
    if let Some((credential, _)) = password {
        // A user that is deleted takes its password along.
        let owner = found.credentials.get(credential);
        let gone = owner.is_none_or(|owner| *end == Some(End::DeleteUser(*owner)));
        if gone {
            return refused(Outcome::NotFound);
        }
    }
    let generation = match mint.as_ref().map(|session| generation_after(session.user, end.as_ref(), found)) {
        Some(None) => return refused(Outcome::Stale),
        other => other.flatten(),
    };
    if let Some(rekey) = rekey {
        if found.installation.as_ref() != Some(&rekey.was) {
            return refused(Outcome::Stale);
        }
        sound_keys(rekey, found)?;
    }
    let counters = refunded(&found.counters, refunds.iter())?;
    // Nothing can refuse any more.
    let first = writes.entries();
    let ended = match ending {
        Some((end, Ending::Ends(session))) => {
            let before = end_user(end).and_then(|user| found.logins.get(&user));
            writes.append(end.entry(before.map_or(0, |login| login.user.generation)), *forget_at);
            writes.end(end, *at, before.map(|login| &login.user));
            session
        }
        Some((_, Ending::Dead(session))) => session,
        Some((_, Ending::Nothing)) | None => None,
    };
    writes.passwords.extend(password.clone());
    if let (Some(session), Some(generation)) = (mint, generation) {
        if let Some(limit) = limit {
            let live = live_after(session.user, generation, end.as_ref(), *at, found);
            let crowded_out = rules::crowded_out(&live, limit);
            for id in &crowded_out {
                let end = End::Session { id: *id, owner: None };
                writes.append(end.entry(0), *forget_at);
                writes.end(&end, *at, None);
            }
            writes.audit.extend(rules::crowded_out_row(limit, &crowded_out));
        }
        writes.mint(session.clone(), generation, rules::succeeded(transition));
    }
    writes.counters.extend(counters);
    if let Some(rekey) = rekey {
        for kid in rekey.removed.iter().filter(|kid| found.keys.get(&kid.to_string()) == Some(&true)) {
            let end = End::Key(*kid);
            writes.append(end.entry(0), *forget_at);
            writes.end(&end, *at, None);
        }
        writes.append(Rekey::ENTRY, *forget_at);
        writes.rekey = Some((rekey.clone(), *at));
    }
    writes.audit.extend(audit.iter().cloned());
    let done = Done { head: found.head, entries: Vec::new(), generation, ended };
    Ok(Decided::Done { done, first, last: writes.entries() })
}

fn ending(end: &End, found: &Found) -> Ending {
    match end {
        End::Session { id, owner } => match found.sessions.get(id) {
            Some(row) if owner.is_none_or(|owner| owner == row.user.id) => {
                let session = Some(row.session.clone());
                if rules::ended(row) { Ending::Dead(session) } else { Ending::Ends(session) }
            }
            _ => Ending::Nothing,
        },
        End::User(id) | End::DisableUser(id) | End::DeleteUser(id) => match found.logins.get(id) {
            None => Ending::Nothing,
            Some(login) if login.user.disabled && matches!(end, End::DisableUser(_)) => Ending::Dead(None),
            Some(_) => Ending::Ends(None),
        },
        End::Token { .. } => Ending::Ends(None),
        End::Key(kid) => match found.keys.get(&kid.to_string()) {
            None => Ending::Nothing,
            Some(false) => Ending::Dead(None),
            Some(true) => Ending::Ends(None),
        },
    }
}

fn end_user(end: &End) -> Option<Uuid> {
    match end {
        End::User(id) | End::DisableUser(id) | End::DeleteUser(id) => Some(*id),
        End::Session { .. } | End::Token { .. } | End::Key(_) => None,
    }
}

/// The user's generation once `end` is done; `None` when there is no user then.
fn generation_after(user: Uuid, end: Option<&End>, found: &Found) -> Option<u64> {
    let row = &found.logins.get(&user)?.user;
    match end {
        Some(End::DeleteUser(id)) if *id == user => None,
        Some(End::User(id)) if *id == user => Some(row.generation + 1),
        Some(End::DisableUser(id)) if *id == user && !row.disabled => Some(row.generation + 1),
        _ => Some(row.generation),
    }
}

/// The user's sessions that are live once `end` is done and `generation` is the user's, newest first.
fn live_after(
    user: Uuid,
    generation: u64,
    end: Option<&End>,
    at: Timestamp,
    found: &Found,
) -> Vec<SessionRow> {
    let ended = |id: Uuid| matches!(end, Some(End::Session { id: ended, .. }) if *ended == id);
    let live = |row: &&SessionWithUser| {
        row.user.id == user && row.session.generation == generation && row.live(at) && !ended(row.session.id)
    };
    found.crowd.iter().filter(live).map(|row| row.session.clone()).collect()
}

/// A removed key does not come back.
fn sound_keys(rekey: &Rekey, found: &Found) -> Result<()> {
    let removed = |key: &KeyRow| {
        found.keys.get(&key.kid.to_string()) == Some(&false) || rekey.removed.contains(&key.kid)
    };
    if rekey.keys.iter().any(removed) {
        return Err(StoreError::new("a removed key does not come back"));
    }
    Ok(())
}
