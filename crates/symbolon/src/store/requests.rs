//! The requests and answers of the store's use cases. Plain data.

use std::time::Duration;

use symbolon_token::{
    Timestamp,
    key::Kid,
    view::{Ended, Entry},
};
use uuid::Uuid;

use super::rows::{
    AuditRow, CredentialRow, Installation, KeyRow, Object, SessionRow, SessionWithUser, ThrottleKey, UserRow,
};

/// A user to be.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The row; its `identifier` is the shown form.
    pub user: UserRow,
    /// Canonical form, unique.
    pub canonical: String,
    /// `email` or `username`.
    pub identifier_kind: &'static str,
    /// The password, when there is one.
    pub credential: Option<CredentialRow>,
    /// The audit row that goes with it.
    pub audit: AuditRow,
}

/// The answer to a registration.
#[derive(Clone, Debug, PartialEq)]
pub enum Registered {
    /// It stands.
    Created,
    /// The identifier belongs to somebody.
    Taken,
}

/// A change that ends nothing. `None` leaves a field as it is.
#[derive(Clone, Debug)]
pub struct UserChange {
    /// Whom.
    pub user: Uuid,
    /// Replaces the profile.
    pub profile: Option<Object>,
    /// Replaces the roles.
    pub roles: Option<Vec<String>>,
    /// Lets a disabled user log in again.
    pub enable: bool,
    /// When.
    pub at: Timestamp,
    /// When the log entry may be forgotten, seconds since 1970.
    pub forget_at: i64,
    /// The audit row that goes with it.
    pub audit: Option<AuditRow>,
}

/// What ends. Every variant leaves its entry in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// One session; `owner` refuses those of others.
    Session {
        /// Which.
        id: Uuid,
        /// Only if it is this user's.
        owner: Option<Uuid>,
    },
    /// Everything of a user: the generation is raised.
    User(Uuid),
    /// Everything of a user, who may not log in again.
    DisableUser(Uuid),
    /// A user with all its rows.
    DeleteUser(Uuid),
    /// One access token.
    Token {
        /// Its `jti`.
        jti: Uuid,
    },
    /// A signing key, with all it signed.
    Key(Kid),
}

/// What must still be so for a mint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The user, who must exist and not be disabled.
    pub user: Uuid,
    /// Its generation as read before the proof.
    pub generation: u64,
    /// The credential and its version as read before the proof.
    pub credential: Option<(Uuid, u64)>,
    /// The session that is renewed, or stands surety; it must be this user's and live.
    pub predecessor: Option<Uuid>,
}

/// A master key takes the place of another: what the installation knows of them, and what is sealed. Its last entry in the log is
/// [`Rekey::ENTRY`], by which other processes learn that they must look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rekey {
    /// What the installation must still be, or the transition is [`Outcome::Stale`]: of two rotations at once one wins.
    pub was: Installation,
    /// Replaces the facts of the installation.
    pub installation: Installation,
    /// Signing keys that end, with all they signed: each leaves its entry in the log.
    pub removed: Vec<Kid>,
    /// Signing keys that are new, or sealed anew.
    pub keys: Vec<KeyRow>,
    /// Whether every session ends: what they are carried by is genuine no more, which needs no entry in the log.
    pub ends_sessions: bool,
}

impl Rekey {
    /// What the log says of it: `changed`, of an id that no user and no client has.
    pub const ENTRY: Ended = Ended::Changed(Uuid::nil());
}

/// A limit of logins: what is live of the minted session's user, grants apart, is at most `most` with the minted one. The oldest beyond
/// it end in the same transaction, each with its entry in the log. Where transactions run side by side, two mints with a limit for one
/// user must not: they take the user's row for themselves.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// Logins at most; at least one, the minted.
    pub most: usize,
    /// The audit row that goes with it when something ended: [`rules::crowded_out_row`](super::rules::crowded_out_row) names what.
    pub audit: AuditRow,
}

/// The one write that ends or mints: everything in it happens in one transaction, or nothing does.
#[derive(Clone)]
pub struct Transition {
    /// Asked first; when it fails nothing happens.
    pub condition: Option<Condition>,
    /// What ends.
    pub end: Option<End>,
    /// A new password: credential and hash; its version is raised.
    pub password: Option<(Uuid, String)>,
    /// The session to mint, for the condition's user. Its generation becomes the user's, after `end`. When `end` is the
    /// condition's predecessor, the children of that move to it.
    pub mint: Option<SessionRow>,
    /// How many logins the user may have with the minted one; the oldest beyond it end.
    pub limit: Option<Limit>,
    /// Throttle counters that this success clears or lowers.
    pub refunds: Vec<Refund>,
    /// Another master key.
    pub rekey: Option<Rekey>,
    /// When.
    pub at: Timestamp,
    /// When the log entries may be forgotten, seconds since 1970.
    pub forget_at: i64,
    /// The audit rows that go with it.
    pub audit: Vec<AuditRow>,
}

