//! The maps, and the writes over them that are more than a line.

use std::collections::BTreeMap;

use symbolon_token::{
    Timestamp,
    key::Kid,
    view::{Ended, Entry},
};
use uuid::Uuid;

use crate::store::{rules, *};

/// What a write answers, and whether it stands.
pub(super) type Write<T> = Result<(bool, T)>;

#[derive(Clone)]
pub(super) struct State {
    pub(super) installation: Installation,
    pub(super) users: BTreeMap<Uuid, UserRow>,
    pub(super) identifiers: BTreeMap<String, Uuid>,
    /// By user.
    pub(super) credentials: BTreeMap<Uuid, CredentialRow>,
    pub(super) sessions: BTreeMap<Uuid, SessionRow>,
    pub(super) log: BTreeMap<u64, Entry>,
    pub(super) head: u64,
    pub(super) trimmed: u64,
    pub(super) keys: BTreeMap<Kid, KeyRow>,
    pub(super) removed_keys: Vec<Kid>,
    pub(super) clients: BTreeMap<Uuid, ClientRow>,
    pub(super) audit: BTreeMap<Uuid, AuditRow>,
    pub(super) throttle: BTreeMap<ThrottleKey, Counter>,
    /// What each has applied, and until when it holds its lease.
    pub(super) guards: BTreeMap<Uuid, (u64, Timestamp)>,
    pub(super) remote_guards: bool,
}

/// What an ending found.
enum Found {
    Nothing,
    Dead(Option<SessionRow>),
    Ended(Ended, Option<SessionRow>),
}

fn twice(what: &str) -> StoreError {
    StoreError::new(format!("the id of a new {what} is taken"))
}

impl State {
    pub(super) fn new(log_epoch: Uuid) -> Self {
        Self {
            installation: Installation {
                log_epoch,
                epoch: 1,
                master_keys: Vec::new(),
                token_life: 0,
                longer_life: None,
                lease_ms: 0,
                other_lease: None,
            },
            users: BTreeMap::new(),
            identifiers: BTreeMap::new(),
            credentials: BTreeMap::new(),
            sessions: BTreeMap::new(),
            log: BTreeMap::new(),
            head: 0,
            trimmed: 0,
            keys: BTreeMap::new(),
            removed_keys: Vec::new(),
            clients: BTreeMap::new(),
            audit: BTreeMap::new(),
            throttle: BTreeMap::new(),
            guards: BTreeMap::new(),
            remote_guards: false,
        }
    }

    pub(super) fn session_with_user(&self, id: Uuid) -> Option<SessionWithUser> {
        let session = self.sessions.get(&id)?.clone();
        let user = self.users.get(&session.user)?.clone();
        Some(SessionWithUser { session, user })
    }

    pub(super) fn sessions_of(&self, user: Uuid, now: Timestamp) -> Vec<SessionRow> {
        let of_user = self.sessions.values().rev().filter(|session| session.user == user);
        let live =
            of_user.filter_map(|session| self.session_with_user(session.id)).filter(|row| row.live(now));
        live.map(|row| row.session).collect()
    }

    pub(super) fn login(&self, user: Uuid) -> Option<LoginRow> {
        Some(LoginRow {
            user: self.users.get(&user)?.clone(),
            credential: self.credentials.get(&user).cloned(),
        })
    }

    pub(super) fn set_installation(&mut self, installation: Installation) {
        if installation.log_epoch != self.installation.log_epoch {
            self.guards.values_mut().for_each(|(applied, _)| *applied = 0);
        }
        self.installation = installation;
    }

    pub(super) fn append(&mut self, what: Ended, forget_at: i64, entries: &mut Vec<Entry>) {
        self.head += 1;
        let forget_at = (!matches!(what, Ended::Key(_))).then_some(forget_at);
        let entry = Entry { seq: self.head, what, forget_at };
        self.log.insert(self.head, entry);
        entries.push(entry);
    }

    pub(super) fn record(&mut self, rows: Vec<AuditRow>) -> Result<()> {
        for row in rows {
            if self.audit.insert(row.id, row).is_some() {
                return Err(twice("audit row"));
            }
        }
        Ok(())
    }

    pub(super) fn register(&mut self, new: NewUser) -> Write<Registered> {
        if self.identifiers.contains_key(&new.canonical) {
            return Ok((false, Registered::Taken));
        }
        let id = new.user.id;
        self.identifiers.insert(new.canonical, id);
        if let Some(credential) = new.credential {
            if self.credentials.values().any(|other| other.id == credential.id) {
                return Err(twice("credential"));
            }
            self.credentials.insert(id, credential);
        }
        if self.users.insert(id, new.user).is_some() {
            return Err(twice("user"));
        }
        self.record(vec![new.audit])?;
        Ok((true, Registered::Created))
    }

