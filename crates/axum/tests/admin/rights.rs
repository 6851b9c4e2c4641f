//! Rights that nobody gave: by a body, by a field of one's own, by being the first, by an address.

use serde_json::{Value, json};

use super::{bare, common::PASSWORD, with_root};
use crate::common::{Who, World};

/// What a refused caller must not have changed.
async fn roles(world: &World, name: &str) -> Vec<String> {
    world.engine.find_user(name).await.unwrap().roles
}

#[tokio::test]
async fn ad_06_no_grant_is_made_for_a_user_whom_a_body_names() {
    let (world, root) = with_root().await;
    let victim = world.engine.find_user("root").await.unwrap();
    let before = world.engine.sessions(victim.id).await.unwrap().len();
    for member in ["user", "user_id", "userId", "sub"] {
        let body = json!({ "label": "job", member: victim.id });
        let answer = world.ask("POST", "/v1/grants").json(&body).await;
        assert_eq!(answer.said(), (401, "no_session".into()));
        let alice = world.cookie("alice").await;
        let answer = world.ask("POST", "/v1/grants").by(&alice).json(&body).await;
        assert_eq!(answer.said(), (400, "invalid_request".into()), "{member}");
        let answer = world.ask("POST", "/v1/grants").by(&root).json(&body).await;
        assert_eq!(answer.said(), (400, "invalid_request".into()), "not for oneself either");
    }
    assert_eq!(world.engine.sessions(victim.id).await.unwrap().len(), before);
}

/// There is one role that administers, and no lesser one: who lacks it changes nobody, themselves least of all.
#[tokio::test]
async fn ad_07_nobody_raises_themselves() {
    let (world, _) = with_root().await;
    let editor = world.user("editor", &["editor", "admin-2"]).await;
    let root = world.engine.find_user("root").await.unwrap();
    for who in [world.cookie("editor").await, world.bearer("editor", "session").await] {
        for id in [editor.id, root.id] {
            for change in [
                json!({ "roles": ["admin"] }),
                json!({ "profile": { "name": "x" } }),
                json!({ "disabled": true }),
            ] {
                let path = format!("/v1/admin/users/{id}");
                let answer = world.ask("PATCH", &path).by(&who).json(&change).await;
                assert_eq!(answer.said(), (403, "forbidden".into()), "{path} {change}");
            }
        }
    }
    assert_eq!(roles(&world, "editor").await, ["editor", "admin-2"]);
    let after = world.engine.find_user("root").await.unwrap();
    assert_eq!((after.roles, after.profile, after.disabled), (root.roles, root.profile, false));
}

/// A profile is the user's own to write, and may be mapped into tokens: it opens nothing here, whatever it is called.
#[tokio::test]
async fn ad_26_what_a_user_may_write_of_themselves_is_no_right() {
    let (world, _) = with_root().await;
    let alice = world.cookie("alice").await;
    let profile = json!({ "roles": ["admin"], "role": "admin", "is_admin": true, "scope": "admin", "groups": ["admin"] });
    let answer = world.ask("PATCH", "/v1/me").by(&alice).json(&json!({ "profile": profile })).await;
    assert_eq!(answer.status, 200);
    for body in [json!({ "roles": ["admin"] }), json!({ "profile": {}, "roles": ["admin"] })] {
        let answer = world.ask("PATCH", "/v1/me").by(&alice).json(&body).await;
        assert_eq!(answer.said(), (400, "invalid_request".into()));
    }
    for who in [alice, world.cookie("alice").await, world.bearer("alice", "session").await] {
        assert_eq!(world.ask("GET", "/v1/admin/users").by(&who).await.said(), (403, "forbidden".into()));
        let me = world.ask("GET", "/v1/me").by(&who).await.json();
        assert_eq!(me["user"]["roles"], json!([]));
    }
}

