//! CORS: which other origins may read answers, and that none ever may with a cookie (CS).

use serde_json::json;

use super::ROUTES;
use crate::{raw::Answer, server::TestServer};

const APP: &str = "https://app.example.com";
const FOREIGN: &str = "https://attacker.example";
const EXPOSED: &str = "WWW-Authenticate, DPoP-Nonce, Retry-After";

fn server() -> TestServer {
    TestServer::with(|settings| settings.set("cors.origins", format!("[{APP:?}]")))
}

fn allowed(answer: &Answer) -> Option<&str> {
    assert_eq!(answer.field("access-control-allow-credentials"), None, "never with credentials");
    answer.field("access-control-allow-origin")
}

/// `+` anybody, `L` the listed, `B` the listed by bearer, `-` nobody.
fn kind(path: &str) -> char {
    match path {
        "/v1/tokens" => 'L',
        path if path.starts_with("/oauth/") => 'L',
        path if path.starts_with("/v1/") => 'B',
        path if path.starts_with("/.well-known/") => '+',
        _ => '-',
    }
}

#[test]
fn cs_18_cs_19_answers_and_refusals_are_shared_alike() {
    let server = server();
    let alice = server.person("alice");
    let (cookie, token) = (server.cookie(&alice), server.tokens(&alice).access);
    for route in ROUTES {
        let kind = kind(route.path);
        // Methods that the route does not take are refusals too. (Nothing is ended: DELETE is asked without a credential.)
        for method in ["GET", "POST", "PATCH", "DELETE", "BREW"] {
            let ask = |origin: Option<&str>, credential: &str| {
                let mut request = server.request(method, route.path);
                if let Some(origin) = origin {
                    request = request.field("Origin", origin);
                }
                match credential {
                    "cookie" if method != "DELETE" => request.cookie(&cookie).same_origin().send(),
                    "bearer" if method != "DELETE" => request.bearer(&token).send(),
                    "bearer" => request.bearer("junk").send(),
                    _ => request.send(),
                }
            };
            for credential in ["none", "cookie", "bearer"] {
                let shown = format!("{method} {} {credential}", route.path);
                let listed = ask(Some(APP), credential);
                let expected = match kind {
                    '+' => Some("*"),
                    'L' => Some(APP),
                    'B' if credential == "bearer" => Some(APP),
                    _ => None,
                };
                assert_eq!(allowed(&listed), expected, "{shown}");
                assert_eq!(
                    listed.field("access-control-expose-headers"),
                    expected.map(|_| EXPOSED),
                    "{shown}"
                );
                let foreign = ask(Some(FOREIGN), credential);
                assert_eq!(allowed(&foreign), (kind == '+').then_some("*"), "{shown}");
                assert_eq!(allowed(&ask(None, credential)), (kind == '+').then_some("*"), "{shown}");
                assert_eq!(allowed(&ask(Some("null"), credential)), (kind == '+').then_some("*"), "{shown}");
                // A cache must not hand one origin's answer to another.
                if matches!(kind, 'L' | 'B') {
                    for answer in [&listed, &foreign] {
                        let vary = answer.all("vary").join(", ");
                        assert!(vary.split(", ").any(|name| name == "Origin"), "{shown}: {vary}");
                    }
                }
            }
        }
    }
}

