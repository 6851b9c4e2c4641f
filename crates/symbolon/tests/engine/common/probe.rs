//! A store around a store: it counts calls, holds one up where a test wants to act, and fails on demand. It also survives the
//! engines that follow it, as a database does.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use symbolon::store::{Store, StoreError, *};
use symbolon_token::{Timestamp, view::Entry};
use tokio::sync::oneshot;
use uuid::Uuid;

/// A method of the port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Call {
    Installation,
    SetInstallation,
    User,
    LoginByIdentifier,
    LoginByUser,
    Users,
    Session,
    SessionsOf,
    Stands,
    LogAfter,
    Keys,
    NamesMasterKey,
    Clients,
    Audit,
    Census,
    Register,
    ChangeUser,
    Rehash,
    Transact,
    Refresh,
    Touch,
    Charge,
    Refund,
    PutKey,
    PutClient,
    RemoveClient,
    RenewGuard,
    Acknowledge,
    Guards,
    RemoveGuard,
    RemoteGuards,
    NoteRemoteGuards,
    Record,
    Purge,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Before,
    After,
}

struct Gate {
    call: Call,
    when: When,
    reached: oneshot::Sender<()>,
    release: oneshot::Receiver<()>,
}

/// A call that is held up, or will be. Dropped, it goes on.
pub(crate) struct Hold {
    reached: Option<oneshot::Receiver<()>>,
    release: oneshot::Sender<()>,
}

impl Hold {
    /// Waits until the call has arrived.
    pub(crate) async fn reached(&mut self) {
        let arrives = self.reached.take().unwrap();
        // Not a pause but the end of a test that would never end: what was to be held up took another way.
        let arrived = tokio::time::timeout(Duration::from_secs(30), arrives).await;
        assert!(matches!(arrived, Ok(Ok(()))), "the call that was to be held up never came");
    }

    /// Lets it go on.
    pub(crate) fn release(self) {
        let _ = self.release.send(());
    }
}

/// See the module.
pub(crate) struct Probe {
    inner: Arc<dyn Store>,
    followers: Arc<Mutex<Option<Follower>>>,
    calls: Mutex<HashMap<Call, usize>>,
    /// How many calls have come back, or were given up.
    over: Mutex<HashMap<Call, usize>>,
    gates: Mutex<Vec<Gate>>,
    faults: Mutex<Vec<(Call, When)>>,
    /// Every activity that was written.
    touches: Mutex<Vec<Vec<Touch>>>,
}

impl Probe {
    pub(crate) fn new(inner: Arc<dyn Store>) -> Self {
        let followers = Arc::<Mutex<Option<Follower>>>::default();
        let told = Arc::clone(&followers);
        inner.follow(Arc::new(move |entries: &[Entry]| {
            let follower = told.lock().unwrap().clone();
            if let Some(follower) = follower {
                follower(entries);
            }
        }));
        Self {
            inner,
            followers,
            calls: Mutex::default(),
            over: Mutex::default(),
            gates: Mutex::default(),
            faults: Mutex::default(),
            touches: Mutex::default(),
        }
    }

    /// Holds up the next call before the store hears of it.
    pub(crate) fn hold_before(&self, call: Call) -> Hold {
        self.hold(call, When::Before)
    }

    /// Holds up the next call when the store has answered, before the engine hears of it.
    pub(crate) fn hold_after(&self, call: Call) -> Hold {
        self.hold(call, When::After)
    }

    /// The next call fails, and the store never hears of it.
    pub(crate) fn fail_before(&self, call: Call) {
        self.faults.lock().unwrap().push((call, When::Before));
    }

    /// The next call does what it should, but its answer is lost.
    pub(crate) fn fail_after(&self, call: Call) {
        self.faults.lock().unwrap().push((call, When::After));
    }

    /// How often it was called.
    pub(crate) fn calls(&self, call: Call) -> usize {
        self.calls.lock().unwrap().get(&call).copied().unwrap_or_default()
    }

    /// Waits until every call so far has come back, also those for which nobody waits.
    pub(crate) async fn settled(&self, call: Call) {
        let over = || self.over.lock().unwrap().get(&call).copied().unwrap_or_default();
        while over() < self.calls(call) {
            tokio::task::yield_now().await;
        }
    }

