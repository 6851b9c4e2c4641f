//! What is on the disk when a write answers.

use std::process::Command;

use rusqlite::Connection;

use super::{End, SqliteStore, Store, Uuid, ending, new_user, on_writer, open};

/// `synchronous`, `journal_mode`, `foreign_keys`, `secure_delete`, `trusted_schema`, `query_only`.
fn settings(sql: &Connection) -> rusqlite::Result<(i64, String, bool, bool, bool, bool)> {
    let number = |name: &str| sql.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0));
    let flag = |name: &str| sql.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0));
    let journal = sql.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
    Ok((
        number("synchronous")?,
        journal,
        flag("foreign_keys")?,
        flag("secure_delete")?,
        flag("trusted_schema")?,
        flag("query_only")?,
    ))
}

const FULL: i64 = 2;

#[tokio::test]
async fn st_02_every_connection_syncs_fully_and_writes_ahead() {
    let folder = tempfile::tempdir().unwrap();
    for _ in ["new", "opened again"] {
        let store = open(folder.path());
        let writer = on_writer(&store, |sql, _| settings(sql)).await.unwrap();
        assert_eq!(writer, (FULL, "wal".into(), true, true, false, false));
        let nested = store.readers.read(|first| {
            let second = store.readers.read(settings).unwrap();
            Ok((settings(first)?, second))
        });
        let reader = (FULL, "wal".to_owned(), true, true, false, true);
        assert_eq!(nested.unwrap(), (reader.clone(), reader), "two connections at once");
    }
}

#[tokio::test]
async fn a_reader_cannot_write() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    assert!(store.readers.read(|sql| sql.execute("DELETE FROM meta", [])).is_err());
    store.installation().await.unwrap();
}

/// What stands in the files when an ending answers is the ending, though nobody closed or checkpointed anything.
#[tokio::test]
async fn st_02_the_files_hold_what_was_answered() {
    let (folder, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(folder.path());
    let user = new_user(1);
    let id = user.user.id;
    store.register(user).await.unwrap();
    let jti = Uuid::from_u128(9);
    store.transact(ending(End::User(id))).await.unwrap();
    store.transact(ending(End::Token { jti })).await.unwrap();
    for name in ["symbolon.db", "symbolon.db-wal"] {
        // By another process: to open and close the file here would give up SQLite's locks on it.
        let copied = Command::new("cp").arg(folder.path().join(name)).arg(copy.path()).status().unwrap();
        assert!(copied.success());
    }
    let after = SqliteStore::open(copy.path(), "after the power loss", Uuid::nil()).unwrap();
    assert_eq!(after.user(id).await.unwrap().unwrap().generation, 1);
    assert_eq!(after.log_after(0, 9).await.unwrap(), store.log_after(0, 9).await.unwrap());
    assert_eq!(
        after.installation().await.unwrap().log_epoch,
        Uuid::from_u128(1),
        "a found log keeps its epoch"
    );
}

#[tokio::test]
async fn what_was_queued_is_written_before_the_folder_is_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let waiting: Vec<_> = (1..=50)
        .map(|number| {
            let mut write = Box::pin(store.register(new_user(number)));
            super::commits::queue(write.as_mut());
            write
        })
        .collect();
    drop(waiting);
    drop(store);
    let users = open(folder.path()).users(None, None, 99).await.unwrap();
    assert_eq!(users.len(), 50);
    assert!(!folder.path().join("symbolon.db-wal").exists(), "the last one out folds the log into the file");
}
