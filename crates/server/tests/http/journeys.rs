//! Both journeys with a client as applications use one, cookie jar and all.

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::{people::password, server::TestServer};

async fn body(answer: Result<reqwest::Response, reqwest::Error>, status: StatusCode) -> Value {
    let answer = answer.unwrap();
    assert_eq!(answer.status(), status);
    answer.json().await.unwrap()
}

#[track_caller]
fn none(answer: Result<reqwest::Response, reqwest::Error>, status: StatusCode) {
    assert_eq!(answer.unwrap().status(), status);
}

#[tokio::test]
async fn login_to_cookie_to_logout() {
    let server = TestServer::start();
    let url = |path: &str| format!("http://{}{path}", server.address());
    let browser = Client::builder().cookie_store(true).build().unwrap();
    let other = Client::builder().cookie_store(true).build().unwrap();
    let account = json!({ "identifier": "alice", "password": password() });
    body(browser.post(url("/v1/users")).json(&account).send().await, StatusCode::CREATED).await;
    none(browser.get(url("/v1/me")).send().await, StatusCode::UNAUTHORIZED);
    for client in [&browser, &other] {
        body(client.post(url("/v1/sessions")).json(&account).send().await, StatusCode::CREATED).await;
        let me = body(client.get(url("/v1/me")).send().await, StatusCode::OK).await;
        assert_eq!((&me["via"], &me["user"]["identifier"]), (&json!("cookie"), &json!("alice")));
    }
    let devices = body(browser.get(url("/v1/sessions")).send().await, StatusCode::OK).await;
    assert_eq!(devices["sessions"].as_array().unwrap().len(), 2);
    // The successor's cookie takes the old one's place in the jar by itself.
    body(browser.delete(url("/v1/sessions?keep=current")).send().await, StatusCode::OK).await;
    body(browser.get(url("/v1/me")).send().await, StatusCode::OK).await;
    none(other.get(url("/v1/me")).send().await, StatusCode::UNAUTHORIZED);
    let token =
        body(browser.post(url("/v1/sessions/current/token")).json(&json!({})).send().await, StatusCode::OK)
            .await;
    let token = token["access_token"].as_str().unwrap();
    let plain = Client::new();
    let me = body(plain.get(url("/v1/me")).bearer_auth(token).send().await, StatusCode::OK).await;
    assert_eq!(me["via"], "bearer");
    none(browser.delete(url("/v1/sessions/current")).send().await, StatusCode::NO_CONTENT);
    none(browser.get(url("/v1/me")).send().await, StatusCode::UNAUTHORIZED);
    none(plain.get(url("/v1/me")).bearer_auth(token).send().await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn login_to_token_to_revocation() {
    let server = TestServer::start();
    let url = |path: &str| format!("http://{}{path}", server.address());
    let client = Client::new();
    let account = json!({ "identifier": "alice@example.com", "password": password() });
    body(client.post(url("/v1/users")).json(&account).send().await, StatusCode::CREATED).await;
    let first = body(client.post(url("/v1/tokens")).json(&account).send().await, StatusCode::CREATED).await;
    let text = |answer: &Value, name: &str| answer[name].as_str().unwrap().to_owned();
    let (access, refresh) = (text(&first, "access_token"), text(&first, "refresh_token"));
    let me = body(client.get(url("/v1/me")).bearer_auth(&access).send().await, StatusCode::OK).await;
    assert_eq!((&me["via"], &me["session_id"]), (&json!("bearer"), &first["session_id"]));
    let form = [("access_token", access.as_str())];
    body(client.post(url("/v1/me")).form(&form).send().await, StatusCode::OK).await;
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
    let second = body(client.post(url("/oauth/token")).form(&form).send().await, StatusCode::OK).await;
    let successor = text(&second, "refresh_token");
    none(client.post(url("/oauth/revoke")).form(&[("token", &successor)]).send().await, StatusCode::OK);
    none(client.get(url("/v1/me")).bearer_auth(&access).send().await, StatusCode::UNAUTHORIZED);
    let form = [("grant_type", "refresh_token"), ("refresh_token", successor.as_str())];
    let refused =
        body(client.post(url("/oauth/token")).form(&form).send().await, StatusCode::BAD_REQUEST).await;
    assert_eq!(refused["error"], "invalid_grant");
}
