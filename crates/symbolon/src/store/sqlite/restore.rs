//! A backup takes the place of the database, in one step that no death of the process leaves half done.
//!
//! | step | a process that dies behind it leaves |
//! |---|---|
//! | 1. the backup is copied into a folder beside the database, and looked through | the database as it was, and a folder that the next restore removes |
//! | 2. there it is opened as a store, and the caller makes worthless what was issued before (`Symbolon::restored`) | the same |
//! | 3. one renaming: the copy, synced, is `symbolon.db.restored` | a restore that is decided: whoever takes the folder next carries step 4 out first |
//! | 4. the database and its log get other names, and the copy gets theirs | the restored store, and what it replaced |
//!
//! Refuses a file that is no whole backup, a folder that somebody holds, and to remove what is replaced.

use std::{
    fs::{DirBuilder, File},
    io::{self, Read, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};

use symbolon_token::Timestamp;

use super::{
    SqliteStore,
    backup::{self, Past},
    folder::{self, DATABASE, Folder},
    read, readers, write,
};
use crate::store::{Result, StoreError};

/// The folder of step 1 and 2.
const BESIDE: &str = "restoring";
/// The name of step 3.
const DECIDED: &str = "symbolon.db.restored";
/// What is replaced is named so, with the time behind it.
const REPLACED: &str = "symbolon.db.replaced";
/// The suffixes of what belongs to a database, in the order in which they leave: without its log the database is not whole, so as long
/// as it has its name the decision stands.
const PARTS: [&str; 2] = ["-wal", ""];

/// A restore that is under way; dropped, it has not happened.
pub struct Restoring {
    folder: Folder,
    beside: PathBuf,
    past: Past,
    replaced: Replaced,
}

/// What of the database that is replaced must not be forgotten.
#[derive(Clone, Copy, Default)]
struct Replaced {
    /// The installation's epoch.
    epoch: u32,
    /// How long a lease of guards without a store may be, if there were such guards: one may still hold, of which the backup knows
    /// nothing.
    lease: Option<Duration>,
}

impl SqliteStore {
    /// Takes the folder and brings a backup into it, beside what is there (step 1 of the module). `progress` is told of bytes copied,
    /// and of all. Blocks.
    ///
    /// # Errors
    /// When somebody holds the folder, or the file is no backup, not whole, or damaged.
    pub fn restore(
        folder: &Path,
        owner: &str,
        backup: &Path,
        progress: impl FnMut(u64, u64),
    ) -> Result<Restoring> {
        let folder = Folder::take(folder, owner)?;
        let beside = folder.path().join(BESIDE);
        remove(&beside)?;
        let made = DirBuilder::new().mode(0o700).create(&beside);
        made.map_err(|error| StoreError::caused(format!("{} could not be made", beside.display()), error))?;
        // From here on dropping it removes what was made.
        let mut restoring =
            Restoring { folder, beside, past: Past::default(), replaced: Replaced::default() };
        let copy = restoring.beside.join(DATABASE);
        bring(backup, &copy, progress)?;
        restoring.past = looked_through(&copy, backup)?;
        // Of a database that cannot be read nothing is left to be told apart from.
        restoring.replaced = replaced(&restoring.folder.existing_database()).unwrap_or_default();
        Ok(restoring)
    }

    /// Opens a store that may be a backup put in its place by hand, so that [`crate::Symbolon::restored`] can make of it what a restore
    /// would have. [`SqliteStore::settled`] comes after it.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub fn open_replaced(folder: &Path, owner: &str) -> Result<Self> {
        // There is an installation, so this names none.
        Self::open_whatever_it_is(folder, owner, uuid::Uuid::nil())
    }

    /// Writes down that the store in `folder` was restored. Waits for a moment for whoever holds the folder to let it go.
    ///
    /// # Errors
    /// When the folder is held, or the database cannot be written.
    pub fn settled(folder: &Path, owner: &str, at: Timestamp) -> Result<()> {
        let folder = Folder::take(folder, owner)?;
        backup::settle(&mut readers::connect(&folder.database()?)?, at)
    }

    /// Whether a store is in the folder, or will be when whoever takes it next has completed a restore.
    pub fn is_in(folder: &Path) -> bool {
        folder.join(DATABASE).exists() || Self::restore_is_decided(folder)
    }

    /// Whether a restore was cut off that whoever takes the folder next completes.
    pub fn restore_is_decided(folder: &Path) -> bool {
        folder.join(DECIDED).exists()
    }

    /// The folder of a restore that was cut off before it was decided, when it is there and nobody is at it.
    pub fn cut_off_restore(folder: &Path) -> Option<PathBuf> {
        let beside = folder.join(BESIDE);
        (beside.exists() && folder::holder(&beside).is_none()).then_some(beside)
    }

    /// The databases that restores have replaced.
    pub fn replaced_by_restores(folder: &Path) -> Vec<PathBuf> {
        let replaced = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.starts_with(REPLACED) && !name.ends_with("-wal")
        };
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(replaced).collect();
        found.sort();
        found
    }
}

