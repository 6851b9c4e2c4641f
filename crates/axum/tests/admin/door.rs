//! AD-01, AD-14, AD-17, AD-19, AD-21, JC-18, RT-11 and what of BT concerns administration: nobody gets behind the door who may not, whatever
//! they send, and the door says the same in front of everything.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use symbolon::audit::Actor;
use symbolon_axum::Options;
use uuid::Uuid;

use super::{bare, common::PASSWORD, is_change, operator_rows, rows, with_root};
use crate::common::{Who, World};

/// Everybody who may not administer, with what they are told.
async fn strangers(world: &World) -> Vec<(&'static str, Who, u16, &'static str)> {
    world.user("mallory", &["editor", "administrator", "admin-2"]).await;
    let root = world.user("second", &["admin"]).await;
    let disabled = world.user("disabled", &["admin"]).await;
    let disabled_cookie = world.cookie("disabled").await;
    let disabled_bearer = world.bearer("disabled", "session").await;
    world.engine.set_disabled(disabled.id, true, Actor::Cli).await.unwrap();
    let (id, secret) = world.client("introspect").await;
    let (gone, gone_secret) = world.client("admin").await;
    world.engine.remove_client(gone, Actor::Cli).await.unwrap();
    let basic = |id: &str, secret: &str| Who::Basic(id.to_owned(), secret.to_owned());
    let made_up = Who::Cookie(format!("ses_{}", "A".repeat(64)));
    vec![
        ("nobody", Who::Nobody, 401, "no_session"),
        ("a made-up cookie", made_up, 401, "no_session"),
        ("a cookie of an ended session", disabled_cookie, 401, "no_session"),
        ("a token of an ended session", disabled_bearer, 401, "invalid_token"),
        ("a garbage token", Who::Bearer("a.b.c".into()), 401, "invalid_token"),
        ("a user", world.cookie("mallory").await, 403, "forbidden"),
        ("a user by token", world.bearer("mallory", "session").await, 403, "forbidden"),
        ("a user by stateless token", world.bearer("mallory", "stateless").await, 403, "forbidden"),
        ("an administrator's grant", world.grant(&root).await, 403, "insufficient_scope"),
        ("a client without the scope", basic(&id.to_string(), &secret), 403, "insufficient_scope"),
        ("the same by bearer", Who::Bearer(secret.clone()), 403, "insufficient_scope"),
        ("a removed client", basic(&gone.to_string(), &gone_secret), 401, "invalid_client"),
        ("another client's id", basic(&gone.to_string(), &secret), 401, "invalid_client"),
        ("a made-up secret", Who::Bearer(format!("key_{}", "A".repeat(64))), 401, "invalid_client"),
        ("no secret at all", Who::Bearer("key_".into()), 401, "invalid_client"),
        ("an administrator's password", basic("second", PASSWORD), 401, "invalid_client"),
    ]
}

/// Paths of a route: about somebody, about nobody, and about nothing that could be anybody.
fn paths(template: &str, somebody: Uuid, kid: &str) -> Vec<String> {
    let nobody = Uuid::from_u128(9);
    let ids = [somebody.to_string(), nobody.to_string(), "x".into(), "%2e%2e".into(), "a%00b".into()];
    let kids = [kid.to_owned(), "A".repeat(16), "x".into(), "%ff".into()];
    if template.contains("{id}") {
        ids.iter().map(|id| template.replace("{id}", id)).collect()
    } else if template.contains("{kid}") {
        kids.iter().map(|kid| template.replace("{kid}", kid)).collect()
    } else {
        vec![template.to_owned()]
    }
}

