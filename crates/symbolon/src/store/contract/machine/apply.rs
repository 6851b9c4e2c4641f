//! What the numbers of an operation mean, given what there is; and each asked of both stores.

use std::time::Duration;

use symbolon_token::{Kid, Timestamp};
use uuid::Uuid;

use super::{Checked, Machine};
use crate::store::{
    contract::{
        operations::{Activity, Asked, Back, Ending, Mint, Operation, Step},
        session_row, transition,
    },
    *,
};

impl Machine {
    pub(super) async fn apply(&mut self, operation: Operation) -> Checked {
        match operation {
            Operation::Advance { secs } => self.now = self.later(secs),
            Operation::Register { name, credential } => self.register(name, credential).await?,
            Operation::ChangeUser { user, profile, roles, enable } => {
                let change = UserChange {
                    user: self.user(user),
                    profile: profile.map(|number| Object::from_iter([("n".into(), number.into())])),
                    roles: roles.map(|number| (0..number).map(|role| format!("role-{role}")).collect()),
                    enable,
                    at: self.now,
                    forget_at: self.now.as_secs() + 60,
                    audit: profile.map(|_| self.audit_row()),
                };
                self.same(async |store| store.change_user(change.clone()).await).await?;
            }
            Operation::Rehash { user, verified } => {
                let credential = self.login(user).await.and_then(|login| login.credential);
                let (id, hash) = credential.map_or((self.id(), "".into()), |row| (row.id, row.data));
                let old = if verified { hash } else { "another".into() };
                let new = format!("rehashed {}", self.ids);
                self.same(async |store| store.rehash(id, &old, &new).await).await?;
            }
            Operation::Transact(step) => {
                let transition = self.transition(step).await;
                self.same(async |store| store.transact(transition.clone()).await).await?;
            }
            Operation::Refresh { session, ahead, grace_secs } => {
                let session = self.session(session);
                let counter =
                    self.memory.session(session).await.unwrap().map_or(0, |row| row.session.refresh_counter);
                let request = RefreshRequest {
                    session,
                    presented: counter.saturating_add_signed(ahead.into()),
                    now: self.now,
                    grace_ms: grace_secs * 1000,
                    idle_expires_at: self.later(400),
                };
                self.same(async |store| store.refresh(request.clone()).await).await?;
            }
            Operation::Touch(activities) => {
                let touch = |Activity { session, secs, went_on_secs, idle_secs }| Touch {
                    session: self.session(session),
                    since: self.later(-secs - went_on_secs),
                    seen: self.later(-secs),
                    idle_expires_at: self.later(idle_secs),
                };
                let touches: Vec<Touch> = activities.into_iter().map(touch).collect();
                self.same(async |store| store.touch(touches.clone()).await).await?;
            }
            Operation::Charge { keys, rule } => {
                let charge = |key| Charge { key: [key; 16], rule: throttle_rule(rule) };
                let charges: Vec<Charge> = keys.into_iter().map(charge).collect();
                self.same(async |store| store.charge(charges.clone(), self.now).await).await?;
            }
            Operation::Refund(backs) => {
                let refunds: Vec<Refund> = backs.iter().map(refund).collect();
                self.same(async |store| store.refund(refunds.clone()).await).await?;
            }
            other => self.apply_rare(other).await?,
        }
        Ok(())
    }

