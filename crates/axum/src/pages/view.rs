//! What the pages show: one struct per page, and its template of the same name under `templates/`.
//!
//! Owns the data a page needs, as text and flags that are ready to be read. Refuses requests, decisions and the engine's types, so that
//! every page renders in a test without a server. All text is escaped where it is put into the page (askama does it for `.html`;
//! no template may say `|safe`), so handlers hand over what users typed as it is. No struct has a field for a password: a failed form
//! comes back with the identifier and without the secret.

use askama::Template;

use super::words::{self, Notice, When};

/// What every page needs for its head, masthead and links.
#[derive(Clone, Debug, Default)]
pub(crate) struct Page {
    /// Where the router is mounted: `""` or a prefix such as `"/auth"`, without a slash at its end.
    pub(crate) base: String,
    /// Changes when an asset does; asset URLs carry it, so that they may be cached for good.
    pub(crate) version: String,
    /// The identifier, as its owner writes it, when the request has a live session.
    pub(crate) signed_in: Option<String>,
    /// Whether anybody may register; false takes the links away.
    pub(crate) registration: bool,
    /// Development mode: `/explore` exists and the masthead says `dev`.
    pub(crate) explore: bool,
    /// What the form before this page did.
    pub(crate) notice: Option<Notice>,
}

impl Page {
    /// The start page: a router under a prefix answers `/auth`, not `/auth/`.
    pub(crate) fn home(&self) -> &str {
        if self.base.is_empty() { "/" } else { &self.base }
    }
}

/// `/`: what this is, or that you are in.
#[derive(Template)]
#[template(path = "home.html")]
pub(crate) struct Home {
    pub(crate) page: Page,
}

/// `/login`, fields `identifier`, `password`, `remember`, `next`.
#[derive(Template)]
#[template(path = "login.html")]
pub(crate) struct Login {
    pub(crate) page: Page,
    /// As typed before, so that only the password is typed again.
    pub(crate) identifier: String,
    /// The state of the checkbox; true on a first visit.
    pub(crate) remember: bool,
    /// The local path to go to afterwards, already checked; empty for none.
    pub(crate) next: String,
    pub(crate) error: Option<String>,
}

/// `/confirm`, fields `password` and `next`; also sends `username`, for password managers alone.
#[derive(Template)]
#[template(path = "confirm.html")]
pub(crate) struct Confirm {
    pub(crate) page: Page,
    pub(crate) identifier: String,
    /// The local path to go to afterwards, already checked; empty for none.
    pub(crate) next: String,
    pub(crate) error: Option<String>,
}

/// `/register`, fields `identifier`, `password`, `again`, `next`; without `page.registration` it says that it is closed and has no form.
#[derive(Template)]
#[template(path = "register.html")]
pub(crate) struct Register {
    pub(crate) page: Page,
    pub(crate) identifier: String,
    pub(crate) next: String,
    /// The password policy's least length, in code points.
    pub(crate) min_length: usize,
    pub(crate) identifier_error: Option<String>,
    pub(crate) password_errors: Vec<String>,
    /// What concerns the whole form, such as too many attempts.
    pub(crate) error: Option<String>,
}

impl Register {
    fn failed(&self) -> bool {
        self.error.is_some() || self.identifier_error.is_some() || !self.password_errors.is_empty()
    }
}

/// `/logout`: asks before it logs out (a `GET` must not); without a session it says that there is none.
#[derive(Template)]
#[template(path = "logout.html")]
pub(crate) struct Logout {
    pub(crate) page: Page,
}

/// `/account`, with the forms `account/profile` (`name`), `account/password` (`current`, `new`, `again`) and `account/delete`
/// (`password`, `sure`). The two password forms also send `username`, which is there for password managers and means nothing.
#[derive(Template)]
#[template(path = "account.html")]
pub(crate) struct Account {
    pub(crate) page: Page,
    pub(crate) identifier: String,
    pub(crate) since: When,
    /// The profile's `name`.
    pub(crate) name: String,
    pub(crate) name_error: Option<String>,
    /// How many sessions are live, this one included.
    pub(crate) devices: usize,
    /// The password policy's least length, in code points.
    pub(crate) min_length: usize,
    /// What concerns the whole password form, such as too many attempts.
    pub(crate) password_error: Option<String>,
    pub(crate) current_error: Option<String>,
    pub(crate) new_errors: Vec<String>,
    /// The delete form opens by itself when this is set.
    pub(crate) delete_error: Option<String>,
    /// Newest first.
    pub(crate) activity: Vec<Event>,
}

