//! A guard in front of a small service, beside a server that it knows by its sockets alone.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking"
)]

mod dpop;
mod gate;
mod rules;
mod server;

use std::sync::{Arc, atomic::Ordering};

use symbolon::audit::Actor;
use symbolon_guard::Guard;

use server::{Ahead, Server, ask, service};

#[tokio::test]
async fn invariant_1_a_login_is_refused_in_the_next_request_after_its_logout_returned() {
    let server = Server::start().await;
    let guard = server.guard().open().await.unwrap();
    let service = service(&guard).await;
    for round in 0..20 {
        let (bearer, cookie) = (format!("Bearer {}", server.token().await), server.cookie().await);
        for (name, value) in [("authorization", &bearer), ("cookie", &cookie)] {
            for path in ["/local", "/authoritative", "/local"] {
                assert_eq!(ask(&service, path, name, value).await, 200, "{round} {path} {name}");
            }
            server.logout(name, value).await;
            for path in ["/local", "/authoritative"] {
                assert_eq!(ask(&service, path, name, value).await, 401, "{round} {path} {name}");
            }
        }
        assert_eq!(ask(&service, "/signature", "authorization", &bearer).await, 200, "as it was asked for");
    }
    assert_eq!(server.engine.guarding().remote.len(), 1);
    assert_eq!(server.engine.guarding().barriers.timed_out, 0);
}

#[tokio::test]
async fn invariant_4_a_guard_without_its_lease_refuses_asks_or_accepts_as_it_was_told() {
    let server = Server::start().await;
    let clock = Arc::new(Ahead::default());
    let build = || server.guard().clock(Arc::clone(&clock) as _);
    let guards = [
        build().open().await.unwrap(),
        build().ask_when_stale().open().await.unwrap(),
        build().accept_stale_until_expiry().open().await.unwrap(),
    ];
    let mut services = Vec::new();
    for guard in &guards {
        services.push(service(guard).await);
    }
    let (bearer, cookie) = (format!("Bearer {}", server.token().await), server.cookie().await);
    for service in &services {
        assert_eq!(ask(service, "/local", "authorization", &bearer).await, 200);
        assert_eq!(ask(service, "/local", "cookie", &cookie).await, 200);
    }
    server.serving.abort();
    while reqwest::get(server.at("/healthz")).await.is_ok() {
        tokio::task::yield_now().await;
    }
    clock.0.store(10_000, Ordering::SeqCst);
    assert!(guards.iter().all(|guard| !guard.standing().fresh));
    for (service, by_token) in services.iter().zip([503, 503, 200]) {
        assert_eq!(ask(service, "/local", "authorization", &bearer).await, by_token);
        assert_eq!(ask(service, "/authoritative", "authorization", &bearer).await, 503);
        assert_eq!(ask(service, "/local", "cookie", &cookie).await, 503);
        assert_eq!(ask(service, "/signature", "authorization", &bearer).await, 200);
    }
}

#[tokio::test]
async fn a_guard_that_does_not_belong_here_does_not_open() {
    let server = Server::start().await;
    let said = async |builder: symbolon_guard::Builder| match builder.open().await {
        Ok(_) => panic!("it opened"),
        Err(error) => error.to_string(),
    };
    let stranger = Guard::builder(server.issuer.as_str(), "key_of_somebody_else");
    assert!(said(stranger).await.contains("401 (invalid_client)"));
    let elsewhere = Guard::builder("http://127.0.0.1:9", server.secret.as_str()).node(server.issuer.as_str());
    assert!(said(elsewhere).await.contains("not the issuer http://127.0.0.1:9"));
    let (_, poor) = server.engine.add_client("poor", vec!["check".into()], Actor::Cli).await.unwrap();
    assert!(said(Guard::builder(server.issuer.as_str(), poor)).await.contains("403 (insufficient_scope)"));
    let nobody = server.guard().node("http://127.0.0.1:1");
    assert!(said(nobody).await.contains("127.0.0.1:1"));
}

#[tokio::test]
async fn what_is_no_login_is_none_and_an_unknown_key_is_looked_for_once() {
    let server = Server::start().await;
    let guard = server.guard().node("http://127.0.0.1:1").node(server.issuer.as_str()).open().await.unwrap();
    let service = service(&guard).await;
    let old = server.engine.keys()[0].kid;
    for path in ["/local", "/signature", "/authoritative"] {
        for bad in ["Bearer x", "Bearer a.b.c"] {
            assert_eq!(ask(&service, path, "authorization", bad).await, 401);
        }
        assert_eq!(ask(&service, path, "cookie", "symbolon=x").await, 401);
        assert_eq!(ask(&service, path, "x-nothing", "x").await, 401);
    }
    let before = format!("Bearer {}", server.token().await);
    assert_eq!(ask(&service, "/local", "authorization", &before).await, 200);
    server.engine.remove_key(old, Actor::Cli).await.unwrap();
    assert_eq!(ask(&service, "/local", "authorization", &before).await, 401);
    let after = format!("Bearer {}", server.token().await);
    assert_eq!(ask(&service, "/local", "authorization", &after).await, 200, "of a key made a moment ago");
}

#[tokio::test]
async fn a_guard_keeps_its_connections() {
    let server = Server::start().await;
    let guard = server.guard().open().await.unwrap();
    let service = service(&guard).await;
    let (bearer, cookie) = (format!("Bearer {}", server.token().await), server.cookie().await);
    let before = server.connections.load(Ordering::SeqCst);
    for _ in 0..20 {
        assert_eq!(ask(&service, "/authoritative", "authorization", &bearer).await, 200);
        assert_eq!(ask(&service, "/authoritative", "cookie", &cookie).await, 200);
    }
    // One is taken by the poll, another by what is asked beside it.
    let made = server.connections.load(Ordering::SeqCst) - before;
    assert!(made <= 1, "{made} connections for 40 questions");
}

/// A verifier must not carry what only a server needs.
#[test]
fn the_tree_of_a_guard_holds_no_database_driver_and_no_template_engine() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let listed = std::process::Command::new(cargo)
        .args([
            "tree",
            "--offline",
            "--locked",
            "--package",
            "symbolon-guard",
            "--edges",
            "normal",
            "--prefix",
            "none",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let tree = String::from_utf8(listed.stdout).unwrap();
    assert!(tree.contains("symbolon-http"), "{tree}");
    for unwanted in
        ["rusqlite", "libsqlite3-sys", "tokio-postgres", "askama", "argon2", "reqwest", "symbolon v"]
    {
        assert!(!tree.lines().any(|line| line.starts_with(unwanted)), "{unwanted} is in the tree");
    }
}
