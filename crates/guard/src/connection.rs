//! Connections to a node: how one is made, and those that are kept between requests.
//!
//! A request takes a kept one, or makes one, and leaves it to the next when the answer is read to its end. What was given up in the middle
//! is closed by being dropped. Whether a kept one is still good is known by using it: see `nodes.rs`.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
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

use crate::error::{Error, Result};

/// Where distributions keep their list of authorities.
const AUTHORITIES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Kept for one node at most: for the poll, and for what is asked while it is held.
const MOST_KEPT: usize = 16;

/// A connection that takes a request.
pub(crate) type Open = SendRequest<Full<Bytes>>;

/// Why there is no answer.
pub(crate) type Broken = Box<dyn std::error::Error + Send + Sync>;

/// The connections to one node that nobody uses at the moment.
#[derive(Default)]
pub(crate) struct Kept(Mutex<Vec<Open>>);

impl Kept {
    fn all(&self) -> MutexGuard<'_, Vec<Open>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one that was used last, unless the node is known to have closed it.
    pub(crate) fn take(&self) -> Option<Open> {
        let mut all = self.all();
        all.retain(|open| !open.is_closed());
        all.pop()
    }

    pub(crate) fn keep(&self, open: Open) {
        let mut all = self.all();
        if all.len() < MOST_KEPT {
            all.push(open);
        }
    }

    /// Closes them: one was found dead, and the others are likely to be.
    pub(crate) fn forget(&self) {
        self.all().clear();
    }
}

/// A new connection; over TLS when there is something to do it with.
pub(crate) async fn connect(
    host: &str,
    port: u16,
    tls: Option<&TlsConnector>,
) -> std::result::Result<Open, Broken> {
    let stream = TcpStream::connect((host, port)).await?;
    // Small questions, each waited for.
    stream.set_nodelay(true)?;
    match tls {
        Some(tls) => open(tls.connect(ServerName::try_from(host.to_owned())?, stream).await?).await,
        None => open(stream).await,
    }
}

async fn open(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> std::result::Result<Open, Broken> {
    let (open, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(open)
}

/// How to reach nodes over TLS. `authorities`: a PEM file of whom to trust, instead of the machine's own list.
pub(crate) fn tls(authorities: Option<PathBuf>) -> Result<TlsConnector> {
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
