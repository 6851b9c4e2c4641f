//! TLS from files: what is spoken, what is said when files are wrong, and the reload.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod support;

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use support::{App, LONG, limits, request, send};
use symbolon_server::config;
use symbolon_server::serve::{Limits, Listener, Running};
use symbolon_server::tls::{Reload, Tls, follow};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A certificate for `localhost` and its key.
struct Made {
    certificate: CertificateDer<'static>,
    key: String,
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

fn made() -> Made {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    Made { certificate: made.cert.der().clone(), key: pem("PRIVATE KEY", &made.signing_key.serialize_der()) }
}

/// A folder with a pair in it.
struct Folder {
    folder: tempfile::TempDir,
}

impl Folder {
    fn new(made: &Made) -> Self {
        let folder = Self { folder: tempfile::tempdir().unwrap() };
        folder.write(made);
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn files(&self) -> config::Tls {
        config::Tls { certificate: self.path("cert.pem"), key: self.path("key.pem") }
    }

    fn write(&self, made: &Made) {
        self.write_certificate(&pem("CERTIFICATE", &made.certificate));
        self.write_key(&made.key);
    }

    fn write_certificate(&self, text: &str) {
        replace(&self.path("cert.pem"), text, 0o644);
    }

    fn write_key(&self, text: &str) {
        replace(&self.path("key.pem"), text, 0o600);
    }
}

/// As certificate tools do it: a new file takes the old one's name.
fn replace(path: &Path, text: &str, mode: u32) {
    let new = path.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(mode)).unwrap();
    std::fs::rename(new, path).unwrap();
}

fn start(tls: Arc<Tls>, limits: Limits) -> Running {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), limits).unwrap();
    listener.with_tls(tls, "https://login.example").serve(App::default().router())
}

async fn connect(
    address: SocketAddr,
    trusted: &Made,
    alpn: &[&[u8]],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.certificate.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    timeout(LONG, TlsConnector::from(Arc::new(config)).connect(name, stream)).await.unwrap()
}

