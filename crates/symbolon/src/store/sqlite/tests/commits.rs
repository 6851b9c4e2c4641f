//! The writer: what shares a commit, what a failed one leaves, and who is told.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, mpsc},
    task::{Context, Waker},
};

use symbolon_token::view::{Ended, Entry};
use tempfile::TempDir;

use super::{SqliteStore, Uuid, ending, new_user, on_writer, open};
use crate::store::{contract::session_row, sqlite::write, *};

/// Polls once: a write is in the queue then.
pub(super) fn queue<T>(write: Pin<&mut (impl Future<Output = T> + ?Sized)>) {
    assert!(write.poll(&mut Context::from_waker(Waker::noop())).is_pending());
}

fn fresh() -> (TempDir, Arc<SqliteStore>, Arc<Mutex<Vec<Entry>>>) {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(open(folder.path()));
    let told: Arc<Mutex<Vec<Entry>>> = Arc::default();
    let hears = Arc::clone(&told);
    store.follow(Arc::new(move |entries| hears.lock().unwrap().extend_from_slice(entries)));
    (folder, store, told)
}

/// Holds the writer up within a transaction, until told to go on.
fn gate(store: &SqliteStore) -> (mpsc::Sender<()>, Pin<Box<impl Future<Output = Result<()>>>>) {
    let (open, opened) = mpsc::channel();
    let (reach, reached) = mpsc::channel();
    let mut gate = Box::pin(on_writer(store, move |_, _| {
        reach.send(()).unwrap();
        let _ = opened.recv();
        Ok(())
    }));
    queue(gate.as_mut());
    reached.recv().unwrap();
    (open, gate)
}

#[tokio::test]
async fn writes_that_wait_share_a_commit() {
    let (_folder, store, _) = fresh();
    let (open, gate) = gate(&store);
    let mut writes: Vec<_> = (1..=300).map(|number| store.register(new_user(number))).collect();
    writes.iter_mut().for_each(|write| queue(write.as_mut()));
    open.send(()).unwrap();
    gate.await.unwrap();
    for write in writes {
        assert_eq!(write.await.unwrap(), Registered::Created);
    }
    assert_eq!(store.writer.commits(), 2, "301 writes, 256 at most in each");
    assert_eq!(store.users(None, None, 999).await.unwrap().len(), 300);
}

#[tokio::test]
async fn a_refused_write_leaves_no_trace_in_the_commit_it_shares() {
    let (_folder, store, told) = fresh();
    let (open, gate) = gate(&store);
    let user = Uuid::from_u128(1 << 8);
    let twice = NewUser { canonical: "user-1".into(), ..new_user(2) };
    let mut first = store.register(new_user(1));
    let mut second = store.register(twice);
    let mut ended = store.transact(ending(End::User(user)));
    // Appends to the log and is then refused for the password.
    let password = Some((Uuid::from_u128(99), String::from("hash")));
    let half = Transition { password, ..ending(End::User(user)) };
    let mut refused = store.transact(half);
    let mut third = store.transact(ending(End::Token { jti: user }));
    queue(first.as_mut());
    queue(second.as_mut());
    queue(ended.as_mut());
    queue(refused.as_mut());
    queue(third.as_mut());
    open.send(()).unwrap();
    gate.await.unwrap();
    assert_eq!(first.await.unwrap(), Registered::Created);
    assert_eq!(second.await.unwrap(), Registered::Taken);
    assert!(matches!(ended.await.unwrap(), Outcome::Done(done) if done.head == 1));
    assert_eq!(refused.await.unwrap(), Outcome::NotFound);
    assert!(matches!(third.await.unwrap(), Outcome::Done(done) if done.head == 2 && done.entries.len() == 1));
    assert_eq!(store.writer.commits(), 1);
    let told: Vec<_> = told.lock().unwrap().iter().map(|entry| (entry.seq, entry.what)).collect();
    assert_eq!(told, [(1, Ended::User { id: user, generation: 0 }), (2, Ended::Token(user))]);
    assert_eq!(store.user(user).await.unwrap().unwrap().generation, 1);
}

