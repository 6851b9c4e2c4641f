//! What the command line does over the socket of the machine itself.

use std::time::Duration;

use serde_json::{Value, json};
use symbolon::audit::Actor;
use uuid::Uuid;

use super::{common::PASSWORD, with_root};
use crate::common::{ISSUER, Who, World};

#[tokio::test]
async fn the_operator_needs_no_login_and_reads_no_credential() {
    let world = World::new().await;
    for who in [
        Who::Nobody,
        Who::Cookie("junk".into()),
        Who::Bearer("junk".into()),
        Who::Basic("x".into(), "y".into()),
    ] {
        let answer = world
            .ask_locally("POST", "/v1/admin/keys/rotate")
            .by(&who)
            .header("sec-fetch-site", "cross-site");
        assert_eq!(answer.await.status, 200, "{who:?}");
    }
    let made = json!({ "identifier": "root", "password": PASSWORD, "roles": ["admin"] });
    assert_eq!(world.ask_locally("POST", "/v1/admin/users").json(&made).await.status, 201);
    let root = world.cookie("root").await;
    assert_eq!(world.ask("GET", "/v1/admin/users").by(&root).await.status, 200, "the first administrator");
    assert_eq!(world.ask_locally("GET", "/v1/admin/nothing").await.said(), (404, "not_found".into()));
    assert_eq!(world.ask_locally("PUT", "/v1/admin/users").await.said(), (405, "method_not_allowed".into()));
}

/// This world's master key is in no file: then nothing is done, and no key is told.
#[tokio::test]
async fn the_master_key_is_the_operators_alone_to_replace() {
    let (world, root) = with_root().await;
    let path = "/v1/admin/master-key/rotate";
    assert_eq!(world.ask("POST", path).by(&root).await.said(), (404, "not_found".into()));
    for body in [json!({}), json!({ "leaked": false }), json!({ "leaked": true })] {
        let answer = world.ask_locally("POST", path).json(&body).await;
        assert_eq!((answer.status, answer.json()), (200, json!({ "done": false, "by_hand": true })));
    }
    assert_eq!(world.ask_locally("POST", path).await.status, 200, "a body is not needed");
    let odd = world.ask_locally("POST", path).json(&json!({ "key": "00" })).await;
    assert_eq!(odd.said(), (400, "invalid_request".into()));
    assert_eq!(world.ask("GET", "/v1/me").by(&root).await.status, 200);
}

#[tokio::test]
async fn a_password_that_is_set_ends_everything_of_the_user() {
    let (world, _) = with_root().await;
    let alice = world.engine.find_user("alice").await.unwrap().id;
    let (cookie, bearer) = (world.cookie("alice").await, world.bearer("alice", "stateless").await);
    let path = format!("/v1/admin/users/{alice}/password");
    let set = |password: &str| world.ask_locally("POST", &path).json(&json!({ "password": password }));
    let weak = set("aliceandbob").await;
    assert_eq!(weak.said(), (422, "password_rejected".into()));
    assert!(weak.json()["reasons"].as_array().unwrap().contains(&json!("too_short")));
    assert_eq!(world.ask("GET", "/v1/me").by(&cookie).await.status, 200);
    assert_eq!(set("quartz-bicycle-19-meadow").await.status, 204);
    assert_eq!(world.ask("GET", "/v1/me").by(&cookie).await.status, 401);
    assert_eq!(world.ask("GET", "/v1/me").by(&bearer).await.status, 401);
    let old = json!({ "identifier": "alice", "password": PASSWORD });
    assert_eq!(world.ask("POST", "/v1/sessions").json(&old).await.status, 401);
    let new = json!({ "identifier": "alice", "password": "quartz-bicycle-19-meadow" });
    assert_eq!(world.ask("POST", "/v1/sessions").json(&new).await.status, 201);
    let nobody = format!("/v1/admin/users/{}/password", Uuid::from_u128(1));
    assert_eq!(world.ask_locally("POST", &nobody).json(&json!({ "password": PASSWORD })).await.status, 404);
    let row = &world.engine.audit(Some(alice), None, 10).await.unwrap();
    let row = row.iter().find(|row| row.event == "password_reset").unwrap();
    assert_eq!(row.actor.as_deref(), Some("cli"));
}

#[tokio::test]
async fn clients_are_registered_rotated_and_removed() {
    let (world, _) = with_root().await;
    let add = |body: Value| world.ask_locally("POST", "/v1/admin/clients").json(&body);
    let made = add(json!({ "name": "proxy", "scopes": ["admin", "introspect"] })).await;
    assert_eq!((made.status, made.header("cache-control")), (201, Some("no-store")));
    let made = made.json();
    let (id, first) = (made["id"].as_str().unwrap().to_owned(), made["secret"].as_str().unwrap().to_owned());
    let works = |secret: String| {
        let ask = world.ask("GET", "/v1/admin/keys").by(&Who::Basic(id.clone(), secret));
        async move { ask.await.status }
    };
    assert_eq!(works(first.clone()).await, 200);
    let listed = world.ask_locally("GET", "/v1/admin/clients").await.json();
    assert_eq!(listed["clients"][0]["scopes"], json!(["admin", "introspect"]));
    assert_eq!((&listed["clients"][0]["secrets"], listed["clients"][0].get("secret")), (&json!(1), None));

    let rotate = || world.ask_locally("POST", &format!("/v1/admin/clients/{id}/rotate"));
    let second = rotate().await.json();
    assert_eq!(second["secrets"], 2);
    let second = second["secret"].as_str().unwrap().to_owned();
    assert_eq!(
        (works(first.clone()).await, works(second.clone()).await),
        (200, 200),
        "km-14: both until the next"
    );
    let third = rotate().await.json()["secret"].as_str().unwrap().to_owned();
    assert_eq!((works(first).await, works(second).await, works(third.clone()).await), (401, 200, 200));

    let remove = || world.ask_locally("DELETE", &format!("/v1/admin/clients/{id}"));
    assert_eq!(remove().await.status, 204);
    assert_eq!(works(third).await, 401);
    assert_eq!((remove().await.status, rotate().await.status), (404, 404));
    for body in [
        json!({ "name": "", "scopes": ["admin"] }),
        json!({ "name": "x", "scopes": [] }),
        json!({ "name": "x" }),
        json!({ "name": "x", "scopes": ["root"] }),
        json!({ "name": "x\n", "scopes": ["admin"] }),
        json!({ "name": "x", "scopes": ["admin"], "secret": "key_mine" }),
    ] {
        assert_eq!(add(body.clone()).await.said(), (400, "invalid_request".into()), "{body}");
    }
}

