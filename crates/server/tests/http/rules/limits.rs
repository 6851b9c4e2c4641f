//! Limits that a client can run into: sizes (413, 414, 431), times (408), and what they do to others (HT, JD).

use serde_json::json;

use super::with_somebody;
use crate::{
    raw,
    server::TestServer,
    time::{LONG, now},
};

#[test]
fn ht_14_a_body_is_refused_at_its_limit() {
    let (server, cookie, _) = with_somebody();
    // At the limit it is read, and refused for what it is.
    let at = server.patch("/v1/me").cookie(&cookie).body("application/json", vec![b' '; 64 * 1024]);
    at.send().problem(400, "invalid_request");
    let above = server.patch("/v1/me").cookie(&cookie).body("application/json", vec![b' '; 64 * 1024 + 1]);
    above.send().problem(413, "payload_too_large");
    // Announced: at once, and without the body. Endless: at the limit.
    let head = "PATCH /v1/me HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
    let announced = format!("{head}Content-Length: 10000000000\r\n\r\n");
    let mut connection = server.connect();
    connection.write(announced);
    connection.answer(false).unwrap().problem(413, "payload_too_large");
    let cookie_line = format!("Cookie: symbolon={cookie}\r\n");
    let chunk = format!("4000\r\n{}\r\n", " ".repeat(0x4000));
    let endless = format!("{head}{cookie_line}Transfer-Encoding: chunked\r\n\r\n{}", chunk.repeat(100));
    raw::send(server.address(), endless).remove(0).problem(413, "payload_too_large");
    // A body where none is needed is none of anybody's business.
    server.get("/v1/me").cookie(&cookie).body("text/plain", "x".repeat(1000)).send().gives(200);
    server
        .get("/v1/me")
        .cookie(&cookie)
        .body("text/plain", "x".repeat(70_000))
        .send()
        .problem(413, "payload_too_large");
}

#[test]
fn ht_15_jd_01_too_much_head_is_431_and_too_long_a_target_414() {
    let (server, cookie, token) = with_somebody();
    server.get("/v1/me").cookie(&cookie).field("X-Large", &"x".repeat(15 * 1024)).send().gives(200);
    for field in ["X-Large", "Cookie", "Authorization"] {
        server.get("/v1/me").field(field, &"x".repeat(17 * 1024)).send().problem(431, "headers_too_large");
    }
    let many = (0..70).fold(server.get("/v1/me").cookie(&cookie), |request, number| {
        request.field(&format!("X-{number}"), "x")
    });
    many.send().problem(431, "headers_too_large");
    server
        .get(&format!("/v1/me?{}", "x".repeat(9 * 1024)))
        .cookie(&cookie)
        .send()
        .problem(414, "uri_too_long");
    server.get(&format!("/{}", "x".repeat(1_000_000))).send().problem(414, "uri_too_long");
    server.get("/v1/me").bearer(&"A".repeat(10_000_000)).send().problem(431, "headers_too_large");
    server.get("/v1/me").bearer(&token).send().gives(200);
}

#[test]
fn ht_27_expect_continue_is_answered_without_the_body() {
    let (server, cookie, _) = with_somebody();
    let head = |more: &str| {
        format!(
            "PATCH /v1/me HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n{more}\r\n"
        )
    };
    let mut connection = server.connect();
    connection.write(head("Content-Length: 1000000000\r\n"));
    connection.answer(false).unwrap().problem(413, "payload_too_large");
    let mut connection = server.connect();
    connection.write(head("Content-Length: 15\r\n"));
    connection.answer(false).unwrap().problem(401, "no_session");
    let mut connection = server.connect();
    let body = r#"{"profile": {}}"#;
    connection
        .write(head(&format!("Content-Length: {}\r\nCookie: symbolon={cookie}\r\n", body.len())) + body);
    connection.answer(false).unwrap().gives(200);
}

#[test]
fn ht_13_what_drips_gets_408_and_nobody_else_waits() {
    let server = TestServer::with(|settings| {
        settings.set("server.header_timeout", "\"400ms\"");
        settings.set("server.body_timeout", "\"400ms\"");
        settings.set("server.idle_timeout", "\"500ms\"");
    });
    let cookie = server.cookie(&server.person("alice"));
    let mut head = server.connect();
    head.write("GET /v1/me HTTP/1.1\r\nHost: a\r\n");
    let mut body = server.connect();
    body.write(format!(
        "PATCH /v1/me HTTP/1.1\r\nHost: a\r\nCookie: symbolon={cookie}\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{{\"pro"
    ));
    let mut oauth = server.connect();
    oauth.write("POST /oauth/token HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 15\r\n\r\ngrant");
    // It is not said in which order these come; meanwhile others are served.
    server.get("/v1/me").cookie(&cookie).send().gives(200);
    head.answer(false).unwrap().problem(408, "request_timeout");
    assert!(head.is_closed());
    body.answer(false).unwrap().problem(408, "request_timeout");
    oauth.answer(false).unwrap().oauth_error(408, "invalid_request");
    // HT-26: silence is closed without a word.
    let mut silent = server.connect();
    let began = now();
    assert!(silent.is_closed());
    assert!(began.elapsed() < LONG / 2);
    assert_eq!(server.picture(&cookie)["me"]["user"]["profile"], json!({}));
}

#[test]
fn ht_26_pipelined_requests_are_answered_in_order() {
    let (server, cookie, _) = with_somebody();
    let requests: String = (0..200)
        .map(|number| match number % 3 {
            0 => format!("GET /v1/me HTTP/1.1\r\nHost: a\r\nCookie: symbolon={cookie}\r\n\r\n"),
            1 => "GET /v1/me HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
            _ => "GET /v1/nothing HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        })
        .chain(["GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_owned()])
        .collect();
    let statuses: Vec<u16> =
        raw::send(server.address(), requests).iter().map(|answer| answer.status).collect();
    let expected: Vec<u16> = (0..200).map(|number| [200, 401, 404][number % 3]).chain([200]).collect();
    assert_eq!(statuses, expected, "nobody gets another's answer");
}

#[test]
fn ht_31_ht_21_ranges_and_conditions_do_not_cut_answers() {
    let (server, cookie, _) = with_somebody();
    let ranges = format!("bytes={}", (0..1000).map(|n| format!("{n}-{n}")).collect::<Vec<_>>().join(","));
    for request in [server.get("/v1/me").cookie(&cookie), server.get("/.well-known/jwks.json")] {
        let whole = request.clone().send().is(200);
        let cut = request.field("Range", &ranges).send().is(200);
        assert_eq!(cut.body.len(), whole.body.len());
        assert_eq!(cut.field("content-range"), None);
    }
}

#[test]
fn a_connection_serves_one_login_after_another() {
    let (server, cookie, token) = with_somebody();
    let mut connection = server.connect();
    for _ in 0..20 {
        connection.write(format!("GET /v1/me HTTP/1.1\r\nHost: a\r\nCookie: symbolon={cookie}\r\n\r\n"));
        assert_eq!(connection.answer(false).unwrap().gives(200)["via"], "cookie");
        connection.write("GET /v1/me HTTP/1.1\r\nHost: a\r\n\r\n");
        connection.answer(false).unwrap().problem(401, "no_session");
        connection.write(format!("GET /v1/me HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n"));
        assert_eq!(connection.answer(false).unwrap().gives(200)["via"], "bearer");
    }
}
