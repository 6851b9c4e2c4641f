//! Requests to the nodes of the installation: any of them, and the same one as long as it answers.
//!
//! Connections are kept. One that turns out to be dead costs nothing: what was asked over it is asked once more over a new one, within
//! the same patience. That is safe, for whatever a guard asks may be asked twice: an acknowledgement says what was true of this process
//! already, and the lease of an answer counts from before the first of both.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Full, Limited};
use serde::Serialize;
use tokio_rustls::TlsConnector;

use crate::{
    connection::{self, Broken, Kept, Open},
    error::{Error, Result},
};

/// Longest answer: a page of 10,000 entries is some 2 MB.
const MOST: usize = 8 * 1024 * 1024;
struct Node {
    tls: bool,
    host: String,
    port: u16,
    authority: String,
    /// The path under which the server is mounted.
    base: String,
    kept: Kept,
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
        Ok(Self { tls, host, port, authority: authority.to_string(), base, kept: Kept::default() })
    }
}

impl Nodes {
    /// `authorities`: a PEM file of the certificate authorities to trust, instead of the machine's own list.
    pub(crate) fn new(urls: &[String], secret: String, authorities: Option<PathBuf>) -> Result<Self> {
        let nodes = urls.iter().map(|url| Node::parse(url)).collect::<Result<Vec<_>>>()?;
        if nodes.is_empty() {
            return Err(Error::new("a guard needs the address of at least one node"));
        }
        let tls = nodes.iter().any(|node| node.tls).then(|| connection::tls(authorities)).transpose()?;
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
            if let Some(kept) = node.kept.take() {
                match self.exchange(node, kept, path, question.clone()).await {
                    Ok(answer) => return Ok(answer),
                    Err(_) => node.kept.forget(),
                }
            }
            let tls = self.tls.as_ref().filter(|_| node.tls);
            let new = connection::connect(&node.host, node.port, tls).await?;
            self.exchange(node, new, path, question).await
        };
        let failed = |error| Error::caused(format!("the node {} could not be asked", node.authority), error);
        match tokio::time::timeout(patience, asked).await {
            Ok(answer) => answer.map_err(failed),
            Err(_) => {
                node.kept.forget();
                Err(failed("it did not answer in time".into()))
            }
        }
    }

    /// Sends, and keeps the connection when the answer was read.
    async fn exchange(
        &self,
        node: &Node,
        mut open: Open,
        path: &str,
        question: Option<Bytes>,
    ) -> std::result::Result<Answer, Broken> {
        open.ready().await?;
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
        let (head, body) = open.send_request(request).await?.into_parts();
        let body = Limited::new(body, MOST).collect().await?.to_bytes();
        node.kept.keep(open);
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

#[cfg(test)]
mod tests {
    use std::{net::SocketAddr, sync::Arc};

    use tokio::{
        io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
        net::TcpListener,
    };

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

    /// A node that answers `answers` questions on each connection, and closes it, without a word, when it has read one more. Counts its
    /// connections.
    async fn node(answers: usize) -> (SocketAddr, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, connections) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    let mut stream = BufReader::new(stream);
                    for answered in 0.. {
                        let (mut line, mut length) = (String::new(), 0);
                        while line != "\r\n" {
                            line.clear();
                            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                                return;
                            }
                            if let Some(told) = line.to_lowercase().strip_prefix("content-length:") {
                                length = told.trim().parse().unwrap();
                            }
                        }
                        stream.read_exact(&mut vec![0; length]).await.unwrap();
                        if answered == answers {
                            return;
                        }
                        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
                    }
                });
            }
        });
        (address, connections)
    }

    fn nodes(address: SocketAddr) -> Nodes {
        Nodes::new(&[format!("http://{address}")], String::new(), None).unwrap()
    }

    const PATIENCE: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn a_connection_is_kept_and_one_that_died_unseen_costs_no_answer() {
        for (answers, most) in [(usize::MAX, 1), (3, 3), (1, 8)] {
            let (address, connections) = node(answers).await;
            let nodes = nodes(address);
            for _ in 0..8 {
                assert_eq!(nodes.post("/x", &(), PATIENCE).await.unwrap(), "{}");
            }
            assert_eq!(connections.load(Ordering::SeqCst), most, "{answers} answers each");
        }
        let (address, connections) = node(0).await;
        assert!(nodes(address).post("/x", &(), PATIENCE).await.is_err(), "a node that never answers");
        assert_eq!(connections.load(Ordering::SeqCst), 1, "is not asked for ever");
    }

    #[tokio::test]
    async fn what_is_asked_at_once_is_asked_over_connections_of_its_own() {
        let (address, connections) = node(usize::MAX).await;
        let nodes = nodes(address);
        for _ in 0..3 {
            let (one, two) = tokio::join!(nodes.get("/x", PATIENCE), nodes.get("/x", PATIENCE));
            assert!(one.is_ok() && two.is_ok());
        }
        assert_eq!(connections.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_kept_connection_that_leads_nowhere_is_given_up_with_the_others() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let nodes = nodes(listener.local_addr().unwrap());
        // Two connections are made and answered once; then nobody reads them any more, and nobody closes them.
        let serve = async {
            let mut silent = Vec::new();
            for _ in 0..2 {
                let (mut stream, _) = listener.accept().await.unwrap();
                assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
                silent.push(stream);
            }
            for stream in &mut silent {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
            }
            silent
        };
        let (one, two, silent) = tokio::join!(nodes.get("/x", PATIENCE), nodes.get("/x", PATIENCE), serve);
        assert!(one.is_ok() && two.is_ok());
        assert!(nodes.get("/x", Duration::from_millis(50)).await.is_err());
        // The other of both is not tried: the next question comes over a new connection.
        let again = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
            stream
        };
        let (answer, _open) = tokio::join!(nodes.get("/x", PATIENCE), again);
        assert!(answer.is_ok());
        drop(silent);
    }
}
