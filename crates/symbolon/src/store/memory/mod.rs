//! The reference store: maps behind one lock, forgotten at the end of the process. What another store does must be what
//! this one does; tests hold them against each other. It copies everything at every write: for tests and trials.

mod state;

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use async_trait::async_trait;
use symbolon_token::{
    Timestamp,
    view::{Ended, Entry},
};
use uuid::Uuid;

use super::{rules, *};
use state::{State, Write};

/// See the module.
pub struct MemoryStore {
    state: Mutex<State>,
    follower: OnceLock<Follower>,
}

impl MemoryStore {
    /// An empty store of a new installation, whose log epoch is `log_epoch`.
    pub fn new(log_epoch: Uuid) -> Self {
        Self { state: Mutex::new(State::new(log_epoch)), follower: OnceLock::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a write on a copy, so that a refused or failed one changes nothing, and tells the follower before the lock is given
    /// back.
    fn write<T>(&self, work: impl FnOnce(&mut State, &mut Vec<Entry>) -> Write<T>) -> Result<T> {
        let mut state = self.lock();
        let mut next = state.clone();
        let mut entries = Vec::new();
        let (commit, answer) = work(&mut next, &mut entries)?;
        if commit {
            *state = next;
            if let (false, Some(follower)) = (entries.is_empty(), self.follower.get()) {
                follower(&entries);
            }
        }
        Ok(answer)
    }

    /// All throttle counters, which the port never shows.
    #[cfg(test)]
    pub(in crate::store) fn counters(&self) -> Vec<(ThrottleKey, Counter)> {
        self.lock().throttle.iter().map(|(key, counter)| (*key, *counter)).collect()
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn follow(&self, follower: Follower) {
        self.follower.get_or_init(|| follower);
    }

    async fn installation(&self) -> Result<Installation> {
        Ok(self.lock().installation.clone())
    }

    async fn set_installation(&self, installation: Installation) -> Result<()> {
        self.lock().set_installation(installation);
        Ok(())
    }

    async fn change_installation(&self, was: Installation, installation: Installation) -> Result<bool> {
        let mut state = self.lock();
        let same = state.installation == was;
        if same {
            state.set_installation(installation);
        }
        Ok(same)
    }

    async fn user(&self, id: Uuid) -> Result<Option<UserRow>> {
        Ok(self.lock().users.get(&id).cloned())
    }

    async fn login_by_identifier(&self, canonical: &str) -> Result<Option<LoginRow>> {
        let state = self.lock();
        Ok(state.identifiers.get(canonical).and_then(|user| state.login(*user)))
    }

    async fn login_by_user(&self, user: Uuid) -> Result<Option<LoginRow>> {
        Ok(self.lock().login(user))
    }

    async fn users(&self, prefix: Option<&str>, after: Option<Uuid>, limit: usize) -> Result<Vec<UserRow>> {
        let state = self.lock();
        let matches = |user: &UserRow| {
            prefix.is_none_or(|prefix| {
                state
                    .identifiers
                    .iter()
                    .any(|(canonical, id)| *id == user.id && canonical.starts_with(prefix))
            })
        };
        let behind = |user: &&UserRow| after.is_none_or(|after| user.id > after);
        Ok(state.users.values().filter(behind).filter(|user| matches(user)).take(limit).cloned().collect())
    }

    async fn session(&self, id: Uuid) -> Result<Option<SessionWithUser>> {
        Ok(self.lock().session_with_user(id))
    }

    async fn sessions_of(&self, user: Uuid, now: Timestamp) -> Result<Vec<SessionRow>> {
        Ok(self.lock().sessions_of(user, now))
    }

    async fn stands(&self, token: TokenRef) -> Result<bool> {
        let state = self.lock();
        let named = state.log.values().any(|entry| entry.what == Ended::Token(token.jti));
        let user = state.users.get(&token.user);
        let session = token.session.map(|id| state.session_with_user(id));
        Ok(state.keys.contains_key(&token.kid) && !named && rules::stands(&token, user, session.as_ref()))
    }

    async fn log_after(&self, after: u64, limit: usize) -> Result<LogPage> {
        let state = self.lock();
        let entries = state.log.values().filter(|entry| entry.seq > after).take(limit).copied().collect();
        let epoch = state.installation.log_epoch;
        Ok(LogPage { epoch, entries, head: state.head, trimmed: state.trimmed, now: None })
    }

    async fn keys(&self) -> Result<Vec<KeyRow>> {
        Ok(self.lock().keys.values().cloned().collect())
    }

    async fn names_master_key(&self, version: u32, now: Timestamp) -> Result<bool> {
        let names =
            |row: &SessionRow| row.key_version == version && row.ended_at.is_none() && now < row.expires_at;
        Ok(self.lock().sessions.values().any(names))
    }

    async fn clients(&self) -> Result<Vec<ClientRow>> {
        Ok(self.lock().clients.values().cloned().collect())
    }

    async fn audit(&self, user: Option<Uuid>, before: Option<Uuid>, limit: usize) -> Result<Vec<AuditRow>> {
        let state = self.lock();
        let rows = state.audit.values().rev().filter(|row| before.is_none_or(|before| row.id < before));
        Ok(rows.filter(|row| user.is_none() || row.user == user).take(limit).cloned().collect())
    }

    async fn census(&self, now: Timestamp) -> Result<Option<Census>> {
        let state = self.lock();
        let sessions =
            state.sessions.keys().filter_map(|id| state.session_with_user(*id)).filter(|row| row.live(now));
        let (users, sessions) = (state.users.len() as u64, sessions.count() as u64);
        Ok(Some(Census { schema: None, users, sessions, complete: true }))
    }

    async fn register(&self, new: NewUser) -> Result<Registered> {
        self.write(|state, _| state.register(new))
    }

    async fn change_user(&self, change: UserChange) -> Result<Option<(UserRow, u64)>> {
        self.write(|state, entries| state.change_user(change, entries))
    }

    async fn rehash(&self, credential: Uuid, old: &str, new: &str) -> Result<bool> {
        let mut state = self.lock();
        let row = state.credentials.values_mut().find(|row| row.id == credential && row.data == old);
        Ok(row.map(|row| row.data = new.to_owned()).is_some())
    }

    async fn transact(&self, transition: Transition) -> Result<Outcome> {
        self.write(|state, entries| state.transact(transition, entries))
    }

    async fn refresh(&self, request: RefreshRequest) -> Result<Refreshed> {
        Ok(self.lock().refresh(&request))
    }

    async fn touch(&self, touches: Vec<Touch>) -> Result<()> {
        let mut state = self.lock();
        for touch in touches {
            if let Some(session) = state.sessions.get_mut(&touch.session) {
                rules::touch(session, &touch);
            }
        }
        Ok(())
    }

    async fn charge(&self, charges: Vec<Charge>, now: Timestamp) -> Result<Charged> {
        Ok(self.lock().charge(&charges, now))
    }

    async fn refund(&self, refunds: Vec<Refund>) -> Result<()> {
        self.lock().refund(&refunds);
        Ok(())
    }

    async fn put_key(&self, key: KeyRow) -> Result<bool> {
        let mut state = self.lock();
        if state.removed_keys.contains(&key.kid) {
            return Ok(false);
        }
        // A key is bound to its algorithm for life.
        let algorithm = state.keys.get(&key.kid).map(|known| known.algorithm.clone());
        let key = KeyRow { algorithm: algorithm.unwrap_or(key.algorithm), ..key };
        state.keys.insert(key.kid, key);
        Ok(true)
    }

    async fn add_key(&self, key: KeyRow, beside: Vec<Kid>) -> Result<bool> {
        let mut state = self.lock();
        let alone = rules::same_keys(state.keys.keys().copied(), &beside);
        let adds = alone && !state.removed_keys.contains(&key.kid) && !state.keys.contains_key(&key.kid);
        if adds {
            state.keys.insert(key.kid, key);
        }
        Ok(adds)
    }

    async fn put_client(&self, client: ClientRow, forget_at: i64, audit: AuditRow) -> Result<u64> {
        rules::sound_client(&client)?;
        self.write(|state, entries| {
            state.append(Ended::Changed(client.id), forget_at, entries);
            state.clients.insert(client.id, client);
            state.record(vec![audit])?;
            Ok((true, state.head))
        })
    }

    async fn remove_client(&self, id: Uuid, forget_at: i64, audit: AuditRow) -> Result<Option<u64>> {
        self.write(|state, entries| {
            if state.clients.remove(&id).is_none() {
                return Ok((false, None));
            }
            state.append(Ended::Changed(id), forget_at, entries);
            state.record(vec![audit])?;
            Ok((true, Some(state.head)))
        })
    }

    async fn renew_guard(&self, guard: GuardLease, now: Timestamp) -> Result<Timestamp> {
        let mut state = self.lock();
        let until = now.plus(guard.lease);
        let applied = if guard.epoch == state.installation.log_epoch { guard.applied } else { 0 };
        let renewed = state.guards.get(&guard.id).map_or((applied, until), |(before, lasted)| {
            (applied.max(*before), until.max(lasted.plus(Duration::from_millis(1))))
        });
        state.guards.insert(guard.id, renewed);
        Ok(now)
    }

    async fn acknowledge(&self, guard: Uuid, epoch: Uuid, applied: u64) -> Result<()> {
        let mut state = self.lock();
        if epoch == state.installation.log_epoch
            && let Some(row) = state.guards.get_mut(&guard)
        {
            row.0 = row.0.max(applied);
        }
        Ok(())
    }

    async fn guards(&self, step: Duration, now: Timestamp) -> Result<Vec<GuardRow>> {
        let state = self.lock();
        let row = |(id, (applied, until)): (&Uuid, &(u64, Timestamp))| GuardRow {
            id: *id,
            applied: *applied,
            lease_until: *until,
            lapsed: until.plus(step) <= now,
        };
        Ok(state.guards.iter().map(row).collect())
    }

    async fn remove_guard(&self, guard: Uuid) -> Result<()> {
        self.lock().guards.remove(&guard);
        Ok(())
    }

    async fn remote_guards(&self) -> Result<bool> {
        Ok(self.lock().remote_guards)
    }

    async fn note_remote_guards(&self) -> Result<()> {
        self.lock().remote_guards = true;
        Ok(())
    }

    async fn record(&self, rows: Vec<AuditRow>) -> Result<()> {
        self.write(|state, _| Ok((true, state.record(rows)?)))
    }

    async fn purge(&self, before: PurgeBefore, limit: usize) -> Result<usize> {
        Ok(self.lock().purge(&before, limit))
    }
}
