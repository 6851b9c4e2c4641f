//! `POST /oauth/introspect` (RFC 7662).

use serde_json::json;

use super::revoke::client;
use crate::{
    people::{Tokens, claims},
    server::{ISSUER, TestServer},
    time,
};

const PATH: &str = "/oauth/introspect";

#[test]
fn a_client_with_the_scope_learns_what_a_token_is() {
    let server = TestServer::with(|settings| {
        settings.set("token.scopes", r#"["read"]"#);
        settings.set("token.audiences", r#"["https://api.example.com"]"#);
    });
    let (id, secret) = client(&server, "introspect");
    let alice = server.person("alice");
    let wish = json!({ "scope": "read", "audience": "https://api.example.com" });
    let tokens = Tokens::of(&server.token_answer(&alice, wish));
    let ask = |token: &str| server.post(PATH).basic(&id, &secret).form(&[("token", token)]).send().gives(200);
    let found = ask(&tokens.access);
    let claims = claims(&tokens.access);
    assert_eq!((&found["active"], &found["token_type"]), (&json!(true), &json!("Bearer")));
    for (name, value) in claims.as_object().unwrap() {
        assert_eq!(&found[name], value, "{name}");
    }
    let found = ask(&tokens.refresh);
    assert_eq!(
        (&found["active"], &found["sub"], &found["iss"]),
        (&json!(true), &json!(alice.id), &json!(ISSUER))
    );
    assert_eq!((&found["sid"], &found["scope"]), (&json!(tokens.session), &json!("read")));
    // Asking uses nothing up; the secret works as a bearer too.
    assert_eq!(server.refreshed(&tokens.refresh).session, tokens.session);
    let by_bearer = server.post(PATH).bearer(&secret).form(&[("token", &tokens.access)]).send().gives(200);
    assert_eq!(by_bearer["active"], true);
}

#[test]
fn bt_21_whatever_is_not_good_is_inactive_and_nothing_else() {
    let server = TestServer::with(|settings| {
        settings.set("token.access_life", "\"1s\"");
        settings.set("token.leeway", "\"0s\"");
    });
    let (id, secret) = client(&server, "introspect");
    let alice = server.person("alice");
    let ask = |token: &str| server.post(PATH).basic(&id, &secret).form(&[("token", token)]).send();
    let expired = server.tokens(&alice);
    let ended = server.tokens(&alice);
    server.delete("/v1/sessions/current").bearer(&ended.access).send().no_content();
    let cookie = server.cookie(&alice);
    time::wait_until(claims(&expired.access)["exp"].as_i64().unwrap() * 1000);
    for token in [
        "x",
        &expired.access,
        &ended.access,
        &ended.refresh,
        &cookie,
        &secret,
        &expired.refresh[..expired.refresh.len() - 1],
        &format!("{}x", expired.access),
    ] {
        let answer = ask(token);
        assert_eq!(answer.gives(200), json!({ "active": false }), "{token}");
    }
}

#[test]
fn who_is_no_client_is_401_before_the_body_is_looked_at() {
    let server = TestServer::start();
    let (id, secret) = client(&server, "introspect");
    let (other, other_secret) = client(&server, "check");
    let alice = server.person("alice");
    let tokens = server.tokens(&alice);
    let cookie = server.cookie(&alice);
    let ask = || server.post(PATH).form(&[("token", &tokens.access)]);
    for request in [
        ask(),
        ask().cookie(&cookie),
        ask().bearer(&tokens.access),
        ask().basic("alice", &alice.password),
        ask().basic(&other, &secret),
        ask().basic(&id, &other_secret),
        ask().basic(&id, &format!("{secret}A")),
        ask().basic(&id, &secret[..secret.len() - 1]),
        ask().basic("", &secret),
        ask().basic(&id, ""),
        ask().field("Authorization", "Basic !!!"),
        ask().field("Authorization", "Basic"),
        ask().bearer("key_AAAA"),
        ask().basic(&id, &secret).bearer(&secret),
        server.post(PATH).body("text/plain", "x"),
        server.post(PATH).form(&[]),
    ] {
        let answer = request.send();
        // Two credentials at once may be told as malformed, never believed.
        if answer.status == 400 {
            answer.oauth_error(400, "invalid_request");
            continue;
        }
        assert_eq!(answer.field("www-authenticate"), Some("Basic realm=\"symbolon\", charset=\"UTF-8\""));
        answer.oauth_error(401, "invalid_client");
    }
    let refused = ask().basic(&other, &other_secret).send();
    let challenge = "Bearer realm=\"symbolon\", error=\"insufficient_scope\", scope=\"introspect\"";
    assert_eq!(refused.field("www-authenticate"), Some(challenge));
    refused.oauth_error(403, "insufficient_scope");
    // A client's secret opens nothing elsewhere.
    server.get("/v1/me").bearer(&secret).send().problem(401, "invalid_token");
    server.get("/v1/me").basic(&id, &secret).send().problem(401, "no_session");

    server.post(PATH).basic(&id, &secret).form(&[]).send().oauth_error(400, "invalid_request");
    server.post(PATH).basic(&id, &secret).body("text/plain", "x").send().oauth_error(415, "invalid_request");
    let twice = [("token", "a"), ("token", "b")];
    server.post(PATH).basic(&id, &secret).form(&twice).send().oauth_error(400, "invalid_request");
}
