//! The store of many nodes: PostgreSQL, or a database that speaks its protocol and dialect.
//!
//! Owns the connections and every statement on them. Refuses a server that is too old, takes no writes or holds what is not ours.
//! Correctness hangs on row locks and on one transaction per use case, on no clock, listener or advisory lock. A commit that answered
//! is on the disk (and on the standby, where replication is synchronous). What this node appends to the log goes through one task
//! (`gather.rs`), which tells the follower in commit order; everything else runs side by side.

mod attempt;
mod batch;
mod gather;
mod hint;
mod import;
mod options;
mod pool;
mod read;
mod rows;
mod schema;
#[cfg(test)]
pub(in crate::store) mod tests;
mod tls;
mod transact;
mod write;

use std::{
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use symbolon_token::{Kid, Timestamp};
use uuid::Uuid;

use super::{
    sqlite::{Folder, Schema},
    *,
};
use attempt::{Work, attempts};
use gather::Appender;
use hint::{Announcer, Listener};
pub use options::Options;
use pool::Connections;
use transact::{Answer, Job};

/// See the module.
pub struct PostgresStore {
    connections: Arc<Connections>,
    /// A few of their own for what keeps a node fresh and lets endings answer: whatever keeps the others busy must not make it stale.
    leases: Arc<Connections>,
    appender: Appender,
    /// Once somebody wants to be woken.
    listener: OnceLock<Listener>,
    /// Where the next purge begins to look.
    swept: Mutex<write::Swept>,
    _folder: Option<Folder>,
}

/// Work as a pointer: the closure's future borrows what it is given.
macro_rules! work {
    ($work:path) => {
        |sql, request| Box::pin($work(sql, request))
    };
}

impl PostgresStore {
    /// Connects, and brings the schema up to date. `log_epoch` names the log of a new installation. Must be called within a Tokio
    /// runtime.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the database or the way to it, and what to do. Nothing has changed then.
    pub async fn open(options: Options, log_epoch: Uuid) -> Result<Self> {
        let connections = Arc::new(Connections::new(options.clone())?);
        let leases = Arc::new(Connections::for_leases(options)?);
        schema::migrate(&connections).await?;
        attempts(&connections, &log_epoch, work!(write::found)).await?;
        let others = Announcer::start(Arc::clone(&leases));
        let appender = Appender::start(Arc::clone(&connections), others);
        let listener = OnceLock::new();
        Ok(Self { connections, leases, appender, listener, swept: Mutex::default(), _folder: None })
    }

    /// Holds a data folder as long as the store is open: what a process keeps beside a database is its own.
    #[must_use]
    pub fn holding(self, folder: Option<Folder>) -> Self {
        Self { _folder: folder, ..self }
    }

    /// How far the schema of the database has come; changes nothing of it.
    ///
    /// # Errors
    /// As [`PostgresStore::open`].
    pub async fn schema(options: Options) -> Result<Schema> {
        schema::at(&Connections::new(options)?).await
    }

    /// Brings the schema up to date, as [`PostgresStore::open`] does, and answers how far it had come.
    ///
    /// # Errors
    /// As [`PostgresStore::open`].
    pub async fn migrate(options: Options) -> Result<Schema> {
        schema::migrate(&Connections::new(options)?).await
    }

    /// A store whose appender has stopped is out of reach altogether, so that whoever asks whether this process is sound hears that
    /// it is not.
    fn sound(&self) -> Result<()> {
        if self.appender.stopped() { Err(gather::stopped()) } else { Ok(()) }
    }

    async fn read<R, T>(&self, request: R, work: Work<R, T>) -> Result<T> {
        self.sound()?;
        attempts(&self.connections, &request, work).await
    }

    async fn lease<R, T>(&self, request: R, work: Work<R, T>) -> Result<T> {
        self.sound()?;
        attempts(&self.leases, &request, work).await
    }

    /// In a task of its own: a caller that goes away changes nothing about the write, and leaves no transaction half way.
    async fn write<R, T>(&self, request: R, work: Work<R, T>) -> Result<T>
    where
        R: Send + Sync + 'static,
        T: Send + 'static,
    {
        self.sound()?;
        let connections = Arc::clone(&self.connections);
        let written = tokio::spawn(async move { attempts(&connections, &request, work).await });
        written.await.map_err(|_| StoreError::new("a write panicked"))?
    }

    /// All throttle counters, which the port never shows.
    #[cfg(test)]
    pub(in crate::store) async fn counters(&self) -> Vec<(ThrottleKey, Counter)> {
        self.read((), work!(read::all_counters)).await.unwrap()
    }

    /// By the one task that appends, or side by side with others where the log has no part in it.
    async fn job(&self, job: Job) -> Result<Answer> {
        if job.appends() {
            return self.appender.append(job).await;
        }
        let group = self.write(vec![job], work!(transact::transact)).await?;
        let answer = group.answers.into_iter().next().flatten();
        answer.ok_or_else(|| StoreError::new("a write by itself was put off"))?
    }
}

fn crossed() -> StoreError {
    StoreError::new("the answer to another write came back")
}

#[async_trait]
impl Store for PostgresStore {
    fn follow(&self, follower: Follower) {
        self.appender.follow(follower);
    }

    fn shared(&self) -> bool {
        true
    }

    fn on_hint(&self, waker: Waker) {
        self.listener.get_or_init(|| Listener::start(Arc::clone(&self.leases), waker));
    }

    async fn installation(&self) -> Result<Installation> {
        self.read((), work!(read::installation)).await
    }

    async fn set_installation(&self, installation: Installation) -> Result<()> {
        self.write(installation, work!(write::set_installation)).await
    }

    async fn change_installation(&self, was: Installation, installation: Installation) -> Result<bool> {
        self.write((was, installation), work!(write::change_installation)).await
    }

    async fn user(&self, id: Uuid) -> Result<Option<UserRow>> {
        self.read(id, work!(read::user)).await
    }

    async fn login_by_identifier(&self, canonical: &str) -> Result<Option<LoginRow>> {
        self.read(canonical.to_owned(), work!(read::login_of)).await
    }

    async fn login_by_user(&self, user: Uuid) -> Result<Option<LoginRow>> {
        self.read(user, work!(read::login)).await
    }

    async fn users(&self, prefix: Option<&str>, after: Option<Uuid>, limit: usize) -> Result<Vec<UserRow>> {
        self.read((prefix.map(str::to_owned), after, limit), work!(read::users)).await
    }

    async fn session(&self, id: Uuid) -> Result<Option<SessionWithUser>> {
        self.read(id, work!(read::session)).await
    }

    async fn sessions_of(&self, user: Uuid, now: Timestamp) -> Result<Vec<SessionRow>> {
        self.read((user, now), work!(read::sessions_of)).await
    }

    async fn log_after(&self, after: u64, limit: usize) -> Result<LogPage> {
        self.lease((after, limit), work!(read::log_after)).await
    }

    async fn stands(&self, token: TokenRef) -> Result<bool> {
        self.read(token, work!(read::stands)).await
    }

    async fn keys(&self) -> Result<Vec<KeyRow>> {
        self.read((), work!(read::keys)).await
    }

    async fn names_master_key(&self, version: u32, now: Timestamp) -> Result<bool> {
        self.read((version, now), work!(read::names_master_key)).await
    }

    async fn clients(&self) -> Result<Vec<ClientRow>> {
        self.read((), work!(read::clients)).await
    }

    async fn audit(&self, user: Option<Uuid>, before: Option<Uuid>, limit: usize) -> Result<Vec<AuditRow>> {
        self.read((user, before, limit), work!(read::audit)).await
    }

    async fn census(&self, now: Timestamp) -> Result<Option<Census>> {
        self.read(now, work!(read::census)).await.map(Some)
    }

    async fn register(&self, new: NewUser) -> Result<Registered> {
        self.write(new, work!(write::register)).await
    }

    async fn change_user(&self, change: UserChange) -> Result<Option<(UserRow, u64)>> {
        match self.job(Job::Change(change)).await? {
            Answer::Change(changed) => Ok(changed),
            _ => Err(crossed()),
        }
    }

    async fn rehash(&self, credential: Uuid, old: &str, new: &str) -> Result<bool> {
        self.write((credential, old.to_owned(), new.to_owned()), work!(write::rehash)).await
    }

    async fn transact(&self, transition: Transition) -> Result<Outcome> {
        rules::sound(&transition)?;
        match self.job(Job::Transition(transition)).await? {
            Answer::Transition(outcome) => Ok(outcome),
            _ => Err(crossed()),
        }
    }

    async fn refresh(&self, request: RefreshRequest) -> Result<Refreshed> {
        self.write(request, work!(write::refresh)).await
    }

    async fn touch(&self, touches: Vec<Touch>) -> Result<()> {
        self.write(touches, work!(write::touch)).await
    }

    async fn charge(&self, charges: Vec<Charge>, now: Timestamp) -> Result<Charged> {
        self.write((charges, now), work!(write::charge)).await
    }

    async fn refund(&self, refunds: Vec<Refund>) -> Result<()> {
        self.write(refunds, work!(write::refund)).await
    }

    async fn put_key(&self, key: KeyRow) -> Result<bool> {
        self.write(key, work!(write::put_key)).await
    }

    async fn add_key(&self, key: KeyRow, beside: Vec<Kid>) -> Result<bool> {
        self.write((key, beside), work!(write::add_key_beside)).await
    }

    async fn put_client(&self, client: ClientRow, forget_at: i64, audit: AuditRow) -> Result<u64> {
        rules::sound_client(&client)?;
        match self.job(Job::PutClient { client, forget_at, audit }).await? {
            Answer::Client(Some(number)) => Ok(number),
            _ => Err(crossed()),
        }
    }

    async fn remove_client(&self, id: Uuid, forget_at: i64, audit: AuditRow) -> Result<Option<u64>> {
        match self.job(Job::RemoveClient { id, forget_at, audit }).await? {
            Answer::Client(number) => Ok(number),
            _ => Err(crossed()),
        }
    }

    async fn renew_guard(&self, guard: GuardLease, _: Timestamp) -> Result<Timestamp> {
        self.lease(guard, work!(write::renew_guard)).await
    }

    async fn acknowledge(&self, guard: Uuid, epoch: Uuid, applied: u64) -> Result<()> {
        self.lease((guard, epoch, applied), work!(write::acknowledge)).await
    }

    async fn guards(&self, step: Duration, _: Timestamp) -> Result<Vec<GuardRow>> {
        self.lease(step, work!(read::guards)).await
    }

    async fn remove_guard(&self, guard: Uuid) -> Result<()> {
        self.lease(guard, work!(write::remove_guard)).await
    }

    async fn remote_guards(&self) -> Result<bool> {
        self.read((), work!(read::remote_guards)).await
    }

    async fn note_remote_guards(&self) -> Result<()> {
        self.write((), work!(write::note_remote_guards)).await
    }

    async fn record(&self, rows: Vec<AuditRow>) -> Result<()> {
        self.write(rows, work!(write::record)).await
    }

    async fn purge(&self, before: PurgeBefore, limit: usize) -> Result<usize> {
        let from = *self.swept.lock().unwrap_or_else(PoisonError::into_inner);
        let (gone, swept) = self.write((before, limit, from), work!(write::purge)).await?;
        *self.swept.lock().unwrap_or_else(PoisonError::into_inner) = swept;
        Ok(gone)
    }
}
