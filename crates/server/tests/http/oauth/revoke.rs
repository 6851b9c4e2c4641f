//! `POST /oauth/revoke` (RFC 7009).

use serde_json::json;

use crate::{
    people::{Key, Tokens, altered},
    server::{ISSUER, TestServer},
};

const PATH: &str = "/oauth/revoke";

#[test]
fn a_refresh_token_ends_its_session_and_an_access_token_itself() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let cookie = server.cookie(&alice);
    let (one, other) = (server.tokens(&alice), server.tokens(&alice));
    let revoke = |token: &str| {
        let answer = server.post(PATH).form(&[("token", token)]).send().is(200);
        assert!(answer.body.is_empty() && answer.cookies().is_empty(), "{}", answer.comparable());
        assert_eq!(answer.field("cache-control"), Some("no-store"));
    };
    revoke(&one.access);
    assert!(!server.opens(&Key::Bearer(one.access.clone())));
    let next = server.refreshed(&one.refresh);
    assert!(server.opens(&Key::Bearer(next.access.clone())), "its session goes on");
    revoke(&next.refresh);
    assert!(!server.opens(&Key::Bearer(next.access)) && !server.opens(&Key::Refresh(next.refresh.clone())));
    // Again, and of what is dead in other ways: 200, and nothing happens.
    revoke(&next.refresh);
    revoke(&one.refresh);
    revoke(&one.access);
    assert!(server.opens(&Key::Bearer(other.access)) && server.opens(&Key::Refresh(other.refresh)));
    // A token that stands alone; and one of a browser's session, which stays.
    let (gone, stays) = (server.stateless(&alice), server.stateless(&alice));
    revoke(&gone);
    assert!(!server.opens(&Key::Bearer(gone)) && server.opens(&Key::Bearer(stays)));
    let exchanged = server.exchange(&cookie);
    revoke(&exchanged);
    assert!(!server.opens(&Key::Bearer(exchanged)) && server.opens(&Key::Cookie(cookie)));
}

#[test]
fn bt_25_the_hint_is_only_a_hint() {
    let server = TestServer::start();
    let alice = server.person("alice");
    for hint in ["access_token", "refresh_token", "pct", ""] {
        let tokens = server.tokens(&alice);
        for token in [&tokens.access, &tokens.refresh] {
            server.post(PATH).form(&[("token", token), ("token_type_hint", hint)]).send().is(200);
        }
        assert!(
            !server.opens(&Key::Bearer(tokens.access)) && !server.opens(&Key::Refresh(tokens.refresh)),
            "{hint}"
        );
    }
}

#[test]
fn bt_23_unknown_tokens_are_200_and_touch_nothing() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let cookie = server.cookie(&alice);
    let tokens = server.tokens(&alice);
    let before = server.picture(&cookie);
    let signature = tokens.access.rsplit_once('.').unwrap().0;
    for token in [
        "x",
        "ref_x",
        "a.b.c",
        cookie.as_str(),
        &tokens.session,
        &tokens.access[..tokens.access.len() - 1],
        &format!("{signature}.{}", "A".repeat(86)),
        &tokens.refresh[..tokens.refresh.len() - 1],
        &altered(&tokens.refresh),
    ] {
        assert!(server.post(PATH).form(&[("token", token)]).send().is(200).body.is_empty());
    }
    assert_eq!(server.picture(&cookie), before, "CK: a session cookie is no token that can be revoked");
    assert!(server.opens(&Key::Bearer(tokens.access)) && server.opens(&Key::Refresh(tokens.refresh)));
}

#[test]
fn a_token_for_another_audience_is_ours_all_the_same() {
    let server =
        TestServer::with(|settings| settings.set("token.audiences", r#"["https://api.example.com"]"#));
    let alice = server.person("alice");
    let (client, secret) = client(&server, "introspect");
    let body = server.token_answer(&alice, json!({ "audience": "https://api.example.com" }));
    let tokens = Tokens::of(&body);
    let active = |token: &str| {
        let asked = server.post("/oauth/introspect").basic(&client, &secret).form(&[("token", token)]);
        asked.send().gives(200)["active"] == true
    };
    assert!(active(&tokens.access));
    server.post(PATH).form(&[("token", &tokens.access)]).send().is(200);
    assert!(!active(&tokens.access) && active(&tokens.refresh));
}

/// A machine client with a scope: id and secret.
pub(crate) fn client(server: &TestServer, scope: &str) -> (String, String) {
    let client: serde_json::Value =
        serde_json::from_str(&server.cli(&["client", "add", "job", "--scope", scope, "--json"])).unwrap();
    let text = |name: &str| client[name].as_str().unwrap().to_owned();
    server.hide(&text("secret"));
    (text("id"), text("secret"))
}

#[test]
fn bt_22_a_client_revokes_only_what_is_its_own() {
    // BT-22: error, and the token stays. Tokens of the public client are revoked by whoever holds them, but not by a caller
    // that says it is somebody else (CONTRACT).
    let server = TestServer::start();
    let (id, secret) = client(&server, "introspect");
    let tokens = server.tokens(&server.person("alice"));
    for token in [&tokens.access, &tokens.refresh] {
        server
            .post(PATH)
            .basic(&id, &secret)
            .form(&[("token", token)])
            .send()
            .oauth_error(400, "invalid_grant");
        server.post(PATH).bearer(&secret).form(&[("token", token)]).send().oauth_error(400, "invalid_grant");
    }
    assert!(server.opens(&Key::Bearer(tokens.access.clone())));
    // Wrong client credentials are no anonymous caller.
    let wrong =
        server.post(PATH).basic(&id, "key_wrong_wrong_wrong").form(&[("token", &tokens.refresh)]).send();
    assert_eq!(wrong.field("www-authenticate"), Some("Basic realm=\"symbolon\", charset=\"UTF-8\""));
    wrong.oauth_error(401, "invalid_client");
    assert!(server.opens(&Key::Refresh(tokens.refresh)));
    server.post(PATH).basic(&id, &secret).form(&[("token", "unknown")]).send().is(200);
}

#[test]
fn requests_that_are_not_understood_revoke_nothing() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let tokens = server.tokens(&alice);
    let token = tokens.refresh.as_str();
    let post = |fields: &[(&str, &str)]| server.post(PATH).form(fields).send();
    post(&[]).oauth_error(400, "invalid_request");
    post(&[("token", "")]).oauth_error(400, "invalid_request");
    post(&[("token", token), ("token", token)]).oauth_error(400, "invalid_request");
    post(&[("token", token), ("token_type_hint", "a"), ("token_type_hint", "b")])
        .oauth_error(400, "invalid_request");
    server.post(PATH).json(json!({ "token": token })).send().oauth_error(415, "invalid_request");
    server.post(&format!("{PATH}?token={token}")).form(&[]).send().oauth_error(400, "invalid_request");
    server.get(&format!("{PATH}?token={token}")).send().oauth_error(405, "invalid_request");
    assert!(server.opens(&Key::Bearer(tokens.access)));
    post(&[("token", token), ("x", "1")]).is(200);
    assert!(!server.opens(&Key::Refresh(tokens.refresh)));
    assert_eq!(server.get("/.well-known/oauth-authorization-server").send().json()["issuer"], ISSUER);
}
