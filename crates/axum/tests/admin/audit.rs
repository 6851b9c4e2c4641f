//! LG-07: each thing done leaves one row that says who did what to whom from where; and how the rows are read.

use std::time::Duration;

use serde_json::{Value, json};

use super::{common::PASSWORD, with_root};
use crate::common::{Who, World};

async fn rows(world: &World, root: &Who, query: &str) -> Vec<Value> {
    let answer = world.ask("GET", &format!("/v1/admin/audit?limit=200{query}")).by(root).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["audit"].as_array().unwrap().clone()
}

#[tokio::test]
async fn lg_07_each_thing_an_administrator_does_leaves_one_row() {
    let (world, root) = with_root().await;
    let me = world.engine.find_user("root").await.unwrap().id;
    let alice = world.engine.find_user("alice").await.unwrap().id;
    world.cookie("alice").await;
    let session = world.engine.sessions(alice).await.unwrap()[0].id;
    world.cookie("alice").await;
    let path = format!("/v1/admin/users/{alice}");
    let steps: Vec<(&str, String, Option<Value>, &str)> = vec![
        ("PATCH", path.clone(), Some(json!({ "profile": { "a": 1 } })), "profile_changed"),
        ("PATCH", path.clone(), Some(json!({ "roles": ["editor"] })), "roles_changed"),
        ("DELETE", format!("{path}/sessions?session={session}"), None, "session_ended"),
        ("DELETE", format!("{path}/sessions"), None, "all_ended"),
        ("PATCH", path.clone(), Some(json!({ "disabled": true })), "user_disabled"),
        ("PATCH", path.clone(), Some(json!({ "disabled": false })), "user_enabled"),
        ("DELETE", path.clone(), None, "user_deleted"),
        ("POST", "/v1/admin/keys/rotate".into(), None, "key_rotated"),
    ];
    for (method, path, body, event) in steps {
        // Rows of one millisecond have no order.
        world.clock.forward(Duration::from_millis(1));
        let before = rows(&world, &root, "").await.len();
        let ask = world.ask(method, &path).by(&root);
        let ask = if let Some(body) = &body { ask.json(body) } else { ask };
        assert!(ask.await.is_success(), "{method} {path}");
        let after = rows(&world, &root, "").await;
        assert_eq!(after.len(), before + 1, "{event}");
        let row = &after[0];
        assert_eq!(row["event"], event);
        assert_eq!(row["actor"], format!("user:{me}"), "{event}");
        assert_eq!(row["address"], "127.0.0.1", "{event}");
        if event != "key_rotated" {
            assert_eq!(row["user_id"], json!(alice), "{event}");
        }
        if event == "roles_changed" {
            assert_eq!(row["detail"], json!({ "roles": ["editor"] }));
        }
    }
    world.clock.forward(Duration::from_millis(1));
    let made = json!({ "identifier": "carol", "password": PASSWORD, "roles": ["editor"] });
    let carol = world.ask("POST", "/v1/admin/users").by(&root).json(&made).await.json();
    let row = &rows(&world, &root, "").await[0];
    assert_eq!((&row["event"], &row["user_id"]), (&json!("user_created"), &carol["id"]));
    assert_eq!(
        (&row["actor"], &row["detail"]),
        (&json!(format!("user:{me}")), &json!({ "roles": ["editor"] }))
    );
    assert!(!rows(&world, &root, "").await.iter().any(|row| row.to_string().contains(PASSWORD)));

    let (client, secret) = world.client("admin").await;
    let client = (client, Who::Bearer(secret));
    world.clock.forward(Duration::from_millis(1));
    assert_eq!(world.ask("POST", "/v1/admin/keys/rotate").by(&client.1).await.status, 200);
    assert_eq!(rows(&world, &root, "").await[0]["actor"], format!("client:{}", client.0));
    world.clock.forward(Duration::from_millis(1));
    assert_eq!(world.ask_locally("POST", "/v1/admin/keys/rotate").await.status, 200);
    let row = &rows(&world, &root, "").await[0];
    assert_eq!((&row["actor"], row.get("address")), (&json!("cli"), None));
}

#[tokio::test]
async fn a_refused_call_leaves_no_trace_of_having_happened() {
    let (world, root) = with_root().await;
    let alice = world.cookie("alice").await;
    let before = rows(&world, &root, "").await;
    assert_eq!(world.ask("POST", "/v1/admin/keys/rotate").by(&alice).await.status, 403);
    let id = world.engine.find_user("root").await.unwrap().id;
    let path = format!("/v1/admin/users/{id}");
    assert_eq!(world.ask("DELETE", &path).by(&root).await.status, 403);
    assert_eq!(world.ask("PATCH", &path).by(&root).json(&json!({ "roles": ["X"] })).await.status, 400);
    assert_eq!(rows(&world, &root, "").await, before);
}

#[tokio::test]
async fn rows_come_in_pages_newest_first_and_of_one_user_when_asked() {
    let (world, root) = with_root().await;
    let alice = world.engine.find_user("alice").await.unwrap().id;
    for number in 0..12 {
        world.clock.forward(Duration::from_millis(5));
        let change = json!({ "profile": { "number": number } });
        assert_eq!(
            world.ask("PATCH", &format!("/v1/admin/users/{alice}")).by(&root).json(&change).await.status,
            200
        );
    }
    let all = rows(&world, &root, "").await;
    let times: Vec<_> = all.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect();
    assert!(times.is_sorted_by(|newer, older| newer > older));
    let (mut seen, mut path) = (Vec::new(), "/v1/admin/audit?limit=4".to_owned());
    loop {
        let page = world.ask("GET", &path).by(&root).await.json();
        seen.extend(page["audit"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => path = format!("/v1/admin/audit?limit=4&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen, all);
    let of_alice = rows(&world, &root, &format!("&user={alice}")).await;
    assert_eq!(of_alice.len(), 13, "made, and changed twelve times");
    assert!(of_alice.iter().all(|row| row["user_id"] == json!(alice)));
    let nobody = rows(&world, &root, "&user=00000000-0000-0000-0000-000000000001").await;
    assert!(nobody.is_empty());
}
