//! What a guard holds in memory: the view of what is dead, and the cookies that the server said are good. A reset of the log is another
//! memory, so that an answer that is still under way ends in the old one.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use quick_cache::sync::Cache;
use symbolon_http::Identity;
use symbolon_token::{Entry, SessionCookie, Timestamp, View};
use uuid::Uuid;

/// Cookies kept at most.
const COOKIES: usize = 100_000;

/// A cookie that the server said is good.
pub(crate) struct KnownCookie {
    pub(crate) identity: Identity,
    /// SHA-256 of its secret.
    pub(crate) hash: [u8; 32],
    /// Until when it need not be asked for again, on the monotonic clock.
    pub(crate) until: Duration,
}

#[derive(Default)]
struct Place {
    epoch: Option<Uuid>,
    next: u64,
}

pub(crate) struct Memory {
    pub(crate) view: View,
    /// By session.
    pub(crate) cookies: Cache<Uuid, Arc<KnownCookie>>,
    /// Microseconds of the monotonic clock.
    fresh_until: AtomicU64,
    place: Mutex<Place>,
}

impl Memory {
    pub(crate) fn new() -> Self {
        Self {
            view: View::new(),
            cookies: Cache::new(COOKIES),
            fresh_until: AtomicU64::new(0),
            place: Mutex::default(),
        }
    }

    /// Whether it may decide; asked before anything else of it.
    pub(crate) fn fresh(&self, now: Duration) -> bool {
        micros(now) < self.fresh_until.load(Ordering::Acquire)
    }

    /// What is left of its lease.
    pub(crate) fn left(&self, now: Duration) -> Duration {
        Duration::from_micros(self.fresh_until.load(Ordering::Acquire).saturating_sub(micros(now)))
    }

    /// Lets it decide until then, when everything up to the lease is applied.
    pub(crate) fn fresh_until(&self, until: Duration) {
        self.fresh_until.store(micros(until), Ordering::Release);
    }

    /// The epoch and number to ask with.
    pub(crate) fn place(&self) -> (Option<Uuid>, u64) {
        let place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        (place.epoch, place.next)
    }

    /// Applies a page: the view, and with it the number. What it ends among the cookies the view refuses.
    pub(crate) fn apply(&self, epoch: Uuid, entries: &[Entry], next: u64) {
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        self.view.apply_log(entries);
        (place.epoch, place.next) = (Some(epoch), next);
    }

    /// Whether the view says nothing against a cookie.
    pub(crate) fn lives(&self, identity: &Identity) -> bool {
        identity.session_id.is_some_and(|session| !self.view.session_ended(session))
            && !self.view.user_ended(identity.user_id, identity.generation)
    }

    /// The answer of the server about a cookie is kept, if nothing was said against it since `noted` (F1).
    pub(crate) fn keep(&self, noted: u64, cookie: &SessionCookie, known: KnownCookie) {
        let Identity { user_id, generation, .. } = known.identity;
        let insert = || self.cookies.insert(cookie.id(), Arc::new(known));
        self.view.insert_unless_ended(noted, cookie.id(), user_id, generation, insert);
    }

    /// Forgets what is over: first the cookies that the view ended, then what the view knows of them.
    pub(crate) fn sweep(&self, now: Timestamp) {
        // Nothing is applied meanwhile, so nothing is forgotten that the cookies were not swept for.
        let _place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        self.cookies.retain(|_, known| now < known.identity.expires_at && self.lives(&known.identity));
        self.view.forget(now);
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
