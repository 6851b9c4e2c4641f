//! The log's line for each request, and what may stand in it: no query, no secret, nothing that a terminal or a reader
//! of lines would take for something else (LG-02, LG-03, LG-14).

use std::borrow::Cow;
use std::net::SocketAddr;

use http::{Method, StatusCode, Uri};
use tokio::time::Instant;

use super::clock::now;
use super::id::Id;
use crate::{logs, telemetry};

/// What the line will say. Dropped unfinished, it says that the client left before the answer.
pub(super) struct Record {
    method: Method,
    path: Option<String>,
    id: Id,
    peer: Option<SocketAddr>,
    started: Instant,
    finished: bool,
}

impl Record {
    pub(super) fn new(
        method: &Method,
        uri: &Uri,
        id: Id,
        peer: Option<SocketAddr>,
        started: Instant,
    ) -> Self {
        let path = tracing::enabled!(target: "symbolon::request", tracing::Level::INFO)
            .then(|| loggable(uri.path()).into_owned());
        Self { method: method.clone(), path, id, peer, started, finished: false }
    }

    /// The answer is there.
    pub(super) fn finish(&mut self, status: StatusCode, route: Option<&str>) {
        self.finished = true;
        if self.path.is_none() && !telemetry::is_on() {
            return;
        }
        let took = now().saturating_duration_since(self.started);
        telemetry::request(route, &self.method, status, took);
        let Some(path) = &self.path else { return };
        tracing::info!(
            target: "symbolon::request",
            method = method(&self.method),
            path = path.as_str(),
            status = status.as_u16(),
            ms = millis(took),
            request = &*self.id,
            peer = self.peer.map(tracing::field::display),
            "request"
        );
    }

    /// The handler panicked, at this place of the source.
    pub(super) fn panicked(&self, place: &str) {
        tracing::error!(
            target: "symbolon::request",
            method = method(&self.method),
            path = self.path.as_deref(),
            instance = &*self.id,
            place,
            "a handler panicked"
        );
    }

    /// The handler did not answer in time.
    pub(super) fn timed_out(&self) {
        tracing::warn!(
            target: "symbolon::request",
            method = method(&self.method),
            path = self.path.as_deref(),
            instance = &*self.id,
            "a handler did not answer in time"
        );
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        telemetry::abandoned();
        let Some(path) = &self.path else { return };
        tracing::info!(
            target: "symbolon::request",
            method = method(&self.method),
            path = path.as_str(),
            ms = millis(now().saturating_duration_since(self.started)),
            request = &*self.id,
            peer = self.peer.map(tracing::field::display),
            "the client left before the answer"
        );
    }
}

/// A request that never became one: refused on the wire.
pub(super) fn refused(peer: Option<SocketAddr>, status: StatusCode, id: &str) {
    telemetry::refused(status);
    tracing::info!(
        target: "symbolon::request",
        status = status.as_u16(),
        request = id,
        peer = peer.map(tracing::field::display),
        "refused before it was a request"
    );
}

/// Hyper gave a connection up. What could not be parsed it has answered with 400; a lost connection is nobody's news.
pub(super) fn unparsable(peer: Option<SocketAddr>, error: &(dyn std::error::Error + 'static)) {
    if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse) {
        telemetry::refused(StatusCode::BAD_REQUEST);
        tracing::info!(
            target: "symbolon::request",
            status = 400,
            peer = peer.map(tracing::field::display),
            "refused before it was a request"
        );
    }
}

/// Any token is a method; the log names those that there are.
fn method(method: &Method) -> &'static str {
    telemetry::method(method)
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of a request are far below 2^52")]
fn millis(took: std::time::Duration) -> f64 {
    took.as_micros() as f64 / 1000.0
}

/// Longer paths are cut: none of ours is.
const MAX_PATH: usize = 200;

/// A path as it may stand in the log: cut, escaped, without what looks like a credential; session ids shortened.
fn loggable(path: &str) -> Cow<'_, str> {
    let plain = path.len() <= MAX_PATH
        && path.is_ascii()
        && !path.contains('%')
        && path.split('/').all(|part| part.len() < 32);
    if plain {
        return Cow::Borrowed(path);
    }
    let mut out = String::with_capacity(path.len().min(MAX_PATH));
    let mut before = "";
    for (number, part) in path.split('/').enumerate() {
        if number > 0 {
            out.push('/');
        }
        if before == "sessions" && part.len() == 36 && part.is_ascii() {
            out.push('…');
            out.push_str(part.get(28..).unwrap_or_default());
        } else {
            out.push_str(part);
        }
        before = part;
        if out.len() > MAX_PATH {
            let end = (0..=MAX_PATH).rev().find(|at| out.is_char_boundary(*at));
            out.truncate(end.unwrap_or(0));
            out.push('…');
            break;
        }
    }
    logs::clean(out.as_bytes(), false)
        .map_or(Cow::Owned(out), |cleaned| Cow::Owned(String::from_utf8_lossy(&cleaned).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lg_03_a_path_stays_on_its_line() {
        for (path, logged) in [
            ("/v1/me", "/v1/me"),
            ("/a\u{9b}31m", "/a\\u{9b}31m"),
            ("/a\u{2028}b", "/a\\u{2028}b"),
            ("/%0a%1b[31m", "/%0a%1b[31m"),
        ] {
            assert_eq!(loggable(path), logged);
        }
        assert!(loggable(&"/x".repeat(5_000)).len() < 210);
        assert!(loggable(&"/é".repeat(5_000)).ends_with('…'));
    }

    #[test]
    fn lg_14_session_ids_are_shortened_and_credentials_left_out() {
        let id = "0193f0c2-7e1a-7b3c-8d4e-5f60718293a4";
        assert_eq!(loggable(&format!("/v1/sessions/{id}")), "/v1/sessions/…718293a4");
        let secret = "A".repeat(64);
        for path in
            [format!("/v1/sessions/ses_{secret}"), format!("/x/ref_{secret}"), format!("/key_{secret}/y")]
        {
            assert!(!loggable(&path).contains("AAAA"), "{}", loggable(&path));
        }
    }
}
