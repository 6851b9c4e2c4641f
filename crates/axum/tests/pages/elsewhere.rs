//! Requests that other sites cause, and those of clients that are no browsers.

use crate::browser::{Browser, PASSWORD, encoded};
use crate::{ada, usual};

/// Every form of somebody who is logged in, with what would work.
const FORMS: [(&str, &[(&str, &str)]); 7] = [
    ("/account/profile", &[("name", "Mallory")]),
    (
        "/account/password",
        &[("current", PASSWORD), ("new", "entirely other words 9"), ("again", "entirely other words 9")],
    ),
    ("/account/delete", &[("password", PASSWORD), ("sure", "true")]),
    ("/account/sessions/end", &[("id", "019a8207-6a30-7c51-b0f8-3d5c2a91e7b4")]),
    ("/account/sessions/end-others", &[]),
    ("/account/sessions/end-all", &[]),
    ("/logout", &[]),
];

#[tokio::test]
async fn cs_01_cs_02_cs_15_forms_of_other_sites_do_nothing() {
    let (auth, router) = usual().await;
    let mut ada = ada(&router).await;
    let before = auth.engine().find_user("ada").await.unwrap();
    for (site, origin) in [
        ("cross-site", "https://evil.example"),
        ("same-site", "http://sub.127.0.0.1:7117"),
        ("same-site", "http://127.0.0.1:7118"),
        ("cross-site", "null"),
    ] {
        for (path, fields) in FORMS {
            let refused = ada.elsewhere(site, origin).post(path, fields).await;
            refused.says(403, "This came from another site");
            assert!(refused.headers.get("set-cookie").is_none() && refused.headers.get("location").is_none());
        }
    }
    assert!(ada.is_in().await);
    assert_eq!(auth.engine().find_user("ada").await.unwrap(), before);
    assert!(ada.clone().login("ada").await.status == 303, "the password is still the same");
}

#[tokio::test]
async fn cs_11_a_login_from_elsewhere_logs_nobody_in() {
    let (_, router) = usual().await;
    ada(&router).await;
    let login = [("identifier", "ada"), ("password", PASSWORD)];
    let account = [("identifier", "eve"), ("password", PASSWORD), ("again", PASSWORD)];
    for (site, origin) in [("cross-site", "https://evil.example"), ("same-site", "http://a.test")] {
        let mut victim = Browser::new(&router).elsewhere(site, origin);
        victim.post("/login", &login).await.says(403, "This came from another site");
        victim.post("/register", &account).await.says(403, "This came from another site");
        assert!(victim.cookies.is_empty());
    }
    let mut old = Browser { site: None, origin: Some("https://evil.example"), ..Browser::new(&router) };
    old.post("/login", &login).await.says(403, "This came from another site");
    old.origin = Some("null");
    old.post("/login", &login).await.says(403, "This came from another site");
    old.origin = Some("http://127.0.0.1:7117");
    assert_eq!(old.post("/login", &login).await.leads_to(), "/account");
    assert_eq!(Browser::new(&router).login("eve").await.status, 401, "nobody was registered");
}

#[tokio::test]
async fn cs_03_an_old_browser_with_a_cookie_must_say_where_it_stands() {
    let (_, router) = usual().await;
    let mut ada = ada(&router).await;
    let mut old = Browser { site: None, ..ada.clone() };
    for (path, fields) in FORMS {
        old.post(path, fields).await.says(403, "This came from another site");
    }
    assert!(ada.is_in().await);
    // The pages' referrer policy is what lets it say so.
    assert_eq!(ada.get("/account").await.header("referrer-policy"), "same-origin");
}

#[tokio::test]
async fn cs_06_doubled_headers_are_refused() {
    let (_, router) = usual().await;
    let ada = ada(&router).await;
    let mut doubled = Browser { site: None, ..ada };
    let form = ("content-type", "application/x-www-form-urlencoded");
    let refused =
        doubled.send("POST", "/logout", &[form, ("sec-fetch-site", "same-origin, cross-site")], "").await;
    refused.says(403, "This came from another site");
}

