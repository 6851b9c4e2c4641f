//! Points in time for people: the date, and how far it is from now.

use symbolon::clock::{Clock, SystemClock};
use symbolon_token::Timestamp;

/// Now, by this machine's clock: the command line is the edge.
pub(super) fn now() -> Timestamp {
    SystemClock.now()
}

/// `2026-11-20 14:03:22 UTC`.
pub(super) fn date(at: Timestamp) -> String {
    match jiff::Timestamp::from_second(at.as_secs()) {
        Ok(at) => format!("{} UTC", at.to_string().replacen('T', " ", 1).trim_end_matches('Z')),
        Err(_) => "beyond the calendar".to_owned(),
    }
}

/// A time of the admin API (RFC 3339) as [`date`] shows it; as it came when it is none.
pub(super) fn date_of(text: &str) -> String {
    parse(text).map_or_else(|| text.to_owned(), date)
}

/// `2026-11-20T14:03:22.000Z` (RFC 3339), for programs.
pub(super) fn rfc3339(at: Timestamp) -> Option<String> {
    let at = jiff::Timestamp::from_millisecond(at.as_millis()).ok()?;
    Some(format!("{at:.3}"))
}

/// Reads RFC 3339.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let at: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp::from_millis(at.as_millisecond()))
}

/// `in 4 minutes`, `3 days ago`, `now`.
pub(super) fn distance(at: Timestamp, now: Timestamp) -> String {
    let (seconds, ahead) = match at.as_secs().saturating_sub(now.as_secs()) {
        0 => return "now".to_owned(),
        seconds => (seconds.unsigned_abs(), seconds > 0),
    };
    let length = length(seconds);
    if ahead { format!("in {length}") } else { format!("{length} ago") }
}

/// `4 minutes`: in the largest unit of which there are at least two, cut off and not rounded.
pub(super) fn length(seconds: u64) -> String {
    const UNITS: [(u64, &str); 4] =
        [(365 * 86_400, "year"), (86_400, "day"), (3_600, "hour"), (60, "minute")];
    let unit = UNITS.iter().find(|(size, _)| seconds >= 2 * size);
    let (number, name) = unit.map_or((seconds, "second"), |(size, name)| (seconds / size, name));
    format!("{number} {name}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_people_tell_them() {
        let now = Timestamp::from_secs(1_700_000_000);
        let told = |offset| distance(Timestamp::from_secs(1_700_000_000 + offset), now);
        assert_eq!(told(0), "now");
        assert_eq!(told(1), "in 1 second");
        assert_eq!(told(299), "in 4 minutes");
        assert_eq!(told(-90), "90 seconds ago");
        assert_eq!(told(-3 * 86_400 - 5), "3 days ago");
        let far = told(i64::MAX / 2);
        assert!(far.starts_with("in ") && far.ends_with(" years"), "{far}");
        assert_eq!(date(now), "2023-11-14 22:13:20 UTC");
        assert_eq!(date(Timestamp::from_secs(i64::MAX)), "beyond the calendar");
        assert_eq!(date_of("2023-11-14T22:13:20.500Z"), "2023-11-14 22:13:20 UTC");
        assert_eq!(date_of("yesterday"), "yesterday");
    }
}
