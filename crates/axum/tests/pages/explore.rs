//! The development page, and the calls it makes.

use serde_json::{Value, json};
use symbolon_axum::Options;

use crate::browser::{Answer, Browser, ORIGIN, PASSWORD, settings, site};
use crate::{ada, options, usual};

async fn dev() -> (symbolon_axum::Auth, axum::Router) {
    site(settings(ORIGIN), Options { explore: true, ..options() }).await
}

/// A call in a journey; the answer's parts.
async fn call(
    browser: &mut Browser,
    journey: &str,
    account: &str,
    line: &str,
    headers: Value,
    body: Option<Value>,
) -> Answer {
    let (method, path) = line.split_once(' ').unwrap();
    let body = body.map(|body| body.to_string());
    let call = json!({ "journey": journey, "account": account, "method": method, "path": path, "headers": headers, "body": body });
    browser
        .send(
            "POST",
            "/explore/call",
            &[("content-type", "application/json"), ("accept", "*/*")],
            &call.to_string(),
        )
        .await
}

fn parts(answer: &Answer) -> (u64, Value, Value) {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let mut seen: Value = serde_json::from_str(&answer.text).unwrap();
    let body = seen["response"]["body"].as_str().unwrap().to_owned();
    let body = serde_json::from_str(&body).unwrap_or(Value::Null);
    (seen["response"]["status"].as_u64().unwrap(), body, seen["stored"].take())
}

fn tables(stored: &Value) -> Vec<String> {
    let of = |row: &Value| format!("{} {}", row["table"].as_str().unwrap(), row["change"].as_str().unwrap());
    stored.as_array().unwrap().iter().map(of).collect()
}

const JSON: &str = "application/json";

#[tokio::test]
async fn explore_exists_in_development_only() {
    let (_, router) = usual().await;
    let mut browser = Browser::new(&router);
    browser.get("/explore").await.says(404, "There is nothing here");
    assert_eq!(call(&mut browser, "token", "x", "GET /v1/me", json!([]), None).await.status, 404);
    assert_eq!(browser.get("/assets/explore.js").await.status, 404);
    assert!(!browser.get("/").await.text.contains("explore"));

    let (_, router) = dev().await;
    let mut browser = Browser::new(&router);
    browser.get("/explore").await.says(200, "data-base=\"\"");
    assert_eq!(
        browser.get("/assets/explore.js").await.header("content-type"),
        "text/javascript; charset=utf-8"
    );
    browser.get("/explore/call").await.says(405, "That does not work this way");
}

