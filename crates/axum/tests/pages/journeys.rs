//! From form to form, as a person goes.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};
use std::time::Duration;

use symbolon::{
    Symbolon,
    audit::Actor,
    clock::{Clock, Timestamp},
    user::administer::UserPatch,
};
use symbolon_axum::{Auth, Options};

use crate::browser::{Browser, ORIGIN, PASSWORD, settings, site};
use crate::{ada, options, usual};

#[tokio::test]
async fn register_login_devices_end_others_logout_refused() {
    let (_, router) = usual().await;
    let mut laptop = Browser::new(&router);
    laptop.get("/").await.says(200, "href=\"/register\"");
    laptop.get("/register").await.says(200, "action=\"/register\"");
    let registered = laptop.register("", "Ada@Example.ORG").await;
    assert_eq!(registered.leads_to(), "/account?done=registered");
    assert!(registered.sets("symbolon").unwrap().contains("; HttpOnly; SameSite=Lax"));
    assert!(registered.sets("symbolon-known").is_some());
    let account = laptop.get("/account?done=registered").await;
    account.says(200, "Your account is there. Welcome.");
    assert!(account.text.contains("Ada@Example.ORG") && account.text.contains("Account created"));
    laptop.get("/").await.says(200, "You are logged in");

    let mut phone = Browser::new(&router);
    assert_eq!(phone.login("ada@example.org").await.leads_to(), "/account");
    phone.get("/account").await.says(200, "<strong>2</strong> devices");
    let devices = laptop.get("/account/sessions").await;
    devices.says(200, "Firefox on Linux");
    assert_eq!(devices.text.matches("this device</span>").count(), 1);
    assert!(devices.text.find("this device</span>").unwrap() < devices.text.find("name=\"id\"").unwrap());

    let before = laptop.session().unwrap().to_owned();
    let ended = laptop.post("/account/sessions/end-others", &[]).await;
    assert_eq!(ended.leads_to(), "/account/sessions?done=others-ended");
    assert_ne!(laptop.session().unwrap(), before, "a successor");
    laptop.get("/account/sessions?done=others-ended").await.says(200, "All other logins are over.");
    assert!(laptop.is_in().await && !phone.is_in().await);

    let held = laptop.clone();
    laptop.get("/logout").await.says(200, "Log out?");
    let out = laptop.post("/logout", &[]).await;
    assert_eq!(out.leads_to(), "/logout?done=logged-out");
    assert!(laptop.session().is_none() && out.sets("symbolon").unwrap().contains("Max-Age=0"));
    laptop.get("/logout?done=logged-out").await.says(200, "You are logged out on this device.");
    for mut stale in [laptop, held] {
        let refused = stale.get("/account").await;
        assert_eq!(refused.leads_to(), "/login?next=%2Faccount");
        assert!(
            refused.headers.get("set-cookie").is_none(),
            "CK: a late answer must not delete a newer cookie"
        );
    }
}

#[tokio::test]
async fn one_device_is_ended_from_another() {
    let (_, router) = usual().await;
    let mut laptop = ada(&router).await;
    let mut phone = Browser::new(&router);
    phone.login("ada").await;
    let page = laptop.get("/account/sessions").await.text;
    let id = page.split("name=\"id\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let mut stranger = Browser::new(&router);
    stranger.register("", "eve").await;
    stranger.post("/account/sessions/end", &[("id", &id)]).await.says(404, "not yours, or is over");
    assert!(phone.is_in().await);
    for malformed in ["", "x", "019a8207-6a30-7c51-b0f8-3d5c2a91e7b4"] {
        laptop.post("/account/sessions/end", &[("id", malformed)]).await.says(404, "not yours, or is over");
    }
    let ended = laptop.post("/account/sessions/end", &[("id", &id)]).await;
    assert_eq!(ended.leads_to(), "/account/sessions?done=ended");
    assert!(!phone.is_in().await && laptop.is_in().await);
    laptop.get("/account").await.says(200, "Ended a login");
}

/// A clock that is later each time it is looked at: no two sessions are of one moment.
#[derive(Default)]
struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(1_800_000_000).plus(self.monotonic())
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.fetch_add(1, Ordering::SeqCst).unsigned_abs())
    }
}