#[tokio::test]
async fn cs_10_cs_14_reading_changes_nothing() {
    let (_, router) = usual().await;
    let mut ada = ada(&router).await;
    for method in ["GET", "HEAD"] {
        for (path, _) in FORMS {
            let mut from_elsewhere = ada.elsewhere("cross-site", "https://evil.example");
            let answer = from_elsewhere.send(method, path, &[], "").await;
            let expected = if path == "/logout" { 200 } else { 405 };
            assert_eq!(answer.status, expected, "{method} {path}");
            assert!(answer.headers.get("set-cookie").is_none());
            if expected == 405 {
                assert_eq!(answer.header("allow"), "POST", "{path}");
            }
        }
    }
    assert!(ada.is_in().await);
}

#[tokio::test]
async fn cs_10_every_page_refuses_every_other_method() {
    let (_, router) = usual().await;
    let mut ada = ada(&router).await;
    for (path, methods) in symbolon_axum::pages_inventory() {
        if path.starts_with("/explore") {
            continue;
        }
        let path = path.replace("{name}", "symbolon.css");
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"] {
            if methods.iter().any(|known| known == method) {
                continue;
            }
            let answer = ada.send(method, &path, &[], "").await;
            answer.says(405, "That does not work this way");
            let allow = answer.header("allow").split(',').filter(|one| *one != "HEAD").collect::<Vec<_>>();
            assert_eq!(
                allow,
                methods.iter().map(axum::http::Method::as_str).collect::<Vec<_>>(),
                "{method} {path}"
            );
        }
    }
    assert!(ada.is_in().await);
}

#[tokio::test]
async fn cs_09_no_override_turns_one_method_into_another() {
    let (_, router) = usual().await;
    let mut ada = ada(&router).await;
    for field in ["x-http-method-override", "x-method-override", "x-http-method"] {
        let answer = ada.send("GET", "/logout?_method=POST", &[(field, "POST")], "").await;
        answer.says(200, "Log out?");
    }
    assert!(ada.is_in().await);
}

#[tokio::test]
async fn cs_25_links_from_elsewhere_work() {
    let (_, router) = usual().await;
    let ada = ada(&router).await;
    let mut link = ada.elsewhere("cross-site", "https://news.example");
    link.get("/login?next=/app").await.says(200, "value=\"/app\"");
    link.get("/account").await.says(200, "ada");
    let claimed = link.get("/account?done=password").await;
    claimed.says(200, "ada");
    assert!(!claimed.text.contains("Your password is changed"), "a link must not claim what never happened");
}

#[tokio::test]
async fn a_bearer_token_opens_no_page() {
    let (auth, router) = usual().await;
    let mut ada = ada(&router).await;
    let json = [("content-type", "application/json")];
    let body = format!(r#"{{"identifier":"ada","password":"{PASSWORD}"}}"#);
    let tokens = Browser::new(&router).send("POST", "/v1/tokens", &json, &body).await;
    let tokens: serde_json::Value = serde_json::from_str(&tokens.text).unwrap();
    let good = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    ada.send("GET", "/account", &[("authorization", &good)], "").await.says(403, "You may not do that");
    for path in ["/account", "/", "/login", "/logout", "/account/sessions"] {
        let refused = ada.send("GET", path, &[("authorization", "Bearer nonsense")], "").await;
        refused.says(401, "Please log in first");
        assert!(refused.header("www-authenticate").contains("error=\"invalid_token\""));
    }
    let form = ("content-type", "application/x-www-form-urlencoded");
    ada.send("POST", "/logout", &[form, ("authorization", "Bearer nonsense")], "")
        .await
        .says(401, "Please log in");
    ada.send(
        "POST",
        "/login",
        &[form, ("authorization", "Bearer")],
        &encoded(&[("identifier", "ada"), ("password", PASSWORD)]),
    )
    .await
    .says(400, "does not make sense");
    ada.send("GET", "/account", &[("authorization", "Basic YTpi")], "").await.says(200, "ada");
    assert_eq!(
        auth.engine().sessions(auth.engine().find_user("ada").await.unwrap().id).await.unwrap().len(),
        2
    );
}
