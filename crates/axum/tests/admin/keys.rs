//! `/v1/admin/keys`: rotation without one failed request, and removal at once.

use serde_json::{Value, json};

use super::with_root;
use crate::common::{Who, World};

async fn listed(world: &World, root: &Who) -> Vec<Value> {
    world.ask("GET", "/v1/admin/keys").by(root).await.json()["keys"].as_array().unwrap().clone()
}

fn of_state<'a>(keys: &'a [Value], state: &str) -> Vec<&'a str> {
    keys.iter().filter(|key| key["state"] == state).map(|key| key["kid"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_rotation_publishes_first_and_signs_later_or_now() {
    let (world, root) = with_root().await;
    let old = world.bearer("alice", "session").await;
    let rotate = || world.ask("POST", "/v1/admin/keys/rotate").by(&root);
    let next = rotate().await.json();
    assert_eq!(next["state"], "next");
    assert_eq!(rotate().json(&json!({})).await.json()["kid"], next["kid"], "one waits already");
    let keys = listed(&world, &root).await;
    assert_eq!((of_state(&keys, "next").len(), of_state(&keys, "current").len()), (1, 1));

    let now = rotate().json(&json!({ "now": true })).await.json();
    assert_eq!((&now["kid"], &now["state"]), (&next["kid"], &json!("current")));
    let keys = listed(&world, &root).await;
    assert_eq!((of_state(&keys, "retired").len(), of_state(&keys, "current").len()), (1, 1));
    assert!(keys.iter().any(|key| key.get("retired_at").is_some()));
    for who in [&old, &world.bearer("alice", "session").await] {
        assert_eq!(world.ask("GET", "/v1/me").by(who).await.status, 200);
    }
    for (media_type, body, status) in [
        ("application/json", "{\"now\":1}", 400),
        ("application/json", "{\"at_once\":true}", 400),
        ("application/json", "", 400),
        ("text/plain", "{\"now\":true}", 415),
        ("application/x-www-form-urlencoded", "now=true", 415),
    ] {
        assert_eq!(rotate().raw(media_type, body).await.status, status, "{media_type} {body}");
    }
    assert_eq!(rotate().body_alone("{\"now\":true}").await.said(), (415, "unsupported_media_type".into()));
}

#[tokio::test]
async fn a_removed_key_takes_along_all_it_signed() {
    let (world, root) = with_root().await;
    let (bearer, stateless) =
        (world.bearer("alice", "session").await, world.bearer("alice", "stateless").await);
    let kid = listed(&world, &root).await[0]["kid"].as_str().unwrap().to_owned();
    let path = format!("/v1/admin/keys/{kid}");
    assert_eq!(world.ask("DELETE", &path).by(&root).await.status, 204);
    for who in [&bearer, &stateless] {
        assert_eq!(world.ask("GET", "/v1/me").by(who).await.said(), (401, "invalid_token".into()));
    }
    let keys = listed(&world, &root).await;
    assert_eq!((of_state(&keys, "current").len(), keys.len()), (1, 1), "another one signs in its place");
    assert_ne!(of_state(&keys, "current"), [kid.as_str()]);
    let published = world.ask("GET", "/.well-known/jwks.json").await.json();
    assert!(!published.to_string().contains(&kid));
    let again = world.bearer("alice", "session").await;
    assert_eq!(world.ask("GET", "/v1/me").by(&again).await.status, 200);
    assert_eq!(world.ask("GET", "/v1/me").by(&root).await.status, 200, "cookies are signed by no key");
    assert_eq!(world.ask("DELETE", &path).by(&root).await.status, 204, "again is no error");
    for unknown in ["AAAAAAAAAAAAAAAA", "x", "%2e%2e", "rotate", "AAAAAAAAAAAAAAA%00"] {
        let answer = world.ask("DELETE", &format!("/v1/admin/keys/{unknown}")).by(&root).await;
        let status = if unknown == "rotate" { 405 } else { 404 };
        assert_eq!(answer.status, status, "{unknown}");
    }
}
