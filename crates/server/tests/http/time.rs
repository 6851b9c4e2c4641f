//! The one place of these tests that reads clocks.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Longer than anything here takes; waiting so long is a failure.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// The monotonic clock.
#[expect(clippy::disallowed_methods, reason = "a test is an edge")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "a test is an edge")]
pub(crate) fn millis() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// Asks until the answer is there.
#[track_caller]
pub(crate) fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let began = now();
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(began.elapsed() < LONG, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Lets the wall clock pass a moment (milliseconds since 1970): for what is decided by time alone.
pub(crate) fn wait_until(moment: i64) {
    while let Ok(left @ 1..) = u64::try_from(moment - millis()) {
        std::thread::sleep(Duration::from_millis(left));
    }
}

/// Lets a millisecond pass, so that what comes next has a later time and a greater id.
pub(crate) fn tick() {
    wait_until(millis() + 2);
}

/// Milliseconds since 1970 of a time as the contract writes it, which must have exactly that form.
#[track_caller]
pub(crate) fn parse(text: &str) -> i64 {
    let form = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect::<String>();
    assert_eq!(form, "0000-00-00T00:00:00.000Z", "RFC 3339, UTC, milliseconds: {text}");
    text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}
