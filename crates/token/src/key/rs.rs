//! RSA (RFC 7518 §3.3, §3.5): 2048 to 4096 bits, an exponent of 65537 or more, and no modulus out of a broken
//! generator.

use aws_lc_rs::signature::{self, ParsedPublicKey, RsaEncoding, RsaParameters, RsaPublicKeyComponents};

use super::Algorithm;
use crate::{KeyError, KeyErrorKind};

const BITS: std::ops::RangeInclusive<usize> = 2048..=4096;
/// 33 bits are the most that AWS-LC computes with.
const EXPONENTS: std::ops::RangeInclusive<u64> = 65_537..=(1 << 33) - 1;

/// How an algorithm pads; `None` when it is not RSA.
pub(super) fn padding(algorithm: Algorithm) -> Option<(&'static RsaParameters, &'static dyn RsaEncoding)> {
    Some(match algorithm {
        Algorithm::Rs256 => (&signature::RSA_PKCS1_2048_8192_SHA256, &signature::RSA_PKCS1_SHA256),
        Algorithm::Rs384 => (&signature::RSA_PKCS1_2048_8192_SHA384, &signature::RSA_PKCS1_SHA384),
        Algorithm::Rs512 => (&signature::RSA_PKCS1_2048_8192_SHA512, &signature::RSA_PKCS1_SHA512),
        Algorithm::Ps256 => (&signature::RSA_PSS_2048_8192_SHA256, &signature::RSA_PSS_SHA256),
        Algorithm::Ps384 => (&signature::RSA_PSS_2048_8192_SHA384, &signature::RSA_PSS_SHA384),
        Algorithm::Ps512 => (&signature::RSA_PSS_2048_8192_SHA512, &signature::RSA_PSS_SHA512),
        _ => return None,
    })
}

/// Parses a public key from its big-endian components, which have no leading zeros.
pub(super) fn public_key(
    parameters: &'static RsaParameters,
    n: &[u8],
    e: &[u8],
) -> Result<ParsedPublicKey, KeyError> {
    if n.first().is_none_or(|first| *first == 0) || e.first().is_none_or(|first| *first == 0) {
        return Err(KeyErrorKind::Malformed.into());
    }
    check_strength(n, e)?;
    RsaPublicKeyComponents { n, e }
        .to_parsed_public_key(parameters)
        .map_err(|_| KeyErrorKind::Malformed.into())
}

fn check_strength(n: &[u8], e: &[u8]) -> Result<(), KeyError> {
    let leading_zeros = n.first().map_or(0, |first| first.leading_zeros() as usize);
    let bits = n.len().saturating_mul(8).saturating_sub(leading_zeros);
    let exponent =
        if e.len() > 8 { u64::MAX } else { e.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)) };
    let even = |number: &[u8]| number.last().is_none_or(|last| last % 2 == 0);
    if !BITS.contains(&bits) || !EXPONENTS.contains(&exponent) || even(n) || even(e) || is_roca(n) {
        return Err(KeyErrorKind::Weak.into());
    }
    Ok(())
}

/// The fingerprint of CVE-2017-15361 ("ROCA"): the modulus is a power of 65537 modulo each of these primes.
/// One honest modulus in about 2²⁸ looks like that, too.
fn is_roca(n: &[u8]) -> bool {
    const PRIMES: [u32; 17] = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];
    PRIMES.iter().all(|&prime| {
        let remainder = n.iter().fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime);
        let mut power = 1;
        (0..prime).any(|_| {
            power = power * 65_537 % prime;
            power == remainder
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A real one is among the vectors (Wycheproof key tcId 7), but they may be absent.
    #[test]
    fn ja_22_a_roca_modulus_is_a_power_of_65537_modulo_small_primes() {
        assert!(is_roca(&[1, 0, 1]), "65537 itself");
        assert!(is_roca(&(65_537_u128.pow(7)).to_be_bytes()));
        for other in [3_u128, 65_539, 65_537_u128.pow(7) + 2] {
            assert!(!is_roca(&other.to_be_bytes()), "{other}");
        }
    }
}
