//! The rows of the store. Plain data; `requests.rs` holds what is asked of a store and what it answers.

use symbolon_token::{Timestamp, key::Kid, view::Entry};
use uuid::Uuid;

/// A JSON object.
pub type Object = serde_json::Map<String, serde_json::Value>;

/// Facts of the installation, one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// Names this life of the log; new after a restore or a lossy failover.
    pub log_epoch: Uuid,
    /// Part of the MAC keys of cookies and refresh tokens; raised by restore and by a leaked master key.
    pub epoch: u32,
    /// Number and fingerprint of each master key whose MACs or seals may still be met, current first.
    pub master_keys: Vec<(u32, String)>,
    /// Longest life of an access token issued now, in seconds; 0 before it was first told.
    pub token_life: u64,
    /// A longer one that tokens still out there may have, in seconds, and until when it counts beside [`Self::token_life`].
    pub longer_life: Option<(u64, Timestamp)>,
    /// How long a guard may decide from memory without hearing from the store, in milliseconds; 0 before it was first told.
    pub lease_ms: u64,
    /// The lease of before, which some process may still go by, in milliseconds, and until when it counts beside [`Self::lease_ms`].
    pub other_lease: Option<(u64, Timestamp)>,
}

/// A user.
#[derive(Clone, Debug, PartialEq)]
pub struct UserRow {
    /// UUIDv7.
    pub id: Uuid,
    /// Raised by everything that ends all of a user.
    pub generation: u64,
    /// May not log in.
    pub disabled: bool,
    /// Names of roles; `admin` is the one that means something here.
    pub roles: Vec<String>,
    /// The application's own object.
    pub profile: Object,
    /// The identifier as typed at registration.
    pub identifier: String,
    /// Registration.
    pub created_at: Timestamp,
    /// Last change of profile, roles or `disabled`.
    pub updated_at: Timestamp,
}

/// A proof that a user can give. One password a user, for now.
#[derive(Clone, PartialEq, Eq)]
pub struct CredentialRow {
    /// UUIDv7.
    pub id: Uuid,
    /// Password hash: PHC string, or an alien form until the first login.
    pub data: String,
    /// Raised when the password changes (not when it is rehashed).
    pub version: u64,
}

impl std::fmt::Debug for CredentialRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CredentialRow")
            .field("id", &self.id)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// What a login needs.
#[derive(Clone, Debug, PartialEq)]
pub struct LoginRow {
    /// Who.
    pub user: UserRow,
    /// The password, when the user has one.
    pub credential: Option<CredentialRow>,
}

/// How a session travels and who it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A cookie.
    Browser,
    /// An access token with a refresh chain.
    Token,
    /// A refresh chain that a user gave to a job.
    Grant,
}

impl Kind {
    /// `browser`, `token` or `grant`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::Token => "token",
            Self::Grant => "grant",
        }
    }

    /// The reverse of [`Kind::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Browser, Self::Token, Self::Grant].into_iter().find(|kind| kind.as_str() == text)
    }

    /// `cookie` or `token`.
    pub const fn carrier(self) -> &'static str {
        match self {
            Self::Browser => "cookie",
            Self::Token | Self::Grant => "token",
        }
    }
}

/// A method of authentication (RFC 8176 name) and when it was used.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Amr {
    /// `pwd`, …
    pub method: String,
    /// Milliseconds since 1970.
    pub at: i64,
}

/// One login on one device. It never changes, its activity and refresh counter aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// UUIDv7.
    pub id: Uuid,
    /// Whose.
    pub user: Uuid,
    /// The user's generation at the mint; live only while it is still that.
    pub generation: u64,
    /// How it travels.
    pub kind: Kind,
    /// The client it was issued to; `None` for a browser.
    pub client_id: Option<String>,
    /// The session that gave this grant.
    pub parent: Option<Uuid>,
    /// SHA-256 of the cookie's secret; `None` for tokens.
    pub secret_hash: Option<[u8; 32]>,
    /// Refresh counter n.
    pub refresh_counter: u64,
    /// When the counter moved; `None` at login.
    pub refresh_moved_at: Option<Timestamp>,
    /// When the user last proved who they are.
    pub auth_time: Timestamp,
    /// By what.
    pub amr: Vec<Amr>,
    /// Space-separated scope.
    pub scope: Option<String>,
    /// Audiences of its access tokens; empty for a browser.
    pub audience: Vec<String>,
    /// RFC 7638 thumbprint that its tokens are bound to.
    pub jkt: Option<String>,
    /// Persistent cookie rather than browser-session cookie.
    pub remember: bool,
    /// The mint.
    pub created_at: Timestamp,
    /// Last activity written.
    pub last_seen: Timestamp,
    /// Idle end; moves with activity.
    pub idle_expires_at: Timestamp,
    /// Absolute end.
    pub expires_at: Timestamp,
    /// When it was ended; `None` while it is not.
    pub ended_at: Option<Timestamp>,
    /// "Firefox on Linux".
    pub device: String,
    /// Address at the mint.
    pub address: String,
    /// A grant's name.
    pub label: Option<String>,
    /// Version of the master key that made its MACs.
    pub key_version: u32,
}

