//! `[dpop]`: tokens that are bound to a key of their holder (RFC 9449).

use zeroize::Zeroizing;

use super::keys::Hidden;
use super::reader::Reader;

/// The effective `[dpop]`.
#[derive(Clone)]
pub struct Dpop {
    /// Whether proofs must repeat a nonce of this process.
    pub nonces: bool,
    /// The key of nonces that several processes share.
    pub nonce_key: Option<Zeroizing<[u8; 32]>>,
}

impl std::fmt::Debug for Dpop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dpop").field("nonces", &self.nonces).finish_non_exhaustive()
    }
}

pub(super) fn read(reader: &mut Reader) -> Dpop {
    let mut s = reader.section("dpop");
    let nonces = s.setting("nonces", false).take();
    let text: Option<Hidden> = s
        .setting("nonce_key", None)
        .must(
            |text: &Option<Hidden>| text.as_ref().is_none_or(|text| key(&text.0).is_some()),
            "must be 64 hexadecimal digits",
        )
        .take();
    Dpop { nonces, nonce_key: text.and_then(|text| key(&text.0)) }
}

/// 32 bytes as 64 hexadecimal digits.
fn key(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0; 32]);
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (at, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(key)
}
