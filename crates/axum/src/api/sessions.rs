//! `/v1/sessions`: login by cookie, the list of devices, logout, renewals.

use axum::{
    extract::{FromRequest, FromRequestParts, Request, State},
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::{AppendHeaders, IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;
use symbolon::{
    ErrorKind,
    audit::Actor,
    login::{Attempt, Caller, Carrier},
    session::{
        Issued, Via as Shown,
        renew::{Holder, Renewed},
    },
    store::Kind,
    token::issue::Wish,
};
use symbolon_http::{
    BearerForm, Identity, IdentityOrGrant, Problem, SameOrigin, Session, Via, cookie::Reading, headers,
};
use symbolon_token::{KnownBrowser, Timestamp};
use uuid::Uuid;

use super::{tokens::Audiences, view};
use crate::{
    Auth,
    address::Calling,
    failure::Failure,
    parts::{Form, Json, JsonOrNothing, NoParams, ParamNames, Params, PathId, Prefer},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    identifier: String,
    password: String,
    #[serde(default = "yes")]
    remember: bool,
}

fn yes() -> bool {
    true
}

/// `POST /v1/sessions` → 201 session and cookie.
pub(crate) async fn login(
    State(auth): State<Auth>,
    _: SameOrigin,
    Calling(caller): Calling,
    _: NoParams,
    headers: HeaderMap,
    Json(body): Json<Login>,
) -> Result<Response, Failure> {
    let login = Login { identifier: body.identifier, password: body.password, remember: body.remember };
    let (issued, cookies) =
        login_by_cookie(&auth, &login.identifier, &login.password, login.remember, &headers, &caller).await?;
    let session = Json(view::Session::of(&issued, Some(issued.id)));
    Ok((StatusCode::CREATED, cookies, session).into_response())
}

/// Cookies to set, in their order.
pub(crate) type Cookies = AppendHeaders<Vec<(header::HeaderName, header::HeaderValue)>>;

/// The login of page and API alike: the session row and the cookies to set.
pub(crate) async fn login_by_cookie(
    auth: &Auth,
    identifier: &str,
    password: &str,
    remember: bool,
    headers: &HeaderMap,
    caller: &Caller,
) -> Result<(symbolon::store::SessionRow, Cookies), symbolon::Error> {
    let names = &auth.0.settings.cookie;
    let presented = match names.session(headers) {
        Reading::One(cookie) => Some(cookie),
        Reading::Absent | Reading::Unusable => None,
    };
    let known = names.known(headers);
    let attempt = Attempt {
        identifier,
        password,
        carrier: Carrier::Cookie { remember },
        presented: presented.as_ref(),
        known: known.as_ref(),
        caller,
    };
    let login = auth.engine().login(attempt).await?;
    let known = names.set_known(&login.known);
    match login.issued {
        Issued::Cookie { session, cookie } => {
            let set = names.set_session(&cookie, max_age(&session, auth.engine().now()));
            Ok((*session, AppendHeaders(vec![(header::SET_COOKIE, set), (header::SET_COOKIE, known)])))
        }
        // A login by cookie issues a cookie; the engine has no other answer to it.
        Issued::Token(_) => Err(unreachable_carrier()),
    }
}

fn unreachable_carrier() -> symbolon::Error {
    symbolon::Error::defect("A login by cookie answered with a token.")
}

/// The rest of the absolute life, for a cookie that shall be remembered.
fn max_age(session: &symbolon::store::SessionRow, now: Timestamp) -> Option<std::time::Duration> {
    session.remember.then(|| session.expires_at.since(now))
}

/// `GET /v1/sessions` → all of mine.
pub(crate) async fn list(State(auth): State<Auth>, who: Identity, _: NoParams) -> Result<Response, Failure> {
    let sessions = auth.engine().sessions(who.user_id).await?;
    let shown: Vec<_> = sessions.iter().map(|row| view::Session::of(row, who.session_id)).collect();
    Ok(Json(json!({ "sessions": shown })).into_response())
}

/// `GET /v1/sessions/current` → session and user.
pub(crate) async fn current(
    State(auth): State<Auth>,
    who: Identity,
    _: NoParams,
) -> Result<Response, Failure> {
    let id = who.session_id.ok_or_else(Problem::not_found)?;
    auth.engine().sessions_written().await?;
    let row = auth.engine().live_session(id).await.map_err(|error| dead(&who, error))?;
    let answer =
        json!({ "session": view::Session::of(&row.session, Some(id)), "user": view::User::from(&row.user) });
    Ok(Json(answer).into_response())
}

/// A session that ended between check and read is answered like one that had ended before.
pub(crate) fn dead(who: &Identity, error: symbolon::Error) -> Failure {
    match (error.kind(), who.via) {
        (ErrorKind::NoSession, Via::Bearer) => Problem::invalid_token().into(),
        _ => error.into(),
    }
}

/// `DELETE /v1/sessions/current` → 204. Logout; a grant ends itself here.
pub(crate) async fn logout(
    State(auth): State<Auth>,
    IdentityOrGrant(who): IdentityOrGrant,
    Calling(caller): Calling,
    _: NoParams,
    prefer: Prefer,
) -> Result<Response, Failure> {
    let ended = prefer.ending(end_current(&auth, &who, &caller)).await;
    ended.map_err(|error| dead(&who, error))?;
    Ok((removal(&auth, &who), prefer.ended()).into_response())
}

/// Ends what the caller came with: its session, or a token that stands alone.
pub(crate) async fn end_current(auth: &Auth, who: &Identity, caller: &Caller) -> Result<(), symbolon::Error> {
    match (who.session_id, who.jti) {
        (Some(session), _) => auth.engine().logout(session, who.user_id, caller).await,
        (None, Some(jti)) => auth.engine().end_token(jti, who.user_id, None, caller).await,
        (None, None) => Ok(()),
    }
}

/// The headers of an answer that ends the caller's cookie session; by bearer there is nothing to remove.
pub(crate) fn removal(auth: &Auth, who: &Identity) -> Cookies {
    let mut answer = Vec::new();
    if who.via == Via::Cookie {
        answer.push((header::SET_COOKIE, auth.0.settings.cookie.remove_session()));
        if auth.0.options.clear_site_data {
            answer.push((headers::CLEAR_SITE_DATA_NAME, headers::CLEAR_SITE_DATA));
        }
    }
    AppendHeaders(answer)
}

/// `DELETE /v1/sessions/{id}` → 204.
pub(crate) async fn end_one(
    State(auth): State<Auth>,
    who: Identity,
    Calling(caller): Calling,
    PathId(id): PathId,
    _: NoParams,
    prefer: Prefer,
) -> Result<Response, Failure> {
    let actor = Actor::User(who.user_id);
    prefer.ending(auth.engine().end_session(id, Some(who.user_id), actor, Some(&caller))).await?;
    Ok(prefer.ended())
}

pub(crate) struct Keep;
impl ParamNames for Keep {
    const NAMES: &'static [&'static str] = &["keep"];
}

/// `DELETE /v1/sessions` → 204 all of mine; with `keep=current` → 200 my successor.
pub(crate) async fn end_all(
    State(auth): State<Auth>,
    who: Identity,
    Calling(caller): Calling,
    params: Params<Keep>,
    prefer: Prefer,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    match params.get("keep") {
        None => {
            let actor = Actor::User(who.user_id);
            prefer.ending(auth.engine().end_all(who.user_id, actor, Some(&caller))).await?;
            Ok((removal(&auth, &who), prefer.ended()).into_response())
        }
        Some("current") => {
            if who.via == Via::Bearer {
                return Err(Problem::forbidden(
                    "An access token alone does not become a session. Log in by cookie for this.",
                )
                .into());
            }
            let known = auth.0.settings.cookie.known(&headers);
            let holder = holder(&who, known.as_ref(), &caller)?;
            let renewed = auth.engine().end_others(&holder).await?;
            Ok(renewed_answer(&auth, renewed))
        }
        Some(_) => Err(Problem::invalid_request("The parameter keep takes the value current.").into()),
    }
}

/// A caller whose successor would travel as they do: by the bearer of a browser's session, or of a grant, it is 403, and before the
/// body is looked at.
pub(crate) struct Renewing(pub(crate) Identity);

impl FromRequestParts<Auth> for Renewing {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, auth: &Auth) -> Result<Self, Failure> {
        let IdentityOrGrant(who) =
            <IdentityOrGrant as FromRequestParts<Auth>>::from_request_parts(parts, auth).await?;
        let carrier = || Problem::forbidden("A successor goes only to the carrier of its predecessor.");
        if who.is_grant() {
            return Err(carrier().into());
        }
        if let (Via::Bearer, Some(session)) = (who.via, who.session_id) {
            let row = auth.engine().live_session(session).await.map_err(|error| dead(&who, error))?;
            if row.session.kind != Kind::Token {
                return Err(carrier().into());
            }
        }
        Ok(Self(who))
    }
}

