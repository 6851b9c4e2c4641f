//! `/v1/users`: registration.

use axum::{
    extract::{FromRequestParts, State},
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use symbolon::{store::Object, user::NewAccount};
use symbolon_http::Problem;

use super::view;
use crate::{
    Auth,
    address::Calling,
    failure::Failure,
    parts::{Json, NoParams},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewUser {
    identifier: String,
    password: String,
    profile: Option<Object>,
}

/// Registration is open to strangers; else 403, before the body is looked at.
pub(crate) struct Open;

impl FromRequestParts<Auth> for Open {
    type Rejection = Failure;

    async fn from_request_parts(_: &mut Parts, auth: &Auth) -> Result<Self, Failure> {
        if auth.engine().settings().registration_open {
            Ok(Self)
        } else {
            Err(Problem::forbidden("Registration is closed.").into())
        }
    }
}

/// `POST /v1/users` → 201 user.
pub(crate) async fn create(
    State(auth): State<Auth>,
    _: Open,
    Calling(caller): Calling,
    _: NoParams,
    Json(body): Json<NewUser>,
) -> Result<Response, Failure> {
    let account = NewAccount {
        identifier: body.identifier,
        password: body.password,
        profile: body.profile.unwrap_or_default(),
        roles: Vec::new(),
    };
    let user = auth.engine().register(account, &caller).await?;
    Ok((StatusCode::CREATED, Json(view::User::from(&user))).into_response())
}
