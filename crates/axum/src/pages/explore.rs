//! `/explore`, in development mode: both journeys side by side; and `POST /explore/call`, which makes their requests.
//!
//! A call is made in this process, through the router of the API, with the headers that were given: to no other host and no other path.
//! Its answer is what went over the wire and which rows were written, which shows hashes and ended sessions of any account whose
//! identifier is known. So it exists in development mode only, and answers no page but this one.

mod jar;
mod rows;

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{ConnectInfo, FromRequestParts, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header, request::Parts,
        uri::PathAndQuery,
    },
    response::{AppendHeaders, IntoResponse, Response},
    routing::{MethodRouter, post},
};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use symbolon_http::{Problem, SameOrigin};
use tower_service::Service;

use super::{Answer, view::Explore, visitor::Visitor};
use crate::{Auth, failure::Failure, parts::Json, router};
use rows::{Snapshot, Stored};

/// Where the page makes its calls.
pub(super) const CALL: &str = "/explore/call";

/// What a call may reach.
const REACH: [&str; 3] = ["/v1/", "/oauth/", "/.well-known/"];

/// What a call may say. The rest of a request is the transport's.
const HEADERS: [HeaderName; 8] = [
    header::ACCEPT,
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::COOKIE,
    header::ORIGIN,
    header::USER_AGENT,
    HeaderName::from_static("prefer"),
    HeaderName::from_static("sec-fetch-site"),
];

/// No answer of the API is longer.
const LONGEST_ANSWER: usize = 1024 * 1024;

/// `GET /explore`.
pub(super) async fn show(State(auth): State<Auth>, visitor: Visitor) -> Answer {
    let issuer = auth.engine().settings().issuer.trim_end_matches('/').to_owned();
    Ok(super::show(StatusCode::OK, &Explore { page: visitor.page(&auth), issuer }))
}

/// `POST /explore/call`, over a router of the API that has no pages.
pub(super) fn call(auth: &Auth) -> MethodRouter<Auth> {
    let api = router::api_alone(auth);
    post(async move |State(auth): State<Auth>, _: OwnPage, asked: Parts, Json(call): Json<Call>| {
        perform(&auth, api, &asked, call).await
    })
}

/// Proof that our own page asks, and not one that may write by cookie otherwise.
struct OwnPage;

impl FromRequestParts<Auth> for OwnPage {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, auth: &Auth) -> Result<Self, Failure> {
        SameOrigin::from_request_parts(parts, auth).await?;
        let mut sites = parts.headers.get_all("sec-fetch-site").iter();
        let mut origins = parts.headers.get_all(header::ORIGIN).iter();
        let own = auth.0.settings.csrf.issuer_origin();
        // Without either header it is no browser, and a body of JSON cannot be sent across sites.
        if sites.all(|site| site == "same-origin") && origins.all(|origin| own.matches(origin.as_bytes())) {
            Ok(Self)
        } else {
            Err(Problem::csrf_rejected().into())
        }
    }
}

/// A request to be made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    journey: Journey,
    /// The identifier of whose rows shall be shown.
    account: String,
    method: String,
    /// Below the issuer's path: `/v1/me`.
    path: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Journey {
    /// The cookies of the page's own jar go with the request, and those of the answer into it.
    Cookie,
    Token,
}

/// What happened.
#[derive(Serialize)]
struct Performed {
    request: Sent,
    response: Received,
    stored: Vec<Stored>,
}