#[tokio::test]
async fn this_device_stands_first_and_the_others_newest_first() {
    let engine = Symbolon::builder(ORIGIN).settings(settings(ORIGIN)).clock(Arc::new(Ticking::default()));
    let auth = Auth::new(engine.open().await.unwrap(), options()).unwrap();
    let router = auth.router();
    let mut middle = ada(&router).await;
    let login = format!(r#"{{"identifier":"ada","password":"{PASSWORD}"}}"#);
    let log_in_as = async |agent: &str| {
        let fields = [("content-type", "application/json"), ("user-agent", agent)];
        let answer = Browser::new(&router).send("POST", "/v1/sessions", &fields, &login).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
    };
    log_in_as("older/1").await;
    assert_eq!(middle.login("ada").await.status, 303);
    log_in_as("newer/1").await;
    log_in_as("newest/1").await;
    let page = middle.get("/account/sessions").await.text;
    let places =
        ["this device</span>", ">newest<", ">newer<", ">older<"].map(|text| page.find(text).unwrap());
    assert!(places.is_sorted(), "{places:?}");
}

#[tokio::test]
async fn ending_this_device_in_the_list_is_a_logout() {
    let (auth, router) = usual().await;
    let mut laptop = ada(&router).await;
    let user = auth.engine().find_user("ada").await.unwrap();
    let own = auth.engine().sessions(user.id).await.unwrap()[0].id.to_string();
    assert_eq!(
        laptop.post("/account/sessions/end", &[("id", &own)]).await.leads_to(),
        "/logout?done=logged-out"
    );
    assert!(laptop.session().is_none());
}

#[tokio::test]
async fn everything_ends_at_once() {
    let (_, router) = usual().await;
    let mut laptop = ada(&router).await;
    let mut phone = Browser::new(&router);
    phone.login("ada").await;
    let (mut one, mut other) = (laptop.clone(), phone.clone());
    assert_eq!(laptop.post("/account/sessions/end-all", &[]).await.leads_to(), "/logout?done=all-ended");
    assert!(laptop.session().is_none());
    laptop.get("/logout?done=all-ended").await.says(200, "Every login is over, this one too.");
    assert!(!one.is_in().await && !other.is_in().await);
}

#[tokio::test]
async fn a_new_password_ends_all_else_and_this_device_goes_on() {
    let (_, router) = usual().await;
    let mut laptop = ada(&router).await;
    let mut phone = Browser::new(&router);
    phone.login("ada").await;
    let new = "entirely other words 9";
    let wrong = laptop.post("/account/password", &[("current", "wrong"), ("new", new), ("again", new)]).await;
    wrong.says(401, "That is not your password.");
    let differ =
        laptop.post("/account/password", &[("current", PASSWORD), ("new", new), ("again", "x")]).await;
    differ.says(422, "The two passwords are not the same.");
    let weak = laptop
        .post("/account/password", &[("current", PASSWORD), ("new", "short"), ("again", "short")])
        .await;
    weak.says(422, "It is too short: at least 15 characters are needed.");
    assert!(laptop.is_in().await && phone.is_in().await, "nothing has changed");

    let held = laptop.session().unwrap().to_owned();
    let changed =
        laptop.post("/account/password", &[("current", PASSWORD), ("new", new), ("again", new)]).await;
    assert_eq!(changed.leads_to(), "/account?done=password");
    laptop.get("/account?done=password").await.says(200, "Your password is changed.");
    assert!(!phone.is_in().await, "ck_21");
    laptop.cookies.insert("symbolon".into(), held);
    assert!(!laptop.is_in().await, "ck_03 the old secret is dead");
    laptop.login("ada").await.says(401, "The username or the password is wrong.");
    let login = laptop.post("/login", &[("identifier", "ada"), ("password", new)]).await;
    assert_eq!(login.leads_to(), "/account");
}

#[tokio::test]
async fn the_profile_keeps_what_is_not_the_pages() {
    let (auth, router) = usual().await;
    let mut ada = ada(&router).await;
    let user = auth.engine().find_user("ada").await.unwrap();
    let profile = serde_json::json!({ "theme": "dark", "name": "A" });
    auth.engine().set_profile(user.id, profile.as_object().unwrap().clone()).await.unwrap();
    let saved = ada.post("/account/profile", &[("name", " Ada Lovelace ")]).await;
    assert_eq!(saved.leads_to(), "/account?done=profile");
    let after = auth.engine().find_user("ada").await.unwrap().profile;
    assert_eq!(
        serde_json::Value::from(after),
        serde_json::json!({ "name": "Ada Lovelace", "theme": "dark" })
    );
    ada.get("/account").await.says(200, "value=\"Ada Lovelace\"");
    for bad in ["x".repeat(101), "a\nb".into(), "a\u{0}".into()] {
        ada.post("/account/profile", &[("name", &bad)]).await.says(422, "at most 100 characters");
    }
    assert_eq!(ada.post("/account/profile", &[("name", "")]).await.leads_to(), "/account?done=profile");
    let after = auth.engine().find_user("ada").await.unwrap().profile;
    assert_eq!(serde_json::Value::from(after), serde_json::json!({ "theme": "dark" }));
}

#[tokio::test]
async fn deleting_asks_for_the_password_and_a_tick() {
    let (auth, router) = usual().await;
    let mut ada = ada(&router).await;
    ada.post("/account/delete", &[("password", PASSWORD)]).await.says(422, "tick the box");
    ada.post("/account/delete", &[("password", "wrong"), ("sure", "true")])
        .await
        .says(401, "not your password");
    assert!(ada.is_in().await);
    let mut copy = ada.clone();
    let deleted = ada.post("/account/delete", &[("password", PASSWORD), ("sure", "true")]).await;
    assert_eq!(deleted.leads_to(), "/logout?done=deleted");
    assert!(ada.session().is_none());
    ada.get("/logout?done=deleted").await.says(200, "Your account is deleted");
    assert!(!copy.is_in().await);
    assert!(auth.engine().find_user("ada").await.is_err());
    ada.login("ada").await.says(401, "The username or the password is wrong.");
}

#[tokio::test]
async fn the_only_administrator_is_told_why_they_stay() {
    let (auth, router) = usual().await;
    let mut ada = ada(&router).await;
    let id = auth.engine().find_user("ada").await.unwrap().id;
    let admin = UserPatch { roles: Some(vec!["admin".into()]), ..UserPatch::default() };
    auth.engine().change_user(id, admin, Actor::Cli).await.unwrap();
    let kept = ada.post("/account/delete", &[("password", PASSWORD), ("sure", "true")]).await;
    kept.says(403, "the only administrator");
    assert!(ada.is_in().await, "the confirmation renewed the session, and the browser holds the new one");
}

#[tokio::test]
async fn what_happened_stands_in_its_order_also_within_a_millisecond() {
    let (_, router) = usual().await;
    let page = ada(&router).await.get("/account").await;
    let at = |words: &str| page.text.find(words).unwrap_or_else(|| panic!("{words}"));
    assert!(at("Logged in") < at("Account created"), "newest first");
}

#[tokio::test]
async fn ck_18_logging_in_as_somebody_else_ends_the_first_session() {
    let (_, router) = usual().await;
    let mut browser = ada(&router).await;
    let mut first = browser.clone();
    Browser::new(&router).register("", "bob").await;
    browser.get("/login").await.says(200, "action=\"/login\"");
    browser.login("bob").await;
    browser.get("/account").await.says(200, "bob");
    assert!(!first.is_in().await);
}

#[tokio::test]
async fn ck_01_a_cookie_set_before_the_login_is_never_adopted() {
    let (_, router) = usual().await;
    ada(&router).await;
    let mut victim = Browser::new(&router);
    let planted = format!("ses_{}", "A".repeat(64));
    victim.cookies.insert("symbolon".into(), planted.clone());
    victim.login("ada").await;
    assert_ne!(victim.session(), Some(planted.as_str()));
    let mut attacker = Browser::new(&router);
    attacker.cookies.insert("symbolon".into(), planted);
    assert!(!attacker.is_in().await);
}

#[tokio::test]
async fn without_the_tick_the_cookie_ends_with_the_browser() {
    let (_, router) = usual().await;
    let mut ada = ada(&router).await;
    let short = ada.post("/login", &[("identifier", "ada"), ("password", PASSWORD)]).await;
    assert!(!short.sets("symbolon").unwrap().contains("Max-Age"));
    let long = ada.login("ada").await;
    assert!(long.sets("symbolon").unwrap().contains("Max-Age=25"), "30 days");
}

#[tokio::test]
async fn a_closed_registration_says_so() {
    let mut closed = settings(ORIGIN);
    closed.registration_open = false;
    let (_, router) = site(closed, options()).await;
    let mut browser = Browser::new(&router);
    browser.get("/register").await.says(200, "Registration is closed");
    browser.register("", "ada").await.says(403, "Registration is closed");
    assert!(!browser.get("/login").await.text.contains("/register"));
}

#[tokio::test]
async fn wp_11_a_form_sent_twice_does_no_harm() {
    let (auth, router) = usual().await;
    let mut ada = ada(&router).await;
    let user = auth.engine().find_user("ada").await.unwrap().id;
    let again = ada.clone().register("", "ada").await;
    again.says(409, "That name is taken");
    assert!(ada.is_in().await, "and nobody was logged out");

    // Both were sent before either answer came.
    let (mut one, mut other) = (ada.clone(), ada.clone());
    assert_eq!(one.login("ada").await.leads_to(), "/account");
    assert_eq!(other.login("ada").await.leads_to(), "/account");
    assert!(one.is_in().await && other.is_in().await);

    let (mut first, mut second) = (one.clone(), one.clone());
    assert_eq!(first.post("/account/sessions/end-others", &[]).await.status, 303);
    assert_eq!(
        second.post("/account/sessions/end-others", &[]).await.leads_to(),
        "/login?next=%2Faccount%2Fsessions"
    );
    assert_eq!(auth.engine().sessions(user).await.unwrap().len(), 1, "one successor");

    let mut second = first.clone();
    assert_eq!(first.post("/logout", &[]).await.leads_to(), "/logout?done=logged-out");
    let again = second.post("/logout", &[]).await;
    assert_eq!(again.leads_to(), "/logout");
    assert!(again.headers.get("set-cookie").is_none());

    first.login("ada").await;
    let fields = [("password", PASSWORD), ("sure", "true")];
    let mut second = first.clone();
    assert_eq!(first.post("/account/delete", &fields).await.leads_to(), "/logout?done=deleted");
    assert_eq!(second.post("/account/delete", &fields).await.leads_to(), "/login?next=%2Faccount");
}

#[tokio::test]
async fn ht_05_next_leads_nowhere_else() {
    let (_, router) = usual().await;
    let mut ada = ada(&router).await;
    let tricks = [
        "https://evil.example",
        "https:evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "/a\r\nSet-Cookie: x=y",
        "%2F%2Fevil.example",
        "/%2e%2e//evil.example",
        "/..//evil.example",
        "evil",
        "",
        " //evil.example",
        "/\0",
        "\u{2f}\u{2f}evil.example",
    ];
    for trick in tricks {
        let query = browser_query("/login", trick);
        let form = ada.get(&query).await;
        form.says(200, "action=\"/login\"");
        assert!(!form.text.contains("name=\"next\""), "{trick:?}");
        let fields = [("identifier", "ada"), ("password", PASSWORD), ("next", trick)];
        let login = ada.post("/login", &fields).await;
        assert_eq!(login.leads_to(), "/account", "{trick:?}");
        assert_eq!(login.headers.get_all("set-cookie").iter().count(), 2, "{trick:?}");
    }
    for (good, leads) in [
        ("/account/sessions", "/account/sessions"),
        ("/app?x=1&y=%2F#z", "/app?x=1&y=%2F#z"),
        ("/gr\u{f6}\u{df}e \"<b>", "/gr%C3%B6%C3%9Fe%20%22%3Cb%3E"),
        ("/%252F/evil.example", "/%252F/evil.example"),
    ] {
        let form = ada.get(&browser_query("/login", good)).await;
        assert!(form.text.contains("name=\"next\""), "{good}");
        let fields = [("identifier", "ada"), ("password", PASSWORD), ("next", good)];
        assert_eq!(ada.post("/login", &fields).await.leads_to(), leads);
    }
    // A failed form keeps it, and so does the way to the other form.
    let failed = ada.post("/login", &[("identifier", "ada"), ("password", "x"), ("next", "/app?a=b")]).await;
    failed.says(401, "name=\"next\" value=\"/app?a=b\"");
    assert!(failed.text.contains("href=\"/register?next=%2Fapp%3Fa%3Db\""));
    let fields = [("identifier", "bob"), ("password", PASSWORD), ("again", PASSWORD), ("next", "/app?a=b")];
    assert_eq!(ada.post("/register", &fields).await.leads_to(), "/app?a=b");
    let fields = [("identifier", "cyd"), ("password", PASSWORD), ("again", PASSWORD), ("next", "/account")];
    assert_eq!(ada.post("/register", &fields).await.leads_to(), "/account?done=registered");
}

fn browser_query(path: &str, next: &str) -> String {
    format!("{path}?{}", crate::browser::encoded(&[("next", next)]))
}

#[tokio::test]
async fn under_a_prefix_everything_links_and_leads_under_it() {
    let (_, router) =
        site(settings("http://127.0.0.1:7117/auth"), Options { explore: true, ..Options::default() }).await;
    let mut ada = Browser::new(&router);
    assert_eq!(ada.get("/auth/account").await.leads_to(), "/auth/login?next=%2Fauth%2Faccount");
    assert_eq!(ada.register("/auth", "ada").await.leads_to(), "/auth/account?done=registered");
    for path in [
        "/auth",
        "/auth/login",
        "/auth/register",
        "/auth/logout",
        "/auth/account",
        "/auth/account/sessions",
        "/auth/explore",
        "/auth/nothing",
    ] {
        let page = ada.get(path).await;
        assert_eq!(page.status, if path.ends_with("nothing") { 404 } else { 200 }, "{path}");
        for attribute in ["href=\"", "src=\"", "action=\""] {
            for address in page.text.split(attribute).skip(1) {
                let address = address.split('"').next().unwrap();
                assert!(address.starts_with("/auth") || address.starts_with('#'), "{path}: {address}");
            }
        }
        let style = page
            .text
            .split("rel=\"stylesheet\" href=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap()
            .to_owned();
        assert_eq!(ada.get(&style).await.status, 200, "{style}");
    }
    assert_eq!(
        ada.post("/auth/account/profile", &[("name", "A")]).await.leads_to(),
        "/auth/account?done=profile"
    );
    assert_eq!(
        ada.post("/auth/account/sessions/end-others", &[]).await.leads_to(),
        "/auth/account/sessions?done=others-ended"
    );
    assert_eq!(ada.post("/auth/logout", &[]).await.leads_to(), "/auth/logout?done=logged-out");
    assert_eq!(ada.post("/auth/account/profile", &[]).await.leads_to(), "/auth/login?next=%2Fauth%2Faccount");
    let fields = [("identifier", "ada"), ("password", PASSWORD), ("next", "/app")];
    assert_eq!(
        ada.post("/auth/login", &fields).await.leads_to(),
        "/app",
        "next may lead to the application around"
    );
    assert_eq!(ada.get("/account").await.status, 404);
}
