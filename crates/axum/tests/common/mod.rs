//! A server without sockets: the routers over a store in memory, with a clock that the tests move. Every answer that comes out is held
//! against `openapi.json` on the way.

#![allow(
    dead_code,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking, and no test takes all of them"
)]

pub(crate) mod document;
pub(crate) mod schema;

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};
use std::time::Duration;

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, header},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use symbolon::{
    Symbolon,
    audit::Actor,
    clock::{Clock, SystemRandomness, Timestamp},
    keyring::MasterKey,
    limits::Settings,
    login::{Attempt, Caller, Carrier},
    password::params::Argon2Params,
    session::{Issued, Via},
    store::{Object, Store, UserRow, memory::MemoryStore, sqlite::SqliteStore},
    token::{grant::Giver, issue::Wish},
    user::NewAccount,
};
use symbolon_axum::{Auth, Options};
use tower::ServiceExt;
use uuid::Uuid;

use document::Document;

pub(crate) const ISSUER: &str = "http://127.0.0.1:7117";
pub(crate) const PASSWORD: &str = "plum-tugboat-47-lantern";

/// A clock with hands.
#[derive(Default)]
pub(crate) struct Hands(AtomicI64);

impl Hands {
    pub(crate) fn forward(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(1_800_000_000).plus(self.monotonic())
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst).unsigned_abs())
    }
}

/// How a request says who sends it.
#[derive(Clone, Debug)]
pub(crate) enum Who {
    Nobody,
    /// A session cookie's value, sent as one's own pages send it.
    Cookie(String),
    Bearer(String),
    Basic(String, String),
}

pub(crate) struct World {
    pub(crate) auth: Auth,
    pub(crate) engine: Symbolon,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<Hands>,
    pub(crate) public: Router,
    pub(crate) local: Router,
    pub(crate) document: Document,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Options::default()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        Self::over(Arc::new(MemoryStore::new(Uuid::from_u128(7))), options).await
    }

    /// The same over the embedded store, in a folder that lives as long as the second of the two.
    pub(crate) async fn embedded() -> (Self, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path(), "a test", Uuid::from_u128(7)).unwrap();
        (Self::over(Arc::new(store), Options::default()).await, folder)
    }

    pub(crate) async fn over(store: Arc<dyn Store>, options: Options) -> Self {
        Self::set(store, options, |_| {}).await
    }

    pub(crate) async fn set(
        store: Arc<dyn Store>,
        options: Options,
        tune: impl FnOnce(&mut Settings),
    ) -> Self {
        let mut settings = Settings::new(ISSUER);
        settings.hashing.params = Argon2Params::dangerously_weak_for_tests();
        settings.token.scopes = vec!["read".into(), "write".into(), "admin".into()];
        settings.token.audiences = vec!["https://api.example".into()];
        tune(&mut settings);
        let clock = Arc::new(Hands::default());
        let randomness = Arc::new(SystemRandomness);
        let master = MasterKey::generate(&SystemRandomness).into();
        let engine =
            Symbolon::open(settings, Arc::clone(&store), master, clock.clone(), randomness).await.unwrap();
        let auth = Auth::new(engine.clone(), options).unwrap();
        let document = Document::read();
        let (public, local) = (auth.router(), auth.local_router());
        Self { auth, engine, store, clock, public, local, document }
    }

    /// A user of that name with these roles.
    pub(crate) async fn user(&self, name: &str, roles: &[&str]) -> UserRow {
        let account = NewAccount {
            identifier: name.into(),
            password: PASSWORD.into(),
            profile: Object::new(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        };
        self.engine.add_user(account, Actor::Cli).await.unwrap()
    }

    /// A login by cookie.
    pub(crate) async fn cookie(&self, name: &str) -> Who {
        let login = json!({ "identifier": name, "password": PASSWORD });
        let answer = self.ask("POST", "/v1/sessions").json(&login).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        Who::Cookie(answer.session_cookie().unwrap())
    }

    /// A login by token; `mode` is `session` or `stateless`.
    pub(crate) async fn bearer(&self, name: &str, mode: &str) -> Who {
        let login = json!({ "identifier": name, "password": PASSWORD, "mode": mode });
        let answer = self.ask("POST", "/v1/tokens").json(&login).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        Who::Bearer(answer.json()["access_token"].as_str().unwrap().to_owned())
    }

    /// An access token of a grant. The login that gave it is over.
    pub(crate) async fn grant(&self, user: &UserRow) -> Who {
        let (identifier, password, caller) =
            (&user.identifier, PASSWORD, Caller::new([192, 0, 2, 1].into(), false, Some("curl/8.9.1")));
        let carrier = Carrier::Cookie { remember: true };
        let attempt =
            Attempt { identifier, password, carrier, presented: None, known: None, caller: &caller };
        let Issued::Cookie { session, .. } = self.engine.login(attempt).await.unwrap().issued else {
            panic!("a login by cookie answered with a token")
        };
        let offer = self.engine.offer("nightly", &Wish::default(), None).unwrap();
        let giver = Giver { session: session.id, via: Via::Cookie, scope: None, caller: &caller };
        let given = self.engine.give(&giver, &offer).await.unwrap();
        self.engine.logout(session.id, user.id, &caller).await.unwrap();
        Who::Bearer(given.answer.access_token)
    }

    /// A machine client with this scope: its id, and its secret.
    pub(crate) async fn client(&self, scope: &str) -> (Uuid, String) {
        let (row, secret) = self.engine.add_client("job", vec![scope.into()], Actor::Cli).await.unwrap();
        (row.id, secret)
    }

    pub(crate) fn ask(&self, method: &str, path: &str) -> Ask<'_> {
        Ask {
            world: self,
            local: false,
            method: method.into(),
            path: path.into(),
            headers: HeaderMap::new(),
            body: Vec::new(),
        }
    }

    /// Over the socket of the machine itself.
    pub(crate) fn ask_locally(&self, method: &str, path: &str) -> Ask<'_> {
        Ask { local: true, ..self.ask(method, path) }
    }
}

