//! Activity: at most one write per session and minute, gathered into one transaction per interval. A crash loses at most the last
//! interval, and never lengthens a session's life.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use symbolon_token::Timestamp;
use uuid::Uuid;

use super::cache::CachedSession;
use crate::{Symbolon, error::Result, memory::Memory, store::Touch};

/// Milliseconds between two writes of one session's activity.
const PAUSE_MS: i64 = 60_000;

/// What waits to be written: of each session the latest, so that an outage fills no memory.
#[derive(Default)]
pub(crate) struct Touches(Mutex<HashMap<Uuid, Touch>>);

impl Touches {
    /// Whether activity of this session waits.
    pub(super) fn hold(&self, session: Uuid) -> bool {
        self.waiting().contains_key(&session)
    }

    fn add(&self, touch: Touch) {
        let mut waiting = self.waiting();
        let known = waiting.entry(touch.session).or_insert(touch);
        if known.seen < touch.seen {
            *known = touch;
        }
    }

    fn take(&self) -> HashMap<Uuid, Touch> {
        std::mem::take(&mut self.waiting())
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<Uuid, Touch>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Symbolon {
    /// Notes activity of a session that `memory` may keep, and which this is a copy of.
    pub(super) fn touch(&self, memory: &Memory, id: Uuid, session: &mut CachedSession, now: Timestamp) {
        if !session.due(now, PAUSE_MS) {
            return;
        }
        session.idle_expires_at = now.plus(self.settings().session.idle).min(session.expires_at);
        if memory.sessions.seen(id, now, PAUSE_MS, session.idle_expires_at) {
            self.0.touches.add(Touch { session: id, seen: now, idle_expires_at: session.idle_expires_at });
        }
    }

    pub(crate) async fn flush_touches(&self) -> Result<()> {
        let waiting = self.0.touches.take();
        if waiting.is_empty() {
            return Ok(());
        }
        let written = self.store().touch(waiting.values().copied().collect()).await;
        if written.is_err() {
            waiting.into_values().for_each(|touch| self.0.touches.add(touch));
        }
        Ok(written?)
    }
}