impl std::fmt::Debug for Transition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transition")
            .field("condition", &self.condition)
            .field("end", &self.end)
            .field("password", &self.password.as_ref().map(|(credential, _)| credential))
            .field("mint", &self.mint.as_ref().map(|session| session.id))
            .finish_non_exhaustive()
    }
}

/// The answer to a transition.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "made once and taken apart by its one caller")]
pub enum Outcome {
    /// Committed.
    Done(Done),
    /// The condition does not hold (any more), or the installation is not what a [`Rekey`] takes it for. Nothing happened.
    Stale,
    /// What should end (or whose password should change) does not exist, or is somebody else's. Nothing happened.
    NotFound,
}

/// What a transition did.
#[derive(Clone, Debug, PartialEq)]
pub struct Done {
    /// What the barrier waits for: the number of the last entry, or the log's head when nothing was left to end.
    pub head: u64,
    /// Entries that this transition appended.
    pub entries: Vec<Entry>,
    /// The generation of the minted session.
    pub generation: Option<u64>,
    /// The ended session, as it was.
    pub ended: Option<SessionRow>,
}

/// A guard's row as its process writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuardLease {
    /// Random, of this start of the process.
    pub id: Uuid,
    /// The log's epoch that `applied` is a number of.
    pub epoch: Uuid,
    /// What the guard, and all that depend on it, have applied.
    pub applied: u64,
    /// How long it may decide from memory.
    pub lease: Duration,
}

/// A presented refresh token that is genuine.
#[derive(Clone, Debug)]
pub struct RefreshRequest {
    /// The session in it.
    pub session: Uuid,
    /// The counter in it.
    pub presented: u64,
    /// When.
    pub now: Timestamp,
    /// Grace time, milliseconds.
    pub grace_ms: i64,
    /// The idle end that a move sets (never behind the absolute end).
    pub idle_expires_at: Timestamp,
}

/// What a refresh did.
#[derive(Clone, Debug, PartialEq)]
pub enum Refreshed {
    /// Issue the token with the session's (new) counter.
    Issue(SessionWithUser),
    /// The session does not live.
    Dead,
    /// A counter that was used up longer ago than the grace time: theft.
    Reused(SessionWithUser),
    /// A counter that was never issued by this store: it lost a commit.
    Ahead(SessionWithUser),
}

/// Activity of one session: once, or for as long as it went on without a pause as long as the session's idle time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touch {
    /// Which.
    pub session: Uuid,
    /// When it began.
    pub since: Timestamp,
    /// When it was last.
    pub seen: Timestamp,
    /// The idle end that follows.
    pub idle_expires_at: Timestamp,
}

/// How a throttle counter behaves. Durations in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThrottleRule {
    /// Charges before the first block.
    pub free: u32,
    /// The first block.
    pub block_ms: i64,
    /// Blocks double up to here.
    pub max_block_ms: i64,
    /// Forgotten this long after the last charge, never during a block.
    pub forget_ms: i64,
}

/// One counter to charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// Which.
    pub key: ThrottleKey,
    /// How it behaves.
    pub rule: ThrottleRule,
}

/// One counter to lower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refund {
    /// Forget it.
    Clear(ThrottleKey),
    /// Take one charge back, and the block that came with it. (The block before it was over, or it would not have been charged.)
    One(ThrottleKey, ThrottleRule),
}

/// The answer to a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charged {
    /// Go on.
    Allowed,
    /// Not before this time, when the longest of their blocks is over. Nothing was charged.
    Blocked(Timestamp),
}

/// Up to when each kind of row may go.
#[derive(Clone, Copy, Debug)]
pub struct PurgeBefore {
    /// Now: throttle counters past their time, log entries past `forget_at`.
    pub now: Timestamp,
    /// Sessions that ended, or passed an end, before this.
    pub sessions: Timestamp,
    /// Audit rows older than this.
    pub audit: Timestamp,
    /// Throttle counters to keep at most, least recent out.
    pub throttle_most: usize,
}

impl End {
    /// The log entries (without number) that this leaves, given the user's generation before it was raised.
    pub(crate) fn entry(&self, generation_before: u64) -> Ended {
        match self {
            Self::Session { id, .. } => Ended::Session(*id),
            Self::User(id) | Self::DisableUser(id) => Ended::User { id: *id, generation: generation_before },
            Self::DeleteUser(id) => Ended::User { id: *id, generation: u64::MAX },
            Self::Token { jti } => Ended::Token(*jti),
            Self::Key(kid) => Ended::Key(*kid),
        }
    }
}
