//! Why a request is refused at the door, and the answer it gets.

use crate::{DpopRefusal, Problem};
use axum_core::response::{IntoResponse, Response};
use std::{fmt, sync::Arc, time::Duration};

/// Why a credential was not accepted. Carries fixed texts only, nothing the client sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Nothing was presented. Answered like [`Refusal::NoSession`].
    NoCredential,
    /// The cookie is unknown, ended, expired, malformed or doubled.
    NoSession,
    /// The bearer token is bad; for every cause the same answer.
    InvalidToken,
    /// What was shown by DPoP (RFC 9449) was not accepted.
    Dpop(DpopRefusal),
    /// The request cannot be understood; the text says why.
    InvalidRequest(&'static str),
    /// A write by cookie that another site may have caused.
    CsrfRejected,
    /// The login is good, but older than what asks for a fresh one allows.
    FreshLoginRequired {
        /// How old it may be. Told in whole seconds.
        max_age: Duration,
    },
    /// The login lacks this scope.
    InsufficientScope(&'static str),
    /// The access token is of a grant, and the route is not among the few that a grant opens.
    GrantTooNarrow,
    /// Authenticated, but not allowed; the text says what would be.
    Forbidden(&'static str),
    /// Wrong or malformed client credentials (machine routes).
    InvalidClient,
    /// Neither memory nor the store can tell now.
    Unavailable,
    /// Too many attempts; try again after this time.
    TooManyAttempts {
        /// How long to wait. Told in whole seconds, rounded up.
        retry_after: Duration,
    },
    /// A defect, ours or of the application's set-up; the log says which.
    Internal,
}

impl Refusal {
    /// Whether this is the absence of a login rather than a bad one: where an extractor is optional, it yields `None`.
    ///
    /// A dead cookie counts as absent, since browsers go on sending it; a bad bearer token never does.
    pub const fn is_anonymous(&self) -> bool {
        matches!(self, Self::NoCredential | Self::NoSession)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoCredential | Refusal::NoSession => Self::no_session(),
            Refusal::InvalidToken => Self::invalid_token(),
            Refusal::Dpop(refusal) => Self::dpop(refusal),
            Refusal::InvalidRequest(why) => Self::invalid_request(why),
            Refusal::CsrfRejected => Self::csrf_rejected(),
            Refusal::FreshLoginRequired { max_age } => Self::fresh_login_required(max_age),
            Refusal::InsufficientScope(scope) => Self::insufficient_scope(scope),
            Refusal::GrantTooNarrow => Self::grant_too_narrow(),
            Refusal::Forbidden(why) => Self::forbidden(why),
            Refusal::InvalidClient => Self::invalid_client(),
            Refusal::Unavailable => Self::unavailable(),
            Refusal::TooManyAttempts { retry_after } => Self::too_many_attempts(retry_after),
            Refusal::Internal => Self::internal(None),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Problem::from(*self).code)
    }
}

impl std::error::Error for Refusal {}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        Problem::from(self).into_response()
    }
}

/// What the extractors reject with: a [`Refusal`], and what of the installation and the request its answer names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rejection {
    refusal: Refusal,
    realm: &'static str,
    instance: Option<Arc<str>>,
}

impl Rejection {
    pub(crate) const fn new(refusal: Refusal, realm: &'static str, instance: Option<Arc<str>>) -> Self {
        Self { refusal, realm, instance }
    }

    /// Why.
    pub const fn refusal(&self) -> Refusal {
        self.refusal
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        let problem = Self::from(rejection.refusal).with_realm(rejection.realm);
        match rejection.instance {
            Some(instance) if problem.status.is_server_error() => problem.with_instance(&instance),
            _ => problem,
        }
    }
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        rejection.refusal
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.refusal.fmt(f)
    }
}

impl std::error::Error for Rejection {}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        Problem::from(self).into_response()
    }
}
