//! What the admin API answers: a value, or a problem as a sentence.

use std::time::Duration;

use anyhow::{Context, Result};
use http::{HeaderMap, StatusCode, header, response::Parts};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// An answer, good or bad.
pub(super) struct Answer {
    status: StatusCode,
    retry_after: Option<Duration>,
    body: Value,
}

/// A problem (RFC 9457), as a person is told of it.
#[derive(Debug, thiserror::Error)]
#[error("{sentence}")]
pub(super) struct Refused {
    /// Its stable code, of the contract's table.
    pub(super) code: String,
    /// When to try again.
    pub(super) retry_after: Option<Duration>,
    sentence: String,
}

impl Answer {
    pub(super) fn new(head: &Parts, body: Value) -> Self {
        Self { status: head.status, retry_after: retry_after(&head.headers), body }
    }

    /// The value of a success.
    ///
    /// # Errors
    /// [`Refused`].
    pub(super) fn value(self) -> Result<Value, Refused> {
        if self.status.is_success() {
            return Ok(self.body);
        }
        let text = |member: &str| self.body.get(member).and_then(Value::as_str).unwrap_or_default();
        let sentence = match (text("code"), text("detail")) {
            ("password_rejected", _) => {
                format!("the password was refused: {}", reasons(&self.body).join(", and "))
            }
            ("unavailable" | "internal", detail) => match text("instance") {
                "" => detail.to_owned(),
                instance => format!("{detail} Its log says more under {instance}."),
            },
            (_, "") => format!("the server answered {} and did not say why", self.status),
            (_, detail) => detail.to_owned(),
        };
        Err(Refused { code: text("code").to_owned(), retry_after: self.retry_after, sentence })
    }

    /// The value of a success, as a type.
    ///
    /// # Errors
    /// [`Refused`], or when the server speaks another language.
    pub(super) fn read<T: DeserializeOwned>(self) -> Result<T> {
        read(self.value()?)
    }
}

/// A part of an answer, as a type.
pub(super) fn read<T: DeserializeOwned>(value: Value) -> Result<T> {
    serde_json::from_value(value).context(
        "the server's answer has another form than this program knows; are they of the same version?",
    )
}

/// Whether an error is a problem of this code.
pub(super) fn is(error: &anyhow::Error, code: &str) -> bool {
    error.downcast_ref::<Refused>().is_some_and(|refused| refused.code == code)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn reasons(problem: &Value) -> Vec<&str> {
    let codes = problem.get("reasons").and_then(Value::as_array);
    let said = codes.into_iter().flatten().filter_map(Value::as_str).map(|code| match code {
        "too_short" => "it is shorter than password.min_length",
        "too_long" => "it is longer than 1024 bytes",
        "common" => "it is one that everybody guesses",
        "contains_identifier" => "it is made of the user's own name",
        other => other,
    });
    said.collect()
}
