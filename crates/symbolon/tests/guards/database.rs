//! One database, and the links of nodes to it. What is asked may come late or not at all, what is answered too, and what was given
//! up may still happen.

use std::{
    sync::{
        Arc, Mutex, OnceLock, Weak,
        atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use symbolon::store::{Store, StoreError, memory::MemoryStore, *};
use symbolon_token::{Entry, Timestamp};
use tokio::sync::{Notify, watch};
use uuid::Uuid;

use crate::seed::{Chance, day, elapsed};

pub(crate) struct Database {
    pub(crate) rows: MemoryStore,
    since: tokio::time::Instant,
    /// How far its clock has stepped, milliseconds.
    stepped: AtomicI64,
    links: Mutex<Vec<Weak<Link>>>,
}

impl Database {
    pub(crate) fn new(since: tokio::time::Instant) -> Arc<Self> {
        let rows = MemoryStore::new(Uuid::from_u128(1));
        let database = Arc::new(Self { rows, since, stepped: AtomicI64::new(0), links: Mutex::default() });
        let told = Arc::downgrade(&database);
        database.rows.follow(Arc::new(move |_| {
            if let Some(database) = told.upgrade() {
                let links = database.links.lock().unwrap();
                links.iter().filter_map(Weak::upgrade).for_each(|link| link.hint());
            }
        }));
        database
    }

    /// Another machine takes over, whose clock is ahead.
    pub(crate) fn step(&self, by: Duration) {
        self.stepped.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> Timestamp {
        let stepped = self.stepped.load(Ordering::SeqCst);
        Timestamp::from_millis(day().plus(elapsed(self.since)).as_millis() + stepped)
    }
}

/// A message that a history may want to keep back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// A renewal on its way to the database.
    Renewal,
    /// Its answer.
    Renewed,
    /// The question for the log.
    Question,
    /// A page of the log on its way back.
    Page,
    /// The question for the guards' rows.
    Look,
    /// The question for the signing keys.
    Keys,
}

/// Messages that are kept back until it is released; or the first alone.
pub(crate) struct Held {
    message: Message,
    alone: bool,
    /// How many came, and whether they may go on.
    state: watch::Sender<(usize, bool)>,
}

impl Held {
    /// Waits until one has come.
    pub(crate) async fn reached(&self) {
        self.state.subscribe().wait_for(|(came, _)| *came > 0).await.unwrap();
    }

    pub(crate) fn release(&self) {
        self.state.send_modify(|state| state.1 = true);
    }

    fn takes(&self, message: Message) -> bool {
        let (came, released) = *self.state.borrow();
        self.message == message && !released && (came == 0 || !self.alone)
    }
}

pub(crate) struct Link {
    database: Arc<Database>,
    chance: Arc<Chance>,
    follower: OnceLock<Follower>,
    waker: OnceLock<Waker>,
    /// Whether anything goes wrong at all.
    pub(crate) calm: AtomicBool,
    pub(crate) cut: AtomicBool,
    healed: Notify,
    /// Whether the log cannot be read, and all else can.
    pub(crate) deaf: AtomicBool,
    /// How long each page of the log takes.
    pub(crate) page: Mutex<Option<Duration>>,
    /// Held to keep renewals of leases on their way.
    pub(crate) renewing: tokio::sync::Mutex<()>,
    held: Mutex<Vec<Arc<Held>>>,
    /// Statements so far.
    pub(crate) statements: AtomicUsize,
}

impl Link {
    pub(crate) fn to(database: &Arc<Database>, chance: &Arc<Chance>) -> Arc<Self> {
        let link = Arc::new(Self {
            database: Arc::clone(database),
            chance: Arc::clone(chance),
            follower: OnceLock::new(),
            waker: OnceLock::new(),
            calm: AtomicBool::new(true),
            cut: AtomicBool::new(false),
            healed: Notify::new(),
            deaf: AtomicBool::new(false),
            page: Mutex::default(),
            renewing: tokio::sync::Mutex::default(),
            held: Mutex::default(),
            statements: AtomicUsize::new(0),
        });
        database.links.lock().unwrap().push(Arc::downgrade(&link));
        link
    }

    pub(crate) fn heal(&self) {
        self.cut.store(false, Ordering::SeqCst);
        self.healed.notify_waiters();
    }

    /// Keeps back every message of a kind from now on, or the next one `alone`.
    pub(crate) fn hold(&self, message: Message, alone: bool) -> Arc<Held> {
        let held = Arc::new(Held { message, alone, state: watch::Sender::new((0, false)) });
        self.held.lock().unwrap().push(Arc::clone(&held));
        held
    }

    async fn pass(&self, message: Message) {
        let held = self.held.lock().unwrap().iter().find(|held| held.takes(message)).cloned();
        if let Some(held) = held {
            held.state.send_modify(|state| state.0 += 1);
            held.state.subscribe().wait_for(|(_, released)| *released).await.unwrap();
        }
    }

    fn calm(&self) -> bool {
        self.calm.load(Ordering::SeqCst)
    }

    fn hint(&self) {
        if let Some(waker) = self.waker.get()
            && !self.cut.load(Ordering::SeqCst)
            && (self.calm() || !self.chance.once_in(3))
        {
            waker();
        }
    }

    /// A message on its way.
    async fn travel(&self) -> Result<()> {
        while self.cut.load(Ordering::SeqCst) {
            if self.chance.once_in(3) {
                tokio::time::sleep(self.chance.millis(500)).await;
                return Err(StoreError::new("cut off"));
            }
            // Another look after a while: who heals may not have found anybody waiting yet.
            let _ = tokio::time::timeout(Duration::from_secs(1), self.healed.notified()).await;
        }
        if self.calm() {
            return Ok(());
        }
        let late = match self.chance.below(100) {
            0..80 => self.chance.millis(3),
            80..92 => self.chance.millis(1_000),
            92..97 => self.chance.millis(9_000),
            // A process that was stopped, say, longer than the log remembers.
            97 => self.chance.millis(400_000),
            _ => {
                tokio::time::sleep(self.chance.millis(1_000)).await;
                return Err(StoreError::new("lost"));
            }
        };
        tokio::time::sleep(late).await;
        Ok(())
    }

    async fn through<T: Send + 'static, F: Future<Output = Result<T>> + Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(Arc<Database>) -> F + Send + 'static,
    ) -> Result<T> {
        self.statements.fetch_add(1, Ordering::SeqCst);
        let link = Arc::clone(self);
        // A task of its own: whoever asked may give up, the message is on its way all the same.
        let sent = tokio::spawn(async move {
            link.travel().await?;
            let answer = work(Arc::clone(&link.database)).await;
            link.travel().await?;
            answer
        });
        sent.await.unwrap()
    }

    fn told(&self, entries: &[Entry]) {
        if let (false, Some(follower)) = (entries.is_empty(), self.follower.get()) {
            follower(entries);
        }
    }
}

/// What a node holds of its link.
pub(crate) struct Port(pub(crate) Arc<Link>);

#[async_trait]
impl Store for Port {
    fn follow(&self, follower: Follower) {
        self.0.follower.get_or_init(|| follower);
    }

    fn shared(&self) -> bool {
        true
    }

    fn on_hint(&self, waker: Waker) {
        self.0.waker.get_or_init(|| waker);
    }

    async fn transact(&self, transition: Transition) -> Result<Outcome> {
        let outcome = self.0.through(move |to| async move { to.rows.transact(transition).await }).await?;
        if let Outcome::Done(done) = &outcome {
            self.0.told(&done.entries);
        }
        Ok(outcome)
    }

    async fn renew_guard(&self, guard: GuardLease, _: Timestamp) -> Result<Timestamp> {
        let _held = self.0.renewing.lock().await;
        let link = Arc::clone(&self.0);
        let renew = async move |to: Arc<Database>| {
            link.pass(Message::Renewal).await;
            let answer = to.rows.renew_guard(guard, to.now()).await;
            link.pass(Message::Renewed).await;
            answer
        };
        self.0.through(renew).await
    }

    async fn guards(&self, step: Duration, _: Timestamp) -> Result<Vec<GuardRow>> {
        let link = Arc::clone(&self.0);
        let look = async move |to: Arc<Database>| {
            link.pass(Message::Look).await;
            to.rows.guards(step, to.now()).await
        };
        self.0.through(look).await
    }

    async fn login_by_identifier(&self, canonical: &str) -> Result<Option<LoginRow>> {
        let canonical = canonical.to_owned();
        self.0.through(move |to| async move { to.rows.login_by_identifier(&canonical).await }).await
    }

    async fn users(&self, prefix: Option<&str>, after: Option<Uuid>, limit: usize) -> Result<Vec<UserRow>> {
        let prefix = prefix.map(str::to_owned);
        self.0.through(move |to| async move { to.rows.users(prefix.as_deref(), after, limit).await }).await
    }

    async fn rehash(&self, credential: Uuid, old: &str, new: &str) -> Result<bool> {
        let (old, new) = (old.to_owned(), new.to_owned());
        self.0.through(move |to| async move { to.rows.rehash(credential, &old, &new).await }).await
    }

    async fn installation(&self) -> Result<Installation> {
        self.0.through(move |to| async move { to.rows.installation().await }).await
    }

    async fn set_installation(&self, installation: Installation) -> Result<()> {
        self.0.through(move |to| async move { to.rows.set_installation(installation).await }).await
    }

    async fn change_installation(&self, was: Installation, installation: Installation) -> Result<bool> {
        self.0.through(move |to| async move { to.rows.change_installation(was, installation).await }).await
    }

    async fn user(&self, id: Uuid) -> Result<Option<UserRow>> {
        self.0.through(move |to| async move { to.rows.user(id).await }).await
    }

    async fn login_by_user(&self, user: Uuid) -> Result<Option<LoginRow>> {
        self.0.through(move |to| async move { to.rows.login_by_user(user).await }).await
    }

    async fn session(&self, id: Uuid) -> Result<Option<SessionWithUser>> {
        self.0.through(move |to| async move { to.rows.session(id).await }).await
    }

    async fn sessions_of(&self, user: Uuid, now: Timestamp) -> Result<Vec<SessionRow>> {
        self.0.through(move |to| async move { to.rows.sessions_of(user, now).await }).await
    }

    async fn stands(&self, token: TokenRef) -> Result<bool> {
        self.0.through(move |to| async move { to.rows.stands(token).await }).await
    }

    async fn log_after(&self, after: u64, limit: usize) -> Result<LogPage> {
        if self.0.deaf.load(Ordering::SeqCst) {
            return Err(StoreError::new("the log cannot be read"));
        }
        let link = Arc::clone(&self.0);
        let read = async move |to: Arc<Database>| {
            link.pass(Message::Question).await;
            let page = to.rows.log_after(after, limit).await?;
            let takes = *link.page.lock().unwrap();
            if let Some(takes) = takes {
                tokio::time::sleep(takes).await;
            }
            link.pass(Message::Page).await;
            Ok(LogPage { now: Some(to.now()), ..page })
        };
        self.0.through(read).await
    }

    async fn keys(&self) -> Result<Vec<KeyRow>> {
        let link = Arc::clone(&self.0);
        let read = async move |to: Arc<Database>| {
            link.pass(Message::Keys).await;
            to.rows.keys().await
        };
        self.0.through(read).await
    }

    async fn names_master_key(&self, version: u32, now: Timestamp) -> Result<bool> {
        self.0.through(move |to| async move { to.rows.names_master_key(version, now).await }).await
    }

    async fn clients(&self) -> Result<Vec<ClientRow>> {
        self.0.through(move |to| async move { to.rows.clients().await }).await
    }

    async fn audit(&self, user: Option<Uuid>, before: Option<Uuid>, limit: usize) -> Result<Vec<AuditRow>> {
        self.0.through(move |to| async move { to.rows.audit(user, before, limit).await }).await
    }

    async fn register(&self, new: NewUser) -> Result<Registered> {
        self.0.through(move |to| async move { to.rows.register(new).await }).await
    }

    async fn change_user(&self, change: UserChange) -> Result<Option<(UserRow, u64)>> {
        self.0.through(move |to| async move { to.rows.change_user(change).await }).await
    }

    async fn refresh(&self, request: RefreshRequest) -> Result<Refreshed> {
        self.0.through(move |to| async move { to.rows.refresh(request).await }).await
    }

    async fn touch(&self, touches: Vec<Touch>) -> Result<()> {
        self.0.through(move |to| async move { to.rows.touch(touches).await }).await
    }

    async fn charge(&self, charges: Vec<Charge>, now: Timestamp) -> Result<Charged> {
        self.0.through(move |to| async move { to.rows.charge(charges, now).await }).await
    }

    async fn refund(&self, refunds: Vec<Refund>) -> Result<()> {
        self.0.through(move |to| async move { to.rows.refund(refunds).await }).await
    }

    async fn add_key(&self, key: KeyRow, beside: Vec<symbolon_token::Kid>) -> Result<bool> {
        self.0.through(move |to| async move { to.rows.add_key(key, beside).await }).await
    }

    async fn put_key(&self, key: KeyRow) -> Result<bool> {
        self.0.through(move |to| async move { to.rows.put_key(key).await }).await
    }

    async fn put_client(&self, client: ClientRow, forget_at: i64, audit: AuditRow) -> Result<u64> {
        self.0.through(move |to| async move { to.rows.put_client(client, forget_at, audit).await }).await
    }

    async fn remove_client(&self, id: Uuid, forget_at: i64, audit: AuditRow) -> Result<Option<u64>> {
        self.0.through(move |to| async move { to.rows.remove_client(id, forget_at, audit).await }).await
    }

    async fn acknowledge(&self, guard: Uuid, epoch: Uuid, applied: u64) -> Result<()> {
        self.0.through(move |to| async move { to.rows.acknowledge(guard, epoch, applied).await }).await
    }

    async fn remove_guard(&self, guard: Uuid) -> Result<()> {
        self.0.through(move |to| async move { to.rows.remove_guard(guard).await }).await
    }

    async fn remote_guards(&self) -> Result<bool> {
        self.0.through(move |to| async move { to.rows.remote_guards().await }).await
    }

    async fn note_remote_guards(&self) -> Result<()> {
        self.0.through(move |to| async move { to.rows.note_remote_guards().await }).await
    }

    async fn record(&self, rows: Vec<AuditRow>) -> Result<()> {
        self.0.through(move |to| async move { to.rows.record(rows).await }).await
    }

    async fn purge(&self, before: PurgeBefore, limit: usize) -> Result<usize> {
        self.0.through(move |to| async move { to.rows.purge(before, limit).await }).await
    }
}
