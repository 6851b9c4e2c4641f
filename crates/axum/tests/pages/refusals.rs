//! Bad input on forms, and what comes back with them.

use crate::browser::{Browser, ORIGIN, PASSWORD, encoded, settings, site};
use crate::{ada, options, usual};

const SCRIPT: &str = "</script><img src=x onerror=alert(1)>\"'`&";

fn is_escaped(text: &str) -> bool {
    !text.contains("<img src=x") && !text.contains("</script><img") && !text.contains("alert(1)>\"")
}

#[tokio::test]
async fn wp_01_wp_02_what_people_type_comes_back_escaped() {
    let (_, router) = usual().await;
    let mut ada = ada(&router).await;
    let failed = ada
        .post("/login", &[("identifier", SCRIPT), ("password", "x"), ("next", &format!("/{SCRIPT}"))])
        .await;
    failed.says(401, "&#60;img src=x");
    let refused =
        ada.post("/register", &[("identifier", SCRIPT), ("password", PASSWORD), ("again", PASSWORD)]).await;
    refused.says(422, "neither a username nor an e-mail address");
    assert_eq!(ada.post("/account/profile", &[("name", SCRIPT)]).await.status, 303);
    let account = ada.get("/account").await;
    account.says(200, "&#60;/script&#62;&#60;img src=x");
    let strange = ada
        .get(&format!("/login?{}", encoded(&[("next", SCRIPT), ("done", SCRIPT), ("lang", SCRIPT)])))
        .await;
    strange.says(200, "Log in");
    let lost = ada.get("/%3Cimg%20src=x%3E").await;
    lost.says(404, "There is nothing here");
    // Signs are allowed in a username.
    let name = "</script><img/src=x/onerror=alert(1)>";
    assert_eq!(Browser::new(&router).register("", name).await.status, 303);
    let mut mallory = Browser::new(&router);
    mallory.login(name).await;
    mallory.get("/account").await.says(200, "&#60;img/src=x/onerror=alert(1)&#62;");
    for path in ["/", "/account", "/logout", "/account/sessions", "/nothing"] {
        let page = mallory.get(path).await.text;
        assert!(!page.contains("<img/src"), "{path}");
    }
    for page in [failed, refused, account, strange, lost] {
        assert!(is_escaped(&page.text), "{}", page.text);
    }
}

#[tokio::test]
async fn cr_38_a_password_never_comes_back() {
    let (_, router) = usual().await;
    let mut ada = ada(&router).await;
    let secret = "seven-quiet-herons-9x";
    let other = "another-secret-of-mine-7";
    let forms: [(&str, Vec<(&str, &str)>); 9] = [
        ("/login", vec![("identifier", "ada"), ("password", secret)]),
        ("/register", vec![("identifier", "ada"), ("password", secret), ("again", secret)]),
        ("/register", vec![("identifier", "eve"), ("password", secret), ("again", other)]),
        ("/register", vec![("identifier", "a b"), ("password", secret), ("again", secret)]),
        ("/account/password", vec![("current", secret), ("new", other), ("again", other)]),
        ("/account/password", vec![("current", PASSWORD), ("new", secret), ("again", other)]),
        ("/account/delete", vec![("password", secret), ("sure", "true")]),
        ("/confirm", vec![("password", secret)]),
        ("/account/grants", vec![("label", ""), ("password", PASSWORD)]),
    ];
    for (path, fields) in forms {
        let page = ada.post(path, &fields).await;
        assert!((400..500).contains(&page.status), "{path} {}", page.status);
        let everything = format!("{} {:?}", page.text, page.headers);
        for secret in [secret, other, PASSWORD] {
            assert!(!everything.contains(secret), "{path}");
        }
        assert!(page.headers.get("set-cookie").is_none());
    }
    ada.post("/login", &[("identifier", "ada@x"), ("password", "x")]).await.says(401, "value=\"ada@x\"");
}

#[tokio::test]
async fn cr_29_a_field_twice_is_refused_wherever_it_stands() {
    let (_, router) = usual().await;
    let mut ada = ada(&router).await;
    let good = encoded(&[("identifier", "ada"), ("password", PASSWORD)]);
    for body in [
        format!("{good}&identifier=eve"),
        format!("{good}&password={PASSWORD}"),
        format!("{good}&p%61ssword=x"),
    ] {
        ada.post_raw("/login", &body).await.says(400, "does not make sense");
    }
    ada.post_raw("/login?identifier=eve", &good).await.says(400, "does not make sense");
    ada.post_raw("/login?password=x", &good).await.says(400, "does not make sense");
    ada.post_raw("/login", "identifier=ada&password=%ff").await.says(400, "does not make sense");
    ada.post_raw("/login", "identifier=ada&password=%4").await.says(400, "does not make sense");
    ada.get("/login?next=/a&next=/b&%zz").await.says(200, "Log in");
}

