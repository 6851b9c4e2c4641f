//! Requests to the nodes of the installation: any of them, and the same one as long as it answers.
//!
//! A request has a connection of its own. They are few: a poll a second, and one for each cookie that is met for the first time.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use serde::Serialize;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use crate::error::{Error, Result};

/// Longest answer: a page of 10,000 entries is some 2 MB.
const MOST: usize = 8 * 1024 * 1024;
/// Where distributions keep their list of authorities.
const AUTHORITIES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

struct Node {
    tls: bool,
    host: String,
    port: u16,
    authority: String,
    /// The path under which the server is mounted.
    base: String,
}

pub(crate) struct Nodes {
    nodes: Vec<Node>,
    /// The one that answered last.
    current: AtomicUsize,
    secret: String,
    tls: Option<TlsConnector>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

impl Node {
    fn parse(url: &str) -> Result<Self> {
        let unusable =
            || Error::new(format!("`{url}` is no address of a node: `https://host[:port][/path]`"));
        let uri: http::Uri = url.parse().map_err(|_| unusable())?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(unusable()),
        };
        let authority = uri.authority().ok_or_else(unusable)?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let loopback = host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
        if !tls && !loopback {
            return Err(Error::new(format!(
                "`{url}`: the client's secret leaves this machine over https only"
            )));
        }
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let base = uri.path().trim_end_matches('/').to_owned();
        Ok(Self { tls, host, port, authority: authority.to_string(), base })
    }
}

impl Nodes {
    /// `authorities`: a PEM file of the certificate authorities to trust, instead of the machine's own list.
    pub(crate) fn new(urls: &[String], secret: String, authorities: Option<PathBuf>) -> Result<Self> {
        let nodes = urls.iter().map(|url| Node::parse(url)).collect::<Result<Vec<_>>>()?;
        if nodes.is_empty() {
            return Err(Error::new("a guard needs the address of at least one node"));
        }
        let tls = nodes.iter().any(|node| node.tls).then(|| tls(authorities)).transpose()?;
        Ok(Self { nodes, current: AtomicUsize::new(0), secret, tls })
    }

    /// The node that answered last, by number: to be given to [`Nodes::leave`].
    pub(crate) fn current(&self) -> usize {
        self.current.load(Ordering::Relaxed)
    }

    /// Turns to the next node, unless somebody has done so already.
    pub(crate) fn leave(&self, place: usize) {
        let next = (place + 1) % self.nodes.len();
        let _ = self.current.compare_exchange(place, next, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Asks one node after the other, beginning with the one that answered last, until one answers with sense.
    pub(crate) async fn get(&self, path: &str, patience: Duration) -> Result<Bytes> {
        self.any(path, None, patience).await
    }

    /// [`Nodes::get`], with a question.
    pub(crate) async fn post(
        &self,
        path: &str,
        question: &impl Serialize,
        patience: Duration,
    ) -> Result<Bytes> {
        self.any(path, Some(json(question)?), patience).await
    }

    async fn any(&self, path: &str, question: Option<Bytes>, patience: Duration) -> Result<Bytes> {
        let mut last = None;
        for _ in 0..self.nodes.len() {
            let place = self.current();
            match self.ask(place, path, question.clone(), patience).await {
                Ok(Answer { status: 200, body }) => return Ok(body),
                Ok(answer) => last = Some(refused(path, &answer)),
                Err(error) => last = Some(error),
            }
            self.leave(place);
        }
        Err(last.unwrap_or_else(|| Error::new("there is no node to ask")))
    }

    /// Asks this one node.
    pub(crate) async fn ask_one(
        &self,
        place: usize,
        path: &str,
        question: &impl Serialize,
        patience: Duration,
    ) -> Result<Bytes> {
        let answer = self.ask(place, path, Some(json(question)?), patience).await?;
        if answer.status == 200 { Ok(answer.body) } else { Err(refused(path, &answer)) }
    }

    async fn ask(
        &self,
        place: usize,
        path: &str,
        question: Option<Bytes>,
        patience: Duration,
    ) -> Result<Answer> {
        let node = &self.nodes[place % self.nodes.len()];
        let asked = async {
            let stream = TcpStream::connect((node.host.as_str(), node.port)).await?;
            // Small questions, each waited for.
            stream.set_nodelay(true)?;
            match (&self.tls, node.tls) {
                (Some(tls), true) => {
                    let name = ServerName::try_from(node.host.clone())?;
                    self.exchange(node, tls.connect(name, stream).await?, path, question).await
                }
                _ => self.exchange(node, stream, path, question).await,
            }
        };
        let failed = |error| Error::caused(format!("the node {} could not be asked", node.authority), error);
        match tokio::time::timeout(patience, asked).await {
            Ok(answer) => answer.map_err(failed),
            Err(_) => Err(failed("it did not answer in time".into())),
        }
    }

    async fn exchange(
        &self,
        node: &Node,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        path: &str,
        question: Option<Bytes>,
    ) -> std::result::Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let target = format!("{}{path}", node.base);
        let request = match question {
            None => Request::get(target).body(Full::default()),
            Some(question) => Request::post(target)
                .header(header::AUTHORIZATION, format!("Bearer {}", self.secret))
                .header(header::CONTENT_TYPE, "application/json")
                .body(Full::new(question)),
        };
        let mut request = request?;
        request.headers_mut().insert(header::HOST, node.authority.parse()?);
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, MOST).collect().await?.to_bytes();
        Ok(Answer { status: head.status.as_u16(), body })
    }
}

fn json(question: &impl Serialize) -> Result<Bytes> {
    let text = serde_json::to_vec(question);
    text.map(Bytes::from).map_err(|error| Error::caused("a question could not be written", error))
}

/// What the server said instead of an answer. Its problem documents hold no secret.
fn refused(path: &str, answer: &Answer) -> Error {
    let problem: Option<serde_json::Value> = serde_json::from_slice(&answer.body).ok();
    let code = problem.as_ref().and_then(|problem| problem["code"].as_str()).unwrap_or("no code");
    Error::new(format!("{path} was answered {} ({code})", answer.status))
}

fn tls(authorities: Option<PathBuf>) -> Result<TlsConnector> {
    let known = || AUTHORITIES.map(PathBuf::from).into_iter().find(|path| path.exists());
    let Some(list) = authorities.or_else(known) else {
        return Err(Error::new(
            "this machine has no list of certificate authorities (package ca-certificates)",
        ));
    };
    let unreadable = |error| {
        Error::caused(format!("the certificate authorities in {} cannot be read", list.display()), error)
    };
    let certificates = CertificateDer::pem_file_iter(&list).map_err(|error| unreadable(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates.filter_map(std::result::Result::ok));
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::caused("TLS cannot be set up", error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_leaves_the_machine_over_tls_only() {
        for good in
            ["https://id.example", "http://127.0.0.1:7117", "http://[::1]:7117", "http://localhost/auth"]
        {
            assert!(Node::parse(good).is_ok(), "{good}");
        }
        for bad in ["http://id.example", "http://10.0.0.1:7117", "ftp://id.example", "id.example", ""] {
            assert!(Node::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_node_is_left_once_for_each_failure() {
        let urls = ["http://127.0.0.1:1".to_owned(), "http://127.0.0.1:2".to_owned()];
        let nodes = Nodes::new(&urls, String::new(), None).unwrap();
        nodes.leave(0);
        nodes.leave(0);
        assert_eq!(nodes.current(), 1, "two who failed at the first are both at the second now");
        nodes.leave(1);
        assert_eq!(nodes.current(), 0);
    }
}