#[test]
fn cs_17_preflights_are_answered_before_any_handler() {
    let server = server();
    let alice = server.person("alice");
    let cookie = server.cookie(&alice);
    for route in ROUTES {
        let kind = kind(route.path);
        let preflight = |origin: &str, method: &str, headers: &str| {
            let request = server.request("OPTIONS", route.path).field("Origin", origin);
            let request = request.field("Access-Control-Request-Method", method);
            let request = request.field("Access-Control-Request-Headers", headers);
            let answer = request.cookie(&cookie).send().is(204);
            assert!(answer.body.is_empty());
            answer
        };
        let good = preflight(APP, route.methods[0], "authorization, content-type, dpop");
        if kind == '-' {
            assert_eq!(allowed(&good), None, "{}", route.path);
            continue;
        }
        assert_eq!(allowed(&good), Some(if kind == '+' { "*" } else { APP }), "{}", route.path);
        assert_eq!(good.field("access-control-allow-headers"), Some("Authorization, DPoP, Content-Type"));
        assert_eq!(good.field("access-control-allow-methods"), Some(route.methods.join(", ").as_str()));
        for refused in [
            preflight(APP, "PUT", "authorization"),
            preflight(APP, route.methods[0], "authorization, x-other"),
            preflight(APP, route.methods[0], "cookie"),
        ] {
            assert_eq!(allowed(&refused), None, "{}", route.path);
            assert_eq!(refused.field("access-control-allow-methods"), None);
        }
        if kind != '+' {
            assert_eq!(
                allowed(&preflight(FOREIGN, route.methods[0], "authorization")),
                None,
                "{}",
                route.path
            );
            assert_eq!(allowed(&preflight("https://APP.example.com", route.methods[0], "")), None);
            assert_eq!(allowed(&preflight("https://app.example.com:443", route.methods[0], "")), None);
        }
        let private = server
            .request("OPTIONS", route.path)
            .field("Origin", APP)
            .field("Access-Control-Request-Method", route.methods[0])
            .field("Access-Control-Request-Private-Network", "true");
        let answer = private.send().is(204);
        assert_eq!((allowed(&answer), answer.field("access-control-allow-private-network")), (None, None));
    }
    server.get("/v1/me").cookie(&cookie).send().gives(200);
}

/// What the listener refuses before the router has it can be read by a listed page as well. (Not what it refuses before it has the
/// whole head: who asks stands in there.)
#[test]
fn cs_18_the_listeners_own_refusals_are_shared_alike() {
    let server = server();
    let token = server.tokens(&server.person("alice")).access;
    let large = vec![b'x'; 70_000];
    for (origin, expected) in [(APP, Some(APP)), (FOREIGN, None)] {
        let post =
            |path: &str| server.post(path).body("application/json", large.clone()).field("Origin", origin);
        for answer in [
            post("/v1/tokens").send().is(413),
            post("/oauth/token").send().is(413),
            server.request("TRACE", "/v1/me").bearer(&token).field("Origin", origin).send().is(405),
        ] {
            assert_eq!(allowed(&answer), expected, "{}", answer.comparable());
            assert_eq!(answer.field("access-control-allow-credentials"), None);
        }
        // By cookie nothing is shared, whoever asks.
        assert_eq!(allowed(&post("/v1/users").send().is(413)), None);
    }
}

#[test]
fn nobody_is_listed_by_default() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let token = server.tokens(&alice).access;
    assert_eq!(allowed(&server.get("/v1/me").bearer(&token).field("Origin", APP).send().is(200)), None);
    let body = json!({ "identifier": "alice", "password": alice.password });
    assert_eq!(allowed(&server.post("/v1/tokens").field("Origin", APP).json(body).send().is(201)), None);
    let preflight = server.request("OPTIONS", "/v1/tokens").field("Origin", APP);
    assert_eq!(allowed(&preflight.field("Access-Control-Request-Method", "POST").send()), None);
    // An origin that is trusted to write is not thereby one that may read.
    let server = TestServer::with(|settings| settings.set("csrf.trusted_origins", format!("[{APP:?}]")));
    let token = server.tokens(&server.person("alice")).access;
    assert_eq!(allowed(&server.get("/v1/me").bearer(&token).field("Origin", APP).send().is(200)), None);
}

#[test]
fn cs_21_there_is_no_jsonp() {
    let server = TestServer::start();
    let cookie = server.cookie(&server.person("alice"));
    server.get("/v1/me?callback=x").cookie(&cookie).send().problem(400, "invalid_request");
    let answer = server.get("/.well-known/jwks.json?callback=x").send().is(200);
    assert!(answer.text().starts_with('{'));
}
