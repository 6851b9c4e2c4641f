//! A client with one connection, kept open: what a call takes is then the call, and not the way to it.

use std::net::SocketAddr;

use anyhow::Result;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, Request, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// See the module.
pub(crate) struct Client {
    address: SocketAddr,
    open: Option<SendRequest<Full<Bytes>>>,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What is sent besides method and path.
#[derive(Clone, Default)]
pub(crate) struct Sent {
    headers: Vec<(HeaderName, String)>,
    body: String,
}

impl Sent {
    pub(crate) fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn json(self, body: &serde_json::Value) -> Self {
        Self { body: body.to_string(), ..self }.with(header::CONTENT_TYPE, "application/json")
    }

    pub(crate) fn form(self, body: impl Into<String>) -> Self {
        Self { body: body.into(), ..self }.with(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
    }
}

impl Client {
    pub(crate) fn of(address: SocketAddr) -> Self {
        Self { address, open: None }
    }

    /// Sends, over a new connection where the old one is gone.
    pub(crate) async fn send(&mut self, method: Method, path: &str, sent: &Sent) -> Result<Answer> {
        let answered = self.exchange(method, path, sent).await;
        if answered.is_err() {
            self.open = None;
        }
        answered
    }

    async fn exchange(&mut self, method: Method, path: &str, sent: &Sent) -> Result<Answer> {
        let mut open = match self.open.take().filter(|open| !open.is_closed()) {
            Some(open) => open,
            None => connect(self.address).await?,
        };
        open.ready().await?;
        let request =
            Request::builder().method(method).uri(path).header(header::HOST, self.address.to_string());
        let request = sent.headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        let (head, body) =
            open.send_request(request.body(Full::new(Bytes::from(sent.body.clone())))?).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        self.open = Some(open);
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
    }
}

async fn connect(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (open, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(open)
}