#[tokio::test]
async fn ad_01_wp_10_whoever_may_not_is_refused_before_anything_else_is_looked_at() {
    let world = World::new().await;
    let alice = world.user("alice", &[]).await;
    let kid = world.engine.keys()[0].kid.to_string();
    let bodies: &[(Option<&str>, &str)] = &[
        (None, ""),
        (Some("application/json"), ""),
        (Some("application/json"), "{\"a\":1,\"a\":2}"),
        (Some("application/json"), "{\"roles\":[\"admin\"]}"),
        (Some("application/json;charset=utf-7"), "[[[[[[[["),
        (Some("multipart/form-data; boundary=x"), "--x"),
    ];
    for (who, credential, status, code) in strangers(&world).await {
        let mut said = None;
        for (template, method) in rows() {
            for path in paths(template, alice.id, &kid) {
                for (media_type, body) in bodies {
                    for query in ["", "?limit=-1&limit=x&%zz=1"] {
                        let mut ask = world.ask(&method, &format!("{path}{query}")).by(&credential);
                        ask = match media_type {
                            Some(media_type) => ask.raw(media_type, body),
                            None => ask,
                        };
                        let answer = ask.await;
                        let place = format!("{who}: {method} {path}{query} {media_type:?} {answer:?}");
                        assert_eq!(answer.said(), (status, code.to_owned()), "{place}");
                        assert_eq!(answer.header("cache-control"), Some("no-store"), "{place}");
                        assert!(answer.header("set-cookie").is_none(), "{place}");
                        let varies =
                            answer.headers.get_all("vary").iter().any(|line| line == "Cookie, Authorization");
                        assert!(varies, "{place}");
                        let challenged = answer.header("www-authenticate").is_some();
                        assert_eq!(challenged, code != "forbidden", "{place}");
                        // The same to the byte, whatever there is behind the door.
                        let first = said.get_or_insert_with(|| bare(&answer));
                        assert_eq!(*first, bare(&answer), "{place}");
                    }
                }
            }
        }
    }
    assert!(world.engine.user(alice.id).await.unwrap().roles.is_empty());
    assert_eq!(world.engine.keys().len(), 1);
}

#[tokio::test]
async fn bt_17_bt_18_head_is_get_and_conditions_are_not_looked_at() {
    let (world, root) = with_root().await;
    for (path, method) in rows().into_iter().filter(|(path, method)| method == "GET" && !path.contains('{')) {
        assert_eq!(world.ask("HEAD", path).await.status, 401, "{path}");
        assert_eq!(world.ask("HEAD", path).by(&root).await.status, 200, "{path}");
        let conditional = world.ask(&method, path).header("if-none-match", "*").header("range", "bytes=0-1");
        assert_eq!(conditional.await.status, 401, "{path}");
        let preflight = world.ask("OPTIONS", path).header("origin", "https://evil.test");
        let preflight = preflight.header("access-control-request-method", "GET").by(&root).await;
        assert!(preflight.body.is_empty() && preflight.header("access-control-allow-origin").is_none());
        assert_eq!(world.ask("OPTIONS", path).by(&root).await.said(), (405, "method_not_allowed".into()));
    }
}

#[tokio::test]
async fn ad_19_another_verb_is_405_and_none_hides_in_a_header_or_field() {
    let (world, root) = with_root().await;
    let alice = world.engine.find_user("alice").await.unwrap().id.to_string();
    for (template, _) in rows() {
        let path = template.replace("{id}", &alice).replace("{kid}", &world.engine.keys()[0].kid.to_string());
        let answer = world.ask("PUT", &path).by(&root).await;
        assert_eq!(answer.said(), (405, "method_not_allowed".into()), "{path}");
        let known = symbolon_axum::inventory().into_iter().find(|(known, _)| *known == template).unwrap().1;
        let allowed = answer.header("allow").unwrap();
        assert!(known.iter().all(|method| allowed.contains(method.as_str())), "{path}: {allowed}");
    }
    let path = format!("/v1/admin/users/{alice}");
    let get = world.ask("GET", &path).by(&root).header("x-http-method-override", "DELETE");
    assert_eq!(get.header("x-method-override", "DELETE").await.status, 200);
    assert_eq!(world.ask("GET", &format!("{path}?_method=DELETE")).by(&root).await.status, 400);
    assert_eq!(world.ask("POST", &path).by(&root).form("_method=DELETE").await.status, 405);
    assert!(world.engine.find_user("alice").await.is_ok());
}

