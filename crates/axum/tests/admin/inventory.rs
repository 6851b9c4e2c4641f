//! What holds at every route of the API, by the router's own list: a route that is added is held to it, or must be named here.

use axum::http::Method;

use super::with_root;
use crate::common::{Who, World};

/// What anybody may call: it proves something itself, or there is nothing to protect.
const OPEN: [(&str, &str); 10] = [
    ("POST", "/v1/users"),
    ("POST", "/v1/sessions"),
    ("POST", "/v1/tokens"),
    ("POST", "/oauth/token"),
    ("POST", "/oauth/revoke"),
    ("GET", "/.well-known/jwks.json"),
    ("GET", "/.well-known/oauth-authorization-server"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/openapi.json"),
];

/// What reads no cookie, and so knows no other site.
const NO_COOKIE: [&str; 3] = ["/v1/tokens", "/v1/revocations", "/v1/check"];

fn calls() -> impl Iterator<Item = (Method, &'static str, String)> {
    symbolon_axum::inventory().into_iter().flat_map(|(template, methods)| {
        let path = template
            .replace("{id}", "019a8207-6a30-7c51-b0f8-3d5c2a91e7b4")
            .replace("{kid}", "AAAAAAAAAAAAAAAA");
        methods.into_iter().map(move |method| (method, template, path.clone()))
    })
}

fn open(method: &Method, template: &str) -> bool {
    OPEN.contains(&(method.as_str(), template))
}

/// No part of the answer is about what is inside (LG-05).
fn tells_nothing(answer: &crate::common::Answer, place: &str) {
    let text = String::from_utf8_lossy(&answer.body).to_lowercase();
    for inside in [
        "sqlite",
        "select ",
        "panicked",
        "src/",
        ".rs:",
        "rusqlite",
        "serde",
        "expected `",
        "at line",
        "stack",
    ] {
        assert!(!text.contains(inside), "{place}: {inside} in {answer:?}");
    }
}

#[tokio::test]
async fn bt_01_every_route_wants_a_credential_but_those_that_are_named() {
    let (world, _) = with_root().await;
    for (method, template, path) in calls().filter(|(method, template, _)| !open(method, template)) {
        let answer = world.ask(method.as_str(), &path).await;
        let place = format!("{method} {template}: {answer:?}");
        assert_eq!(answer.status, 401, "{place}");
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(!challenge.contains("error="), "{place}: nothing was offered");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{place}");
    }
}

#[tokio::test]
async fn bt_17_other_methods_are_405_and_options_tells_nothing() {
    let (world, _) = with_root().await;
    for (template, methods) in symbolon_axum::inventory() {
        let path = template
            .replace("{id}", "019a8207-6a30-7c51-b0f8-3d5c2a91e7b4")
            .replace("{kid}", "AAAAAAAAAAAAAAAA");
        for other in ["PUT", "TRACE", "BREW", "PROPFIND"] {
            let answer = world.ask(other, &path).await;
            assert_eq!(answer.status, 405, "{other} {template} {answer:?}");
            let mut allowed: Vec<_> = answer.header("allow").unwrap().split(',').map(str::trim).collect();
            allowed.retain(|method| *method != "HEAD");
            let mut known: Vec<_> = methods.iter().map(Method::as_str).collect();
            allowed.sort_unstable();
            known.sort_unstable();
            assert_eq!(allowed, known, "{template}");
        }
        let answer = world.ask("OPTIONS", &path).await;
        assert_eq!(answer.status, 405, "without a preflight's fields: {template}");
        let reads = methods.contains(&Method::GET);
        let (head, get) = (world.ask("HEAD", &path).await, world.ask("GET", &path).await);
        assert_eq!((head.status, head.body.len()), (get.status, 0), "{template}");
        assert_eq!(get.status == 405, !reads, "CS-10: GET is nothing but reading: {template}");
    }
}

#[tokio::test]
async fn cs_17_no_preflight_from_an_origin_that_nobody_listed_is_permitted() {
    let (world, _) = with_root().await;
    for (method, template, path) in calls() {
        let answer = world
            .ask("OPTIONS", &path)
            .header("origin", "https://evil.example")
            .header("access-control-request-method", method.as_str())
            .header("access-control-request-headers", "authorization, x-evil")
            .header("access-control-request-private-network", "true")
            .await;
        let place = format!("{method} {template}: {answer:?}");
        assert!(answer.body.is_empty(), "{place}");
        for name in answer.headers.keys().map(axum::http::HeaderName::as_str) {
            let allows = name.starts_with("access-control-allow");
            // Key set and metadata are everybody's (CS-19).
            assert!(!allows || template.starts_with("/.well-known/"), "{place}");
        }
        assert!(answer.header("access-control-allow-credentials").is_none(), "{place}");
    }
}

#[tokio::test]
async fn cs_01_no_write_by_cookie_comes_from_another_site() {
    let (world, _) = with_root().await;
    let Who::Cookie(cookie) = world.cookie("root").await else { unreachable!() };
    let writes = calls().filter(|(method, template, _)| {
        !method.is_safe()
            && !template.starts_with("/oauth/")
            && !NO_COOKIE.contains(template)
            && *template != "/v1/users"
    });
    let mut tried = 0;
    for (method, template, path) in writes {
        tried += 1;
        let answer = world
            .ask(method.as_str(), &path)
            .header("cookie", &format!("symbolon={cookie}"))
            .header("sec-fetch-site", "cross-site")
            .header("origin", "https://evil.example")
            .await;
        assert_eq!(answer.said(), (403, "csrf_rejected".into()), "{method} {template}: {answer:?}");
    }
    assert!(tried > 12, "{tried}");
    assert_eq!(
        world.ask("GET", "/v1/me").by(&Who::Cookie(cookie)).await.status,
        200,
        "and nothing has happened"
    );
}

#[tokio::test]
async fn lg_05_whatever_is_refused_is_told_in_the_contracts_words() {
    let world = World::new().await;
    world.user("root", &["admin"]).await;
    for who in [Who::Nobody, world.cookie("root").await, Who::Bearer("a.b.c".into())] {
        for (method, template, path) in calls().filter(|(method, ..)| *method != Method::DELETE) {
            for body in ["", "{", "[]", "{\"a\":1,\"a\":2}", "{\"identifier\":17}", "\u{0}", "null"] {
                let answer = world
                    .ask(method.as_str(), &format!("{path}?x=%zz&x=1"))
                    .by(&who)
                    .raw("application/json", body)
                    .await;
                tells_nothing(&answer, template);
                if answer.status >= 400 && template.starts_with("/v1/") {
                    assert!(!answer.code().is_empty(), "{method} {template}: {answer:?}");
                    assert!(
                        symbolon_http::problem::CODES.iter().any(|(code, ..)| *code == answer.code()),
                        "{answer:?}"
                    );
                }
                assert!(answer.status < 500, "{method} {template}: {answer:?}");
            }
        }
    }
}
