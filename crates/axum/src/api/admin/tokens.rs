//! `/v1/admin/tokens`: what a token is, for `symbolon token inspect`. For the operator alone.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;

use super::access::Operator;
use crate::{
    Auth,
    parts::{Json, NoParams},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Token {
    token: String,
}

/// `POST /v1/admin/tokens/inspect` → whether its key is known, it verifies, was revoked, would be accepted; and what it says.
pub(crate) async fn inspect(
    State(auth): State<Auth>,
    _: Operator,
    _: NoParams,
    Json(body): Json<Token>,
) -> Response {
    let seen = auth.engine().inspect_token(&body.token);
    let answer = json!({
        "kid": seen.kid,
        "key_known": seen.key_known,
        "verifies": seen.verifies,
        "revoked": seen.revoked,
        "active": seen.active,
        "claims": seen.claims,
    });
    Json(answer).into_response()
}
