//! Files that hold secrets: read only when nobody else could have read or written them, and refused in plain words.
//!
//! Symbolic links are followed, because certificate tools and secret mounts of containers are made of them; owner and
//! mode are those of the file behind the link, taken from the open file and not from its name.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{fmt, io};

use zeroize::Zeroizing;

/// Why a file with a secret is refused. `Display` is a whole clause that names the file and what to do.
#[derive(Debug)]
pub struct FileProblem {
    path: PathBuf,
    what: What,
}

#[derive(Debug)]
enum What {
    Io(io::Error),
    NotAFile,
    TooLong(u64),
    Empty,
    Open(u32),
    Owner(u32),
}

impl fmt::Display for FileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.what {
            What::Io(error) => match error.kind() {
                io::ErrorKind::NotFound => write!(f, "the file {path} does not exist"),
                io::ErrorKind::PermissionDenied => write!(f, "the file {path} may not be read by this user"),
                _ => write!(f, "the file {path} cannot be read: {error}"),
            },
            What::NotAFile => write!(f, "{path} is not a file"),
            What::TooLong(most) => {
                write!(f, "the file {path} is longer than {most} bytes: it is something else")
            }
            What::Empty => write!(f, "the file {path} is empty"),
            What::Open(mode) => write!(
                f,
                "the file {path} holds a secret and is open to every user of this machine (mode {mode:04o}); \
                 run chmod 600 {path}, and consider the secret known"
            ),
            What::Owner(uid) => write!(
                f,
                "the file {path} belongs to user id {uid}, who could change it; it must belong to this server's user or to root"
            ),
        }
    }
}

impl std::error::Error for FileProblem {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.what {
            What::Io(error) => Some(error),
            _ => None,
        }
    }
}

/// Reads a file with a secret in it, at most `most` bytes. It must be a regular file that belongs to this user or to
/// root and is closed to everybody outside its owner and group.
///
/// # Errors
/// [`FileProblem`] for a missing, unreadable, empty, oversized, foreign or open file.
pub fn read_private(path: &Path, most: u64) -> Result<Zeroizing<Vec<u8>>, FileProblem> {
    let problem = |what| FileProblem { path: path.to_owned(), what };
    let file = open(path).map_err(&problem)?;
    let about = file.metadata().map_err(|error| problem(What::Io(error)))?;
    if about.mode() & 0o007 != 0 {
        return Err(problem(What::Open(about.mode() & 0o7777)));
    }
    let me = rustix::process::geteuid().as_raw();
    if about.uid() != me && about.uid() != 0 {
        return Err(problem(What::Owner(about.uid())));
    }
    read(file, most).map_err(problem)
}

/// Reads a file that is no secret, at most `most` bytes.
///
/// # Errors
/// [`FileProblem`] for a missing, unreadable, empty or oversized file.
pub fn read_public(path: &Path, most: u64) -> Result<Vec<u8>, FileProblem> {
    let problem = |what| FileProblem { path: path.to_owned(), what };
    let file = open(path).map_err(&problem)?;
    read(file, most).map(|mut bytes| std::mem::take(&mut *bytes)).map_err(problem)
}

fn open(path: &Path) -> Result<File, What> {
    // A named pipe would block the opening for ever: look before.
    let about = std::fs::metadata(path).map_err(What::Io)?;
    if !about.is_file() {
        return Err(What::NotAFile);
    }
    File::open(path).map_err(What::Io)
}

fn read(file: File, most: u64) -> Result<Zeroizing<Vec<u8>>, What> {
    let length = file.metadata().map_err(What::Io)?.len();
    // Room for all of it at once: a growing buffer would leave copies of the secret behind.
    let room = usize::try_from(length.min(most)).unwrap_or(0).saturating_add(1);
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(What::Io)?;
    match bytes.len() as u64 {
        0 => Err(What::Empty),
        length if length > most => Err(What::TooLong(most)),
        _ => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn written(mode: u32, content: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        (folder, path)
    }

    #[test]
    fn km_05_a_world_readable_secret_is_refused_in_clear_text() {
        for mode in [0o644, 0o604, 0o602, 0o777] {
            let (_folder, path) = written(mode, b"canary");
            let said = read_private(&path, 100).unwrap_err().to_string();
            assert!(said.contains("chmod 600") && said.contains(&format!("{mode:04o}")), "{said}");
            assert!(!said.contains("canary"));
        }
        for mode in [0o600, 0o400, 0o640] {
            let (_folder, path) = written(mode, b"canary");
            assert_eq!(read_private(&path, 100).unwrap().as_slice(), b"canary");
        }
    }

    #[test]
    fn km_05_missing_empty_oversized_and_no_file_at_all_are_told_apart() {
        let (folder, path) = written(0o600, b"");
        assert!(read_private(&path, 100).unwrap_err().to_string().contains("is empty"));
        std::fs::write(&path, [0; 101]).unwrap();
        assert!(read_private(&path, 100).unwrap_err().to_string().contains("longer than 100"));
        assert!(read_private(folder.path(), 100).unwrap_err().to_string().contains("is not a file"));
        let missing = folder.path().join("none");
        assert!(read_public(&missing, 100).unwrap_err().to_string().contains("does not exist"));
    }

    #[test]
    fn a_link_is_judged_by_the_file_behind_it() {
        let (folder, path) = written(0o644, b"x");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(read_private(&link, 100).is_err());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        read_private(&link, 100).unwrap();
    }
}
