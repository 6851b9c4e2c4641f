//! The headers of every page, and the files they load.

use crate::browser::{Answer, Browser, ORIGIN, PASSWORD, settings, site};
use crate::{ada, options, usual};
use symbolon_axum::Options;

const CSP: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// One answer of each sort: pages, forms that failed, redirects, errors.
async fn answers(router: &axum::Router) -> Vec<(&'static str, Answer)> {
    let mut ada = ada(router).await;
    let mut all = Vec::new();
    for path in [
        "/",
        "/login",
        "/confirm",
        "/register",
        "/logout",
        "/account",
        "/account/sessions",
        "/account/grants",
        "/nothing",
        "/account/profile",
    ] {
        all.push((path, ada.get(path).await));
    }
    let grant = [("label", "job")];
    all.push(("a job's tokens", ada.post("/account/grants", &grant).await));
    all.push(("redirect to the login", Browser::new(router).get("/account").await));
    all.push(("wrong login", ada.post("/login", &[("identifier", "ada"), ("password", "x")]).await));
    all.push(("csrf", ada.elsewhere("cross-site", "https://evil.example").post("/logout", &[]).await));
    all.push(("media type", ada.send("POST", "/login", &[], "").await));
    all.push(("bearer", ada.send("GET", "/", &[("authorization", "Bearer x")], "").await));
    all.push(("login", ada.post("/login", &[("identifier", "ada"), ("password", PASSWORD)]).await));
    all.push(("logout", ada.post("/logout", &[]).await));
    all
}

#[tokio::test]
async fn wp_03_wp_05_wp_06_every_page_has_the_headers() {
    let (_, router) = usual().await;
    for (name, answer) in answers(&router).await {
        assert_eq!(answer.header("content-security-policy"), CSP, "{name}");
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin", "{name}");
        assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin", "{name}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{name}");
        assert!(answer.header("permissions-policy").contains("camera=()"), "{name}");
        assert!(["same-origin", "no-referrer"].contains(&answer.header("referrer-policy")), "{name}");
        assert!(answer.headers.get("access-control-allow-origin").is_none(), "{name}");
        assert!(answer.headers.get("strict-transport-security").is_none(), "{name}: plain http");
        for field in answer
            .headers
            .keys()
            .filter(|field| !["set-cookie", "vary", "www-authenticate"].contains(&field.as_str()))
        {
            assert_eq!(answer.headers.get_all(field).iter().count(), 1, "{name}: {field}");
        }
    }
}

#[tokio::test]
async fn lg_15_no_page_is_kept() {
    let (_, router) = usual().await;
    for (name, answer) in answers(&router).await {
        assert_eq!(answer.header("cache-control"), "no-store", "{name}");
        assert!(answer.headers.get("etag").is_none(), "{name}");
    }
}

#[tokio::test]
async fn hsts_under_https_and_the_cookie_is_a_host_cookie() {
    let (_, router) = site(settings("https://auth.example"), options()).await;
    let mut ada = Browser::new(&router);
    assert!(ada.get("/").await.header("strict-transport-security").starts_with("max-age="));
    let registered = ada.register("", "ada").await;
    assert!(registered.sets("__Host-symbolon").unwrap().contains("; Secure"));
}

#[tokio::test]
async fn clear_site_data_comes_with_a_logout_where_it_is_set() {
    let (_, router) = site(settings(ORIGIN), Options { clear_site_data: true, ..options() }).await;
    let mut ada = ada(&router).await;
    assert_eq!(
        ada.post("/logout", &[]).await.header("clear-site-data"),
        "\"cache\", \"cookies\", \"storage\""
    );
}

#[tokio::test]
async fn wp_07_every_page_loads_only_what_is_served_here() {
    let (_, router) = site(settings(ORIGIN), Options { explore: true, ..options() }).await;
    let mut ada = ada(&router).await;
    let paths = [
        "/",
        "/login",
        "/confirm",
        "/register",
        "/account",
        "/account/sessions",
        "/account/grants",
        "/explore",
        "/nothing",
    ];
    for path in paths {
        let page = ada.get(path).await.text;
        let links = page.split("<link ").skip(1).map(|tag| (tag, "href=\""));
        let sources = page.split(['<']).filter(|tag| tag.contains(" src=")).map(|tag| (tag, "src=\""));
        for (tag, attribute) in links.chain(sources) {
            let address = tag.split(attribute).nth(1).unwrap().split('"').next().unwrap();
            assert!(address.starts_with("/assets/"), "{address}");
            let asset = ada.get(address).await;
            assert_eq!(asset.status, 200, "{address}");
            assert_eq!(asset.header("cache-control"), "public, max-age=31536000, immutable", "{address}");
        }
    }
}

#[tokio::test]
async fn assets_are_kept_by_their_version_and_asked_for_by_their_tag() {
    let (_, router) = usual().await;
    let mut browser = Browser::new(&router);
    for (name, media_type) in [("symbolon.css", "text/css; charset=utf-8"), ("symbolon.svg", "image/svg+xml")]
    {
        let path = format!("/assets/{name}");
        let whole = browser.get(&path).await;
        assert_eq!((whole.status, whole.header("content-type")), (200, media_type));
        assert_eq!(whole.header("cache-control"), "public, no-cache");
        assert_eq!(
            (whole.header("x-content-type-options"), whole.header("content-security-policy")),
            ("nosniff", CSP)
        );
        assert!(whole.headers.get("set-cookie").is_none());
        let tag = whole.header("etag").to_owned();
        assert!(tag.starts_with('"') && tag.len() > 20);
        for known in [tag.as_str(), "*", &format!("\"x\", W/{tag}")] {
            let unchanged = browser.send("GET", &path, &[("if-none-match", known)], "").await;
            assert_eq!(
                (unchanged.status, unchanged.text.as_str(), unchanged.header("etag")),
                (304, "", &*tag)
            );
        }
        let old = browser.send("GET", &format!("{path}?v=old"), &[("if-none-match", "\"old\"")], "").await;
        assert_eq!((old.status, old.header("cache-control")), (200, "public, no-cache"));
        let part = browser.send("GET", &path, &[("range", "bytes=0-3")], "").await;
        assert_eq!((part.status, part.text), (200, whole.text));
        let head = browser.send("HEAD", &path, &[], "").await;
        assert_eq!((head.status, head.text.as_str()), (200, ""));
    }
}

/// What is reflected stands beside nothing that its length could betray, because nothing is compressed here.
#[tokio::test]
async fn ht_22_no_answer_is_compressed() {
    let (_, router) = usual().await;
    let mut ada = ada(&router).await;
    for path in [
        "/",
        "/account",
        "/account/sessions",
        "/login?next=/aaaaaaaaaaaaaaaa",
        "/v1/me",
        "/assets/symbolon.css",
    ] {
        let answer = ada.send("GET", path, &[("accept-encoding", "gzip, deflate, br, zstd")], "").await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.headers.get("content-encoding").is_none(), "{path}");
        let plain = ada.get(path).await;
        assert_eq!(answer.text.len(), plain.text.len(), "{path}");
    }
}
