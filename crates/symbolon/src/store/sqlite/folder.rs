//! The data folder: whose it is, and who may look into it.
//!
//! Owned by `flock` on a file in it, never by a pid file: the lock goes with its process, however that dies. Foreign files in the
//! folder are left alone; a symbolic link in place of one of ours is refused.

use std::{
    fs::{DirBuilder, File, OpenOptions, Permissions},
    io::{self, Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::{
    fs::{FlockOperation, OFlags, flock},
    io::Errno,
};

use super::restore;
use crate::store::{Result, StoreError};

pub(super) const DATABASE: &str = "symbolon.db";
const LOCK: &str = "symbolon.lock";
/// Longest line that a holder may leave about itself.
const LINE: u64 = 200;
/// How often the lock is asked for, and how long between: one who only looks ([`holder`]), or a process whose death the kernel is
/// still clearing up, must not make a start fail.
const TRIES: (u32, Duration) = (10, Duration::from_millis(20));

/// A data folder that this process holds, until dropped.
pub struct Folder {
    path: PathBuf,
    // The lock is the open file's.
    _lock: File,
}

impl Folder {
    /// Takes the folder, making it (mode 0700) when absent. `owner` is the line that a second process is told.
    ///
    /// # Errors
    /// When another process holds it (the message names that one), or it cannot be used.
    pub fn take(path: &Path, owner: &str) -> Result<Self> {
        make(path)?;
        let failed =
            |error| StoreError::caused(format!("the data folder {} cannot be used", path.display()), error);
        // From here on no part of the path is a symbolic link.
        let path = path.canonicalize().map_err(failed)?;
        let mode = path.metadata().map_err(failed)?.permissions().mode();
        if mode & 0o002 != 0 {
            return Err(StoreError::new(format!(
                "anybody may write to the data folder {} (mode {:o}); `chmod 700` it",
                path.display(),
                mode & 0o7777
            )));
        }
        let lock = lock(&path, owner)?;
        let folder = Self { path, _lock: lock };
        restore::complete(&folder)?;
        Ok(folder)
    }

    /// The folder itself, by its real name.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the database file is, whether it is there or not.
    pub(super) fn existing_database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }

    /// The database file, made with mode 0600 when absent: SQLite would do it with the umask's. Its `-wal` and `-shm` follow it.
    pub(super) fn database(&self) -> Result<PathBuf> {
        let path = self.path.join(DATABASE);
        private(&path)?;
        for suffix in ["-wal", "-shm"] {
            let beside = self.path.join(format!("{DATABASE}{suffix}"));
            if beside.symlink_metadata().is_ok() {
                private(&beside)?;
            }
        }
        Ok(path)
    }
}

/// Where the database of a folder is that need not be held.
pub(super) fn database_in(folder: &Path) -> Result<PathBuf> {
    // SQLite refuses paths with a symbolic link anywhere in them.
    let folder = folder.canonicalize().map_err(|error| {
        StoreError::caused(format!("the data folder {} cannot be used", folder.display()), error)
    })?;
    Ok(folder.join(DATABASE))
}

/// Which file it is, whatever its name.
pub(super) fn identity(path: &Path) -> Result<(u64, u64)> {
    let about = path.symlink_metadata().map_err(|error| unusable(path, error))?;
    Ok((about.dev(), about.ino()))
}

/// Puts the names in a folder on the disk.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Whether some process holds the folder now: its line when it does.
pub(super) fn holder(path: &Path) -> Option<String> {
    let mut file = File::open(path.join(LOCK)).ok()?;
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Err(Errno::WOULDBLOCK) => Some(line(&mut file)),
        Ok(()) | Err(_) => None,
    }
}

fn make(path: &Path) -> Result<()> {
    let failed =
        |error| StoreError::caused(format!("the data folder {} could not be made", path.display()), error);
    if path.exists() {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).map_err(failed)?;
    match DirBuilder::new().mode(0o700).create(path) {
        // Two processes may start at once; the lock says whose it is.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(failed(error)),
        // The folder's own name must survive a power loss as well as what is in it.
        _ => sync(parent).map_err(failed),
    }
}

fn lock(folder: &Path, owner: &str) -> Result<File> {
    let path = folder.join(LOCK);
    let mut file = private(&path)?;
    let (tries, pause) = TRIES;
    for left in (0..tries).rev() {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => break,
            Err(Errno::WOULDBLOCK) if left > 0 => std::thread::sleep(pause),
            Err(Errno::WOULDBLOCK) => {
                return Err(StoreError::new(format!(
                    "the data folder {} is in use by another Symbolon ({}); one process owns a data folder",
                    folder.display(),
                    line(&mut file)
                )));
            }
            Err(error) => {
                return Err(StoreError::caused(format!("{} could not be locked", path.display()), error));
            }
        }
    }
    let written = file.set_len(0).and_then(|()| file.write_all(owner.as_bytes()));
    written.map_err(|error| StoreError::caused(format!("{} could not be written", path.display()), error))?;
    Ok(file)
}

/// Opens a file of ours, making it when absent, with mode 0600.
pub(super) fn private(path: &Path) -> Result<File> {
    let no_link = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let opened = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .mode(0o600)
        .custom_flags(no_link.bits().cast_signed())
        .open(path);
    let file = match opened {
        Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
            return Err(StoreError::new(format!(
                "{} is a symbolic link; Symbolon keeps its rows in files of its own",
                path.display()
            )));
        }
        opened => opened.map_err(|error| unusable(path, error))?,
    };
    if !file.metadata().map_err(|error| unusable(path, error))?.is_file() {
        return Err(StoreError::new(format!("{} is not a regular file", path.display())));
    }
    file.set_permissions(Permissions::from_mode(0o600)).map_err(|error| unusable(path, error))?;
    Ok(file)
}

fn unusable(path: &Path, error: io::Error) -> StoreError {
    StoreError::caused(format!("{} could not be opened", path.display()), error)
}

fn line(file: &mut File) -> String {
    let mut text = Vec::new();
    // Who holds the folder is a courtesy: a file that cannot be read leaves it out.
    let _ = file.rewind().and_then(|()| file.take(LINE).read_to_end(&mut text));
    let text = String::from_utf8_lossy(&text);
    let printable: String = text.trim().chars().filter(|character| !character.is_control()).collect();
    if printable.is_empty() { "it does not say which".into() } else { printable }
}