impl Restoring {
    /// When the backup was taken.
    pub fn taken_at(&self) -> Option<Timestamp> {
        self.past.backup_of
    }

    /// The installation's epoch of what is replaced: the restored store's must be above it.
    pub fn above(&self) -> u32 {
        self.replaced.epoch
    }

    /// How long a lease that guards without a store got of what is replaced may be, if there were such guards.
    pub fn lease(&self) -> Option<Duration> {
        self.replaced.lease
    }

    /// The copy as a store.
    ///
    /// # Errors
    /// When its schema is refused.
    pub fn store(&self) -> Result<SqliteStore> {
        SqliteStore::open_replaced(&self.beside, "a restore")
    }

    /// Steps 3 and 4. The store of [`Restoring::store`] must be closed, or about to be. Answers where what was replaced is. Blocks.
    ///
    /// # Errors
    /// When the disk refuses. Then the restore has not happened, or the next start completes it: the message says which.
    pub fn finish(self, at: Timestamp) -> Result<Option<PathBuf>> {
        let copy = {
            // Taken when the store is closed: until then others may be writing to it.
            let beside = Folder::take(&self.beside, "a restore")?;
            let path = beside.database()?;
            let mut connection = readers::connect(&path)?;
            if self.replaced.lease.is_some() {
                write::note_remote_guards(&connection)
                    .map_err(|error| StoreError::caused("the restored store could not be written", error))?;
            }
            backup::settle(&mut connection, at)?;
            backup::rolled_back_by_journal(&connection)?;
            connection
                .close()
                .map_err(|(_, error)| StoreError::caused("the restored store could not be closed", error))?;
            path
        };
        let failed = |error| StoreError::caused("the restore could not be written; all is as it was", error);
        File::open(&copy).and_then(|file| file.sync_all()).map_err(failed)?;
        std::fs::rename(&copy, self.folder.path().join(DECIDED)).map_err(failed)?;
        complete(&self.folder)
    }
}

impl Drop for Restoring {
    fn drop(&mut self) {
        // The next restore removes it if this fails; nothing looks into it.
        let _ = remove(&self.beside);
    }
}

