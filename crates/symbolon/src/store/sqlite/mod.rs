//! The embedded store: one SQLite file, one process, one writer thread, readers inline.
//!
//! Owns the data folder and the database in it. Refuses to share either. A commit that answered survives power loss, and the
//! follower hears of log entries in the order of commits, before the write that caused them answers.

mod backup;
mod export;
mod folder;
mod read;
mod readers;
mod restore;
mod rows;
mod schema;
#[cfg(test)]
mod tests;
mod write;
mod writer;

use std::{path::Path, time::Duration};

use async_trait::async_trait;
use symbolon_token::{Kid, Timestamp};
use uuid::Uuid;

use super::*;
pub use backup::{Past, Taken};
pub(in crate::store) use export::Export;
pub use folder::Folder;
use readers::Readers;
pub use restore::Restoring;
use writer::Writer;

/// How far a database's schema has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schema {
    /// The number of its last migration; 0 before the first.
    pub at: u32,
    /// The number of the last one that this binary knows.
    pub known: u32,
}

/// See the module.
pub struct SqliteStore {
    // Dropped in this order: what was queued is written, connections close, and only then is the folder somebody else's.
    writer: Writer,
    readers: Readers,
    _folder: Folder,
}

impl SqliteStore {
    /// The name of the database in its folder.
    pub const FILE: &str = folder::DATABASE;

    /// Takes the data folder (made with mode 0700 when absent), opens or makes the file in it and brings its schema up to date.
    /// `log_epoch` names the log of a new installation. `owner` is a line that tells a second process who holds the folder.
    ///
    /// # Errors
    /// When another process holds the folder (the message names it), the folder or file cannot be used, the schema is refused, or the
    /// file is a backup that was put there by hand: what was ended since would live again.
    pub fn open(folder: &Path, owner: &str, log_epoch: Uuid) -> Result<Self> {
        let store = Self::open_whatever_it_is(folder, owner, log_epoch)?;
        if store.readers.snapshot(|sql| Ok(backup::past(sql)))??.backup_of.is_some() {
            return Err(StoreError::new(format!(
                "the database in {} is a backup, put there by hand; `symbolon restore --in-place` makes a store of it",
                folder.display()
            )));
        }
        Ok(store)
    }

    fn open_whatever_it_is(folder: &Path, owner: &str, log_epoch: Uuid) -> Result<Self> {
        let folder = Folder::take(folder, owner)?;
        let path = folder.database()?;
        let mut connection = readers::connect(&path)?;
        schema::migrate(&mut connection)?;
        write::found(&connection, log_epoch)
            .map_err(|error| StoreError::caused("the installation's row could not be written", error))?;
        Ok(Self { writer: Writer::start(connection)?, readers: Readers::new(path), _folder: folder })
    }

    /// How far the schema of the database in `folder` has come; changes nothing of it. Holds the folder meanwhile.
    ///
    /// # Errors
    /// When another process holds the folder, or the database cannot be read.
    pub fn schema(folder: &Path, owner: &str) -> Result<Schema> {
        let folder = Folder::take(folder, owner)?;
        let connection = readers::connect(&folder.existing_database())?;
        schema::at(&connection)
    }

    /// Brings the schema of the database in `folder` up to date, as [`SqliteStore::open`] does, and answers how far it had come.
    ///
    /// # Errors
    /// When another process holds the folder, the folder or file cannot be used, or the schema is refused.
    pub fn migrate(folder: &Path, owner: &str) -> Result<Schema> {
        let folder = Folder::take(folder, owner)?;
        let mut connection = readers::connect(&folder.database()?)?;
        let before = schema::at(&connection)?;
        schema::migrate(&mut connection)?;
        Ok(before)
    }

    /// Whether some process holds `folder` now; its line when it does.
    pub fn holder(folder: &Path) -> Option<String> {
        folder::holder(folder)
    }