    async fn apply_rare(&mut self, operation: Operation) -> Checked {
        match operation {
            Operation::PutKey { key, sealed } => {
                let row = KeyRow {
                    kid: kid(key),
                    algorithm: format!("ALG{sealed}"),
                    sealed: vec![sealed; 3],
                    key_version: u32::from(sealed),
                    created_at: self.now,
                    sign_from: self.later(60),
                };
                self.same(async |store| store.put_key(row.clone()).await).await?;
            }
            Operation::PutClient { client, secrets } => {
                let row = ClientRow {
                    id: client_id(client),
                    name: format!("client {secrets}"),
                    scopes: vec![format!("scope {secrets}")],
                    secrets: vec![[secrets; 32]; secrets.into()],
                    created_at: self.now,
                };
                let audit = self.audit_row();
                let forget_at = self.now.as_secs() + 60;
                self.same(async |store| store.put_client(row.clone(), forget_at, audit.clone()).await)
                    .await?;
            }
            Operation::RemoveClient { client } => {
                let audit = self.audit_row();
                let (id, forget_at) = (client_id(client), self.now.as_secs() + 60);
                self.same(async |store| store.remove_client(id, forget_at, audit.clone()).await).await?;
            }
            Operation::Record { rows } => {
                let rows: Vec<AuditRow> = (0..rows).map(|_| self.audit_row()).collect();
                self.same(async |store| store.record(rows.clone()).await).await?;
            }
            Operation::SetInstallation { epoch } => {
                let master_keys = vec![(epoch, "fingerprint".into())];
                let installation = Installation {
                    log_epoch: Uuid::from_u128(epoch.into()),
                    epoch,
                    master_keys,
                    token_life: epoch.into(),
                    longer_life: (epoch % 2 == 0).then_some((epoch.into(), self.now)),
                    lease_ms: epoch.into(),
                    other_lease: (epoch % 2 == 1).then_some((epoch.into(), self.now)),
                };
                self.same(async |store| store.set_installation(installation.clone()).await).await?;
            }
            Operation::Purge { sessions_secs, log_secs, audit_secs, throttle_most, limit } => {
                let before = PurgeBefore {
                    now: self.later(log_secs),
                    sessions: self.later(-sessions_secs),
                    audit: self.later(-audit_secs),
                    throttle_most,
                };
                self.same(async |store| store.purge(before, limit).await).await?;
            }
            Operation::RenewGuard { guard, foreign, applied, secs } => {
                let epoch = self.epoch(foreign).await;
                let lease = Duration::from_secs(secs);
                let guard = GuardLease { id: guard_id(guard), epoch, applied, lease };
                self.same(async |store| store.renew_guard(guard, self.now).await.map(drop)).await?;
            }
            Operation::Acknowledge { guard, foreign, applied } => {
                let epoch = self.epoch(foreign).await;
                self.same(async |store| store.acknowledge(guard_id(guard), epoch, applied).await).await?;
            }
            Operation::RemoveGuard { guard } => {
                self.same(async |store| store.remove_guard(guard_id(guard)).await).await?;
            }
            Operation::Ask { prefix, after, limit } => {
                let prefix = prefix.map(|length| name(0)[..length.into()].to_owned());
                let after = self.user(after);
                self.same(async |store| store.users(prefix.as_deref(), Some(after), limit).await).await?;
                let page = async |store: &dyn Store| store.log_after(limit as u64, limit).await;
                self.same(async |store| page(store).await.map(|page| LogPage { now: None, ..page })).await?;
                self.same(async |store| store.audit(Some(after), None, limit).await).await?;
                self.same(async |store| store.audit(None, Some(after), limit).await).await?;
            }
            _ => self.reopen().await,
        }
        Ok(())
    }

    /// The log's epoch, or another.
    async fn epoch(&self, foreign: bool) -> Uuid {
        if foreign { Uuid::from_u128(9) } else { self.memory.log_after(0, 0).await.unwrap().epoch }
    }

    pub(super) async fn register(&mut self, number: u8, credential: bool) -> Checked {
        let user = UserRow {
            id: self.id(),
            generation: 0,
            disabled: false,
            roles: Vec::new(),
            profile: Object::new(),
            identifier: name(number).to_uppercase(),
            created_at: self.now,
            updated_at: self.now,
        };
        self.known.users.push(user.id);
        let credential = credential.then(|| CredentialRow { id: self.id(), data: "hash".into(), version: 0 });
        let audit = self.audit_row();
        let new = NewUser { user, canonical: name(number), identifier_kind: "username", credential, audit };
        self.same(async |store| store.register(new.clone()).await).await?;
        Ok(())
    }

