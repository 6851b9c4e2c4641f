//! `Prefer: respond-async`: endings answer 202, an administrator's and one's own, and what they ended is as dead.

use serde_json::json;

use super::{common::PASSWORD, with_root};
use crate::common::{Answer, Ask, Who};

fn gently(ask: Ask<'_>) -> Ask<'_> {
    ask.header("prefer", "respond-async, wait=5")
}

fn accepted(answer: &Answer) {
    assert_eq!(
        (answer.status, answer.header("preference-applied")),
        (202, Some("respond-async")),
        "{answer:?}"
    );
}

#[tokio::test]
async fn every_ending_can_be_answered_without_waiting() {
    let (world, root) = with_root().await;
    let alice = world.engine.find_user("alice").await.unwrap().id;
    let path = format!("/v1/admin/users/{alice}");

    for keep_cookie in [true, false] {
        let mine = world.cookie("alice").await;
        let ended = gently(
            world.ask("DELETE", if keep_cookie { "/v1/sessions/current" } else { "/v1/sessions" }).by(&mine),
        )
        .await;
        accepted(&ended);
        assert!(ended.header("set-cookie").unwrap().starts_with("symbolon=;"), "{ended:?}");
        assert!(ended.body.is_empty());
        assert_eq!(world.ask("GET", "/v1/me").by(&mine).await.status, 401);
    }
    let (mine, other) = (world.cookie("alice").await, world.cookie("alice").await);
    let id = world.ask("GET", "/v1/me").by(&other).await.json()["session_id"].as_str().unwrap().to_owned();
    accepted(&gently(world.ask("DELETE", &format!("/v1/sessions/{id}")).by(&mine)).await);
    assert_eq!(world.ask("GET", "/v1/me").by(&other).await.status, 401);

    accepted(&gently(world.ask("DELETE", &format!("{path}/sessions")).by(&root)).await);
    assert_eq!(world.ask("GET", "/v1/me").by(&mine).await.status, 401);

    let mine = world.cookie("alice").await;
    for (body, waits) in [
        (json!({ "profile": {} }), false),
        (json!({ "disabled": false }), false),
        (json!({ "roles": ["editor"] }), true),
        (json!({ "disabled": true }), true),
    ] {
        let answer = gently(world.ask("PATCH", &path).by(&root).json(&body)).await;
        assert_eq!(answer.status, if waits { 202 } else { 200 }, "{body}");
        assert_eq!(answer.header("preference-applied").is_some(), waits, "{body}");
        assert_eq!(answer.json()["id"], json!(alice), "the user comes with it");
    }
    assert_eq!(world.ask("GET", "/v1/me").by(&mine).await.status, 401);
    accepted(&gently(world.ask("DELETE", &path).by(&root)).await);
    assert_eq!(world.ask("GET", &path).by(&root).await.status, 404);

    let kid = world.engine.keys()[0].kid;
    let token = world.bearer("root", "session").await;
    accepted(&gently(world.ask("DELETE", &format!("/v1/admin/keys/{kid}")).by(&root)).await);
    assert_eq!(world.ask("GET", "/v1/me").by(&token).await.status, 401);

    world.user("bob", &[]).await;
    let bob = world.cookie("bob").await;
    accepted(&gently(world.ask("DELETE", "/v1/me").by(&bob)).await);
    assert!(world.engine.find_user("bob").await.is_err());
}

#[tokio::test]
async fn a_renewal_answers_with_the_successor_whatever_is_preferred() {
    let (world, root) = with_root().await;
    let kept = gently(world.ask("DELETE", "/v1/sessions?keep=current").by(&root)).await;
    assert_eq!(kept.status, 200);
    let next = Who::Cookie(kept.session_cookie().unwrap());
    let confirm = json!({ "password": PASSWORD, "end_others": true });
    assert_eq!(
        gently(world.ask("POST", "/v1/sessions/current/confirm").by(&next).json(&confirm)).await.status,
        200
    );
}

#[tokio::test]
async fn a_refused_ending_is_refused_whatever_is_preferred() {
    let (world, root) = with_root().await;
    let path = "/v1/admin/users/00000000-0000-0000-0000-000000000001";
    let answer = gently(world.ask("DELETE", path).by(&root)).await;
    assert_eq!((answer.said(), answer.header("preference-applied")), ((404, "not_found".into()), None));
}
