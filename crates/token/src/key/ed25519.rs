//! EdDSA on edwards25519 (RFC 8032, RFC 8037). AWS-LC checks signatures strictly (S below the group order, R
//! byte for byte); what it leaves to its caller is the public key, of which eight points make signatures that
//! hold for any message.

use aws_lc_rs::signature::{ED25519, ParsedPublicKey};

use crate::{KeyError, KeyErrorKind};

/// The y coordinates of the points of small order, least significant byte first; the last two in their
/// non-canonical spellings p and p + 1.
const SMALL_ORDER: [[u8; 32]; 7] = [
    spread(0x00, 0x00, 0x00),
    spread(0x01, 0x00, 0x00),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
        0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
        0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
    spread(0xec, 0xff, 0x7f),
    spread(0xed, 0xff, 0x7f),
    spread(0xee, 0xff, 0x7f),
];

const fn spread(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    bytes[0] = first;
    bytes[31] = last;
    bytes
}

/// Parses a public key: 32 bytes, a point on the curve, not of small order.
pub(super) fn public_key(x: &[u8]) -> Result<ParsedPublicKey, KeyError> {
    let mut y: [u8; 32] = x.try_into().map_err(|_| KeyErrorKind::Malformed)?;
    // The top bit is the sign of x, not part of y.
    y[31] &= 0x7f;
    if SMALL_ORDER.contains(&y) {
        return Err(KeyErrorKind::Weak.into());
    }
    let canonical = y[31] != 0x7f || y[1..31].iter().any(|byte| *byte != 0xff) || y[0] < 0xed;
    if !canonical {
        return Err(KeyErrorKind::Malformed.into());
    }
    ParsedPublicKey::new(&ED25519, x).map_err(|_| KeyErrorKind::Malformed.into())
}
