//! The session cookie: how it is set, and what is taken for one (CK).

use serde_json::json;

use crate::{
    client::SetCookie,
    people::{Key, Person},
    raw,
    server::{HTTPS, TestServer},
};

const YEAR: i64 = 365 * 24 * 60 * 60;

fn https() -> TestServer {
    TestServer::with(|settings| settings.set("server.issuer", format!("{HTTPS:?}")))
}

fn login(server: &TestServer, person: &Person, remember: Option<bool>) -> [SetCookie; 2] {
    let mut body = json!({ "identifier": person.identifier, "password": person.password });
    if let Some(remember) = remember {
        body["remember"] = remember.into();
    }
    server.post("/v1/sessions").json(body).send().is(201).cookies().try_into().unwrap()
}

#[test]
fn under_http_the_cookie_is_plain() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let [session, known] = login(&server, &alice, None);
    assert_eq!((session.name.as_str(), known.name.as_str()), ("symbolon", "symbolon-known"));
    // `remember` is the default: the rest of the absolute life.
    let life = session.max_age().unwrap();
    assert!((30 * 86400 - 5..=30 * 86400).contains(&life), "{life}");
    assert_eq!(session.attributes, ["Path=/", &format!("Max-Age={life}"), "HttpOnly", "SameSite=Lax"]);
    assert_eq!(known.attributes, ["Path=/", "Max-Age=15552000", "HttpOnly", "SameSite=Lax"]);
    assert!(session.value.starts_with("ses_") && session.value.len() == 68);
    assert_eq!(known.value.len(), 43, "user, 8 random bytes, MAC");
    let [session, known] = login(&server, &alice, Some(true));
    assert!(session.max_age().is_some() && known.max_age() == Some(15_552_000));
    // A browser-session cookie has no `Max-Age`; the known browser is remembered all the same.
    let [session, known] = login(&server, &alice, Some(false));
    assert_eq!(session.attributes, ["Path=/", "HttpOnly", "SameSite=Lax"]);
    assert_eq!(known.max_age(), Some(15_552_000));
}

#[test]
fn under_https_it_has_the_host_prefix_and_is_secure() {
    let server = https();
    let alice = server.person("alice");
    let [session, known] = login(&server, &alice, None);
    assert_eq!((session.name.as_str(), known.name.as_str()), ("__Host-symbolon", "__Host-symbolon-known"));
    let life = session.max_age().unwrap();
    assert_eq!(
        session.attributes,
        ["Path=/", &format!("Max-Age={life}"), "Secure", "HttpOnly", "SameSite=Lax"]
    );
    assert_eq!(known.attributes, ["Path=/", "Max-Age=15552000", "Secure", "HttpOnly", "SameSite=Lax"]);
    let [session, _] = login(&server, &alice, Some(false));
    assert_eq!(session.attributes, ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"]);
    server.get("/v1/me").cookie(&session.value).send().gives(200);
    // Removal repeats name, path and flags; renewal is set like a login.
    let answer = server.post("/v1/sessions/current/confirm").cookie(&session.value);
    let answer = answer.json(json!({ "password": alice.password })).send().is(200);
    let [next] = answer.cookies().try_into().unwrap();
    assert_eq!((next.name.as_str(), next.attributes), ("__Host-symbolon", session.attributes));
    let answer = server.delete("/v1/sessions/current").cookie(&next.value).send().no_content();
    assert_eq!(
        answer.all("set-cookie"),
        ["__Host-symbolon=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax"],
        "and the known browser stays known"
    );
    assert_eq!(answer.field("strict-transport-security"), Some("max-age=63072000; includeSubDomains"));
    // CK-05: the other installation's name is not this one's.
    let [session, _] = login(&server, &alice, None);
    server
        .get("/v1/me")
        .field("Cookie", &format!("symbolon={}", session.value))
        .send()
        .problem(401, "no_session");
}

#[test]
fn max_age_is_never_more_than_400_days() {
    let server = TestServer::with(|settings| {
        settings.set("session.absolute", "\"400d\"");
        settings.set("session.idle", "\"400d\"");
    });
    let [session, _] = login(&server, &server.person("alice"), None);
    let life = session.max_age().unwrap();
    assert!(life <= 400 * 86400 && life > YEAR, "{life}");
}

#[test]
fn ck_25_the_name_is_the_operators() {
    let server = TestServer::with(|settings| settings.set("cookie.name", "\"shop\""));
    let [session, known] = login(&server, &server.person("alice"), None);
    assert_eq!((session.name.as_str(), known.name.as_str()), ("shop", "shop-known"));
    server.get("/v1/me").cookie(&session.value).send().problem(401, "no_session");
    server.get("/v1/me").field("Cookie", &format!("shop={}", session.value)).send().gives(200);
    // Another installation's session is nobody's here.
    let other = TestServer::start();
    let foreign = other.cookie(&other.person("alice"));
    server.get("/v1/me").field("Cookie", &format!("shop={foreign}")).send().problem(401, "no_session");
}

#[test]
fn ck_01_ck_02_a_login_makes_its_own_id_and_adopts_none() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let planted = format!("ses_{}", "A".repeat(64));
    server.get("/v1/me").cookie(&planted).send().problem(401, "no_session");
    let body = json!({ "identifier": "alice", "password": alice.password });
    let cookie =
        server.post("/v1/sessions").cookie(&planted).json(body.clone()).send().is(201).session_cookie();
    assert_ne!(cookie, planted);
    server.get("/v1/me").cookie(&planted).send().problem(401, "no_session");
    // A real one of the attacker's, planted in the victim's browser.
    let mallory = server.cookie(&server.person("mallory"));
    let victims = server.post("/v1/sessions").cookie(&mallory).json(body).send().is(201).session_cookie();
    assert_ne!(victims, mallory);
    assert!(!server.opens(&Key::Cookie(mallory)));
}

