//! HMAC (RFC 7518 §3.2): the secret is as long as the hash, and random bytes, never text.

use std::collections::HashSet;

use aws_lc_rs::{digest, hmac};

use super::{Algorithm, Kid, known};
use crate::{KeyError, KeyErrorKind, base64url};

/// What the id of a secret is hashed with, so that it is no hash that stands for the secret anywhere else.
const KID_LABEL: &[u8] = b"symbolon-token/hs/kid\0";

/// More would only be hashed down again.
const MAX_SECRET: usize = 512;

pub(super) struct Secret {
    pub(super) key: hmac::Key,
    pub(super) kid: Kid,
    pub(super) thumbprint: String,
    /// Its RFC 7638 thumbprint, the one that must not leave the process, is in the list of published keys.
    pub(super) published: bool,
}

/// The hash of an HMAC algorithm; `None` when it is none.
pub(super) fn hash(algorithm: Algorithm) -> Option<hmac::Algorithm> {
    match algorithm {
        Algorithm::Hs256 => Some(hmac::HMAC_SHA256),
        Algorithm::Hs384 => Some(hmac::HMAC_SHA384),
        Algorithm::Hs512 => Some(hmac::HMAC_SHA512),
        _ => None,
    }
}

/// Takes a secret, or refuses one that is short or that somebody made up (JA-22, JA-27, KM-18).
pub(super) fn secret(algorithm: hmac::Algorithm, secret: &[u8]) -> Result<Secret, KeyError> {
    let least = algorithm.digest_algorithm().output_len();
    if secret.len() < least || guessable(secret) {
        return Err(KeyErrorKind::Weak.into());
    }
    if secret.len() > MAX_SECRET {
        return Err(KeyErrorKind::Malformed.into());
    }
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(KID_LABEL);
    context.update(secret);
    let mut id = [0; 32];
    id.copy_from_slice(context.finish().as_ref());
    Ok(Secret {
        key: hmac::Key::new(algorithm, secret),
        kid: Kid::of(&id),
        thumbprint: base64url::encode(&id),
        published: known::is_published(&known::symmetric_thumbprint(secret)),
    })
}

/// Text (a passphrase, hex or base64 used as it stands), few different bytes, or a plain sequence. 32 random
/// bytes are taken for one of these once in 10¹⁴ times at most.
fn guessable(secret: &[u8]) -> bool {
    let text = std::str::from_utf8(secret)
        .is_ok_and(|text| !text.chars().any(|c| c.is_control() && !c.is_whitespace()));
    let different: HashSet<_> = secret.iter().collect();
    let step = |pair: &[u8]| pair[1].wrapping_sub(pair[0]);
    let mut steps = secret.windows(2).map(step);
    let sequence = steps.next().is_none_or(|first| steps.all(|step| step == first));
    text || different.len() < 16 || sequence
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ja_27_secrets_that_somebody_made_up_are_refused() {
        let counting: Vec<u8> = (0x80..0xc0).collect();
        let half: Vec<u8> = [7; 32].into_iter().chain(0x80..0x88).collect();
        let text = "correct horse battery staple, and some more\n".repeat(2);
        let hex = "8f3c2a".repeat(12);
        let accents = "\u{e9}\u{e8}\u{ea}\u{eb}".repeat(12);
        for weak in [&counting[..], &half, &[0xaa; 64], text.as_bytes(), hex.as_bytes(), accents.as_bytes()] {
            let error = secret(hmac::HMAC_SHA256, weak).err().expect("refused");
            assert_eq!(*error.kind(), KeyErrorKind::Weak, "{weak:?}");
        }
    }

    #[test]
    fn ja_22_a_secret_is_as_long_as_its_hash() {
        let random: Vec<u8> =
            (0..64_u8).map(|n| n.wrapping_mul(n).wrapping_mul(37).wrapping_add(0x8b)).collect();
        for (algorithm, least) in [(hmac::HMAC_SHA256, 32), (hmac::HMAC_SHA384, 48), (hmac::HMAC_SHA512, 64)]
        {
            assert!(secret(algorithm, &random[..least]).is_ok());
            for short in [least - 1, 1, 0] {
                assert!(secret(algorithm, &random[..short]).is_err());
            }
        }
    }
}
