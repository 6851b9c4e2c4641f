//! `/`: what this is, or that you are in.

use axum::{extract::State, http::StatusCode};

use super::{Answer, view::Home, visitor::Visitor};
use crate::Auth;

/// `GET /`.
pub(super) async fn show(State(auth): State<Auth>, visitor: Visitor) -> Answer {
    Ok(super::show(StatusCode::OK, &Home { page: visitor.page(&auth) }))
}
