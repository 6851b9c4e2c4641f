//! `POST /v1/tokens`: login by token.

use serde_json::{Value, json};

use crate::{
    people::{Key, claims, header, names},
    server::{ISSUER, TestServer},
    time,
};

fn server() -> TestServer {
    TestServer::with(|settings| {
        settings.set("token.scopes", r#"["read", "write"]"#);
        settings.set("token.audiences", r#"["https://api.example.com"]"#);
        settings.set("token.client_id", "\"app\"");
    })
}

#[test]
fn a_login_gives_an_access_token_and_a_refresh_token() {
    let server = server();
    let alice = server.person("alice");
    let before = time::millis() / 1000;
    let body = json!({ "identifier": "alice", "password": alice.password });
    let answer = server.post("/v1/tokens").json(body).send();
    assert!(answer.cookies().is_empty());
    let body = answer.gives(201);
    assert_eq!(names(&body), ["access_token", "expires_in", "refresh_token", "session_id", "token_type"]);
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(300)));
    let refresh = body["refresh_token"].as_str().unwrap();
    assert!(refresh.starts_with("ref_") && refresh.len() == 68, "48 bytes");

    let token = body["access_token"].as_str().unwrap();
    let head = header(token);
    assert_eq!(names(&head), ["alg", "kid", "typ"]);
    assert_eq!((&head["alg"], &head["typ"]), (&json!("ES256"), &json!("at+jwt")));
    assert_eq!(head["kid"].as_str().unwrap().len(), 16);
    let claims = claims(token);
    assert_eq!(
        names(&claims),
        ["amr", "aud", "auth_time", "client_id", "exp", "gen", "iat", "iss", "jti", "sid", "sub"],
        "ids, no personal data"
    );
    assert_eq!(
        (&claims["iss"], &claims["aud"], &claims["client_id"]),
        (&json!(ISSUER), &json!(ISSUER), &json!("app"))
    );
    assert_eq!((&claims["sub"], &claims["sid"]), (&json!(alice.id), &body["session_id"]));
    assert_eq!((&claims["amr"], &claims["gen"]), (&json!(["pwd"]), &json!(1)));
    let iat = claims["iat"].as_i64().unwrap();
    assert!((before..=time::millis() / 1000).contains(&iat));
    assert_eq!(claims["exp"], iat + 300);
    assert_eq!(claims["auth_time"], iat);
    assert!(token.len() <= 600, "{} bytes", token.len());
    // Every token has an id of its own.
    let other = server.tokens(&alice);
    assert_ne!(crate::people::claims(&other.access)["jti"], claims["jti"]);
}

#[test]
fn stateless_stores_nothing() {
    let server = server();
    let alice = server.person("alice");
    let cookie = server.cookie(&alice);
    let body = server.token_answer(&alice, json!({ "mode": "stateless", "scope": "read" }));
    assert_eq!(names(&body), ["access_token", "expires_in", "scope", "token_type"]);
    let claims = claims(body["access_token"].as_str().unwrap());
    assert!(claims.get("sid").is_none());
    assert_eq!((&claims["scope"], &claims["gen"]), (&json!("read"), &json!(1)));
    assert_eq!(server.sessions(&cookie).len(), 1);
    let body = server.token_answer(&alice, json!({ "mode": "session" }));
    assert!(body["refresh_token"].is_string());
    assert_eq!(server.sessions(&cookie).len(), 2);
}

#[test]
fn jc_10_a_token_is_for_its_audience_and_no_other() {
    let server = server();
    let alice = server.person("alice");
    let token = |audience: Value| {
        let body = server.token_answer(&alice, json!({ "audience": audience }));
        body["access_token"].as_str().unwrap().to_owned()
    };
    let api = token(json!("https://api.example.com"));
    assert_eq!(claims(&api)["aud"], "https://api.example.com");
    assert!(!server.opens(&Key::Bearer(api)), "`/v1` takes only what is for the issuer");
    let both = token(json!(["https://api.example.com", ISSUER]));
    assert_eq!(claims(&both)["aud"], json!(["https://api.example.com", ISSUER]));
    assert!(server.opens(&Key::Bearer(both)));
    assert_eq!(claims(&token(json!([ISSUER])))["aud"], ISSUER);
    assert_eq!(claims(&token(json!([])))["aud"], ISSUER, "nobody named: the issuer");
}

