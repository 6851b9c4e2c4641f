//! The CSRF rule as the extractors apply it (group CS of the catalogue). The rule's own table is in `src/csrf.rs`.

use crate::fake::*;
use std::sync::{Arc, atomic::Ordering::SeqCst};

/// Every route that reads or sets the cookie.
const BY_COOKIE: [&str; 7] =
    ["/either", "/cookie", "/optional/either", "/optional/cookie", "/form", "/login", "/thrice"];
const UNSAFE: [&str; 5] = ["POST", "PUT", "PATCH", "DELETE", "BREW"];
const ATTACKER: (&str, &str) = ("origin", "https://attacker.example");

/// What is refused here is refused on every route by cookie, in every unsafe method, and no handler runs.
async fn refused_everywhere(fields: &[(&str, &str)]) {
    let fake = Arc::new(Fake::new());
    let app = app(&fake);
    let live = fake.live();
    let mut fields = fields.to_vec();
    fields.push(("cookie", &live));
    for route in BY_COOKIE {
        for method in UNSAFE {
            send(&app, method, route, &fields, "").await.is(403, "csrf_rejected");
        }
        assert_eq!(
            get(&app, route, &fields).await.status,
            200,
            "links from elsewhere work: {route} {fields:?}"
        );
    }
    assert_eq!(fake.handled.load(SeqCst), BY_COOKIE.len());
    assert_eq!(fake.asks(), 0);
}

/// What passes, passes everywhere.
async fn passes_everywhere(fields: &[(&str, &str)]) {
    let fake = Arc::new(Fake::new());
    let app = app(&fake);
    let live = fake.live();
    let mut fields = fields.to_vec();
    fields.push(("cookie", &live));
    for route in BY_COOKIE {
        for method in UNSAFE {
            assert_eq!(
                send(&app, method, route, &fields, "").await.status,
                200,
                "{method} {route} {fields:?}"
            );
        }
    }
}

#[tokio::test]
async fn cs_01_a_cross_site_form_is_refused() {
    refused_everywhere(&[("sec-fetch-site", "cross-site"), ATTACKER, ("content-type", FORM)]).await;
}

#[tokio::test]
async fn cs_02_a_sibling_subdomain_is_refused_unless_its_origin_is_listed() {
    refused_everywhere(&[("sec-fetch-site", "same-site"), ("origin", "https://www.id.example")]).await;
    refused_everywhere(&[("sec-fetch-site", "same-site")]).await;
    passes_everywhere(&[("sec-fetch-site", "same-site"), ("origin", "https://app.example")]).await;
}

#[tokio::test]
async fn cs_03_without_sec_fetch_site_the_origin_decides() {
    refused_everywhere(&[ATTACKER]).await;
    refused_everywhere(&[ATTACKER, ("content-type", "application/json")]).await;
    refused_everywhere(&[("content-type", FORM), ("referer", "https://attacker.example/")]).await;
    refused_everywhere(&[("content-type", FORM)]).await;
    passes_everywhere(&[("origin", "https://id.example")]).await;
    passes_everywhere(&[("origin", "https://app.example")]).await;
}

#[tokio::test]
async fn cs_05_origins_that_look_alike_are_refused() {
    for origin in [
        "https://id.example.evil.test",
        "https://evil-id.example",
        "http://id.example",
        "https://id.example:8443",
        "https://x@id.example",
        "https://id.example.",
        "https://ID.example",
        "https://xn--d-jga.example",
        "null",
        "",
    ] {
        refused_everywhere(&[("origin", origin)]).await;
    }
}

