//! `[session]`: how long a login by cookie lives, and how long it counts as fresh.

use std::time::Duration;

use super::reader::Reader;

/// The effective `[session]`.
#[derive(Clone, Debug)]
pub struct Session {
    /// Ends when unused for so long; never more than `absolute`.
    pub idle: Duration,
    /// Ends after so long, used or not: at most 400 d.
    pub absolute: Duration,
    /// A login or confirm of at most this age may do what asks for a fresh one.
    pub fresh: Duration,
}

pub(super) fn read(reader: &mut Reader) -> Session {
    let second = Duration::from_secs;
    let day = second(86_400);
    let mut s = reader.section("session");
    let idle = s.setting("idle", 7 * day).within(second(1), 36_500 * day).take();
    let absolute = s.setting("absolute", 30 * day).ceiling(400 * day).within(second(1), 36_500 * day).take();
    let fresh = s.setting("fresh", second(300)).ceiling(second(3600)).within(second(1), day).take();
    let idle = capped(reader, "session.idle", idle, "session.absolute", absolute);
    Session { idle, absolute, fresh }
}

/// A default that is longer than what bounds it shrinks; one that was written out contradicts it.
pub(super) fn capped(
    reader: &mut Reader,
    key: &str,
    value: Duration,
    bound: &str,
    most: Duration,
) -> Duration {
    if value <= most {
        return value;
    }
    let source = reader.source(key);
    if source.layer() == 0 {
        reader.amend(key, format!("\"{}\"", super::value::duration(most)));
    } else {
        reader.complain(format!(
            "{key} ({source}) is longer than {bound} ({}), which ends everything first",
            reader.source(bound)
        ));
    }
    most
}
