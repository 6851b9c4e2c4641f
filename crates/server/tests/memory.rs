//! What a client sends in excess is not kept. One test: it measures the whole process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod support;

use std::net::SocketAddr;

use support::{LONG, assert_problem, limits, start};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const MIB: usize = 1024 * 1024;

/// Sends a head and then `piece` over and over, ten megabytes of it, and reads the answer. Neither side needs to hold it all.
async fn flood(address: SocketAddr, head: &str, piece: &str) -> String {
    let (mut reader, mut writer) = TcpStream::connect(address).await.unwrap().into_split();
    let write = async {
        let mut sent = writer.write_all(head.as_bytes()).await;
        for _ in 0..10 * MIB / piece.len() {
            if sent.is_err() {
                return;
            }
            sent = writer.write_all(piece.as_bytes()).await;
        }
        let _ = writer.shutdown().await;
    };
    let read = async {
        let mut answer = String::new();
        timeout(LONG, reader.read_to_string(&mut answer)).await.expect("closed").expect("and not reset");
        answer
    };
    tokio::join!(write, read).1
}

/// Memory of this process in use, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn jd_01_ht_14_an_enormous_header_or_body_is_refused_and_costs_no_memory() {
    let (server, app) = start(limits());
    let address = server.address();
    let chunk = format!("4000\r\n{}\r\n", "x".repeat(0x4000));
    let mut before = 0;
    for round in 0..10 {
        let head = "GET /hello HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ";
        assert_problem(&flood(address, head, &"A".repeat(8192)).await, 431, "headers_too_large");
        let head = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_problem(&flood(address, head, &chunk).await, 413, "payload_too_large");
        // The first round fills pools and caches that stay.
        if round == 0 {
            before = resident();
        }
    }
    assert!(resident() < before + 8 * 1024, "from {before} to {} KiB", resident());
    assert!(!app.handled().contains(&"/hello".to_owned()));
}
