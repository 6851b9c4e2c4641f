//! The CSRF rule on every call that reads or sets a session cookie (CS). In all cases the handler does not run.

use serde_json::json;

use super::protected;
use crate::{
    client::{FORM, Request},
    people::Key,
    server::{HTTPS, ISSUER, TestServer, refused},
};

const TRUSTED: &str = "https://app.example.com";

fn server() -> TestServer {
    TestServer::with(|settings| settings.set("csrf.trusted_origins", format!("[{TRUSTED:?}]")))
}

/// The unsafe calls that a cookie authenticates.
fn writes() -> Vec<(&'static str, &'static str)> {
    protected().into_iter().filter(|(method, _)| *method != "GET").collect()
}

/// Whether a logout with these fields passes; it has no body, so only the fields decide.
fn passes(server: &TestServer, fields: &[(&str, &str)]) -> bool {
    let alice = crate::people::Person {
        id: String::new(),
        identifier: "alice".into(),
        password: "violet harbour 77 lantern quarry".into(),
    };
    if server.login(&alice).status == 401 {
        let body = json!({ "identifier": "alice", "password": alice.password });
        server.post("/v1/users").json(body).send().gives(201);
    }
    let cookie = server.cookie(&alice);
    let request = fields
        .iter()
        .fold(server.delete("/v1/sessions/current").cookie(&cookie), |request, (name, value)| {
            request.field(name, value)
        });
    let answer = request.send();
    if answer.status == 204 {
        assert!(!server.opens(&Key::Cookie(cookie)));
        return true;
    }
    assert!(answer.all("vary").contains(&"Sec-Fetch-Site, Origin"));
    answer.problem(403, "csrf_rejected");
    assert!(server.opens(&Key::Cookie(cookie.clone())), "the handler did not run");
    server.delete("/v1/sessions/current").cookie(&cookie).same_origin().send().no_content();
    false
}

