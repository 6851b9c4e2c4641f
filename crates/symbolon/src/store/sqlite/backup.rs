//! A backup: the database as it was at one moment, in one file, taken while the server writes on.
//!
//! A connection of its own pins a snapshot and copies it page by page: a server on the folder notices nothing but a write-ahead log that
//! grows meanwhile. The file holds what the database holds, so never the master key, and it is marked: a store that is one is not opened
//! until a restore has made everything worthless that was issued before ([`super::restore`]). The mark comes last, so that a file
//! without it is no whole backup.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use rusqlite::{
    Connection, OpenFlags,
    backup::{Backup, StepResult},
};
use rustix::{
    fs::{CWD, FlockOperation, RenameFlags, flock, renameat_with},
    io::Errno,
};
use symbolon_token::Timestamp;

use super::{Schema, SqliteStore, folder, folder::Folder, read, schema};
use crate::store::{Result, StoreError};

/// When the backup was taken, in milliseconds since 1970: the mark.
const TAKEN_AT: &str = "backup_taken_at";
/// When the store was last restored, and when the backup for that was taken, where that is known.
const RESTORED_AT: &str = "restored_at";
const RESTORED_FROM: &str = "restored_from";
/// Pages that are copied between two looks at how far it is; in tests few, so that there are several.
const PAGES: i32 = if cfg!(test) { 2 } else { 256 };

/// What the file of a database says of its past.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// It is a backup, taken then, and was not restored yet.
    pub backup_of: Option<Timestamp>,
    /// When it was last restored.
    pub restored_at: Option<Timestamp>,
    /// When the backup was taken that was restored then.
    pub restored_from: Option<Timestamp>,
}

/// A backup that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Bytes of the file.
    pub bytes: u64,
    /// How far its schema has come.
    pub schema: Schema,
}

impl SqliteStore {
    /// Copies the database in `folder` to the new file `target` (mode 0600), as it is at one moment, whether a process writes to it or not.
    /// `at` is now; `progress` is told of pages copied, and of all.
    ///
    /// # Errors
    /// When `target` exists, cannot be written, or the database cannot be read. Nothing is left of a backup that failed but, when the
    /// process dies, `target` with `.partial` behind it, which the next one writes over.
    pub fn back_up(
        folder: &Path,
        owner: &str,
        target: &Path,
        at: Timestamp,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<Taken> {
        let partial = Partial::create(target)?;
        // One who holds the folder reads and writes beside us. Where nobody does, it is held until the snapshot is: nobody may put
        // other files in its place meanwhile.
        let held = match folder::holder(folder) {
            None => Some(Folder::take(folder, owner)?),
            Some(_) => None,
        };
        let path = folder::database_in(folder)?;
        let failed = |error| StoreError::caused(format!("{} could not be read", path.display()), error);
        let before = folder::identity(&path)?;
        let source = read_only(&path)?;
        source.execute_batch("BEGIN").map_err(failed)?;
        let schema = schema::at(&source)?;
        if schema.at == 0 {
            return Err(StoreError::new(format!("{} holds no store of Symbolon", path.display())));
        }
        drop(held);
        copy(&source, &partial.path, &mut progress)?;
        if folder::identity(&path)? != before {
            return Err(StoreError::new(format!(
                "{} was replaced while it was read; take the backup again",
                path.display()
            )));
        }
        mark(&partial.path, at)?;
        let bytes = partial.finish(target)?;
        Ok(Taken { bytes, schema })
    }

    /// What the database in `folder` says of its past. Reads beside whoever holds the folder.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn past(folder: &Path) -> Result<Past> {
        past(&read_only(&folder::database_in(folder)?)?)
    }
}

