//! `/v1/revocations`: the revocation log, for guards without a store. Asking is acknowledging, and the answer is the lease.

use std::time::Duration;

use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::{AppendHeaders, IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use symbolon::{
    clock::serialize_rfc3339,
    revocation::{MOST_ENTRIES, Poll, PollAnswer},
};
use symbolon_http::Problem;
use symbolon_token::{Ended, Entry, Timestamp};
use uuid::Uuid;

use super::machine::Follower;
use crate::{
    Auth,
    failure::Failure,
    parts::{Json, NoParams},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Question {
    guard: Uuid,
    epoch: Option<Uuid>,
    after: u64,
    /// Seconds.
    wait: f64,
    limit: Option<usize>,
}

#[derive(Serialize)]
struct Answer {
    epoch: Uuid,
    next: u64,
    more: bool,
    reset: bool,
    lease_ms: u64,
    #[serde(serialize_with = "serialize_rfc3339")]
    now: Timestamp,
    entries: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    seq: u64,
    kind: &'static str,
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<u64>,
    /// Seconds; null: never.
    forget_at: Option<i64>,
}

impl From<Entry> for Line {
    fn from(Entry { seq, what, forget_at }: Entry) -> Self {
        let (kind, id, generation) = match what {
            Ended::Token(jti) => ("token", jti.to_string(), None),
            Ended::Session(id) => ("session", id.to_string(), None),
            Ended::User { id, generation } => ("user", id.to_string(), Some(generation)),
            Ended::Key(kid) => ("key", kid.to_string(), None),
            Ended::Changed(id) => ("changed", id.to_string(), None),
        };
        Self { seq, kind, id, generation, forget_at }
    }
}

/// `POST /v1/revocations` → what is new, and a lease. Waits for news up to `wait`, and no longer than a third of the lease.
pub(crate) async fn follow(
    State(auth): State<Auth>,
    _: Follower,
    _: NoParams,
    Json(question): Json<Question>,
) -> Result<Response, Failure> {
    let Question { guard, epoch, after, wait, limit } = question;
    let wait = Duration::try_from_secs_f64(wait)
        .map_err(|_| Problem::invalid_request("`wait` is a number of seconds, 0 or more."))?;
    if limit == Some(0) {
        return Err(Problem::invalid_request("`limit` is at least 1.").into());
    }
    let poll = Poll { guard, epoch, after, wait, limit: limit.unwrap_or(MOST_ENTRIES) };
    let PollAnswer { epoch, next, more, reset, lease, entries, now } = auth.engine().poll(poll).await?;
    let answer = Answer {
        epoch,
        next,
        more,
        reset,
        // Rounded down: a lease must not be longer than it is.
        lease_ms: u64::try_from(lease.as_millis()).unwrap_or_default(),
        now,
        entries: entries.into_iter().map(Line::from).collect(),
    };
    let unkept = AppendHeaders([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))]);
    Ok((unkept, Json(answer)).into_response())
}
