//! Giving a job a login on a page: after a fresh login alone, and the tokens are shown once.

use serde_json::Value;
use symbolon_axum::{Auth, Options};

use axum::Router;

use crate::browser::{Answer, Browser, ORIGIN, settings, site};
use crate::{ada, usual};

const HERE: &str = "/account/grants";

/// With scopes and an audience to choose from.
async fn rich() -> (Auth, Router) {
    let mut settings = settings(ORIGIN);
    settings.token.scopes = vec!["read".into(), "write".into()];
    settings.token.audiences = vec!["https://api.example".into()];
    site(settings, Options { home: true, ..Options::default() }).await
}

/// A token on the page.
fn shown<'p>(page: &'p Answer, start: &str) -> &'p str {
    let at = page.text.find(start).unwrap_or_else(|| panic!("{start} in {}", page.text));
    page.text[at..].split('<').next().unwrap()
}

async fn me(browser: &Browser, token: &str) -> (u16, Value) {
    let mut job = Browser::new(&browser.router);
    let answer = job.send("GET", "/v1/me", &[("authorization", &format!("Bearer {token}"))], "").await;
    (answer.status, serde_json::from_str(&answer.text).unwrap())
}

#[tokio::test]
async fn a_job_gets_its_tokens_once_and_stands_among_the_devices() {
    let (auth, router) = rich().await;
    let mut ada = ada(&router).await;
    ada.get("/account").await.says(200, "href=\"/account/grants\"");
    let form = ada.get(HERE).await;
    form.says(200, "name=\"scope:read\"");
    assert!(
        form.text.contains("name=\"audience:https://api.example\"")
            && form.text.contains("As late as possible")
    );
    let before = ada.session().unwrap().to_owned();
    let fields = [("label", "nightly backup"), ("scope:read", "true"), ("ends", "7")];
    let given = ada.post(HERE, &fields).await;
    given.says(200, "nightly backup");
    assert_eq!(ada.session().unwrap(), before);
    assert_eq!(given.header("cache-control"), "no-store");
    let (status, said) = me(&ada, shown(&given, "eyJ")).await;
    assert_eq!((status, &said["user"]["identifier"]), (200, &"ada".into()));
    let refresh = format!("grant_type=refresh_token&refresh_token={}", shown(&given, "ref_"));
    let fields = [("content-type", "application/x-www-form-urlencoded")];
    let answer = Browser::new(&router).send("POST", "/oauth/token", &fields, &refresh).await;
    assert_eq!(answer.status, 200);
    assert!(answer.text.contains("\"scope\":\"read\""));

    let user = auth.engine().find_user("ada").await.unwrap();
    let sessions = auth.engine().sessions(user.id).await.unwrap();
    let grant = sessions.iter().find(|session| session.label.is_some()).unwrap();
    assert_eq!(grant.expires_at.since(grant.created_at).as_secs(), 7 * 86_400);
    let devices = ada.get("/account/sessions").await;
    devices.says(200, "nightly backup");
    assert!(devices.text.contains("token, for a job") && !devices.text.contains("ref_"));
    ada.get("/account").await.says(200, "Gave a job a login of its own");
    let ended = ada.post("/account/sessions/end", &[("id", &grant.id.to_string())]).await;
    assert_eq!(ended.leads_to(), "/account/sessions?done=ended");
    assert_eq!(me(&ada, shown(&given, "eyJ")).await.0, 401);
    assert!(ada.is_in().await);
}

#[tokio::test]
async fn a_form_that_is_refused_gives_nothing_and_keeps_what_was_typed() {
    let (auth, router) = rich().await;
    let mut ada = ada(&router).await;
    let long = "x".repeat(101);
    for label in ["", " ", "a\nb", &long] {
        let page = ada.post(HERE, &[("label", label), ("scope:write", "true")]).await;
        page.says(422, "at most 100 characters");
        assert!(page.text.contains("<title>Error: "));
        assert!(page.text.contains("name=\"scope:write\" type=\"checkbox\" value=\"true\" checked"));
        assert!(page.text.contains("value=\"\" checked"), "and the end that was chosen");
    }
    // What is not offered is not to be had, whatever a form says.
    let scope = ada.post(HERE, &[("label", "job"), ("scope:admin", "true")]).await;
    assert_eq!(scope.status, 400);
    let user = auth.engine().find_user("ada").await.unwrap();
    assert_eq!(auth.engine().sessions(user.id).await.unwrap().len(), 1);
    let elsewhere = ada.elsewhere("cross-site", "https://evil.example");
    let mut elsewhere = elsewhere;
    elsewhere.post(HERE, &[("label", "job")]).await.says(403, "another site");
    assert_eq!(Browser::new(&router).get(HERE).await.leads_to(), "/login?next=%2Faccount%2Fgrants");
}

#[tokio::test]
async fn without_scopes_there_is_nothing_to_choose_and_the_end_is_the_longest() {
    let (auth, router) = usual().await;
    let mut ada = ada(&router).await;
    let form = ada.get(HERE).await;
    assert!(!form.text.contains("type=\"checkbox\""));
    // 30 days are the longest here: only shorter ends are offered beside it.
    assert!(form.text.contains("After a week") && !form.text.contains("After 30 days"));
    ada.post(HERE, &[("label", "job"), ("ends", "365")]).await.says(200, "nothing but say who you are");
    let user = auth.engine().find_user("ada").await.unwrap();
    let sessions = auth.engine().sessions(user.id).await.unwrap();
    let grant = sessions.iter().find(|session| session.label.is_some()).unwrap();
    assert_eq!(grant.expires_at.since(grant.created_at).as_secs(), 30 * 86_400);
}