/// A connection that never writes to the database, not even to tidy up.
pub(super) fn read_only(path: &Path) -> Result<Connection> {
    let failed =
        |error| StoreError::caused(format!("{} could not be opened as a database", path.display()), error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW
        | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.execute_batch("PRAGMA busy_timeout = 5000; PRAGMA trusted_schema = OFF;").map_err(failed)?;
    Ok(connection)
}

/// A connection to a file that nobody else knows of yet.
pub(super) fn alone(path: &Path) -> Result<Connection> {
    let failed =
        |error| StoreError::caused(format!("{} could not be opened as a database", path.display()), error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW
        | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY;").map_err(failed)?;
    Ok(connection)
}

/// Copies what `source` sees in its transaction. Because that is open, no write of others makes the copy begin again.
fn copy(source: &Connection, target: &Path, progress: &mut impl FnMut(u64, u64)) -> Result<()> {
    let failed = |error| StoreError::caused(format!("{} could not be written", target.display()), error);
    let mut to = alone(target)?;
    // A copy that is cut off is thrown away: it needs neither journal nor syncs, and is synced as a whole when it is done.
    to.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;").map_err(failed)?;
    let backup = Backup::new(source, &mut to).map_err(failed)?;
    loop {
        let step = backup.step(PAGES).map_err(failed)?;
        let so_far = backup.progress();
        let number = |pages: i32| u64::try_from(pages).unwrap_or_default();
        progress(number(so_far.pagecount - so_far.remaining), number(so_far.pagecount));
        match step {
            StepResult::Done => return Ok(()),
            StepResult::More => {}
            _ => return Err(StoreError::new("the database is locked by somebody who does not let go of it")),
        }
    }
}

/// Makes of a copy one file, without a write-ahead log, that says when it was taken.
fn mark(path: &Path, at: Timestamp) -> Result<()> {
    let connection = alone(path)?;
    rolled_back_by_journal(&connection)?;
    let marked = connection.execute(
        "INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)",
        [TAKEN_AT, &at.as_millis().to_string()],
    );
    marked.map_err(|error| StoreError::caused(format!("{} could not be written", path.display()), error))?;
    connection
        .close()
        .map_err(|(_, error)| StoreError::caused(format!("{} could not be closed", path.display()), error))
}

/// Turns the write-ahead log off: all that was in it is in the file.
pub(super) fn rolled_back_by_journal(connection: &Connection) -> Result<()> {
    let mode: rusqlite::Result<String> =
        connection.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0));
    match mode {
        Ok(mode) if mode == "delete" => Ok(()),
        Ok(mode) => Err(StoreError::new(format!("the journal mode of a copy stays {mode}"))),
        Err(error) => Err(StoreError::caused("the write-ahead log of a copy could not be closed", error)),
    }
}

/// What a database says of its past.
pub(super) fn past(connection: &Connection) -> Result<Past> {
    let at = |key| -> rusqlite::Result<Option<Timestamp>> {
        Ok(read::meta(connection, key)?.and_then(|text| text.parse().ok()).map(Timestamp::from_millis))
    };
    let past = || -> rusqlite::Result<Past> {
        Ok(Past {
            backup_of: at(TAKEN_AT)?,
            restored_at: at(RESTORED_AT)?,
            restored_from: at(RESTORED_FROM)?,
        })
    };
    past().map_err(|error| StoreError::caused("what the database is could not be read", error))
}

/// Takes the mark off, and leaves instead when it was that the store was restored.
pub(super) fn settle(connection: &mut Connection, at: Timestamp) -> Result<()> {
    let settle = |connection: &mut Connection| -> rusqlite::Result<()> {
        let all = connection.transaction()?;
        all.execute("DELETE FROM meta WHERE key IN (?1, ?2)", [RESTORED_AT, RESTORED_FROM])?;
        all.execute("UPDATE meta SET key = ?2 WHERE key = ?1", [TAKEN_AT, RESTORED_FROM])?;
        all.execute(
            "INSERT INTO meta (key, value) VALUES (?1, ?2)",
            [RESTORED_AT, &at.as_millis().to_string()],
        )?;
        all.commit()
    };
    settle(connection).map_err(|error| StoreError::caused("the restore could not be written down", error))
}

/// The file that becomes the backup, locked while it is written.
struct Partial {
    path: PathBuf,
    file: File,
    finished: bool,
}

impl Partial {
    fn create(target: &Path) -> Result<Self> {
        if target.symlink_metadata().is_ok() {
            return Err(StoreError::new(format!("{} exists; nothing was written over", target.display())));
        }
        let mut name = target
            .file_name()
            .ok_or_else(|| StoreError::new(format!("{} is not the name of a file", target.display())))?
            .to_owned();
        name.push(".partial");
        let failed =
            |path: &Path, error| StoreError::caused(format!("{} could not be made", path.display()), error);
        // SQLite refuses paths with a symbolic link anywhere in them.
        let folder = parent(target).canonicalize().map_err(|error| failed(target, error))?;
        let path = folder.join(name);
        let file = folder::private(&path)?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(StoreError::new(format!("another backup is being written to {}", path.display())));
        }
        // What a process left that died.
        file.set_len(0).map_err(|error| failed(&path, error))?;
        Ok(Self { path, file, finished: false })
    }

    /// Gives the file its name, when all of it is on the disk.
    fn finish(mut self, target: &Path) -> Result<u64> {
        let failed = |error: std::io::Error| {
            StoreError::caused(format!("{} could not be written", target.display()), error)
        };
        self.file.sync_all().map_err(failed)?;
        let bytes = self.file.metadata().map_err(failed)?.len();
        let renamed = match renameat_with(CWD, &self.path, CWD, target, RenameFlags::NOREPLACE) {
            // A file system that cannot promise not to write over: it was looked before.
            Err(Errno::INVAL | Errno::NOSYS) => std::fs::rename(&self.path, target),
            renamed => renamed.map_err(Into::into),
        };
        renamed.map_err(failed)?;
        self.finished = true;
        folder::sync(parent(target)).map_err(failed)?;
        Ok(bytes)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.finished {
            // The next one writes over it if this fails.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
