//! `/v1/revocations` and `/v1/check`: what machines ask of a node.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking"
)]

mod common;

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use symbolon::{audit::Actor, limits::Settings, revocation::without_waiting, store::memory::MemoryStore};
use symbolon_axum::Options;
use uuid::Uuid;

use common::{Answer, ISSUER, Who, World};

const GUARD: Uuid = Uuid::from_u128(9);

struct Machines {
    world: World,
    follower: Who,
    checker: Who,
}

impl Machines {
    async fn new() -> Self {
        let world = World::new().await;
        world.user("alice", &[]).await;
        let (follower, checker) = (world.client("revocations").await, world.client("check").await);
        let by_basic = Who::Basic(follower.0.to_string(), follower.1);
        Self { world, follower: by_basic, checker: Who::Bearer(checker.1) }
    }

    async fn poll(&self, question: &Value) -> Answer {
        self.world.ask("POST", "/v1/revocations").by(&self.follower).json(question).await
    }

    async fn follow(&self, epoch: &Value, after: &Value) -> Value {
        let page = self.poll(&json!({ "guard": GUARD, "epoch": epoch, "after": after, "wait": 0 })).await;
        assert_eq!((page.status, page.header("cache-control")), (200, Some("no-store")), "{page:?}");
        page.json()
    }

    async fn check(&self, question: &Value) -> Value {
        let answer = self.world.ask("POST", "/v1/check").by(&self.checker).json(question).await;
        assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")), "{answer:?}");
        answer.json()
    }
}

fn text(who: &Who) -> &str {
    match who {
        Who::Cookie(text) | Who::Bearer(text) => text,
        _ => panic!("neither a cookie nor a token"),
    }
}

#[tokio::test]
async fn the_log_is_followed_page_by_page_and_every_page_that_is_the_last_is_a_lease() {
    let machines = Machines::new().await;
    let first = machines.follow(&Value::Null, &json!(0)).await;
    assert_eq!(
        (&first["reset"], &first["more"], &first["lease_ms"]),
        (&json!(true), &json!(false), &json!(3000))
    );
    machines.world.clock.forward(Duration::from_secs(10));
    let cookie = machines.world.cookie("alice").await;
    let me = machines.world.ask("GET", "/v1/me").by(&cookie).await.json();
    assert_eq!(machines.world.ask("DELETE", "/v1/sessions/current").by(&cookie).await.status, 204);
    let next = machines.follow(&first["epoch"], &first["next"]).await;
    assert_eq!(next["reset"], false);
    let entry = &next["entries"][0];
    assert_eq!((&entry["kind"], &entry["id"]), (&json!("session"), &me["session_id"]));
    assert!(entry["forget_at"].is_i64() && entry.get("generation").is_none());
    let idle = machines.follow(&next["epoch"], &next["next"]).await;
    assert_eq!((&idle["entries"], &idle["next"]), (&json!([]), &next["next"]));

    let cut = json!({ "guard": GUARD, "after": 0, "wait": 0, "limit": 1 });
    let page = machines.poll(&cut).await.json();
    assert_eq!((&page["more"], &page["lease_ms"], &page["reset"]), (&json!(true), &json!(0), &json!(true)));
}

#[tokio::test]
async fn a_guard_that_does_not_fit_the_log_is_set_back() {
    let machines = Machines::new().await;
    let head = machines.follow(&Value::Null, &json!(0)).await;
    for (epoch, after) in [
        (json!(Uuid::from_u128(1)), json!(1)),
        (head["epoch"].clone(), json!(u64::MAX)),
        (head["epoch"].clone(), json!(head["next"].as_u64().unwrap() + 1)),
    ] {
        let page = machines.follow(&epoch, &after).await;
        assert_eq!((&page["reset"], &page["entries"]), (&json!(true), &head["entries"]), "{epoch} {after}");
    }
}

#[tokio::test]
async fn questions_that_make_no_sense_are_refused() {
    let machines = Machines::new().await;
    let good = json!({ "guard": GUARD, "after": 0, "wait": 0 });
    for (member, value) in [
        ("guard", json!("x")),
        ("guard", Value::Null),
        ("epoch", json!("x")),
        ("after", json!(-1)),
        ("after", json!("0")),
        ("wait", json!(-1)),
        ("wait", json!("1")),
        ("wait", json!(1e300)),
        ("limit", json!(0)),
        ("limit", json!(-1)),
        ("other", json!(1)),
    ] {
        let mut bad = good.clone();
        bad[member] = value;
        assert_eq!(machines.poll(&bad).await.said(), (400, "invalid_request".into()), "{bad}");
    }
    for bad in [json!({}), json!({ "cookie": "a", "token": "b" }), json!({ "user": "a" }), json!([])] {
        let answer = machines.world.ask("POST", "/v1/check").by(&machines.checker).json(&bad).await;
        assert_eq!(answer.said(), (400, "invalid_request".into()), "{bad}");
    }
}