#[tokio::test]
async fn cs_06_repeated_headers_are_refused() {
    refused_everywhere(&[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")]).await;
    refused_everywhere(&[("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-origin")]).await;
    refused_everywhere(&[("origin", "https://id.example"), ATTACKER]).await;
    refused_everywhere(&[
        ("sec-fetch-site", "none"),
        ("origin", "https://id.example"),
        ("origin", "https://id.example"),
    ])
    .await;
}

/// What is JSON and what is not is for the handler to say (415). Here: what any page can send does not reach it.
#[tokio::test]
async fn cs_07_bodies_that_need_no_preflight_are_refused_with_a_cookie_and_without_fetch_metadata() {
    let fake = Arc::new(Fake::new());
    let app = app(&fake);
    let live = fake.live();
    for kind in [Some("text/plain"), Some(FORM), None, Some(""), Some("text/plain; application/json")] {
        let mut fields = vec![("cookie", live.as_str())];
        fields.extend(kind.map(|kind| ("content-type", kind)));
        for route in BY_COOKIE {
            send(&app, "POST", route, &fields, "{}").await.is(403, "csrf_rejected");
        }
    }
    assert_eq!(fake.handled.load(SeqCst), 0);
    for kind in ["application/json", "application/json;charset=utf-7"] {
        send(&app, "POST", "/either", &[("cookie", &live), ("content-type", kind)], "{}")
            .await
            .is_ok("cookie ");
    }
}

#[tokio::test]
async fn cs_11_a_login_from_elsewhere_is_refused_without_a_cookie_too() {
    let fake = Arc::new(Fake::new());
    let app = app(&fake);
    for fields in
        [&[("sec-fetch-site", "cross-site")][..], &[ATTACKER], &[("sec-fetch-site", "same-site"), ATTACKER]]
    {
        send(&app, "POST", "/login", fields, "").await.is(403, "csrf_rejected");
    }
    assert_eq!(fake.handled.load(SeqCst), 0);
    send(&app, "POST", "/login", &[], "").await.is_ok("logged in");
    send(&app, "POST", "/login", &[("sec-fetch-site", "same-origin")], "").await.is_ok("logged in");
}

#[tokio::test]
async fn cs_27_a_client_with_a_token_needs_no_headers_and_is_not_asked_for_any() {
    let fake = Arc::new(Fake::new());
    let app = app(&fake);
    let good = format!("Bearer {GOOD}");
    for route in ["/either", "/bearer", "/optional/either", "/optional/bearer"] {
        for extra in [vec![], vec![("sec-fetch-site", "cross-site"), ATTACKER], vec![("content-type", FORM)]]
        {
            let mut fields = vec![("authorization", good.as_str())];
            fields.extend(extra);
            send(&app, "POST", route, &fields, "").await.is_ok("bearer ");
        }
    }
}

#[tokio::test]
async fn the_order_is_transports_then_csrf_then_credential() {
    let fake = Arc::new(Fake::new());
    let app = app(&fake);
    let cross = ("sec-fetch-site", "cross-site");
    // Two roads and a write from elsewhere: 400.
    for route in ALL {
        let two = [("authorization", "Bearer x"), ("authorization", "Bearer x"), cross];
        send(&app, "POST", route, &two, "").await.is(400, "invalid_request");
    }
    // A write from elsewhere and no login, or a dead one: 403.
    let ended = fake.ended();
    for fields in
        [vec![cross], vec![cross, ("cookie", ended.as_str())], vec![cross, ("cookie", "__Host-symbolon=x")]]
    {
        for route in BY_COOKIE {
            send(&app, "POST", route, &fields, "").await.is(403, "csrf_rejected");
        }
    }
    assert_eq!(fake.recalls.load(SeqCst), 0, "nobody was asked about the credential");
    // From here, and no login: 401.
    for route in ["/either", "/cookie", "/form", "/thrice"] {
        let own = [("sec-fetch-site", "same-origin"), ("cookie", ended.as_str())];
        send(&app, "POST", route, &own, "").await.is(401, "no_session");
    }
    // The bearer extractor does not read the cookie, and so has no such rule.
    send(&app, "POST", "/bearer", &[cross, ("cookie", &fake.live())], "").await.is(401, "no_session");
}

#[tokio::test]
async fn a_doubled_or_malformed_session_cookie_counts_as_present() {
    let fake = Arc::new(Fake::new());
    let app = app(&fake);
    let twice = format!("{0}; {0}", fake.live());
    for cookie in [twice.as_str(), "__Host-symbolon=x", "__Host-symbolon="] {
        send(&app, "POST", "/login", &[("cookie", cookie), ("content-type", FORM)], "")
            .await
            .is(403, "csrf_rejected");
    }
    send(&app, "POST", "/login", &[("cookie", "other=x"), ("content-type", FORM)], "")
        .await
        .is_ok("logged in");
}

/// Nothing that a sibling can put into cookie and field alike counts for anything: there is no token to double.
#[tokio::test]
async fn cs_13_a_doubled_value_is_no_proof_of_origin() {
    let fake = Arc::new(Fake::new());
    let app = app(&fake);
    let cookie = format!("{}; csrf=x; csrf_token=x; XSRF-TOKEN=x; __Host-csrf=x", fake.live());
    for (name, value) in [("sec-fetch-site", "same-site"), ("origin", "https://sibling.id.example")] {
        let fields = [
            ("cookie", &*cookie),
            (name, value),
            ("content-type", FORM),
            ("x-csrf-token", "x"),
            ("x-xsrf-token", "x"),
        ];
        send(&app, "POST", "/form", &fields, "csrf=x&csrf_token=x&_csrf=x").await.is(403, "csrf_rejected");
    }
    assert_eq!(fake.handled.load(SeqCst), 0);
}
