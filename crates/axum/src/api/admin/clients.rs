//! `/v1/admin/clients`: machine clients. For the operator alone: whoever can make a client with scope `admin` administers for good.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use symbolon::{audit::Actor, clock::serialize_rfc3339, store::ClientRow};
use symbolon_token::Timestamp;
use uuid::Uuid;

use super::access::Operator;
use crate::{
    Auth,
    failure::Failure,
    parts::{Json, NoParams, PathId},
};

#[derive(Serialize)]
struct Client<'a> {
    id: Uuid,
    name: &'a str,
    scopes: &'a [String],
    /// How many secrets count: two from a rotation until the next.
    secrets: usize,
    #[serde(serialize_with = "serialize_rfc3339")]
    created_at: Timestamp,
    /// Shown once, when it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl<'a> Client<'a> {
    fn of(row: &'a ClientRow, secret: Option<String>) -> Self {
        let ClientRow { id, name, scopes, secrets, created_at } = row;
        Self { id: *id, name, scopes, secrets: secrets.len(), created_at: *created_at, secret }
    }
}

/// `GET /v1/admin/clients` → all, in order of registration.
pub(crate) async fn list(State(auth): State<Auth>, _: Operator, _: NoParams) -> Response {
    let clients = auth.engine().clients();
    let shown: Vec<_> = clients.iter().map(|row| Client::of(row, None)).collect();
    Json(json!({ "clients": shown })).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewClient {
    name: String,
    scopes: Vec<String>,
}

/// `POST /v1/admin/clients` → 201 client with its secret, which is not to be had again.
pub(crate) async fn create(
    State(auth): State<Auth>,
    _: Operator,
    _: NoParams,
    Json(body): Json<NewClient>,
) -> Result<Response, Failure> {
    let (client, secret) = auth.engine().add_client(&body.name, body.scopes, Actor::Cli).await?;
    Ok((StatusCode::CREATED, Json(Client::of(&client, Some(secret)))).into_response())
}

/// `POST /v1/admin/clients/{id}/rotate` → client with a new secret; the one before counts until the next rotation.
pub(crate) async fn rotate(
    State(auth): State<Auth>,
    _: Operator,
    PathId(id): PathId,
    _: NoParams,
) -> Result<Response, Failure> {
    let (client, secret) = auth.engine().rotate_client(id, Actor::Cli).await?;
    Ok(Json(Client::of(&client, Some(secret))).into_response())
}

/// `DELETE /v1/admin/clients/{id}` → 204; its secrets count no more.
pub(crate) async fn remove(
    State(auth): State<Auth>,
    _: Operator,
    PathId(id): PathId,
    _: NoParams,
) -> Result<Response, Failure> {
    auth.engine().remove_client(id, Actor::Cli).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
