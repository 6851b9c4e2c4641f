//! A check with three users in memory and one in the "store", and an application with one route per extractor.

use axum::body::Body;
use axum::{Router, extract::State, response::Response, routing::any};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use symbolon_http::{
    AuthLayer, Bearer, BearerForm, Check, CookieNames, Credential, Csrf, Fresh, Identity, IdentityOrGrant,
    Refusal, SameOrigin, Session, SessionKind, Settings, Via,
};
use symbolon_token::Timestamp;
use symbolon_token::opaque::{MacKey, SessionCookie};
use tower::ServiceExt;
use uuid::Uuid;

pub(crate) const FORM: &str = "application/x-www-form-urlencoded";
/// A token that the fake accepts from memory, and one that it must ask for.
pub(crate) const GOOD: &str = "good.token.x";
pub(crate) const COLD: &str = "cold.token.x";
/// An access token of a grant.
pub(crate) const GRANT: &str = "grant.token.x";
pub(crate) const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

const LIVE: Uuid = Uuid::from_u128(1);
const STORED: Uuid = Uuid::from_u128(2);
const ENDED: Uuid = Uuid::from_u128(3);
const OUTAGE: Uuid = Uuid::from_u128(4);

pub(crate) struct Fake {
    settings: Settings,
    key: MacKey,
    /// Whose answers these are, to tell two installations apart.
    user: Uuid,
    /// How old this one's logins may be, where they are older.
    pub(crate) too_old: Mutex<Option<Duration>>,
    pub(crate) recalls: AtomicUsize,
    pub(crate) asked: Mutex<Vec<Option<IpAddr>>>,
    pub(crate) handled: AtomicUsize,
}

impl Fake {
    pub(crate) fn new() -> Self {
        Self::with(1, "symbolon", false)
    }

    pub(crate) fn with_query() -> Self {
        Self::with(1, "symbolon", true)
    }

    pub(crate) fn with(seed: u8, cookie: &str, bearer_query: bool) -> Self {
        Self {
            settings: Settings {
                cookie: CookieNames::new(cookie, true).unwrap(),
                csrf: Csrf::new("https://id.example/auth", &["https://app.example".into()]).unwrap(),
                bearer_body: true,
                bearer_query,
                realm: "symbolon",
            },
            key: MacKey::new([seed; 32]),
            user: Uuid::from_bytes([seed; 16]),
            too_old: Mutex::default(),
            recalls: AtomicUsize::new(0),
            asked: Mutex::default(),
            handled: AtomicUsize::new(0),
        }
    }

    fn cookie(&self, id: Uuid) -> String {
        let cookie = SessionCookie::mint(id, [9; 24], &self.key);
        format!("{}={}", self.settings.cookie.session_name(), cookie.reveal())
    }

    pub(crate) fn live(&self) -> String {
        self.cookie(LIVE)
    }

    pub(crate) fn stored(&self) -> String {
        self.cookie(STORED)
    }

    pub(crate) fn ended(&self) -> String {
        self.cookie(ENDED)
    }

    pub(crate) fn outage(&self) -> String {
        self.cookie(OUTAGE)
    }

    pub(crate) fn asks(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    fn identity(&self, via: Via) -> Identity {
        Identity {
            user_id: self.user,
            generation: 1,
            session_id: Some(LIVE),
            kind: Some(if via == Via::Cookie { SessionKind::Browser } else { SessionKind::Token }),
            via,
            amr: Arc::from([]),
            auth_time: Timestamp::default(),
            expires_at: Timestamp::default(),
            idle_expires_at: None,
            scope: None,
            client_id: None,
            jti: None,
            token_expires: None,
        }
    }
}

impl Check for Fake {
    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn recall(&self, credential: &Credential) -> Option<Result<Identity, Refusal>> {
        self.recalls.fetch_add(1, SeqCst);
        match credential {
            Credential::None => panic!("never asked about nothing"),
            Credential::Cookie(cookie) if !cookie.genuine(&self.key) => Some(Err(Refusal::NoSession)),
            Credential::Cookie(cookie) => match cookie.id() {
                LIVE => Some(Ok(self.identity(Via::Cookie))),
                ENDED => Some(Err(Refusal::NoSession)),
                _ => None,
            },
            Credential::Bearer(token) | Credential::Dpop(token, _) => match token.as_str() {
                GOOD => Some(Ok(self.identity(Via::Bearer))),
                GRANT => Some(Ok(Identity { kind: Some(SessionKind::Grant), ..self.identity(Via::Bearer) })),
                COLD => None,
                // A careless check: the extractors must not make an anonymous caller of it.
                "careless.token.x" => Some(Err(Refusal::NoSession)),
                _ => Some(Err(Refusal::InvalidToken)),
            },
        }
    }

    fn too_old(&self, _: &Identity) -> Option<Duration> {
        *self.too_old.lock().unwrap()
    }

    fn ask<'a>(
        &'a self,
        credential: &'a Credential,
        address: Option<IpAddr>,
    ) -> Pin<Box<dyn Future<Output = Result<Identity, Refusal>> + Send + 'a>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            self.asked.lock().unwrap().push(address);
            match credential {
                Credential::None => panic!("never asked about nothing"),
                Credential::Cookie(cookie) if cookie.id() == STORED => Ok(self.identity(Via::Cookie)),
                Credential::Cookie(cookie) if cookie.id() == OUTAGE => Err(Refusal::Unavailable),
                Credential::Cookie(_) => Err(Refusal::NoSession),
                Credential::Bearer(_) | Credential::Dpop(..) => Ok(self.identity(Via::Bearer)),
            }
        })
    }
}

