//! `[session]`: how long a login by cookie lives, how long it counts as fresh, how many there may be, and how many are kept in memory.

use std::{num::NonZeroUsize, time::Duration};

use super::Token;
use super::reader::Reader;
use super::value::{Found, Refused, Value};

/// The effective `[session]`.
#[derive(Clone, Debug)]
pub struct Session {
    /// What the ends below, and those of tokens, are held to.
    pub preset: Preset,
    /// Ends when unused for so long; never more than `absolute`.
    pub idle: Duration,
    /// Ends after so long, used or not: at most 400 d.
    pub absolute: Duration,
    /// A login or confirm of at most this age may do what asks for a fresh one.
    pub fresh: Duration,
    /// Logins of a user that may live at once; `None` is any number.
    pub limit: Option<NonZeroUsize>,
    /// Sessions kept in memory at most.
    pub cache: usize,
}

/// The times of NIST SP 800-63B-4 (section 2, "Reauthentication") for an authenticator assurance level. They are one part of a level:
/// what is proven at a login is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// As the settings say.
    Off,
    /// 30 days in any case.
    Aal1,
    /// 24 hours, or one without use.
    Aal2,
    /// 12 hours, or 15 minutes without use.
    Aal3,
}

impl Preset {
    const ALL: [(Self, &str); 4] =
        [(Self::Off, "off"), (Self::Aal1, "aal1"), (Self::Aal2, "aal2"), (Self::Aal3, "aal3")];

    /// The most that it allows: idle, absolute.
    fn most(self) -> Option<(Duration, Duration)> {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        match self {
            Self::Off => None,
            // The level asks for no idle end; unused, a session ends with all others.
            Self::Aal1 => Some((minutes(30 * 24 * 60), minutes(30 * 24 * 60))),
            Self::Aal2 => Some((minutes(60), minutes(24 * 60))),
            Self::Aal3 => Some((minutes(15), minutes(12 * 60))),
        }
    }
}

impl Value for Preset {
    const WANTS: &'static str = "\"off\", \"aal1\", \"aal2\" or \"aal3\"";

    fn read(found: &Found) -> Result<Self, Refused> {
        let text = found.text().ok_or(None)?;
        Self::ALL.into_iter().find(|(_, name)| *name == text).map(|(preset, _)| preset).ok_or(None)
    }

    fn show(&self) -> String {
        let name = Self::ALL.into_iter().find(|(preset, _)| preset == self).map_or("off", |(_, name)| name);
        format!("\"{name}\"")
    }
}

pub(super) fn read(reader: &mut Reader) -> Session {
    let second = Duration::from_secs;
    let day = second(86_400);
    let mut s = reader.section("session");
    let preset = s.setting("preset", Preset::Off).take();
    let idle = s.setting("idle", 7 * day).within(second(1), 36_500 * day).take();
    let absolute = s.setting("absolute", 30 * day).ceiling(400 * day).within(second(1), 36_500 * day).take();
    let fresh = s.setting("fresh", second(300)).ceiling(second(3600)).within(second(1), day).take();
    let limit = NonZeroUsize::new(s.setting("limit", 0_usize).within(0, 10_000).take());
    let cache = s.setting("cache", 1_000_000_usize).within(1_000, 100_000_000).take();
    Session { preset, idle, absolute, fresh, limit, cache }
}

/// Holds what bounds a login to each other, and to the preset.
pub(super) fn hold(reader: &mut Reader, session: &mut Session, token: &mut Token) {
    if let Some((idle, absolute)) = session.preset.most() {
        let mut held = |key, value: &mut Duration, most| {
            *value = capped(reader, key, *value, "session.preset", most);
        };
        held("session.absolute", &mut session.absolute, absolute);
        held("session.idle", &mut session.idle, idle);
        held("token.refresh_absolute", &mut token.refresh_absolute, absolute);
        held("token.refresh_idle", &mut token.refresh_idle, idle);
        // Of a token nobody hears whether it is used: it must not outlast the time without use.
        held("token.access_life", &mut token.access_life, idle);
    }
    session.idle = capped(reader, "session.idle", session.idle, "session.absolute", session.absolute);
    token.refresh_idle = capped(
        reader,
        "token.refresh_idle",
        token.refresh_idle,
        "token.refresh_absolute",
        token.refresh_absolute,
    );
}

/// A default that is longer than what bounds it shrinks; one that was written out contradicts it.
fn capped(reader: &mut Reader, key: &str, value: Duration, bound: &str, most: Duration) -> Duration {
    if value <= most {
        return value;
    }
    let source = reader.source(key);
    if source.layer() == 0 {
        reader.amend(key, format!("\"{}\"", super::value::duration(most)));
    } else {
        reader.complain(format!(
            "{key} ({source}) is longer than the {} that {bound} ({}) allows",
            super::value::duration(most),
            reader.source(bound)
        ));
    }
    most
}
