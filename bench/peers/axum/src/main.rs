//! axum-login over the stores of tower-sessions: `peer-axum-login memory|sqlite PORT BYTES`, its database in the current folder.

use std::{convert::Infallible, error::Error};

use axum::{
    Router,
    body::Bytes,
    http::{StatusCode, header},
    routing::{get, post},
};
use axum_login::{AuthManagerLayerBuilder, AuthSession, AuthUser, AuthnBackend};
use tower_sessions::{MemoryStore, SessionManagerLayer, SessionStore};
use tower_sessions_sqlx_store::{
    SqliteStore,
    sqlx::{SqlitePool, sqlite::SqliteConnectOptions},
};

#[derive(Clone, Debug)]
struct User;

impl AuthUser for User {
    type Id = i64;

    fn id(&self) -> i64 {
        1
    }

    fn session_auth_hash(&self) -> &[u8] {
        b"the hash of a password"
    }
}

/// Users are in memory: only sessions are measured.
#[derive(Clone)]
struct Users;

impl AuthnBackend for Users {
    type User = User;
    type Credentials = ();
    type Error = Infallible;

    async fn authenticate(&self, _: ()) -> Result<Option<User>, Infallible> {
        Ok(Some(User))
    }

    async fn get_user(&self, _: &i64) -> Result<Option<User>, Infallible> {
        Ok(Some(User))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [store, port, bytes] = &words[..] else { return Err("usage: memory|sqlite PORT BYTES".into()) };
    let (port, bytes) = (port.parse()?, bytes.parse()?);
    if store == "memory" {
        return serve(MemoryStore::default(), port, bytes).await;
    }
    let options = SqliteConnectOptions::new().filename("sessions.db").create_if_missing(true);
    let store = SqliteStore::new(SqlitePool::connect_with(options).await?);
    store.migrate().await?;
    serve(store, port, bytes).await
}

async fn serve(
    store: impl SessionStore + Clone,
    port: u16,
    bytes: usize,
) -> Result<(), Box<dyn Error>> {
    let body = Bytes::from(vec![b' '; bytes]);
    let login = async |mut session: AuthSession<Users>| match session.login(&User).await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let me = async move |session: AuthSession<Users>| match session.user {
        Some(_) => Ok(([(header::CONTENT_TYPE, "application/json")], body.clone())),
        None => Err(StatusCode::UNAUTHORIZED),
    };
    let sessions = SessionManagerLayer::new(store).with_secure(false);
    let app = Router::new()
        .route("/login", post(login))
        .route("/v1/me", get(me))
        .layer(AuthManagerLayerBuilder::new(Users, sessions).build());
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    Ok(axum::serve(listener, app).await?)
}
