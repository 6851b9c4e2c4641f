//! The master key's file: made at first start with mode 0600, replaced as a whole by a rotation, and refused when others could have read
//! or replaced it (KM-05, ST-34).

use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

use super::{MasterKey, MasterKeys};
use crate::{
    clock::Randomness,
    error::{Error, ErrorKind, Result},
};

/// The name of the file in the data folder.
pub const FILE: &str = "master.key";

impl MasterKeys {
    /// Reads the file, or makes it with a new key when `make` and it is absent. Making is for a new installation only: a store that
    /// lost its key must not get another one silently (the engine refuses a key that the store does not know).
    ///
    /// # Errors
    /// When the file cannot be used, with a sentence that says why.
    pub fn from_file(path: &Path, make: bool, randomness: &dyn Randomness) -> Result<Self> {
        let refuse = |why: &str| {
            Error::new(ErrorKind::Unavailable, format!("The master key file {} {why}.", path.display()))
        };
        let failed = |error: std::io::Error| {
            Error::caused(
                ErrorKind::Unavailable,
                format!("The master key file {} cannot be used: {error}.", path.display()),
                error,
            )
        };
        let meta = match std::fs::symlink_metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && make => {
                let key = MasterKey::generate(randomness);
                let mut file =
                    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
                file.write_all(key.reveal().as_bytes())
                    .and_then(|()| file.write_all(b"\n"))
                    .map_err(failed)?;
                // Everything secret in the store hangs on this file: it must be on the disk before the store is.
                file.sync_all().map_err(failed)?;
                sync_folder(path).map_err(failed)?;
                return Ok(Self::from(key).of_file(path));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(refuse("is missing, and nothing in the store can be used without it"));
            }
            other => other.map_err(failed)?,
        };
        if meta.is_symlink() {
            return Err(refuse("is a symbolic link; name the file itself"));
        }
        if !meta.is_file() {
            return Err(refuse("is not a file"));
        }
        if meta.mode() & 0o077 != 0 {
            return Err(refuse("can be read or written by others than its owner; set its mode to 0600"));
        }
        let me = rustix::process::geteuid().as_raw();
        if meta.uid() != me && meta.uid() != 0 {
            return Err(refuse("belongs to another user"));
        }
        let mut text = zeroize::Zeroizing::new(String::new());
        File::open(path).and_then(|file| file.take(4096).read_to_string(&mut text)).map_err(failed)?;
        let keys = Self::parse(&text).map_err(|error| refuse(&format!("is not usable: {error}")))?;
        Ok(keys.of_file(path))
    }
}

/// Writes these keys into the file, a line each, in the place of what stands there: the old lines or the new ones, whatever happens
/// meanwhile, and on the disk when it answers.
///
/// # Errors
/// When the folder cannot be written; the file is then as it was.
pub(super) fn replace(path: &Path, keys: &[MasterKey]) -> Result<()> {
    let failed = |error: std::io::Error| {
        let text = format!("The master key file {} cannot be replaced: {error}.", path.display());
        Error::caused(ErrorKind::Unavailable, text, error)
    };
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let beside = Path::new(&name);
    // What a process left that died here: never taken over, its mode and its owner could be anybody's.
    match std::fs::remove_file(beside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(beside)?;
        for key in keys {
            file.write_all(key.reveal().as_bytes())?;
            file.write_all(b"\n")?;
        }
        file.sync_all()?;
        std::fs::rename(beside, path)
    })();
    if let Err(error) = written {
        let _ = std::fs::remove_file(beside);
        return Err(failed(error));
    }
    sync_folder(path).map_err(failed)
}

fn sync_folder(path: &Path) -> std::io::Result<()> {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::clock::SystemRandomness;

    fn read(path: &Path, make: bool) -> std::result::Result<String, String> {
        MasterKeys::from_file(path, make, &SystemRandomness)
            .map(|keys| keys.keys[0].fingerprint())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_and_stays_closed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let old = MasterKeys::from_file(&path, true, &SystemRandomness).unwrap().keys;
        // Left behind by a process that died, and open to all.
        let beside = folder.path().join("master.key.new");
        std::fs::write(&beside, "junk").unwrap();
        let new = [MasterKey::generate(&SystemRandomness), old[0].clone()];
        replace(&path, &new).unwrap();
        assert_eq!(MasterKeys::from_file(&path, false, &SystemRandomness).unwrap().keys, new);
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert!(!beside.exists());
        // Where nothing can be written, all is as it was.
        std::fs::create_dir(&beside).unwrap();
        assert!(replace(&path, &old).is_err());
        assert_eq!(MasterKeys::from_file(&path, false, &SystemRandomness).unwrap().keys, new);
    }

    #[test]
    fn km_05_a_key_file_that_others_could_touch_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        assert!(read(&path, false).unwrap_err().contains("missing"));
        assert!(!path.exists(), "no new key is made silently");
        let made = read(&path, true).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(read(&path, true).unwrap(), made);

        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(read(&path, true).unwrap_err().contains("0600"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();

        let link = folder.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(read(&link, true).unwrap_err().contains("symbolic link"));

        std::fs::write(&path, "0123").unwrap();
        assert!(read(&path, true).unwrap_err().contains("64 hexadecimal digits"));
    }
}
