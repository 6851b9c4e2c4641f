//! The data folder: modes, links, and one process at a time.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use super::{Other, SqliteStore, Uuid, new_user, open};
use crate::store::{Registered, Store};

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn refusal(folder: &Path) -> String {
    SqliteStore::open(folder, "a test", Uuid::nil()).err().expect("refused").to_string()
}

#[test]
fn st_34_only_the_owner_may_look_whatever_the_umask() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("a/data");
    let mut other = Other::start("careless", &folder);
    assert_eq!(other.says().as_deref(), Some("written"));
    assert_eq!(mode(&folder), 0o700);
    let mut names = Vec::new();
    for file in fs::read_dir(&folder).unwrap() {
        let file = file.unwrap();
        assert_eq!(mode(&file.path()), 0o600, "{file:?}");
        names.push(file.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(names, ["symbolon.db", "symbolon.db-shm", "symbolon.db-wal", "symbolon.lock"]);
    other.end();
}

#[test]
fn st_34_files_that_others_may_read_are_closed_to_them() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    let names = ["symbolon.db", "symbolon.db-wal", "symbolon.db-shm", "symbolon.lock"];
    for name in names {
        let path = folder.path().join(name);
        fs::OpenOptions::new().create(true).append(true).open(&path).unwrap();
        set_mode(&path, 0o666);
    }
    let _store = open(folder.path());
    for name in names {
        assert_eq!(mode(&folder.path().join(name)), 0o600, "{name}");
    }
}

#[test]
fn st_34_a_folder_that_anybody_may_write_to_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    set_mode(folder.path(), 0o777);
    assert!(refusal(folder.path()).contains("anybody may write"), "{}", refusal(folder.path()));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was made there");
    set_mode(folder.path(), 0o755);
    drop(open(folder.path()));
}

#[test]
fn st_34_links_and_other_oddities_in_place_of_our_files_are_refused() {
    for name in ["symbolon.db", "symbolon.lock", "symbolon.db-wal", "symbolon.db-shm"] {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = folder.path().join("precious");
        fs::write(&elsewhere, "do not touch").unwrap();
        set_mode(&elsewhere, 0o644);
        let path = folder.path().join(name);
        for target in [elsewhere.clone(), folder.path().join("nowhere")] {
            symlink(target, &path).unwrap();
            assert!(refusal(folder.path()).contains("symbolic link"), "{name}");
            fs::remove_file(&path).unwrap();
        }
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "do not touch");
        assert_eq!(mode(&elsewhere), 0o644);
        assert!(!folder.path().join("nowhere").exists());

        fs::create_dir(&path).unwrap();
        refusal(folder.path());
        fs::remove_dir(&path).unwrap();
        drop(open(folder.path()));
    }
}

#[test]
fn a_link_to_the_folder_is_fine() {
    let parent = tempfile::tempdir().unwrap();
    let (folder, link) = (parent.path().join("data"), parent.path().join("link"));
    fs::create_dir(&folder).unwrap();
    symlink(&folder, &link).unwrap();
    let _store = open(&link);
    assert!(folder.join("symbolon.db").is_file());
    assert!(refusal(&folder).contains("in use"), "one folder, by whatever name");
}

#[tokio::test]
async fn foreign_files_in_the_folder_are_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let foreign = ["notes.txt", "symbolon.db.bak", "symbolon.db-journal.old", "other.db-wal", ".hidden"];
    for name in foreign {
        fs::write(folder.path().join(name), "theirs").unwrap();
        set_mode(&folder.path().join(name), 0o644);
    }
    fs::create_dir(folder.path().join("lost+found")).unwrap();
    let store = open(folder.path());
    assert_eq!(store.register(new_user(1)).await.unwrap(), Registered::Created);
    drop(store);
    for name in foreign {
        let path = folder.path().join(name);
        assert_eq!((fs::read_to_string(&path).unwrap().as_str(), mode(&path)), ("theirs", 0o644));
    }
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("symbolon.db");
    let text = "something else altogether, longer than a header of a database is, ".repeat(20);
    fs::write(&path, &text).unwrap();
    assert!(
        refusal(folder.path()).contains("could not be opened as a database"),
        "{}",
        refusal(folder.path())
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn st_23_a_second_process_is_told_who_holds_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path(), "serve on 127.0.0.1:7117, pid 4711", Uuid::nil()).unwrap();
    let mut second = Other::start("open", folder.path());
    let said = second.says().unwrap();
    assert!(said.starts_with("refused: "), "{said}");
    assert!(said.contains("in use by another Symbolon (serve on 127.0.0.1:7117, pid 4711)"), "{said}");
    assert!(said.contains(folder.path().to_str().unwrap()), "{said}");
    second.end();

    drop(store);
    let mut third = Other::start("open", folder.path());
    assert_eq!(third.says().as_deref(), Some("opened"));
    third.end();
}

#[test]
fn st_23_the_hold_ends_with_its_process_however_that_dies() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(SqliteStore::holder(folder.path()), None);
    let mut first = Other::start("hold", folder.path());
    assert_eq!(first.says().as_deref(), Some("held"));
    assert_eq!(SqliteStore::holder(folder.path()).as_deref(), Some("the holder, pid 1"));
    assert!(refusal(folder.path()).contains("(the holder, pid 1)"));
    assert_eq!(
        SqliteStore::holder(folder.path()).as_deref(),
        Some("the holder, pid 1"),
        "who asks changes nothing"
    );
    first.kill();
    assert!(is_let_go(folder.path()));
    drop(open(folder.path()));
    assert!(is_let_go(folder.path()));
}

/// Whether nobody holds the folder, soon: a process that another test is just starting has our files for the moment before it becomes
/// another program.
fn is_let_go(folder: &Path) -> bool {
    (0..500).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        SqliteStore::holder(folder).is_none()
    })
}

/// Whoever looks takes a shared lock for a moment; a start must not stumble over it.
#[test]
fn a_start_waits_for_one_who_only_looks() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                SqliteStore::holder(folder.path());
                std::thread::yield_now();
            }
        });
        for _ in 0..20 {
            let opened = SqliteStore::open(folder.path(), "a test", Uuid::nil());
            if opened.is_err() {
                stop.store(true, std::sync::atomic::Ordering::Relaxed);
            }
            opened.unwrap();
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}
