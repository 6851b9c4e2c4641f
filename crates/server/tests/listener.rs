//! The listener over real sockets: what a client may send, and what each excess gets. Rows HT, JD, LG of the catalogue.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod support;

use std::time::Duration;

use support::{App, Client, LONG, assert_problem, limits, request, send, start, statuses};
use symbolon_server::serve::Limits;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

const MIB: usize = 1024 * 1024;

fn short(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Refused with 400, closed, and nothing behind it handled.
async fn refused(address: std::net::SocketAddr, app: &App, input: &str) {
    let answer = send(address, format!("{input}GET /hidden HTTP/1.1\r\nHost: a.example\r\n\r\n")).await;
    assert_eq!(statuses(&answer), [400], "{input:?} got {answer:?}");
    assert!(!app.handled().iter().any(|path| path == "/hidden"), "{input:?}");
}

#[tokio::test]
async fn a_request_is_answered_with_its_peer_and_an_id() {
    let (server, _app) = start(limits());
    let mut client = Client::connect(server.address()).await;
    let me = client.stream.local_addr().unwrap().to_string();
    assert!(client.get("/peer").await.unwrap().ends_with(&me));
    // HT-05, HT-25: the client's own id is not reflected, the handler knows ours, and no software names itself.
    client.write(request("GET", "/id", "X-Request-Id: mine\r\n", "")).await;
    let answer = client.answer().await.unwrap();
    let (head, id) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("x-request-id: {id}")) && id.len() == 16, "{answer}");
    assert!(!head.to_lowercase().contains("server:"));
}

#[tokio::test]
async fn ht_01_smuggling_is_refused_and_the_hidden_request_never_handled() {
    let (server, app) = start(limits());
    let post = |fields: &str, body: &str| format!("POST /echo HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n{body}");
    for input in [
        post("Content-Length: 6\r\nTransfer-Encoding: chunked", "0\r\n\r\nG"),
        post("Transfer-Encoding: chunked\r\nContent-Length: 4", "5c\r\n"),
        post("Transfer-Encoding: xchunked", "0\r\n\r\n"),
        post("Transfer-Encoding: chunked, identity", "0\r\n\r\n"),
        post("Transfer-Encoding: identity, chunked", "0\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "0\r\n\r\n"),
        post("Transfer-Encoding : chunked", "0\r\n\r\n"),
        post(" Transfer-Encoding: chunked", "0\r\n\r\n"),
        post("Transfer-Encoding:\u{b}chunked", "0\r\n\r\n"),
        post("X: y\r\n\tTransfer-Encoding: chunked", "0\r\n\r\n"),
    ] {
        refused(server.address(), &app, &input).await;
    }
    // The same behind a good request in one packet: the good one is answered, then 400.
    let good = request("GET", "/hello", "", "");
    let bad = post("Content-Length: 6\r\nTransfer-Encoding: chunked", "0\r\n\r\nG");
    let answer = send(server.address(), format!("{good}{bad}{}", request("GET", "/hidden", "", ""))).await;
    assert_eq!(statuses(&answer), [200, 400], "{answer}");
    assert!(!app.handled().contains(&"/hidden".to_owned()));
}

#[tokio::test]
async fn ht_02_content_length_is_plain_digits_once() {
    let (server, app) = start(limits());
    for value in [
        "+5",
        "-5",
        "0x5",
        "5,5",
        "5, 5",
        "5 ",
        "5 6",
        "",
        "five",
        "18446744073709551616",
        "5\r\nContent-Length: 5",
    ] {
        refused(
            server.address(),
            &app,
            &format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {value}\r\n\r\nhello"),
        )
        .await;
    }
    refused(
        server.address(),
        &app,
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    )
    .await;
}

#[tokio::test]
async fn ht_03_broken_chunks_get_400_and_the_connection_closes() {
    let (server, app) = start(limits());
    let head = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    for body in [
        "FFFFFFFFFFFFFFFF1\r\nhello\r\n0\r\n\r\n",
        "5;ext\n\r\nhello\r\n0\r\n\r\n",
        "5\r\nhelloX\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "zz\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        "0\r\nbad trailer\r\n\r\n",
    ] {
        refused(server.address(), &app, &format!("{head}{body}")).await;
    }
    // The final line end is missing, and the client has said its last.
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, format!("{head}5\r\nhello\r\n0\r\n").as_bytes())
        .await
        .unwrap();
    tokio::io::AsyncWriteExt::shutdown(&mut stream).await.unwrap();
    let mut answer = String::new();
    timeout(LONG, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.is_empty() || statuses(&answer) == [400], "{answer}");
    assert!(Client::connect(server.address()).await.get("/hello").await.unwrap().ends_with("hello"));
}

