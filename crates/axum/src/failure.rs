//! The engine's errors as answers.

use axum::response::{IntoResponse, Response};
use std::time::Duration;

use symbolon::{Error, ErrorKind};
use symbolon_http::{DpopRefusal, OAuthError, Problem, Refusal, Rejection, RequestId};
use uuid::Uuid;

/// Why a `/v1` handler did not do what was asked. A `?` in a handler becomes the contract's answer.
pub(crate) struct Failure(Problem);

/// How long a client waits when the engine does not say.
const SHORTLY: Duration = Duration::from_secs(1);

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        marked(self.0, IntoResponse::into_response)
    }
}

/// A 5xx that does not say yet under which id the log has it: only what surrounds the handlers knows that.
#[derive(Clone)]
struct Nameless {
    problem: Problem,
    form: fn(Problem) -> Response,
}

fn marked(problem: Problem, form: fn(Problem) -> Response) -> Response {
    if !problem.status.is_server_error() || problem.extra.contains_key("instance") {
        return form(problem);
    }
    let mut answer = form(problem.clone());
    answer.extensions_mut().insert(Nameless { problem, form });
    answer
}

/// The answer with its `instance`, where it is a 5xx without one: the request's id when whoever listens gave it one (and has it in
/// its log), else a new one that is logged here.
pub(crate) fn named(
    mut answer: Response,
    request: Option<&RequestId>,
    new_id: impl FnOnce() -> Uuid,
) -> Response {
    let Some(Nameless { problem, form }) = answer.extensions_mut().remove() else { return answer };
    let instance = match request {
        Some(id) => id.0.to_string(),
        None => {
            let id = new_id();
            tracing::warn!(instance = %id, code = problem.code, "a request failed");
            id.to_string()
        }
    };
    form(problem.with_instance(&instance))
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self(refusal.into())
    }
}

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Self {
        Self(rejection.into())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(problem(&error))
    }
}

/// The problem document of an error. What is a defect or an outage is in the log, under the id in `instance`.
pub(crate) fn problem(error: &Error) -> Problem {
    let wait = error.retry_after().unwrap_or(SHORTLY);
    match error.kind() {
        ErrorKind::InvalidRequest => Problem::invalid_request(error.detail().to_owned()),
        ErrorKind::InvalidTarget => Problem::invalid_target(),
        ErrorKind::InvalidScope => Problem::invalid_scope(),
        ErrorKind::InvalidCredentials => Problem::invalid_credentials(),
        ErrorKind::NoSession => Problem::no_session(),
        ErrorKind::InvalidToken => Problem::invalid_token(),
        // Where tokens are shown, the door answers: here they are issued. Without a nonce nothing comes this far.
        ErrorKind::InvalidProof | ErrorKind::UseNonce => Problem::dpop_at_issue(DpopRefusal::Proof),
        ErrorKind::InvalidGrant => Problem::invalid_request(error.detail().to_owned()),
        ErrorKind::InvalidClient => Problem::invalid_client(),
        ErrorKind::FreshLoginRequired => Problem::fresh_login_required(wait),
        ErrorKind::Forbidden => Problem::forbidden(error.detail().to_owned()),
        ErrorKind::NotFound => Problem::not_found(),
        ErrorKind::IdentifierTaken => Problem::identifier_taken(),
        ErrorKind::PasswordRejected => Problem::password_rejected(error.reasons()),
        ErrorKind::TooManyAttempts => Problem::too_many_attempts(wait),
        ErrorKind::Overloaded => Problem::overloaded(wait),
        ErrorKind::Unavailable => {
            tracing::error!(error = error as &dyn std::error::Error, "the store was not there for a request");
            Problem::unavailable()
        }
        ErrorKind::Internal => {
            tracing::error!(error = error as &dyn std::error::Error, "a defect was met");
            Problem::internal(None)
        }
    }
}

/// The OAuth error of an engine error (RFC 6749 §5.2). What OAuth has no code for gets the nearest one.
pub(crate) fn oauth(error: &Error) -> Response {
    match error.kind() {
        ErrorKind::InvalidRequest => OAuthError::invalid_request(error.detail().to_owned()).into_response(),
        ErrorKind::InvalidTarget => OAuthError::invalid_target().into_response(),
        ErrorKind::InvalidScope => OAuthError::invalid_scope().into_response(),
        ErrorKind::InvalidGrant
        | ErrorKind::NoSession
        | ErrorKind::InvalidToken
        | ErrorKind::InvalidCredentials => OAuthError::invalid_grant().into_response(),
        ErrorKind::InvalidClient => OAuthError::invalid_client().into_response(),
        _ => marked(problem(error), |problem| OAuthError::from(problem).into_response()),
    }
}
