//! What this process holds in memory of what the log speaks about: the view, and the caches that the log purges.
//!
//! Owns the order of applying (first the view, then the caches; model rule 2) and the time until which memory may decide. A log of
//! another epoch, or one that was trimmed above what was read of it, is another `Memory` as a whole: a fill that is under way ends in
//! the old one, which nobody asks any more (F8). Whoever checks takes one `Memory` and asks it everything: first whether it is
//! fresh, then the view, then a cache.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use symbolon_token::{Ended, Entry, Timestamp, View};
use uuid::Uuid;

use crate::{
    clock::Clock, limits::Settings, session::cache::SessionCache, token::cache::TokenCache,
    user::cache::UserCache,
};

pub(crate) struct Memory {
    /// The log's epoch that the view's numbers are of.
    pub(crate) epoch: Uuid,
    pub(crate) view: View,
    pub(crate) sessions: SessionCache,
    pub(crate) users: UserCache,
    pub(crate) tokens: TokenCache,
    /// Users of whom a generation ended since the session cache was last swept for them. Held while entries are applied and
    /// while they are forgotten.
    ended_users: Mutex<Vec<(Uuid, u64)>>,
    /// Until when this memory may decide, microseconds of the monotonic clock.
    fresh_until: AtomicU64,
}

/// No lease: the store is held alone, and memory is told of an ending before anybody else is.
const ALWAYS: u64 = u64::MAX;

impl Memory {
    /// An empty memory of a log; it may not decide yet.
    pub(crate) fn new(epoch: Uuid, settings: &Settings) -> Self {
        Self {
            epoch,
            view: View::new(),
            sessions: SessionCache::new(settings.session_cache),
            users: UserCache::new(settings.user_cache),
            tokens: TokenCache::new(settings.token_cache),
            ended_users: Mutex::default(),
            fresh_until: AtomicU64::new(0),
        }
    }

    /// Whether this memory may decide. Asked before anything else of it (m15).
    pub(crate) fn fresh(&self, clock: &dyn Clock) -> bool {
        match self.fresh_until.load(Ordering::Acquire) {
            ALWAYS => true,
            0 => false,
            until => micros(clock.monotonic()) < until,
        }
    }

    /// What is left of the time that it may decide; `None` when that has no end.
    pub(crate) fn freshness_left(&self, clock: &dyn Clock) -> Option<Duration> {
        match self.fresh_until.load(Ordering::Acquire) {
            ALWAYS => None,
            until => Some(Duration::from_micros(until.saturating_sub(micros(clock.monotonic())))),
        }
    }

    /// Lets it decide until then; to be called when everything that the log holds for it is applied (m2).
    pub(crate) fn fresh_until(&self, until: Duration) {
        self.fresh_until.store(micros(until), Ordering::Release);
    }

    /// Lets it decide for good.
    pub(crate) fn always_fresh(&self) {
        self.fresh_until.store(ALWAYS, Ordering::Release);
    }

    /// Applies entries that were read from the log without a gap.
    pub(crate) fn apply_log(&self, entries: &[Entry]) {
        self.apply(entries, View::apply_log);
    }

    /// Applies entries of this very process, below which others may be missing: the number that was read does not move (F5).
    pub(crate) fn apply_own(&self, entries: &[Entry]) {
        self.apply(entries, View::apply);
    }

    fn apply(&self, entries: &[Entry], to_view: impl FnOnce(&View, &[Entry])) {
        let mut ended = self.ended_users();
        to_view(&self.view, entries);
        for entry in entries {
            match &entry.what {
                Ended::Session(id) => self.sessions.remove(*id),
                Ended::User { id, generation } => {
                    self.users.remove(*id);
                    // Found by a look through the whole cache: that waits for the sweep, and until then the view refuses them.
                    ended.push((*id, *generation));
                }
                Ended::Changed(id) => self.users.remove(*id),
                // The keyring itself drops a removed key when it is told.
                Ended::Key(_) => self.tokens.clear(),
                // The view refuses it, and it leaves when it is shown or swept.
                Ended::Token(_) => {}
            }
        }
    }

    /// Removes from the caches what the view ended, and only then lets the view forget it: a cached session must never outlive
    /// the entry that ended it.
    pub(crate) fn sweep(&self, now: Timestamp) {
        loop {
            let mut ended = self.ended_users();
            if ended.is_empty() {
                // Nobody applies an entry now, so none is forgotten that the cache was not swept for.
                return self.view.forget(now);
            }
            let swept = std::mem::take(&mut *ended);
            drop(ended);
            self.sessions.remove_users(&swept.into_iter().collect());
        }
    }

    fn ended_users(&self) -> MutexGuard<'_, Vec<(Uuid, u64)>> {
        self.ended_users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(ALWAYS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::cache::tests::session;

    const SESSION: Uuid = Uuid::from_u128(7);

    /// Somebody who read the session before it ended fills the cache just before the view is told.
    #[test]
    fn rule_2_m3_what_was_filled_until_the_view_was_told_is_purged() {
        let memory = Memory::new(Uuid::nil(), &Settings::new("https://id.example"));
        let live = session(1);
        let fill = || {
            let keep = || memory.sessions.insert(SESSION, live.clone());
            memory.view.insert_unless_ended(0, SESSION, live.user, live.generation, keep).is_some()
        };
        let ended = Entry { seq: 1, what: Ended::Session(SESSION), forget_at: Some(9) };
        memory.apply(&[ended], |view, entries| {
            assert!(fill(), "nothing speaks against it");
            view.apply_log(entries);
        });
        assert!(memory.sessions.get(SESSION).is_none(), "it would live again once the view forgets");
        assert!(!fill());
    }
}
