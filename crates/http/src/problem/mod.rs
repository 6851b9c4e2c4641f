//! Errors as clients see them: problem documents (RFC 9457) for `/v1/*`, OAuth errors (RFC 6749 §5.2) for `/oauth/*`.
//!
//! Owns every code of the contract's "Errors" table with its status and fixed texts (`codes.rs`). It refuses to repeat
//! input: details are ours, and what a caller of these constructors passes in must be too. No answer made here may be cached.

mod challenge;
mod codes;
mod oauth;

pub use codes::CODES;
pub use oauth::OAuthError;

use axum_core::{
    body::Body,
    response::{IntoResponse, Response},
};
use challenge::Challenge;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// The realm of challenges unless [`Problem::with_realm`] says otherwise.
pub const REALM: &str = "symbolon";

/// One problem document and the answer around it.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The stable code; also the end of the `type` URN.
    pub code: &'static str,
    /// The HTTP status.
    pub status: StatusCode,
    /// The fixed short text of this code.
    pub title: &'static str,
    /// What happened and what would help, in plain English.
    pub detail: Cow<'static, str>,
    /// Further members, such as `reasons`.
    pub extra: Map<String, Value>,
    /// Further fields of the answer, such as `Retry-After`. Challenges are added when it is sent.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Boxed: a `Result` with a `Problem` should stay small.
    challenge: Option<Box<Challenge>>,
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    #[serde(flatten)]
    extra: &'a Map<String, Value>,
}

impl Problem {
    /// Adds a member to the document. The five standing ones cannot be replaced this way.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        if !["type", "title", "status", "detail", "code"].contains(&member) {
            self.extra.insert(member.to_owned(), value.into());
        }
        self
    }

    /// Adds a field to the answer.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Adds `instance`: the id under which this failure stands in the log.
    #[must_use]
    pub fn with_instance(self, instance: &str) -> Self {
        self.with("instance", instance)
    }

    /// Sets the realm of the challenges.
    #[must_use]
    pub fn with_realm(mut self, realm: &'static str) -> Self {
        if let Some(challenge) = &mut self.challenge {
            challenge.realm = realm;
        }
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let document = Document {
            r#type: format!("urn:symbolon:problem:{}", self.code),
            title: self.title,
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
            extra: &self.extra,
        };
        let challenges = self.challenge.as_ref().map(|challenge| challenge.headers()).into_iter().flatten();
        answer(self.status, "application/problem+json", &document, self.headers.into_iter().chain(challenges))
    }
}

/// A JSON answer that nobody keeps.
fn answer(
    status: StatusCode,
    media_type: &'static str,
    document: &impl Serialize,
    fields: impl Iterator<Item = (HeaderName, HeaderValue)>,
) -> Response {
    // Maps with text keys always serialise; should that ever change, an empty body is the least of it.
    let mut response = Response::new(Body::from(serde_json::to_vec(document).unwrap_or_default()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, value) in fields {
        headers.append(name, value);
    }
    response
}

#[cfg(test)]
mod tests;