#[tokio::test]
async fn ht_06_bad_header_syntax_gets_400() {
    let (server, app) = start(limits());
    for field in [
        "X: a\r\n b",
        "X: a\r\n\tb",
        "X: a\rb",
        "X : a",
        "X\u{1}: a",
        "X: a\u{1}b",
        "X: a\u{7f}b",
        "X: a\0b",
        "(X): a",
        ": a",
        "X",
        " X: a",
        "X\u{e9}: a",
        "X\"Y: a",
    ] {
        let input = format!("GET /hello HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n");
        refused(server.address(), &app, &input).await;
    }
}

#[tokio::test]
async fn ht_07_a_request_names_one_host_once() {
    let (server, app) = start(limits());
    for (target, hosts) in [
        ("/hello", ""),
        ("/hello", "Host: a\r\nHost: a\r\n"),
        ("/hello", "Host: a\r\nHost: b\r\n"),
        ("/hello", "Host: \r\n"),
        ("/hello", "Host: a/b\r\n"),
        ("/hello", "Host: u@a\r\n"),
        ("/hello", "Host: a, b\r\n"),
        ("/hello", "Host: http://a\r\n"),
        ("http://b/hello", "Host: a\r\n"),
        ("http://u@a/hello", "Host: a\r\n"),
        ("ftp://a/hello", "Host: a\r\n"),
        ("hello", "Host: a\r\n"),
        ("*", "Host: a\r\n"),
        ("a:80", "Host: a\r\n"),
    ] {
        let input = format!("GET {target} HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n");
        let answer = send(server.address(), input).await;
        assert_eq!(statuses(&answer), [400], "{target} {hosts:?}: {answer}");
    }
    assert!(app.handled().is_empty());
    for (version, fields) in [("1.1", "Host: A:80\r\nConnection: close\r\n"), ("1.0", "")] {
        let answer = send(server.address(), format!("GET /hello HTTP/{version}\r\n{fields}\r\n")).await;
        assert!(answer.ends_with("hello"), "{answer}");
    }
    let absolute = "GET http://a.example/hello HTTP/1.1\r\nHost: A.example\r\nConnection: close\r\n\r\n";
    assert!(send(server.address(), absolute).await.ends_with("hello"));
}

#[tokio::test]
async fn ht_13_a_slow_body_gets_408_and_a_slow_reader_is_closed() {
    let (server, app) = start(Limits { body_timeout: short(200), write_timeout: short(200), ..limits() });
    let mut client = Client::connect(server.address()).await;
    client.write("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nh").await;
    assert_problem(&client.answer().await.unwrap(), 408, "request_timeout");
    assert_eq!(client.answer().await, None);

    let mut reader = Client::connect(server.address()).await;
    reader.write(request("GET", "/endless", "", "")).await;
    timeout(LONG, app.dropped.notified()).await.expect("the answer nobody reads is given up");
}

#[tokio::test]
async fn ht_14_a_body_is_refused_at_once_or_at_its_limit() {
    let (server, app) = start(limits());
    let head = |fields: &str| format!("POST /echo HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n");
    // Nothing but the head is sent: the answer cannot have waited for more.
    let mut client = Client::connect(server.address()).await;
    client.write(head("Content-Length: 10737418240")).await;
    assert_problem(&client.answer().await.unwrap(), 413, "payload_too_large");
    assert_eq!(client.answer().await, None);
    let answer =
        send(server.address(), format!("{}{}", head("Content-Length: 65537"), "x".repeat(65_537))).await;
    assert_problem(&answer, 413, "payload_too_large");
    assert!(app.handled().is_empty());

    let endless = format!(
        "{}{}",
        head("Transfer-Encoding: chunked"),
        "1000\r\n".to_owned() + &"x".repeat(4096) + "\r\n"
    );
    let answer = send(
        server.address(),
        endless.clone() + &("1000\r\n".to_owned() + &"x".repeat(4096) + "\r\n").repeat(500),
    );
    assert_problem(&answer.await, 413, "payload_too_large");

    let mut client = Client::connect(server.address()).await;
    client.write(format!("{}{}", head("Content-Length: 65536"), "x".repeat(65_536))).await;
    assert!(client.answer().await.unwrap().ends_with("65536 bytes"));
    // A body on a route that needs none.
    client.write(request("GET", "/hello", "", &"x".repeat(1000))).await;
    assert!(client.answer().await.unwrap().ends_with("hello"));
}

