//! `GET /metrics` on its own listener. One test: a process has one recorder.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod support;

use support::{Client, limits, request, send, start};
use symbolon_server::telemetry;

#[tokio::test]
async fn lg_06_metrics_know_routes_by_template_and_nothing_a_client_chose() {
    let metrics = telemetry::start("127.0.0.1:0".parse().unwrap()).unwrap();
    assert!(telemetry::start("127.0.0.1:0".parse().unwrap()).is_err());
    let (server, _app) = start(limits());
    let mut client = Client::connect(server.address()).await;
    for n in 0..20 {
        client.get(&format!("/things/canary-{n}")).await.unwrap();
        client.get(&format!("/canary/{n}?canary")).await.unwrap();
        client.write(request(&format!("CANARY{n}"), "/hello", "", "")).await;
        client.answer().await.unwrap();
    }
    client.get("/panic").await.unwrap();
    send(server.address(), format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "canary".repeat(9000))).await;

    let page = send(metrics.address(), request("GET", "/metrics", "Connection: close\r\n", "")).await;
    assert!(page.contains("content-type: text/plain; version=0.0.4"), "{page}");
    for line in [
        "symbolon_http_requests_total{route=\"/things/{id}\",method=\"GET\",status=\"2xx\"} 20",
        "symbolon_http_requests_total{route=\"none\",method=\"GET\",status=\"4xx\"} 20",
        "symbolon_http_requests_total{route=\"/hello\",method=\"other\",status=\"4xx\"} 20",
        "symbolon_http_requests_total{route=\"/panic\",method=\"GET\",status=\"5xx\"} 1",
        "symbolon_http_request_duration_seconds_count{route=\"/things/{id}\",method=\"GET\"} 20",
        "symbolon_http_request_duration_seconds_bucket{route=\"/things/{id}\",method=\"GET\",le=\"30\"} 20",
        "symbolon_http_refused_total{status=\"414\"} 1",
    ] {
        assert!(page.lines().any(|shown| shown == line), "{line}\n{page}");
    }
    let value = |name: &str| -> f64 {
        let line = page.lines().find(|line| line.split([' ', '{']).next() == Some(name)).expect(name);
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    assert!(value("process_resident_memory_bytes") > 1e6);
    assert!(value("process_open_fds") > 3.0);
    assert!(value("symbolon_http_connections") >= 1.0);
    assert!(!page.to_lowercase().contains("canary"), "{page}");
    // Nothing else is served there.
    assert!(
        send(metrics.address(), request("GET", "/", "Connection: close\r\n", ""))
            .await
            .starts_with("HTTP/1.1 404")
    );
}