    async fn transition(&mut self, step: Step) -> Transition {
        let Step { user, condition, end, password, mint, limit, refunds } = step;
        let login = self.login(user).await;
        let user = self.user(user);
        let live = self.memory.sessions_of(user, self.now).await.unwrap();
        let condition = condition.map(|asked| self.condition(user, login.as_ref(), &live, &asked));
        let predecessor = condition.as_ref().and_then(|condition| condition.predecessor);
        let end = end.and_then(|end| {
            Some(match end {
                Ending::Session { session, owner } => {
                    End::Session { id: self.session(session), owner: owner.then_some(user) }
                }
                Ending::Predecessor => End::Session { id: predecessor?, owner: Some(user) },
                Ending::User => End::User(user),
                Ending::Disable => End::DisableUser(user),
                Ending::Delete => End::DeleteUser(user),
                Ending::Token => End::Token { jti: self.id() },
                Ending::Key { key } => End::Key(kid(key)),
            })
        });
        let credential = login.and_then(|login| login.credential).map_or_else(|| self.id(), |row| row.id);
        let password = password.then(|| (credential, format!("hash {}", self.ids)));
        let mint = mint.map(|Mint { grant, bound, idle_secs, life_secs }| {
            let session = session_row(self.id(), user, self.now);
            self.known.sessions.push(session.id);
            SessionRow {
                parent: predecessor.filter(|_| grant),
                kind: if grant { Kind::Grant } else { Kind::Browser },
                jkt: bound.then(|| "thumb".into()),
                idle_expires_at: self.later(idle_secs),
                expires_at: self.later(life_secs),
                ..session
            }
        });
        let limit = limit.map(|most| Limit { most, audit: self.audit_row() });
        let refunds = refunds.iter().map(refund).collect();
        let audit = vec![self.audit_row()];
        Transition { condition, end, password, mint, limit, refunds, audit, ..transition(self.now) }
    }

    fn condition(
        &self,
        user: Uuid,
        login: Option<&LoginRow>,
        live: &[SessionRow],
        asked: &Asked,
    ) -> Condition {
        let generation = login.map_or(0, |login| login.user.generation);
        let credential = login.and_then(|login| login.credential.as_ref()).map(|row| (row.id, row.version));
        let predecessor = |number: u8| match usize::from(number).checked_rem(live.len()) {
            Some(place) if number < 3 => Some(live[place].id),
            None if number < 3 => None,
            _ => Some(self.session(3)),
        };
        Condition {
            user: if asked.stale == 1 { Uuid::nil() } else { user },
            generation: generation + u64::from(asked.stale == 2),
            credential: credential
                .filter(|_| asked.credential)
                .map(|(id, version)| (id, version + u64::from(asked.stale == 3))),
            predecessor: asked.predecessor.and_then(predecessor),
        }
    }

    async fn login(&self, user: u8) -> Option<LoginRow> {
        self.memory.login_by_user(self.user(user)).await.unwrap()
    }

    /// Somebody who is registered; 3 stands for somebody who was.
    fn user(&self, number: u8) -> Uuid {
        choose(if number == 3 { &self.known.users } else { &self.users }, number)
    }

    /// A session that lives; 3 stands for one that did.
    fn session(&self, number: u8) -> Uuid {
        choose(if number == 3 { &self.known.sessions } else { &self.live }, number)
    }

    fn later(&self, secs: i64) -> Timestamp {
        Timestamp::from_millis(self.now.as_millis() + secs * 1000)
    }

    fn id(&mut self) -> Uuid {
        self.ids += 1;
        Uuid::from_u128(u128::from(self.ids) << 64 | 1)
    }

    fn audit_row(&mut self) -> AuditRow {
        AuditRow {
            id: self.id(),
            at: self.now,
            event: "event".into(),
            actor: None,
            user: self.known.users.last().copied(),
            session: self.known.sessions.last().copied(),
            address: None,
            detail: Object::new(),
        }
    }
}

/// One of them, counted from the newest; nobody where there is none.
fn choose(ids: &[Uuid], number: u8) -> Uuid {
    let choice = usize::from(number).checked_rem(ids.len()).map(|back| ids[ids.len() - 1 - back]);
    choice.unwrap_or(Uuid::from_u128(u128::MAX / 2))
}

pub(super) fn name(number: u8) -> String {
    format!("ann{}", "a".repeat(number.into()))
}

fn kid(number: u8) -> Kid {
    char::from(b'A' + number).to_string().repeat(16).parse().unwrap()
}

fn guard_id(number: u8) -> Uuid {
    Uuid::from_u128(u128::from(number) + 1)
}

fn client_id(number: u8) -> Uuid {
    Uuid::from_u128(u128::from(number) + 1)
}

fn throttle_rule(number: u8) -> ThrottleRule {
    let more = i64::from(number) + 1;
    let (block_ms, max_block_ms) = (100_000, 300_000 * more);
    ThrottleRule { free: number.into(), block_ms, max_block_ms, forget_ms: 200_000 * more }
}

fn refund(back: &Back) -> Refund {
    let key = [back.key; 16];
    back.rule.map_or(Refund::Clear(key), |rule| Refund::One(key, throttle_rule(rule)))
}
