//! What the listener itself answers: the limits of HTTP, and requests no handler should see. The texts are those of
//! `symbolon_http::problem`, in OAuth's form under `/oauth/`.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::Uri;
use http::header::{CONNECTION, HeaderName, HeaderValue};
use http_body_util::{BodyExt, Collected};
use symbolon_http::problem::{OAuthError, Problem};

/// The header every answer carries: the id under which the request stands in the log.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Which form of errors a client expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// RFC 9457; also where nothing is known of the request.
    Problem,
    /// RFC 6749 §5.2.
    OAuth,
}

impl Form {
    /// The one of this target. The issuer's path may stand in front: any `/oauth/` will do, since nothing else has such a part.
    pub(super) fn of(uri: &Uri) -> Self {
        if uri.path().contains("/oauth/") { Self::OAuth } else { Self::Problem }
    }
}

/// Why a request is refused before or while it is handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Refusal {
    /// 400: framing that two parsers might read differently, or a body that does not keep to its own.
    BadRequest = 1,
    /// 400: no host, several, or one that contradicts the target.
    BadAuthority,
    /// 405 for TRACE and CONNECT, whatever the route.
    Method,
    /// 408: head or body did not arrive in time.
    RequestTimeout,
    /// 413
    PayloadTooLarge,
    /// 414
    UriTooLong,
    /// 415: a compressed body. Nothing is ever inflated.
    ContentEncoding,
    /// 431
    HeadersTooLarge,
    /// 503: the handler did not answer in time.
    HandlerTimeout,
}

impl Refusal {
    const ALL: [Self; 9] = [
        Self::BadRequest,
        Self::BadAuthority,
        Self::Method,
        Self::RequestTimeout,
        Self::PayloadTooLarge,
        Self::UriTooLong,
        Self::ContentEncoding,
        Self::HeadersTooLarge,
        Self::HandlerTimeout,
    ];

    /// Back from the number that an atomic holds; 0 is none.
    pub(super) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|refusal| *refusal as u8 == number)
    }

    fn problem(self) -> Problem {
        match self {
            Self::BadRequest => Problem::invalid_request(
                "The message is malformed: it does not say plainly where its body ends, or ends elsewhere.",
            ),
            Self::BadAuthority => Problem::invalid_request("The request must name one host, once."),
            Self::Method => Problem::method_not_allowed("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
            Self::RequestTimeout => Problem::request_timeout(),
            Self::PayloadTooLarge => Problem::payload_too_large(),
            Self::UriTooLong => Problem::uri_too_long(),
            Self::ContentEncoding => {
                let mut problem = Problem::unsupported_media_type("identity");
                problem.detail = "Send the body as it is, without Content-Encoding.".into();
                // The header that answers a refused coding (RFC 9110 §15.5.16).
                problem.headers = vec![(http::header::ACCEPT_ENCODING, HeaderValue::from_static("identity"))];
                problem
            }
            Self::HeadersTooLarge => Problem::headers_too_large(),
            Self::HandlerTimeout => Problem::unavailable(),
        }
    }

    /// The answer.
    pub(super) fn answer(self, form: Form, id: &str) -> Response {
        let mut problem = self.problem();
        if problem.status.is_server_error() {
            problem = problem.with_instance(id);
        }
        finished(problem, form, id)
    }
}

/// 500, for a handler that panicked: nothing but the id under which the log has it.
pub(super) fn internal(form: Form, id: &str) -> Response {
    finished(Problem::internal(Some(id)), form, id)
}

fn finished(problem: Problem, form: Form, id: &str) -> Response {
    let mut response = match form {
        Form::OAuth => OAuthError::from(problem).into_response(),
        Form::Problem => problem.into_response(),
    };
    // Not HSTS: the listener does not know the issuer, and errors are no place to learn it from.
    symbolon_http::headers::api(response.headers_mut(), false);
    response.headers_mut().insert(REQUEST_ID, id_value(id));
    response
}

/// The id of a request as the value of [`REQUEST_ID`].
pub(super) fn id_value(id: &str) -> HeaderValue {
    // Hexadecimal digits always are one.
    HeaderValue::from_str(id).unwrap_or(HeaderValue::from_static("0"))
}

/// An answer as the bytes of an HTTP/1.1 message, for a connection that no parser holds any more. It says that the
/// connection closes.
pub(super) async fn raw(response: Response) -> Vec<u8> {
    let (mut parts, body) = response.into_parts();
    let body = Body::collect(body).await.map(Collected::to_bytes).unwrap_or_default();
    parts.headers.insert(CONNECTION, HeaderValue::from_static("close"));
    parts.headers.insert(http::header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    let mut out = format!("HTTP/1.1 {}\r\n", parts.status).into_bytes();
    for (name, value) in &parts.headers {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&body);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_its_own_number_and_a_code_of_the_contract() {
        for refusal in Refusal::ALL {
            assert_eq!(Refusal::from_number(refusal as u8), Some(refusal));
            let problem = refusal.problem();
            assert!(symbolon_http::problem::CODES.iter().any(|code| code.0 == problem.code));
        }
        assert_eq!(Refusal::from_number(0), None);
    }
}