/// A request in the making. Awaiting it sends it.
pub(crate) struct Ask<'w> {
    world: &'w World,
    local: bool,
    method: String,
    path: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl<'w> Ask<'w> {
    pub(crate) fn by(self, who: &Who) -> Self {
        match who {
            Who::Nobody => self,
            Who::Cookie(value) => {
                self.header("cookie", &format!("symbolon={value}")).header("sec-fetch-site", "same-origin")
            }
            Who::Bearer(token) => self.header("authorization", &format!("Bearer {token}")),
            Who::Basic(id, secret) => {
                self.header("authorization", &format!("Basic {}", STANDARD.encode(format!("{id}:{secret}"))))
            }
        }
    }

    /// Sets a header, instead of what is set under its name.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        self
    }

    /// Adds a header line beside others of its name.
    pub(crate) fn line(mut self, name: &str, value: &str) -> Self {
        self.headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.raw("application/json", &body.to_string())
    }

    pub(crate) fn form(self, body: &str) -> Self {
        self.raw("application/x-www-form-urlencoded", body)
    }

    pub(crate) fn raw(mut self, media_type: &str, body: &str) -> Self {
        self.body = body.into();
        self.header("content-type", media_type)
    }

    pub(crate) fn body_alone(mut self, body: &str) -> Self {
        self.body = body.into();
        self
    }

    /// Whether it is answered before the router is asked.
    pub(crate) fn is_answered_at_once(&self) -> bool {
        let mut request = Request::builder().method(&*self.method).uri(&self.path).body(()).unwrap();
        self.headers.clone_into(request.headers_mut());
        self.world.auth.at_once(&request.into_parts().0, None).is_some()
    }

    // Where the same is answered at once, it is answered the same.
    async fn send(self) -> Answer {
        let Self { world, local, method, path, headers, body } = self;
        let mut request =
            Request::builder().method(&*method).uri(&path).body(Body::from(body.clone())).unwrap();
        let media_type = headers.get(header::CONTENT_TYPE).cloned();
        *request.headers_mut() = headers;
        let (asked, sent) = request.into_parts();
        let at_once = if local || !body.is_empty() { None } else { world.auth.at_once(&asked, None) };
        let request = Request::from_parts(asked, sent);
        let router = if local { &world.local } else { &world.public };
        let (parts, answered) = router.clone().oneshot(request).await.unwrap().into_parts();
        let answered = answered.collect().await.unwrap().to_bytes().to_vec();
        let answer = Answer { status: parts.status.as_u16(), headers: parts.headers, body: answered };
        if let Some(at_once) = at_once {
            let (parts, body) = at_once.into_parts();
            let mut at_once =
                Answer { status: parts.status.as_u16(), headers: parts.headers, body: body.into() };
            // A listener puts them on, of either.
            at_once.headers.remove("x-request-id");
            at_once.headers.insert(header::CONTENT_LENGTH, at_once.body.len().into());
            assert_eq!(format!("{at_once:?}"), format!("{answer:?}"), "at once and by the router");
        }
        if !local {
            let sent = (media_type.as_ref().and_then(|value| value.to_str().ok()), body.as_slice());
            world.document.holds(&method, &path, sent, &answer);
        }
        answer
    }
}

impl<'w> IntoFuture for Ask<'w> {
    type Output = Answer;
    type IntoFuture = std::pin::Pin<Box<dyn Future<Output = Answer> + Send + 'w>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?} {}", self.status, self.headers, String::from_utf8_lossy(&self.body))
    }
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The problem's code; empty when it is none.
    pub(crate) fn code(&self) -> String {
        let document: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        document["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Status and code at once.
    pub(crate) fn said(&self) -> (u16, String) {
        (self.status, self.code())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(HeaderValue::to_str).map(Result::unwrap)
    }

    /// The session cookie that it sets.
    pub(crate) fn session_cookie(&self) -> Option<String> {
        let lines = self.headers.get_all(header::SET_COOKIE).iter().map(|line| line.to_str().unwrap());
        lines.filter_map(|line| line.strip_prefix("symbolon=")?.split(';').next()).map(str::to_owned).next()
    }

    pub(crate) fn is_success(&self) -> bool {
        StatusCode::from_u16(self.status).unwrap().is_success()
    }
}