#[test]
fn ck_05_it_counts_in_its_own_place_only() {
    let server = TestServer::start();
    let cookie = server.cookie(&server.person("alice"));
    let named = |name: &str| server.get("/v1/me").field("Cookie", &format!("{name}={cookie}"));
    for request in [
        named("session"),
        named("Symbolon"),
        named("SYMBOLON"),
        named("__Host-symbolon"),
        named("__Secure-symbolon"),
        named("symbolon-known"),
        named("symbolon2"),
        named(" symbolon x"),
        server.get("/v1/me").field("X-Session", &cookie),
        server.get("/v1/me").field("Cookie2", &format!("symbolon={cookie}")),
        server.get("/v1/me").field("Set-Cookie", &format!("symbolon={cookie}")),
    ] {
        request.send().problem(401, "no_session");
    }
    server.get("/v1/me").bearer(&cookie).send().problem(401, "invalid_token");
    server.get(&format!("/v1/me?symbolon={cookie}")).send().problem(401, "no_session");
    server.post("/v1/me").form(&[("symbolon", &cookie)]).send().problem(401, "no_session");
    named("symbolon").send().gives(200);
}

#[test]
fn ck_09_ck_10_prefix_tricks_are_not_the_session() {
    let server = https();
    let alice = server.person("alice");
    let value = server.cookie(&alice);
    let ask = |line: &[u8]| {
        let bytes =
            [b"GET /v1/me HTTP/1.1\r\nHost: a\r\nConnection: close\r\nCookie: ", line, b"\r\n\r\n"].concat();
        let [answer] = raw::send(server.address(), bytes).try_into().unwrap();
        answer
    };
    let with = |before: &[u8], after: &[u8]| [before, value.as_bytes(), after].concat();
    assert_eq!(ask(&with(b"a=1; __Host-symbolon=", b"; b=2")).status, 200);
    for line in [
        with(b"=__Host-symbolon=", b""),
        with(b"$Version=1; __Host-symbolon=", b""),
        with(b"$Version=\"1\"; __Host-symbolon=", b"; $Path=/"),
        with("\u{2000}__Host-symbolon=".as_bytes(), b""),
        with(b"\xa0__Host-symbolon=", b""),
        with(b"__HOST-symbolon=", b""),
        with(b"__Host-Symbolon=", b""),
        with(b"%5F_Host-symbolon=", b""),
        with(b"__Host-symbolon =", b""),
        with(b"__Host-symbolon=\"", b"\""),
        with(b"__Host-symbolon=\"\\163", b"\""),
        with(b"__Host-symbolon= ", b""),
        with(b"a=1, __Host-symbolon=", b""),
        with(b"a=\"; __Host-symbolon=", b"\t; b=2"),
        with(b"__Host-symbolon=", b", b=2"),
        with(b"__Host-symbolon=", b"\xff"),
        with(b"__Host-symbolon=x; __Host-symbolon=", b""),
        with(b"__Host-symbolon=", b"; __Host-symbolon="),
    ] {
        ask(&line).problem(401, "no_session");
    }
    // Not the line feed: alone it ends the line (RFC 9112 §2.2), and so the value before it is whole.
    for control in [&b"\0"[..], b"\x01", b"\x7f", b"\r"] {
        let answer = ask(&with(b"__Host-symbolon=", control));
        assert!(matches!(answer.status, 400 | 401), "{control:?}: {}", answer.comparable());
    }
    // Two count as none, in one line or two, equal or not.
    let other = server.cookie(&alice);
    for (one, two) in [(&value, &value), (&value, &other)] {
        let line = format!("__Host-symbolon={one}; __Host-symbolon={two}");
        ask(line.as_bytes()).problem(401, "no_session");
        server.get("/v1/me").cookie(one).cookie(two).send().problem(401, "no_session");
    }
}