#[tokio::test]
async fn a_failed_commit_is_an_error_for_all_in_it_and_leaves_nothing() {
    let (_folder, store, told) = fresh();
    store.register(new_user(1)).await.unwrap();
    let user = Uuid::from_u128(1 << 8);
    let (open, gate) = gate(&store);
    let mut registered = store.register(new_user(2));
    let mut ended = store.transact(ending(End::User(user)));
    // A reference to nobody, looked at only when committing.
    let mut broken = Box::pin(on_writer(&store, |sql, _| {
        sql.execute_batch(
            "PRAGMA defer_foreign_keys = ON; INSERT INTO attempts VALUES (x'00', x'00', '[]', 0)",
        )
    }));
    queue(registered.as_mut());
    queue(ended.as_mut());
    queue(broken.as_mut());
    open.send(()).unwrap();
    assert_eq!(gate.await.unwrap_err().to_string(), "a commit failed");
    let error = registered.await.unwrap_err();
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("FOREIGN KEY"), "{error:?}");
    assert!(ended.await.is_err() && broken.await.is_err());

    assert_eq!(store.login_by_identifier("user-2").await.unwrap(), None);
    assert_eq!(store.user(user).await.unwrap().unwrap().generation, 0);
    assert_eq!(store.log_after(0, 9).await.unwrap().head, 0);
    assert!(told.lock().unwrap().is_empty());
    let again = store.transact(ending(End::User(user))).await.unwrap();
    assert!(
        matches!(again, Outcome::Done(done) if done.head == 1),
        "the writer goes on, with the number it had"
    );
}

#[tokio::test]
async fn a_full_disk_is_an_error_and_nothing_is_half_written() {
    let (_folder, store, told) = fresh();
    store.register(new_user(1)).await.unwrap();
    let pages = |most: i64| {
        on_writer(&store, move |sql, _| {
            sql.query_row(&format!("PRAGMA max_page_count = {most}"), [], |row| row.get::<_, i64>(0))
        })
    };
    pages(1).await.unwrap();
    let (open, gate) = gate(&store);
    let mut huge = new_user(2);
    huge.user.profile.insert("p".into(), "x".repeat(1 << 20).into());
    let mut ended = store.transact(ending(End::User(Uuid::from_u128(1 << 8))));
    let mut huge = store.register(huge);
    queue(ended.as_mut());
    queue(huge.as_mut());
    open.send(()).unwrap();
    let _ = gate.await;
    assert!(huge.await.is_err());
    let stands = ended.await.is_ok();
    let generation = store.user(Uuid::from_u128(1 << 8)).await.unwrap().unwrap().generation;
    assert_eq!(generation, u64::from(stands), "answered or not there");
    assert_eq!(told.lock().unwrap().len(), usize::from(stands));
    assert_eq!(store.login_by_identifier("user-2").await.unwrap(), None);

    pages(1 << 30).await.unwrap();
    assert_eq!(store.register(new_user(2)).await.unwrap(), Registered::Created);
}

#[tokio::test]
async fn st_31_a_database_locked_by_a_stranger_is_an_error_until_it_is_not() {
    let (folder, store, _) = fresh();
    on_writer(&store, |sql, _| sql.busy_timeout(std::time::Duration::ZERO)).await.unwrap();
    let stranger = rusqlite::Connection::open(folder.path().join("symbolon.db")).unwrap();
    stranger.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(store.register(new_user(1)).await.is_err());
    assert_eq!(store.users(None, None, 9).await.unwrap().len(), 0, "reads go on");
    stranger.execute_batch("ROLLBACK").unwrap();
    assert_eq!(store.register(new_user(1)).await.unwrap(), Registered::Created);
}

