//! Orders, and paying for them: a service of its own that takes the logins of a Symbolon server, by cookie and by token. It keeps no
//! session and asks for none: a guard follows the server's revocations, and what was revoked is refused from then on.
//!
//! ```text
//! symbolon serve --dev
//! symbolon client add orders --scope revocations,check --data symbolon-dev     # prints the secret
//! SYMBOLON_CLIENT_SECRET=key_… cargo run -p orders -- http://127.0.0.1:7117    # http://127.0.0.1:3001
//! ```

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::Context;
use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use symbolon_guard::{Freshness, Guard, Identity};
use uuid::Uuid;

/// Everybody's orders.
#[derive(Clone, Default)]
struct Orders(Arc<Mutex<HashMap<Uuid, Vec<Order>>>>);

#[derive(Clone, Serialize)]
struct Order {
    number: usize,
    what: String,
    paid: bool,
}

#[derive(Deserialize)]
struct Wish {
    what: String,
}

impl Orders {
    fn all(&self) -> MutexGuard<'_, HashMap<Uuid, Vec<Order>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn mine(who: Identity, State(orders): State<Orders>) -> Json<Vec<Order>> {
    Json(orders.all().get(&who.user_id).cloned().unwrap_or_default())
}

/// By cookie too: the extractor has applied the CSRF rule.
async fn order(
    who: Identity,
    State(orders): State<Orders>,
    Json(wish): Json<Wish>,
) -> (StatusCode, Json<Order>) {
    let mut all = orders.all();
    let mine = all.entry(who.user_id).or_default();
    mine.push(Order { number: mine.len() + 1, what: wish.what, paid: false });
    (StatusCode::CREATED, Json(mine[mine.len() - 1].clone()))
}

async fn pay(
    who: Identity,
    State(orders): State<Orders>,
    Path(number): Path<usize>,
) -> Result<Json<Order>, StatusCode> {
    let mut all = orders.all();
    let mine = all.get_mut(&who.user_id).into_iter().flatten();
    let order = mine.into_iter().find(|order| order.number == number).ok_or(StatusCode::NOT_FOUND)?;
    order.paid = true;
    Ok(Json(order.clone()))
}

/// Ready while the guard may decide: without its lease it refuses everybody (503).
async fn ready(State(guard): State<Guard>) -> StatusCode {
    if guard.standing().fresh { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let issuer = arguments.next().context("usage: orders ISSUER [PORT]")?;
    let port: u16 = arguments.next().map_or(Ok(3001), |port| port.parse()).context("the port")?;
    let secret = std::env::var("SYMBOLON_CLIENT_SECRET").context("SYMBOLON_CLIENT_SECRET")?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let origin = format!("http://{}", listener.local_addr()?);

    let guard = Guard::builder(issuer, secret).origin(&origin).open().await?;
    // Most routes decide from memory, without asking anybody; where there is money in it the server is asked.
    let app = Router::new()
        .route("/orders", get(mine).post(order))
        .layer(guard.layer())
        .merge(
            Router::new()
                .route("/orders/{number}/payment", post(pay))
                .layer(guard.layer_with(Freshness::Authoritative)),
        )
        .with_state(Orders::default())
        .merge(Router::new().route("/readyz", get(ready)).with_state(guard));

    announce(&origin)?;
    axum::serve(listener, app).await?;
    Ok(())
}

fn announce(origin: &str) -> std::io::Result<()> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    writeln!(out, "Orders are taken at {origin}")?;
    out.flush()
}
