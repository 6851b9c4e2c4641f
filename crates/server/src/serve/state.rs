//! What is known of one connection: what it is doing, since when, and until when it may go on. The wire, the requests and
//! the task that drives the connection share it.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::answer::Refusal;
use super::clock::now;
use super::limits::Limits;

/// The state of one connection. Times are milliseconds after `start`, plus one; zero is "not".
#[derive(Debug)]
pub(super) struct State {
    start: Instant,
    /// Requests being handled or answered.
    active: AtomicUsize,
    /// When a request last began or ended.
    changed: AtomicU64,
    /// Since when a head is incomplete.
    head: AtomicU64,
    /// Since when the peer has not taken all that was written.
    stalled: AtomicU64,
    /// The number of the refusal the wire came to; 0 is none.
    refusal: AtomicU8,
    /// Whether a request has been seen at all.
    begun: AtomicBool,
    /// Whether the peer has sent its last.
    ended: AtomicBool,
    /// Whether input stands between two messages.
    boundary: AtomicBool,
    /// Whether the peer speaks HTTP/2.
    http2: AtomicBool,
}

/// Until when a connection may go on as it is, and what happens then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Deadline {
    pub(super) at: Instant,
    /// Answered with this; `None`: closed without a word.
    pub(super) with: Option<Refusal>,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            start: now(),
            active: AtomicUsize::new(0),
            changed: AtomicU64::new(0),
            head: AtomicU64::new(0),
            stalled: AtomicU64::new(0),
            refusal: AtomicU8::new(0),
            begun: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            boundary: AtomicBool::new(true),
            http2: AtomicBool::new(false),
        }
    }

    fn mark(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.start).as_millis())
            .unwrap_or(u64::MAX)
            .saturating_add(1)
    }

    fn instant(&self, mark: u64) -> Instant {
        self.start + Duration::from_millis(mark.saturating_sub(1))
    }

    /// A request begins; tells when.
    pub(super) fn begin(&self) -> Instant {
        let at = now();
        self.active.fetch_add(1, Ordering::Relaxed);
        self.begun.store(true, Ordering::Relaxed);
        self.changed.store(self.mark(at), Ordering::Relaxed);
        at
    }

    /// A request's answer has been handed over whole, or given up.
    pub(super) fn end(&self) {
        self.changed.store(self.mark(now()), Ordering::Relaxed);
        self.active.fetch_sub(1, Ordering::Release);
    }

    /// What the wire has read so far.
    pub(super) fn input(&self, in_head: bool, boundary: bool, http2: bool) {
        self.boundary.store(boundary, Ordering::Relaxed);
        self.http2.store(http2, Ordering::Relaxed);
        match (in_head, self.head.load(Ordering::Relaxed)) {
            (true, 0) => self.head.store(self.mark(now()), Ordering::Relaxed),
            (false, since) if since != 0 => self.head.store(0, Ordering::Relaxed),
            _ => {}
        }
    }

    /// The peer has sent its last.
    pub(super) fn end_of_input(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    /// Output has to wait for the peer, or has all gone out.
    pub(super) fn output(&self, waits: bool) {
        match (waits, self.stalled.load(Ordering::Relaxed)) {
            (true, 0) => self.stalled.store(self.mark(now()), Ordering::Relaxed),
            (false, since) if since != 0 => self.stalled.store(0, Ordering::Relaxed),
            _ => {}
        }
    }

    pub(super) fn refuse(&self, refusal: Refusal) {
        self.refusal.store(refusal as u8, Ordering::Relaxed);
    }

    /// The refusal the wire came to, once everything before it has been answered.
    pub(super) fn refusal_due(&self) -> Option<Refusal> {
        let refusal = Refusal::from_number(self.refusal.load(Ordering::Relaxed))?;
        (self.idle() && self.stalled.load(Ordering::Relaxed) == 0).then_some(refusal)
    }

    pub(super) fn is_refused(&self) -> bool {
        self.refusal.load(Ordering::Relaxed) != 0
    }

    pub(super) fn idle(&self) -> bool {
        self.active.load(Ordering::Acquire) == 0
    }

    pub(super) fn begun(&self) -> bool {
        self.begun.load(Ordering::Relaxed)
    }

    pub(super) fn is_http2(&self) -> bool {
        self.http2.load(Ordering::Relaxed)
    }

    /// Whether something the peer sent, or is about to send, has not been read: closing now would make the operating system
    /// discard the answer along with it. HTTP/2 is read to the end of its last frame.
    pub(super) fn unread(&self) -> bool {
        !self.boundary.load(Ordering::Relaxed) && !self.ended.load(Ordering::Relaxed) && !self.is_http2()
    }

    /// Until when the connection may go on as it is. `draining`: since when the server is stopping.
    pub(super) fn deadline(&self, limits: &Limits, draining: Option<Instant>) -> Deadline {
        let silent = |at| Deadline { at, with: None };
        let changed = self.instant(self.changed.load(Ordering::Relaxed));
        let stalled = self.stalled.load(Ordering::Relaxed);
        if stalled != 0 {
            return silent(self.instant(stalled) + limits.write_timeout);
        }
        if !self.idle() {
            return silent(changed + limits.stuck());
        }
        let head = self.head.load(Ordering::Relaxed);
        if head != 0 {
            let at = self.instant(head) + limits.header_timeout;
            return Deadline { at, with: Some(Refusal::RequestTimeout) };
        }
        let idle = if self.begun() || self.is_http2() { limits.idle_timeout } else { limits.header_timeout };
        let at = changed + idle;
        silent(match draining {
            // HTTP/2 has a way to say that it closes, and gets the time to hear that it was understood.
            Some(since) if self.is_http2() => at.min(since.max(changed) + limits.linger),
            Some(since) => at.min(since.max(changed) + limits.drain_grace),
            None => at,
        })
    }
}