#[tokio::test]
async fn cr_17_unknown_and_wrong_are_the_same_page() {
    let (_, router) = usual().await;
    ada(&router).await;
    let (mut one, mut other) = (Browser::new(&router), Browser::new(&router));
    let wrong = one.post("/login", &[("identifier", "ada"), ("password", "x")]).await;
    let unknown = other.post("/login", &[("identifier", "eda"), ("password", "x")]).await;
    assert_eq!((wrong.status, unknown.status), (401, 401));
    assert_eq!(wrong.headers, unknown.headers);
    assert_eq!(wrong.text.replace("ada", "eda"), unknown.text);
}

#[tokio::test]
async fn empty_forms_are_refused_as_forms() {
    let (_, router) = usual().await;
    let mut nobody = Browser::new(&router);
    nobody.post("/login", &[]).await.says(401, "The username or the password is wrong.");
    nobody.post("/register", &[]).await.says(422, "neither a username nor an e-mail address");
    let long = "a".repeat(2000);
    nobody.post("/login", &[("identifier", "ada"), ("password", &long)]).await.says(400, "password is wrong");
    nobody.post("/login", &[("identifier", &long), ("password", "x")]).await.says(401, "password is wrong");
    let fields = [("identifier", "ada"), ("password", long.as_str()), ("again", long.as_str())];
    nobody.post("/register", &fields).await.says(422, "too long: at most 1024 bytes");
}

#[tokio::test]
async fn passwords_are_refused_with_their_reasons() {
    let (_, router) = usual().await;
    let mut nobody = Browser::new(&router);
    let mut refused = async |password: &str| {
        let page = nobody
            .post("/register", &[("identifier", "ada"), ("password", password), ("again", password)])
            .await;
        page.says(422, "Not saved yet");
        assert!(page.text.contains("value=\"ada\""), "the identifier stays");
        page.text
    };
    assert!(refused("short").await.contains("too short"));
    assert!(refused("passwordpassword").await.contains("among the first that attackers try"));
}

#[tokio::test]
async fn wrong_kinds_and_sizes_of_bodies_get_their_page() {
    let (_, router) = usual().await;
    let mut ada = ada(&router).await;
    for kind in ["application/json", "text/plain", "multipart/form-data; boundary=x", ""] {
        let page = ada.send("POST", "/account/profile", &[("content-type", kind)], "{}").await;
        page.says(415, "That did not work");
        assert_eq!(page.header("accept"), "application/x-www-form-urlencoded");
    }
    let large = format!("name={}", "a".repeat(70_000));
    ada.post_raw("/account/profile", &large).await.says(413, "That is too much");
    assert!(ada.is_in().await);
}

#[tokio::test]
async fn cr_13_too_many_attempts_are_told_on_the_form() {
    let (_, router) = usual().await;
    let mut ada = ada(&router).await;
    let mut stranger = Browser::new(&router);
    let attempt = [("identifier", "ada"), ("password", "x")];
    for _ in 0..5 {
        stranger.post("/login", &attempt).await.says(401, "password is wrong");
    }
    let blocked = stranger.post("/login", &attempt).await;
    blocked.says(429, "Too many attempts. Please try again in 30 seconds.");
    assert_eq!(blocked.header("retry-after"), "30");
    assert!(blocked.text.contains("value=\"ada\""));
    assert_eq!(ada.login("ada").await.leads_to(), "/account", "the known browser has a counter of its own");
    for _ in 0..5 {
        ada.post("/account/delete", &[("password", "x"), ("sure", "true")])
            .await
            .says(401, "not your password");
    }
    ada.post("/account/delete", &[("password", "x"), ("sure", "true")])
        .await
        .says(429, "Please try again in");
    let fields = [("current", "x"), ("new", "entirely other words 9"), ("again", "entirely other words 9")];
    ada.post("/account/password", &fields).await.says(429, "Please try again in");
}

#[tokio::test]
async fn registrations_are_counted() {
    let (_, router) = usual().await;
    let mut somebody = Browser::new(&router);
    for number in 0..10 {
        assert_eq!(somebody.register("", &format!("user{number}")).await.status, 303);
    }
    let blocked = somebody.register("", "user10").await;
    blocked.says(429, "Please try again in 1 hour.");
    assert!(blocked.header("retry-after").parse::<u64>().unwrap() > 3000);
}

