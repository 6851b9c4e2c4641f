//! What every answer says besides itself: security headers, caching, no cookie where none belongs.

use super::{ROUTES, with_somebody};
use crate::{
    raw::Answer,
    server::{HTTPS, TestServer},
};

#[track_caller]
fn secure(answer: &Answer) {
    let shown = answer.comparable();
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'; sandbox"),
    ] {
        assert_eq!(answer.field(name), Some(value), "{name}: {shown}");
    }
    assert!(
        answer.field("permissions-policy").is_some()
            && answer.field("cross-origin-resource-policy").is_some()
    );
    assert!(answer.field("cache-control").is_some(), "{shown}");
}

#[test]
fn bt_14_ht_21_every_answer_of_the_api_is_guarded_and_none_about_a_login_is_kept() {
    let (server, cookie, token) = with_somebody();
    for route in ROUTES {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "OPTIONS"] {
            for credential in 0..3 {
                let request = server.request(method, route.path);
                let answer = match credential {
                    0 => request.send(),
                    1 => request.cookie(&cookie).same_origin().send(),
                    _ => request.bearer(&token).send(),
                };
                secure(&answer);
                let public = route.path.starts_with("/.well-known/") && matches!(answer.status, 200 | 304);
                let expected = if public { "public, max-age=900" } else { "no-store" };
                assert_eq!(answer.field("cache-control"), Some(expected), "{method} {}", route.path);
                assert!(answer.all("set-cookie").is_empty(), "{method} {}", route.path);
                assert_eq!(answer.field("strict-transport-security"), None, "only under https");
            }
        }
    }
    for path in ["/v1/nothing", "/oauth/nothing", "/v1/me/x.css"] {
        secure(&server.get(path).cookie(&cookie).send());
    }
}

#[test]
fn hsts_is_said_under_https() {
    let server = TestServer::with(|settings| settings.set("server.issuer", format!("{HTTPS:?}")));
    for request in [
        server.get("/v1/me"),
        server.get("/v1/nothing"),
        server.get("/.well-known/jwks.json"),
        server.post("/oauth/token"),
    ] {
        let answer = request.send();
        secure(&answer);
        assert_eq!(answer.field("strict-transport-security"), Some("max-age=63072000; includeSubDomains"));
    }
}

#[test]
fn answers_with_secrets_are_kept_by_nobody() {
    let server = TestServer::start();
    let alice = server.person("alice");
    for answer in [
        server.login(&alice),
        server
            .post("/v1/tokens")
            .json(serde_json::json!({ "identifier": "alice", "password": alice.password }))
            .send(),
        server.refresh(&server.tokens(&alice).refresh),
    ] {
        assert_eq!(answer.field("cache-control"), Some("no-store"), "RFC 6749 §5.1");
        assert!(answer.field("etag").is_none() && answer.field("last-modified").is_none());
        secure(&answer);
    }
}
