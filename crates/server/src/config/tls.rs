//! `[tls]`: the certificate, when the server speaks TLS itself.

use std::path::PathBuf;

use super::reader::Reader;

/// The effective `[tls]`: both files.
#[derive(Clone, Debug)]
pub struct Tls {
    /// PEM file with the certificate and its chain, the server's own first.
    pub certificate: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
}

pub(super) fn read(reader: &mut Reader) -> Option<Tls> {
    let mut s = reader.section("tls");
    let certificate: Option<PathBuf> = s.setting("certificate", None).take();
    let key: Option<PathBuf> = s.setting("key", None).take();
    match (certificate, key) {
        (Some(certificate), Some(key)) => Some(Tls { certificate, key }),
        (None, None) => None,
        (certificate, _) => {
            let (has, lacks) =
                if certificate.is_some() { ("certificate", "key") } else { ("key", "certificate") };
            let source = reader.source(&format!("tls.{has}"));
            reader.complain(format!("tls.{has} is set ({source}) and tls.{lacks} is not: both or neither"));
            None
        }
    }
}
