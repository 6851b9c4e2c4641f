//! A server, and a service with a guard beside it, each on a socket of its own.

use std::{
    future::IntoFuture,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, http::StatusCode, middleware, routing::get, serve::ListenerExt};
use reqwest::Client;
use serde_json::{Value, json};
use symbolon::{Symbolon, audit::Actor, limits::Settings, password::params::Argon2Params};
use symbolon_axum::{Auth, Options};
use symbolon_guard::{
    Freshness, Guard, Identity,
    clock::{Clock, SystemClock, Timestamp},
};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::gate::Gate;

pub(crate) const PASSWORD: &str = "plum-tugboat-47-lantern";

/// A clock that can be moved on: leases end without waiting for them.
#[derive(Default)]
pub(crate) struct Ahead(pub(crate) AtomicU64);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    fn monotonic(&self) -> Duration {
        SystemClock.monotonic() + Duration::from_millis(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) struct Server {
    pub(crate) issuer: String,
    pub(crate) engine: Symbolon,
    pub(crate) secret: String,
    pub(crate) serving: JoinHandle<std::io::Result<()>>,
    pub(crate) client: Client,
    pub(crate) gate: Arc<Gate>,
    /// How many were opened to it.
    pub(crate) connections: Arc<AtomicUsize>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let mut settings = Settings::new(issuer.as_str());
        settings.hashing.params = Argon2Params::dangerously_weak_for_tests();
        let engine = Symbolon::builder(issuer.as_str()).settings(settings).open().await.unwrap();
        let scopes = vec!["revocations".to_owned(), "check".to_owned()];
        let (_, secret) = engine.add_client("orders", scopes, Actor::Cli).await.unwrap();
        let gate = Arc::<Gate>::default();
        let keeper = Arc::clone(&gate);
        let pass = move |request, next| {
            let keeper = Arc::clone(&keeper);
            async move { keeper.pass(request, next).await }
        };
        let router = Auth::new(engine.clone(), Options::default()).unwrap().router();
        let router = router.layer(middleware::from_fn(pass));
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let listener = listener.tap_io(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
        });
        let serving = tokio::spawn(axum::serve(listener, router).into_future());
        let server = Self { issuer, engine, secret, serving, client: Client::new(), gate, connections };
        let user = json!({ "identifier": "alice", "password": PASSWORD });
        let answer = server.client.post(server.at("/v1/users")).json(&user).send().await.unwrap();
        assert_eq!(answer.status(), 201);
        server
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.issuer)
    }

    pub(crate) async fn token(&self) -> String {
        let login = json!({ "identifier": "alice", "password": PASSWORD });
        let answer = self.client.post(self.at("/v1/tokens")).json(&login).send().await.unwrap();
        answer.json::<Value>().await.unwrap()["access_token"].as_str().unwrap().to_owned()
    }

    /// The `Cookie` header of a login.
    pub(crate) async fn cookie(&self) -> String {
        let login = json!({ "identifier": "alice", "password": PASSWORD });
        let asked = self.client.post(self.at("/v1/sessions")).header("origin", &self.issuer).json(&login);
        let answer = asked.send().await.unwrap();
        let mut lines = answer.headers().get_all("set-cookie").iter().map(|line| line.to_str().unwrap());
        let session = lines.find(|line| line.starts_with("symbolon=")).unwrap();
        session.split(';').next().unwrap().to_owned()
    }

    pub(crate) async fn logout(&self, name: &str, value: &str) {
        let asked = self.client.delete(self.at("/v1/sessions/current")).header(name, value);
        let answer = asked.header("origin", &self.issuer).send().await.unwrap();
        assert_eq!(answer.status(), 204);
    }

    pub(crate) fn guard(&self) -> symbolon_guard::Builder {
        Guard::builder(self.issuer.as_str(), self.secret.as_str())
    }
}

async fn who(identity: Identity) -> String {
    identity.user_id.to_string()
}

/// A service with a route for each freshness; answers its address.
pub(crate) async fn service(guard: &Guard) -> String {
    let route = |path, freshness| Router::new().route(path, get(who)).layer(guard.layer_with(freshness));
    let router = route("/local", Freshness::Local)
        .merge(route("/signature", Freshness::Signature))
        .merge(route("/authoritative", Freshness::Authoritative));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, router).into_future());
    address
}

pub(crate) async fn ask(service: &str, path: &str, name: &str, value: &str) -> StatusCode {
    Client::new().get(format!("{service}{path}")).header(name, value).send().await.unwrap().status()
}
