//! The order of checks: limits → route, method → two bearer transports → CSRF → credential → right → media type → body. Each request
//! below is wrong in several ways and is told the first.

use serde_json::json;

use super::with_somebody;
use crate::{client::Request, server::TestServer};

/// Adds what is wrong behind a step, so that only the step's own answer can come.
type Wrong = fn(Request<'_>) -> Request<'_>;

const TWO_TRANSPORTS: Wrong =
    |request| request.field("Authorization", "Bearer a").field("Authorization", "Bearer b");
const ELSEWHERE: Wrong =
    |request| request.field("Sec-Fetch-Site", "cross-site").field("Origin", "https://attacker.example");
const DEAD_COOKIE: Wrong = |request| request.cookie("ses_dead");
const MEDIA_TYPE: Wrong = |request| request.body("text/csv", "{");
const BODY: Wrong = |request| request.body("application/json", "{");

#[test]
fn limits_come_before_everything() {
    let server = TestServer::start();
    let wrong = |request| ELSEWHERE(TWO_TRANSPORTS(request));
    for path in ["/v1/nothing", "/v1/me", "/v1/sessions"] {
        let long = format!("{path}?{}", "x".repeat(9 * 1024));
        wrong(server.post(&long)).send().problem(414, "uri_too_long");
        wrong(server.post(path))
            .body("text/csv", vec![b'x'; 65 * 1024])
            .send()
            .problem(413, "payload_too_large");
        wrong(server.post(path))
            .field("X-Large", &"x".repeat(17 * 1024))
            .send()
            .problem(431, "headers_too_large");
    }
    wrong(server.post("/oauth/token"))
        .body("text/csv", vec![b'x'; 65 * 1024])
        .send()
        .oauth_error(413, "invalid_request");
}

#[test]
fn route_and_method_come_before_the_two_transports() {
    let server = TestServer::start();
    for wrong in [TWO_TRANSPORTS, ELSEWHERE, DEAD_COOKIE, MEDIA_TYPE] {
        wrong(server.post("/v1/nothing")).send().problem(404, "not_found");
        wrong(server.request("PUT", "/v1/me")).send().problem(405, "method_not_allowed");
        wrong(server.post("/oauth/nothing")).send().oauth_error(404, "invalid_request");
    }
}

#[test]
fn two_transports_come_before_csrf() {
    let (server, cookie, token) = with_somebody();
    for path in
        ["/v1/me/password", "/v1/sessions", "/v1/sessions/current/token", "/v1/sessions/current/confirm"]
    {
        let request = TWO_TRANSPORTS(server.post(path).cookie(&cookie));
        MEDIA_TYPE(ELSEWHERE(request)).send().problem(400, "invalid_request");
    }
    // In a form the second transport is seen where the form is read.
    let form = [("access_token", token.as_str())];
    let request = ELSEWHERE(server.post("/v1/me").cookie(&cookie).bearer(&token)).form(&form);
    request.send().problem(400, "invalid_request");
}

#[test]
fn csrf_comes_before_the_credential() {
    let (server, cookie, _) = with_somebody();
    for (method, path) in super::protected() {
        if method == "GET" {
            continue;
        }
        for cookie in [cookie.as_str(), "ses_dead"] {
            let request = ELSEWHERE(server.request(method, path).cookie(cookie));
            MEDIA_TYPE(request).send().problem(403, "csrf_rejected");
        }
    }
    // A login too, before anything of it is read.
    BODY(ELSEWHERE(server.post("/v1/sessions"))).send().problem(403, "csrf_rejected");
    MEDIA_TYPE(ELSEWHERE(server.post("/v1/sessions"))).send().problem(403, "csrf_rejected");
}

#[test]
fn the_credential_comes_before_right_media_type_and_body() {
    let server = TestServer::start();
    for (method, path) in super::protected() {
        if method == "GET" || method == "DELETE" {
            continue;
        }
        MEDIA_TYPE(DEAD_COOKIE(server.request(method, path))).same_origin().send().problem(401, "no_session");
        BODY(server.request(method, path)).send().problem(401, "no_session");
        MEDIA_TYPE(server.request(method, path).bearer("junk")).send().problem(401, "invalid_token");
    }
    MEDIA_TYPE(server.post("/oauth/introspect")).send().oauth_error(401, "invalid_client");
    for path in ["/oauth/token", "/oauth/revoke", "/oauth/introspect"] {
        MEDIA_TYPE(server.post(path).basic("nobody", "key_nobody")).send().oauth_error(401, "invalid_client");
    }
}

#[test]
fn the_right_comes_before_media_type_and_body() {
    let (server, cookie, _) = with_somebody();
    let exchanged = server.exchange(&cookie);
    for path in ["/v1/sessions/current/token", "/v1/sessions/current/confirm", "/v1/me/password"] {
        for wrong in [MEDIA_TYPE, BODY] {
            wrong(server.post(path).bearer(&exchanged)).send().problem(403, "forbidden");
        }
        let body = server.post(&format!("{path}?x=1")).bearer(&exchanged).json(json!({}));
        body.send().problem(403, "forbidden");
    }
    server.delete("/v1/sessions/no-id?x=1").cookie(&cookie).send().problem(404, "not_found");
}

#[test]
fn the_media_type_comes_before_the_body() {
    let (server, cookie, _) = with_somebody();
    for (method, path) in [
        ("POST", "/v1/users"),
        ("POST", "/v1/sessions"),
        ("POST", "/v1/tokens"),
        ("POST", "/v1/me"),
        ("PATCH", "/v1/me"),
        ("POST", "/v1/me/password"),
        ("POST", "/v1/sessions/current/confirm"),
        ("POST", "/v1/sessions/current/token"),
        ("POST", "/v1/grants"),
    ] {
        let request = || server.request(method, path).cookie(&cookie).same_origin();
        MEDIA_TYPE(request()).send().problem(415, "unsupported_media_type");
        if path == "/v1/me" && method == "POST" {
            request().body(crate::client::FORM, "a=%").send().problem(400, "invalid_request");
        } else {
            BODY(request()).send().problem(400, "invalid_request");
        }
    }
    for path in ["/oauth/token", "/oauth/revoke"] {
        MEDIA_TYPE(server.post(path)).send().oauth_error(415, "invalid_request");
        server.post(path).body(crate::client::FORM, "a=%").send().oauth_error(400, "invalid_request");
    }
}

#[test]
fn nothing_of_it_changed_anything() {
    let (server, cookie, _) = with_somebody();
    let before = server.picture(&cookie);
    for (method, path) in super::protected() {
        for wrong in [TWO_TRANSPORTS, ELSEWHERE] {
            let refused = wrong(server.request(method, path).cookie(&cookie)).send();
            // Reading is allowed from everywhere.
            assert!(
                matches!(refused.status, 400 | 403) || method == "GET",
                "{method} {path}: {}",
                refused.status
            );
        }
        if matches!(method, "POST" | "PATCH") {
            BODY(server.request(method, path).cookie(&cookie)).send();
            MEDIA_TYPE(server.request(method, path).cookie(&cookie)).send();
        }
    }
    assert_eq!(server.picture(&cookie), before);
}