/// Step 4, where it is due: called whenever the folder was taken. Answers where what was replaced is.
pub(super) fn complete(folder: &Folder) -> Result<Option<PathBuf>> {
    let path = folder.path();
    let decided = path.join(DECIDED);
    let Ok(about) = decided.symlink_metadata() else { return Ok(None) };
    let failed = |error| {
        StoreError::caused(
            format!("the restore in {} could not be completed; it goes on at the next start", path.display()),
            error,
        )
    };
    // The same at every try, so that what belongs together gets names that do; of no two restores the same.
    let when = about.modified().map_err(failed)?.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let database = path.join(DATABASE);
    let replaced = path.join(format!("{REPLACED}-{when}"));
    folder::sync(path).map_err(failed)?;
    for part in PARTS {
        if let Err(error) = std::fs::rename(suffixed(&database, part), suffixed(&replaced, part))
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(failed(error));
        }
    }
    match std::fs::remove_file(suffixed(&database, "-shm")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    // What was replaced must have left for good before the new database has a name to which an old log would belong.
    folder::sync(path).map_err(failed)?;
    std::fs::rename(&decided, &database).map_err(failed)?;
    folder::sync(path).map_err(failed)?;
    // Nothing looks into it, and the next restore removes it if this fails.
    let _ = remove(&path.join(BESIDE));
    let replaced = replaced.exists().then_some(replaced);
    tracing::info!(?replaced, "the store was restored from a backup");
    Ok(replaced)
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Removes a folder of ours with all that is in it, if it is there.
fn remove(beside: &Path) -> Result<()> {
    match std::fs::remove_dir_all(beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::caused(
            format!("{} is in the way and cannot be removed", beside.display()),
            error,
        )),
        _ => Ok(()),
    }
}

fn bring(backup: &Path, copy: &Path, mut progress: impl FnMut(u64, u64)) -> Result<()> {
    let unreadable = |error| StoreError::caused(format!("{} could not be read", backup.display()), error);
    let unwritable = |error| StoreError::caused(format!("{} could not be written", copy.display()), error);
    // A named pipe would block the opening for ever: look before.
    if !backup.metadata().map_err(unreadable)?.is_file() {
        return Err(StoreError::new(format!("{} is not a file", backup.display())));
    }
    let mut from = File::open(backup).map_err(unreadable)?;
    let all = from.metadata().map_err(unreadable)?.len();
    let mut to = folder::private(copy)?;
    let mut buffer = vec![0; 1 << 20];
    let mut copied = 0;
    loop {
        let read = from.read(&mut buffer).map_err(unreadable)?;
        if read == 0 {
            return to.sync_all().map_err(unwritable);
        }
        to.write_all(&buffer[..read]).map_err(unwritable)?;
        copied += read as u64;
        progress(copied, all);
    }
}

/// Refuses what is no whole and sound backup.
fn looked_through(copy: &Path, backup: &Path) -> Result<Past> {
    let shown = backup.display();
    let no_backup = || format!("{shown} is not a backup that `symbolon backup` finished");
    let connection = backup::alone(copy)?;
    let ours: rusqlite::Result<bool> = connection.query_row(
        "SELECT count(*) = 2 FROM sqlite_schema WHERE type = 'table' AND name IN ('meta', 'migrations')",
        [],
        |row| row.get(0),
    );
    if !ours.map_err(|error| StoreError::caused(no_backup(), error))? {
        return Err(StoreError::new(no_backup()));
    }
    let past = backup::past(&connection)
        .map_err(|error| StoreError::caused(format!("{shown} is damaged"), error))?;
    if past.backup_of.is_none() {
        return Err(StoreError::new(no_backup()));
    }
    let sound: rusqlite::Result<String> = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0));
    match sound {
        Ok(said) if said == "ok" => Ok(past),
        Ok(said) => Err(StoreError::new(format!("{shown} is damaged: {said}"))),
        Err(error) => Err(StoreError::caused(format!("{shown} is damaged"), error)),
    }
}

/// What a database holds that may not be there, or not be sound.
fn replaced(database: &Path) -> Option<Replaced> {
    let connection = backup::read_only(database).ok()?;
    let installation = read::installation(&connection).ok()?;
    let longest = installation.other_lease.map_or(0, |(lease, _)| lease).max(installation.lease_ms);
    let guards = read::meta(&connection, "remote_guards").ok()?.is_some();
    Some(Replaced { epoch: installation.epoch, lease: guards.then(|| Duration::from_millis(longest)) })
}