impl Account {
    fn failed(&self) -> bool {
        self.name_error.is_some()
            || self.password_error.is_some()
            || self.current_error.is_some()
            || !self.new_errors.is_empty()
            || self.delete_error.is_some()
    }
}

/// One line of the recent activity.
pub(crate) struct Event {
    pub(crate) when: When,
    /// `Logged in`, `Wrong password`: a sentence's beginning, without a full stop.
    pub(crate) what: String,
    /// `Firefox on Linux`, or empty.
    pub(crate) device: String,
    /// The address, or empty.
    pub(crate) address: String,
    /// A failure or a theft: it stands out.
    pub(crate) warning: bool,
}

/// `/account/sessions`, with the forms `account/sessions/end` (`id`), `account/sessions/end-others` and `account/sessions/end-all`.
#[derive(Template)]
#[template(path = "account/sessions.html")]
pub(crate) struct Sessions {
    pub(crate) page: Page,
    /// This device first, then the newest.
    pub(crate) devices: Vec<Device>,
    pub(crate) error: Option<String>,
}

impl Sessions {
    fn others(&self) -> usize {
        self.devices.iter().filter(|device| !device.current).count()
    }
}

/// `/account/grants`, fields `label`, `scope:<name>`, `audience:<name>` and `ends`.
#[derive(Template)]
#[template(path = "account/grants.html")]
pub(crate) struct Grants {
    pub(crate) page: Page,
    /// As typed before.
    pub(crate) label: String,
    /// Scopes that are configured; without any there is nothing to choose.
    pub(crate) scopes: Vec<Choice>,
    /// Audiences that are configured besides the issuer.
    pub(crate) audiences: Vec<Choice>,
    /// When it ends in any case; one of them is chosen.
    pub(crate) ends: Vec<Choice>,
    /// After how long without use it ends, in words.
    pub(crate) idle: String,
    pub(crate) label_error: Option<String>,
}

/// One thing to tick.
pub(crate) struct Choice {
    /// What is sent: the field's name where several may be chosen, its value where one is.
    pub(crate) value: String,
    pub(crate) text: String,
    pub(crate) chosen: bool,
}

/// What `/account/grants` answers: the job's tokens, which are shown this once.
#[derive(Template)]
#[template(path = "account/given.html")]
pub(crate) struct Given {
    pub(crate) page: Page,
    pub(crate) label: String,
    /// Separated by spaces; empty for none.
    pub(crate) scope: String,
    pub(crate) refresh_token: String,
    pub(crate) access_token: String,
    /// How long the access token is good, in words.
    pub(crate) access_life: String,
    /// After how long without use the grant ends, in words.
    pub(crate) idle: String,
    /// When it ends in any case.
    pub(crate) ends: When,
    /// Where the refresh token is exchanged.
    pub(crate) refresh_at: String,
}

/// One session, as its owner sees it.
pub(crate) struct Device {
    /// The session's id, sent back to end it.
    pub(crate) id: String,
    /// `Firefox on Linux`.
    pub(crate) name: String,
    /// What its owner called a grant.
    pub(crate) label: Option<String>,
    pub(crate) address: String,
    pub(crate) carrier: Carrier,
    pub(crate) current: bool,
    pub(crate) first_seen: When,
    pub(crate) last_seen: When,
    pub(crate) idle_end: When,
    pub(crate) last_end: When,
}

/// How a session travels, in words for its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    Cookie,
    Token,
    Grant,
}

impl Carrier {
    fn text(self) -> &'static str {
        match self {
            Self::Cookie => "cookie, in a browser",
            Self::Token => "token, in an application",
            Self::Grant => "token, for a job",
        }
    }
}

/// Any error that a visitor of a page meets.
#[derive(Template)]
#[template(path = "error.html")]
pub(crate) struct ErrorPage {
    pub(crate) page: Page,
    /// The HTTP status.
    pub(crate) status: u16,
    /// The contract's code, such as `csrf_rejected`: it picks the words where a status has several meanings.
    pub(crate) code: String,
    /// How long to wait, in words (`words::wait`), when the answer carries `Retry-After`.
    pub(crate) wait: Option<String>,
    /// The id under which the log has a 5xx.
    pub(crate) instance: Option<String>,
}

impl ErrorPage {
    fn heading(&self) -> &'static str {
        words::error(self.status, &self.code).0
    }

    fn text(&self) -> &'static str {
        words::error(self.status, &self.code).1
    }
}

/// `/explore`, in development mode: both journeys side by side.
#[derive(Template)]
#[template(path = "explore.html")]
pub(crate) struct Explore {
    pub(crate) page: Page,
    /// The issuer, which is also where the API begins: `http://127.0.0.1:7117`, with the prefix if there is one.
    pub(crate) issuer: String,
}
