//! htpasswd -s and LDAP's `{SHA}`: SHA-1 of the password, without salt or rounds. The first login replaces it.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq;

use super::Unsupported;

#[derive(Clone)]
pub(super) struct Sha1([u8; 20]);

impl Sha1 {
    /// Reads `{SHA}<28 characters of padded base64>`.
    pub(super) fn parse(stored: &str) -> Result<Self, Unsupported> {
        let encoded =
            stored.strip_prefix("{SHA}").filter(|encoded| encoded.len() == 28).ok_or(Unsupported::DAMAGED)?;
        let output = STANDARD.decode(encoded).map_err(|_| Unsupported::DAMAGED)?;
        output.try_into().map(Self).map_err(|_| Unsupported::DAMAGED)
    }

    pub(super) fn verify(&self, password: &[u8]) -> bool {
        digest(&SHA1_FOR_LEGACY_USE_ONLY, password).as_ref().ct_eq(&self.0).into()
    }
}
