//! Backups are one moment of a store that is written to; restores happen as a whole or not at all.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

use rusqlite::Connection;
use symbolon_token::Timestamp;

use super::{Past, SqliteStore, Uuid, new_user, open};
use crate::store::*;

const AT: Timestamp = Timestamp::from_millis(1_700_000_000_123);
const LATER: Timestamp = Timestamp::from_millis(1_700_000_100_456);

fn take(folder: &Path, target: &Path) -> Result<u64> {
    SqliteStore::back_up(folder, "a backup", target, AT, |_, _| {}).map(|taken| taken.bytes)
}

fn refused<T>(answer: Result<T>) -> String {
    let error = answer.err().expect("it is refused");
    error.to_string()
}

fn count(database: &Path, table: &str) -> u128 {
    let sql = Connection::open(database).unwrap();
    sql.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, u32>(0)).unwrap().into()
}

async fn register(store: &SqliteStore, numbers: impl IntoIterator<Item = u128>) {
    for number in numbers {
        assert_eq!(store.register(new_user(number)).await.unwrap(), Registered::Created);
    }
}

/// A folder with this many users in it that nobody holds.
async fn filled(users: u128) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    register(&open(folder.path()), 1..=users).await;
    folder
}

/// Restores all the way.
fn restore(folder: &Path, backup: &Path) -> Result<Option<std::path::PathBuf>> {
    let restoring = SqliteStore::restore(folder, "a restore", backup, |_, _| {})?;
    drop(restoring.store()?);
    restoring.finish(LATER)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_one_moment_of_a_store_that_is_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    register(&store, 1..=100).await;
    let target = folder.path().join("backup");
    let runtime = tokio::runtime::Handle::current();
    let (mut next, mut steps) = (101, 0);
    // Between any two steps of the copy somebody writes, and is answered.
    let taken = tokio::task::block_in_place(|| {
        SqliteStore::back_up(folder.path(), "a backup", &target, AT, |copied, all| {
            assert!(copied <= all && all > 10);
            runtime.block_on(register(&store, [next]));
            (next, steps) = (next + 1, steps + 1);
        })
    });
    assert_eq!(taken.unwrap().bytes, fs::metadata(&target).unwrap().len());
    assert!(steps > 10, "{steps}");
    for table in ["users", "identifiers", "credentials", "audit"] {
        assert_eq!(count(&target, table), 100, "{table}: those of the moment, all of them and no other");
    }
    assert_eq!(count(&folder.path().join("symbolon.db"), "users"), next - 1, "and nothing is lost");
}

#[tokio::test]
async fn a_backup_is_a_new_file_of_its_owners_alone() {
    let folder = filled(1).await;
    let target = folder.path().join("backup");
    let partial = folder.path().join("backup.partial");
    // What one left that died, open to all.
    fs::write(&partial, "junk").unwrap();
    fs::set_permissions(&partial, fs::Permissions::from_mode(0o666)).unwrap();
    take(folder.path(), &target).unwrap();
    assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o7777, 0o600);
    assert!(!partial.exists());
    let before = fs::read(&target).unwrap();
    assert!(refused(take(folder.path(), &target)).contains("exists"));
    let elsewhere = folder.path().join("elsewhere");
    fs::write(&elsewhere, "precious").unwrap();
    let link = folder.path().join("link");
    symlink(&elsewhere, &link).unwrap();
    assert!(refused(take(folder.path(), &link)).contains("exists"));
    symlink(&elsewhere, folder.path().join("other.partial")).unwrap();
    assert!(refused(take(folder.path(), &folder.path().join("other"))).contains("symbolic link"));
    assert_eq!((fs::read(&target).unwrap(), fs::read(&elsewhere).unwrap()), (before, b"precious".to_vec()));
    // A folder without a store is none: nothing is made of it.
    let empty = tempfile::tempdir().unwrap();
    assert!(take(empty.path(), &empty.path().join("backup")).is_err());
    assert!(!empty.path().join("backup").exists() && !empty.path().join("backup.partial").exists());
}

