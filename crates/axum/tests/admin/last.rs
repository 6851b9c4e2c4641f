//! Administration cannot lock itself out over HTTP: somebody who can log in stays.

use serde_json::json;
use symbolon::audit::Actor;

use super::with_root;
use crate::common::{Who, World};

async fn refuses(world: &World, who: &Who, root: &str) {
    let path = format!("/v1/admin/users/{root}");
    for (method, body) in [
        ("PATCH", Some(json!({ "roles": [] }))),
        ("PATCH", Some(json!({ "roles": ["editor"], "profile": { "x": 1 } }))),
        ("PATCH", Some(json!({ "disabled": true }))),
        ("PATCH", Some(json!({ "disabled": true, "roles": ["admin"] }))),
        ("DELETE", None),
    ] {
        let ask = world.ask(method, &path).by(who);
        let ask = if let Some(body) = &body { ask.json(body) } else { ask };
        assert_eq!(ask.await.said(), (403, "forbidden".into()), "{method} {body:?}");
    }
    let kept = world.ask("GET", &path).by(who).await.json();
    assert_eq!(
        (&kept["roles"], &kept["disabled"], &kept["profile"]),
        (&json!(["admin"]), &json!(false), &json!({}))
    );
}

#[tokio::test]
async fn the_only_administrator_stays() {
    let (world, cookie) = with_root().await;
    let root = world.engine.find_user("root").await.unwrap().id;
    let disabled = world.user("asleep", &["admin"]).await;
    world.engine.set_disabled(disabled.id, true, Actor::Cli).await.unwrap();
    let (id, secret) = world.client("admin").await;
    refuses(&world, &cookie, &root.to_string()).await;
    refuses(&world, &Who::Basic(id.to_string(), secret), &root.to_string()).await;
    assert_eq!(world.ask("DELETE", "/v1/me").by(&cookie).await.said(), (403, "forbidden".into()));
    assert_eq!(world.ask("GET", "/v1/me").by(&cookie).await.status, 200);

    // What takes nothing away is nobody's loss.
    let path = format!("/v1/admin/users/{root}");
    let more = world.ask("PATCH", &path).by(&cookie).json(&json!({ "roles": ["editor", "admin"] })).await;
    assert_eq!(more.status, 200);
    let other = format!("/v1/admin/users/{}", disabled.id);
    assert_eq!(world.ask("DELETE", &other).by(&cookie).await.status, 204);

    // With a second one the first may go, and then the second may not.
    let second = world.user("second", &["admin"]).await;
    assert_eq!(world.ask("DELETE", "/v1/me").by(&cookie).await.status, 204);
    let second_cookie = world.cookie("second").await;
    refuses(&world, &second_cookie, &second.id.to_string()).await;
    // The operator can make a new one, so to them it is allowed.
    assert_eq!(world.ask_locally("DELETE", &format!("/v1/admin/users/{}", second.id)).await.status, 204);
}

#[tokio::test]
async fn two_who_take_each_other_away_do_not_both_succeed() {
    let world = World::new().await;
    for round in 0..20 {
        let (one, other) = (format!("one-{round}"), format!("other-{round}"));
        let (a, b) = (world.user(&one, &["admin"]).await.id, world.user(&other, &["admin"]).await.id);
        let (as_a, as_b) = (world.cookie(&one).await, world.cookie(&other).await);
        let (path_a, path_b) = (format!("/v1/admin/users/{a}"), format!("/v1/admin/users/{b}"));
        let demote = json!({ "roles": [] });
        let (first, second) =
            tokio::join!(async { world.ask("PATCH", &path_b).by(&as_a).json(&demote).await.status }, async {
                world.ask("DELETE", &path_a).by(&as_b).await.status
            },);
        let left = world.engine.users(None, None, 1000).await.unwrap();
        let admins = left.iter().filter(|user| user.roles == ["admin"] && !user.disabled).count();
        assert_eq!(admins, 1, "round {round}: {first} {second}");
        for user in left {
            world.engine.delete_user(user.id, Actor::Cli).await.unwrap();
        }
    }
}
