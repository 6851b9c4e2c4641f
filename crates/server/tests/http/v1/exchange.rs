//! `POST /v1/sessions/current/token`: cookie → token.

use serde_json::json;

use crate::{
    people::{Key, claims, names},
    server::{ISSUER, TestServer},
};

const PATH: &str = "/v1/sessions/current/token";

fn server() -> TestServer {
    TestServer::with(|settings| {
        settings.set("token.scopes", r#"["read", "write"]"#);
        settings.set("token.audiences", r#"["https://api.example.com", "https://other.example.com"]"#);
    })
}

#[test]
fn the_token_is_of_the_same_session() {
    let server = server();
    let alice = server.person("alice");
    let cookie = server.cookie(&alice);
    let session = server.sessions(&cookie)[0].clone();
    // JSON, a form, and nothing at all: three ways to wish for nothing.
    let answers = [
        server.post(PATH).cookie(&cookie).json(json!({})).send(),
        server.post(PATH).cookie(&cookie).same_origin().form(&[]).send(),
        server.post(PATH).cookie(&cookie).same_origin().send(),
    ];
    for answer in answers {
        assert!(answer.cookies().is_empty());
        let body = answer.gives(200);
        assert_eq!(
            names(&body),
            ["access_token", "expires_in", "session_id", "token_type"],
            "no refresh token"
        );
        assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(300)));
        assert_eq!(body["session_id"], session["id"]);
        let token = body["access_token"].as_str().unwrap();
        let claims = claims(token);
        assert_eq!(
            (&claims["sid"], &claims["sub"], &claims["aud"]),
            (&session["id"], &json!(alice.id), &json!(ISSUER))
        );
        assert!(claims.get("scope").is_none());
        let me = server.me(&Key::Bearer(token.to_owned())).gives(200);
        assert_eq!((&me["via"], &me["session_id"]), (&json!("bearer"), &session["id"]));
    }
    assert_eq!(server.sessions(&cookie).len(), 1, "no session more");
}

#[test]
fn audience_and_scope_are_those_that_are_configured() {
    let server = server();
    let alice = server.person("alice");
    let cookie = server.cookie(&alice);
    let ask = |body| server.post(PATH).cookie(&cookie).json(body).send();
    let body = ask(json!({ "audience": "https://api.example.com", "scope": "write read" })).gives(200);
    assert_eq!(names(&body), ["access_token", "expires_in", "scope", "session_id", "token_type"]);
    assert_eq!(body["scope"], "write read");
    let token = body["access_token"].as_str().unwrap().to_owned();
    assert_eq!(claims(&token)["aud"], "https://api.example.com");
    assert_eq!(claims(&token)["scope"], "write read");
    // For somebody else: here it opens nothing.
    assert!(!server.opens(&Key::Bearer(token)));

    let form = [("audience", "https://api.example.com"), ("audience", ISSUER), ("scope", "read")];
    let body = server.post(PATH).cookie(&cookie).same_origin().form(&form).send().gives(200);
    let token = body["access_token"].as_str().unwrap().to_owned();
    assert_eq!(claims(&token)["aud"], json!(["https://api.example.com", ISSUER]));
    assert!(server.opens(&Key::Bearer(token)));

    ask(json!({ "audience": "https://elsewhere.example.com" })).problem(400, "invalid_target");
    ask(json!({ "audience": [ISSUER, "https://elsewhere.example.com"] })).problem(400, "invalid_target");
    ask(json!({ "audience": "https://api.example.com/" })).problem(400, "invalid_target");
    for scope in ["admin", "read admin", "READ", "read,write", "read\twrite", "*", "introspect", "check"] {
        ask(json!({ "scope": scope })).problem(400, "invalid_scope");
    }
    // An empty parameter counts as absent.
    assert!(ask(json!({ "scope": "" })).gives(200).get("scope").is_none());
    let empty = [("audience", ""), ("scope", "")];
    server.post(PATH).cookie(&cookie).same_origin().form(&empty).send().gives(200);
}

#[test]
fn by_bearer_it_is_403_whatever_else_is_wrong() {
    let server = server();
    let alice = server.person("alice");
    let cookie = server.cookie(&alice);
    for token in [server.exchange(&cookie), server.tokens(&alice).access, server.stateless(&alice)] {
        server.post(PATH).bearer(&token).json(json!({})).send().problem(403, "forbidden");
        server.post(PATH).bearer(&token).body("text/plain", "x").send().problem(403, "forbidden");
        server.post(PATH).bearer(&token).json(json!({ "scope": "admin" })).send().problem(403, "forbidden");
        // The cookie beside it changes nothing: the bearer outranks it.
        server.post(PATH).bearer(&token).cookie(&cookie).json(json!({})).send().problem(403, "forbidden");
        // BT: so it does in a form body.
        let in_form = || server.post(PATH).form(&[("access_token", &token)]);
        in_form().send().problem(403, "forbidden");
        in_form().cookie(&cookie).same_origin().send().problem(403, "forbidden");
        in_form().bearer(&token).send().problem(400, "invalid_request");
    }
    let junk = || server.post(PATH).form(&[("access_token", "junk")]);
    junk().send().problem(401, "invalid_token");
    junk().cookie(&cookie).same_origin().send().problem(401, "invalid_token");
    server.post(PATH).json(json!({})).send().problem(401, "no_session");
    server.post(PATH).bearer("junk").json(json!({})).send().problem(401, "invalid_token");
}

#[test]
fn bodies_that_are_not_understood_are_refused() {
    let server = server();
    let cookie = server.cookie(&server.person("alice"));
    let post = || server.post(PATH).cookie(&cookie).same_origin();
    for body in [
        json!({ "audience": 1 }),
        json!({ "audience": null }),
        json!({ "audience": [1] }),
        json!({ "scope": ["read"] }),
        json!({ "lifetime": 1 }),
    ] {
        post().json(body).send().problem(400, "invalid_request");
    }
    for body in ["", "[]", "null", r#"{"scope":"read","scope":"write"}"#, "scope=read"] {
        post().body("application/json", body).send().problem(400, "invalid_request");
    }
    for fields in [vec![("scope", "read"), ("scope", "read")], vec![("lifetime", "1")]] {
        let status = post().form(&fields).send().status;
        assert!(matches!(status, 400), "{fields:?}: {status}");
    }
    // CS-07: what is no JSON and no form is 415, a body without a type too.
    for media_type in
        ["text/plain", "application/xml", "multipart/form-data; boundary=x", "text/plain; application/json"]
    {
        post().body(media_type, "{}").send().problem(415, "unsupported_media_type");
    }
    post().untyped(r#"{"scope":"read"}"#).send().problem(415, "unsupported_media_type");
    post()
        .field("Content-Type", "application/json")
        .json(json!({}))
        .send()
        .problem(415, "unsupported_media_type");
}

#[test]
fn a_token_never_outlives_its_session() {
    let server = TestServer::with(|settings| {
        settings.set("session.absolute", "\"90s\"");
        settings.set("session.idle", "\"90s\"");
    });
    let cookie = server.cookie(&server.person("alice"));
    let body = server.post(PATH).cookie(&cookie).json(json!({})).send().gives(200);
    let expires_in = body["expires_in"].as_i64().unwrap();
    assert!((80..=90).contains(&expires_in), "{expires_in}");
    let token = claims(body["access_token"].as_str().unwrap());
    let session = server.sessions(&cookie)[0].clone();
    let end = crate::time::parse(session["expires_at"].as_str().unwrap());
    assert!(token["exp"].as_i64().unwrap() * 1000 <= end, "{token} {session}");
}
