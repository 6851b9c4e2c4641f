//! TLS to a real PostgreSQL: whose certificates are believed, and what is said of all others. A refused handshake comes before the first
//! statement, so nothing is half done.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use symbolon_cluster::{Cluster, Database};
use uuid::Uuid;

use crate::store::{
    Store,
    postgres::{Options, PostgresStore},
};

type Authority = CertifiedIssuer<'static, KeyPair>;

/// Who the server is: the address of every test.
const HERE: &str = "127.0.0.1";

fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

fn certificate(of: &rcgen::Certificate) -> String {
    pem("CERTIFICATE", of.der())
}

fn authority(name: &str, above: Option<&Authority>) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    let key = KeyPair::generate().unwrap();
    match above {
        Some(above) => CertifiedIssuer::signed_by(params, key, above).unwrap(),
        None => CertifiedIssuer::self_signed(params, key).unwrap(),
    }
}

/// A server whose certificate is replaced as the test goes on.
struct Server {
    cluster: Cluster,
    folder: tempfile::TempDir,
}

impl Server {
    /// With a CA file that names this one.
    fn start(root: &Authority) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ca.pem"), certificate(root.as_ref())).unwrap();
        Some(Self { cluster: Cluster::start()?, folder })
    }

    /// From now on it shows a certificate of this name, until the end of this year, and these behind it.
    fn shows(&mut self, name: &str, issuer: &Authority, year: i32, chain: &[&Authority]) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(year, 12, 31);
        let key = KeyPair::generate().unwrap();
        let mut text = certificate(&params.signed_by(&key, issuer).unwrap());
        text.extend(chain.iter().map(|authority| certificate((*authority).as_ref())));
        for (file, text) in [("shown.crt", text), ("shown.key", pem("PRIVATE KEY", &key.serialize_der()))] {
            let path = self.cluster.data().join(file);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            self.cluster.give(&path);
        }
        self.cluster.configure("ssl = on\nssl_cert_file = 'shown.crt'\nssl_key_file = 'shown.key'\n");
        self.cluster.restart("fast");
    }

    fn options(&self, database: &str, mode: &str) -> Options {
        let ca: PathBuf = self.folder.path().join("ca.pem");
        let query = format!("?sslmode={mode}&sslrootcert={}", ca.display());
        Options { connections: 2, ..Options::new(self.cluster.tcp_url(database, &query)) }
    }

    /// Opens a store in this database; why it was refused.
    async fn opens(&self, database: &Database, mode: &str) -> Result<(), String> {
        let opened = PostgresStore::open(self.options(&database.name, mode), Uuid::nil()).await;
        let tables =
            self.cluster.sql(&database.name, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'");
        match opened {
            Ok(store) => {
                store.installation().await.unwrap();
                let plain = "SELECT count(*) FROM pg_stat_activity a JOIN pg_stat_ssl s USING (pid) \
                             WHERE a.datname = current_database() AND a.application_name = 'symbolon' AND NOT s.ssl";
                let secured = plain.replace("NOT s.ssl", "s.ssl");
                assert_eq!(self.cluster.sql(&database.name, plain), "0");
                assert_ne!(self.cluster.sql(&database.name, &secured), "0", "it is TLS that was spoken");
                assert_ne!(tables, "0");
                Ok(())
            }
            Err(error) => {
                assert_eq!(tables, "0", "nothing was begun");
                Err(error.to_string())
            }
        }
    }
}

#[tokio::test]
async fn a_database_is_believed_by_its_chain_and_its_name_and_by_nothing_less() {
    let root = authority("root", None);
    let between = authority("between", Some(&root));
    let Some(mut server) = Server::start(&root) else { return };
    let empty = server.cluster.database();
    let refused = async |server: &Server, modes: &[&str]| {
        for mode in modes {
            let told = server.opens(&empty, mode).await.expect_err("it was believed");
            let says =
                told.contains("TLS with the database failed") && told.contains("the CA file must vouch");
            assert!(says && !told.contains(symbolon_cluster::PASSWORD), "{mode}: {told}");
        }
    };
    // It speaks none.
    refused(&server, &["verify-full", "verify-ca", "require"]).await;
    // The link to the root is missing.
    server.shows(HERE, &between, 2900, &[]);
    refused(&server, &["verify-full", "require"]).await;
    // Somebody else vouches, who calls himself the same.
    let other = authority("root", None);
    server.shows(HERE, &other, 2900, &[&other]);
    refused(&server, &["verify-full", "require"]).await;
    // Its time is over.
    server.shows(HERE, &root, 2021, &[]);
    refused(&server, &["verify-full", "require"]).await;
    // It is another's, by somebody who may vouch: only `verify-full` looks at the name.
    server.shows("db.example", &root, 2900, &[]);
    refused(&server, &["verify-full"]).await;
    assert_eq!(server.opens(&server.cluster.database(), "require").await, Ok(()));

    server.shows(HERE, &between, 2900, &[&between]);
    assert_eq!(server.opens(&empty, "verify-full").await, Ok(()));
    assert_eq!(server.opens(&empty, "verify-ca").await, Ok(()));
}

#[tokio::test]
async fn a_ca_file_that_is_none_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let told = async || {
        let url = format!("postgres://u:canary@db.example/s?sslrootcert={}", path.display());
        PostgresStore::open(Options::new(url), Uuid::nil()).await.err().unwrap().to_string()
    };
    let missing = told().await;
    fs::write(&path, "no certificate").unwrap();
    let empty = told().await;
    fs::write(&path, pem("CERTIFICATE", b"no certificate")).unwrap();
    let broken = told().await;
    for (told, why) in
        [(missing, "cannot be read"), (empty, "holds no certificate"), (broken, "no usable certificate")]
    {
        assert!(told.contains("ca.pem") && told.contains(why) && !told.contains("canary"), "{told}");
    }
}
