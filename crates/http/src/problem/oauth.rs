//! Errors of `/oauth/*` (RFC 6749 §5.2, RFC 7009 §2.2.1, RFC 8707 §2).

use super::challenge::{Challenge, Kind, quotable};
use super::{Problem, answer};
use axum_core::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use std::borrow::Cow;

/// `{"error", "error_description"}` and the answer around it.
#[derive(Clone, Debug)]
pub struct OAuthError {
    /// The registered error code.
    pub error: &'static str,
    /// What would help; sent without the characters that §5.2 forbids.
    pub description: Cow<'static, str>,
    /// The HTTP status.
    pub status: StatusCode,
    /// Further fields of the answer.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

#[derive(Serialize)]
struct Document<'a> {
    error: &'a str,
    error_description: &'a str,
}

impl OAuthError {
    fn new(error: &'static str, description: impl Into<Cow<'static, str>>) -> Self {
        Self { error, description: description.into(), status: StatusCode::BAD_REQUEST, headers: Vec::new() }
    }

    fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    fn challenging(mut self, kind: Kind) -> Self {
        self.headers.extend(Challenge::new(kind).headers());
        self
    }

    /// Adds a field to the answer.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// 400: malformed, or a missing or repeated parameter.
    pub fn invalid_request(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new("invalid_request", description)
    }

    /// 401: wrong client credentials.
    pub fn invalid_client() -> Self {
        Self::new("invalid_client", "Unknown client or wrong client secret.")
            .with_status(StatusCode::UNAUTHORIZED)
            .challenging(Kind::Basic)
    }

    /// 400: the refresh token (or other grant) is bad; one answer for every cause.
    pub fn invalid_grant() -> Self {
        Self::new(
            "invalid_grant",
            "The grant is malformed, expired, revoked or not this client's. Log in again.",
        )
    }

    /// 400: this client may not use this grant type.
    pub fn unauthorized_client() -> Self {
        Self::new("unauthorized_client", "This client may not use this grant type.")
    }

    /// 400: a `grant_type` that is not offered.
    pub fn unsupported_grant_type() -> Self {
        Self::new(
            "unsupported_grant_type",
            "This grant type is not offered; the server's metadata lists those that are.",
        )
    }

    /// 400: a token type that cannot be revoked (RFC 7009 §2.2.1).
    pub fn unsupported_token_type() -> Self {
        Self::new("unsupported_token_type", "Tokens of this type cannot be revoked here.")
    }

    /// 400: a scope that is unknown, or more than was granted.
    pub fn invalid_scope() -> Self {
        Self::new("invalid_scope", "The scope is not configured, or is more than was granted.")
    }

    /// 400: an audience or resource that is unknown (RFC 8707 §2).
    pub fn invalid_target() -> Self {
        Self::new("invalid_target", "The audience or resource is not one this server issues tokens for.")
    }

    /// 403: the authenticated client lacks `scope`.
    pub fn insufficient_scope(scope: &str) -> Self {
        Self::new("insufficient_scope", "This client was not granted the scope that this call needs.")
            .with_status(StatusCode::FORBIDDEN)
            .challenging(Kind::BearerScope(scope.to_owned()))
    }
}

/// What is not OAuth's own (limits, method, a defect) in OAuth's form: status and fields stay, the code is the nearest
/// registered one.
impl From<Problem> for OAuthError {
    fn from(problem: Problem) -> Self {
        let error = match problem.code {
            "invalid_client" => return Self::invalid_client(),
            "invalid_scope" => "invalid_scope",
            "invalid_dpop_proof" => "invalid_dpop_proof",
            "use_dpop_nonce" => "use_dpop_nonce",
            "invalid_target" => "invalid_target",
            "insufficient_scope" => "insufficient_scope",
            "forbidden" => "access_denied",
            "overloaded" | "unavailable" => "temporarily_unavailable",
            _ if problem.status.is_server_error() => "server_error",
            _ => "invalid_request",
        };
        let mut headers = problem.headers;
        headers.extend(problem.challenge.iter().flat_map(|challenge| challenge.headers()));
        // RFC 6749 has no member for the log's id: it ends the description.
        let description = match problem.extra.get("instance").and_then(serde_json::Value::as_str) {
            Some(instance) => Cow::Owned(format!("{} (instance {instance})", problem.detail)),
            None => problem.detail,
        };
        Self { error, description, status: problem.status, headers }
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let description = quotable(&self.description);
        let document = Document { error: self.error, error_description: &description };
        let pragma = (header::PRAGMA, HeaderValue::from_static("no-cache"));
        answer(self.status, "application/json", &document, self.headers.into_iter().chain([pragma]))
    }
}