#[test]
fn what_is_not_configured_is_refused_before_the_password_is_looked_at() {
    let server = server();
    let alice = server.person("alice");
    for password in [alice.password.as_str(), "not the password at all"] {
        let ask = |name: &str, value: Value| {
            let body = json!({ "identifier": "alice", "password": password, name: value });
            server.post("/v1/tokens").json(body).send()
        };
        for audience in
            [json!("https://elsewhere.example.com"), json!([ISSUER, "x"]), json!("HTTPS://API.EXAMPLE.COM")]
        {
            ask("audience", audience).problem(400, "invalid_target");
        }
        for scope in ["admin", "read admin", "revocations", "openid"] {
            ask("scope", json!(scope)).problem(400, "invalid_scope");
        }
    }
    let body = server.token_answer(&alice, json!({ "scope": "write  read write" }));
    assert_eq!(body["scope"], "write read", "JC-19: each once");
}

#[test]
fn cr_29_bodies_that_are_not_understood_are_400() {
    let server = server();
    let alice = server.person("alice");
    let good = format!(r#""identifier":"alice","password":"{}""#, alice.password);
    for body in [
        "{".to_owned(),
        "[]".into(),
        format!(r#"{{{good},"mode":"cookie"}}"#),
        format!(r#"{{{good},"mode":"SESSION"}}"#),
        format!(r#"{{{good},"mode":null}}"#),
        format!(r#"{{{good},"remember":true}}"#),
        format!(r#"{{{good},"scope":["read"]}}"#),
        format!(r#"{{{good},"audience":{{}}}}"#),
        format!(r#"{{{good},"audience":[["x"]]}}"#),
        format!(r#"{{{good},"password":"x"}}"#),
        format!(r#"{{{good},"client_id":"app"}}"#),
    ] {
        server.post("/v1/tokens").body("application/json", body).send().problem(400, "invalid_request");
    }
    for media_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json;charset=utf-7",
        "application/jwt",
    ] {
        let body = format!("{{{good}}}");
        server.post("/v1/tokens").body(media_type, body).send().problem(415, "unsupported_media_type");
    }
    server.post("/v1/tokens").untyped(format!("{{{good}}}")).send().problem(415, "unsupported_media_type");
}

#[test]
fn a_cookie_is_never_read() {
    let server = server();
    let alice = server.person("alice");
    let cookie = server.cookie(&alice);
    let body = json!({ "identifier": "alice", "password": alice.password });
    // From wherever it comes: there is no cookie to abuse. And the session beside it stays.
    server
        .post("/v1/tokens")
        .cookie(&cookie)
        .field("Sec-Fetch-Site", "cross-site")
        .field("Origin", "https://attacker.example")
        .json(body)
        .send()
        .gives(201);
    assert!(server.opens(&Key::Cookie(cookie)));
}

#[test]
fn a_claim_may_be_mapped_from_the_profile() {
    let server = TestServer::with(|settings| settings.set("token.claims", r#"{ name = "display" }"#));
    let alice = server.person("alice");
    let cookie = server.cookie(&alice);
    assert!(claims(&server.tokens(&alice).access).get("name").is_none());
    let body = json!({ "profile": { "display": "Alice", "hidden": "yes" } });
    server.patch("/v1/me").cookie(&cookie).json(body).send().gives(200);
    let token = server.tokens(&alice);
    let read = claims(&token.access);
    assert_eq!(read["name"], "Alice");
    assert!(!read.to_string().contains("hidden"));
    assert!(server.opens(&Key::Bearer(token.access)));
}