#[tokio::test]
async fn the_cookie_journey_has_a_jar_of_its_own() {
    let (_, router) = dev().await;
    let mut ada = ada(&router).await;
    let own = ada.session().unwrap().to_owned();
    let account = json!({ "identifier": "explorer", "password": PASSWORD });
    let kind = json!([["Content-Type", JSON]]);
    let registered =
        call(&mut ada, "token", "explorer", "POST /v1/users", kind.clone(), Some(account.clone())).await;
    let (status, _, stored) = parts(&registered);
    assert_eq!(
        (status, tables(&stored)),
        (201, vec!["users inserted".into(), "identifiers inserted".into(), "credentials inserted".into()])
    );
    let hash = stored[2]["row"]["data"].as_str().unwrap();
    assert!(hash.starts_with("$argon2id$v=19$m=8,t=1,p=1$") && hash.ends_with('…'), "{hash}");

    let login = call(&mut ada, "cookie", "explorer", "POST /v1/sessions", kind, Some(account)).await;
    let (status, session, stored) = parts(&login);
    assert_eq!((status, tables(&stored)), (201, vec!["sessions inserted".into()]));
    assert_eq!(stored[0]["row"]["id"], session["id"]);
    assert!(stored[0]["row"]["secret_hash"].as_str().unwrap().starts_with("SHA-256 "));
    let kept = login.sets("explore-symbolon").unwrap();
    assert!(
        kept.contains("; Path=/explore; Max-Age=") && kept.ends_with("; HttpOnly; SameSite=Strict"),
        "{kept}"
    );
    assert!(login.sets("explore-symbolon-known").is_some() && login.sets("symbolon").is_none());
    let seen: Value = serde_json::from_str(&login.text).unwrap();
    let sent = seen["response"]["headers"].as_array().unwrap().iter().filter(|pair| pair[0] == "set-cookie");
    assert!(
        sent.clone().count() == 2
            && sent.clone().all(|pair| pair[1].as_str().unwrap().starts_with("symbolon"))
    );

    let me =
        call(&mut ada, "cookie", "explorer", "GET /v1/me", json!([["Sec-Fetch-Site", "same-origin"]]), None)
            .await;
    let (status, body, stored) = parts(&me);
    assert_eq!((status, &body["user"]["identifier"], stored), (200, &json!("explorer"), json!([])));
    let seen: Value = serde_json::from_str(&me.text).unwrap();
    assert_eq!(seen["request"]["line"], "GET /v1/me HTTP/1.1");
    assert_eq!(seen["request"]["headers"][0], json!(["Host", "127.0.0.1:7117"]));
    assert!(seen["request"]["headers"][2][1].as_str().unwrap().starts_with("symbolon=ses_"));

    let copy = ada.cookies["explore-symbolon"].clone();
    let logout = call(
        &mut ada,
        "cookie",
        "explorer",
        "DELETE /v1/sessions/current",
        json!([["Sec-Fetch-Site", "same-origin"]]),
        None,
    )
    .await;
    let (status, _, stored) = parts(&logout);
    assert_eq!((status, tables(&stored)), (204, vec!["sessions changed".into(), "log inserted".into()]));
    assert!(stored[0]["row"]["ended_at"].is_string() && stored[1]["row"]["kind"] == "session");
    assert!(!ada.cookies.contains_key("explore-symbolon"));
    let again = call(
        &mut ada,
        "cookie",
        "explorer",
        "GET /v1/me",
        json!([["Cookie", format!("symbolon={copy}")]]),
        None,
    )
    .await;
    assert_eq!(parts(&again).0, 401);
    assert_eq!(ada.session(), Some(own.as_str()));
    assert!(ada.is_in().await, "the visitor's own login is untouched");
}

#[tokio::test]
async fn the_token_journey_stores_what_it_says() {
    let (_, router) = dev().await;
    let mut ada = ada(&router).await;
    let kind = json!([["Content-Type", JSON]]);
    let login = |mode| json!({ "identifier": "ada", "password": PASSWORD, "mode": mode });
    let answer =
        call(&mut ada, "token", "ada", "POST /v1/tokens", kind.clone(), Some(login("session"))).await;
    let (_, tokens, stored) = parts(&answer);
    assert!(answer.headers.get("set-cookie").is_none());
    assert_eq!(
        (tables(&stored), &stored[0]["row"]["kind"], &stored[0]["row"]["refresh_counter"]),
        (vec!["sessions inserted".into()], &json!("token"), &json!(0))
    );

    let form = json!({ "journey": "token", "account": "ada", "method": "POST", "path": "/oauth/token",
        "headers": [["Content-Type", "application/x-www-form-urlencoded"]],
        "body": format!("grant_type=refresh_token&refresh_token={}", tokens["refresh_token"].as_str().unwrap()) });
    let answer = ada.send("POST", "/explore/call", &[("content-type", JSON)], &form.to_string()).await;
    let (status, refreshed, stored) = parts(&answer);
    assert_eq!(
        (status, tables(&stored), &stored[0]["row"]["refresh_counter"]),
        (200, vec!["sessions changed".into()], &json!(1))
    );

    let bearer =
        json!([["Authorization", format!("Bearer {}", refreshed["access_token"].as_str().unwrap())]]);
    let (status, _, stored) =
        parts(&call(&mut ada, "token", "ada", "DELETE /v1/sessions/current", bearer.clone(), None).await);
    assert_eq!((status, tables(&stored)), (204, vec!["sessions changed".into(), "log inserted".into()]));
    assert_eq!(parts(&call(&mut ada, "token", "ada", "GET /v1/me", bearer, None).await).0, 401);

    let (_, tokens, stored) =
        parts(&call(&mut ada, "token", "ada", "POST /v1/tokens", kind, Some(login("stateless"))).await);
    assert_eq!(stored, json!([]), "nothing");
    let bearer = json!([["Authorization", format!("Bearer {}", tokens["access_token"].as_str().unwrap())]]);
    let (status, _, stored) =
        parts(&call(&mut ada, "token", "ada", "DELETE /v1/sessions/current", bearer, None).await);
    assert_eq!(
        (status, tables(&stored), &stored[0]["row"]["kind"]),
        (204, vec!["log inserted".into()], &json!("token"))
    );
    assert!(ada.is_in().await);
}

