//! What is and is not the session cookie, seen from a handler (group CK of the catalogue).

use crate::fake::*;
use std::sync::{Arc, atomic::Ordering::SeqCst};

/// The same at a required and an optional extractor: no login, and no handler that believes in one.
async fn nobody(fake: &Arc<Fake>, cookie: &str) {
    let app = app(fake);
    for route in ["/either", "/cookie"] {
        get(&app, route, &[("cookie", cookie)]).await.is(401, "no_session");
    }
    for route in OPTIONAL {
        get(&app, route, &[("cookie", cookie)]).await.is_ok("nobody");
    }
}

#[tokio::test]
async fn ck_05_a_session_elsewhere_than_in_its_cookie_is_not_seen() {
    let fake = Arc::new(Fake::with_query());
    let app = app(&fake);
    let live = fake.live();
    let secret = live.split_once('=').unwrap().1;
    for name in ["session", "symbolon", "__Secure-symbolon", "__Host-symbolon-known", "__Host-Symbolon"] {
        nobody(&fake, &format!("{name}={secret}")).await;
    }
    for uri in [format!("/either?{live}"), format!("/either?session={secret}")] {
        get(&app, &uri, &[]).await.is(401, "no_session");
    }
    for name in ["x-session", "set-cookie", "cookie2", "x-cookie"] {
        get(&app, "/either", &[(name, &live)]).await.is(401, "no_session");
    }
    send(&app, "POST", "/form", &[("content-type", FORM)], &live).await.is(401, "no_session");
    // As a bearer token, on each road, it is a bad one (JS-29).
    get(&app, "/either", &[("authorization", &format!("Bearer {secret}"))]).await.is(401, "invalid_token");
    get(&app, &format!("/either?access_token={secret}"), &[]).await.is(401, "invalid_token");
    assert_eq!(fake.recalls.load(SeqCst), 0, "the secret was looked up nowhere");
}

#[tokio::test]
async fn ck_09_prefix_tricks_make_no_session() {
    let fake = Arc::new(Fake::new());
    let live = fake.live();
    let secret = live.split_once('=').unwrap().1;
    for cookie in [
        format!("={live}"),
        format!("$Version=1; {live}"),
        format!("$Version=1,{live}"),
        format!("\u{2000}{live}"),
        format!("\u{a0}{live}"),
        live.replace("__Host-", "__HOST-"),
        live.replace("__Host-", "%5F_Host-"),
        format!("__Host-symbolon=\"{secret}\""),
        format!("__Host-symbolon=\"\\163{}\"", &secret[1..]),
    ] {
        nobody(&fake, &cookie).await;
    }
    assert_eq!(fake.recalls.load(SeqCst), 0);
}

#[tokio::test]
async fn ck_10_joined_cookies_smuggle_no_session() {
    let fake = Arc::new(Fake::new());
    let live = fake.live();
    for cookie in [
        format!("a=1, {live}"),
        format!("a=1,{live}"),
        format!("a=\t{live}"),
        format!("{live}\t; b=1"),
        format!("{live},b=1"),
    ] {
        nobody(&fake, &cookie).await;
    }
}

#[tokio::test]
async fn ck_13_damaged_and_foreign_cookies_are_nobodys() {
    let fake = Arc::new(Fake::new());
    let live = fake.live();
    let foreign = Fake::with(2, "symbolon", false).live();
    let flipped = |at: usize| {
        let mut bytes = live.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    };
    nobody(&fake, &foreign).await;
    nobody(&fake, &live[..live.len() - 1]).await;
    nobody(&fake, &format!("{live}A")).await;
    for at in "__Host-symbolon=ses_".len()..live.len() {
        nobody(&fake, &flipped(at)).await;
    }
    let app = app(&fake);
    let mut request = http::Request::new(axum::body::Body::empty());
    *request.uri_mut() = "/optional/either".parse().unwrap();
    let value = http::HeaderValue::from_bytes(b"__Host-symbolon=ses_\xff\xfe").unwrap();
    request.headers_mut().insert("cookie", value);
    read(tower::ServiceExt::oneshot(app, request).await.unwrap()).await.is_ok("nobody");
}

#[tokio::test]
async fn two_session_cookies_count_as_none() {
    let fake = Arc::new(Fake::new());
    let (live, stored) = (fake.live(), fake.stored());
    for (one, two) in [(&live, &live), (&live, &stored), (&stored, &live)] {
        nobody(&fake, &format!("{one}; {two}")).await;
        let app = app(&fake);
        get(&app, "/either", &[("cookie", one), ("cookie", two)]).await.is(401, "no_session");
        get(&app, "/optional/either", &[("cookie", one), ("cookie", two)]).await.is_ok("nobody");
    }
    assert_eq!(fake.recalls.load(SeqCst), 0, "neither is looked at");
    let app = app(&fake);
    get(&app, "/either", &[("cookie", "a=1"), ("cookie", &live), ("cookie", "b=2")]).await.is_ok("cookie ");
}

/// A sibling site may fill the jar until the session cookie falls out of it, and put in what it likes: the user is logged out, never
/// somebody else. What it cannot put in is a name with the prefix.
#[tokio::test]
async fn ck_11_a_jar_that_overflows_logs_out_and_logs_nobody_in() {
    let fake = Arc::new(Fake::new());
    let junk: String = (0..200).map(|number| format!("junk{number}=x; ")).collect();
    let live = fake.live();
    let secret = live.split_once('=').unwrap().1;
    nobody(&fake, junk.trim_end_matches("; ")).await;
    nobody(&fake, &format!("{junk}symbolon={secret}")).await;
    assert_eq!(fake.recalls.load(SeqCst), 0);
    get(&app(&fake), "/cookie", &[("cookie", &format!("{junk}{live}"))]).await.is_ok("cookie ");
}

/// The host application sets a cookie of the same name: alone it is a login that does not exist, beside ours there are two, which is none.
/// Nothing of it becomes a session, and no answer takes it over.
#[tokio::test]
async fn em_11_a_hosts_own_cookie_of_the_name_is_no_session_and_fixes_none() {
    let fake = Arc::new(Fake::new());
    let app = app(&fake);
    let live = fake.live();
    let name = live.split_once('=').unwrap().0;
    for value in ["", "theirs", "ses_", &format!("ses_{}", "A".repeat(64)), "theirs%3D1"] {
        let theirs = format!("{name}={value}");
        for cookie in [theirs.clone(), format!("{theirs}; {live}"), format!("{live}; {theirs}")] {
            let answer = get(&app, "/cookie", &[("cookie", &cookie)]).await;
            answer.is(401, "no_session");
            let optional = get(&app, "/optional/cookie", &[("cookie", &cookie)]).await;
            optional.is_ok("nobody");
            assert!(!optional.headers.contains_key("set-cookie"));
        }
    }
    assert_eq!(fake.asks(), 0);
}
