//! Administration, black-box: who may, what it does, and that nobody else learns so much as what there is.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking"
)]

#[path = "../common/mod.rs"]
mod common;

mod audit;
mod door;
mod inventory;
mod keys;
mod last;
mod matrix;
mod operator;
mod prefer;
mod rights;
mod sessions;
mod status;
mod users;

use common::{Answer, Who, World};
use serde_json::Value;

/// Every row of the table of routes that is about administration, one method each.
fn rows() -> Vec<(&'static str, String)> {
    let admin = symbolon_axum::inventory().into_iter().filter(|(path, _)| path.starts_with("/v1/admin/"));
    admin
        .flat_map(|(path, methods)| methods.into_iter().map(move |method| (path, method.to_string())))
        .collect()
}

/// The same for what only the local socket has.
fn operator_rows() -> Vec<(&'static str, String)> {
    let rows = symbolon_axum::operator_inventory().into_iter();
    rows.flat_map(|(path, methods)| methods.into_iter().map(move |method| (path, method.to_string())))
        .collect()
}

fn is_change(method: &str) -> bool {
    method != "GET"
}

/// The problem a refused caller gets; without what is the request's own.
fn bare(answer: &Answer) -> (u16, Value) {
    (answer.status, serde_json::from_slice(&answer.body).unwrap_or(Value::Null))
}

/// A world with one administrator, `root`, and one who is none, `alice`.
async fn with_root() -> (World, Who) {
    let world = World::new().await;
    world.user("root", &["admin"]).await;
    world.user("alice", &[]).await;
    let root = world.cookie("root").await;
    (world, root)
}
