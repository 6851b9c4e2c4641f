//! The log of requests: a line for each, and nothing in it that should not be. One test, since it reads the process's log.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod support;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use support::{Client, limits, request, send, start};
use symbolon_server::config::{LogFormat, LogLevel, Telemetry};
use symbolon_server::logs;
use tracing_subscriber::fmt::MakeWriter;

/// A log in memory.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Memory {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

impl Memory {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[tokio::test]
async fn lg_02_lg_03_lg_05_ht_29_each_request_is_one_clean_line_with_its_id() {
    let log = Memory::default();
    let settings = Telemetry { listen: None, log_format: LogFormat::Json, log_level: LogLevel::Trace };
    tracing::subscriber::set_global_default(logs::subscriber(&settings, log.clone(), false)).unwrap();
    let (server, _app) = start(limits());
    let secret = "canary".repeat(8);
    let fields = format!(
        "Authorization: Bearer eyJ{secret}.{secret}.{secret}\r\nCookie: symbolon=ses_{secret}\r\nUser-Agent: canary\r\n"
    );
    let mut client = Client::connect(server.address()).await;
    client.write(request("GET", "/hello?access_token=canary&code=canary", &fields, "")).await;
    let hello = client.answer().await.unwrap();
    client.write(request("GET", "/nothing%0a\u{2028}\u{9b}31m", &fields, "")).await;
    client.answer().await.unwrap();
    client.write(request("GET", &format!("/things/ses_{secret}"), &fields, "")).await;
    client.answer().await.unwrap();
    let panic = client.get("/panic").await.unwrap();
    send(server.address(), format!("GET /hello HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "canary".repeat(5000)))
        .await;
    send(server.address(), "GET /hello HTTP/1.1\r\nHost: a\r\ncan\u{1}ary: x\r\n\r\n").await;

    let text = log.text();
    assert!(!text.contains("canary"), "{text}");
    let events: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let with = |status: u64| -> Vec<_> { events.iter().filter(|event| event["status"] == status).collect() };
    let first = with(200)[0];
    assert_eq!((&first["method"], &first["path"]), (&"GET".into(), &"/hello".into()), "{first}");
    assert!(hello.contains(&format!("x-request-id: {}", first["request"].as_str().unwrap())), "{first}");
    assert!(
        first["ms"].as_f64().unwrap() >= 0.0 && first["peer"].as_str().unwrap().starts_with("127.0.0.1:")
    );
    assert_eq!(with(404)[0]["path"], "/nothing%0a\\u{2028}\\u{9b}31m");
    assert_eq!(with(200)[1]["path"], "/things/ses_***");
    assert_eq!((with(431).len(), with(400).len()), (1, 1));
    // The panic: its id is in the answer and in the log, with the place and without its words.
    let told: Vec<_> = events.iter().filter(|event| event["message"] == "a handler panicked").collect();
    let instance = told[0]["instance"].as_str().unwrap();
    assert!(panic.contains(instance), "{panic}");
    assert_eq!(with(500)[0]["request"], instance);
}
