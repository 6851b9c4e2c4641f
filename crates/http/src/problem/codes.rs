//! Every code of the contract's "Errors" table, each with its constructor. The order is the table's.

use super::{
    Problem,
    challenge::{Challenge, Kind},
};
use crate::dpop::{DPOP_NONCE, DpopRefusal};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value};
use std::{borrow::Cow, time::Duration};

type Code = (&'static str, StatusCode, &'static str);

const INVALID_REQUEST: Code = ("invalid_request", StatusCode::BAD_REQUEST, "The request is malformed");
const INVALID_TARGET: Code = ("invalid_target", StatusCode::BAD_REQUEST, "Unknown audience");
const INVALID_SCOPE: Code = ("invalid_scope", StatusCode::BAD_REQUEST, "Unknown scope");
const INVALID_CREDENTIALS: Code =
    ("invalid_credentials", StatusCode::UNAUTHORIZED, "Wrong identifier or password");
const NO_SESSION: Code = ("no_session", StatusCode::UNAUTHORIZED, "Not logged in");
const INVALID_TOKEN: Code = ("invalid_token", StatusCode::UNAUTHORIZED, "The access token is not valid");
const INVALID_DPOP_PROOF: Code =
    ("invalid_dpop_proof", StatusCode::UNAUTHORIZED, "The DPoP proof is not valid");
const USE_DPOP_NONCE: Code = ("use_dpop_nonce", StatusCode::UNAUTHORIZED, "The DPoP proof needs a nonce");
const FRESH_LOGIN_REQUIRED: Code =
    ("fresh_login_required", StatusCode::UNAUTHORIZED, "Confirm your password first");
const SECOND_FACTOR_REQUIRED: Code =
    ("second_factor_required", StatusCode::UNAUTHORIZED, "A second factor is needed");
const INVALID_CLIENT: Code =
    ("invalid_client", StatusCode::UNAUTHORIZED, "Unknown client or wrong client secret");
const CSRF_REJECTED: Code = ("csrf_rejected", StatusCode::FORBIDDEN, "The request came from elsewhere");
const FORBIDDEN: Code = ("forbidden", StatusCode::FORBIDDEN, "Not allowed");
const INSUFFICIENT_SCOPE: Code =
    ("insufficient_scope", StatusCode::FORBIDDEN, "The access token does not allow this");
const NOT_FOUND: Code = ("not_found", StatusCode::NOT_FOUND, "Not found");
const METHOD_NOT_ALLOWED: Code =
    ("method_not_allowed", StatusCode::METHOD_NOT_ALLOWED, "This method is not allowed here");
const REQUEST_TIMEOUT: Code =
    ("request_timeout", StatusCode::REQUEST_TIMEOUT, "The request took too long to arrive");
const IDENTIFIER_TAKEN: Code = ("identifier_taken", StatusCode::CONFLICT, "The identifier is taken");
const PAYLOAD_TOO_LARGE: Code = ("payload_too_large", StatusCode::PAYLOAD_TOO_LARGE, "The body is too large");
const URI_TOO_LONG: Code = ("uri_too_long", StatusCode::URI_TOO_LONG, "The address is too long");
const HEADERS_TOO_LARGE: Code =
    ("headers_too_large", StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "The headers are too large");
const UNSUPPORTED_MEDIA_TYPE: Code =
    ("unsupported_media_type", StatusCode::UNSUPPORTED_MEDIA_TYPE, "This media type is not accepted");
const PASSWORD_REJECTED: Code =
    ("password_rejected", StatusCode::UNPROCESSABLE_ENTITY, "The password is not acceptable");
