//! Activity: at most one write per session and minute, gathered into one transaction per interval. A crash loses at most what was not
//! written, and never lengthens a session's life.
//!
//! While the store takes no writes, activity waits here, for as long as that is: of each session one [`Touch`], which says since when
//! the session has been in use without a pause as long as its idle time. So a session in use lives through an outage longer than that,
//! and one that was left alone ends as it would have. What waits is bounded by what memory may hold of sessions; the activity of
//! further ones is not noted, here or in memory, and they end as their rows say.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use symbolon_token::Timestamp;
use uuid::Uuid;

use super::cache::CachedSession;
use crate::{
    Symbolon,
    error::Result,
    memory::Memory,
    store::{SessionRow, Touch, rules},
};

/// Milliseconds between two writes of one session's activity.
const PAUSE_MS: i64 = 60_000;
/// Rows of one transaction: others wait for it.
const BATCH: usize = 4_000;

/// What waits to be written.
pub(crate) struct Touches {
    most: usize,
    /// One writes at a time.
    writing: tokio::sync::Mutex<()>,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    waiting: HashMap<Uuid, Touch>,
    /// On its way to the store, which may not have it yet.
    under_way: HashMap<Uuid, Touch>,
}

impl Held {
    fn of(&self, session: Uuid) -> Option<Touch> {
        match (self.waiting.get(&session), self.under_way.get(&session)) {
            (Some(waiting), Some(under_way)) => Some(rules::joined(*under_way, *waiting)),
            (one, other) => one.or(other).copied(),
        }
    }

    fn add(&mut self, touch: Touch) {
        self.waiting
            .entry(touch.session)
            .and_modify(|known| *known = rules::joined(*known, touch))
            .or_insert(touch);
    }
}

impl Touches {
    /// Of so many sessions at most.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, writing: tokio::sync::Mutex::default(), held: Mutex::default() }
    }

    /// Whether activity of this session waits.
    pub(super) fn hold(&self, session: Uuid) -> bool {
        self.held().of(session).is_some()
    }

    /// Makes of a session's row what it will be when its activity is written.
    pub(super) fn apply(&self, session: &mut SessionRow) {
        let touch = self.held().of(session.id);
        if let Some(touch) = touch {
            rules::touch(session, &touch);
        }
    }

    /// Whether activity of this session can be noted.
    fn admit(&self, session: Uuid) -> bool {
        let held = self.held();
        held.waiting.len() < self.most || held.waiting.contains_key(&session)
    }

    fn add(&self, touch: Touch) {
        self.held().add(touch);
    }

    /// Some of what waits, which is under way then.
    fn take(&self) -> Vec<Touch> {
        let held = &mut *self.held();
        held.under_way = if held.waiting.len() <= BATCH {
            std::mem::take(&mut held.waiting)
        } else {
            let some: Vec<Uuid> = held.waiting.keys().take(BATCH).copied().collect();
            some.into_iter().filter_map(|id| held.waiting.remove_entry(&id)).collect()
        };
        held.under_way.values().copied().collect()
    }

    /// What was under way is in the store; or is not, and waits again.
    fn arrived(&self, written: bool) {
        let held = &mut *self.held();
        for (_, touch) in std::mem::take(&mut held.under_way) {
            if !written {
                held.add(touch);
            }
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Symbolon {
    /// Notes activity of a session that `memory` may keep, and which this is a copy of.
    pub(super) fn touch(&self, memory: &Memory, id: Uuid, session: &mut CachedSession, now: Timestamp) {
        if !session.due(now, PAUSE_MS) || !self.0.touches.admit(id) {
            return;
        }
        let idle_expires_at = now.plus(self.settings().session.idle).min(session.expires_at);
        session.idle_expires_at = idle_expires_at;
        if memory.sessions.seen(id, now, PAUSE_MS, idle_expires_at) {
            self.0.touches.add(Touch { session: id, since: now, seen: now, idle_expires_at });
        }
    }

    /// Writes what waits, or, when that fails, keeps it. What comes meanwhile waits for the next time.
    pub(crate) async fn flush_touches(&self) -> Result<()> {
        let touches = &self.0.touches;
        let _alone = touches.writing.lock().await;
        let batches = touches.held().waiting.len().div_ceil(BATCH);
        for _ in 0..batches {
            let some = touches.take();
            // Given up on its way it waits again: it may have arrived, and written twice it does no harm.
            let under_way = UnderWay(touches);
            self.store().touch(some).await?;
            touches.arrived(true);
            drop(under_way);
        }
        Ok(())
    }
}

/// As long as it is there. Then whatever did not arrive waits again.
struct UnderWay<'a>(&'a Touches);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.arrived(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(session: u128, since: i64, seen: i64) -> Touch {
        Touch {
            session: Uuid::from_u128(session),
            since: Timestamp::from_secs(since),
            seen: Timestamp::from_secs(seen),
            idle_expires_at: Timestamp::from_secs(seen + 100),
        }
    }

    #[test]
    fn what_goes_on_without_a_pause_is_one_and_what_does_not_is_its_last() {
        let first = touch(1, 0, 50);
        assert_eq!(rules::joined(first, touch(1, 149, 149)), touch(1, 0, 149));
        assert_eq!(rules::joined(touch(1, 149, 149), first), touch(1, 0, 149), "in whatever order they come");
        assert_eq!(rules::joined(first, touch(1, 150, 150)), touch(1, 150, 150));
        assert_eq!(rules::joined(first, first), first);
    }

    #[test]
    fn much_is_written_in_batches_and_what_does_not_arrive_waits_again() {
        let many = u128::try_from(BATCH).unwrap() * 2 + 1;
        let touches = Touches::new(usize::MAX);
        (0..many).for_each(|session| touches.add(touch(session, 10, 10)));
        let first = touches.take();
        assert_eq!((first.len(), touches.held().waiting.len()), (BATCH, BATCH + 1));
        let one = first[0].session;
        touches.add(touch(one.as_u128(), 20, 20));
        assert_eq!(touches.held().of(one), Some(touch(one.as_u128(), 10, 20)), "on its way it is held too");
        touches.arrived(false);
        assert_eq!(touches.held().waiting.len(), BATCH * 2 + 1);
        assert_eq!(touches.held().of(one), Some(touch(one.as_u128(), 10, 20)));
        let mut written = std::collections::HashSet::new();
        for left in [BATCH + 1, 1, 0] {
            written.extend(touches.take().iter().map(|touch| touch.session));
            touches.arrived(true);
            assert_eq!(touches.held().waiting.len(), left);
        }
        assert_eq!(written.len(), BATCH * 2 + 1);
        assert!(!touches.hold(one));
    }

    #[test]
    fn of_more_sessions_than_may_be_none_is_held_and_of_those_that_are_the_activity_goes_on() {
        let touches = Touches::new(2);
        for session in 1..=2 {
            assert!(touches.admit(Uuid::from_u128(session)));
            touches.add(touch(session, 1, 1));
        }
        assert!(!touches.admit(Uuid::from_u128(3)));
        assert!(touches.admit(Uuid::from_u128(2)));
    }
}
