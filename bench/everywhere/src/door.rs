//! A service with a guard in front of its one door, and two windows: whether the guard is fresh, and how it stands.

use anyhow::Result;
use axum::{Json, Router, http::StatusCode, routing::get};
use serde_json::json;
use symbolon_guard::{Builder, Guard, Identity};

pub(crate) async fn serve(issuer: &str, secret: &str, address: &str, nodes: &[&str]) -> Result<()> {
    let builder =
        nodes.iter().fold(Guard::builder(issuer, secret), |builder, node| Builder::node(builder, *node));
    let guard = builder.open().await?;
    let door = async |_: Identity| StatusCode::OK;
    let (fresh, standing) = (guard.clone(), guard.clone());
    let ready = async move || match fresh.standing().fresh {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    let stands = async move || {
        let standing = standing.standing();
        Json(json!({ "applied": standing.applied, "ended": standing.ended }))
    };
    let app = Router::new()
        .route("/door", get(door))
        .layer(guard.layer())
        .route("/readyz", get(ready))
        .route("/standing", get(stands));
    axum::serve(tokio::net::TcpListener::bind(address).await?, app).await?;
    Ok(())
}
