//! The sentences the pages say, in one place: notices, errors, waits and times.
//!
//! Owns plain words for people who have never heard of a status code. Refuses markup (that is the templates') and clocks: the time is
//! passed in as milliseconds since 1970 UTC.

/// What a form did, told on the page it leads to.
///
/// It travels as a short code (`?done=password`), never as text, so a link cannot put words on our pages. A handler should show it only
/// when the request came from our own page (`Sec-Fetch-Site` absent or `same-origin`), or a link from elsewhere could claim what never happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    Registered,
    LoggedOut,
    ProfileSaved,
    PasswordChanged,
    DeviceEnded,
    OthersEnded,
    AllEnded,
    AccountDeleted,
}

impl Notice {
    /// Every notice.
    pub(crate) const ALL: [Self; 8] = [
        Self::Registered,
        Self::LoggedOut,
        Self::ProfileSaved,
        Self::PasswordChanged,
        Self::DeviceEnded,
        Self::OthersEnded,
        Self::AllEnded,
        Self::AccountDeleted,
    ];

    /// The notice of a code; `None` for anything we did not write.
    pub(crate) fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|notice| notice.code() == code)
    }

    /// The code for the query of a redirect: ASCII letters and hyphens.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::LoggedOut => "logged-out",
            Self::ProfileSaved => "profile",
            Self::PasswordChanged => "password",
            Self::DeviceEnded => "ended",
            Self::OthersEnded => "others-ended",
            Self::AllEnded => "all-ended",
            Self::AccountDeleted => "deleted",
        }
    }

    /// One or two sentences.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Registered => "Your account is there. Welcome.",
            Self::LoggedOut => "You are logged out on this device.",
            Self::ProfileSaved => "Your profile is saved.",
            Self::PasswordChanged => {
                "Your password is changed. Everything else of yours is logged out; this device is not."
            }
            Self::DeviceEnded => "That login is over. It is refused from now on.",
            Self::OthersEnded => "All other logins are over. Only this device is still logged in.",
            Self::AllEnded => "Every login is over, this one too.",
            Self::AccountDeleted => "Your account is deleted, with everything that belonged to it.",
        }
    }
}

/// Heading and explanation for a status and, where one status means several things, the contract's code.
pub(crate) fn error(status: u16, code: &str) -> (&'static str, &'static str) {
    match (status, code) {
        (400, _) => (
            "That request does not make sense",
            "Something in it is missing, doubled or malformed. Going back and sending the form again usually helps.",
        ),
        (401, _) => (
            "Please log in first",
            "This page is for people who are logged in, and your login is missing or over.",
        ),
        (403, "csrf_rejected") => (
            "This came from another site",
            "A form was sent here from a page that is not ours. Nothing has been changed. If it was you, open our page and do it there.",
        ),
        (403, _) => ("You may not do that", "You are logged in, but this is not open to your account."),
        (404, _) => ("There is nothing here", "The address may be mistyped, or what it led to is gone."),
        (405, _) => (
            "That does not work this way",
            "This address exists, but answers another kind of request. Nothing has been changed.",
        ),
        (408, _) => ("That took too long", "The request did not arrive in time. Please send it again."),
        (409, _) => ("That name is taken", "Somebody registered it before. Please choose another."),
        (413 | 414 | 431, _) => {
            ("That is too much", "The request is larger than this server takes. Nothing has been changed.")
        }
        (429, _) => (
            "Too many attempts",
            "To protect accounts against guessing, this server makes everybody wait after several failures.",
        ),
        (503, "overloaded") => (
            "Very busy right now",
            "More people are logging in than this server can check at once. Nothing is lost.",
        ),
        (503, _) => (
            "Not available right now",
            "The server cannot reach its records, and rather than guess it lets nobody in.",
        ),
        (500.., _) => {
            ("Something broke on our side", "It is not your fault, and the error has been recorded.")
        }
        _ => ("That did not work", "The request was refused. Nothing has been changed."),
    }
}

/// Unknown user or wrong password: one sentence for both.
pub(crate) const WRONG_CREDENTIALS: &str = "The username or the password is wrong.";
/// The current password, asked for again, is wrong.
pub(crate) const WRONG_PASSWORD: &str = "That is not your password.";
/// The two fields for a new password differ.
pub(crate) const NOT_THE_SAME: &str = "The two passwords are not the same.";
/// Registration of a name that exists.
pub(crate) const IDENTIFIER_TAKEN: &str = "That name is taken. Please choose another.";
/// Registration of what can be no name.
pub(crate) const IDENTIFIER_MALFORMED: &str =
    "That is neither a username nor an e-mail address that can be used here.";
