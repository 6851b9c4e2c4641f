//! Keys whose private half everybody has, because a specification or a test suite prints it (KM-21). They
//! turn up in production by way of copied examples; a signature by one proves nothing.

use aws_lc_rs::digest;

use crate::base64url;

/// One RFC 7638 thumbprint a line, `#` begins a comment.
const THUMBPRINTS: &str = include_str!("known.txt");

/// Whether the key with this thumbprint is one of them.
pub(super) fn is_published(thumbprint: &[u8; 32]) -> bool {
    let wanted = base64url::encode(thumbprint);
    THUMBPRINTS.lines().any(|line| line == wanted)
}

/// The thumbprint of a secret (RFC 7638 §3.2, `oct`): for the comparison above and for nobody's eyes.
pub(super) fn symmetric_thumbprint(secret: &[u8]) -> [u8; 32] {
    thumbprint(&format!(r#"{{"k":"{}","kty":"oct"}}"#, base64url::encode(secret)))
}

/// SHA-256 over the required members of a JWK, sorted by name, without white space (RFC 7638 §3).
pub(super) fn thumbprint(required: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, required.as_bytes()).as_ref());
    hash
}