#[tokio::test]
async fn users_come_in_from_elsewhere() {
    let world = World::new().await;
    let import = |body: Value| world.ask_locally("POST", "/v1/admin/users/import").json(&body);
    // `openssl passwd -apr1`, as htpasswd makes it: the password is "myPassword".
    let alien = "$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/";
    let made =
        import(json!({ "identifier": "alien", "password_hash": alien, "profile": { "from": "apache" } }))
            .await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.json()["profile"], json!({ "from": "apache" }));
    let login = json!({ "identifier": "alien", "password": "myPassword" });
    assert_eq!(world.ask("POST", "/v1/sessions").json(&login).await.status, 201);
    let row = world.store.login_by_identifier("alien").await.unwrap().unwrap();
    assert!(row.credential.unwrap().data.starts_with("$argon2id$"), "replaced at the first login");

    let made = import(json!({ "identifier": "plain", "password": PASSWORD, "disabled": true })).await;
    assert_eq!((made.status, &made.json()["disabled"]), (201, &json!(true)));
    let login = json!({ "identifier": "plain", "password": PASSWORD });
    assert_eq!(
        world.ask("POST", "/v1/sessions").json(&login).await.said(),
        (401, "invalid_credentials".into())
    );

    for (body, status, code) in [
        (json!({ "identifier": "ALIEN", "password_hash": alien }), 409, "identifier_taken"),
        (json!({ "identifier": "plain", "password": PASSWORD }), 409, "identifier_taken"),
        (json!({ "identifier": "weak", "password": "password" }), 422, "password_rejected"),
        (
            json!({ "identifier": "both", "password": PASSWORD, "password_hash": alien }),
            400,
            "invalid_request",
        ),
        (json!({ "identifier": "neither" }), 400, "invalid_request"),
        (json!({ "identifier": "odd", "password_hash": "md5$x$0123" }), 400, "invalid_request"),
        (json!({ "identifier": "a b", "password_hash": alien }), 400, "invalid_request"),
        (
            json!({ "identifier": "roles", "password_hash": alien, "roles": ["admin"] }),
            400,
            "invalid_request",
        ),
    ] {
        assert_eq!(import(body.clone()).await.said(), (status, code.to_owned()), "{body}");
    }
    assert_eq!(world.engine.users(None, None, 10).await.unwrap().len(), 2);
    let there = world.engine.find_user("alien").await.unwrap();
    assert_eq!(there.profile["from"], "apache", "who was there stays as they were");
}

async fn inspect(world: &World, token: &str) -> Value {
    world.ask_locally("POST", "/v1/admin/tokens/inspect").json(&json!({ "token": token })).await.json()
}

fn said(seen: &Value) -> [bool; 4] {
    ["key_known", "verifies", "revoked", "active"].map(|name| seen[name].as_bool().unwrap())
}

#[tokio::test]
async fn a_token_is_inspected_down_to_why_it_does_not_count() {
    let (world, _) = with_root().await;
    let alice = world.engine.find_user("alice").await.unwrap();
    let tokens = json!({ "identifier": "alice", "password": PASSWORD, "audience": "https://api.example" });
    let elsewhere = world.ask("POST", "/v1/tokens").json(&tokens).await.json();
    let elsewhere = elsewhere["access_token"].as_str().unwrap();
    let Who::Bearer(token) = world.bearer("alice", "session").await else { unreachable!() };
    for good in [token.as_str(), elsewhere] {
        let seen = inspect(&world, good).await;
        assert_eq!(said(&seen), [true, true, false, true], "{seen}");
        assert_eq!((&seen["claims"]["sub"], &seen["claims"]["iss"]), (&json!(alice.id), &json!(ISSUER)));
        assert_eq!(seen["kid"], json!(world.engine.keys()[0].kid));
    }
    let forged = format!("{}AAAA", &token[..token.len() - 4]);
    let seen = inspect(&world, &forged).await;
    assert_eq!((said(&seen), &seen["claims"]), ([true, false, false, false], &Value::Null));
    for garbage in ["", "x", "a.b.c", "ses_x", &"x".repeat(9000)] {
        let seen = inspect(&world, garbage).await;
        assert_eq!((said(&seen), &seen["kid"]), ([false; 4], &Value::Null));
    }
    world.engine.end_all(alice.id, Actor::Cli, None).await.unwrap();
    assert_eq!(said(&inspect(&world, &token).await), [true, true, true, false]);
    let Who::Bearer(later) = world.bearer("alice", "stateless").await else { unreachable!() };
    world.clock.forward(Duration::from_secs(400));
    assert_eq!(said(&inspect(&world, &later).await), [true, true, false, false], "expired, not revoked");
    world.engine.remove_key(world.engine.keys()[0].kid, Actor::Cli).await.unwrap();
    assert_eq!(said(&inspect(&world, &later).await), [false, false, true, false], "its key was removed");
}