#[derive(Serialize)]
struct Sent {
    line: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

#[derive(Serialize)]
struct Received {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

async fn perform(auth: &Auth, mut api: Router, asked: &Parts, call: Call) -> Result<Response, Failure> {
    let (account, journey) = (call.account.clone(), call.journey);
    let (sent, request) = prepare(auth, asked, call)?;
    let before = Snapshot::take(auth.engine(), &account, None).await?;
    let answer = match api.call(request).await {
        Ok(answer) => answer,
        Err(never) => match never {},
    };
    let after = Snapshot::take(auth.engine(), &account, Some(&before)).await?;
    let (mut parts, body) = answer.into_parts();
    let body = to_bytes(body, LONGEST_ANSWER).await.map_err(|_| Problem::internal(None))?;
    if parts.status == StatusCode::NO_CONTENT {
        // The listener would leave it out (RFC 9110 §8.6).
        parts.headers.remove(header::CONTENT_LENGTH);
    }
    let kept = if journey == Journey::Cookie { jar::keep(auth, &parts.headers) } else { Vec::new() };
    let response = Received {
        status: parts.status.as_u16(),
        headers: parts.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let performed = Performed { request: sent, response, stored: after.since(&before) };
    Ok((AppendHeaders(kept), Json(performed)).into_response())
}

/// The request, and what of it is shown.
fn prepare(auth: &Auth, asked: &Parts, call: Call) -> Result<(Sent, Request<Body>), Failure> {
    let refused = |why: &'static str| Failure::from(Problem::invalid_request(why));
    let method: Method = call.method.parse().map_err(|_| refused("This is no method."))?;
    let path: PathAndQuery = call.path.parse().map_err(|_| refused("This is no path."))?;
    if !REACH.iter().any(|part| path.path().starts_with(part)) {
        return Err(refused(
            "A call goes to the API only: a path that begins with /v1/, /oauth/ or /.well-known/.",
        ));
    }
    let mut headers = given(&call.headers)?;
    headers.insert(header::HOST, host(auth));
    if call.journey == Journey::Cookie
        && !headers.contains_key(header::COOKIE)
        && let Some(cookie) = jar::take(auth, &asked.headers)
    {
        headers.insert(header::COOKIE, cookie);
    }
    if let Some(body) = &call.body {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    let sent = Sent {
        line: format!("{method} {}{path} HTTP/1.1", auth.0.base),
        headers: shown(&call.headers, &headers),
        body: call.body.clone(),
    };
    // Whose request it is decides the throttle: whoever sits at the page.
    for hop in asked.headers.get_all("x-forwarded-for") {
        headers.append("x-forwarded-for", hop.clone());
    }
    let mut request = Request::new(call.body.map_or_else(Body::empty, Body::from));
    *request.method_mut() = method;
    *request.uri_mut() = path.into();
    *request.headers_mut() = headers;
    if let Some(peer) = asked.extensions.get::<ConnectInfo<SocketAddr>>() {
        request.extensions_mut().insert(*peer);
    }
    Ok((sent, request))
}

fn given(pairs: &[(String, String)]) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let name = HeaderName::try_from(name).ok().filter(|name| HEADERS.contains(name));
        let (Some(name), Ok(value)) = (name, HeaderValue::try_from(value)) else {
            return Err(
                Problem::invalid_request("A header is malformed, or not one that a call may have.").into()
            );
        };
        headers.append(name, value);
    }
    Ok(headers)
}

fn host(auth: &Auth) -> HeaderValue {
    let origin = auth.0.settings.csrf.issuer_origin().as_str();
    let authority = origin.split_once("://").map_or(origin, |(_, authority)| authority);
    HeaderValue::try_from(authority).unwrap_or(HeaderValue::from_static("localhost"))
}

/// The headers in the order and spelling that a browser would send them in: `Host`, what the page gave, what was added.
fn shown(given: &[(String, String)], all: &HeaderMap) -> Vec<(String, String)> {
    let added = |name: HeaderName, spelling: &str| {
        let is_given = given.iter().any(|(other, _)| other.eq_ignore_ascii_case(name.as_str()));
        all.get(&name).filter(|_| !is_given).map(|value| (spelling.to_owned(), text(value)))
    };
    let mut shown: Vec<_> = added(header::HOST, "Host").into_iter().collect();
    shown.extend(given.iter().cloned());
    shown.extend(added(header::COOKIE, "Cookie"));
    shown.extend(added(header::CONTENT_LENGTH, "Content-Length"));
    shown
}

fn text(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}
