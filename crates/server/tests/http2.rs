//! HTTP/2 on the same listener, spoken frame by frame (RFC 9113): what is malformed is refused, and a stop announces itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod support;

use std::net::SocketAddr;

use support::{LONG, limits, start};
use symbolon_server::serve::Drained;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;

#[derive(Debug)]
struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

struct Client {
    stream: TcpStream,
    next: u32,
}

/// Header fields, each a literal without indexing and without Huffman code (RFC 7541 §6.2.2).
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut text = |text: &str| {
        // Lengths of 127 and more continue in groups of seven bits.
        if text.len() < 127 {
            out.push(u8::try_from(text.len()).unwrap());
        } else {
            out.push(127);
            let mut rest = text.len() - 127;
            while rest >= 128 {
                out.push(u8::try_from(rest % 128).unwrap() | 128);
                rest /= 128;
            }
            out.push(u8::try_from(rest).unwrap());
        }
        out.extend_from_slice(text.as_bytes());
    };
    for (name, value) in fields {
        text("");
        text(name);
        text(value);
    }
    out
}

const GOOD: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "http"), (":authority", "a.example"), (":path", "/hello")];

impl Client {
    async fn connect(address: SocketAddr) -> Self {
        let mut client = Self { stream: TcpStream::connect(address).await.unwrap(), next: 1 };
        client.stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        // No dynamic table (identifier 1, size 0): every status is then spelled out, or of the static table.
        client.frame(SETTINGS, 0, 0, &[0, 1, 0, 0, 0, 0]).await;
        client
    }

    async fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let mut bytes = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
        bytes.extend_from_slice(&[kind, flags]);
        bytes.extend_from_slice(&stream.to_be_bytes());
        bytes.extend_from_slice(payload);
        self.stream.write_all(&bytes).await.unwrap();
    }

    /// Sends a request without a body; tells its stream.
    async fn request(&mut self, fields: &[(&str, &str)]) -> u32 {
        let stream = self.next;
        self.next += 2;
        self.frame(HEADERS, END_STREAM | END_HEADERS, stream, &block(fields)).await;
        stream
    }

    /// The next frame of interest; settings and pings are acknowledged on the way.
    async fn read(&mut self) -> Option<Frame> {
        loop {
            let mut head = [0; 9];
            timeout(LONG, self.stream.read_exact(&mut head)).await.expect("a frame in time").ok()?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let mut payload = vec![0; length];
            timeout(LONG, self.stream.read_exact(&mut payload)).await.unwrap().ok()?;
            let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            let frame = Frame { kind: head[3], flags: head[4], stream, payload };
            match frame.kind {
                SETTINGS | PING if frame.flags & ACK == 0 => {
                    let payload = if frame.kind == PING { frame.payload } else { Vec::new() };
                    self.frame(frame.kind, ACK, 0, &payload).await;
                }
                DATA | HEADERS | RESET | GOAWAY => return Some(frame),
                _ => {}
            }
        }
    }

    /// What became of a request: its status, `None` for a stream or connection that was refused.
    async fn status(&mut self, stream: u32) -> Option<u16> {
        while let Some(frame) = self.read().await {
            match frame.kind {
                HEADERS if frame.stream == stream => return Some(status(&frame.payload)),
                RESET if frame.stream == stream => return None,
                GOAWAY if frame.payload[4..8] != [0; 4] => return None,
                _ => {}
            }
        }
        None
    }
}

/// The status of an answer: from the static table, or a literal with an indexed name (RFC 7541 appendix A).
fn status(block: &[u8]) -> u16 {
    let block = &block[block.iter().take_while(|byte| **byte & 0xe0 == 0x20).count()..];
    match block[0] {
        0x88 => 200,
        0x8c => 400,
        0x8d => 404,
        0x8e => 500,
        _ => {
            assert_eq!(block[0] & 0x0f, 8, "a literal :status, not {block:x?}");
            let text = &block[2..2 + usize::from(block[1] & 0x7f)];
            if block[1] & 0x80 == 0 {
                std::str::from_utf8(text).unwrap().parse().unwrap()
            } else {
                digits(text)
            }
        }
    }
}