#[tokio::test]
async fn a_backup_that_is_put_in_place_by_hand_does_not_start() {
    let folder = filled(2).await;
    let target = folder.path().join("backup");
    take(folder.path(), &target).unwrap();
    let other = tempfile::tempdir().unwrap();
    fs::copy(&target, other.path().join("symbolon.db")).unwrap();
    assert!(refused(SqliteStore::open(other.path(), "a test", Uuid::nil())).contains("restore --in-place"));
    assert_eq!(SqliteStore::past(other.path()).unwrap().backup_of, Some(AT));
    drop(SqliteStore::open_replaced(other.path(), "a restore").unwrap());
    SqliteStore::settled(other.path(), "a restore", LATER).unwrap();
    assert_eq!(open(other.path()).users(None, None, 9).await.unwrap().len(), 2);
    let past = Past { backup_of: None, restored_at: Some(LATER), restored_from: Some(AT) };
    assert_eq!(SqliteStore::past(other.path()).unwrap(), past);
}

#[tokio::test]
async fn a_restore_replaces_the_store_and_keeps_what_was_there() {
    let folder = filled(3).await;
    let target = folder.path().join("backup");
    take(folder.path(), &target).unwrap();
    let store = open(folder.path());
    register(&store, 4..=9).await;
    store.note_remote_guards().await.unwrap();
    let lease = Installation { lease_ms: 7_000, ..store.installation().await.unwrap() };
    store.set_installation(lease).await.unwrap();
    drop(store);
    let begun = SqliteStore::restore(folder.path(), "a restore", &target, |_, _| {}).unwrap();
    assert_eq!(begun.lease(), Some(Duration::from_secs(7)), "it is waited for");
    drop(begun);
    // Twice, as fast as can be: neither writes over what the other has kept.
    let mut kept = Vec::new();
    for before in [9, 3] {
        assert_eq!(open(folder.path()).users(None, None, 99).await.unwrap().len(), before);
        let replaced = restore(folder.path(), &target).unwrap().expect("something was there");
        assert_eq!(count(&replaced, "users"), before as u128);
        kept.push(replaced);
        let store = open(folder.path());
        assert_eq!(store.users(None, None, 99).await.unwrap().len(), 3);
        assert!(
            store.remote_guards().await.unwrap(),
            "a guard may hold a lease that the backup knows nothing of"
        );
    }
    assert_eq!(SqliteStore::replaced_by_restores(folder.path()), kept);
    assert_eq!(SqliteStore::cut_off_restore(folder.path()), None);
    assert!(take(folder.path(), &folder.path().join("again")).is_ok(), "what was restored can be backed up");
    // Into a folder that is not there yet.
    let new = folder.path().join("new");
    assert_eq!(restore(&new, &target).unwrap(), None);
    assert_eq!(open(&new).users(None, None, 99).await.unwrap().len(), 3);
}

#[tokio::test]
async fn what_is_no_whole_backup_is_refused_and_changes_nothing() {
    let folder = filled(60).await;
    let target = folder.path().join("backup");
    take(folder.path(), &target).unwrap();
    let good = fs::read(&target).unwrap();
    let bad = folder.path().join("bad");
    let refused_of = |bytes: &[u8]| {
        fs::write(&bad, bytes).unwrap();
        refused(restore(folder.path(), &bad))
    };
    assert!(refused_of(b"hello").contains("not a backup"));
    assert!(refused_of(b"").contains("not a backup"));
    // Where it was cut decides whether the mark is still found.
    let said = refused_of(&good[..good.len() / 2]);
    assert!(said.contains("damaged") || said.contains("not a backup"), "{said}");
    for page in (0..good.len()).step_by(4096) {
        let mut torn = good.clone();
        torn[page..page + 64].fill(0xa5);
        let said = refused_of(&torn);
        assert!(said.contains("damaged") || said.contains("not a backup"), "{page}: {said}");
    }
    // The database itself, which lacks what is in its log, and somebody else's.
    let raw = fs::read(folder.path().join("symbolon.db")).unwrap();
    assert!(refused_of(&raw).contains("not a backup"));
    fs::remove_file(&bad).unwrap();
    Connection::open(&bad).unwrap().execute_batch("CREATE TABLE theirs (id INTEGER)").unwrap();
    assert!(refused(restore(folder.path(), &bad)).contains("not a backup"));
    assert!(refused(restore(folder.path(), folder.path())).contains("not a file"));
    assert!(refused(restore(folder.path(), &folder.path().join("none"))).contains("could not be read"));
    // One that a newer program made.
    fs::write(&bad, &good).unwrap();
    let newer = "INSERT INTO migrations VALUES (9000, 'later', '', '99.0.0')";
    Connection::open(&bad).unwrap().execute_batch(newer).unwrap();
    assert!(refused(restore(folder.path(), &bad)).contains("needs Symbolon 99.0.0"));

    assert_eq!(SqliteStore::cut_off_restore(folder.path()), None, "nothing is left lying about");
    assert!(SqliteStore::replaced_by_restores(folder.path()).is_empty());
    assert_eq!(open(folder.path()).users(None, None, 99).await.unwrap().len(), 60);
    fs::write(&bad, &good).unwrap();
    restore(folder.path(), &bad).unwrap();
}

