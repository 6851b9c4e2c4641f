//! Time and randomness as parameters: nothing below the edge reads a clock or an RNG (invariant 12).

use std::{sync::Arc, time::Duration};

pub use symbolon_token::Timestamp;
use symbolon_token::ToldTime;

/// Where the time comes from.
pub trait Clock: Send + Sync + 'static {
    /// Wall time, UTC.
    fn now(&self) -> Timestamp;
    /// Time since some fixed moment of this process; never steps and counts suspend (`CLOCK_BOOTTIME`).
    fn monotonic(&self) -> Duration;
}

/// The clock of an engine. Where the store is shared its time is the store's, the same for every process: how long an ending must be
/// remembered is said in it by one process and judged by others, and a wall clock that somebody set would bring back what was ended.
pub(crate) struct EngineClock {
    own: Arc<dyn Clock>,
    told: ToldTime,
}

impl EngineClock {
    pub(crate) fn new(own: Arc<dyn Clock>) -> Self {
        Self { own, told: ToldTime::default() }
    }

    /// What the machine's own wall clock says.
    pub(crate) fn wall(&self) -> Timestamp {
        self.own.now()
    }

    /// The store said what time it was, in an answer to what was asked at `asked` of the monotonic clock.
    pub(crate) fn learn(&self, told: Timestamp, asked: Duration) {
        self.told.tell(told, asked, self.monotonic(), || self.own.now());
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.told.now(|| self.monotonic(), || self.own.now())
    }

    pub(crate) fn monotonic(&self) -> Duration {
        self.own.monotonic()
    }
}

impl Clock for EngineClock {
    fn now(&self) -> Timestamp {
        self.now()
    }

    fn monotonic(&self) -> Duration {
        self.monotonic()
    }
}

/// Whether the machine may be at this time: a clock before 2020 or after 2100 was never set, or was set by a typo, and what is
/// issued by it is good for nobody or for ever (JC-29).
pub fn plausible(now: Timestamp) -> bool {
    const FROM: Timestamp = Timestamp::from_secs(1_577_836_800);
    const TO: Timestamp = Timestamp::from_secs(4_102_444_800);
    FROM <= now && now < TO
}

/// Where unpredictable bytes come from.
pub trait Randomness: Send + Sync + 'static {
    /// Fills `buffer` with bytes that nobody can predict. An implementation that cannot must not return.
    fn fill(&self, buffer: &mut [u8]);
}

/// `N` unpredictable bytes.
pub fn random<const N: usize>(source: &dyn Randomness) -> [u8; N] {
    let mut bytes = [0; N];
    source.fill(&mut bytes);
    bytes
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the edge: this is where the time comes in")]
    fn now(&self) -> Timestamp {
        let since_epoch =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Duration::new(
            u64::try_from(time.tv_sec).unwrap_or_default(),
            u32::try_from(time.tv_nsec).unwrap_or_default(),
        )
    }
}

/// The operating system's RNG, by way of AWS-LC.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandomness;

impl Randomness for SystemRandomness {
    #[expect(clippy::disallowed_methods, reason = "the edge: this is where randomness comes in")]
    #[expect(
        clippy::expect_used,
        reason = "KM-07: without randomness nothing may go on, least of all with zeros"
    )]
    fn fill(&self, buffer: &mut [u8]) {
        aws_lc_rs::rand::fill(buffer).expect("the operating system's random number generator failed");
    }
}

/// A [`Timestamp`] as RFC 3339 UTC with milliseconds, the form of every time in the JSON API. Years outside 0 to 9999 cannot be
/// written so, and become the nearest that can.
pub fn rfc3339(at: Timestamp) -> String {
    String::from_utf8_lossy(&written(at)).into_owned()
}

/// `serde(serialize_with)` helper for [`rfc3339`].
///
/// # Errors
/// Those of the serializer.
pub fn serialize_rfc3339<S: serde::Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(str::from_utf8(&written(*at)).unwrap_or_default())
}

/// Written by hand because every answer of the check path holds several: a general formatter took a tenth of the request.
fn written(at: Timestamp) -> [u8; 24] {
    const FIRST: i64 = -62_167_219_200_000;
    const LAST: i64 = 253_402_300_799_999;
    const DAY: i64 = 86_400_000;
    let millis = at.as_millis().clamp(FIRST, LAST);
    let (days, time) = (millis.div_euclid(DAY), millis.rem_euclid(DAY));
    // Days since 0000-03-01 in eras of 400 years, whose years begin in March so that the leap day is the last
    // (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days).
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, after) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year + after;
    let digit = |number: i64| b'0' + u8::try_from(number % 10).unwrap_or_default();
    let two = |number: i64| [digit(number / 10), digit(number)];
    let ([y1, y2], [y3, y4]) = (two(year / 100), two(year));
    let ([m1, m2], [d1, d2]) = (two(month), two(day));
    let ([h1, h2], [i1, i2]) = (two(time / 3_600_000), two(time / 60_000 % 60));
    let ([s1, s2], [f1, f2]) = (two(time / 1_000 % 60), two(time / 10));
    let f3 = digit(time);
    [
        y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', i1, i2, b':', s1, s2, b'.', f1, f2,
        f3, b'Z',
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_utc_with_milliseconds() {
        assert_eq!(rfc3339(Timestamp::from_millis(1_700_000_000_000)), "2023-11-14T22:13:20.000Z");
        assert_eq!(rfc3339(Timestamp::from_millis(-1)), "1969-12-31T23:59:59.999Z");
        assert_eq!(rfc3339(Timestamp::from_millis(i64::MAX)), "9999-12-31T23:59:59.999Z");
        assert_eq!(rfc3339(Timestamp::from_millis(i64::MIN)), "0000-01-01T00:00:00.000Z");
    }

    /// Every day of ten thousand years but the last two, which jiff does not know; each at another time of day, as another library writes it.
    #[test]
    fn every_day_is_written_as_jiff_writes_it() {
        for day in -719_528..2_932_895_i64 {
            let millis = day * 86_400_000 + day.rem_euclid(86_399) * 1_000 + day.rem_euclid(997);
            let theirs = jiff::Timestamp::from_millisecond(millis).unwrap();
            assert_eq!(rfc3339(Timestamp::from_millis(millis)), format!("{theirs:.3}"));
        }
    }
}