#[tokio::test]
async fn only_a_client_with_the_scope_is_answered_and_no_cookie_or_user_is() {
    let machines = Machines::new().await;
    let Machines { world, follower, checker } = &machines;
    let (alice, token) = (world.cookie("alice").await, world.bearer("alice", "session").await);
    let unknown = Who::Basic(Uuid::from_u128(1).to_string(), "key_x".into());
    for path in ["/v1/revocations", "/v1/check"] {
        let ask = |who: &Who| world.ask("POST", path).by(who).json(&json!({}));
        for who in [&Who::Nobody, &alice, &token, &unknown, &Who::Bearer("key_x".into())] {
            let answer = ask(who).await;
            assert_eq!(answer.said(), (401, "invalid_client".into()), "{path} {who:?}");
            assert!(answer.header("www-authenticate").unwrap().starts_with("Basic realm"));
        }
        let other = if path == "/v1/check" { follower } else { checker };
        assert_eq!(ask(other).await.said(), (403, "insufficient_scope".into()), "{path}");
    }
}

/// The one request that is held open. Its client is removed meanwhile: it ends at once, not when it would have, and another is refused.
#[tokio::test]
async fn ck_22_a_question_that_is_held_ends_with_what_it_was_asked_by() {
    let store = Arc::new(MemoryStore::new(Uuid::from_u128(7)));
    let long = |settings: &mut Settings| settings.lease = Duration::from_secs(60);
    let world = World::set(store, Options::default(), long).await;
    let (id, secret) = world.client("revocations").await;
    let follower = Who::Bearer(secret);
    let ask = |after: Value, epoch: Value| {
        let question = json!({ "guard": GUARD, "epoch": epoch, "after": after, "wait": 60 });
        world.ask("POST", "/v1/revocations").by(&follower).json(&question)
    };
    let first = ask(json!(0), Value::Null).await.json();
    let mut held = ask(first["next"].clone(), first["epoch"].clone()).into_future();
    for _ in 0..100 {
        let waits = tokio::time::timeout(Duration::from_millis(1), &mut held).await;
        assert!(waits.is_err(), "it is answered although there is nothing new");
    }
    // The removal itself would wait until what the client was granted is over.
    let removal = without_waiting(world.engine.remove_client(id, Actor::Cli));
    let both = async { tokio::join!(removal, held) };
    let (removed, answer) =
        tokio::time::timeout(Duration::from_secs(5), both).await.expect("it is held no longer");
    removed.unwrap();
    assert_eq!((answer.status, &answer.json()["entries"][0]["kind"]), (200, &json!("changed")));
    assert_eq!(ask(json!(0), Value::Null).await.said(), (401, "invalid_client".into()));
}

#[tokio::test]
async fn a_live_login_is_told_in_full_and_a_dead_one_not_at_all() {
    let machines = Machines::new().await;
    let world = &machines.world;
    let cookie = world.cookie("alice").await;
    let me = world.ask("GET", "/v1/me").by(&cookie).await.json();
    let told = machines.check(&json!({ "cookie": text(&cookie) })).await;
    assert_eq!((&told["active"], &told["via"]), (&json!(true), &json!("cookie")));
    for (said, known) in [
        (&told["user"]["id"], &me["user"]["id"]),
        (&told["session_id"], &me["session_id"]),
        (&told["amr"], &me["amr"]),
        (&told["auth_time"], &me["auth_time"]),
        (&told["expires_at"], &me["expires_at"]),
        (&told["scope"], &Value::Null),
        (&told["generation"], &json!(1)),
        (&told["cache_s"], &json!(60)),
    ] {
        assert_eq!(said, known);
    }
    let token = world.bearer("alice", "session").await;
    let told = machines.check(&json!({ "token": text(&token) })).await;
    assert_eq!((&told["active"], &told["via"], &told["cnf"]), (&json!(true), &json!("bearer"), &Value::Null));
    assert_eq!((&told["audience"], &told["idle_expires_at"]), (&json!([ISSUER]), &Value::Null));

    world
        .engine
        .end_all(me["user"]["id"].as_str().unwrap().parse().unwrap(), Actor::Cli, None)
        .await
        .unwrap();
    for dead in
        [json!({ "cookie": text(&cookie) }), json!({ "token": text(&token) }), json!({ "cookie": "x" })]
    {
        assert_eq!(machines.check(&dead).await, json!({ "active": false }), "{dead}");
    }
}

#[tokio::test]
async fn st_21_a_check_counts_as_use_of_the_session() {
    let machines = Machines::new().await;
    let world = &machines.world;
    let cookie = world.cookie("alice").await;
    let seen = async || {
        world.engine.sessions_written().await.unwrap();
        let list = world.ask("GET", "/v1/sessions").by(&cookie).await.json();
        list["sessions"][0]["last_seen_at"].as_str().unwrap().to_owned()
    };
    let before = seen().await;
    world.clock.forward(Duration::from_secs(120));
    machines.check(&json!({ "cookie": text(&cookie) })).await;
    assert!(before < seen().await);
}