#[tokio::test]
async fn st_23_a_folder_that_is_held_is_backed_up_and_not_restored() {
    let folder = filled(1).await;
    let target = folder.path().join("backup");
    let store = open(folder.path());
    take(folder.path(), &target).unwrap();
    assert!(refused(restore(folder.path(), &target)).contains("in use by another Symbolon (a test)"));
    drop(store);
    let restoring = SqliteStore::restore(folder.path(), "a restore", &target, |_, _| {}).unwrap();
    assert!(refused(SqliteStore::open(folder.path(), "a test", Uuid::nil())).contains("(a restore)"));
    drop(restoring);
    assert_eq!(open(folder.path()).users(None, None, 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn st_01_a_restore_that_dies_at_any_step_is_completed_or_never_was() {
    let source = filled(1).await;
    let target = source.path().join("backup");
    take(source.path(), &target).unwrap();
    for step in 0..=5 {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let store = open(folder.path());
        register(&store, 1..=2).await;
        // As a kill leaves it: the newest commits are in the log alone.
        let log = fs::read(path("symbolon.db-wal")).unwrap();
        drop(store);
        fs::write(path("symbolon.db-wal"), &log).unwrap();
        let restoring = SqliteStore::restore(folder.path(), "a restore", &target, |_, _| {}).unwrap();
        drop(restoring.store().unwrap());
        let copy = path("restoring/symbolon.db");
        if step > 0 {
            SqliteStore::settled(&path("restoring"), "a restore", LATER).unwrap();
            fs::copy(&copy, path("whole")).unwrap();
        }
        // It dies: nothing is tidied up but the lock.
        let leaves = path("leaves");
        fs::rename(path("restoring"), &leaves).unwrap();
        drop(restoring);
        fs::rename(&leaves, path("restoring")).unwrap();
        if step > 0 {
            fs::rename(path("whole"), path("symbolon.db.restored")).unwrap();
            let when = fs::metadata(path("symbolon.db.restored")).unwrap().modified().unwrap();
            let replaced =
                format!("symbolon.db.replaced-{}", when.duration_since(UNIX_EPOCH).unwrap().as_millis());
            if step > 1 {
                fs::rename(path("symbolon.db-wal"), path(&format!("{replaced}-wal"))).unwrap();
            }
            if step > 2 {
                fs::rename(path("symbolon.db"), path(&replaced)).unwrap();
            }
            if step > 3 {
                let _ = fs::remove_file(path("symbolon.db-shm"));
            }
            if step > 4 {
                fs::rename(path("symbolon.db.restored"), path("symbolon.db")).unwrap();
            }
        }
        assert!(SqliteStore::is_in(folder.path()), "{step}: nobody begins an installation here");
        let users = open(folder.path()).users(None, None, 9).await.unwrap().len();
        assert_eq!(users, if step == 0 { 2 } else { 1 }, "{step}");
        assert!(!SqliteStore::restore_is_decided(folder.path()), "{step}");
        let replaced = SqliteStore::replaced_by_restores(folder.path());
        assert_eq!(replaced.len(), usize::from(step > 0), "{step}");
        assert!(replaced.iter().all(|replaced| count(replaced, "users") == 2), "{step}: with its log");
        restore(folder.path(), &target).unwrap();
        assert_eq!(SqliteStore::cut_off_restore(folder.path()), None, "{step}: the next one tidies up");
    }
}
