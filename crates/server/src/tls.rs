//! TLS from certificate files, read again when they change.
//!
//! Owns the rustls configuration (1.2 and 1.3, aws-lc-rs, `h2` and `http/1.1`) and the pair in use. A change is noticed by
//! asking for the files' time, size and inode every few seconds, which works on every file system and through the links of
//! certificate tools. A new pair that does not work leaves the old one in use and says so in the log: a renewal that
//! writes one file before the other is seen half done, and passes.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use std::{fmt, io};

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, ServerConfig};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

use crate::config;
use crate::files::{self, FileProblem};

/// How often the files are looked at.
pub const EVERY: Duration = Duration::from_secs(3);

/// Longer than any chain or key.
const MOST: u64 = 1024 * 1024;

/// Why a pair cannot be used. `Display` names the file and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file is missing, unreadable, or open to everybody.
    #[error("{0}")]
    File(#[from] FileProblem),
    /// No certificate in PEM form, or none that can be read.
    #[error("the file {} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----): {reason}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What was found instead.
        reason: String,
    },
    /// No private key in PEM form, or none that can be used.
    #[error("the file {} holds no private key this server can use: {reason}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What was found instead.
        reason: String,
    },
    /// Two files that do not belong together.
    #[error(
        "the key in {} does not belong to the first certificate in {}; the server's own certificate must come first, \
         those of its issuers after it",
        key.display(), certificate.display()
    )]
    Mismatch {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// rustls refuses its settings: a defect.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}

/// TLS for a listener: the pair in use, and the files it came from.
pub struct Tls {
    acceptor: TlsAcceptor,
    pair: Arc<Pair>,
    files: config::Tls,
    provider: Arc<CryptoProvider>,
    seen: Mutex<Seen>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

/// What a look at the files came to.
#[derive(Debug)]
pub enum Reload {
    /// The files are those that were read last.
    Unchanged,
    /// The new pair is in use.
    Changed,
    /// The new pair does not work; the old one stays in use.
    Kept(TlsError),
}

impl Tls {
    /// Reads the pair.
    ///
    /// # Errors
    /// [`TlsError`] in plain words, when the files do not hold a certificate and its key.
    pub fn load(files: &config::Tls) -> Result<Arc<Self>, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        // Whatever else in this process speaks TLS takes the same one. It may have been installed already.
        let _ = CryptoProvider::install_default(aws_lc_rs::default_provider());
        let seen = Seen::of(files);
        let pair = Arc::new(Pair(RwLock::new(Arc::new(read(files, &provider)?))));
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&pair) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Ok(Arc::new(Self { acceptor, pair, files: files.clone(), provider, seen: Mutex::new(seen) }))
    }

    /// Speaks TLS on a connection.
    pub fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }

    /// Looks at the files, and reads them when they changed since they were last read. Blocks on the file system.
    pub fn reload(&self) -> Reload {
        // Before reading: what changes in between is seen at the next look.
        let now = Seen::of(&self.files);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == now {
            return Reload::Unchanged;
        }
        *seen = now;
        match read(&self.files, &self.provider) {
            Ok(pair) => {
                *self.pair.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(pair);
                Reload::Changed
            }
            Err(problem) => Reload::Kept(problem),
        }
    }
}

/// Looks at the files every so often, on a task of its own, as long as the listener holds its TLS.
pub fn follow(tls: &Arc<Tls>, every: Duration) -> tokio::task::JoinHandle<()> {
    let tls = Arc::downgrade(tls);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(every).await;
            let Some(tls) = tls.upgrade() else { return };
            let certificate = tls.files.certificate.display().to_string();
            match tokio::task::spawn_blocking(move || tls.reload()).await {
                Ok(Reload::Changed) => tracing::info!(certificate, "the certificate changed and is in use"),
                Ok(Reload::Kept(problem)) => {
                    tracing::error!(%problem, "the certificate changed and cannot be used; the old one stays in use");
                }
                Ok(Reload::Unchanged) => {}
                Err(_) => return,
            }
        }
    })
}

/// The pair in use.
#[derive(Debug)]
struct Pair(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Pair {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// What tells one state of the files from another; `None` for a file that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen([Option<Stamp>; 2]);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    seconds: i64,
    nanos: i64,
}

impl Seen {
    fn of(files: &config::Tls) -> Self {
        let stamp = |path: &Path| -> io::Result<Stamp> {
            let about = std::fs::metadata(path)?;
            Ok(Stamp {
                device: about.dev(),
                inode: about.ino(),
                size: about.len(),
                seconds: about.mtime(),
                nanos: about.mtime_nsec(),
            })
        };
        Self([stamp(&files.certificate).ok(), stamp(&files.key).ok()])
    }
}

/// Reads both files and sees that they belong together.
fn read(files: &config::Tls, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let certificate = |reason: String| TlsError::Certificate { path: files.certificate.clone(), reason };
    let bytes = files::read_public(&files.certificate, MOST)?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|error| certificate(said(&error, "certificate")))?;
    if chain.is_empty() {
        return Err(certificate("there is none in it".to_owned()));
    }
    let unusable = |reason: String| TlsError::Key { path: files.key.clone(), reason };
    let bytes = files::read_private(&files.key, MOST)?;
    let key = PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| {
        let encrypted = bytes.windows(9).any(|part| part == b"ENCRYPTED");
        unusable(if encrypted {
            "it is encrypted with a passphrase, which nobody could type at start; store it without one"
                .to_owned()
        } else {
            said(&error, "private key")
        })
    })?;
    let key = provider
        .key_provider
        .load_private_key(key)
        .map_err(|_| unusable("its kind or size is not supported (ECDSA, Ed25519 and RSA are)".to_owned()))?;
    let pair = CertifiedKey::new(chain, key);
    match pair.keys_match() {
        // `Unknown`: the key cannot tell its public half. The handshake will.
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(pair),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err(TlsError::Mismatch { certificate: files.certificate.clone(), key: files.key.clone() })
        }
        Err(_) => Err(certificate("the first one in it cannot be read".to_owned())),
    }
}

fn said(error: &pem::Error, what: &str) -> String {
    match error {
        pem::Error::NoItemsFound => format!("there is no {what} in it"),
        pem::Error::MissingSectionEnd { .. } => "it ends in the middle, as if it had been cut off".to_owned(),
        pem::Error::Base64Decode(_) => "its base64 is damaged".to_owned(),
        _ => "its PEM is malformed".to_owned(),
    }
}