    /// All calls so far.
    pub(crate) fn all_calls(&self) -> HashMap<Call, usize> {
        self.calls.lock().unwrap().clone()
    }

    /// The number of the last log entry.
    pub(crate) async fn log_head(&self) -> u64 {
        self.inner.log_after(0, 0).await.unwrap().head
    }

    /// The activity written so far, a list for each transaction.
    pub(crate) fn touches(&self) -> Vec<Vec<Touch>> {
        self.touches.lock().unwrap().clone()
    }

    fn hold(&self, call: Call, when: When) -> Hold {
        let (reached, arrives) = oneshot::channel();
        let (release, released) = oneshot::channel();
        self.gates.lock().unwrap().push(Gate { call, when, reached, release: released });
        Hold { reached: Some(arrives), release }
    }

    async fn pass(&self, call: Call, when: When) -> Result<()> {
        let gate = {
            let mut gates = self.gates.lock().unwrap();
            let found = gates.iter().position(|gate| gate.call == call && gate.when == when);
            found.map(|at| gates.remove(at))
        };
        if let Some(gate) = gate {
            let _ = gate.reached.send(());
            let _ = gate.release.await;
        }
        let mut faults = self.faults.lock().unwrap();
        match faults.iter().position(|fault| *fault == (call, when)) {
            Some(at) => {
                faults.remove(at);
                Err(StoreError::new("a fault that a test wanted"))
            }
            None => Ok(()),
        }
    }

    async fn through<T>(&self, call: Call, work: impl Future<Output = Result<T>>) -> Result<T> {
        *self.calls.lock().unwrap().entry(call).or_default() += 1;
        let _over = Over(&self.over, call);
        self.pass(call, When::Before).await?;
        let answer = work.await;
        self.pass(call, When::After).await?;
        answer
    }
}

/// Counts a call as over when it is dropped.
struct Over<'p>(&'p Mutex<HashMap<Call, usize>>, Call);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        *self.0.lock().unwrap().entry(self.1).or_default() += 1;
    }
}

#[async_trait]
impl Store for Probe {
    fn follow(&self, follower: Follower) {
        *self.followers.lock().unwrap() = Some(follower);
    }

    async fn installation(&self) -> Result<Installation> {
        self.through(Call::Installation, self.inner.installation()).await
    }

    async fn set_installation(&self, installation: Installation) -> Result<()> {
        self.through(Call::SetInstallation, self.inner.set_installation(installation)).await
    }

    async fn change_installation(&self, was: Installation, installation: Installation) -> Result<bool> {
        self.through(Call::SetInstallation, self.inner.change_installation(was, installation)).await
    }

    async fn user(&self, id: Uuid) -> Result<Option<UserRow>> {
        self.through(Call::User, self.inner.user(id)).await
    }

    async fn login_by_identifier(&self, canonical: &str) -> Result<Option<LoginRow>> {
        self.through(Call::LoginByIdentifier, self.inner.login_by_identifier(canonical)).await
    }

    async fn login_by_user(&self, user: Uuid) -> Result<Option<LoginRow>> {
        self.through(Call::LoginByUser, self.inner.login_by_user(user)).await
    }

    async fn users(&self, prefix: Option<&str>, after: Option<Uuid>, limit: usize) -> Result<Vec<UserRow>> {
        self.through(Call::Users, self.inner.users(prefix, after, limit)).await
    }

    async fn session(&self, id: Uuid) -> Result<Option<SessionWithUser>> {
        self.through(Call::Session, self.inner.session(id)).await
    }

    async fn sessions_of(&self, user: Uuid, now: Timestamp) -> Result<Vec<SessionRow>> {
        self.through(Call::SessionsOf, self.inner.sessions_of(user, now)).await
    }

    async fn stands(&self, token: TokenRef) -> Result<bool> {
        self.through(Call::Stands, self.inner.stands(token)).await
    }

    async fn log_after(&self, after: u64, limit: usize) -> Result<LogPage> {
        self.through(Call::LogAfter, self.inner.log_after(after, limit)).await
    }

    async fn keys(&self) -> Result<Vec<KeyRow>> {
        self.through(Call::Keys, self.inner.keys()).await
    }