/// Nobody is an administrator for having come first, or from near: the machine's operator makes the first one.
#[tokio::test]
async fn ad_18_who_comes_first_is_nobody_special_wherever_they_say_they_are() {
    let world = World::new().await;
    let register = |name: &'static str| {
        let account = json!({ "identifier": name, "password": PASSWORD });
        world
            .ask("POST", "/v1/users")
            .header("x-forwarded-for", "127.0.0.1")
            .header("forwarded", "for=127.0.0.1")
            .header("x-real-ip", "127.0.0.1")
            .json(&account)
    };
    let (one, two) = tokio::join!(async { register("first").await }, async { register("second").await });
    for (answer, name) in [(one, "first"), (two, "second")] {
        assert_eq!((answer.status, &answer.json()["roles"]), (201, &json!([])), "{answer:?}");
        for who in [world.cookie(name).await, world.bearer(name, "session").await, Who::Nobody] {
            let answer =
                world.ask("GET", "/v1/admin/users").by(&who).header("x-forwarded-for", "127.0.0.1").await;
            assert!([401, 403].contains(&answer.status), "{answer:?}");
        }
    }
    let claim = json!({ "identifier": "third", "password": PASSWORD, "roles": ["admin"] });
    assert_eq!(world.ask("POST", "/v1/users").json(&claim).await.said(), (400, "invalid_request".into()));
    for path in ["/setup", "/v1/setup", "/v1/bootstrap", "/install", "/v1/admin/bootstrap"] {
        let answer = world.ask("POST", path).json(&claim).await;
        assert!([401, 404].contains(&answer.status), "{path} {answer:?}");
    }
}

#[tokio::test]
async fn ad_15_what_runs_here_is_not_told_to_strangers() {
    let (world, _) = with_root().await;
    for path in [
        "/metrics",
        "/debug",
        "/debug/pprof",
        "/debug/vars",
        "/status",
        "/config",
        "/env",
        "/actuator",
        "/server-status",
        "/v1/admin/status",
    ] {
        let answer = world.ask("GET", path).await;
        assert!([401, 404].contains(&answer.status), "{path} {answer:?}");
        assert!(!String::from_utf8_lossy(&answer.body).contains("sqlite"));
    }
    for path in ["/healthz", "/readyz"] {
        let answer = world.ask("GET", path).await;
        assert_eq!(answer.status, 200);
        assert!(answer.body.len() < 32, "{path} says no more than that: {answer:?}");
    }
    // What the document of the API says is the contract, the same for everybody, and nothing of this installation.
    let document = world.ask("GET", "/openapi.json").await;
    assert_eq!(document.status, 200);
    assert!(!String::from_utf8_lossy(&document.body).contains("root"));
}

/// Whether a name is there is told by registration alone, on purpose.
#[tokio::test]
async fn cr_05_no_other_route_tells_a_name_that_is_there_from_one_that_is_not() {
    let (world, _) = with_root().await;
    let alice = world.cookie("alice").await;
    let by = |who: &Who, method: &str, path: String, body: Option<Value>| {
        let ask = world.ask(method, &path).by(who);
        if let Some(body) = body { ask.json(&body) } else { ask }
    };
    let nobody = uuid::Uuid::from_u128(9);
    let root = world.engine.find_user("root").await.unwrap().id;
    for who in [Who::Nobody, alice] {
        for (there, missing) in [
            ("/v1/admin/users?identifier=root".to_owned(), "/v1/admin/users?identifier=toor".to_owned()),
            (format!("/v1/admin/users/{root}"), format!("/v1/admin/users/{nobody}")),
            (format!("/v1/admin/users/{root}/sessions"), format!("/v1/admin/users/{nobody}/sessions")),
            ("/v1/users?identifier=root".into(), "/v1/users?identifier=toor".into()),
            ("/v1/users/root".into(), "/v1/users/toor".into()),
        ] {
            let (one, other) =
                (by(&who, "GET", there.clone(), None).await, by(&who, "GET", missing, None).await);
            assert!(one.status >= 400, "{there}");
            assert_eq!(bare(&one), bare(&other), "{there}");
        }
        let login = |name: &str| {
            let wrong = json!({ "identifier": name, "password": "not the password of anybody" });
            by(&who, "POST", "/v1/tokens".into(), Some(wrong))
        };
        assert_eq!(bare(&login("root").await), bare(&login("toor").await));
    }
}
