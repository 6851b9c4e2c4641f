//! A point in time that somebody else read from a clock, and a clock that is set by what somebody else says. All arithmetic saturates: no
//! date makes it panic.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

/// Milliseconds since 1970-01-01T00:00:00 UTC, without leap seconds (Unix time).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since 1970 UTC.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// From seconds since 1970 UTC; saturates at the ends of the range (± 292 million years).
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// Milliseconds since 1970 UTC.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970 UTC, rounded down, before 1970 too.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This much later; parts of a millisecond are dropped.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }

    /// This much earlier; parts of a millisecond are dropped.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis(duration)))
    }

    /// The time that passed since `earlier`: zero when `earlier` is in fact later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        if earlier >= self { Duration::ZERO } else { Duration::from_millis(self.0.abs_diff(earlier.0)) }
    }
}

/// The time of those who must agree: one of them tells it, and a clock that never steps carries it on. What their own wall clocks are
/// set to meanwhile changes nothing.
///
/// Until somebody tells, it is the wall clock's. Whoever is told knows that the time was between what was said and that plus the time
/// that the answer took, and moves no further than into there: an answer that came late is worth little, and does little.
#[derive(Debug)]
pub struct ToldTime {
    /// What it was at the monotonic clock's zero, milliseconds since 1970; [`i64::MIN`] before the first word.
    zero: AtomicI64,
}

impl Default for ToldTime {
    fn default() -> Self {
        Self { zero: AtomicI64::new(i64::MIN) }
    }
}

impl ToldTime {
    /// The time, by one of the own clocks.
    pub fn now(&self, monotonic: impl FnOnce() -> Duration, wall: impl FnOnce() -> Timestamp) -> Timestamp {
        match self.zero.load(Ordering::Acquire) {
            i64::MIN => wall(),
            zero => Timestamp(zero).plus(monotonic()),
        }
    }

    /// Somebody said that it was `told`, some time between `asked` and `answered` of the monotonic clock.
    pub fn tell(
        &self,
        told: Timestamp,
        asked: Duration,
        answered: Duration,
        wall: impl FnOnce() -> Timestamp,
    ) {
        let latest = told.plus(answered.saturating_sub(asked));
        let time = self.now(|| answered, wall).clamp(told, latest);
        self.zero.store(time.minus(answered).0.max(i64::MIN + 1), Ordering::Release);
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_round_down_on_both_sides_of_1970() {
        assert_eq!(Timestamp::from_millis(1_999).as_secs(), 1);
        assert_eq!(Timestamp::from_millis(-1).as_secs(), -1);
        assert_eq!(Timestamp::from_secs(-1).as_millis(), -1000);
    }

    #[test]
    fn jc_29_time_arithmetic_saturates() {
        let end = Timestamp::from_millis(i64::MAX);
        assert_eq!(end.plus(Duration::MAX), end);
        assert_eq!(Timestamp::from_secs(i64::MAX), end);
        assert_eq!(Timestamp::from_millis(i64::MIN).minus(Duration::MAX), Timestamp::from_millis(i64::MIN));
        assert_eq!(end.since(Timestamp::from_millis(i64::MIN)), Duration::from_millis(u64::MAX));
        assert_eq!(Timestamp::from_secs(1).since(Timestamp::from_secs(2)), Duration::ZERO);
        assert_eq!(Timestamp::from_secs(3).since(Timestamp::from_secs(1)), Duration::from_secs(2));
    }

    #[test]
    fn a_told_time_goes_on_by_itself_and_late_words_move_it_no_further_than_they_are_sure() {
        let (time, at, after) = (ToldTime::default(), Timestamp::from_secs, Duration::from_secs);
        let now = |monotonic| time.now(|| after(monotonic), || at(5_000)).as_secs();
        assert_eq!(now(7), 5_000, "nobody has told");
        time.tell(at(1_000), after(10), after(12), || at(5_000));
        assert_eq!([now(12), now(20)], [1_002, 1_010], "the wall clock is far ahead");
        time.tell(at(1_000), after(10), after(500), || panic!("it is not asked any more"));
        assert_eq!(now(500), 1_490, "said long ago");
        time.tell(at(1_600), after(500), after(501), || at(0));
        assert_eq!(now(501), 1_600, "the teller was set");
        time.tell(at(900), after(600), after(601), || at(0));
        assert_eq!(now(601), 901, "and back");
    }
}
