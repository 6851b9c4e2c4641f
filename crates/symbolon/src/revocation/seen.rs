//! What an operator sees of the protocol in this process: plain numbers, counted as things happen and read when somebody asks.
//!
//! Owns when the log was last known to its end, when the lease was last renewed, and what endings waited for guards. Nothing here is
//! touched by a check.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Upper bounds in milliseconds of what endings waited: from a process that is alone to a lease of a minute that had to pass.
const BOUNDS: [u64; 13] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 60_000];

/// See the module. Times are of the monotonic clock.
#[derive(Debug)]
pub(crate) struct Seen {
    read_micros: AtomicU64,
    renewed_micros: AtomicU64,
    failed: AtomicU64,
    count: AtomicU64,
    timed_out: AtomicU64,
    micros: AtomicU64,
    longest_micros: AtomicU64,
    /// How many waited so long, and longer than the bound before.
    within: [AtomicU64; BOUNDS.len()],
}

/// What an operator is told of barriers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Barriers {
    /// How many endings waited.
    pub count: u64,
    /// How many of them until the leases of guards that did not answer were over.
    pub timed_out: u64,
    /// How long in all.
    pub waited: Duration,
    /// The longest.
    pub longest: Duration,
    /// How many of them no longer than this, for some lengths, in rising order.
    pub within: Vec<(Duration, u64)>,
}

impl Seen {
    /// Of a process that has read the log at `now`.
    pub(super) fn new(now: Duration) -> Self {
        Self {
            read_micros: AtomicU64::new(micros(now)),
            renewed_micros: AtomicU64::new(micros(now)),
            failed: AtomicU64::default(),
            count: AtomicU64::default(),
            timed_out: AtomicU64::default(),
            micros: AtomicU64::default(),
            longest_micros: AtomicU64::default(),
            within: Default::default(),
        }
    }

    /// All that the log held at `at` is applied here.
    pub(super) fn read(&self, at: Duration) {
        self.read_micros.fetch_max(micros(at), Relaxed);
    }

    /// A lease that counts from `at` was renewed.
    pub(super) fn renewed(&self, at: Duration) {
        self.renewed_micros.fetch_max(micros(at), Relaxed);
    }

    /// A lease was not renewed, or the log not read.
    pub(super) fn failed(&self) {
        self.failed.fetch_add(1, Relaxed);
    }

    /// An ending waited so long, until all had applied it (`settled`) or their leases were over.
    pub(super) fn waited(&self, time: Duration, settled: bool) {
        self.timed_out.fetch_add(u64::from(!settled), Relaxed);
        self.micros.fetch_add(micros(time), Relaxed);
        self.longest_micros.fetch_max(micros(time), Relaxed);
        let bound = BOUNDS.iter().position(|bound| time <= Duration::from_millis(*bound));
        if let Some(counter) = bound.and_then(|place| self.within.get(place)) {
            counter.fetch_add(1, Relaxed);
        }
        // Last, so that whoever reads it first finds no more in the parts than in the whole.
        self.count.fetch_add(1, Relaxed);
    }

    /// How long ago the log was known to its end.
    pub(crate) fn lag(&self, now: Duration) -> Duration {
        now.saturating_sub(Duration::from_micros(self.read_micros.load(Relaxed)))
    }

    /// How long ago the lease was renewed.
    pub(crate) fn lease_age(&self, now: Duration) -> Duration {
        now.saturating_sub(Duration::from_micros(self.renewed_micros.load(Relaxed)))
    }

    /// How often a lease was not renewed, or the log not read.
    pub(crate) fn failures(&self) -> u64 {
        self.failed.load(Relaxed)
    }

    pub(crate) fn barriers(&self) -> Barriers {
        let mut sum = 0;
        let within = BOUNDS.iter().zip(&self.within).map(|(bound, counter)| {
            sum += counter.load(Relaxed);
            (Duration::from_millis(*bound), sum)
        });
        Barriers {
            within: within.collect(),
            timed_out: self.timed_out.load(Relaxed),
            waited: Duration::from_micros(self.micros.load(Relaxed)),
            longest: Duration::from_micros(self.longest_micros.load(Relaxed)),
            count: self.count.load(Relaxed),
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_counted_by_how_long_they_were() {
        let seen = Seen::new(Duration::ZERO);
        for (millis, settled) in [(0, true), (1, true), (3, true), (3_000, false), (70_000, false)] {
            seen.waited(Duration::from_millis(millis), settled);
        }
        let barriers = seen.barriers();
        assert_eq!((barriers.count, barriers.timed_out), (5, 2));
        assert_eq!(barriers.waited, Duration::from_millis(73_004));
        assert_eq!(barriers.longest, Duration::from_secs(70));
        let within =
            |millis| barriers.within.iter().find(|(bound, _)| *bound == Duration::from_millis(millis));
        assert_eq!([1, 2, 5, 2_500, 5_000, 60_000].map(|at| within(at).unwrap().1), [2, 2, 3, 3, 4, 4]);
    }

    #[test]
    fn an_older_reading_makes_nothing_younger_and_nothing_older() {
        let at = Duration::from_secs;
        let seen = Seen::new(at(100));
        seen.read(at(105));
        seen.read(at(103));
        seen.renewed(at(101));
        assert_eq!((seen.lag(at(106)), seen.lease_age(at(106))), (at(1), at(5)));
    }
}