#[tokio::test]
async fn ht_15_too_much_head_gets_431_and_too_long_a_target_414() {
    let (server, app) = start(limits());
    let fields = |count: usize| (0..count).map(|n| format!("x{n}: y\r\n")).collect::<String>();
    let get = |target: &str, fields: &str| format!("GET {target} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    let target = |length: usize| format!("/hello?{}", "x".repeat(length - 7));
    for (input, status, code) in [
        (get("/hello", &fields(10_000)), 431, "headers_too_large"),
        (get("/hello", &fields(64)), 431, "headers_too_large"),
        (get("/hello", &format!("x: {}\r\n", "y".repeat(MIB))), 431, "headers_too_large"),
        (get("/hello", &format!("x: {}\r\n", "y".repeat(16 * 1024))), 431, "headers_too_large"),
        (get(&target(MIB), ""), 414, "uri_too_long"),
        (get(&target(8 * 1024 + 1), "Connection: close\r\n"), 414, "uri_too_long"),
    ] {
        let answer = send(server.address(), input).await;
        assert_problem(&answer, status, code);
    }
    assert!(app.handled().is_empty());
    for input in [
        get("/hello", &(fields(62) + "Connection: close\r\n")),
        get("/hello", &format!("x: {}\r\nConnection: close\r\n", "y".repeat(15 * 1024))),
        get(&target(8 * 1024), "Connection: close\r\n"),
    ] {
        assert!(send(server.address(), input).await.ends_with("hello"));
    }
}

#[tokio::test]
async fn ht_15_limits_hold_for_later_requests_of_a_connection_too() {
    let (server, _app) = start(limits());
    let posts = request("POST", "/echo", "", "hello")
        + &request("POST", "/echo", "Transfer-Encoding: chunked\r\n", "")
            .replace("\r\n\r\n", "\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(MIB));
    let answer = send(server.address(), posts + &long).await;
    assert_eq!(statuses(&answer), [200, 200, 414], "{answer}");
}

#[tokio::test]
async fn ht_18_trace_and_connect_are_405_and_never_echoed() {
    let (server, app) = start(limits());
    for (method, target) in [("TRACE", "/hello"), ("CONNECT", "a.example:443"), ("TRACE", "/none")] {
        let input = format!(
            "{method} {target} HTTP/1.1\r\nHost: a.example\r\nX: canary\r\nConnection: close\r\n\r\n"
        );
        let answer = send(server.address(), input).await;
        assert_problem(&answer, 405, "method_not_allowed");
        assert!(answer.to_lowercase().contains("allow: get") && !answer.contains("canary"), "{answer}");
    }
    assert!(app.handled().is_empty());
    for (method, status) in [("PROPFIND", 405), ("GARBAGE", 405), ("G@T", 400), ("get", 405)] {
        let answer = send(server.address(), request(method, "/hello", "Connection: close\r\n", "")).await;
        assert_eq!(statuses(&answer), [status], "{method}");
    }
}

#[tokio::test]
async fn jd_15_a_compressed_body_gets_415_where_it_would_be_read_and_is_never_inflated() {
    let (server, _app) = start(limits());
    for coding in ["gzip", "br", "identity, gzip", "x-unknown"] {
        let input = request(
            "POST",
            "/echo",
            &format!("Content-Encoding: {coding}\r\nConnection: close\r\n"),
            "\u{1f}bomb",
        );
        let answer = send(server.address(), input).await;
        assert_problem(&answer, 415, "unsupported_media_type");
        assert!(answer.to_lowercase().contains("accept-encoding: identity"), "{answer}");
    }
    // The order of the contract: a credential that is missing comes first.
    let input = request("POST", "/deny", "Content-Encoding: gzip\r\nConnection: close\r\n", "bomb");
    assert_eq!(statuses(&send(server.address(), input).await), [401]);
    let input = request("POST", "/echo", "Content-Encoding: Identity\r\nConnection: close\r\n", "plain");
    assert!(send(server.address(), input).await.ends_with("5 bytes"));
}

#[tokio::test]
async fn ht_26_pipelined_requests_are_answered_in_order() {
    let (server, _app) = start(limits());
    let mut client = Client::connect(server.address()).await;
    let all: String = (0..1000).map(|n| request("GET", &format!("/things/{n}"), "", "")).collect();
    let (mut reader, mut writer) = client.stream.split();
    let write = async { tokio::io::AsyncWriteExt::write_all(&mut writer, all.as_bytes()).await.unwrap() };
    let read = async {
        let mut text = String::new();
        let mut buffer = vec![0; 64 * 1024];
        while statuses(&text).len() < 1000 || !text.ends_with("999") {
            let read = timeout(LONG, reader.read(&mut buffer)).await.unwrap().unwrap();
            assert_ne!(read, 0);
            text.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
        }
        text
    };
    let (text, ()) = tokio::join!(read, write);
    let bodies: Vec<usize> = text
        .split("HTTP/1.1 200 OK")
        .skip(1)
        .map(|part| part.split("\r\n\r\n").nth(1).unwrap().parse().unwrap())
        .collect();
    assert_eq!(bodies, (0..1000).collect::<Vec<_>>());
}

#[tokio::test]
async fn ht_26_idle_connections_are_closed_and_a_full_house_makes_wait_but_drops_nobody() {
    let (server, _app) = start(Limits { idle_timeout: short(300), connections: 2, ..limits() });
    let mut first = Client::connect(server.address()).await;
    let mut second = Client::connect(server.address()).await;
    assert!(first.get("/hello").await.is_some() && second.get("/hello").await.is_some());
    // The third waits in the queue until the idle ones have been closed, and is answered then.
    let mut third = Client::connect(server.address()).await;
    assert!(third.get("/hello").await.unwrap().ends_with("hello"));
    assert!(first.answer().await.is_none() || second.answer().await.is_none());
}

#[tokio::test]
async fn ht_27_expect_continue_is_answered_without_reading_the_body() {
    let (server, _app) = start(limits());
    for (path, length, status) in [("/echo", 1_073_741_824, 413), ("/deny", 1000, 401)] {
        let mut client = Client::connect(server.address()).await;
        client
            .write(format!(
                "POST {path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
            ))
            .await;
        assert_eq!(statuses(&client.answer().await.unwrap()), [status]);
        assert_eq!(client.answer().await, None);
    }
    let mut client = Client::connect(server.address()).await;
    client.write("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n").await;
    assert_eq!(statuses(&client.answer().await.unwrap()), [100]);
    client.write("hello").await;
    assert!(client.answer().await.unwrap().ends_with("5 bytes"));
}

#[tokio::test]
async fn ht_29_a_panic_is_one_500_and_nobody_elses() {
    let (server, app) = start(limits());
    let mut waiting = Client::connect(server.address()).await;
    waiting.write(request("GET", "/slow", "", "")).await;
    app.begun.notified().await;
    let mut client = Client::connect(server.address()).await;
    for _ in 0..3 {
        let answer = client.get("/panic").await.unwrap();
        assert_problem(&answer, 500, "internal");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert!(head.contains(&format!("x-request-id: {}", body["instance"].as_str().unwrap())), "{answer}");
        assert!(!answer.contains("canary") && !answer.contains(".rs"), "{answer}");
        // The very same connection goes on.
        assert!(client.get("/hello").await.unwrap().ends_with("hello"));
    }
    app.gate.notify_one();
    assert!(waiting.answer().await.unwrap().ends_with("slow"));
}

#[tokio::test]
async fn a_handler_that_never_answers_gets_503_with_an_instance() {
    let (server, _app) = start(Limits { handler_timeout: short(100), ..limits() });
    let mut client = Client::connect(server.address()).await;
    let answer = client.get("/slow").await.unwrap();
    assert_problem(&answer, 503, "unavailable");
    assert!(answer.contains("\"instance\""), "{answer}");
    assert!(client.get("/hello").await.unwrap().ends_with("hello"));
}

#[tokio::test]
async fn a_head_that_drips_gets_408_and_silence_is_closed() {
    let (server, _app) = start(Limits { header_timeout: short(300), idle_timeout: LONG * 2, ..limits() });
    // One byte at a time, for ever: the deadline is the head's, not the byte's.
    let (mut reader, mut writer) = TcpStream::connect(server.address()).await.unwrap().into_split();
    let dripping = tokio::spawn(async move {
        for byte in "GET /hello HTTP/1.1\r\nX: ".bytes().chain(std::iter::repeat(b'y')) {
            if tokio::io::AsyncWriteExt::write_all(&mut writer, &[byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(short(20)).await;
        }
    });
    let mut answer = String::new();
    timeout(LONG, reader.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert_problem(&answer, 408, "request_timeout");
    dripping.abort();

    let mut silent = Client::connect(server.address()).await;
    assert_eq!(silent.answer().await, None);
    // A second head on a kept connection has the same deadline from its first byte, and idling before it does not count.
    let mut kept = Client::connect(server.address()).await;
    assert!(kept.get("/hello").await.is_some());
    kept.write("GET /hel").await;
    assert_problem(&kept.answer().await.unwrap(), 408, "request_timeout");
    assert_eq!(kept.answer().await, None);
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let (server, _app) = start(limits());
    let error = symbolon_server::serve::Listener::bind(server.address(), limits()).unwrap_err().to_string();
    assert!(error.contains(&server.address().to_string()) && error.contains("another program"), "{error}");
}