#[tokio::test]
async fn st_30_a_caller_that_goes_away_changes_nothing_about_the_write() {
    let (_folder, store, told) = fresh();
    let jti = Uuid::from_u128(7);
    drop(store.transact(ending(End::Token { jti: Uuid::from_u128(8) })));
    let (open, gate) = gate(&store);
    let mut queued = store.transact(ending(End::Token { jti }));
    queue(queued.as_mut());
    drop(queued);
    open.send(()).unwrap();
    gate.await.unwrap();
    store.register(new_user(1)).await.unwrap();
    let log = store.log_after(0, 9).await.unwrap();
    assert_eq!(log.entries.iter().map(|entry| entry.what).collect::<Vec<_>>(), [Ended::Token(jti)]);
    assert_eq!(*told.lock().unwrap(), log.entries, "all of it, or nothing where it never began");
}

/// Readers look for what may go, the writer deletes: in between a session may have been used.
#[tokio::test]
async fn st_21_what_came_back_to_life_before_it_was_purged_stays() {
    let (_folder, store, _) = fresh();
    let new = new_user(1);
    let (user, now) = (new.user.id, new.user.created_at);
    let condition = Condition { user, generation: 0, credential: None, predecessor: None };
    store.register(new).await.unwrap();
    let session = session_row(Uuid::from_u128(9), user, now);
    let login = Transition {
        condition: Some(condition),
        end: None,
        mint: Some(session.clone()),
        ..ending(End::User(user))
    };
    store.transact(login).await.unwrap();
    let rule = ThrottleRule { free: 9, block_ms: 1, max_block_ms: 1, forget_ms: 9 };
    store.charge(vec![Charge { key: [1; 16], rule }], now).await.unwrap();

    let before = PurgeBefore { now, sessions: session.idle_expires_at, audit: now, throttle_most: 9 };
    let counters = [([1; 16], now.as_millis(), 2)];
    let purged = store.writer.write(move |sql, _| write::purge(sql, before, 9, &[session.id], &counters));
    assert_eq!(purged.await.unwrap(), 0);
    assert!(store.session(session.id).await.unwrap().is_some_and(|row| row.live(now)));
    assert_eq!(store.counters().len(), 1);
}

#[tokio::test]
async fn a_write_that_panics_is_an_error_and_the_writer_goes_on() {
    let (_folder, store, told) = fresh();
    let panicking = on_writer(&store, |sql, entries| -> rusqlite::Result<()> {
        sql.execute("DELETE FROM meta", [])?;
        entries.push(Entry { seq: 1, what: Ended::Token(Uuid::nil()), forget_at: None });
        panic!("on purpose");
    });
    assert_eq!(panicking.await.unwrap_err().to_string(), "a write panicked");
    assert!(told.lock().unwrap().is_empty());
    store.installation().await.unwrap();
    assert_eq!(store.register(new_user(1)).await.unwrap(), Registered::Created);
}

/// What this process holds in memory is no longer known to be true: it must end nothing more, rather than falsely.
#[tokio::test]
async fn a_follower_that_panics_stops_the_writer() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.follow(Arc::new(|_| panic!("on purpose")));
    store.register(new_user(1)).await.unwrap();
    let user = Uuid::from_u128(1 << 8);
    assert!(store.transact(ending(End::User(user))).await.is_err());
    assert!(store.register(new_user(2)).await.is_err());
    while store.installation().await.is_ok() {
        // The thread is about to end.
        tokio::task::yield_now().await;
    }
    drop(store);
    let store = open(folder.path());
    assert_eq!(store.user(user).await.unwrap().unwrap().generation, 1, "it was committed, but not answered");
}

#[tokio::test]
async fn st_25_more_writes_than_may_wait_are_refused_at_once() {
    let (_folder, store, _) = fresh();
    let (open, gate) = gate(&store);
    let mut waiting = Vec::new();
    let refused = loop {
        let mut write = store.touch(Vec::new());
        match write.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            std::task::Poll::Pending => waiting.push(write),
            std::task::Poll::Ready(answer) => break answer,
        }
    };
    assert_eq!(refused.unwrap_err().to_string(), "too many writes are waiting");
    assert_eq!(waiting.len(), 16_384);
    open.send(()).unwrap();
    gate.await.unwrap();
    for write in waiting {
        write.await.unwrap();
    }
}
