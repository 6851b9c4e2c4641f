//! The example as its users meet it: the built program, over HTTP.

#![expect(clippy::unwrap_used, reason = "a test: what is not there is its failure")]

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use reqwest::{Client, StatusCode, header};
use serde_json::{Value, json};

struct Guestbook {
    process: Child,
    origin: String,
    _data: tempfile::TempDir,
}

impl Guestbook {
    fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_guestbook"))
            .arg("0")
            .arg(data.path().join("auth"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let origin = line.trim().rsplit(' ').next().unwrap().to_owned();
        Self { process, origin, _data: data }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }
}

impl Drop for Guestbook {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const PASSWORD: &str = "seven green kettles sing";

async fn call(client: &Client, url: &str, body: Value) -> reqwest::Response {
    client.post(url).json(&body).send().await.unwrap()
}

async fn own_line(browser: &Client, book: &Guestbook) -> StatusCode {
    let line =
        browser.post(book.url("/")).header("sec-fetch-site", "same-origin").form(&[("text", "<hello>")]);
    line.send().await.unwrap().status()
}

#[tokio::test]
async fn a_visitor_reads_a_user_writes_and_a_program_counts() {
    let book = Guestbook::start();
    let browser =
        Client::builder().cookie_store(true).redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let page = browser.get(book.url("/")).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    assert!(page.text().await.unwrap().contains("/auth/login"));

    let account = json!({ "identifier": "ada", "password": PASSWORD });
    assert_eq!(
        call(&browser, &book.url("/auth/v1/users"), account.clone()).await.status(),
        StatusCode::CREATED
    );
    let stranger =
        browser.post(book.url("/")).header("sec-fetch-site", "same-origin").form(&[("text", "hello")]);
    assert_eq!(stranger.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        call(&browser, &book.url("/auth/v1/sessions"), account.clone()).await.status(),
        StatusCode::CREATED
    );

    let elsewhere =
        browser.post(book.url("/")).header("sec-fetch-site", "cross-site").form(&[("text", "forged")]);
    assert_eq!(elsewhere.send().await.unwrap().status(), StatusCode::FORBIDDEN);
    assert_eq!(own_line(&browser, &book).await, StatusCode::SEE_OTHER);
    let page = browser.get(book.url("/")).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("&lt;hello&gt;") && page.contains("/auth/logout") && !page.contains("forged"));

    // The login is of just now, so what wants a fresh one is done; without any login it is refused.
    let clear = || browser.post(book.url("/clear")).header("sec-fetch-site", "same-origin");
    assert_eq!(
        Client::new().post(book.url("/clear")).send().await.unwrap().status(),
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(clear().send().await.unwrap().status(), StatusCode::SEE_OTHER);
    let page = browser.get(book.url("/")).send().await.unwrap().text().await.unwrap();
    assert!(!page.contains("&lt;hello&gt;"));
    assert_eq!(own_line(&browser, &book).await, StatusCode::SEE_OTHER);

    let program = Client::new();
    let tokens: Value = call(&program, &book.url("/auth/v1/tokens"), account).await.json().await.unwrap();
    let token = tokens["access_token"].as_str().unwrap();
    let counted: Value =
        program.get(book.url("/api/count")).bearer_auth(token).send().await.unwrap().json().await.unwrap();
    assert_eq!(counted, json!({ "entries": 1, "mine": 1 }));

    let everything = browser.delete(book.url("/auth/v1/sessions")).header("sec-fetch-site", "same-origin");
    assert_eq!(everything.send().await.unwrap().status(), StatusCode::NO_CONTENT);
    let refused = program.get(book.url("/api/count")).bearer_auth(token).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED, "revoked is revoked in the host's own routes too");
    assert!(refused.headers()[header::WWW_AUTHENTICATE].to_str().unwrap().contains("invalid_token"));
    let page = browser.get(book.url("/")).send().await.unwrap();
    assert!(page.text().await.unwrap().contains("/auth/login"), "a dead cookie is nobody");
    let bad = program.get(book.url("/")).bearer_auth("junk").send().await.unwrap();
    assert_eq!(bad.status(), StatusCode::UNAUTHORIZED, "em_02: a bad token is not nobody");
}

#[tokio::test]
async fn the_documents_stand_where_rfc_8414_puts_them() {
    let book = Guestbook::start();
    let metadata: Value = reqwest::get(book.url("/.well-known/oauth-authorization-server/auth"))
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(metadata["issuer"], book.url("/auth"));
    let jwks: Value =
        reqwest::get(metadata["jwks_uri"].as_str().unwrap()).await.unwrap().json().await.unwrap();
    assert_eq!(jwks["keys"].as_array().unwrap().len(), 1);
}
