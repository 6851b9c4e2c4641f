//! `/v1/admin/users/{id}/sessions`, and AD-03: what is somebody else's is not there.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{common::PASSWORD, with_root};
use crate::common::{Who, World};

async fn ids(world: &World, root: &Who, user: Uuid) -> Vec<String> {
    let listed = world.ask("GET", &format!("/v1/admin/users/{user}/sessions")).by(root).await.json();
    let sessions = listed["sessions"].as_array().unwrap().clone();
    sessions.iter().map(|session| session["id"].as_str().unwrap().to_owned()).collect()
}

async fn id_of(world: &World, who: &Who) -> String {
    world.ask("GET", "/v1/me").by(who).await.json()["session_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn somebody_s_sessions_are_listed_and_ended_one_or_all() {
    let (world, root) = with_root().await;
    let alice = world.engine.find_user("alice").await.unwrap();
    let (one, two) = (world.cookie("alice").await, world.bearer("alice", "session").await);
    let (grant, stateless) = (world.grant(&alice).await, world.bearer("alice", "stateless").await);
    let path = format!("/v1/admin/users/{}/sessions", alice.id);
    let listed = world.ask("GET", &path).by(&root).await.json();
    let kinds: Vec<_> =
        listed["sessions"].as_array().unwrap().iter().map(|one| one["kind"].clone()).collect();
    assert_eq!(kinds.len(), 3);
    assert!(
        kinds.contains(&json!("browser"))
            && kinds.contains(&json!("token"))
            && kinds.contains(&json!("grant"))
    );
    assert!(listed["sessions"].as_array().unwrap().iter().all(|one| one["current"] == false));

    let first = id_of(&world, &one).await;
    assert_eq!(world.ask("DELETE", &format!("{path}?session={first}")).by(&root).await.status, 204);
    assert_eq!(world.ask("GET", "/v1/me").by(&one).await.said(), (401, "no_session".into()));
    assert_eq!(world.ask("GET", "/v1/me").by(&two).await.status, 200);
    assert!(!ids(&world, &root, alice.id).await.contains(&first));
    assert_eq!(
        world.ask("DELETE", &format!("{path}?session={first}")).by(&root).await.status,
        204,
        "again is no error"
    );

    assert_eq!(world.ask("DELETE", &path).by(&root).await.status, 204);
    for who in [&two, &grant, &stateless] {
        assert_eq!(world.ask("GET", "/v1/me").by(who).await.said(), (401, "invalid_token".into()));
    }
    assert!(ids(&world, &root, alice.id).await.is_empty());
    assert_eq!(world.ask("GET", "/v1/me").by(&root).await.status, 200, "nobody else's end");
    world.cookie("alice").await;
}

#[tokio::test]
async fn an_administrator_finds_their_own_session_marked_and_may_end_it() {
    let (world, root) = with_root().await;
    let me = world.engine.find_user("root").await.unwrap().id;
    let path = format!("/v1/admin/users/{me}/sessions");
    let listed = world.ask("GET", &path).by(&root).await.json();
    assert_eq!(listed["sessions"][0]["current"], true);
    assert_eq!(world.ask("DELETE", &path).by(&root).await.status, 204);
    assert_eq!(world.ask("GET", &path).by(&root).await.said(), (401, "no_session".into()));
}

#[tokio::test]
async fn ad_03_ids_of_others_are_as_good_as_none() {
    let (world, root) = with_root().await;
    world.user("bob", &[]).await;
    let (alice, bob) = (world.cookie("alice").await, world.cookie("bob").await);
    let bobs = id_of(&world, &bob).await;
    let nobody = Uuid::from_u128(3).to_string();
    let said = |id: String| {
        let ask = world.ask("DELETE", &format!("/v1/sessions/{id}")).by(&alice);
        async move {
            let answer = ask.await;
            (answer.status, answer.body)
        }
    };
    let unknown = said(nobody.clone()).await;
    assert_eq!(unknown.0, 404);
    for id in [bobs.clone(), "x".into(), bobs.to_uppercase()] {
        assert_eq!(said(id.clone()).await, unknown, "{id}");
    }
    assert_eq!(world.ask("GET", "/v1/me").by(&bob).await.status, 200);
    // Nor does an administrator end by one user's path what is another's.
    let alice_id = world.engine.find_user("alice").await.unwrap().id;
    let path = format!("/v1/admin/users/{alice_id}/sessions");
    for id in [bobs, nobody] {
        let answer = world.ask("DELETE", &format!("{path}?session={id}")).by(&root).await;
        assert_eq!(answer.said(), (404, "not_found".into()));
    }
    assert_eq!(world.ask("GET", "/v1/me").by(&bob).await.status, 200);
    assert_eq!(world.ask("GET", "/v1/me").by(&alice).await.status, 200);
}

/// Every text in a document, and every member's name.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(members) => {
            for (name, member) in members {
                found.push(name.clone());
                texts(member, found);
            }
        }
        _ => {}
    }
}

#[tokio::test]
async fn ad_11_no_answer_to_a_get_holds_a_secret() {
    let (world, root) = with_root().await;
    let alice = world.engine.find_user("alice").await.unwrap().id;
    let cookie = world.cookie("alice").await;
    world.bearer("alice", "session").await;
    world.client("introspect").await;
    let row = world.store.login_by_user(alice).await.unwrap().unwrap();
    let hash = row.credential.unwrap().data;
    let public = symbolon_axum::inventory().into_iter().map(|(path, methods)| (path, methods, false));
    let local = symbolon_axum::operator_inventory().into_iter().map(|(path, methods)| (path, methods, true));
    for (template, _, local) in
        public.chain(local).filter(|(_, methods, _)| methods.contains(&"GET".parse().unwrap()))
    {
        let path = template.replace("{id}", &alice.to_string());
        let who = if path.starts_with("/v1/admin") { &root } else { &cookie };
        let answer =
            if local { world.ask_locally("GET", &path).await } else { world.ask("GET", &path).by(who).await };
        if answer.status != 200 || answer.body.is_empty() || path == "/openapi.json" {
            continue;
        }
        let mut found = Vec::new();
        texts(&answer.json(), &mut found);
        for text in found {
            let secret =
                ["ses_", "ref_", "key_", "$argon2", "$2", "eyJ"].iter().any(|mark| text.starts_with(mark));
            assert!(!secret && !text.contains(PASSWORD) && !text.contains(&hash), "{path}: {text}");
            let named = ["secret", "password", "hash", "sealed", "d", "generation"].contains(&text.as_str());
            assert!(!named, "{path}: {text}");
        }
    }
}