#[tokio::test]
async fn a_full_hashing_queue_is_told_on_the_form() {
    let mut slow = settings(ORIGIN);
    slow.hashing.params = Default::default();
    slow.hashing.threads = 1;
    slow.hashing.queue = 1;
    let (_, router) = site(slow, options()).await;
    let attempts = (0..12).map(|number| {
        let mut browser = Browser::new(&router);
        tokio::spawn(async move {
            browser.post("/login", &[("identifier", &format!("user{number}")), ("password", "x")]).await
        })
    });
    let attempts: Vec<_> = attempts.collect();
    let mut busy = 0;
    for attempt in attempts {
        let page = attempt.await.unwrap();
        if page.status == 503 {
            page.says(503, "Very busy right now. Please try again in a moment.");
            assert!(page.header("retry-after").parse::<u64>().is_ok());
            busy += 1;
        }
    }
    assert!(busy > 0);
}

#[tokio::test]
async fn ht_21_no_look_alike_of_a_page_is_one() {
    let (_, router) = usual().await;
    let mut ada = ada(&router).await;
    for path in [
        "/account/x.css",
        "/account;.js",
        "/account.css",
        "/account%2Fx.css",
        "/account/",
        "/login/",
        "//account",
        "/account/sessions/x.js",
        "/assets/../account",
        "/assets/",
        "/assets/x.css",
        "/assets/..%2faccount",
        "/assets/explore.js",
    ] {
        let page = ada.get(path).await;
        page.says(404, "There is nothing here");
        assert_eq!(page.header("cache-control"), "no-store", "{path}");
        let visited = ada.send("GET", path, &[("accept", "application/json")], "").await;
        assert_eq!(
            (visited.status, visited.header("content-type")),
            (404, "application/problem+json"),
            "{path}"
        );
    }
    let account = ada.get("/account").await;
    assert_eq!((account.header("cache-control"), account.header("vary")), ("no-store", "Cookie"));
    // Who is logged in stays so on a page of an error.
    assert!(ada.get("/nothing").await.text.contains("href=\"/account\""));
    assert!(Browser::new(&router).get("/nothing").await.text.contains("href=\"/login\""));
}

/// There is no token in a form that could grow old: what counts is who sends it, now.
#[tokio::test]
async fn cs_26_a_form_from_before_does_nothing_after_the_logout_and_once_more_before_it() {
    let (auth, router) = usual().await;
    let mut ada = ada(&router).await;
    let name = async || auth.engine().find_user("ada").await.unwrap().profile.get("name").cloned();
    let mut back = ada.clone();
    assert_eq!(ada.post("/confirm", &[("password", PASSWORD)]).await.leads_to(), "/account");
    // The tab from before the renewal, with the cookie from before: not carried out.
    assert_eq!(back.post("/account/profile", &[("name", "Eve")]).await.leads_to(), "/login?next=%2Faccount");
    assert_eq!(name().await, None);
    // The same tab with the cookie that the browser has now: as good as a new one, sent twice does what once does.
    for _ in 0..2 {
        assert_eq!(
            ada.post("/account/profile", &[("name", "Ada")]).await.leads_to(),
            "/account?done=profile"
        );
    }
    let mut after = ada.clone();
    ada.post("/logout", &[]).await;
    assert_eq!(after.post("/account/profile", &[("name", "Eve")]).await.leads_to(), "/login?next=%2Faccount");
    assert_eq!(name().await, Some("Ada".into()));
}

/// There is one language; whatever asks for another gets it, and opens no file.
#[tokio::test]
async fn wp_09_a_language_is_nothing_to_this_server() {
    let (_, router) = usual().await;
    let mut nobody = Browser::new(&router);
    let plain = nobody.get("/login").await;
    plain.says(200, "<html lang=\"en\">");
    let long = "x".repeat(10_000);
    for query in ["lang=../../x", "lang=%00", "lang=%2e%2e%2fetc%2fpasswd", &format!("lang={long}")] {
        assert_eq!(nobody.get(&format!("/login?{query}")).await.text, plain.text, "{query}");
    }
    for wanted in ["../../x", "de;q=x, *", &long] {
        let answer = nobody.send("GET", "/login", &[("accept-language", wanted)], "").await;
        assert_eq!((answer.status, &answer.text), (200, &plain.text));
    }
}
