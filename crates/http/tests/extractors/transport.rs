//! How a token may travel, and what an answer about it says (group BT of the catalogue).

use crate::fake::*;
use std::sync::{Arc, atomic::Ordering::SeqCst};

const CHALLENGE: &str = r#"Bearer realm="symbolon""#;
const JSON: &str = "application/json";

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

#[tokio::test]
async fn bt_01_without_credentials_the_challenge_names_no_error() {
    let app = app(&Arc::new(Fake::new()));
    for route in REQUIRED.into_iter().chain(["/form", "/thrice"]) {
        let answer = get(&app, route, &[]).await;
        answer.is(401, "no_session");
        assert_eq!(answer.header("www-authenticate"), CHALLENGE);
    }
}

#[tokio::test]
async fn bt_02_a_token_in_header_and_body_is_refused() {
    let fake = Arc::new(Fake::new());
    let app = app(&fake);
    let body = format!("a=1&access_token={GOOD}");
    let form = ("content-type", FORM);
    for header in [bearer(GOOD), bearer("junk"), bearer("A,B"), "DPoP x".into()] {
        send(&app, "POST", "/form", &[("authorization", &header), form], &body)
            .await
            .is(400, "invalid_request");
    }
    send(&app, "POST", "/form", &[form], &format!("{body}&access_token={GOOD}"))
        .await
        .is(400, "invalid_request");
    assert_eq!(fake.handled.load(SeqCst), 0);

    let answer = send(&app, "POST", "/form", &[form], &body).await;
    answer.is_ok("bearer ");
    assert!(answer.body.ends_with(r#"[("a", "1")]"#), "the token is not among the fields: {}", answer.body);
    send(&app, "POST", "/form", &[form, ("authorization", &bearer(GOOD))], "a=1").await.is_ok("bearer ");
    send(&app, "POST", "/form", &[form, ("authorization", &bearer(GOOD))], "access_token=")
        .await
        .is_ok("bearer ");
    send(&app, "POST", "/form", &[form, ("cookie", &fake.live())], &body).await.is_ok("bearer ");
    send(&app, "POST", "/form", &[form, ("cookie", &fake.live())], "access_token=junk")
        .await
        .is(401, "invalid_token");
}

#[tokio::test]
async fn bt_03_a_token_in_the_query_counts_only_when_enabled_and_never_beside_another() {
    let (on, off) = (Arc::new(Fake::with_query()), Arc::new(Fake::new()));
    let (on, off) = (app(&on), app(&off));
    let uri = |route: &str| format!("{route}?x=1&access_token={GOOD}");
    get(&on, &uri("/either"), &[]).await.is_ok("bearer ");
    get(&off, &uri("/either"), &[]).await.is(401, "no_session");
    get(&on, &uri("/either"), &[("authorization", &bearer(GOOD))]).await.is(400, "invalid_request");
    get(&off, &uri("/either"), &[("authorization", &bearer(GOOD))]).await.is_ok("bearer ");
    get(&on, &format!("{}&access_token={GOOD}", uri("/either")), &[]).await.is(400, "invalid_request");
    let form = [("content-type", FORM)];
    let body = format!("access_token={GOOD}");
    send(&on, "POST", &uri("/form"), &form, &body).await.is(400, "invalid_request");
    send(&on, "POST", &uri("/form"), &form, "a=1").await.is_ok("bearer ");
    send(&off, "POST", &uri("/form"), &form, &body).await.is_ok("bearer ");
}

#[tokio::test]
async fn answers_to_urls_with_a_token_are_private() {
    let app_on = app(&Arc::new(Fake::with_query()));
    for route in ALL {
        for token in [GOOD, "junk", ""] {
            let answer = get(&app_on, &format!("{route}?access_token={token}"), &[]).await;
            assert_eq!(answer.header("cache-control"), "private, no-store", "{route} {token}");
            let answer = get(&app_on, &format!("{route}?x={token}"), &[]).await;
            assert_ne!(answer.header("cache-control"), "private, no-store", "{route} {token}");
        }
    }
    let app_off = app(&Arc::new(Fake::new()));
    let answer = get(&app_off, &format!("/optional/either?access_token={GOOD}"), &[]).await;
    assert_eq!(answer.header("cache-control"), "");
}

#[tokio::test]
async fn bt_05_a_body_that_is_no_form_carries_no_token() {
    let fake = Arc::new(Fake::new());
    let app = app(&fake);
    let form = format!("access_token={GOOD}");
    let json = format!("{{\"access_token\":\"{GOOD}\"}}");
    let multipart =
        format!("--x\r\ncontent-disposition: form-data; name=access_token\r\n\r\n{GOOD}\r\n--x--\r\n");
    for (method, kind, body) in [
        ("GET", FORM, &form),
        ("DELETE", FORM, &form),
        ("POST", JSON, &json),
        ("POST", JSON, &form),
        ("POST", "multipart/form-data; boundary=x", &multipart),
        ("POST", "text/plain", &form),
    ] {
        send(&app, method, "/form", &[("content-type", kind)], body).await.is(401, "no_session");
        // Nor does it hide one in the header: a known caller is told what is wrong with the body.
        let known = [("content-type", kind), ("authorization", &bearer(GOOD))];
        let answer = send(&app, method, "/form", &known, body).await;
        if kind == FORM { answer.is_ok("bearer ") } else { answer.is(415, "unsupported_media_type") }
    }
    send(&app, "POST", "/form", &[], &form).await.is(401, "no_session");
    let two = [("content-type", FORM), ("content-type", FORM)];
    send(&app, "POST", "/form", &two, &form).await.is(401, "no_session");
}

#[tokio::test]
async fn bt_06_two_authorization_lines_are_refused() {
    let fake = Arc::new(Fake::new());
    let app = app(&fake);
    let good = bearer(GOOD);
    for (one, two) in
        [(good.as_str(), good.as_str()), (&good, "Bearer other"), ("Basic x", &good), (&good, "")]
    {
        let fields = [("authorization", one), ("authorization", two)];
        for route in ALL {
            get(&app, route, &fields).await.is(400, "invalid_request");
        }
    }
    assert_eq!(fake.handled.load(SeqCst), 0);
}

#[tokio::test]
async fn bt_07_two_tokens_in_one_line_are_a_bad_token() {
    let app = app(&Arc::new(Fake::new()));
    for line in [
        format!("Bearer {GOOD}, Bearer {GOOD}"),
        format!("Bearer {GOOD},{GOOD}"),
        format!("Bearer {GOOD} {GOOD}"),
    ] {
        for route in ["/either", "/bearer", "/optional/either"] {
            get(&app, route, &[("authorization", &line)]).await.is(401, "invalid_token");
        }
    }
}

#[tokio::test]
async fn bt_09_basic_is_not_looked_at() {
    let fake = Arc::new(Fake::new());
    let app = app(&fake);
    let basic = ("authorization", "Basic dXNlcjpwYXNzd29yZA==");
    for route in REQUIRED {
        let answer = get(&app, route, &[basic]).await;
        answer.is(401, "no_session");
        assert_eq!(answer.header("www-authenticate"), CHALLENGE);
    }
    assert_eq!(fake.recalls.load(SeqCst), 0, "nobody was asked");
    get(&app, "/either", &[basic, ("cookie", &fake.live())]).await.is_ok("cookie ");
}

#[tokio::test]
async fn bt_10_a_bad_token_is_not_passed_over_for_a_good_cookie() {
    let fake = Arc::new(Fake::new());
    let app = app(&fake);
    for line in ["Bearer junk", "Bearer A,B", "bearer key_AAAA", "DPoP junk", "Bearer,x"] {
        for route in
            ["/either", "/cookie", "/bearer", "/optional/either", "/optional/cookie", "/optional/bearer"]
        {
            get(&app, route, &[("authorization", line), ("cookie", &fake.live())])
                .await
                .is(401, "invalid_token");
        }
    }
    assert_eq!(fake.handled.load(SeqCst), 0);
}

#[tokio::test]
async fn bt_11_a_bearer_token_does_not_turn_the_csrf_rule_off_for_the_cookie() {
    let fake = Arc::new(Fake::new());
    let app = app(&fake);
    let live = fake.live();
    let elsewhere =
        [("sec-fetch-site", "cross-site"), ("origin", "https://attacker.example"), ("content-type", FORM)];
    for line in ["Bearer junk", "Bearer A,B", "Bearer ses_AAAA"] {
        let mut fields = vec![("authorization", line), ("cookie", live.as_str())];
        fields.extend(elsewhere);
        for route in ["/either", "/cookie", "/optional/either", "/optional/cookie", "/form"] {
            send(&app, "POST", route, &fields, "").await.is(401, "invalid_token");
        }
        // A login sets the cookie whoever asks, so there the rule holds.
        send(&app, "POST", "/login", &fields, "").await.is(403, "csrf_rejected");
    }
    // With a good token the cookie is not read; nobody acts in its name.
    let good = bearer(GOOD);
    let mut fields = vec![("authorization", good.as_str()), ("cookie", live.as_str())];
    fields.extend(elsewhere);
    send(&app, "POST", "/cookie", &fields, "").await.is(403, "forbidden");
    send(&app, "POST", "/optional/cookie", &fields, "").await.is_ok("nobody");
}

#[tokio::test]
async fn bt_13_tokens_in_other_places_are_not_seen() {
    let app = app(&Arc::new(Fake::with_query()));
    let cookie = format!("access_token={GOOD}");
    let line = bearer(GOOD);
    for field in [
        ("x-access-token", GOOD),
        ("x-auth-token", GOOD),
        ("cookie", &cookie),
        ("sec-websocket-protocol", GOOD),
        ("proxy-authorization", &line),
        ("authentication", &line),
    ] {
        get(&app, "/either", &[field]).await.is(401, "no_session");
    }
    get(&app, &format!("/either?jwt={GOOD}&token={GOOD}"), &[]).await.is(401, "no_session");
}

#[tokio::test]
async fn bt_14_bt_15_bad_tokens_have_one_answer_which_repeats_nothing() {
    let app = app(&Arc::new(Fake::new()));
    let first = get(&app, "/either", &[("authorization", "Bearer junk")]).await;
    first.is(401, "invalid_token");
    assert_eq!(first.header("www-authenticate"), r#"Bearer realm="symbolon", error="invalid_token""#);
    assert_eq!(first.headers.len(), 4, "type, length, caching, challenge: {:?}", first.headers);
    let long = "canary".repeat(2000);
    for token in [
        long.as_str(),
        "\"canary\"",
        "canary\\",
        "canary%0d%0a",
        "expired.token.x",
        "ses_canary",
        "ref_canary",
        "key_canary",
        "can\u{ff0e}ary",
        "=",
        "a.b",
        "...",
    ] {
        for route in ["/either", "/bearer", "/cookie", "/optional/either"] {
            let answer = get(&app, route, &[("authorization", &bearer(token))]).await;
            assert_eq!(answer, first, "{route} {token}");
        }
    }
}

#[tokio::test]
async fn bt_17_head_is_authenticated_like_get_and_other_methods_tell_nothing() {
    let fake = Arc::new(Fake::new());
    let app = app(&fake);
    for method in ["GET", "HEAD"] {
        let answer = send(&app, method, "/either", &[], "").await;
        assert_eq!(answer.status, 401, "{method}");
        assert_eq!(
            send(&app, method, "/either", &[("cookie", &fake.live())], "").await.status,
            200,
            "{method}"
        );
    }
    let preflight = [("origin", "https://attacker.example"), ("access-control-request-method", "POST")];
    for fields in [&[][..], &preflight] {
        // A route of `any` gets OPTIONS like everything else: still only with a login.
        let answer = send(&app, "OPTIONS", "/either", fields, "").await;
        answer.is(401, "no_session");
        assert!(!answer.headers.keys().any(|name| name.as_str().starts_with("access-control-")));
    }
    send(&app, "BREW", "/either", &[], "").await.is(401, "no_session");
}

#[tokio::test]
async fn bt_18_conditions_and_ranges_do_not_get_around_the_login() {
    let app = app(&Arc::new(Fake::new()));
    for field in [
        ("if-none-match", "*"),
        ("if-modified-since", "Wed, 21 Oct 2065 07:28:00 GMT"),
        ("range", "bytes=0-0"),
    ] {
        let answer = get(&app, "/either", &[field]).await;
        answer.is(401, "no_session");
        assert_eq!(answer, get(&app, "/either", &[]).await);
    }
}

#[tokio::test]
async fn cs_21_a_callback_parameter_changes_nothing() {
    let fake = Arc::new(Fake::new());
    let app = app(&fake);
    let answer = get(&app, "/either?callback=x", &[]).await;
    answer.is(401, "no_session");
    assert_eq!(answer, get(&app, "/either", &[]).await);
}

#[tokio::test]
async fn a_form_is_read_whole_or_not_at_all() {
    let fake = Arc::new(Fake::new());
    let app = app(&fake);
    let known = [("content-type", FORM), ("authorization", "Bearer good.token.x")];
    let answer = send(&app, "POST", "/form", &known, "a=1&b=%C3%A9&a=2").await;
    assert!(answer.body.ends_with(r#"[("a", "1"), ("b", "é"), ("a", "2")]"#), "{}", answer.body);
    send(&app, "POST", "/form", &known, "a=%zz").await.is(400, "invalid_request");
    send(&app, "POST", "/form", &known, "a=%ff").await.is(400, "invalid_request");
    // Who asks comes first.
    send(&app, "POST", "/form", &[("content-type", FORM)], "a=%zz").await.is(401, "no_session");
    let large = "a".repeat(3 * 1024 * 1024);
    send(&app, "POST", "/form", &known, &large).await.is(413, "payload_too_large");
}
