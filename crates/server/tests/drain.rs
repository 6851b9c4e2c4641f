//! Stopping without losing a request.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use support::{Client, LONG, limits, request, start};
use symbolon_server::serve::{Drained, Limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

#[tokio::test]
async fn a_request_in_flight_is_answered_after_the_stop_and_its_connection_closed() {
    let (mut server, app) = start(limits());
    let mut client = Client::connect(server.address()).await;
    client.write(request("GET", "/slow", "", "")).await;
    app.begun.notified().await;
    server.stop();
    app.gate.notify_one();
    let answer = client.answer().await.unwrap();
    assert!(answer.ends_with("slow") && answer.contains("connection: close"), "{answer}");
    assert_eq!(client.answer().await, None);
    assert_eq!(timeout(LONG, server.stopped()).await.unwrap(), Drained { cut_off: 0 });
    assert!(TcpStream::connect(server.address()).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_request_already_on_its_way_to_an_idle_connection_is_answered() {
    let (mut server, _app) = start(Limits { drain_grace: LONG, ..limits() });
    let mut kept = Client::connect(server.address()).await;
    assert!(kept.get("/hello").await.is_some());
    let mut fresh = Client::connect(server.address()).await;
    server.stop();
    for client in [&mut kept, &mut fresh] {
        let answer = client.get("/hello").await.expect("answered, not dropped");
        assert!(answer.contains("connection: close"), "{answer}");
        assert_eq!(client.answer().await, None);
    }
    assert_eq!(timeout(LONG, server.stopped()).await.unwrap(), Drained { cut_off: 0 });
}

#[tokio::test]
async fn idle_connections_do_not_hold_the_stop_up() {
    let (mut server, _app) = start(Limits { idle_timeout: LONG * 10, header_timeout: LONG * 10, ..limits() });
    let mut kept = Client::connect(server.address()).await;
    assert!(kept.get("/hello").await.is_some());
    let mut silent = Client::connect(server.address()).await;
    server.stop();
    assert_eq!(timeout(LONG, server.stopped()).await.unwrap(), Drained { cut_off: 0 });
    assert_eq!((kept.answer().await, silent.answer().await), (None, None));
}

#[tokio::test]
async fn what_does_not_end_is_cut_off_when_its_time_is_up() {
    let (mut server, app) = start(Limits { drain_timeout: Duration::from_millis(200), ..limits() });
    let mut client = Client::connect(server.address()).await;
    client.write(request("GET", "/slow", "", "")).await;
    app.begun.notified().await;
    server.stop();
    assert_eq!(timeout(LONG, server.stopped()).await.unwrap(), Drained { cut_off: 1 });
    assert_eq!(client.answer().await, None);
}

#[tokio::test]
async fn asking_twice_cuts_off_at_once() {
    let (mut server, app) = start(limits());
    let mut client = Client::connect(server.address()).await;
    client.write(request("GET", "/slow", "", "")).await;
    app.begun.notified().await;
    server.stop();
    server.cut_off();
    assert_eq!(timeout(LONG, server.stopped()).await.unwrap(), Drained { cut_off: 1 });
}

/// Eight clients keep their connections and send one request after the other. Whatever was sent on a connection that the
/// server had not announced to close is answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn under_load_no_request_is_lost_by_a_stop() {
    for _ in 0..5 {
        let (mut server, _app) = start(limits());
        let address = server.address();
        let (answered, lost) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let stop = Arc::new(AtomicBool::new(false));
        let clients: Vec<_> = (0..8)
            .map(|_| {
                let (answered, lost, stop) = (Arc::clone(&answered), Arc::clone(&lost), Arc::clone(&stop));
                tokio::spawn(async move {
                    while let Ok(mut stream) = TcpStream::connect(address).await {
                        let mut buffer = vec![0; 4096];
                        for turn in 0.. {
                            let sent = stream.write_all(request("GET", "/hello", "", "").as_bytes()).await;
                            let read =
                                if sent.is_ok() { stream.read(&mut buffer).await.unwrap_or(0) } else { 0 };
                            let answer = String::from_utf8_lossy(&buffer[..read]);
                            if answer.ends_with("hello") {
                                answered.fetch_add(1, Ordering::Relaxed);
                            } else if turn > 0 {
                                lost.fetch_add(1, Ordering::Relaxed);
                                break;
                            } else {
                                // Connected while the socket was being closed: nothing was promised yet.
                                assert!(stop.load(Ordering::Relaxed));
                                return;
                            }
                            if answer.contains("connection: close") {
                                break;
                            }
                        }
                    }
                })
            })
            .collect();
        while answered.load(Ordering::Relaxed) < 500 {
            tokio::task::yield_now().await;
        }
        stop.store(true, Ordering::Relaxed);
        server.stop();
        assert_eq!(timeout(LONG, server.stopped()).await.unwrap(), Drained { cut_off: 0 });
        for client in clients {
            timeout(LONG, client).await.unwrap().unwrap();
        }
        assert_eq!(lost.load(Ordering::Relaxed), 0, "of {}", answered.load(Ordering::Relaxed));
    }
}