pub(crate) const REQUIRED: [&str; 3] = ["/either", "/cookie", "/bearer"];
pub(crate) const OPTIONAL: [&str; 3] = ["/optional/either", "/optional/cookie", "/optional/bearer"];
/// Every route there is.
pub(crate) const ALL: [&str; 9] = [
    REQUIRED[0],
    REQUIRED[1],
    REQUIRED[2],
    OPTIONAL[0],
    OPTIONAL[1],
    OPTIONAL[2],
    "/form",
    "/login",
    "/thrice",
];

fn who(identity: Option<&Identity>) -> String {
    identity.map_or("nobody".into(), |identity| format!("{} {}", identity.via.as_str(), identity.user_id))
}

/// The routes without a layer. A handler that runs is counted.
pub(crate) fn routes(fake: &Arc<Fake>) -> Router {
    type Ran = State<Arc<Fake>>;
    let ran = |State(fake): Ran| fake.handled.fetch_add(1, SeqCst);
    Router::new()
        .route(
            "/either",
            any(async move |fake: Ran, me: Identity| {
                ran(fake);
                who(Some(&me))
            }),
        )
        .route(
            "/grant",
            any(async move |fake: Ran, me: IdentityOrGrant| {
                ran(fake);
                who(Some(&me.0))
            }),
        )
        .route(
            "/fresh",
            any(async move |fake: Ran, me: Fresh| {
                ran(fake);
                who(Some(&me.0))
            }),
        )
        .route(
            "/optional/grant",
            any(async move |fake: Ran, me: Option<IdentityOrGrant>| {
                ran(fake);
                who(me.map(|me| me.0).as_ref())
            }),
        )
        .route(
            "/cookie",
            any(async move |fake: Ran, me: Session| {
                ran(fake);
                who(Some(&me.0))
            }),
        )
        .route(
            "/bearer",
            any(async move |fake: Ran, me: Bearer| {
                ran(fake);
                who(Some(&me.0))
            }),
        )
        .route(
            "/optional/either",
            any(async move |fake: Ran, me: Option<Identity>| {
                ran(fake);
                who(me.as_ref())
            }),
        )
        .route(
            "/optional/cookie",
            any(async move |fake: Ran, me: Option<Session>| {
                ran(fake);
                who(me.map(|me| me.0).as_ref())
            }),
        )
        .route(
            "/optional/bearer",
            any(async move |fake: Ran, me: Option<Bearer>| {
                ran(fake);
                who(me.map(|me| me.0).as_ref())
            }),
        )
        .route(
            "/form",
            any(async move |fake: Ran, form: BearerForm| {
                ran(fake);
                format!("{} {:?}", who(Some(&form.identity)), form.fields)
            }),
        )
        .route(
            "/login",
            any(async move |fake: Ran, _: SameOrigin| {
                ran(fake);
                "logged in"
            }),
        )
        .route(
            "/thrice",
            any(async move |fake: Ran, one: Option<Identity>, two: Option<Session>, three: Identity| {
                ran(fake);
                format!(
                    "{} / {} / {}",
                    who(one.as_ref()),
                    who(two.map(|me| me.0).as_ref()),
                    who(Some(&three))
                )
            }),
        )
        .with_state(Arc::clone(fake))
}

pub(crate) fn app(fake: &Arc<Fake>) -> Router {
    routes(fake).layer(AuthLayer::new(fake.clone()))
}

/// An answer, read whole.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn code(&self) -> String {
        let document: Value = serde_json::from_str(&self.body).unwrap_or_default();
        document["code"].as_str().unwrap_or("-").to_owned()
    }

    #[track_caller]
    pub(crate) fn is(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.code().as_str()), (status, code), "{self:?}");
        // What is refused is never cached, sets nothing and says how to authenticate.
        if status >= 400 {
            assert_eq!(self.header("cache-control").trim_start_matches("private, "), "no-store");
            assert!(!self.headers.contains_key("set-cookie"));
            assert_eq!(self.header("content-type"), "application/problem+json");
        }
        assert!(status != 401 || self.headers.contains_key("www-authenticate"));
    }

    #[track_caller]
    pub(crate) fn is_ok(&self, starts: &str) {
        assert!(self.status == 200 && self.body.starts_with(starts), "{self:?}");
    }
}

/// Sends one request and reads the answer.
pub(crate) async fn send(
    app: &Router,
    method: &str,
    uri: &str,
    fields: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut request = Request::new(Body::from(body.to_owned()));
    *request.method_mut() = method.parse::<Method>().unwrap();
    *request.uri_mut() = uri.parse().unwrap();
    for (name, value) in fields {
        request
            .headers_mut()
            .append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    read(app.clone().oneshot(request).await.unwrap()).await
}

pub(crate) async fn read(response: Response) -> Answer {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    assert_ne!(parts.status, StatusCode::NOT_FOUND, "the test asks for a route that is not there");
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    }
}

pub(crate) async fn get(app: &Router, uri: &str, fields: &[(&str, &str)]) -> Answer {
    send(app, "GET", uri, fields, "").await
}
