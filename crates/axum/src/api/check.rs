//! `/v1/check`: whether a cookie or an access token counts, by what the store says now. For services that keep no view of their own, and
//! for guards that meet a cookie for the first time.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::{AppendHeaders, IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use symbolon::{
    ErrorKind,
    clock::{rfc3339, serialize_rfc3339},
    session::CheckedSession,
    user::cache::CachedUser,
};
use symbolon_http::Problem;
use symbolon_token::{AccessClaims, SessionCookie, Timestamp};
use uuid::Uuid;

use super::{machine::Checker, view};
use crate::{
    Auth,
    failure::Failure,
    parts::{Json, NoParams},
};

/// Longest that an answer may be kept, seconds: so often whoever asks must say that a session is in use.
const CACHE: i64 = 60;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Question {
    cookie: Option<String>,
    token: Option<String>,
}

#[derive(Serialize)]
struct Answer<'a> {
    active: bool,
    user: view::User<'a>,
    session_id: Option<Uuid>,
    via: &'static str,
    amr: Vec<String>,
    #[serde(serialize_with = "serialize_rfc3339")]
    auth_time: Timestamp,
    scope: Option<&'a str>,
    audience: Vec<&'a str>,
    cnf: Option<Value>,
    generation: u64,
    #[serde(serialize_with = "serialize_rfc3339")]
    expires_at: Timestamp,
    idle_expires_at: Option<String>,
    cache_s: i64,
}

/// `POST /v1/check` → what the credential is, or that it is nothing. A cookie's session is touched.
pub(crate) async fn check(
    State(auth): State<Auth>,
    _: Checker,
    _: NoParams,
    Json(question): Json<Question>,
) -> Result<Response, Failure> {
    let answer = match question {
        Question { cookie: Some(cookie), token: None } => by_cookie(&auth, &cookie).await?,
        Question { cookie: None, token: Some(token) } => by_token(&auth, &token).await?,
        _ => {
            let text = "Ask for one credential, either `cookie` or `token`.";
            return Err(Problem::invalid_request(text).into());
        }
    };
    let answer = answer.unwrap_or_else(|| Json(json!({ "active": false })).into_response());
    let unkept = AppendHeaders([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))]);
    Ok((unkept, answer).into_response())
}

async fn by_cookie(auth: &Auth, text: &str) -> Result<Option<Response>, Failure> {
    let Some(cookie) = SessionCookie::parse(text) else { return Ok(None) };
    // Never from memory: who asks may be ahead of it.
    let session = match auth.engine().ask_session(&cookie, None).await {
        Ok(session) => session,
        Err(error) if error.kind() == ErrorKind::NoSession => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let user = user(auth, session.user()).await?;
    Ok(user.map(|user| Json(session_answer(auth, &session, &user)).into_response()))
}

fn session_answer<'a>(auth: &Auth, session: &'a CheckedSession, user: &'a Arc<CachedUser>) -> Answer<'a> {
    let ends = session.idle_expires_at().min(session.expires_at());
    Answer {
        active: true,
        user: view::User::from(&***user),
        session_id: Some(session.id()),
        via: "cookie",
        amr: session.amr().iter().map(|amr| amr.method.to_string()).collect(),
        auth_time: session.auth_time(),
        scope: None,
        audience: Vec::new(),
        cnf: None,
        generation: session.generation(),
        expires_at: session.expires_at(),
        idle_expires_at: Some(rfc3339(session.idle_expires_at())),
        cache_s: cache(auth, ends),
    }
}

async fn by_token(auth: &Auth, token: &str) -> Result<Option<Response>, Failure> {
    let Some(claims) = auth.engine().look_up_token(token).await? else { return Ok(None) };
    let user = user(auth, claims.sub).await?;
    Ok(user.map(|user| Json(token_answer(auth, &claims, &user)).into_response()))
}

fn token_answer<'a>(auth: &Auth, claims: &'a AccessClaims, user: &'a Arc<CachedUser>) -> Answer<'a> {
    let expires_at = Timestamp::from_secs(claims.exp);
    Answer {
        active: true,
        user: view::User::from(&***user),
        session_id: claims.sid,
        via: "bearer",
        amr: claims.amr.clone(),
        auth_time: Timestamp::from_secs(claims.auth_time),
        scope: claims.scope.as_deref(),
        audience: claims.aud.iter().collect(),
        cnf: claims.cnf.as_ref().map(|cnf| json!({ "jkt": cnf.jkt })),
        generation: claims.r#gen,
        expires_at,
        idle_expires_at: None,
        cache_s: cache(auth, expires_at),
    }
}

/// `None`: deleted since the credential was looked up.
async fn user(auth: &Auth, id: Uuid) -> Result<Option<Arc<CachedUser>>, Failure> {
    match auth.engine().user(id).await {
        Ok(user) => Ok(Some(user)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn cache(auth: &Auth, ends: Timestamp) -> i64 {
    ends.as_secs().saturating_sub(auth.engine().now().as_secs()).clamp(0, CACHE)
}