/// A session and what of its user says whether it lives.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionWithUser {
    /// The session.
    pub session: SessionRow,
    /// Its user, as of the same read.
    pub user: UserRow,
}

impl SessionWithUser {
    /// Not ended, of the user's current generation, the user not disabled, and no end passed at `now`.
    pub fn live(&self, now: Timestamp) -> bool {
        lives(&self.session, self.user.generation, self.user.disabled, now)
    }
}

/// A session and nothing of its user but what says whether it lives: what a check asks.
#[derive(Clone, Debug, PartialEq)]
pub struct StandingSession {
    /// The session.
    pub session: SessionRow,
    /// The user's generation, as of the same read.
    pub generation: u64,
    /// Whether the user is disabled.
    pub disabled: bool,
}

impl StandingSession {
    /// As [`SessionWithUser::live`].
    pub fn live(&self, now: Timestamp) -> bool {
        lives(&self.session, self.generation, self.disabled, now)
    }
}

impl From<SessionWithUser> for StandingSession {
    fn from(SessionWithUser { session, user }: SessionWithUser) -> Self {
        Self { session, generation: user.generation, disabled: user.disabled }
    }
}

fn lives(session: &SessionRow, generation: u64, disabled: bool, now: Timestamp) -> bool {
    session.ended_at.is_none()
        && session.generation == generation
        && !disabled
        && now < session.idle_expires_at
        && now < session.expires_at
}

/// A page of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct LogPage {
    /// Which log: numbers of another epoch mean nothing in it.
    pub epoch: Uuid,
    /// In order of number.
    pub entries: Vec<Entry>,
    /// The highest number given out so far.
    pub head: u64,
    /// Entries up to this number may be gone.
    pub trimmed: u64,
    /// The store's own time; `None` where the store is held alone, and has none.
    pub now: Option<Timestamp>,
}

/// A signing key.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// 16 characters of the thumbprint.
    pub kid: Kid,
    /// JOSE name.
    pub algorithm: String,
    /// The private key, sealed by the master key of `key_version`.
    pub sealed: Vec<u8>,
    /// Version of the master key that sealed it.
    pub key_version: u32,
    /// Published from here on.
    pub created_at: Timestamp,
    /// Signs from here on, until a later key does.
    pub sign_from: Timestamp,
}

impl std::fmt::Debug for KeyRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyRow")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// A machine that calls us.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientRow {
    /// UUIDv7; also the `client_id` and the id in its secret.
    pub id: Uuid,
    /// For people.
    pub name: String,
    /// `introspect`, `admin`, `revocations`, `check`.
    pub scopes: Vec<String>,
    /// SHA-256 of the current secret, then of the previous one while both are valid.
    pub secrets: Vec<[u8; 32]>,
    /// Registration.
    pub created_at: Timestamp,
}

impl std::fmt::Debug for ClientRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientRow").field("id", &self.id).field("name", &self.name).finish_non_exhaustive()
    }
}

/// A guard: a process that decides from memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuardRow {
    /// Of one start of the process.
    pub id: Uuid,
    /// What it has applied of this epoch's log.
    pub applied: u64,
    /// Until when its lease says it lasts, by the store's time. Later after each renewal than before it: a row that says the same as before
    /// was not renewed in between.
    pub lease_until: Timestamp,
    /// Whether its lease is over, so that it decides nothing from memory any more.
    pub lapsed: bool,
}

/// Who did what to whom from where.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditRow {
    /// UUIDv7: time-ordered.
    pub id: Uuid,
    /// When.
    pub at: Timestamp,
    /// `login`, `login_failed`, `logout`, …
    pub event: String,
    /// Who did it: `user:<id>`, `client:<id>`, `cli`, `system`; `None` when unknown.
    pub actor: Option<String>,
    /// To whom.
    pub user: Option<Uuid>,
    /// To which session.
    pub session: Option<Uuid>,
    /// From where.
    pub address: Option<String>,
    /// More, never a secret.
    pub detail: Object,
}

/// How much there is, for an operator's eyes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Census {
    /// The number of the newest migration; `None` where there is no schema.
    pub schema: Option<u32>,
    /// Users.
    pub users: u64,
    /// Live sessions.
    pub sessions: u64,
    /// Whether all rows were looked at. If not, there are at least as many as said.
    pub complete: bool,
}

impl Census {
    /// Rows of each kind that are looked at, at most: a look must not keep anybody waiting.
    pub const MOST: u64 = 10_000;
}

/// A counter's key: a hash, so that no name or address stands in the store.
pub type ThrottleKey = [u8; 16];

/// A throttle counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// Charges so far.
    pub count: u32,
    /// The last charge.
    pub last: Timestamp,
    /// The end of the block, when there is one.
    pub blocked_until: Option<Timestamp>,
    /// When it is forgotten.
    pub forget_at: Timestamp,
}
