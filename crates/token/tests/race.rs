//! The view against a scheduler (shuttle): fills, endings, forgetting and checks in every order that it can think of, at each lock and
//! each atomic. The view is the product's own source over the scheduler's locks; store and cache around it are a model of what the
//! engine does: the row is ended, then the view is told, then the cache; what was read live goes into the cache through
//! `insert_unless_ended` alone; the cache is swept before the view forgets.
//!
//! No harness, because the scheduler's locks work in its runs only: `ROUNDS` schedules for each of the histories.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    reason = "a test, and the whole of a module for a part of it"
)]

#[path = "../src/marks.rs"]
mod marks;
#[path = "../src/view.rs"]
mod view;

use std::collections::HashSet;
use std::sync::Arc;

use shuttle::sync::Mutex;
use shuttle::thread;
use symbolon_token::{AccessClaims, Kid, Timestamp};
use uuid::Uuid;
use view::{Ended, Entry, View};

const ROUNDS: usize = 3_000;
const SESSION: Uuid = Uuid::from_u128(7);
const USER: Uuid = Uuid::from_u128(8);

mod sync {
    pub(crate) use shuttle::sync::atomic::{AtomicU64, Ordering};
    pub(crate) use shuttle::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
    pub(crate) use std::sync::PoisonError;
    use std::{ops::Deref, sync::Arc};

    /// The one of the crate, whose own steps are not looked into: a load or a store is one step.
    pub(crate) struct ArcSwap<T>(RwLock<Arc<T>>);

    impl<T> ArcSwap<T> {
        pub(crate) fn from_pointee(value: T) -> Self {
            Self(RwLock::new(Arc::new(value)))
        }

        pub(crate) fn load(&self) -> impl Deref<Target = Arc<T>> + use<T> {
            let value = Arc::clone(&self.0.read().unwrap());
            Loaded(value)
        }

        pub(crate) fn store(&self, value: Arc<T>) {
            *self.0.write().unwrap() = value;
        }
    }

    struct Loaded<T>(Arc<T>);

    impl<T> Deref for Loaded<T> {
        type Target = Arc<T>;

        fn deref(&self) -> &Arc<T> {
            &self.0
        }
    }
}

#[derive(Default)]
struct World {
    view: View,
    cache: Mutex<HashSet<Uuid>>,
    /// The row; `true` while the session lives.
    row: Mutex<bool>,
}

impl World {
    /// A miss: the number is noted, the row read, and kept only if the log says nothing about it.
    fn fill(&self) {
        let noted = self.view.last_seq();
        let live = *self.row.lock().unwrap();
        thread::yield_now();
        if live {
            self.view
                .insert_unless_ended(noted, SESSION, USER, 1, || self.cache.lock().unwrap().insert(SESSION));
        }
    }

    /// Whether memory lets it in.
    fn accepts(&self) -> bool {
        let forgettings = self.view.forgettings();
        !self.view.session_ended(SESSION)
            && self.cache.lock().unwrap().contains(&SESSION)
            && !self.view.user_ended(USER, 1)
            && self.view.forgettings() == forgettings
    }

    /// A check from before: it may be let in.
    fn asks(&self) {
        let _ = self.accepts();
    }

    /// As the writer does it: the row, then the view, then the cache; then the call returns.
    fn end(&self, what: Ended) {
        *self.row.lock().unwrap() = false;
        self.view.apply_log(&[Entry { seq: 1, what, forget_at: Some(100) }]);
        if matches!(what, Ended::Session(_)) {
            self.cache.lock().unwrap().remove(&SESSION);
        }
    }

    /// As the sweep does it: what a user's entry ended leaves the cache before the view forgets.
    fn sweep(&self) {
        if self.view.user_ended(USER, 1) || self.view.session_ended(SESSION) {
            self.cache.lock().unwrap().remove(&SESSION);
            self.view.forget(Timestamp::from_secs(101));
        }
    }
}

/// Two fills, a check from before, an ending and two sweeps; a check that begins after the ending returned refuses, then and for good.
fn history(what: Ended) {
    let world = Arc::new(World { row: Mutex::new(true), ..World::default() });
    let run = |work: fn(&World)| {
        let world = Arc::clone(&world);
        thread::spawn(move || work(&world))
    };
    let others = [run(World::fill), run(World::asks), run(World::fill), run(World::sweep)];
    let ending = {
        let world = Arc::clone(&world);
        thread::spawn(move || {
            world.end(what);
            assert!(!world.accepts(), "{what:?}: it had returned");
            thread::yield_now();
            assert!(!world.accepts(), "{what:?}: and later");
        })
    };
    for other in others {
        other.join().unwrap();
    }
    ending.join().unwrap();
    world.sweep();
    assert!(!world.accepts(), "{what:?}: for good");
}

/// What another node's entry about somebody else does to the bits must not hide this one.
fn crowd() {
    let world = Arc::new(World { row: Mutex::new(true), ..World::default() });
    world.fill();
    let other = Arc::clone(&world);
    let crowd = thread::spawn(move || {
        other.view.apply(&[Entry { seq: 9, what: Ended::Session(USER), forget_at: Some(1) }]);
        other.view.forget(Timestamp::from_secs(2));
    });
    world.view.apply(&[Entry { seq: 1, what: Ended::Session(SESSION), forget_at: Some(100) }]);
    assert!(!world.accepts(), "whatever is forgotten meanwhile");
    crowd.join().unwrap();
    assert!(!world.accepts());
}

fn main() {
    for what in [Ended::Session(SESSION), Ended::User { id: USER, generation: 1 }] {
        shuttle::check_random(move || history(what), ROUNDS);
        shuttle::check_pct(move || history(what), ROUNDS, 3);
    }
    shuttle::check_random(crowd, ROUNDS);
}