    pub(super) fn change_user(
        &mut self,
        change: UserChange,
        entries: &mut Vec<Entry>,
    ) -> Write<Option<(UserRow, u64)>> {
        let Some(user) = self.users.get_mut(&change.user) else { return Ok((false, None)) };
        if let Some(profile) = change.profile {
            user.profile = profile;
        }
        if let Some(roles) = change.roles {
            user.roles = roles;
        }
        user.disabled &= !change.enable;
        user.updated_at = change.at;
        let user = user.clone();
        self.append(Ended::Changed(user.id), change.forget_at, entries);
        self.record(change.audit.into_iter().collect())?;
        Ok((true, Some((user, self.head))))
    }

    fn end(&mut self, end: &End, at: Timestamp) -> Found {
        match end {
            End::Session { id, owner } => {
                let Some(row) = self.session_with_user(*id) else { return Found::Nothing };
                if owner.is_some_and(|owner| owner != row.user.id) {
                    return Found::Nothing;
                }
                if rules::ended(&row) {
                    return Found::Dead(Some(row.session));
                }
                let as_it_was = row.session.clone();
                self.sessions.insert(*id, SessionRow { ended_at: Some(at), ..row.session });
                Found::Ended(end.entry(0), Some(as_it_was))
            }
            End::User(id) | End::DisableUser(id) => {
                let Some(user) = self.users.get_mut(id) else { return Found::Nothing };
                let disables = matches!(end, End::DisableUser(_));
                if disables && user.disabled {
                    return Found::Dead(None);
                }
                let entry = end.entry(user.generation);
                user.generation += 1;
                if disables {
                    user.disabled = true;
                    user.updated_at = at;
                }
                Found::Ended(entry, None)
            }
            End::DeleteUser(id) => {
                if self.users.remove(id).is_none() {
                    return Found::Nothing;
                }
                self.identifiers.retain(|_, user| user != id);
                self.credentials.remove(id);
                self.sessions.retain(|_, session| session.user != *id);
                Found::Ended(end.entry(0), None)
            }
            End::Token { .. } => Found::Ended(end.entry(0), None),
            End::Key(kid) if self.removed_keys.contains(kid) => Found::Dead(None),
            End::Key(kid) => {
                if self.keys.remove(kid).is_none() {
                    return Found::Nothing;
                }
                self.removed_keys.push(*kid);
                Found::Ended(end.entry(0), None)
            }
        }
    }

    pub(super) fn transact(&mut self, transition: Transition, entries: &mut Vec<Entry>) -> Write<Outcome> {
        rules::sound(&transition)?;
        let succeeded = rules::succeeded(&transition);
        let Transition { condition, end, password, mint, limit, refunds, rekey, at, forget_at, audit } =
            transition;
        if let Some(condition) = &condition {
            let login = self.login(condition.user);
            let predecessor = condition.predecessor.and_then(|id| self.session_with_user(id));
            if !rules::holds(condition, login.as_ref(), predecessor.as_ref(), at) {
                return Ok((false, Outcome::Stale));
            }
        }
        let mut ended = None;
        match end.map(|end| self.end(&end, at)) {
            None => {}
            Some(Found::Nothing) => return Ok((false, Outcome::NotFound)),
            Some(Found::Dead(session)) => ended = session,
            Some(Found::Ended(what, session)) => {
                ended = session;
                self.append(what, forget_at, entries);
            }
        }
        if let Some((id, hash)) = password {
            let Some(credential) = self.credentials.values_mut().find(|credential| credential.id == id)
            else {
                return Ok((false, Outcome::NotFound));
            };
            credential.data = hash;
            credential.version += 1;
        }
        let mut generation = None;
        if let Some(mut session) = mint {
            // The condition was about this user, so only `end` can have deleted it.
            let Some(user) = self.users.get(&session.user) else { return Ok((false, Outcome::Stale)) };
            session.generation = user.generation;
            generation = Some(user.generation);
            if let Some(limit) = &limit {
                let crowded_out = rules::crowded_out(&self.sessions_of(session.user, at), limit);
                for id in &crowded_out {
                    if let Found::Ended(what, _) = self.end(&End::Session { id: *id, owner: None }, at) {
                        self.append(what, forget_at, entries);
                    }
                }
                self.record(rules::crowded_out_row(limit, &crowded_out).into_iter().collect())?;
            }
            for child in
                self.sessions.values_mut().filter(|child| succeeded.is_some() && child.parent == succeeded)
            {
                child.parent = Some(session.id);
            }
            if self.sessions.insert(session.id, session).is_some() {
                return Err(twice("session"));
            }
        }
        self.refund(&refunds);
        if let Some(Rekey { was, installation, removed, keys, ends_sessions }) = rekey {
            if self.installation != was {
                return Ok((false, Outcome::Stale));
            }
            for session in self.sessions.values_mut().filter(|_| ends_sessions) {
                session.ended_at.get_or_insert(at);
            }
            for kid in removed {
                if let Found::Ended(what, _) = self.end(&End::Key(kid), at) {
                    self.append(what, forget_at, entries);
                }
            }
            for key in keys {
                if self.removed_keys.contains(&key.kid) {
                    return Err(StoreError::new("a removed key does not come back"));
                }
                self.keys.insert(key.kid, key);
            }
            self.set_installation(installation);
            self.append(Rekey::ENTRY, forget_at, entries);
        }
        self.record(audit)?;
        Ok((true, Outcome::Done(Done { head: self.head, entries: entries.clone(), generation, ended })))
    }

