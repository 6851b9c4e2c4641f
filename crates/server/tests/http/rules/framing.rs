//! Framing that two parsers might read differently, against the real routes (HT; the listener's own tests go through more).

use crate::{people::Key, raw, server::TestServer};

#[test]
fn ht_01_a_hidden_request_is_never_handled() {
    let server = TestServer::start();
    let cookie = server.cookie(&server.person("alice"));
    let hidden =
        format!("DELETE /v1/sessions/current HTTP/1.1\r\nHost: a\r\nCookie: symbolon={cookie}\r\n\r\n");
    let length = hidden.len();
    let head =
        "POST /oauth/revoke HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n";
    for fields in [
        format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"),
        format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n"),
        "Transfer-Encoding: xchunked\r\n".to_owned(),
        "Transfer-Encoding: chunked, identity\r\n".to_owned(),
        "Transfer-Encoding: identity, chunked\r\n".to_owned(),
        "Transfer-Encoding : chunked\r\n".to_owned(),
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n".to_owned(),
        format!("Content-Length: {length}\r\nContent-Length: 0\r\n"),
        "Content-Length: 0\r\nContent-Length: 0\r\n".to_owned(),
        "Content-Length: +0\r\n".to_owned(),
        "Content-Length: 0x0\r\n".to_owned(),
        "Content-Length: 0,0\r\n".to_owned(),
        "Content-Length: -1\r\n".to_owned(),
        "Content-Length: 18446744073709551616\r\n".to_owned(),
        "Content-Length:\r\n 0\r\n".to_owned(),
    ] {
        let bytes = format!("{head}{fields}\r\n0\r\n\r\n{hidden}");
        let answers = raw::send(server.address(), bytes);
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, [400], "{fields:?}");
        assert!(server.opens(&Key::Cookie(cookie.clone())), "{fields:?}");
    }
}

#[test]
fn ht_03_broken_chunks_are_400_and_closed() {
    let server = TestServer::start();
    let head = "POST /oauth/revoke HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
    for body in [
        "FFFFFFFFFFFFFFFF1\r\nx\r\n0\r\n\r\n",
        "zz\r\nx\r\n0\r\n\r\n",
        "-1\r\nx\r\n",
        "5\r\ntoken=x\r\n0\r\n\r\n",
    ] {
        let answers = raw::send(server.address(), format!("{head}{body}"));
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, [400], "{body:?}");
    }
    let good = raw::send(server.address(), format!("{head}7\r\ntoken=x\r\n0\r\n\r\n"));
    assert_eq!(good.first().map(|answer| answer.status), Some(200));
}

#[test]
fn ht_06_ht_07_odd_heads_are_400() {
    let server = TestServer::start();
    for head in [
        "GET /v1/me HTTP/1.1\r\n\r\n",
        "GET /v1/me HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "GET /v1/me HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET /v1/me HTTP/1.1\r\nHost: \r\n\r\n",
        "GET /v1/me HTTP/1.1\r\nHost: a/b\r\n\r\n",
        "GET /v1/me HTTP/1.1\r\nHost: user@a\r\n\r\n",
        "GET http://other/v1/me HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /v1/me HTTP/1.1\r\nHost: a\r\nX: y\r\n folded\r\n\r\n",
        "GET /v1/me HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n",
        "GET /v1/me HTTP/1.1\r\nHost: a\r\n: y\r\n\r\n",
        "GET /v1/me HTTP/1.1\r\nHost: a\r\nX\0: y\r\n\r\n",
        "GET /v1/me HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
        "GET /v1/me HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
        "GET  /v1/me HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /v1/me\r\n\r\n",
        "GET /v1/me HTTP/9.9\r\nHost: a\r\n\r\n",
    ] {
        let mut connection = server.connect();
        connection.write(head);
        let status = connection.answer(false).map(|answer| answer.status);
        // What is no HTTP at all may be closed without a word.
        assert!(matches!(status, Some(400) | None), "{head:?}: {status:?}");
    }
    // What may go on to become HTTP is given its time (HT-13); whoever hangs up is not waited for.
    assert!(
        raw::send_and_hang_up(server.address(), "\u{16}\u{3}\u{1}\u{0}")
            .iter()
            .all(|answer| answer.status == 400)
    );
    // HT-19
    for path in ["/v1/%zz", "/v1/me%", "/%00", "/%252e%252e/v1/me", "/..%c0%af", "/v1/\u{ff}"] {
        let answers = raw::send(
            server.address(),
            format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
        );
        assert!(matches!(answers[0].status, 400 | 404), "{path}: {}", answers[0].status);
    }
}
