//! `/openapi.json`: the contract for machines. The document is written by hand and held against the table of routes by a test.

use axum::{
    http::{HeaderValue, header},
    response::IntoResponse,
};

const DOCUMENT: &str = include_str!("openapi.json");

/// `GET /openapi.json`.
pub(crate) async fn show() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], DOCUMENT)
}
