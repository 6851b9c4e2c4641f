//! `/v1/admin/users`: AD-05, AD-11, AD-13, AD-14, AD-22, AD-23, AD-27.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{common::PASSWORD, with_root};
use crate::common::{Who, World};

async fn names(world: &World, root: &Who, query: &str) -> Vec<String> {
    let answer = world.ask("GET", &format!("/v1/admin/users{query}")).by(root).await;
    assert_eq!(answer.status, 200, "{query}: {answer:?}");
    let users = answer.json()["users"].as_array().unwrap().clone();
    users.iter().map(|user| user["identifier"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn users_come_in_pages_and_every_one_once() {
    let (world, root) = with_root().await;
    for number in 0..23 {
        world.clock.forward(std::time::Duration::from_millis(1));
        world.user(&format!("user-{number:02}"), &[]).await;
    }
    let (mut seen, mut path) = (Vec::new(), "/v1/admin/users?limit=5".to_owned());
    let mut pages = 0;
    loop {
        let page = world.ask("GET", &path).by(&root).await.json();
        let users = page["users"].as_array().unwrap();
        assert!(users.len() <= 5);
        seen.extend(users.iter().map(|user| user["identifier"].as_str().unwrap().to_owned()));
        pages += 1;
        match page["next"].as_str() {
            Some(next) => path = format!("/v1/admin/users?limit=5&after={next}"),
            None => break,
        }
    }
    assert_eq!((pages, seen.len()), (5, 25));
    assert_eq!(seen[2..], (0..23).map(|number| format!("user-{number:02}")).collect::<Vec<_>>()[..]);
    let all = world.ask("GET", "/v1/admin/users?limit=25").by(&root).await.json();
    assert_eq!(
        (all["users"].as_array().unwrap().len(), &all["next"]),
        (25, &Value::Null),
        "a full last page is the last"
    );
}

#[tokio::test]
async fn ad_14_identifiers_are_searched_from_their_beginning_in_canonical_form() {
    let (world, _folder) = World::embedded().await;
    world.user("root", &["admin"]).await;
    world.user("alice", &[]).await;
    let root = world.cookie("root").await;
    for name in ["Zoe@Bücher.Example", "zora", "zo%", "Zo_e"] {
        world.user(name, &[]).await;
    }
    assert_eq!(names(&world, &root, "?identifier=ZO").await.len(), 4);
    assert_eq!(names(&world, &root, "?identifier=zo%25").await, ["zo%"]);
    assert_eq!(names(&world, &root, "?identifier=zo_").await, ["Zo_e"], "no character stands for another");
    for spelled in ["zoe%40b%C3%BCcher.example", "ZOE%40xn--bcher-kva.example", "zoe%40", "Zoe%40xn"] {
        assert_eq!(
            names(&world, &root, &format!("?identifier={spelled}")).await,
            ["Zoe@Bücher.Example"],
            "{spelled}"
        );
    }
    assert!(names(&world, &root, "?identifier=oe").await.is_empty());
    assert_eq!(names(&world, &root, "?identifier=").await.len(), 6, "empty counts as absent");
    // Nobody else has a search.
    let alice = world.cookie("alice").await;
    assert_eq!(world.ask("GET", "/v1/admin/users?identifier=z").by(&alice).await.status, 403);
}

#[tokio::test]
async fn ad_13_parameters_out_of_bounds_are_refused() {
    let (world, root) = with_root().await;
    for query in [
        "limit=-1",
        "limit=0",
        "limit=201",
        "limit=1e9",
        "limit=1000000000",
        "limit=99999999999999999999",
        "limit=5&limit=5",
        "after=x",
        "after=0",
        "after=..%2f",
        "sort=password_hash",
        "filter%5Bpassword%5D=x",
        "identifier=a&identifier=b",
        "page=2",
        "user=alice",
        "%zz=1",
    ] {
        for path in ["/v1/admin/users", "/v1/admin/audit"] {
            let answer = world.ask("GET", &format!("{path}?{query}")).by(&root).await;
            assert_eq!(answer.said(), (400, "invalid_request".into()), "{path}?{query}");
        }
        let answer = world.ask("GET", &format!("/v1/me/activity?{query}")).by(&root).await;
        assert_eq!(answer.said(), (400, "invalid_request".into()), "activity?{query}");
    }
    let id = world.engine.find_user("alice").await.unwrap().id;
    let path = format!("/v1/admin/users/{id}");
    assert_eq!(world.ask("GET", &format!("{path}?fields=password")).by(&root).await.status, 400);
    assert_eq!(world.ask("GET", &format!("{path}/sessions?limit=1")).by(&root).await.status, 400);
    assert_eq!(world.ask("DELETE", &format!("{path}/sessions?session=x")).by(&root).await.status, 400);
    assert_eq!(world.ask("DELETE", &format!("{path}?really=true")).by(&root).await.status, 400);
    assert!(world.engine.find_user("alice").await.is_ok());
}

#[tokio::test]
async fn an_administrator_makes_users_under_the_rules_for_everybody() {
    let (world, root) = with_root().await;
    let create = |body: Value| world.ask("POST", "/v1/admin/users").by(&root).json(&body);
    let made = create(json!({
        "identifier": "Carol@Example.COM", "password": PASSWORD, "profile": { "name": "Carol" }, "roles": ["editor", "team:red"],
    }))
    .await;
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    assert_eq!(made["identifier"], "Carol@Example.COM");
    assert_eq!((&made["roles"], &made["disabled"]), (&json!(["editor", "team:red"]), &json!(false)));
    assert_eq!(
        world.ask("GET", &format!("/v1/admin/users/{}", made["id"].as_str().unwrap())).by(&root).await.json(),
        made
    );
    world.cookie("carol@example.com").await;

    let taken = create(json!({ "identifier": "CAROL@example.com", "password": PASSWORD })).await;
    assert_eq!(taken.said(), (409, "identifier_taken".into()));
    let weak = create(json!({ "identifier": "dave", "password": "password" })).await;
    assert_eq!(weak.said(), (422, "password_rejected".into()));
    assert_eq!(weak.json()["reasons"], json!(["too_short", "common"]));
    for body in [
        json!({ "identifier": "dave" }),
        json!({ "identifier": "", "password": PASSWORD }),
        json!({ "identifier": "d\u{0430}ve", "password": PASSWORD }),
        json!({ "identifier": "dave", "password": PASSWORD, "roles": "admin" }),
        json!({ "identifier": "dave", "password": PASSWORD, "profile": { "x": "y".repeat(5000) } }),
    ] {
        assert_eq!(create(body.clone()).await.said(), (400, "invalid_request".into()), "{body}");
    }
    assert!(world.engine.find_user("dave").await.is_err());
}

#[tokio::test]
async fn ad_05_members_that_are_not_the_caller_s_to_set_are_refused() {
    let (world, root) = with_root().await;
    let alice = world.engine.find_user("alice").await.unwrap();
    let before = alice.clone();
    let path = format!("/v1/admin/users/{}", alice.id);
    for (name, value) in [
        ("id", json!(Uuid::from_u128(1))),
        ("identifier", json!("root")),
        ("generation", json!(0)),
        ("password", json!(PASSWORD)),
        ("password_hash", json!("$argon2id$x")),
        ("created_at", json!("2020-01-01T00:00:00.000Z")),
        ("updated_at", json!(0)),
        ("is_admin", json!(true)),
        ("email_verified", json!(true)),
        ("role", json!("admin")),
        ("Roles", json!(["admin"])),
        ("tenant_id", json!(1)),
    ] {
        let body = json!({ name: value, "disabled": true });
        let answer = world.ask("PATCH", &path).by(&root).json(&body).await;
        assert_eq!(answer.said(), (400, "invalid_request".into()), "{body}");
        let body = json!({ name: value, "identifier": "eve", "password": PASSWORD });
        if name != "identifier" && name != "password" {
            let answer = world.ask("POST", "/v1/admin/users").by(&root).json(&body).await;
            assert_eq!(answer.said(), (400, "invalid_request".into()), "{body}");
            for stranger in ["/v1/users"] {
                let answer = world.ask("POST", stranger).json(&body).await;
                assert_eq!(answer.said(), (400, "invalid_request".into()), "{stranger} {body}");
            }
        }
    }
    for stranger in [json!({ "identifier": "eve", "password": PASSWORD, "roles": ["admin"] })] {
        assert_eq!(world.ask("POST", "/v1/users").json(&stranger).await.status, 400);
    }
    let cookie = world.cookie("alice").await;
    let escalates =
        world.ask("PATCH", "/v1/me").by(&cookie).json(&json!({ "profile": {}, "roles": ["admin"] })).await;
    assert_eq!(escalates.said(), (400, "invalid_request".into()));
    let repeated = r#"{"roles":[],"roles":["admin"]}"#;
    assert_eq!(world.ask("PATCH", &path).by(&root).raw("application/json", repeated).await.status, 400);
    assert_eq!(**world.engine.user(alice.id).await.unwrap(), before);
    assert!(world.engine.find_user("eve").await.is_err());
}

#[tokio::test]
async fn ad_23_odd_role_names_change_nothing() {
    let (world, root) = with_root().await;
    let alice = world.engine.find_user("alice").await.unwrap();
    let path = format!("/v1/admin/users/{}", alice.id);
    for role in ["Admin ", "ADMIN", "аdmin", "a/b", "..", "%2f", "", "a,b", "admin\u{0}"] {
        let answer = world
            .ask("PATCH", &path)
            .by(&root)
            .json(&json!({ "roles": ["editor", role], "disabled": true }))
            .await;
        assert_eq!(answer.said(), (400, "invalid_request".into()), "{role:?}");
    }
    for body in [
        json!({ "roles": ["a", "a"] }),
        json!({ "roles": [1] }),
        json!({ "roles": [null] }),
        json!({ "roles": "a" }),
    ] {
        assert_eq!(world.ask("PATCH", &path).by(&root).json(&body).await.status, 400, "{body}");
    }
    let after = world.engine.user(alice.id).await.unwrap();
    assert!(after.roles.is_empty() && !after.disabled, "all of a change or nothing of it");
}

#[tokio::test]
async fn a_change_takes_all_of_its_members() {
    let (world, root) = with_root().await;
    let alice = world.engine.find_user("alice").await.unwrap();
    let path = format!("/v1/admin/users/{}", alice.id);
    let patch = |body: Value| world.ask("PATCH", &path).by(&root).json(&body);
    let (cookie, bearer) = (world.cookie("alice").await, world.bearer("alice", "stateless").await);
    let changed = patch(json!({ "roles": ["editor"], "profile": { "name": "Alice" } })).await.json();
    assert_eq!((&changed["roles"], &changed["profile"]), (&json!(["editor"]), &json!({ "name": "Alice" })));
    assert_eq!(
        world.ask("GET", "/v1/me").by(&cookie).await.json()["user"],
        changed,
        "it shows at once, and ends nothing"
    );
    assert_eq!(patch(json!({})).await.json(), changed, "nothing asked, nothing changed");

    let disabled = patch(json!({ "disabled": true, "profile": {} })).await.json();
    assert_eq!((&disabled["disabled"], &disabled["profile"]), (&json!(true), &json!({})));
    assert_eq!(world.ask("GET", "/v1/me").by(&cookie).await.said(), (401, "no_session".into()));
    assert_eq!(world.ask("GET", "/v1/me").by(&bearer).await.said(), (401, "invalid_token".into()));
    let login = json!({ "identifier": "alice", "password": PASSWORD });
    let refused = world.ask("POST", "/v1/sessions").json(&login).await;
    let unknown = world
        .ask("POST", "/v1/sessions")
        .json(&json!({ "identifier": "nobody", "password": PASSWORD }))
        .await;
    assert_eq!(refused.said(), (401, "invalid_credentials".into()));
    assert_eq!(refused.body, unknown.body, "a disabled user is not told from none");

    assert_eq!(patch(json!({ "disabled": false })).await.json()["disabled"], false);
    assert_eq!(world.ask("GET", "/v1/me").by(&cookie).await.status, 401, "what had ended stays ended");
    world.cookie("alice").await;
    for (media_type, body, status) in [
        ("text/plain", "{}", 415),
        ("application/merge-patch+json", "{}", 415),
        ("application/json", "[]", 400),
        ("application/json", "{\"disabled\":\"yes\"}", 400),
        ("application/json", "{\"profile\":[]}", 400),
        ("application/json", "", 400),
    ] {
        assert_eq!(
            world.ask("PATCH", &path).by(&root).raw(media_type, body).await.status,
            status,
            "{media_type} {body}"
        );
    }
    let deep = json!({ "profile": { "a": { "b": { "c": { "d": {} } } } }, "disabled": true });
    assert_eq!(patch(deep).await.status, 400);
    assert!(!world.engine.user(alice.id).await.unwrap().disabled);
}

#[tokio::test]
async fn ad_27_ad_22_with_a_user_goes_all_of_them_and_the_name_inherits_nothing() {
    let (world, root) = with_root().await;
    let alice = world.engine.find_user("alice").await.unwrap();
    let logins = [
        world.cookie("alice").await,
        world.bearer("alice", "session").await,
        world.bearer("alice", "stateless").await,
        world.grant(&alice).await,
    ];
    let tokens = world
        .ask("POST", "/v1/tokens")
        .json(&json!({ "identifier": "alice", "password": PASSWORD }))
        .await
        .json();
    let path = format!("/v1/admin/users/{}", alice.id);
    assert_eq!(world.ask("DELETE", &path).by(&root).await.status, 204);
    for who in &logins {
        assert_eq!(world.ask("GET", "/v1/me").by(who).await.status, 401);
    }
    let refresh =
        format!("grant_type=refresh_token&refresh_token={}", tokens["refresh_token"].as_str().unwrap());
    assert_eq!(world.ask("POST", "/oauth/token").form(&refresh).await.json()["error"], "invalid_grant");
    for (method, path) in
        [("GET", path.clone()), ("GET", format!("{path}/sessions")), ("DELETE", path.clone())]
    {
        assert_eq!(
            world.ask(method, &path).by(&root).await.said(),
            (404, "not_found".into()),
            "{method} {path}"
        );
    }
    let again = world
        .ask("POST", "/v1/users")
        .json(&json!({ "identifier": "alice", "password": PASSWORD }))
        .await
        .json();
    assert_ne!(again["id"], json!(alice.id));
    let listed = world
        .ask("GET", &format!("/v1/admin/users/{}/sessions", again["id"].as_str().unwrap()))
        .by(&root)
        .await;
    assert_eq!(listed.json(), json!({ "sessions": [] }));
    for who in &logins {
        assert_eq!(world.ask("GET", "/v1/me").by(who).await.status, 401);
    }
}

#[tokio::test]
async fn whom_there_is_not_is_404_before_the_rest_of_the_request() {
    let (world, root) = with_root().await;
    for id in [
        Uuid::from_u128(5).to_string(),
        "alice".into(),
        "%2e%2e".into(),
        "00000000000000000000000000000000".into(),
    ] {
        for (method, path) in [
            ("GET", format!("/v1/admin/users/{id}")),
            ("PATCH", format!("/v1/admin/users/{id}")),
            ("DELETE", format!("/v1/admin/users/{id}")),
            ("GET", format!("/v1/admin/users/{id}/sessions")),
            ("DELETE", format!("/v1/admin/users/{id}/sessions")),
        ] {
            let answer = world.ask(method, &format!("{path}?x=1")).by(&root).raw("text/plain", "{").await;
            assert_eq!(answer.said(), (404, "not_found".into()), "{method} {path}");
        }
    }
}
