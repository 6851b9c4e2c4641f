//! `/healthz` and `/readyz`, for whoever starts and stops processes.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};

use symbolon_http::Problem;

use crate::{Auth, failure::Failure};

/// `GET /healthz`: the process answers.
pub(crate) async fn live() -> StatusCode {
    StatusCode::OK
}

/// `GET /readyz`: the store answers, there is a key to sign with and the clock can be right. A server that is told to stop says no,
/// which is no trouble and stands in no log as one.
pub(crate) async fn ready(State(auth): State<Auth>) -> Response {
    if auth.engine().is_leaving() {
        return Failure::from(Problem::unavailable()).into_response();
    }
    match auth.engine().ready().await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => Failure::from(error).into_response(),
    }
}
