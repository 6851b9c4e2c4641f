//! `Prefer: respond-async` (RFC 7240 §4.1): a caller who would not wait until an ending has reached everybody.

use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    http::{HeaderName, HeaderValue, StatusCode, request::Parts},
    response::{IntoResponse, Response},
};
use symbolon::revocation::without_waiting;

const PREFER: HeaderName = HeaderName::from_static("prefer");
const APPLIED: HeaderName = HeaderName::from_static("preference-applied");
const RESPOND_ASYNC: &str = "respond-async";

/// What a request prefers. On a node that holds its store alone and has no guards, an ending has reached everybody when it is
/// written, so there is nothing that could be left for later: the answer is 202, and already true.
#[derive(Clone, Copy)]
pub(crate) struct Prefer {
    respond_async: bool,
}

impl Prefer {
    /// Carries out an ending, and waits until it has reached everybody, unless the caller would not.
    pub(crate) async fn ending<T>(self, ending: impl Future<Output = T>) -> T {
        if self.respond_async { without_waiting(ending).await } else { ending.await }
    }

    /// The answer to an ending without more to say: 204, or 202.
    pub(crate) fn ended(self) -> Response {
        self.answer(StatusCode::NO_CONTENT.into_response())
    }

    /// An answer to an ending: as it is, or as 202.
    pub(crate) fn answer(self, mut answer: Response) -> Response {
        if self.respond_async {
            *answer.status_mut() = StatusCode::ACCEPTED;
            answer.headers_mut().insert(APPLIED, HeaderValue::from_static(RESPOND_ASYNC));
        }
        answer
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Prefer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let lines = parts.headers.get_all(PREFER).iter().filter_map(|line| line.to_str().ok());
        let mut names = lines
            .flat_map(|line| line.split(','))
            .map(|one| one.split(';').next().unwrap_or_default().trim());
        Ok(Self { respond_async: names.any(|name| name.eq_ignore_ascii_case(RESPOND_ASYNC)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    async fn status(lines: &[&str]) -> StatusCode {
        let request = lines.iter().fold(Request::delete("/"), |request, line| request.header(PREFER, *line));
        let mut parts = request.body(()).unwrap().into_parts().0;
        let Ok(prefer) = Prefer::from_request_parts(&mut parts, &()).await;
        prefer.ended().status()
    }

    #[tokio::test]
    async fn the_preference_is_found_among_others() {
        for lines in
            [&["respond-async"][..], &["wait=10, Respond-Async"], &["return=minimal", "respond-async; x=y"]]
        {
            assert_eq!(status(lines).await, StatusCode::ACCEPTED, "{lines:?}");
        }
        for lines in [
            &[][..],
            &["respond-asynchronously"],
            &["wait=10"],
            &["return=respond-async"],
            &["respond-async=1"],
        ] {
            assert_eq!(status(lines).await, StatusCode::NO_CONTENT, "{lines:?}");
        }
    }
}