#[tokio::test]
async fn https_is_spoken_and_http_2_offered() {
    let pair = made();
    let folder = Folder::new(&pair);
    let server = start(Tls::load(&folder.files()).unwrap(), limits());
    let mut stream = connect(server.address(), &pair, &[]).await.unwrap();
    stream.write_all(request("GET", "/hello", "Connection: close\r\n", "").as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(LONG, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.ends_with("hello"), "{answer}");
    let stream = connect(server.address(), &pair, &[b"h2", b"http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    // A refusal on the wire reaches the client through TLS, and with a proper end.
    let mut stream = connect(server.address(), &pair, &[]).await.unwrap();
    let long = request("GET", "/hello", &format!("X: {}\r\n", "y".repeat(100_000)), "");
    let _ = stream.write_all(long.as_bytes()).await;
    let mut answer = String::new();
    timeout(LONG, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[tokio::test]
async fn ht_23_ck_23_plain_http_is_redirected_for_pages_and_refused_for_calls() {
    let pair = made();
    let folder = Folder::new(&pair);
    let server = start(Tls::load(&folder.files()).unwrap(), limits());
    let page = send(server.address(), request("GET", "/login?next=/x", "Cookie: symbolon=x\r\n", "")).await;
    assert!(
        page.starts_with("HTTP/1.1 308") && page.contains("location: https://login.example/login\r\n"),
        "{page}"
    );
    assert!(!page.to_lowercase().contains("set-cookie"));
    let call = send(server.address(), request("POST", "/v1/sessions", "", "{}")).await;
    assert!(
        call.starts_with("HTTP/1.1 400") && call.contains("HTTPS") && !call.contains("ocation:"),
        "{call}"
    );
    // What is neither of the two gets an alert, and is not waited for.
    assert!(!send(server.address(), "\0\0\0garbage").await.contains("HTTP"));
    connect(server.address(), &pair, &[]).await.unwrap();
}

#[tokio::test]
async fn a_handshake_that_does_not_come_is_given_up() {
    let folder = Folder::new(&made());
    let limits = Limits { handshake_timeout: Duration::from_millis(200), ..limits() };
    let server = start(Tls::load(&folder.files()).unwrap(), limits);
    let mut silent = TcpStream::connect(server.address()).await.unwrap();
    let mut half = TcpStream::connect(server.address()).await.unwrap();
    half.write_all(&[22, 3, 1, 2, 0]).await.unwrap();
    for stream in [&mut silent, &mut half] {
        let mut rest = Vec::new();
        timeout(LONG, stream.read_to_end(&mut rest)).await.expect("closed").ok();
    }
}

#[tokio::test]
async fn a_new_pair_is_used_and_a_broken_one_is_not() {
    let (old, new) = (made(), made());
    let folder = Folder::new(&old);
    let tls = Tls::load(&folder.files()).unwrap();
    let server = start(Arc::clone(&tls), limits());
    assert!(matches!(tls.reload(), Reload::Unchanged));
    // Half of a renewal: the certificate is new, the key is not yet.
    folder.write_certificate(&pem("CERTIFICATE", &new.certificate));
    let Reload::Kept(problem) = tls.reload() else { panic!("a mismatched pair was taken") };
    assert!(problem.to_string().contains("does not belong to"), "{problem}");
    assert!(matches!(tls.reload(), Reload::Unchanged), "the same broken pair is told once");
    connect(server.address(), &old, &[]).await.unwrap();
    // The other half.
    folder.write_key(&new.key);
    assert!(matches!(tls.reload(), Reload::Changed));
    connect(server.address(), &new, &[]).await.unwrap();
    connect(server.address(), &old, &[]).await.unwrap_err();
    // Gone altogether.
    std::fs::remove_file(folder.path("key.pem")).unwrap();
    assert!(matches!(tls.reload(), Reload::Kept(_)));
    connect(server.address(), &new, &[]).await.unwrap();
}

#[tokio::test]
async fn a_change_is_noticed_without_being_told() {
    let (old, new) = (made(), made());
    let folder = Folder::new(&old);
    let tls = Tls::load(&folder.files()).unwrap();
    follow(&tls, Duration::from_millis(10));
    let server = start(tls, limits());
    let kept = connect(server.address(), &old, &[]).await.unwrap();
    folder.write(&new);
    let changed = async {
        while connect(server.address(), &new, &[]).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(LONG, changed).await.expect("the new certificate comes into use");
    drop(kept);
}

#[test]
fn km_05_files_that_are_wrong_are_described_in_plain_words() {
    let pair = made();
    let folder = Folder::new(&pair);
    let said = || Tls::load(&folder.files()).unwrap_err().to_string();
    let certificate = pem("CERTIFICATE", &pair.certificate);

    replace(&folder.path("key.pem"), &pair.key, 0o644);
    assert!(said().contains("chmod 600"), "{}", said());
    folder.write_key(&pair.key[..pair.key.len() / 2]);
    assert!(said().contains("cut off"), "{}", said());
    folder.write_key(&certificate);
    assert!(said().contains("there is no private key in it"), "{}", said());
    folder.write_key("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n");
    assert!(said().contains("passphrase"), "{}", said());
    folder.write_key(&pem("PRIVATE KEY", b"garbage"));
    assert!(said().contains("not supported"), "{}", said());
    folder.write_key(&made().key);
    assert!(said().contains("does not belong to"), "{}", said());
    folder.write_key(&pair.key);

    folder.write_certificate(&pair.key);
    assert!(said().contains("there is none in it"), "{}", said());
    folder.write_certificate(&pem("CERTIFICATE", b"garbage"));
    assert!(said().contains("cannot be read"), "{}", said());
    std::fs::remove_file(folder.path("cert.pem")).unwrap();
    assert!(said().contains("cert.pem does not exist"), "{}", said());
}