/// Digits in Huffman code (RFC 7541 appendix B): 0, 1, 2 have five bits, 3 to 9 six.
fn digits(bytes: &[u8]) -> u16 {
    let bits: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
    let mut rest = bits.as_str();
    let mut number = 0;
    while rest.len() >= 5 && !rest.chars().all(|bit| bit == '1') {
        let five = u16::from_str_radix(&rest[..5], 2).unwrap();
        let (digit, used) =
            if five < 3 { (five, 5) } else { (u16::from_str_radix(&rest[..6], 2).unwrap() - 0x19 + 3, 6) };
        number = number * 10 + digit;
        rest = &rest[used..];
    }
    number
}

#[tokio::test]
async fn ht_17_malformed_http_2_is_refused_and_the_good_goes_on() {
    let (server, app) = start(limits());
    for extra in [
        ("x", "a\r\nb"),
        ("x", "a\0b"),
        ("connection", "close"),
        ("transfer-encoding", "chunked"),
        ("X-Upper", "a"),
        ("x y", "a"),
        ("te", "gzip"),
        (":path", "/other"),
    ] {
        let mut client = Client::connect(server.address()).await;
        let mut fields = GOOD.to_vec();
        fields.push(extra);
        let stream = client.request(&fields).await;
        let got = client.status(stream).await;
        assert!(matches!(got, None | Some(400)), "{extra:?}: {got:?}");
    }
    assert!(app.handled().is_empty(), "{:?}", app.handled());

    let mut client = Client::connect(server.address()).await;
    for (fields, expected) in [
        (GOOD.to_vec(), Some(200)),
        ([&GOOD[..], &[("host", "a.example")]].concat(), Some(200)),
        ([&GOOD[..], &[("host", "b.example")]].concat(), Some(400)),
        ([&GOOD[..], &[("host", "a.example"), ("host", "b.example")]].concat(), Some(400)),
        (GOOD.iter().filter(|(name, _)| *name != ":authority").copied().collect(), Some(400)),
        (
            GOOD.iter()
                .map(|(name, value)| (*name, if *name == ":authority" { "u@a" } else { value }))
                .collect(),
            Some(400),
        ),
        (GOOD.to_vec(), Some(200)),
    ] {
        let stream = client.request(&fields).await;
        assert_eq!(client.status(stream).await, expected, "{fields:?}");
    }
}

#[tokio::test]
async fn ht_15_limits_hold_for_http_2() {
    let (server, app) = start(limits());
    let mut client = Client::connect(server.address()).await;
    let long = format!("/{}", "x".repeat(9000));
    let fields = GOOD.map(|(name, value)| (name, if name == ":path" { long.as_str() } else { value }));
    let stream = client.request(&fields).await;
    assert_eq!(client.status(stream).await, Some(414));
    let many: Vec<_> = GOOD.into_iter().chain(std::iter::repeat_n(("x", "y"), 65)).collect();
    let stream = client.request(&many).await;
    assert_eq!(client.status(stream).await, Some(431));
    let large = "y".repeat(5000);
    let big: Vec<_> = GOOD.into_iter().chain(std::iter::repeat_n(("x", large.as_str()), 3)).collect();
    let stream = client.request(&big).await;
    assert_eq!(client.status(stream).await, Some(200));
    let too_big = "y".repeat(8100);
    let big: Vec<_> = GOOD.into_iter().chain(std::iter::repeat_n(("x", too_big.as_str()), 2)).collect();
    let stream = client.request(&big).await;
    assert_eq!(client.status(stream).await, Some(431));
    assert_eq!(app.handled(), ["/hello"]);
}

#[tokio::test]
async fn a_stop_answers_what_is_in_flight_and_says_goaway() {
    let (mut server, app) = start(limits());
    let mut client = Client::connect(server.address()).await;
    let slow = GOOD.map(|(name, value)| (name, if name == ":path" { "/slow" } else { value }));
    let stream = client.request(&slow).await;
    app.begun.notified().await;
    server.stop();
    let goaway = client.read().await.unwrap();
    assert_eq!((goaway.kind, &goaway.payload[4..8]), (GOAWAY, &[0; 4][..]));
    app.gate.notify_one();
    assert_eq!(client.status(stream).await, Some(200));
    while client.read().await.is_some() {}
    assert_eq!(timeout(LONG, server.stopped()).await.unwrap(), Drained { cut_off: 0 });
}
