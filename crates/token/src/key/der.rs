//! Just enough DER to take public keys apart and to wrap private ones: RSAPublicKey (RFC 8017 §A.1.1),
//! SubjectPublicKeyInfo (RFC 5280 §4.1), PrivateKeyInfo (RFC 5208 §5). Strict: one value has one encoding,
//! and nothing may follow it.

use zeroize::Zeroizing;

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

/// AlgorithmIdentifiers, without the sequence around them: rsaEncryption with its NULL (RFC 8017 §A.1).
pub(super) const RSA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
/// id-Ed25519 (RFC 8410 §3).
pub(super) const ED25519: &[u8] = b"\x06\x03\x2b\x65\x70";
/// id-ecPublicKey with the curve's name (RFC 5480 §2.1.1).
pub(super) const P256: &[u8] =
    b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
/// Likewise.
pub(super) const P384: &[u8] = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22";

/// Modulus and exponent, big endian, without leading zeros.
pub(super) fn rsa_public_key(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (sequence, rest) = element(der, SEQUENCE)?;
    let (modulus, exponent) = element(sequence, INTEGER)?;
    let (exponent, end) = element(exponent, INTEGER)?;
    (rest.is_empty() && end.is_empty()).then_some((positive(modulus)?, positive(exponent)?))
}

/// The algorithm identifier, without the sequence around it, and the key's own bytes.
pub(super) fn public_key_info(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (sequence, rest) = element(der, SEQUENCE)?;
    let (identifier, key) = element(sequence, SEQUENCE)?;
    let (key, end) = element(key, BIT_STRING)?;
    // Keys are whole bytes: no bits of the last one are unused.
    let key = key.strip_prefix(&[0])?;
    (rest.is_empty() && end.is_empty()).then_some((identifier, key))
}

/// PKCS#8 around a key that stands alone in its older form.
pub(super) fn private_key_info(identifier: &[u8], key: &[u8]) -> Zeroizing<Vec<u8>> {
    let identifier = wrap(SEQUENCE, &[identifier]);
    let key = wrap(OCTET_STRING, &[key]);
    wrap(SEQUENCE, &[&[INTEGER, 1, 0], &identifier, &key])
}

fn wrap(tag: u8, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let length = parts.iter().map(|part| part.len()).sum::<usize>();
    // Made in one piece: growing would leave copies of a key behind.
    let mut der = Zeroizing::new(Vec::with_capacity(length + 4));
    let [.., high, low] = length.to_be_bytes();
    match length {
        0..=0x7f => der.extend([tag, low]),
        0x80..=0xff => der.extend([tag, 0x81, low]),
        // PEM ends far below 64 KiB.
        _ => der.extend([tag, 0x82, high, low]),
    }
    for part in parts {
        der.extend_from_slice(part);
    }
    der
}

fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let rest = der.strip_prefix(&[tag])?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => {
            let (&length, rest) = rest.split_first().filter(|(length, _)| **length >= 0x80)?;
            (usize::from(length), rest)
        }
        0x82 => {
            let (&length, rest) = rest.split_first_chunk().filter(|(length, _)| length[0] != 0)?;
            (usize::from(u16::from_be_bytes(length)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

/// A positive INTEGER without its sign; a zero before it only where its top bit would be taken for one.
fn positive(integer: &[u8]) -> Option<&[u8]> {
    match integer {
        [0, digits @ ..] => digits.first().is_some_and(|first| *first >= 0x80).then_some(digits),
        [first, ..] => (*first < 0x80).then_some(integer),
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 12] = [0x30, 0x0a, 0x02, 0x03, 0x00, 0x80, 0x01, 0x02, 0x03, 0x01, 0x00, 0x01];

    #[test]
    fn a_key_is_taken_apart_and_nothing_else() {
        assert_eq!(rsa_public_key(&KEY), Some((&[0x80, 0x01][..], &[1, 0, 1][..])));
        for length in 0..KEY.len() {
            assert_eq!(rsa_public_key(&KEY[..length]), None);
        }
        assert_eq!(rsa_public_key(&[&KEY[..], &[0]].concat()), None);
    }

    #[test]
    fn one_value_has_one_encoding() {
        let (long, longer) =
            ([&[0x30, 0x81][..], &KEY[1..]].concat(), [&[0x30, 0x82, 0][..], &KEY[1..]].concat());
        let negative = [0x30, 0x09, 0x02, 0x02, 0x80, 0x01, 0x02, 0x03, 0x01, 0x00, 0x01];
        let padded = [0x30, 0x0a, 0x02, 0x03, 0x00, 0x10, 0x01, 0x02, 0x03, 0x01, 0x00, 0x01];
        for other in [&long[..], &longer, &negative, &padded, &[0x30, 0x04, 0x02, 0, 0x02, 0]] {
            assert_eq!(rsa_public_key(other), None, "{other:02x?}");
        }
    }

    #[test]
    fn what_is_wrapped_can_be_opened() {
        for length in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x1234] {
            let key = vec![7; length];
            let outer = private_key_info(RSA, &key);
            let (inner, end) = element(&outer, SEQUENCE).unwrap();
            let (version, inner) = element(inner, INTEGER).unwrap();
            let (identifier, inner) = element(inner, SEQUENCE).unwrap();
            let (held, rest) = element(inner, OCTET_STRING).unwrap();
            assert_eq!((version, identifier, held), (&[0][..], RSA, &key[..]));
            assert!(end.is_empty() && rest.is_empty());
        }
    }
}
