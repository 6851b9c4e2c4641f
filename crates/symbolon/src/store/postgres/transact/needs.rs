//! What jobs ask about, so that it can be locked and read at once; and which jobs may share a group.

use std::collections::{BTreeSet, HashSet};

use uuid::Uuid;

use super::{Job, decide::Found};
use crate::store::{
    ClientRow, Condition, End, Refund, ThrottleKey, Transition,
    postgres::batch::{Batch, params},
};

/// What a group asks about.
#[derive(Default)]
pub(super) struct Needs {
    pub(super) users: BTreeSet<Uuid>,
    pub(super) sessions: BTreeSet<Uuid>,
    /// Users of whom all sessions are asked about: a limit counts them.
    pub(super) crowded: BTreeSet<Uuid>,
    pub(super) credentials: BTreeSet<Uuid>,
    pub(super) kids: BTreeSet<String>,
    pub(super) counters: BTreeSet<ThrottleKey>,
    pub(super) clients: BTreeSet<Uuid>,
    /// Whether the installation shall know other master keys.
    pub(super) installation: bool,
    /// Whether a generation may be raised, a user changed or deleted.
    alone: bool,
}

impl Needs {
    /// Of these jobs; and which of them are in it. Another master key is a group by itself: it touches everything.
    pub(super) fn of(jobs: &[Job]) -> (Self, Vec<bool>) {
        let mut needs = Self::default();
        let rekeys = |job: &Job| matches!(job, Job::Transition(Transition { rekey: Some(_), .. }));
        let most = if jobs.first().is_some_and(rekeys) { 1 } else { jobs.len() };
        let taken = jobs
            .iter()
            .enumerate()
            .map(|(at, job)| {
                let taken = at < most && (at == 0 || !rekeys(job));
                if taken {
                    needs.add(job);
                }
                taken
            })
            .collect();
        (needs, taken)
    }

    fn add(&mut self, job: &Job) {
        self.alone |= alone(job);
        let Transition { condition, end, password, mint, limit, refunds, rekey, .. } = match job {
            Job::Change(change) => {
                self.users.insert(change.user);
                return;
            }
            Job::PutClient { client: ClientRow { id, .. }, .. } | Job::RemoveClient { id, .. } => {
                self.clients.insert(*id);
                return;
            }
            Job::Transition(transition) => transition,
        };
        if let Some(Condition { user, predecessor, .. }) = condition {
            self.users.insert(*user);
            self.sessions.extend(*predecessor);
        }
        match end {
            Some(End::Session { id, .. }) => drop(self.sessions.insert(*id)),
            Some(End::User(id) | End::DisableUser(id) | End::DeleteUser(id)) => drop(self.users.insert(*id)),
            Some(End::Key(kid)) => drop(self.kids.insert(kid.to_string())),
            Some(End::Token { .. }) | None => {}
        }
        self.users.extend(mint.as_ref().map(|session| session.user));
        self.crowded.extend(mint.as_ref().filter(|_| limit.is_some()).map(|session| session.user));
        self.credentials.extend(password.as_ref().map(|(credential, _)| *credential));
        self.counters.extend(refunds.iter().map(|refund| match refund {
            Refund::Clear(key) | Refund::One(key, _) => *key,
        }));
        if let Some(rekey) = rekey {
            self.installation = true;
            self.kids.extend(rekey.removed.iter().map(ToString::to_string));
            self.kids.extend(rekey.keys.iter().map(|key| key.kid.to_string()));
        }
    }

    pub(super) fn session_ids(&self) -> Vec<Uuid> {
        self.sessions.iter().copied().collect()
    }

    pub(super) fn credential_ids(&self) -> Vec<Uuid> {
        self.credentials.iter().copied().collect()
    }

    /// Locks the users, and those whose sessions or credentials are asked about.
    pub(super) fn lock_users(&self, batch: &mut Batch<'_>) {
        const SHARED: &str = "SELECT 1 FROM users WHERE id IN (SELECT unnest($1::uuid[]) \
             UNION SELECT user_id FROM sessions WHERE id = ANY($2) UNION SELECT user_id FROM credentials WHERE id = ANY($3)) \
             ORDER BY id FOR SHARE";
        const ALONE: &str = "SELECT 1 FROM users WHERE id IN (SELECT unnest($1::uuid[]) \
             UNION SELECT user_id FROM sessions WHERE id = ANY($2) UNION SELECT user_id FROM credentials WHERE id = ANY($3)) \
             ORDER BY id FOR UPDATE";
        if self.users.is_empty() && self.sessions.is_empty() && self.credentials.is_empty() {
            return;
        }
        let users: Vec<Uuid> = self.users.iter().copied().collect();
        batch.add(
            if self.alone { ALONE } else { SHARED },
            params![users, self.session_ids(), self.credential_ids()],
        );
    }
}

/// Whether a job changes a user, or counts its sessions, so that nobody may mint for that one meanwhile.
fn alone(job: &Job) -> bool {
    match job {
        Job::Change(_) => true,
        Job::PutClient { .. } | Job::RemoveClient { .. } => false,
        Job::Transition(Transition { end, password, limit, .. }) => {
            password.is_some()
                || limit.is_some()
                || matches!(end, Some(End::User(_) | End::DisableUser(_) | End::DeleteUser(_)))
        }
    }
}

/// What the jobs of a group so far are about. What was read holds for all of them only while none changes what another asks about.
#[derive(Default)]
pub(super) struct Met {
    users: HashSet<Uuid>,
    alone: HashSet<Uuid>,
    others: HashSet<Other>,
}

#[derive(PartialEq, Eq, Hash)]
enum Other {
    Session(Uuid),
    Key(String),
    Counter(ThrottleKey),
    Client(Uuid),
}

impl Met {
    /// Whether the job can be one of the group; then it is.
    pub(super) fn admits(&mut self, job: &Job, found: &Found) -> bool {
        let mut needs = Needs::default();
        needs.add(job);
        let owners = needs.sessions.iter().filter_map(|id| found.sessions.get(id)).map(|row| row.user.id);
        let keepers = needs.credentials.iter().filter_map(|id| found.credentials.get(id)).copied();
        let users: HashSet<Uuid> = needs.users.iter().copied().chain(owners).chain(keepers).collect();
        let others: HashSet<Other> = (needs.sessions.into_iter().map(Other::Session))
            .chain(needs.kids.into_iter().map(Other::Key))
            .chain(needs.counters.into_iter().map(Other::Counter))
            .chain(needs.clients.into_iter().map(Other::Client))
            .collect();
        let meets = others.iter().any(|other| self.others.contains(other))
            || users.iter().any(|user| self.alone.contains(user) || needs.alone && self.users.contains(user));
        if meets {
            return false;
        }
        if needs.alone {
            self.alone.extend(&users);
        }
        self.users.extend(users);
        self.others.extend(others);
        true
    }
}