#[test]
fn cs_01_cs_02_where_it_comes_from_decides() {
    let server = server();
    for (fields, expected) in [
        (vec![("Sec-Fetch-Site", "same-origin")], true),
        (vec![("Sec-Fetch-Site", "none")], true),
        (vec![("Sec-Fetch-Site", "same-origin"), ("Origin", "https://attacker.example")], true),
        (vec![("Sec-Fetch-Site", "cross-site")], false),
        (vec![("Sec-Fetch-Site", "same-site")], false),
        (vec![("Sec-Fetch-Site", "cross-site"), ("Origin", "https://attacker.example")], false),
        (vec![("Sec-Fetch-Site", "same-site"), ("Origin", "https://sibling.example.com")], false),
        (vec![("Sec-Fetch-Site", "Same-Origin")], false),
        (vec![("Sec-Fetch-Site", "")], false),
        (vec![("Sec-Fetch-Site", "same-origin, cross-site")], false),
        (vec![("Origin", ISSUER)], true),
        (vec![("Origin", TRUSTED)], true),
        (vec![("Sec-Fetch-Site", "cross-site"), ("Origin", TRUSTED)], true),
        (vec![("Sec-Fetch-Site", "cross-site"), ("Origin", ISSUER)], true),
        (vec![("Origin", "https://attacker.example")], false),
        (vec![("Origin", "null")], false),
        (vec![("Origin", "")], false),
        // With neither it is no browser's form: a DELETE needs a script, and a script is asked by a preflight first.
        (vec![], true),
        (vec![("Referer", "https://attacker.example/")], true),
        // CS-06
        (vec![("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "cross-site")], false),
        (vec![("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "same-origin")], false),
        (vec![("Origin", ISSUER), ("Origin", "https://attacker.example")], false),
        (vec![("Origin", ISSUER), ("Origin", ISSUER)], false),
    ] {
        assert_eq!(passes(&server, &fields), expected, "{fields:?}");
    }
}

#[test]
fn cs_05_origins_are_compared_exactly() {
    let server = TestServer::with(|settings| {
        settings.set("server.issuer", format!("{HTTPS:?}"));
        settings.set("csrf.trusted_origins", format!("[{TRUSTED:?}]"));
    });
    assert!(passes(&server, &[("Origin", HTTPS)]) && passes(&server, &[("Origin", TRUSTED)]));
    for origin in [
        "https://auth.example.com.evil.test",
        "https://evil-auth.example.com",
        "http://auth.example.com",
        "https://auth.example.com:8443",
        "https://auth.example.com:443",
        "https://user@auth.example.com",
        "https://auth.example.com.",
        "https://AUTH.example.com",
        "HTTPS://auth.example.com",
        "https://auth.example.com/",
        "https://auth.example.com/path",
        "https://xn--auth.example.com",
        "https://auth.example.co",
        "https://example.com",
        "auth.example.com",
        "//auth.example.com",
        "https://auth.example.com https://attacker.example",
        "https://app.example.com.evil.test",
        "http://app.example.com",
        "https://sub.app.example.com",
        "*",
    ] {
        assert!(!passes(&server, &[("Origin", origin)]), "{origin}");
    }
}

#[test]
fn cs_03_cs_07_with_neither_header_only_what_a_form_can_send_is_refused() {
    // CS-03 refuses all; CONTRACT: with neither header refused only when a session cookie is present and a form could have sent it.
    let server = server();
    let alice = server.person("bob");
    let body = json!({ "identifier": "bob", "password": alice.password }).to_string();
    let simple = [
        "text/plain",
        FORM,
        "multipart/form-data; boundary=x",
        "text/plain; application/json",
        "TEXT/PLAIN;charset=utf-8",
        "nonsense",
    ];
    let cookie = server.cookie(&alice);
    for media_type in simple {
        let post = || server.post("/v1/sessions").body(media_type, body.clone());
        post().cookie(&cookie).send().problem(403, "csrf_rejected");
        post().cookie("junk").send().problem(403, "csrf_rejected");
        // Without a cookie there is nobody to abuse; what it says is refused for what it is (CS-07).
        post().send().problem(415, "unsupported_media_type");
        post().cookie(&cookie).same_origin().send().problem(415, "unsupported_media_type");
    }
    // A POST without a type is what a `Blob` without one sends.
    server.post("/v1/sessions").cookie(&cookie).untyped(body.clone()).send().problem(403, "csrf_rejected");
    server.post("/v1/sessions/current/token").cookie(&cookie).send().problem(403, "csrf_rejected");
    server.post("/v1/sessions").untyped(body.clone()).send().problem(415, "unsupported_media_type");
    // JSON cannot be sent across sites without a preflight.
    server.post("/v1/sessions/current/token").cookie(&cookie).json(json!({})).send().gives(200);
    for media_type in [
        "application/json;charset=utf-7",
        "application/jsonp",
        "application/xml",
        "application/json, text/plain",
    ] {
        server
            .post("/v1/sessions")
            .cookie(&cookie)
            .body(media_type, body.clone())
            .send()
            .problem(415, "unsupported_media_type");
    }
    assert!(server.opens(&Key::Cookie(cookie)));
}

#[test]
fn cs_11_a_login_from_elsewhere_sets_no_session() {
    let server = server();
    let mallory = server.person("mallory");
    let post = || server.post("/v1/sessions");
    let body = json!({ "identifier": "mallory", "password": mallory.password });
    for request in [
        post().field("Sec-Fetch-Site", "cross-site"),
        post().field("Sec-Fetch-Site", "same-site"),
        post().field("Origin", "https://attacker.example"),
        post().field("Origin", "null"),
        post().field("Sec-Fetch-Site", "cross-site").bearer("junk"),
    ] {
        let answer = request.json(body.clone()).send();
        assert!(answer.all("set-cookie").is_empty());
        answer.problem(403, "csrf_rejected");
    }
    // CS-27: a program says nothing of the kind, and is let in.
    post().json(body.clone()).send().gives(201);
    post().field("Origin", ISSUER).json(body.clone()).send().gives(201);
    post().field("Origin", TRUSTED).field("Sec-Fetch-Site", "cross-site").json(body).send().gives(201);
}

#[test]
fn cs_14_cs_15_every_write_by_cookie_is_guarded_and_none_by_bearer() {
    let server = server();
    let alice = server.person("alice");
    let (cookie, token) = (server.cookie(&alice), server.tokens(&alice).access);
    let before = server.picture(&cookie);
    let elsewhere = |request: Request<'_>| {
        request.field("Sec-Fetch-Site", "cross-site").field("Origin", "https://attacker.example").send()
    };
    for (method, path) in writes() {
        elsewhere(server.request(method, path).cookie(&cookie)).problem(403, "csrf_rejected");
        // BT-11: a bearer beside the cookie turns nothing off; the cookie is just not read any more.
        elsewhere(server.request(method, path).cookie(&cookie).bearer("junk")).problem(401, "invalid_token");
    }
    assert_eq!(server.picture(&cookie), before);
    // CS-25: reading, and links from elsewhere.
    elsewhere(server.get("/v1/me").cookie(&cookie)).gives(200);
    elsewhere(server.patch("/v1/me").bearer(&token).json(json!({ "profile": { "a": 1 } }))).gives(200);
    elsewhere(server.delete("/v1/sessions/current").bearer(&token)).no_content();
}

#[test]
fn cs_09_the_method_is_the_method() {
    let server = server();
    let cookie = server.cookie(&server.person("alice"));
    let before = server.picture(&cookie);
    for name in ["X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"] {
        server.get("/v1/me").cookie(&cookie).field(name, "DELETE").send().gives(200);
        server.get("/v1/sessions/current").cookie(&cookie).field(name, "DELETE").send().gives(200);
        server
            .post("/v1/sessions/current")
            .cookie(&cookie)
            .same_origin()
            .field(name, "DELETE")
            .send()
            .problem(405, "method_not_allowed");
    }
    server.post("/v1/me").cookie(&cookie).same_origin().form(&[("_method", "DELETE")]).send().gives(200);
    server.get("/v1/me?_method=DELETE").cookie(&cookie).send().problem(400, "invalid_request");
    assert_eq!(server.picture(&cookie), before);
}

#[test]
fn cs_10_reading_changes_nothing() {
    let server = server();
    let cookie = server.cookie(&server.person("alice"));
    let before = server.picture(&cookie);
    for path in [
        "/v1/sessions/current/confirm",
        "/v1/sessions/current/token",
        "/v1/me/password",
        "/v1/users",
        "/v1/grants",
        "/v1/tokens",
    ] {
        for method in ["GET", "HEAD"] {
            server.request(method, path).cookie(&cookie).send().is(405);
        }
    }
    assert_eq!(server.picture(&cookie), before);
}

#[test]
fn malformed_origins_do_not_start() {
    let mut server = server();
    server.stop();
    for origin in
        ["*", "null", "app.example.com", "https://app.example.com/", "https://*.example.com", "https://a,b"]
    {
        let said = refused(server.command().env("SYMBOLON_CSRF_TRUSTED_ORIGINS", origin));
        assert!(said.contains("csrf.trusted_origins"), "{said}");
        let said = refused(server.command().env("SYMBOLON_CORS_ORIGINS", origin));
        assert!(said.contains("cors.origins"), "{said}");
    }
    server.up();
}