#[test]
fn ck_13_ck_15_damaged_and_foreign_values_open_nothing() {
    let server = TestServer::start();
    let cookie = server.cookie(&server.person("alice"));
    let ask = |value: &str| server.get("/v1/me").cookie(value).send().problem(401, "no_session");
    for length in 0..cookie.len() {
        ask(&cookie[..length]);
    }
    for at in 4..cookie.len() {
        let other = if cookie.as_bytes()[at] == b'A' { "B" } else { "A" };
        ask(&format!("{}{other}{}", &cookie[..at], &cookie[at + 1..]));
    }
    for end in ["A", "=", "==", ".", "%3D", "ses_"] {
        ask(&format!("{cookie}{end}"));
    }
    for other in [
        cookie.replace("ses_", "SES_"),
        cookie.replace("ses_", "ref_"),
        cookie.replace("ses_", "key_"),
        cookie.replace("ses_", ""),
    ] {
        ask(&other);
    }
    let session = server.sessions(&cookie)[0]["id"].as_str().unwrap().to_owned();
    ask(&session);
    assert!(server.opens(&Key::Cookie(cookie)));
}

#[test]
fn js_29_other_secrets_are_no_cookies() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let tokens = server.tokens(&alice);
    let [_, known] = login(&server, &alice, None);
    for other in [&tokens.access, &tokens.refresh, &known.value, &format!("ses_{}", &tokens.refresh[4..])] {
        server.get("/v1/me").cookie(other).send().problem(401, "no_session");
    }
    assert!(server.opens(&Key::Refresh(tokens.refresh)), "and none of them is used up");
}

#[test]
fn ck_07_the_server_decides_when_it_is_over() {
    let server = TestServer::with(|settings| {
        settings.set("session.absolute", "\"4s\"");
        settings.set("session.idle", "\"2s\"");
    });
    let alice = server.person("alice");
    let (idle, busy) = (server.cookie(&alice), server.cookie(&alice));
    let began = crate::time::millis();
    assert!(server.opens(&Key::Cookie(busy)));
    crate::time::wait_until(began + 2100);
    assert!(!server.opens(&Key::Cookie(idle)), "left alone");
    // Used all the time, and over all the same. (Activity is written once a minute, so `idle` stands aside here.)
    let server = TestServer::with(|settings| {
        settings.set("session.absolute", "\"2s\"");
        settings.set("session.idle", "\"2s\"");
    });
    let cookie = server.cookie(&server.person("alice"));
    let exchanged = server.exchange(&cookie);
    let session = server.sessions(&cookie)[0].clone();
    let end = crate::time::parse(session["expires_at"].as_str().unwrap());
    while crate::time::millis() < end - 100 {
        assert!(server.opens(&Key::Cookie(cookie.clone())));
    }
    crate::time::wait_until(end);
    assert!(!server.opens(&Key::Cookie(cookie.clone())));
    // Its token may be up to the leeway behind, the session's own end it never passes by more.
    let left = crate::people::claims(&exchanged)["exp"].as_i64().unwrap() * 1000 - end;
    assert!(left <= 0, "{left}");
    server
        .login(&Person {
            id: String::new(),
            identifier: "nobody".into(),
            password: "not the password at all".into(),
        })
        .is(401);
}

#[test]
fn ck_14_ck_17_what_is_not_found_is_counted_and_what_is_known_is_not_asked_for() {
    let server = TestServer::with(|settings| settings.set("throttle.lookups", "20"));
    let alice = server.person("alice");
    let cookie = server.cookie(&alice);
    let mut dead = Vec::new();
    for _ in 0..5 {
        let gone = server.cookie(&alice);
        server.delete("/v1/sessions/current").cookie(&gone).send().no_content();
        dead.push(gone);
    }
    for _ in 0..20 {
        dead.iter().for_each(|gone| assert!(!server.opens(&Key::Cookie(gone.clone()))));
    }
    // Made-up ones are refused by arithmetic and cost nothing.
    for _ in 0..100 {
        let guess = format!(
            "ses_{}",
            crate::people::password()
                .bytes()
                .map(|b| char::from(b'A' + b % 26))
                .chain("A".repeat(64).chars())
                .take(64)
                .collect::<String>()
        );
        server.get("/v1/me").cookie(&guess).send().problem(401, "no_session");
    }
    assert!(server.opens(&Key::Cookie(cookie)), "a session in memory is not looked up");
}

#[test]
fn jd_17_a_cookie_header_with_thousands_of_pairs_is_cheap() {
    let server = TestServer::start();
    let cookie = server.cookie(&server.person("alice"));
    let many = "a=1;".repeat(3_500);
    server.get("/v1/me").field("Cookie", &format!("{many} symbolon={cookie}")).send().gives(200);
    server.get("/v1/me").field("Cookie", &format!("{many} x=y")).send().problem(401, "no_session");
    let more = "a=1;".repeat(5_000);
    server.get("/v1/me").field("Cookie", &more).send().problem(431, "headers_too_large");
}

#[test]
fn st_29_and_ck_06_a_dead_cookie_stays_dead_after_a_restart() {
    let mut server = TestServer::start();
    let alice = server.person("alice");
    let (gone, stays) = (server.cookie(&alice), server.cookie(&alice));
    server.delete("/v1/sessions/current").cookie(&gone).send().no_content();
    server.restart();
    assert!(!server.opens(&Key::Cookie(gone.clone())) && server.opens(&Key::Cookie(stays.clone())));
    server.crash();
    assert!(!server.opens(&Key::Cookie(gone)) && server.opens(&Key::Cookie(stays)));
}