    pub(super) fn refresh(&mut self, request: &RefreshRequest) -> Refreshed {
        let Some(mut row) = self.session_with_user(request.session).filter(|row| row.live(request.now))
        else {
            return Refreshed::Dead;
        };
        match rules::refresh(&row.session, request.presented, request.now, request.grace_ms) {
            rules::Move::Same => Refreshed::Issue(row),
            rules::Move::Reused => Refreshed::Reused(row),
            rules::Move::Ahead => Refreshed::Ahead(row),
            rules::Move::Next => {
                row.session.refresh_counter += 1;
                row.session.refresh_moved_at = Some(request.now);
                row.session.last_seen = row.session.last_seen.max(request.now);
                row.session.idle_expires_at = request.idle_expires_at.min(row.session.expires_at);
                self.sessions.insert(row.session.id, row.session.clone());
                Refreshed::Issue(row)
            }
        }
    }

    pub(super) fn charge(&mut self, charges: &[Charge], now: Timestamp) -> Charged {
        let counters = charges.iter().map(|charge| self.throttle.get(&charge.key).copied());
        let blocked = rules::blocked(counters, now);
        if blocked == Charged::Allowed {
            for charge in charges {
                let counter = rules::charged(self.throttle.get(&charge.key).copied(), charge.rule, now);
                self.throttle.insert(charge.key, counter);
            }
        }
        blocked
    }

    pub(super) fn refund(&mut self, refunds: &[Refund]) {
        for refund in refunds {
            let (key, left) = match refund {
                Refund::Clear(key) => (key, None),
                Refund::One(key, rule) => {
                    (key, self.throttle.get(key).and_then(|counter| rules::refunded(*counter, *rule)))
                }
            };
            match left {
                Some(counter) => self.throttle.insert(*key, counter),
                None => self.throttle.remove(key),
            };
        }
    }

    pub(super) fn purge(&mut self, before: &PurgeBefore, limit: usize) -> usize {
        let over = |id: &&Uuid| self.session_with_user(**id).is_some_and(|row| rules::over(&row, before));
        let sessions: Vec<Uuid> = self.sessions.keys().filter(over).take(limit).copied().collect();
        self.sessions.retain(|id, _| !sessions.contains(id));

        let forgettable = |entry: &&Entry| entry.forget_at.is_some_and(|at| at < before.now.as_secs());
        let oldest = self.log.values().filter(|entry| entry.forget_at.is_some()).take(limit);
        let log: Vec<u64> = oldest.filter(forgettable).map(|entry| entry.seq).collect();
        self.log.retain(|seq, _| !log.contains(seq));
        self.trimmed = log.iter().fold(self.trimmed, |trimmed, seq| trimmed.max(*seq));

        let oldest = self.audit.values().take(limit);
        let audit: Vec<Uuid> = oldest.filter(|row| row.at < before.audit).map(|row| row.id).collect();
        self.audit.retain(|id, _| !audit.contains(id));

        self.guards.retain(|_, (_, until)| before.now.minus(rules::GUARD_KEPT) < *until);

        sessions.len() + log.len() + audit.len() + self.purge_throttle(before, limit)
    }

    fn purge_throttle(&mut self, before: &PurgeBefore, limit: usize) -> usize {
        let forgotten = self.throttle.iter().filter(|(_, counter)| counter.forget_at <= before.now);
        let mut gone: Vec<ThrottleKey> = forgotten.take(limit).map(|(key, _)| *key).collect();
        let room = limit - gone.len();
        let excess = (self.throttle.len() - gone.len()).saturating_sub(before.throttle_most);
        let kept = self.throttle.iter().filter(|(_, counter)| before.now < counter.forget_at);
        let mut by_age: Vec<_> = kept.map(|(key, counter)| (counter.last, *key)).collect();
        by_age.sort_unstable();
        gone.extend(by_age.iter().take(excess.min(room)).map(|(_, key)| *key));
        self.throttle.retain(|key, _| !gone.contains(key));
        gone.len()
    }
}