/// Who renews. A token that stands alone has nothing to renew: 400.
pub(crate) fn holder<'a>(
    who: &Identity,
    known: Option<&'a KnownBrowser>,
    caller: &'a Caller,
) -> Result<Holder<'a>, Failure> {
    let session = who
        .session_id
        .ok_or_else(|| Problem::invalid_request("A stateless token has no session to renew."))?;
    let via = match who.via {
        Via::Cookie => Shown::Cookie,
        Via::Bearer => Shown::Bearer,
    };
    Ok(Holder { session, via, known, caller })
}

/// The cookie of a successor, to set; tokens stand in the answer's body.
pub(crate) fn successor_cookie(auth: &Auth, renewed: &Renewed) -> Cookies {
    let set = match &renewed.issued {
        Issued::Cookie { session, cookie } => {
            let age = max_age(session, auth.engine().now());
            vec![(header::SET_COOKIE, auth.0.settings.cookie.set_session(cookie, age))]
        }
        Issued::Token(_) => Vec::new(),
    };
    AppendHeaders(set)
}

/// 200 with the successor: session and cookie, or tokens.
pub(crate) fn renewed_answer(auth: &Auth, renewed: Renewed) -> Response {
    let cookie = successor_cookie(auth, &renewed);
    match renewed.issued {
        Issued::Cookie { session, .. } => {
            (cookie, Json(view::Session::of(&session, Some(session.id)))).into_response()
        }
        Issued::Token(answer) => Json(view::Tokens::from(answer)).into_response(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Confirm {
    password: String,
    #[serde(default)]
    end_others: bool,
}

/// `POST /v1/sessions/current/confirm` → 200 successor. Step-up.
pub(crate) async fn confirm(
    State(auth): State<Auth>,
    Renewing(who): Renewing,
    Calling(caller): Calling,
    _: NoParams,
    headers: HeaderMap,
    Json(body): Json<Confirm>,
) -> Result<Response, Failure> {
    let known = auth.0.settings.cookie.known(&headers);
    let holder = holder(&who, known.as_ref(), &caller)?;
    let renewed = auth.engine().confirm(&holder, &body.password, body.end_others).await?;
    Ok(renewed_answer(&auth, renewed))
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exchange {
    #[serde(default)]
    audience: Audiences,
    scope: Option<String>,
}

/// `POST /v1/sessions/current/token` → 200 access token of the same session. JSON or form; an empty body wishes for nothing.
pub(crate) async fn exchange(State(auth): State<Auth>, request: Request) -> Result<Response, Failure> {
    let (who, wish) = asked(request).await?;
    let session: Uuid = who.session_id.ok_or_else(Problem::no_session)?;
    let answer = auth.engine().exchange(session, &wish).await?;
    Ok(Json(view::Tokens::from(answer)).into_response())
}

/// Who asks by cookie, and for what. A form may hold a bearer token, and that outranks the cookie: its caller is asked for with the form.
async fn asked(request: Request) -> Result<(Identity, Wish), Failure> {
    let in_form = symbolon_http::form::is_form(request.headers());
    let (mut parts, body) = request.into_parts();
    let params = NoParams::from_request_parts(&mut parts, &()).await;
    let (who, body) = if in_form {
        let form = BearerForm::from_request(Request::from_parts(parts, body), &()).await?;
        if form.identity.via == Via::Bearer {
            return Err(Problem::forbidden(
                "A bearer token is not exchanged: this is for sessions by cookie.",
            )
            .into());
        }
        params?;
        let form_body = Form::of(form.fields)?;
        form_body.only(&["audience", "scope"])?;
        let audience = Audiences(form_body.all("audience"));
        (form.identity, Exchange { audience, scope: form_body.get("scope").map(str::to_owned) })
    } else {
        let Session(who) = Session::from_request_parts(&mut parts, &()).await?;
        params?;
        let JsonOrNothing(body) =
            JsonOrNothing::<Exchange>::from_request(Request::from_parts(parts, body), &()).await?;
        (who, body)
    };
    Ok((who, Wish { audience: body.audience.0, scope: body.scope }))
}
