//! `/v1/me`: the caller's own account.

use axum::{
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::{
    json,
    value::{RawValue, to_raw_value},
};
use symbolon::{
    ErrorKind,
    audit::{Actor, By},
    clock::serialize_rfc3339,
    store::Object,
    user::cache::CachedUser,
};
use symbolon_http::{BearerForm, Fresh, Identity, IdentityOrGrant, Problem};
use symbolon_token::Timestamp;
use uuid::Uuid;

use super::{
    sessions::{Renewing, dead, holder, removal, renewed_answer},
    view,
};
use crate::{
    Auth,
    address::Calling,
    failure::Failure,
    parts::{Json, NoParams, Page, ParamNames, Params, Prefer},
};

#[derive(Serialize)]
struct Me<'a> {
    user: &'a RawValue,
    via: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<Uuid>,
    amr: Vec<&'a str>,
    #[serde(serialize_with = "serialize_rfc3339")]
    auth_time: Timestamp,
    #[serde(serialize_with = "serialize_rfc3339")]
    expires_at: Timestamp,
}

/// `GET /v1/me`.
pub(crate) async fn show(
    State(auth): State<Auth>,
    IdentityOrGrant(who): IdentityOrGrant,
    _: NoParams,
) -> Result<Response, Failure> {
    answer(&auth, &who).await
}

/// `POST /v1/me`: the same, the access token in the form body.
pub(crate) async fn show_by_form(
    State(auth): State<Auth>,
    params: Result<NoParams, Failure>,
    form: BearerForm,
) -> Result<Response, Failure> {
    params?;
    answer(&auth, &form.identity).await
}

async fn answer(auth: &Auth, who: &Identity) -> Result<Response, Failure> {
    let user = auth.engine().user(who.user_id).await.map_err(|error| gone(who, error))?;
    Ok(Json(me(&user, who)).into_response())
}

/// What is told of a login.
pub(crate) fn me<'a>(user: &'a CachedUser, who: &'a Identity) -> impl Serialize + use<'a> {
    Me {
        user: user.shown(|row| to_raw_value(&view::User::from(row)).unwrap_or_default()),
        via: who.via.as_str(),
        session_id: who.session_id,
        amr: who.amr.iter().map(|amr| &*amr.method).collect(),
        auth_time: who.auth_time,
        expires_at: who.expires_at,
    }
}

/// A user deleted between check and read: the credential is as dead as it will be found the next time.
pub(crate) fn gone(who: &Identity, error: symbolon::Error) -> Failure {
    match (error.kind(), who.via) {
        (ErrorKind::NotFound, symbolon_http::Via::Bearer) => Problem::invalid_token().into(),
        (ErrorKind::NotFound, symbolon_http::Via::Cookie) => Problem::no_session().into(),
        _ => error.into(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Patch {
    profile: Object,
}

/// `PATCH /v1/me` → user.
pub(crate) async fn change(
    State(auth): State<Auth>,
    who: Identity,
    _: NoParams,
    Json(body): Json<Patch>,
) -> Result<Response, Failure> {
    let user =
        auth.engine().set_profile(who.user_id, body.profile).await.map_err(|error| gone(&who, error))?;
    Ok(Json(view::User::from(&user)).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Password {
    current: String,
    new: String,
}

/// `POST /v1/me/password` → 200 successor.
pub(crate) async fn password(
    State(auth): State<Auth>,
    Renewing(who): Renewing,
    Calling(caller): Calling,
    _: NoParams,
    headers: HeaderMap,
    Json(body): Json<Password>,
) -> Result<Response, Failure> {
    let known = auth.0.settings.cookie.known(&headers);
    let holder = holder(&who, known.as_ref(), &caller)?;
    let renewed = auth.engine().change_password(&holder, &body.current, &body.new).await?;
    Ok(renewed_answer(&auth, renewed))
}

/// `DELETE /v1/me` → 204; a fresh login only. The only administrator stays (403): nobody could undo it.
pub(crate) async fn delete(
    State(auth): State<Auth>,
    Fresh(who): Fresh,
    Calling(caller): Calling,
    _: NoParams,
    prefer: Prefer,
) -> Result<Response, Failure> {
    let by = By::caller(Actor::User(who.user_id), &caller);
    let deleted = prefer.ending(auth.engine().delete_user(who.user_id, by)).await;
    deleted.map_err(|error| gone(&who, error))?;
    Ok((removal(&auth, &who), prefer.ended()).into_response())
}

pub(crate) struct Listing;
impl ParamNames for Listing {
    const NAMES: &'static [&'static str] = &["after", "limit"];
}

/// `GET /v1/me/activity` → what happened to my account, newest first, a page at a time.
pub(crate) async fn activity(
    State(auth): State<Auth>,
    who: Identity,
    params: Params<Listing>,
) -> Result<Response, Failure> {
    let page = Page::of(&params)?;
    let rows = auth.engine().audit(Some(who.user_id), page.after, page.asked()).await;
    let mut rows = rows.map_err(|error| dead(&who, error))?;
    let next = page.cut(&mut rows, |row| row.id);
    let shown: Vec<_> = rows.iter().map(view::Activity::from).collect();
    Ok(Json(json!({ "activity": shown, "next": next })).into_response())
}