    /// Those who read, as long as somebody writes: a store whose writer has stopped is out of reach altogether, so that whoever
    /// asks whether this process is sound hears that it is not.
    fn readers(&self) -> Result<&Readers> {
        if self.writer.stopped() { Err(writer::stopped()) } else { Ok(&self.readers) }
    }

    /// All throttle counters, which the port never shows.
    #[cfg(test)]
    pub(in crate::store) fn counters(&self) -> Vec<(ThrottleKey, Counter)> {
        self.readers.read(read::counters).unwrap()
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn follow(&self, follower: Follower) {
        self.writer.follow(follower);
    }

    async fn installation(&self) -> Result<Installation> {
        self.readers()?.snapshot(read::installation)
    }

    async fn set_installation(&self, installation: Installation) -> Result<()> {
        self.writer.write(move |sql, _| write::set_installation(sql, &installation)).await
    }

    async fn change_installation(&self, was: Installation, installation: Installation) -> Result<bool> {
        self.writer.write(move |sql, _| write::change_installation(sql, &was, &installation)).await
    }

    async fn user(&self, id: Uuid) -> Result<Option<UserRow>> {
        self.readers()?.read(|sql| read::user(sql, id))
    }

    async fn login_by_identifier(&self, canonical: &str) -> Result<Option<LoginRow>> {
        self.readers()?.read(|sql| read::login_of(sql, canonical))
    }

    async fn login_by_user(&self, user: Uuid) -> Result<Option<LoginRow>> {
        self.readers()?.read(|sql| read::login(sql, user))
    }

    async fn users(&self, prefix: Option<&str>, after: Option<Uuid>, limit: usize) -> Result<Vec<UserRow>> {
        self.readers()?.read(|sql| read::users(sql, prefix, after, limit))
    }

    async fn session(&self, id: Uuid) -> Result<Option<SessionWithUser>> {
        self.readers()?.read(|sql| read::session(sql, id))
    }

    async fn standing_session(&self, id: Uuid) -> Result<Option<StandingSession>> {
        self.readers()?.read(|sql| read::standing_session(sql, id))
    }

    async fn sessions_of(&self, user: Uuid, now: Timestamp) -> Result<Vec<SessionRow>> {
        self.readers()?.read(|sql| read::sessions_of(sql, user, now))
    }

    async fn stands(&self, token: TokenRef) -> Result<bool> {
        self.readers()?.snapshot(|sql| read::stands(sql, &token))
    }

    async fn log_after(&self, after: u64, limit: usize) -> Result<LogPage> {
        self.readers()?.snapshot(|sql| read::log_after(sql, after, limit))
    }

    async fn keys(&self) -> Result<Vec<KeyRow>> {
        self.readers()?.read(read::keys)
    }

    async fn names_master_key(&self, version: u32, now: Timestamp) -> Result<bool> {
        self.readers()?.read(|sql| read::names_master_key(sql, version, now))
    }

    async fn clients(&self) -> Result<Vec<ClientRow>> {
        self.readers()?.read(read::clients)
    }

    async fn audit(&self, user: Option<Uuid>, before: Option<Uuid>, limit: usize) -> Result<Vec<AuditRow>> {
        self.readers()?.read(|sql| read::audit(sql, user, before, limit))
    }

    async fn census(&self, now: Timestamp) -> Result<Option<Census>> {
        self.readers()?.snapshot(|sql| read::census(sql, now)).map(Some)
    }

    async fn register(&self, new: NewUser) -> Result<Registered> {
        self.writer.write(move |sql, _| write::register(sql, &new)).await
    }

    async fn change_user(&self, change: UserChange) -> Result<Option<(UserRow, u64)>> {
        self.writer.write(move |sql, entries| write::change_user(sql, &change, entries)).await
    }

    async fn rehash(&self, credential: Uuid, old: &str, new: &str) -> Result<bool> {
        let (old, new) = (old.to_owned(), new.to_owned());
        self.writer.write(move |sql, _| write::rehash(sql, credential, &old, &new)).await
    }

    async fn transact(&self, transition: Transition) -> Result<Outcome> {
        rules::sound(&transition)?;
        self.writer.write(move |sql, entries| write::transact(sql, &transition, entries)).await
    }

    async fn refresh(&self, request: RefreshRequest) -> Result<Refreshed> {
        self.writer.write(move |sql, _| write::refresh(sql, &request)).await
    }

    async fn touch(&self, touches: Vec<Touch>) -> Result<()> {
        self.writer.write(move |sql, _| write::touch(sql, &touches)).await
    }

    async fn charge(&self, charges: Vec<Charge>, now: Timestamp) -> Result<Charged> {
        // A blocked counter is told from a read: a flood of refused attempts writes nothing.
        let blocked = self.readers()?.snapshot(|sql| read::blocked(sql, &charges, now))?;
        if blocked != Charged::Allowed {
            return Ok(blocked);
        }
        self.writer.write(move |sql, _| write::charge(sql, &charges, now)).await
    }

    async fn refund(&self, refunds: Vec<Refund>) -> Result<()> {
        self.writer.write(move |sql, _| write::refund(sql, &refunds)).await
    }

    async fn put_key(&self, key: KeyRow) -> Result<bool> {
        self.writer.write(move |sql, _| write::put_key(sql, &key)).await
    }

    async fn add_key(&self, key: KeyRow, beside: Vec<Kid>) -> Result<bool> {
        self.writer.write(move |sql, _| write::add_key(sql, &key, &beside)).await
    }

    async fn put_client(&self, client: ClientRow, forget_at: i64, audit: AuditRow) -> Result<u64> {
        rules::sound_client(&client)?;
        self.writer
            .write(move |sql, entries| write::put_client(sql, &client, forget_at, &audit, entries))
            .await
    }

    async fn remove_client(&self, id: Uuid, forget_at: i64, audit: AuditRow) -> Result<Option<u64>> {
        self.writer.write(move |sql, entries| write::remove_client(sql, id, forget_at, &audit, entries)).await
    }

    async fn renew_guard(&self, guard: GuardLease, now: Timestamp) -> Result<Timestamp> {
        self.writer.write(move |sql, _| write::renew_guard(sql, &guard, now)).await?;
        Ok(now)
    }

    async fn acknowledge(&self, guard: Uuid, epoch: Uuid, applied: u64) -> Result<()> {
        self.writer.write(move |sql, _| write::acknowledge(sql, guard, epoch, applied)).await
    }

    async fn guards(&self, step: Duration, now: Timestamp) -> Result<Vec<GuardRow>> {
        self.readers()?.read(|sql| read::guards(sql, now.minus(step)))
    }

    async fn remove_guard(&self, guard: Uuid) -> Result<()> {
        self.writer.write(move |sql, _| write::remove_guard(sql, guard)).await
    }

    async fn remote_guards(&self) -> Result<bool> {
        self.readers()?.read(|sql| Ok(read::meta(sql, "remote_guards")?.is_some()))
    }

    async fn note_remote_guards(&self) -> Result<()> {
        self.writer.write(|sql, _| write::note_remote_guards(sql)).await
    }

    async fn record(&self, rows: Vec<AuditRow>) -> Result<()> {
        self.writer.write(move |sql, _| write::record(sql, &rows)).await
    }

    async fn purge(&self, before: PurgeBefore, limit: usize) -> Result<usize> {
        // What may go is looked for by readers, so that the writer's others wait for the deletions only.
        let mut over = Vec::new();
        let mut slice = read::Slice::default();
        while let Some(from) = slice.next {
            slice = self.readers()?.read(|sql| read::over(sql, before.sessions, from, limit - over.len()))?;
            over.append(&mut slice.over);
            tokio::task::yield_now().await;
        }
        let counters = self.readers()?.snapshot(|sql| read::spare_counters(sql, &before, limit))?;
        self.writer.write(move |sql, _| write::purge(sql, before, limit, &over, &counters)).await
    }
}
