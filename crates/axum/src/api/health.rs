//! `/healthz` and `/readyz`, for whoever starts and stops processes.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};

use crate::{Auth, failure::Failure};

/// `GET /healthz`: the process answers.
pub(crate) async fn live() -> StatusCode {
    StatusCode::OK
}

/// `GET /readyz`: the store answers, there is a key to sign with and the clock can be right.
pub(crate) async fn ready(State(auth): State<Auth>) -> Response {
    match auth.engine().ready().await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => Failure::from(error).into_response(),
    }
}