    async fn names_master_key(&self, version: u32, now: Timestamp) -> Result<bool> {
        self.through(Call::NamesMasterKey, self.inner.names_master_key(version, now)).await
    }

    async fn clients(&self) -> Result<Vec<ClientRow>> {
        self.through(Call::Clients, self.inner.clients()).await
    }

    async fn audit(&self, user: Option<Uuid>, before: Option<Uuid>, limit: usize) -> Result<Vec<AuditRow>> {
        self.through(Call::Audit, self.inner.audit(user, before, limit)).await
    }

    async fn census(&self, now: Timestamp) -> Result<Option<Census>> {
        self.through(Call::Census, self.inner.census(now)).await
    }

    async fn register(&self, new: NewUser) -> Result<Registered> {
        self.through(Call::Register, self.inner.register(new)).await
    }

    async fn change_user(&self, change: UserChange) -> Result<Option<(UserRow, u64)>> {
        self.through(Call::ChangeUser, self.inner.change_user(change)).await
    }

    async fn rehash(&self, credential: Uuid, old: &str, new: &str) -> Result<bool> {
        self.through(Call::Rehash, self.inner.rehash(credential, old, new)).await
    }

    async fn transact(&self, transition: Transition) -> Result<Outcome> {
        self.through(Call::Transact, self.inner.transact(transition)).await
    }

    async fn refresh(&self, request: RefreshRequest) -> Result<Refreshed> {
        self.through(Call::Refresh, self.inner.refresh(request)).await
    }

    async fn touch(&self, touches: Vec<Touch>) -> Result<()> {
        self.touches.lock().unwrap().push(touches.clone());
        self.through(Call::Touch, self.inner.touch(touches)).await
    }

    async fn charge(&self, charges: Vec<Charge>, now: Timestamp) -> Result<Charged> {
        self.through(Call::Charge, self.inner.charge(charges, now)).await
    }

    async fn refund(&self, refunds: Vec<Refund>) -> Result<()> {
        self.through(Call::Refund, self.inner.refund(refunds)).await
    }

    async fn put_key(&self, key: KeyRow) -> Result<bool> {
        self.through(Call::PutKey, self.inner.put_key(key)).await
    }

    async fn add_key(&self, key: KeyRow, beside: Vec<symbolon_token::Kid>) -> Result<bool> {
        self.through(Call::PutKey, self.inner.add_key(key, beside)).await
    }

    async fn put_client(&self, client: ClientRow, forget_at: i64, audit: AuditRow) -> Result<u64> {
        self.through(Call::PutClient, self.inner.put_client(client, forget_at, audit)).await
    }

    async fn remove_client(&self, id: Uuid, forget_at: i64, audit: AuditRow) -> Result<Option<u64>> {
        self.through(Call::RemoveClient, self.inner.remove_client(id, forget_at, audit)).await
    }

    async fn renew_guard(&self, guard: GuardLease, now: Timestamp) -> Result<Timestamp> {
        self.through(Call::RenewGuard, self.inner.renew_guard(guard, now)).await
    }

    async fn acknowledge(&self, guard: Uuid, epoch: Uuid, applied: u64) -> Result<()> {
        self.through(Call::Acknowledge, self.inner.acknowledge(guard, epoch, applied)).await
    }

    async fn guards(&self, step: Duration, now: Timestamp) -> Result<Vec<GuardRow>> {
        self.through(Call::Guards, self.inner.guards(step, now)).await
    }

    async fn remove_guard(&self, guard: Uuid) -> Result<()> {
        self.through(Call::RemoveGuard, self.inner.remove_guard(guard)).await
    }

    async fn remote_guards(&self) -> Result<bool> {
        self.through(Call::RemoteGuards, self.inner.remote_guards()).await
    }

    async fn note_remote_guards(&self) -> Result<()> {
        self.through(Call::NoteRemoteGuards, self.inner.note_remote_guards()).await
    }

    async fn record(&self, rows: Vec<AuditRow>) -> Result<()> {
        self.through(Call::Record, self.inner.record(rows)).await
    }

    async fn purge(&self, before: PurgeBefore, limit: usize) -> Result<usize> {
        self.through(Call::Purge, self.inner.purge(before, limit)).await
    }
}