const TOO_MANY_ATTEMPTS: Code = ("too_many_attempts", StatusCode::TOO_MANY_REQUESTS, "Too many attempts");
const INTERNAL: Code = ("internal", StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong here");
const OVERLOADED: Code = ("overloaded", StatusCode::SERVICE_UNAVAILABLE, "Too busy at the moment");
const UNAVAILABLE: Code = ("unavailable", StatusCode::SERVICE_UNAVAILABLE, "Not available at the moment");

/// Every code with its status and title, in the contract's order: for `openapi.json` and for tests.
pub const CODES: [(&str, StatusCode, &str); 27] = [
    INVALID_REQUEST,
    INVALID_TARGET,
    INVALID_SCOPE,
    INVALID_CREDENTIALS,
    NO_SESSION,
    INVALID_TOKEN,
    INVALID_DPOP_PROOF,
    USE_DPOP_NONCE,
    FRESH_LOGIN_REQUIRED,
    SECOND_FACTOR_REQUIRED,
    INVALID_CLIENT,
    CSRF_REJECTED,
    FORBIDDEN,
    INSUFFICIENT_SCOPE,
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    REQUEST_TIMEOUT,
    IDENTIFIER_TAKEN,
    PAYLOAD_TOO_LARGE,
    URI_TOO_LONG,
    HEADERS_TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    PASSWORD_REJECTED,
    TOO_MANY_ATTEMPTS,
    INTERNAL,
    OVERLOADED,
    UNAVAILABLE,
];

fn problem((code, status, title): Code, detail: impl Into<Cow<'static, str>>) -> Problem {
    Problem {
        code,
        status,
        title,
        detail: detail.into(),
        extra: Map::new(),
        headers: Vec::new(),
        // Every 401 needs a challenge (RFC 9110 §15.5.2).
        challenge: (status == StatusCode::UNAUTHORIZED).then(|| Box::new(Challenge::new(Kind::Bearer))),
    }
}

impl Problem {
    fn challenging(mut self, kind: Kind) -> Self {
        self.challenge = Some(Box::new(Challenge::new(kind)));
        self
    }

    fn retry_after(self, wait: Duration) -> Self {
        // Rounded up and never 0: a client that waits as told must not come too early.
        let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1);
        self.with_header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// 400: malformed, or an unknown or repeated member or parameter. `detail` says which, in our words.
    pub fn invalid_request(detail: impl Into<Cow<'static, str>>) -> Self {
        problem(INVALID_REQUEST, detail)
    }

    /// 400: an audience that is not configured.
    pub fn invalid_target() -> Self {
        problem(INVALID_TARGET, "The audience asked for is not one this server issues tokens for.")
    }

    /// 400: a scope that is not configured or not granted.
    pub fn invalid_scope() -> Self {
        problem(
            INVALID_SCOPE,
            "The scope asked for is not configured, or is more than this login was granted.",
        )
    }

    /// 401: unknown user or wrong password, the same for both.
    pub fn invalid_credentials() -> Self {
        problem(
            INVALID_CREDENTIALS,
            "No account matches this identifier and password. Check both and try again.",
        )
    }

    /// 401: no credential, or a cookie that is unknown, ended or expired: one answer. It sets no cookie, since a late
    /// answer must not delete a newer one.
    pub fn no_session() -> Self {
        problem(
            NO_SESSION,
            "This needs a login: the request carries no session that is still valid. Log in and try again.",
        )
    }

    /// [`Problem::no_session`]: the answer of a protected route to a request without credentials.
    pub fn unauthenticated() -> Self {
        Self::no_session()
    }

    /// 401: any bad bearer token. The bytes are the same for every cause.
    pub fn invalid_token() -> Self {
        problem(
            INVALID_TOKEN,
            "The access token is malformed, expired, revoked or not meant for this server. Get a new one and try again.",
        )
        .challenging(Kind::BearerError("invalid_token"))
    }

    /// 401, in the scheme `DPoP` (RFC 9449 §7.1): a bad token, a bad proof, or one without the nonce that comes with this.
    pub fn dpop(refusal: DpopRefusal) -> Self {
        match refusal {
            DpopRefusal::Token => Self::invalid_token().challenging(Kind::DpopError("invalid_token")),
            DpopRefusal::Proof => problem(
                INVALID_DPOP_PROOF,
                "The DPoP header must hold one proof, made now, by the token's key, for this method, URL and token, and not used before.",
            )
            .challenging(Kind::DpopError("invalid_dpop_proof")),
            DpopRefusal::Nonce(nonce) => {
                let problem = problem(USE_DPOP_NONCE, "Make the proof again with the nonce in the DPoP-Nonce header.")
                    .challenging(Kind::DpopError("use_dpop_nonce"));
                match HeaderValue::from_str(nonce.as_str()) {
                    Ok(value) => problem.with_header(DPOP_NONCE, value),
                    Err(_) => problem,
                }
            }
        }
    }

    /// [`Problem::dpop`] where a token is issued (RFC 9449 §5): 400, and no challenge.
    pub fn dpop_at_issue(refusal: DpopRefusal) -> Self {
        Self { status: StatusCode::BAD_REQUEST, challenge: None, ..Self::dpop(refusal) }
    }

    /// 401: the login is older than `max_age` (in whole seconds); confirm it and repeat (RFC 9470).
    pub fn fresh_login_required(max_age: Duration) -> Self {
        problem(
            FRESH_LOGIN_REQUIRED,
            "This needs a recent login. Confirm your password at /v1/sessions/current/confirm and try again.",
        )
        .with("max_age", max_age.as_secs())
        .challenging(Kind::BearerAge(max_age.as_secs()))
    }

    /// 401: the password was right; go on with one of `methods` and this ticket.
    pub fn second_factor_required<M: Into<Value>>(
        ticket: &str,
        methods: impl IntoIterator<Item = M>,
    ) -> Self {
        problem(
            SECOND_FACTOR_REQUIRED,
            "The password was right. Finish the login with one of the listed methods and this ticket.",
        )
        .with("ticket", ticket)
        .with("methods", methods.into_iter().map(Into::into).collect::<Vec<Value>>())
    }

    /// 401: wrong client credentials on a route for machines.
    pub fn invalid_client() -> Self {
        problem(
            INVALID_CLIENT,
            "Authenticate as a registered client: HTTP Basic with client id and secret, or the secret as a bearer token.",
        )
        .challenging(Kind::Basic)
    }

    /// 403: a write by cookie, or a login by cookie, from elsewhere.
    pub fn csrf_rejected() -> Self {
        problem(
            CSRF_REJECTED,
            "A request that changes something by cookie must come from this site's own pages. If it came from a page that you run, list its origin in csrf.trusted_origins; if it came from a script, use a bearer token or send JSON.",
        )
        .with_header(header::VARY, HeaderValue::from_static("Sec-Fetch-Site, Origin"))
    }

    /// 403: authenticated, not allowed. `detail` says what would be, in our words.
    pub fn forbidden(detail: impl Into<Cow<'static, str>>) -> Self {
        problem(FORBIDDEN, detail)
    }

    /// 403: the token lacks `scope`, which the challenge names.
    pub fn insufficient_scope(scope: &str) -> Self {
        problem(INSUFFICIENT_SCOPE, "The access token was not granted the scope that this call needs.")
            .challenging(Kind::BearerScope(scope.to_owned()))
    }

    /// 403 `insufficient_scope` for an access token of a grant. The challenge names no scope, since none would do.
    pub fn grant_too_narrow() -> Self {
        problem(
            INSUFFICIENT_SCOPE,
            "The access token is of a grant, which does not open this. It takes a login of the user's own.",
        )
        .challenging(Kind::BearerError("insufficient_scope"))
    }

    /// 404: no such thing, or it is somebody else's.
    pub fn not_found() -> Self {
        problem(NOT_FOUND, "There is nothing here, or nothing that this login may see.")
    }

    /// 405: `allow` is the `Allow` field's value, such as `GET, HEAD`.
    pub fn method_not_allowed(allow: &str) -> Self {
        let allow = HeaderValue::from_str(allow).unwrap_or(HeaderValue::from_static(""));
        problem(
            METHOD_NOT_ALLOWED,
            "This address does not take the request's method; Allow lists those it does.",
        )
        .with_header(header::ALLOW, allow)
    }

    /// 408.
    pub fn request_timeout() -> Self {
        problem(REQUEST_TIMEOUT, "The request did not arrive completely in time. Send it again.")
    }

    /// 409: registration with an identifier that exists.
    pub fn identifier_taken() -> Self {
        problem(
            IDENTIFIER_TAKEN,
            "There is an account with this identifier already. Log in, or choose another.",
        )
    }

    /// 413.
    pub fn payload_too_large() -> Self {
        problem(PAYLOAD_TOO_LARGE, "The request's body is larger than this address takes.")
    }

    /// 414.
    pub fn uri_too_long() -> Self {
        problem(URI_TOO_LONG, "The request's address is longer than this server takes.")
    }

    /// 431.
    pub fn headers_too_large() -> Self {
        problem(HEADERS_TOO_LARGE, "The request's headers are larger, or more, than this server takes.")
    }

    /// 415: `accepted` is what would do, such as `application/json`; the answer's `Accept` repeats it.
    pub fn unsupported_media_type(accepted: &'static str) -> Self {
        let detail = format!("Send the body as {accepted}, and say so in Content-Type.");
        problem(UNSUPPORTED_MEDIA_TYPE, detail)
            .with_header(header::ACCEPT, HeaderValue::from_static(accepted))
    }

    /// 422: `reasons` are of `too_short`, `too_long`, `common`, `contains_identifier`.
    pub fn password_rejected<R: AsRef<str>>(reasons: impl IntoIterator<Item = R>) -> Self {
        let reasons: Vec<String> = reasons.into_iter().map(|reason| reason.as_ref().to_owned()).collect();
        let sentences: Vec<&str> = reasons
            .iter()
            .filter_map(|reason| match reason.as_str() {
                "too_short" => Some("It is too short; several words in a row make a good one."),
                "too_long" => Some("It is too long."),
                "common" => Some("It is among the first that anybody would try."),
                "contains_identifier" => Some("It contains your identifier or this service's name."),
                _ => None,
            })
            .collect();
        let detail = format!("Choose another password. {}", sentences.join(" "));
        problem(PASSWORD_REJECTED, detail.trim_end().to_owned()).with("reasons", reasons)
    }

    /// 429, with `Retry-After`.
    pub fn too_many_attempts(retry_after: Duration) -> Self {
        problem(
            TOO_MANY_ATTEMPTS,
            "There were too many attempts. Wait as long as Retry-After says and try again.",
        )
        .retry_after(retry_after)
    }

    /// 500: a defect. `instance` is the id of its log entry, where there is one.
    pub fn internal<'a>(instance: impl Into<Option<&'a str>>) -> Self {
        let problem =
            problem(INTERNAL, "The server failed at this request. Its operator finds the reason in the log.");
        match instance.into() {
            Some(instance) => problem.with_instance(instance),
            None => problem,
        }
    }

    /// 503: the hashing queue is full; with `Retry-After`. Name its log entry by [`Problem::with_instance`].
    pub fn overloaded(retry_after: Duration) -> Self {
        problem(OVERLOADED, "The server has more logins to check than it can. Wait as long as Retry-After says and try again.")
            .retry_after(retry_after)
    }

    /// 503: the store is out of reach, and memory alone may not decide. Name its log entry by [`Problem::with_instance`].
    pub fn unavailable() -> Self {
        problem(UNAVAILABLE, "The server cannot reach what it needs to answer. Try again in a few seconds.")
    }
}
