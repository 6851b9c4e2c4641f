//! Revocation: the one way in which access ends, and how every process that decides from memory comes to know.
//!
//! Owns [`Ending`] and the call that carries it out; the log's tail, the lease, the barrier and the grants to guards without a store.
//! Refuses every other way: whatever ends access (logout, revoke, "all others", password change, disable, delete, refresh reuse, key
//! removal, a login over a presented session) comes through `Symbolon::end` (invariant 11), as one transaction that ends the rows and
//! appends to the log.
//!
//! The order of an ending, and why:
//! 1. The transaction commits, with the log entry in it. A crash after this point loses nothing: the log is read at start.
//! 2. The entry is applied here: first the view, then the caches. A check that begins after this refuses.
//! 3. Barrier: every process that may decide from memory has applied the entry, or may not decide any more. Alone over its store, a
//!    node has applied it when the commit answers, for the writer tells the follower first.
//! 4. The call returns. Ending what is already ended takes the same way and waits for the log's head (F3).
//!
//! The protocol was checked as a model, which fails in many ways when a step is left out or two are turned round. Its rules, and
//! where each is kept:
//! 1. The time is noted before the lease is written, the log is read after that has committed: `lease`.
//! 2. View, caches, number, and only then the lease; a check asks in the reverse order, and for the time last: `memory`, `lease`.
//! 3. Only reading the log moves the number up to which it was read, from 0 with an empty view: `log`, `memory`.
//! 4. A cache is filled under the view's lock, if nothing was said since the number that was noted before the read:
//!    `View::insert_unless_ended`. The log remembers longer than tokens live.
//! 5. A check that is not fresh reads the store itself, and neither uses nor fills a cache: `session/check`, `token/check`.
//! 6. Log numbers come from a row that is locked until the commit; a renewal inserts its row, an acknowledgement never: the stores.
//! 7. The barrier begins after the commit, each look is a new transaction, and there is always a timer: `barrier`.
//! 8. The margins: `terms`.
//! 9. The clock counts suspend: `clock`. And what the model takes for granted, one time for all who say how long an ending is to be
//!    remembered and who forget it: the store's, where it is shared (`EngineClock`), and told to guards.
//! 10. Every start of a process is a new guard with a random id: `Revocation::new`.
//! 11. Shutdown, poll replies and trimming have their order: `lease`, `remote`, `log`.

pub(crate) mod barrier;
pub mod end;
pub mod grants;
pub(crate) mod lease;
pub(crate) mod log;
pub mod remote;
pub mod seen;
pub(crate) mod terms;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use tokio::sync::{Notify, watch};
use uuid::Uuid;

pub use barrier::without_waiting;
pub use end::{Ended, Ending};
pub use grants::RemoteGuard;
pub use remote::{MOST_ENTRIES, Poll, PollAnswer};
pub use seen::Barriers;

use barrier::Looks;
use grants::Grants;
use seen::Seen;
use terms::Terms;

/// What one process knows of its part in the protocol.
pub(crate) struct Revocation {
    /// The guard that this start of the process is.
    id: Uuid,
    terms: Mutex<Terms>,
    grants: Mutex<Grants>,
    looks: Looks,
    /// Wakes the tail.
    wake: Arc<Notify>,
    /// Tells that something was applied or acknowledged.
    moved: watch::Sender<()>,
    /// The epoch and number that the guard's row was last told.
    acknowledged: Mutex<(Uuid, u64)>,
    /// Whether the lease was given up for good.
    closed: Mutex<bool>,
    /// Held by a renewal: one that is under way must not write the row again that a shutdown has removed (F4).
    renewing: tokio::sync::Mutex<()>,
    /// When this process began, by the monotonic clock.
    began: Duration,
    /// Whether guards of the process before may still decide then, and nothing else tells until when.
    after_guards: bool,
    /// How far the wall clock was from the store's at the last renewal, at least; milliseconds.
    clocks_apart: AtomicU64,
    /// Whether it is stored that a guard was granted a lease.
    guards_noted: tokio::sync::Mutex<bool>,
    seen: Seen,
}

impl Revocation {
    /// `guards_noted`: whether the store remembers guards without one; `now`: of the monotonic clock.
    pub(crate) fn new(id: Uuid, terms: Terms, guards_noted: bool, shared: bool, now: Duration) -> Self {
        Self {
            id,
            terms: Mutex::new(terms),
            grants: Mutex::default(),
            looks: Looks::default(),
            wake: Arc::default(),
            moved: watch::Sender::new(()),
            acknowledged: Mutex::default(),
            closed: Mutex::default(),
            renewing: tokio::sync::Mutex::default(),
            // Where the store is shared, the row of the process before stands there, and is waited for.
            after_guards: guards_noted && !shared,
            began: now,
            clocks_apart: AtomicU64::new(0),
            guards_noted: tokio::sync::Mutex::new(guards_noted),
            seen: Seen::new(now),
        }
    }

    pub(crate) fn terms(&self) -> Terms {
        *self.terms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_terms(&self, terms: Terms) {
        *self.terms.lock().unwrap_or_else(PoisonError::into_inner) = terms;
    }

    fn grants(&self) -> MutexGuard<'_, Grants> {
        self.grants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Guards without a store that may decide at `now`, and those that could a while ago.
    pub(crate) fn remote_guards(&self, now: Duration) -> Vec<RemoteGuard> {
        self.grants().all(now)
    }

    /// What an operator sees of it.
    pub(crate) fn seen(&self) -> &Seen {
        &self.seen
    }

    /// The guard that this start of the process is.
    pub(crate) fn id(&self) -> Uuid {
        self.id
    }

    /// Forgets guards that have not been there for long.
    pub(crate) fn sweep(&self, now: Duration) {
        self.grants().sweep(now);
    }

    /// Tells those who wait that something was applied or acknowledged.
    pub(crate) fn moves(&self) {
        self.moved.send_replace(());
    }

    fn moved(&self) -> watch::Receiver<()> {
        self.moved.subscribe()
    }

    /// Has the log read soon.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    pub(crate) fn woken(&self) -> Arc<Notify> {
        Arc::clone(&self.wake)
    }

    fn acknowledged(&self) -> (Uuid, u64) {
        *self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_acknowledged(&self, told: (Uuid, u64)) {
        *self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner) = told;
    }

    /// Nothing makes memory fresh any more, once this has answered.
    fn close(&self) {
        *self.closed.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }

    fn unless_closed(&self, work: impl FnOnce()) {
        let closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        if !*closed {
            work();
        }
    }

    fn is_closed(&self) -> bool {
        *self.closed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until when guards of the process before may decide, when a lease with its margin is as long as `timer`.
    fn predecessor_lapses(&self, timer: Duration) -> Duration {
        if self.after_guards { self.began + timer } else { Duration::ZERO }
    }
}
