//! `/v1/admin/users`: everybody's accounts.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;
use symbolon::{
    audit::Actor,
    store::Object,
    user::{NewAccount, administer::UserPatch},
};

use super::access::{Admin, Operator, Subject};
use crate::{
    Auth,
    api::view,
    failure::Failure,
    parts::{Json, NoParams, Page, ParamNames, Params, PathId, Prefer},
};

pub(crate) struct Listing;
impl ParamNames for Listing {
    const NAMES: &'static [&'static str] = &["identifier", "after", "limit"];
}

/// `GET /v1/admin/users` → page of users in order of registration; `identifier` begins theirs in its canonical form.
pub(crate) async fn list(
    State(auth): State<Auth>,
    _: Admin,
    params: Params<Listing>,
) -> Result<Response, Failure> {
    let page = Page::of(&params)?;
    let mut rows = auth.engine().users(params.get("identifier"), page.after, page.asked()).await?;
    let next = page.cut(&mut rows, |row| row.id);
    let users: Vec<_> = rows.iter().map(view::User::from).collect();
    Ok(Json(json!({ "users": users, "next": next })).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewUser {
    identifier: String,
    password: String,
    profile: Option<Object>,
    #[serde(default)]
    roles: Vec<String>,
}

/// `POST /v1/admin/users` → 201 user, also where registration is closed.
pub(crate) async fn create(
    State(auth): State<Auth>,
    admin: Admin,
    _: NoParams,
    Json(body): Json<NewUser>,
) -> Result<Response, Failure> {
    let account = NewAccount {
        identifier: body.identifier,
        password: body.password,
        profile: body.profile.unwrap_or_default(),
        roles: body.roles,
    };
    let user = auth.engine().add_user(account, admin.by()).await?;
    Ok((StatusCode::CREATED, Json(view::User::from(&user))).into_response())
}

/// `GET /v1/admin/users/{id}` → user.
pub(crate) async fn show(subject: Subject, _: NoParams) -> Response {
    Json(view::User::from(&**subject.user)).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Patch {
    disabled: Option<bool>,
    roles: Option<Vec<String>>,
    profile: Option<Object>,
}

/// `PATCH /v1/admin/users/{id}` → user. Disabling ends everything of theirs.
pub(crate) async fn change(
    State(auth): State<Auth>,
    subject: Subject,
    _: NoParams,
    prefer: Prefer,
    Json(body): Json<Patch>,
) -> Result<Response, Failure> {
    let Patch { disabled, roles, profile } = body;
    let waits = disabled == Some(true) || roles.is_some();
    let patch = UserPatch { disabled, roles, profile };
    let changing = auth.engine().change_user(subject.user.id, patch, subject.admin.by());
    let user = prefer.ending(changing).await?;
    let answer = Json(view::User::from(&user)).into_response();
    Ok(if waits { prefer.answer(answer) } else { answer })
}

/// `DELETE /v1/admin/users/{id}` → 204; sessions and tokens end.
pub(crate) async fn delete(
    State(auth): State<Auth>,
    subject: Subject,
    _: NoParams,
    prefer: Prefer,
) -> Result<Response, Failure> {
    prefer.ending(auth.engine().delete_user(subject.user.id, subject.admin.by())).await?;
    Ok(prefer.ended())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Password {
    password: String,
}

/// `POST /v1/admin/users/{id}/password` → 204; sessions and tokens end. For the operator alone: an administrator who could set
/// others' passwords could be anybody.
pub(crate) async fn set_password(
    State(auth): State<Auth>,
    _: Operator,
    PathId(user): PathId,
    _: NoParams,
    Json(body): Json<Password>,
) -> Result<Response, Failure> {
    auth.engine().reset_password(user, &body.password, Actor::Cli).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
