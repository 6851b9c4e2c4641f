//! Chance and time of a simulation.

use std::{
    sync::atomic::{AtomicI64, AtomicU64, Ordering},
    time::Duration,
};

use symbolon::clock::{Clock, Randomness};
use symbolon_token::Timestamp;

/// SplitMix64, shared by whoever draws.
pub(crate) struct Chance(AtomicU64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    pub(crate) fn draw(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&self, most: u64) -> u64 {
        self.draw() % most
    }

    pub(crate) fn place(&self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap()
    }

    /// Once in so many.
    pub(crate) fn once_in(&self, times: u64) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn millis(&self, most: u64) -> Duration {
        Duration::from_millis(self.below(most + 1))
    }
}

impl Randomness for Chance {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            chunk.copy_from_slice(&self.draw().to_le_bytes()[..chunk.len()]);
        }
    }
}

/// The runtime's time since some moment all simulations share.
#[expect(clippy::disallowed_methods, reason = "the edge of a simulation: its time is the runtime's")]
pub(crate) fn elapsed(since: tokio::time::Instant) -> Duration {
    tokio::time::Instant::now() - since
}

#[expect(clippy::disallowed_methods, reason = "the edge of a simulation: its time is the runtime's")]
pub(crate) fn begin() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

/// A machine's clock: it drifts, its wall is some seconds off, and may be set to anything at any time.
pub(crate) struct DriftingClock {
    pub(crate) since: tokio::time::Instant,
    /// How much faster it goes, in thousandths.
    pub(crate) drift: i32,
    /// How much its wall is ahead, milliseconds.
    pub(crate) ahead: AtomicI64,
    /// What was on the clock at the beginning.
    pub(crate) boot: Duration,
    /// How often it was asked for the time that never steps: for either time, where the wall is the store's.
    pub(crate) asked: AtomicU64,
}

/// The least margin is two hundredths of a lease; a clock stays within.
pub(crate) const MOST_DRIFT: u64 = 15;

impl DriftingClock {
    pub(crate) fn of(chance: &Chance, since: tokio::time::Instant) -> Self {
        let drift =
            i32::try_from(chance.below(2 * MOST_DRIFT + 1)).unwrap() - i32::try_from(MOST_DRIFT).unwrap();
        let ahead = i64::try_from(chance.below(10_000)).unwrap() - 5_000;
        Self { since, drift, ahead: ahead.into(), boot: chance.millis(1_000_000_000), asked: 0.into() }
    }

    /// Somebody sets the wall, up to a quarter of an hour away.
    pub(crate) fn step(&self, chance: &Chance) {
        const MOST: u64 = 15 * 60 * 1000;
        let ahead = i64::try_from(chance.below(2 * MOST + 1)).unwrap() - i64::try_from(MOST).unwrap();
        self.ahead.store(ahead, Ordering::SeqCst);
    }

    fn elapsed(&self) -> Duration {
        elapsed(self.since).mul_f64(1.0 + f64::from(self.drift) / 1000.0)
    }
}

pub(crate) fn day() -> Timestamp {
    Timestamp::from_secs(1_700_000_000)
}

impl Clock for DriftingClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(day().plus(self.elapsed()).as_millis() + self.ahead.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.boot + self.elapsed()
    }
}
