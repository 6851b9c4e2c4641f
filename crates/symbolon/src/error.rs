//! The crate's one error: opaque, with a stable kind, a sentence for the caller and a source chain for the log.

use std::{borrow::Cow, time::Duration};

use crate::store::StoreError;

/// What went wrong, in the contract's terms. A kind never says more than a client may know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Malformed input.
    InvalidRequest,
    /// An audience that is not configured.
    InvalidTarget,
    /// A scope that is not configured or not granted.
    InvalidScope,
    /// Unknown user or wrong password.
    InvalidCredentials,
    /// No, unknown, ended or expired cookie.
    NoSession,
    /// Any bad bearer token.
    InvalidToken,
    /// Any bad DPoP proof.
    InvalidProof,
    /// A DPoP proof without a good nonce; see [`crate::Symbolon::dpop_nonce`].
    UseNonce,
    /// Any bad refresh token.
    InvalidGrant,
    /// Unknown or wrong machine client.
    InvalidClient,
    /// A login or confirm of late is wanted.
    FreshLoginRequired,
    /// Authenticated, not allowed.
    Forbidden,
    /// Not there, or somebody else's.
    NotFound,
    /// The identifier belongs to somebody.
    IdentifierTaken,
    /// The password breaks the policy; see [`Error::reasons`].
    PasswordRejected,
    /// Throttled; see [`Error::retry_after`].
    TooManyAttempts,
    /// The hashing queue is full; see [`Error::retry_after`].
    Overloaded,
    /// The store is out of reach.
    Unavailable,
    /// A defect.
    Internal,
}

/// An error of the engine.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub struct Error {
    kind: ErrorKind,
    detail: Cow<'static, str>,
    reasons: Vec<&'static str>,
    retry_after: Option<Duration>,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The answer of the engine.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn new(kind: ErrorKind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, detail: detail.into(), reasons: Vec::new(), retry_after: None, source: None }
    }

    pub(crate) fn caused(
        kind: ErrorKind,
        detail: impl Into<Cow<'static, str>>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { source: Some(source.into()), ..Self::new(kind, detail) }
    }

    pub(crate) fn rejected(reasons: Vec<&'static str>) -> Self {
        Self { reasons, ..Self::new(ErrorKind::PasswordRejected, "The password does not meet the policy.") }
    }

    /// An error for what cannot happen; it is logged and answered as `internal`.
    pub fn defect(detail: &'static str) -> Self {
        Self::new(ErrorKind::Internal, detail)
    }

    /// The store answers, but too late each time for what was read to count.
    pub(crate) fn slow() -> Self {
        Self::new(ErrorKind::Unavailable, "The store is too slow at the moment.")
    }

    /// What the clock says cannot be the time.
    pub(crate) fn wrong_clock() -> Self {
        Self::new(
            ErrorKind::Unavailable,
            "The clock of this machine is not set: it cannot be the time that it says.",
        )
    }

    /// What the clock says is not what the database's says, which those of all nodes are held against.
    pub(crate) fn clocks_apart() -> Self {
        Self::new(
            ErrorKind::Unavailable,
            "The clock of this machine and the database's are further apart than a token's leeway.",
        )
    }

    pub(crate) fn later(kind: ErrorKind, detail: &'static str, retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(kind, detail) }
    }

    pub(crate) fn invalid_credentials() -> Self {
        Self::new(ErrorKind::InvalidCredentials, "The identifier or the password is wrong.")
    }

    pub(crate) fn no_session() -> Self {
        Self::new(ErrorKind::NoSession, "There is no live session.")
    }

    pub(crate) fn invalid_token() -> Self {
        Self::new(ErrorKind::InvalidToken, "The access token is not valid.")
    }

    pub(crate) fn invalid_proof() -> Self {
        Self::new(ErrorKind::InvalidProof, "The DPoP proof is not valid.")
    }

    pub(crate) fn invalid_grant() -> Self {
        Self::new(ErrorKind::InvalidGrant, "The refresh token is not valid.")
    }

    pub(crate) fn not_found() -> Self {
        Self::new(ErrorKind::NotFound, "There is no such thing here.")
    }

    /// The stable kind.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// One English sentence that may be shown to the caller.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// With [`ErrorKind::PasswordRejected`]: `too_short`, `too_long`, `common`, `contains_identifier`.
    pub fn reasons(&self) -> &[&'static str] {
        &self.reasons
    }

    /// When to try again.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::caused(ErrorKind::Unavailable, "The store cannot be reached at the moment.", error)
    }
}
