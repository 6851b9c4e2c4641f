//! A server on port 0 with an application made for tests, and a client that sends exactly the bytes it is given.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{Request, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use hyper::body::Frame;
use symbolon_http::RequestId;
use symbolon_server::serve::{Limits, Listener, Running};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::timeout;

/// Longer than anything here takes; waiting so long is a failure.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// What the application's handlers saw and wait for.
#[derive(Clone, Default)]
pub(crate) struct App {
    /// Paths of the requests that reached a handler.
    pub(crate) handled: Arc<Mutex<Vec<String>>>,
    /// `/slow` says here that it has begun.
    pub(crate) begun: Arc<Notify>,
    /// `/slow` answers when this is notified.
    pub(crate) gate: Arc<Notify>,
    /// The body of `/endless` says here that it was dropped.
    pub(crate) dropped: Arc<Notify>,
}

impl App {
    pub(crate) fn handled(&self) -> Vec<String> {
        self.handled.lock().unwrap().clone()
    }

    pub(crate) fn router(&self) -> Router {
        Router::new()
            .route("/hello", get(async || "hello"))
            .route("/echo", post(async |body: Bytes| format!("{} bytes", body.len())))
            .route("/deny", post(async || (StatusCode::UNAUTHORIZED, "no")))
            .route("/peer", get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.to_string()))
            .route("/id", get(async |Extension(id): Extension<RequestId>| id.0.to_string()))
            .route(
                "/things/{id}",
                get(async |Path(id): Path<String>| id).delete(async || StatusCode::NO_CONTENT),
            )
            .route("/panic", get(panics))
            .route("/slow", get(slow))
            .route("/endless", get(endless))
            .layer(from_fn_with_state(self.clone(), note))
            .with_state(self.clone())
    }
}

async fn note(State(app): State<App>, request: Request<Body>, next: Next) -> Response {
    app.handled.lock().unwrap().push(request.uri().path().to_owned());
    next.run(request).await
}

async fn panics() -> &'static str {
    panic!("canary-of-the-panic")
}

async fn slow(State(app): State<App>) -> &'static str {
    app.begun.notify_one();
    app.gate.notified().await;
    "slow"
}

async fn endless(State(app): State<App>) -> Body {
    Body::new(Endless(app.dropped))
}

struct Endless(Arc<Notify>);

impl hyper::body::Body for Endless {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 16 * 1024])))))
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// Short times and the limits of the defaults.
pub(crate) fn limits() -> Limits {
    Limits { linger: Duration::from_secs(5), ..Limits::default() }
}

/// The application on a free port.
pub(crate) fn start(limits: Limits) -> (Running, App) {
    let app = App::default();
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), limits).unwrap();
    assert_ne!(listener.address().port(), 0);
    (listener.serve(app.router()), app)
}

/// Sends these bytes on a connection of their own and reads until the server closes. Reading begins at once, so that an
/// answer that comes before the end of the input is not lost.
pub(crate) async fn send(address: SocketAddr, input: impl Into<Vec<u8>>) -> String {
    let input = input.into();
    let (mut reader, mut writer) = TcpStream::connect(address).await.unwrap().into_split();
    let writing = tokio::spawn(async move {
        // The server may close first; what it said is what counts.
        let _ = writer.write_all(&input).await;
        writer
    });
    let mut output = Vec::new();
    timeout(LONG, reader.read_to_end(&mut output))
        .await
        .expect("the server closes")
        .expect("and does not reset");
    writing.abort();
    String::from_utf8_lossy(&output).into_owned()
}

/// A connection for several requests.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), buffer: Vec::new() }
    }

    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// The next answer with a `Content-Length`; `None` when the server closed instead.
    pub(crate) async fn answer(&mut self) -> Option<String> {
        loop {
            if let Some(length) = message(&self.buffer) {
                let rest = self.buffer.split_off(length);
                let answer = std::mem::replace(&mut self.buffer, rest);
                return Some(String::from_utf8_lossy(&answer).into_owned());
            }
            let read =
                timeout(LONG, self.stream.read_buf(&mut self.buffer)).await.expect("an answer in time");
            if read.unwrap_or(0) == 0 {
                assert!(self.buffer.is_empty(), "closed in the middle of an answer");
                return None;
            }
        }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Option<String> {
        self.write(request("GET", path, "", "")).await;
        self.answer().await
    }
}

/// The length of the first whole message with a `Content-Length` (or none).
fn message(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
    let length = text.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
    let length: usize = length.map_or(0, |length| length.parse().unwrap());
    (bytes.len() >= head + length).then_some(head + length)
}

/// A request with these fields (each ending in CRLF) and body.
pub(crate) fn request(method: &str, path: &str, fields: &str, body: &str) -> String {
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    format!("{method} {path} HTTP/1.1\r\nHost: a.example\r\n{length}{fields}\r\n{body}")
}

/// The statuses of all messages in a text, in order.
pub(crate) fn statuses(text: &str) -> Vec<u16> {
    text.match_indices("HTTP/1.1 ").map(|(at, _)| text[at + 9..at + 12].parse().unwrap()).collect()
}

/// One answer, closed, with this status and this code of the contract.
#[track_caller]
pub(crate) fn assert_problem(answer: &str, status: u16, code: &str) {
    assert_eq!(statuses(answer), [status], "{answer}");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let head = head.to_lowercase();
    assert!(head.contains("content-type: application/problem+json"), "{answer}");
    assert!(head.contains("x-request-id: "), "{answer}");
    let body: serde_json::Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}"));
    assert_eq!(body["code"], code, "{answer}");
    assert_eq!(body["status"], status, "{answer}");
    assert_eq!(body["type"], format!("urn:symbolon:problem:{code}"), "{answer}");
}