#[tokio::test]
async fn bt_19_paths_that_look_like_it_are_decided_alike_or_nowhere() {
    let (world, root) = with_root().await;
    for path in [
        "//v1/admin/users",
        "/v1//admin/users",
        "/v1/./admin/users",
        "/v1/%61dmin/users",
        "/v1/admin/users/",
        "/V1/ADMIN/USERS",
        "/v1/admin/users;x",
        "/v1/admin%2fusers",
        "/public/..%2fv1/admin/users",
        "/v1/admin",
        "/v1/admin/",
        "/v1/admin/nothing",
    ] {
        let stranger = world.ask("GET", path).await.status;
        assert!([401, 404].contains(&stranger), "{path}: {stranger}");
        assert_eq!(world.ask("GET", path).by(&root).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn ad_17_cs_01_cs_02_cs_05_a_write_by_cookie_from_elsewhere_is_refused() {
    let (world, root) = with_root().await;
    let bearer = world.bearer("root", "session").await;
    let alice = world.engine.find_user("alice").await.unwrap().id;
    for (template, method) in rows().into_iter().filter(|(_, method)| is_change(method)) {
        let path = template.replace("{id}", &alice.to_string()).replace("{kid}", "AAAAAAAAAAAAAAAA");
        for (name, value) in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("origin", "https://evil.test"),
            ("origin", "http://127.0.0.1:7118"),
            ("origin", "null"),
        ] {
            // As another site's form would send it: the cookie comes along, our own pages' header does not.
            let Who::Cookie(value_of_cookie) = &root else { unreachable!() };
            let ask = world.ask(&method, &path).header("cookie", &format!("symbolon={value_of_cookie}"));
            let answer = ask.header(name, value).raw("text/plain", "{").await;
            assert_eq!(answer.said(), (403, "csrf_rejected".into()), "{method} {path} {name}: {value}");
            let answer =
                world.ask(&method, &path).by(&bearer).header(name, value).raw("text/plain", "{").await;
            assert_ne!(answer.code(), "csrf_rejected", "{method} {path}: no browser sends a token unasked");
            // A token that is none does not turn the rule off: it decides alone.
            let ask = world.ask(&method, &path).by(&root).header(name, value);
            let answer = ask.header("authorization", "Bearer junk").await;
            assert_eq!(answer.said(), (401, "invalid_token".into()), "{method} {path}");
        }
    }
    // A form without any of the headers, from an old browser.
    let Who::Cookie(value) = &root else { unreachable!() };
    let old = world.ask("POST", "/v1/admin/keys/rotate").header("cookie", &format!("symbolon={value}"));
    assert_eq!(old.await.said(), (403, "csrf_rejected".into()));
    assert_eq!(world.engine.keys().len(), 1);
}

#[tokio::test]
async fn cs_01_a_browser_that_remembers_basic_does_not_write_for_another_site() {
    let world = World::new().await;
    let (id, secret) = world.client("admin").await;
    let client = Who::Basic(id.to_string(), secret.clone());
    for (name, value) in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.test")] {
        let answer = world.ask("POST", "/v1/admin/keys/rotate").by(&client).header(name, value).await;
        assert_eq!(answer.said(), (403, "csrf_rejected".into()));
        let by_bearer = world.ask("POST", "/v1/admin/keys/rotate").by(&Who::Bearer(secret.clone()));
        assert_eq!(by_bearer.header(name, value).await.status, 200);
    }
    // A program sends neither; nor does it need a cookie, and one that is there is not read.
    assert_eq!(world.ask("POST", "/v1/admin/keys/rotate").by(&client).await.status, 200);
    let ask = world.ask("POST", "/v1/admin/keys/rotate").by(&client);
    assert_eq!(ask.header("cookie", "symbolon=ses_dead").await.status, 200);
}

#[tokio::test]
async fn bt_02_bt_03_bt_06_two_credentials_at_once_are_refused() {
    let world = World::with(Options { bearer_query: true, ..Options::default() }).await;
    world.user("root", &["admin"]).await;
    let (id, secret) = world.client("admin").await;
    let client = Who::Basic(id.to_string(), secret.clone());
    let Who::Bearer(token) = world.bearer("root", "session").await else { unreachable!() };
    let twice = format!("Bearer {secret}");
    let asks = [
        world.ask("GET", "/v1/admin/keys").line("authorization", &twice).line("authorization", &twice),
        world.ask("GET", "/v1/admin/keys").by(&client).line("authorization", &format!("Bearer {token}")),
        world.ask("GET", &format!("/v1/admin/keys?access_token={token}")).by(&client),
        world.ask("GET", &format!("/v1/admin/keys?access_token={token}")).by(&Who::Bearer(secret.clone())),
        world.ask("GET", &format!("/v1/admin/keys?access_token={token}")).by(&Who::Bearer(token.clone())),
        world.ask("GET", "/v1/admin/keys").header("authorization", "Bearer "),
    ];
    for ask in asks {
        assert_eq!(ask.await.said(), (400, "invalid_request".into()));
    }
    let alone = world.ask("GET", &format!("/v1/admin/keys?access_token={token}")).await;
    assert_eq!((alone.status, alone.header("cache-control")), (200, Some("private, no-store")));
    // A bad client credential is not passed over in favour of a good cookie.
    let cookie = world.cookie("root").await;
    let both = world.ask("GET", "/v1/admin/keys").by(&cookie).by(&Who::Basic(id.to_string(), "key_".into()));
    assert_eq!(both.await.said(), (401, "invalid_client".into()));
    let ignored = world.ask("GET", "/v1/admin/keys").by(&cookie).header("authorization", "Digest x");
    assert_eq!(ignored.await.status, 200);
}

#[tokio::test]
async fn jc_18_a_role_that_is_taken_away_is_gone_in_the_next_request() {
    let world = World::new().await;
    world.user("root", &["admin"]).await;
    let other = world.user("other", &["admin"]).await;
    let logins = [
        world.cookie("other").await,
        world.bearer("other", "session").await,
        world.bearer("other", "stateless").await,
    ];
    for who in &logins {
        assert_eq!(world.ask("GET", "/v1/admin/keys").by(who).await.status, 200);
    }
    world.engine.set_roles(other.id, vec!["editor".into()], Actor::Cli).await.unwrap();
    for who in &logins {
        assert_eq!(world.ask("GET", "/v1/admin/keys").by(who).await.said(), (403, "forbidden".into()));
        assert_eq!(world.ask("GET", "/v1/me").by(who).await.status, 200, "the login itself goes on");
    }
    world.engine.set_roles(other.id, vec!["admin".into()], Actor::Cli).await.unwrap();
    for who in &logins {
        assert_eq!(world.ask("GET", "/v1/admin/keys").by(who).await.status, 200);
    }
}

/// RT-11 asks for a refreshed token that carries the new roles. Ours carry none: what counts is what the user is at the moment of the
/// call, so the token of before and the one of after are told the same.
#[tokio::test]
async fn rt_11_a_refresh_brings_back_no_role_that_was_taken_away() {
    let world = World::new().await;
    world.user("root", &["admin"]).await;
    let other = world.user("other", &["admin"]).await;
    let login = json!({ "identifier": "other", "password": PASSWORD });
    let mut answer = world.ask("POST", "/v1/tokens").json(&login).await.json();
    let mut held = Vec::new();
    for (roles, status) in [(&["admin"][..], 200), (&[], 403), (&["editor"], 403), (&["admin"], 200)] {
        let roles = roles.iter().map(|role| (*role).to_owned()).collect();
        world.engine.set_roles(other.id, roles, Actor::Cli).await.unwrap();
        let form =
            format!("grant_type=refresh_token&refresh_token={}", answer["refresh_token"].as_str().unwrap());
        let refreshed = world.ask("POST", "/oauth/token").form(&form).await;
        assert_eq!(refreshed.status, 200, "the chain itself goes on: {refreshed:?}");
        answer = refreshed.json();
        let token = answer["access_token"].as_str().unwrap().to_owned();
        let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
        let claims: Value = serde_json::from_slice(&payload).unwrap();
        assert!(claims["sub"] == other.id.to_string() && claims.get("roles").is_none(), "{claims}");
        held.push(Who::Bearer(token));
        for who in &held {
            assert_eq!(world.ask("GET", "/v1/admin/keys").by(who).await.status, status);
        }
        world.clock.forward(Duration::from_secs(31));
    }
}

#[tokio::test]
async fn ad_21_what_ended_opens_nothing_any_more() {
    let world = World::new().await;
    world.user("root", &["admin"]).await;
    let admins: Vec<_> = [world.user("a", &["admin"]).await, world.user("b", &["admin"]).await].into();
    let mut logins = Vec::new();
    for name in ["a", "b"] {
        logins.push((world.cookie(name).await, "no_session"));
        logins.push((world.bearer(name, "session").await, "invalid_token"));
        logins.push((world.bearer(name, "stateless").await, "invalid_token"));
    }
    for (who, _) in &logins {
        assert_eq!(world.ask("GET", "/v1/admin/users").by(who).await.status, 200);
    }
    world.engine.set_disabled(admins[0].id, true, Actor::Cli).await.unwrap();
    world.engine.delete_user(admins[1].id, Actor::Cli).await.unwrap();
    for (who, code) in &logins {
        assert_eq!(world.ask("GET", "/v1/admin/users").by(who).await.said(), (401, (*code).to_owned()));
    }
    // Enabled again, a user logs in again; what had ended stays so.
    world.engine.set_disabled(admins[0].id, false, Actor::Cli).await.unwrap();
    assert_eq!(world.ask("GET", "/v1/admin/users").by(&logins[0].0).await.status, 401);
    let again = world.cookie("a").await;
    assert_eq!(world.ask("GET", "/v1/admin/users").by(&again).await.status, 200);
}

#[tokio::test]
async fn a_token_whose_session_ended_is_refused_though_the_row_is_what_is_read() {
    let world = World::new().await;
    world.user("root", &["admin"]).await;
    let cookie = world.cookie("root").await;
    let exchanged =
        world.ask("POST", "/v1/sessions/current/token").by(&cookie).json(&serde_json::json!({})).await;
    let token = Who::Bearer(exchanged.json()["access_token"].as_str().unwrap().to_owned());
    assert_eq!(world.ask("GET", "/v1/admin/keys").by(&token).await.status, 200, "of a browser's session");
    assert_eq!(world.ask("DELETE", "/v1/sessions/current").by(&cookie).await.status, 204);
    assert_eq!(world.ask("GET", "/v1/admin/keys").by(&token).await.said(), (401, "invalid_token".into()));
}

#[tokio::test]
async fn changes_want_a_fresh_login_and_reading_does_not() {
    let world = World::new().await;
    world.user("root", &["admin"]).await;
    let logins = [
        world.cookie("root").await,
        world.bearer("root", "session").await,
        world.bearer("root", "stateless").await,
    ];
    let (id, secret) = world.client("admin").await;
    world.clock.forward(Duration::from_secs(300));
    for who in &logins {
        assert_eq!(
            world.ask("POST", "/v1/admin/keys/rotate").by(who).await.status,
            200,
            "five minutes are fresh"
        );
    }
    world.clock.forward(Duration::from_secs(1));
    for who in &logins {
        let answer = world.ask("POST", "/v1/admin/keys/rotate").by(who).raw("text/plain", "x").await;
        assert_eq!(answer.said(), (401, "fresh_login_required".into()));
        assert_eq!(answer.json()["max_age"], 300);
        assert_eq!(world.ask("GET", "/v1/admin/keys").by(who).await.status, 200);
    }
    let client = Who::Basic(id.to_string(), secret);
    assert_eq!(
        world.ask("POST", "/v1/admin/keys/rotate").by(&client).await.status,
        200,
        "clients log in each time"
    );
    let confirm = world.ask("POST", "/v1/sessions/current/confirm").by(&logins[0]);
    let confirmed = confirm.json(&serde_json::json!({ "password": PASSWORD })).await;
    let fresh = Who::Cookie(confirmed.session_cookie().unwrap());
    assert_eq!(world.ask("POST", "/v1/admin/keys/rotate").by(&fresh).await.status, 200);
}

#[tokio::test]
async fn what_is_only_for_the_socket_is_not_there_for_anybody_else() {
    let world = World::new().await;
    let alice = world.user("alice", &[]).await;
    world.user("root", &["admin"]).await;
    let (id, secret) = world.client("admin").await;
    let everybody = [
        Who::Nobody,
        world.cookie("root").await,
        world.bearer("root", "session").await,
        Who::Basic(id.to_string(), secret),
    ];
    for (template, method) in operator_rows() {
        let path = template.replace("{id}", &alice.id.to_string());
        for who in &everybody {
            let ask = world.ask(&method, &path).by(who).header("x-forwarded-for", "127.0.0.1");
            let answer =
                ask.json(&serde_json::json!({ "password": PASSWORD, "token": "x", "name": "x" })).await;
            assert_eq!(answer.said(), (404, "not_found".into()), "{method} {path}");
        }
    }
    // And the door of the socket opens on administration alone.
    for path in ["/v1/me", "/v1/sessions", "/oauth/token", "/login", "/healthz", "/"] {
        assert_eq!(world.ask_locally("GET", path).await.status, 404, "{path}");
    }
}
