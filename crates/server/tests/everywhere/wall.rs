//! A wall clock that can be set: libfaketime between a process and the system's, where Debian's `faketime` is installed. What never steps
//! is left alone, and of that the protocol's clock is one (`CLOCK_BOOTTIME`).

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The clock of one process, whose setting is read from a file.
pub(crate) struct Wall(Option<(PathBuf, PathBuf)>);

impl Wall {
    /// For a process with this folder; it goes right at first.
    pub(crate) fn of(folder: &Path) -> Self {
        let file = folder.join("clock");
        fs::write(&file, "+0").unwrap();
        Self(library().map(|library| (library, file)))
    }

    /// Whether it can be set.
    pub(crate) fn can_be_set(&self) -> bool {
        self.0.is_some()
    }

    /// Has a process go by it.
    pub(crate) fn shown_to(&self, command: &mut Command) {
        if let Some((library, file)) = &self.0 {
            command
                .env("LD_PRELOAD", library)
                .env("FAKETIME_TIMESTAMP_FILE", file)
                .env("FAKETIME_CACHE_DURATION", "1")
                .env("DONT_FAKE_MONOTONIC", "1")
                .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        }
    }

    /// Sets it so far from the truth.
    pub(crate) fn set(&self, seconds: i64) {
        if let Some((_, file)) = &self.0 {
            let new = file.with_extension("new");
            fs::write(&new, format!("{seconds:+}")).unwrap();
            fs::rename(new, file).unwrap();
        }
    }
}

/// The one for processes of several threads.
fn library() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?.flatten();
    folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1")).find(|path| path.exists())
}
