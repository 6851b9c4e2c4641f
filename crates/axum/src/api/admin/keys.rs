//! `/v1/admin/keys`: the keys that sign tokens. Public facts only; what they sign with leaves the engine sealed or not at all.

use axum::{
    extract::{FromRequestParts, State},
    http::request::Parts,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use symbolon::{clock::serialize_rfc3339, keyring::KeyInfo};
use symbolon_http::Problem;
use symbolon_token::{Kid, Timestamp};

use super::access::Admin;
use crate::{
    Auth,
    failure::Failure,
    parts::{Json, JsonOrNothing, NoParams, Prefer, path_text},
};

/// A key as administrators see it.
#[derive(Serialize)]
pub(super) struct Key {
    kid: Kid,
    algorithm: &'static str,
    state: &'static str,
    #[serde(serialize_with = "serialize_rfc3339")]
    created_at: Timestamp,
    #[serde(serialize_with = "serialize_rfc3339")]
    sign_from: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "serialize_some")]
    retired_at: Option<Timestamp>,
}

fn serialize_some<S: serde::Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => serialize_rfc3339(at, serializer),
        None => serializer.serialize_none(),
    }
}

impl From<&KeyInfo> for Key {
    fn from(key: &KeyInfo) -> Self {
        Self {
            kid: key.kid,
            algorithm: key.algorithm.name(),
            state: key.state,
            created_at: key.created_at,
            sign_from: key.sign_from,
            retired_at: key.retired_at,
        }
    }
}

/// `GET /v1/admin/keys` → all keys, newest first.
pub(crate) async fn list(State(auth): State<Auth>, _: Admin, _: NoParams) -> Response {
    let keys: Vec<_> = auth.engine().keys().iter().map(Key::from).collect();
    Json(json!({ "keys": keys })).into_response()
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotate {
    #[serde(default)]
    now: bool,
}

/// `POST /v1/admin/keys/rotate` → the next key. It is published before it signs, unless it is wanted `now`.
pub(crate) async fn rotate(
    State(auth): State<Auth>,
    admin: Admin,
    _: NoParams,
    JsonOrNothing(body): JsonOrNothing<Rotate>,
) -> Result<Response, Failure> {
    let key = auth.engine().rotate_keys(body.now, admin.by()).await?;
    Ok(Json(Key::from(&key)).into_response())
}

/// `DELETE /v1/admin/keys/{kid}` → 204; every token it signed is dead.
pub(crate) async fn remove(
    State(auth): State<Auth>,
    admin: Admin,
    PathKid(kid): PathKid,
    _: NoParams,
    prefer: Prefer,
) -> Result<Response, Failure> {
    prefer.ending(auth.engine().remove_key(kid, admin.by())).await?;
    Ok(prefer.ended())
}

/// The key that the path names. What is no name of a key is none that exists: 404.
pub(crate) struct PathKid(Kid);

impl<S: Send + Sync> FromRequestParts<S> for PathKid {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let text = path_text(parts, state, "kid").await;
        text.and_then(|text| text.parse().ok()).map(Self).ok_or_else(|| Problem::not_found().into())
    }
}
