//! A guest book: everybody reads, whoever is logged in writes. Logins are Symbolon's, mounted under `/auth`.
//!
//! ```text
//! cargo run -p guestbook            # http://127.0.0.1:3000
//! cargo run -p guestbook -- 0 DIR   # a free port, data in DIR
//! ```

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context;
use axum::{
    Form, Json, Router,
    extract::State,
    response::{Html, Redirect},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};
use symbolon_axum::{Auth, Bearer, Fresh, Identity, Refusal, Rejection, Session};

type Entries = Arc<Mutex<Vec<String>>>;

#[derive(Deserialize)]
struct Entry {
    text: String,
}

/// Both carriers, or nobody: a bad token is refused before this runs.
async fn show(who: Option<Identity>, State(entries): State<Entries>) -> Html<String> {
    let door = match who {
        Some(_) => {
            "<form method=post><label>Your line <input name=text required></label> <button>Write</button></form>\
             <form method=post action=/clear><button>Take my lines out</button></form>\
             <form method=post action=/auth/logout><button>Log out</button></form>"
        }
        None => {
            "<p><a href=/auth/login?next=/>Log in</a> or <a href=/auth/register>register</a> to write.</p>"
        }
    };
    let entries = entries.lock().unwrap_or_else(PoisonError::into_inner);
    let lines: String = entries.iter().map(|line| format!("<li>{}</li>", escape(line))).collect();
    Html(format!(
        "<!doctype html><html lang=en><title>Guest book</title><h1>Guest book</h1>{door}<ul>{lines}</ul></html>"
    ))
}

/// A cookie session: the extractor has applied the CSRF rule, this handler cannot forget it.
async fn write(Session(who): Session, State(entries): State<Entries>, Form(entry): Form<Entry>) -> Redirect {
    let line = format!("{}: {}", who.user_id, entry.text);
    entries.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    Redirect::to("/")
}

/// What a forgotten device must not do wants a login of late. Whoever's is older proves it again, and comes back to do it.
async fn clear(who: Result<Fresh, Rejection>, State(entries): State<Entries>) -> Result<Redirect, Rejection> {
    let who = match who {
        Ok(Fresh(who)) => who,
        Err(refused) if matches!(refused.refusal(), Refusal::FreshLoginRequired { .. }) => {
            return Ok(Redirect::to("/auth/confirm?next=/"));
        }
        Err(refused) => return Err(refused),
    };
    let mine = who.user_id.to_string();
    entries.lock().unwrap_or_else(PoisonError::into_inner).retain(|line| !line.starts_with(&mine));
    Ok(Redirect::to("/"))
}

/// A token only: what a program calls.
async fn count(Bearer(who): Bearer, State(entries): State<Entries>) -> Json<Value> {
    let entries = entries.lock().unwrap_or_else(PoisonError::into_inner);
    let mine = entries.iter().filter(|line| line.starts_with(&who.user_id.to_string())).count();
    Json(json!({ "entries": entries.len(), "mine": mine }))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let port: u16 = arguments.next().map_or(Ok(3000), |port| port.parse()).context("the port")?;
    let data = arguments.next().unwrap_or_else(|| "./guestbook-data".into());
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let origin = format!("http://{}", listener.local_addr()?);

    let auth = Auth::open(&format!("{origin}/auth"), data).await?;
    let app = Router::new()
        .route("/", get(show).post(write))
        .route("/clear", post(clear))
        .route("/api/count", get(count))
        .with_state(Entries::default())
        .nest("/auth", auth.router())
        .merge(auth.well_known())
        .layer(auth.layer());

    announce(&origin)?;
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}

fn announce(origin: &str) -> std::io::Result<()> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    writeln!(out, "The guest book is at {origin}")?;
    out.flush()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
