//! The barrier: what an ending waits for before it answers (model, steps 10 and 14).
//!
//! It begins when the commit has answered, and ends when every guard whose lease is live has applied the entry, or when lease and margin
//! have passed on this process's own clock: then nobody can hold a lease from before the commit. The timer is not optional; without it a
//! node that renews its lease and never gets to read the log would hold up every ending for good (F9). Ending what is already ended
//! waits too (F3).
//!
//! Endings that wait at the same time share their looks at the guards' rows. A look counts for an ending only if it began after that
//! one's commit: a row that had lapsed before may be live again after, with a log that was read before (rule 7).
//!
//! What holds of the commit holds of every moment: a lease from before it is over when the timer has passed since. A row that says the same for
//! as long, as seen from here, was not renewed (it would say something later), and is waited for no longer: so a node that is gone holds up one
//! ending, and none after it.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use symbolon_token::Timestamp;
use uuid::Uuid;

use crate::{
    Symbolon,
    error::{Error, ErrorKind, Result},
};

use super::terms::STORE_STEP;

/// The pause between two looks grows by this, up to that. It ends early when something moves in this process.
const PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// Looks at the guards' rows that are shared by those who wait.
#[derive(Default)]
pub(crate) struct Looks {
    begun: AtomicU64,
    /// Held during a look.
    last: tokio::sync::Mutex<Last>,
}

/// The last look that ended.
#[derive(Default)]
struct Last {
    number: u64,
    saw: Look,
    /// What each row said of its lease, and when it was first seen to, by this process's clock.
    said: HashMap<Uuid, (Timestamp, Duration)>,
}

/// Who may decide at a moment.
#[derive(Clone, Copy, Debug, Default)]
struct Look {
    /// The least that one of them has applied.
    least: u64,
    /// How many they are.
    live: usize,
}

tokio::task_local! {
    static WITHOUT_WAITING: ();
}

/// Carries out an ending whose caller does not want to wait: it answers when it is written, and comes to the other guards while
/// their leases last. For `Prefer: respond-async` alone.
pub async fn without_waiting<T>(ending: impl Future<Output = T>) -> T {
    WITHOUT_WAITING.scope((), ending).await
}

impl Symbolon {
    /// Waits until no guard decides without the log's entries up to `head`. To be called after the commit has answered.
    ///
    /// # Errors
    /// `Internal`, when a store that is held alone did not tell of what it committed.
    pub(crate) async fn barrier(&self, head: u64) -> Result<()> {
        let clock = &*self.0.clock;
        let revocation = &self.0.revocation;
        let began = clock.monotonic();
        let shared = self.store().shared();
        if !shared && self.memory().view.last_seq() < head {
            let text = "The log was not applied up to an ending that was committed.";
            return Err(Error::new(ErrorKind::Internal, text));
        }
        if shared {
            revocation.wake();
        }
        if WITHOUT_WAITING.try_with(|()| ()).is_ok() {
            return Ok(());
        }
        let timer = revocation.terms().barrier(self.now());
        let in_any_case = began + timer;
        // Guards that the process before let decide are not known here.
        let predecessor = revocation.predecessor_lapses(timer);
        let mut moved = revocation.moved();
        let mut pause = PAUSE;
        let mut most = 0;
        loop {
            moved.mark_unchanged();
            let left = in_any_case.saturating_sub(clock.monotonic());
            let look = if shared { self.look_within(left).await } else { Some(self.look_here()) };
            let settled = look.is_some_and(|look| look.least >= head);
            let now = clock.monotonic();
            let until = if settled { predecessor } else { in_any_case };
            let left = until.saturating_sub(now);
            most = look.map_or(most, |look| look.live.max(most));
            if left.is_zero() {
                // Who went meanwhile was waited for until its lease was over, for nothing.
                let went = look.is_none_or(|look| look.live < most);
                revocation.seen.waited(now.saturating_sub(began), settled && !went);
                return Ok(());
            }
            let _ = tokio::time::timeout(pause.min(left), moved.changed()).await;
            pause = (pause + PAUSE).min(LONGEST_PAUSE);
        }
    }

    /// The barrier for the head of the log as it is now: for whoever wants to end what somebody else is ending.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn settled(&self) -> Result<()> {
        let alone = !self.store().shared();
        let head = if alone {
            self.memory().view.last_seq()
        } else {
            self.store().log_after(u64::MAX >> 1, 1).await?.head
        };
        self.barrier(head).await
    }

    /// What this process, and every guard that depends on it, has applied.
    pub(crate) fn published(&self) -> u64 {
        let memory = self.memory();
        let least = self.0.revocation.grants().least(memory.epoch, self.0.clock.monotonic());
        least.min(memory.view.last_seq())
    }

    /// What this process alone is, over a store that it holds alone.
    fn look_here(&self) -> Look {
        let live = self.0.revocation.grants().live(self.0.clock.monotonic());
        Look { least: self.published(), live }
    }

    /// A look at all who share the store; `None`: it could not be had in time.
    async fn look_within(&self, time: Duration) -> Option<Look> {
        match tokio::time::timeout(time, self.look()).await {
            Ok(Ok(look)) => Some(look),
            Ok(Err(error)) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "an ending could not see what guards have applied; it looks again until their leases are over"
                );
                None
            }
            Err(_) => None,
        }
    }

    /// A look that begins now or later.
    async fn look(&self) -> Result<Look> {
        let looks = &self.0.revocation.looks;
        let begun = looks.begun.load(Ordering::SeqCst);
        let mut last = looks.last.lock().await;
        if last.number > begun {
            return Ok(last.saw);
        }
        let number = looks.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let timer = self.0.revocation.terms().barrier(self.now());
        let asked = self.0.clock.monotonic();
        let rows = self.store().guards(STORE_STEP, self.now()).await?;
        let answered = self.0.clock.monotonic();
        let mut said = HashMap::with_capacity(rows.len());
        let mut saw = Look { least: u64::MAX, live: 0 };
        for row in rows {
            let before = last.said.get(&row.id).filter(|(until, _)| *until == row.lease_until);
            let since = before.map_or(answered, |(_, since)| *since);
            said.insert(row.id, (row.lease_until, since));
            if !row.lapsed && asked < since + timer {
                saw = Look { least: saw.least.min(row.applied), live: saw.live + 1 };
            }
        }
        *last = Last { number, saw, said };
        Ok(saw)
    }
}