#[tokio::test]
async fn a_call_goes_to_the_api_and_nowhere_else() {
    let (_, router) = dev().await;
    let mut ada = ada(&router).await;
    for path in [
        "/account",
        "/login",
        "/explore/call",
        "/",
        "https://evil.example/v1/me",
        "//evil.example/v1/me",
        "/v1",
        "/assets/symbolon.css",
        "",
        "v1/me",
        "/\\v1/me",
    ] {
        let answer = call(&mut ada, "cookie", "ada", &format!("GET {path}"), json!([]), None).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (400, "application/problem+json"),
            "{path}"
        );
    }
    for headers in [
        json!([["Host", "evil.example"]]),
        json!([["X-Forwarded-For", "192.0.2.1"]]),
        json!([["Content-Length", "5"]]),
        json!([["Transfer-Encoding", "chunked"]]),
        json!([["Accept", "a\r\nb: c"]]),
        json!([["a b", "c"]]),
        json!([["Accept"]]),
    ] {
        assert_eq!(call(&mut ada, "cookie", "ada", "GET /v1/me", headers, None).await.status, 400);
    }
    // The visitor's own cookie opens nothing there.
    let (status, ..) = parts(&call(&mut ada, "cookie", "ada", "GET /v1/me", json!([]), None).await);
    assert_eq!(status, 401);
    let (status, ..) = parts(&call(&mut ada, "cookie", "ada", "GET /v1/nothing", json!([]), None).await);
    assert_eq!(status, 404);
}

#[tokio::test]
async fn cs_01_cs_07_only_our_own_page_may_call() {
    let (_, router) = dev().await;
    let ada = ada(&router).await;
    for (site, origin) in [
        ("cross-site", "https://evil.example"),
        ("same-site", "http://127.0.0.1:80"),
        ("none", "null"),
        ("same-origin", "http://evil.test:7117"),
    ] {
        let answer =
            call(&mut ada.elsewhere(site, origin), "token", "ada", "GET /v1/me", json!([]), None).await;
        assert_eq!(answer.status, 403, "{site} {origin}");
        assert!(answer.text.contains("csrf_rejected"));
    }
    // A name that was made to lead here (DNS rebinding): no Sec-Fetch-Site over plain http, but an Origin.
    let mut rebound = Browser { site: None, origin: Some("http://evil.test:7117"), ..ada.clone() };
    assert_eq!(call(&mut rebound, "token", "ada", "GET /v1/me", json!([]), None).await.status, 403);
    let body = json!({ "journey": "token", "account": "ada", "method": "GET", "path": "/v1/me", "headers": [], "body": null }).to_string();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        let answer = ada
            .clone()
            .send("POST", "/explore/call", &[("content-type", kind), ("accept", "*/*")], &body)
            .await;
        assert_eq!(answer.status, 415, "{kind}");
    }
}

#[tokio::test]
async fn under_a_prefix_the_jar_and_the_calls_stay_under_it() {
    let (_, router) =
        site(settings("http://127.0.0.1:7117/auth"), Options { explore: true, ..Options::default() }).await;
    let mut ada = Browser::new(&router);
    ada.register("/auth", "ada").await;
    let login = json!({ "identifier": "ada", "password": PASSWORD }).to_string();
    let call = json!({ "journey": "cookie", "account": "ada", "method": "POST", "path": "/v1/sessions",
        "headers": [["Content-Type", JSON]], "body": login });
    let answer = ada.send("POST", "/auth/explore/call", &[("content-type", JSON)], &call.to_string()).await;
    assert_eq!(parts(&answer).0, 201);
    assert!(answer.sets("explore-symbolon").unwrap().contains("; Path=/auth/explore;"));
    let seen: Value = serde_json::from_str(&answer.text).unwrap();
    assert_eq!(seen["request"]["line"], "POST /auth/v1/sessions HTTP/1.1");
}
