//! `/v1/admin/users/import`: one user from elsewhere, with a password or the hash of one. For the operator alone: hashes are
//! believed as they come.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use symbolon::{
    store::Object,
    user::{ImportedAccount, NewAccount},
};
use symbolon_http::Problem;

use super::access::Operator;
use crate::{
    Auth,
    api::view,
    failure::Failure,
    parts::{Json, NoParams},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Imported {
    identifier: String,
    password_hash: Option<String>,
    password: Option<String>,
    profile: Option<Object>,
    #[serde(default)]
    disabled: bool,
}

/// `POST /v1/admin/users/import` → 201 user. A hash is replaced at the first login; a user who is there already is 409 and stays.
pub(crate) async fn import(
    State(auth): State<Auth>,
    _: Operator,
    _: NoParams,
    Json(body): Json<Imported>,
) -> Result<Response, Failure> {
    let Imported { identifier, password_hash, password, profile, disabled } = body;
    let profile = profile.unwrap_or_default();
    let user = match (password_hash, password) {
        (Some(password_hash), None) => {
            auth.engine()
                .import_user(ImportedAccount { identifier, password_hash, profile, disabled })
                .await?
        }
        (None, Some(password)) => {
            let account = NewAccount { identifier, password, profile, roles: Vec::new() };
            auth.engine().import_user_with_password(account, disabled).await?
        }
        _ => return Err(Problem::invalid_request("Give one of password_hash and password.").into()),
    };
    Ok((StatusCode::CREATED, Json(view::User::from(&user))).into_response())
}