/// Over a form of which fields were refused.
pub(crate) const LOOK_BELOW: &str = "Not saved yet: please look at the fields marked below.";
/// A display name that is too long, or holds what is no text.
pub(crate) const NAME_REFUSED: &str = "A name has at most 100 characters, all on one line.";
/// A job's name that is none, too long, or holds what is no text.
pub(crate) const LABEL_REFUSED: &str = "Give the job a name of at most 100 characters, all on one line.";
/// Ending a session that is another's, or has long been over.
pub(crate) const NOT_YOURS: &str = "That login is not yours, or is over.";
/// Deleting the account without the tick.
pub(crate) const NOT_SURE: &str = "Please tick the box as well: there is no way back.";
/// Deleting the account that nobody could make good.
pub(crate) const LAST_ADMINISTRATOR: &str =
    "This is the only administrator who can log in. Make somebody else one first.";
/// The hashing queue is full.
pub(crate) const BUSY: &str = "Very busy right now. Please try again in a moment.";

/// Too many failures; `seconds` as in `Retry-After`.
pub(crate) fn too_many_attempts(seconds: u64) -> String {
    format!("Too many attempts. Please try again in {}.", wait(seconds))
}

/// The sentence for one of the contract's reasons why a password is refused.
pub(crate) fn password_reason(reason: &str, min_length: usize) -> String {
    match reason {
        "too_short" => format!("It is too short: at least {min_length} characters are needed."),
        "too_long" => "It is too long: at most 1024 bytes are taken.".into(),
        "common" => "It is among the first that attackers try: on a list of common passwords, or an easy variation of one.".into(),
        "contains_identifier" => "It contains your username, your e-mail address or the name of this service.".into(),
        _ => "It cannot be used.".into(),
    }
}

/// A wait in words, rounded up: `1 second`, `30 seconds`, `2 minutes`, `1 hour`, `14 days`.
pub(crate) fn wait(seconds: u64) -> String {
    match seconds {
        0..=90 => plural(seconds.max(1), "second"),
        91..=3540 => plural(seconds.div_ceil(60), "minute"),
        3541..=172_800 => plural(seconds.div_ceil(3600), "hour"),
        _ => plural(seconds.div_ceil(86_400), "day"),
    }
}

/// A time, for people and for machines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct When {
    /// `5 minutes ago`, `14 Nov 2025, 10:02 UTC`.
    pub(crate) text: String,
    /// RFC 3339 UTC with milliseconds.
    pub(crate) datetime: String,
}

impl When {
    /// The date and time itself.
    pub(crate) fn on(at: i64) -> Self {
        let time = timestamp(at);
        Self { text: time.strftime("%-d %b %Y, %H:%M UTC").to_string(), datetime: format!("{time:.3}") }
    }

    /// The distance to now, past or future, when it is under 31 days; the date otherwise.
    pub(crate) fn near(at: i64, now: i64) -> Self {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 60 * MINUTE;
        const DAY: u64 = 24 * HOUR;
        let seconds = at.abs_diff(now) / 1000;
        // What is past is rounded down, as people do; what is to come to the nearest, or seven days would be six at once.
        let count = |unit: u64| if at <= now { seconds / unit } else { (seconds + unit / 2) / unit };
        let distance = match seconds {
            0..MINUTE => {
                return Self {
                    text: if at <= now { "just now" } else { "in a moment" }.into(),
                    ..Self::on(at)
                };
            }
            MINUTE..HOUR => plural(count(MINUTE), "minute"),
            HOUR..DAY => plural(count(HOUR), "hour"),
            DAY.. if seconds < 31 * DAY => plural(count(DAY), "day"),
            _ => return Self::on(at),
        };
        let text = if at <= now { format!("{distance} ago") } else { format!("in {distance}") };
        Self { text, ..Self::on(at) }
    }
}

fn timestamp(millis: i64) -> jiff::Timestamp {
    // Out of range is beyond the year 9999: nothing we store, and no reason to fail a page.
    jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX)
}

fn plural(count: u64, unit: &str) -> String {
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}
