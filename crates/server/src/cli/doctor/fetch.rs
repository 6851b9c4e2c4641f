//! One `GET`, as a client of this server would send it: over TLS with the machine's own list of authorities.

use std::{env, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, Result, anyhow, bail};
use http::{Request, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

const PATIENCE: Duration = Duration::from_secs(5);
const MOST: usize = 64 * 1024;
/// Where distributions keep their list.
const AUTHORITIES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// What came back.
pub(super) struct Fetched {
    pub(super) status: u16,
    pub(super) body: Bytes,
}

/// Asks `origin` (`scheme://host[:port]`) for a path. Follows nothing.
///
/// # Errors
/// What is in the way.
pub(super) async fn get(origin: &str, path: &str) -> Result<Fetched> {
    tokio::time::timeout(PATIENCE, asked(origin, path))
        .await
        .map_err(|_| anyhow!("no answer within 5 seconds"))?
}

async fn asked(origin: &str, path: &str) -> Result<Fetched> {
    let (scheme, authority) = origin.split_once("://").context("no address")?;
    let port = if scheme == "https" { 443 } else { 80 };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse()?),
        _ => (authority, port),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((host, port)).await?;
    if scheme != "https" {
        return ask(stream, authority, path).await;
    }
    let name = ServerName::try_from(host.to_owned())?;
    let stream = TlsConnector::from(Arc::new(tls()?)).connect(name, stream).await?;
    ask(stream, authority, path).await
}

async fn ask(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    authority: &str,
    path: &str,
) -> Result<Fetched> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::get(path).header(header::HOST, authority).body(Empty::<Bytes>::new())?;
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = Limited::new(body, MOST)
        .collect()
        .await
        .map_err(|_| anyhow!("the answer is too long or broke off"))?;
    Ok(Fetched { status: head.status.as_u16(), body: body.to_bytes() })
}

fn tls() -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let list = env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let list = list.or_else(|| AUTHORITIES.map(PathBuf::from).into_iter().find(|path| path.exists()));
    let Some(list) = list else {
        bail!("this machine has no list of certificate authorities (package ca-certificates)")
    };
    let certificates = CertificateDer::pem_file_iter(&list)
        .map_err(|_| anyhow!("the list of certificate authorities {} cannot be read", list.display()))?;
    roots.add_parsable_certificates(certificates.filter_map(std::result::Result::ok));
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}
