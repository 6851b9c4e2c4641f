//! ECDSA (RFC 7518 §3.4): the signature is R ‖ S at full width, never DER.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED,
    ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaSigningAlgorithm, EcdsaVerificationAlgorithm, ParsedPublicKey,
};

use super::{Algorithm, der};
use crate::{KeyError, KeyErrorKind};

/// A curve with the one hash it is used with.
pub(super) struct Curve {
    pub(super) name: &'static str,
    pub(super) algorithm: Algorithm,
    /// What stands for it in PKCS#8 and SPKI.
    pub(super) identifier: &'static [u8],
    /// Of a coordinate, in bytes.
    pub(super) width: usize,
    pub(super) signing: &'static EcdsaSigningAlgorithm,
    verification: &'static EcdsaVerificationAlgorithm,
}

static P256: Curve = Curve {
    name: "P-256",
    algorithm: Algorithm::Es256,
    identifier: der::P256,
    width: 32,
    signing: &ECDSA_P256_SHA256_FIXED_SIGNING,
    verification: &ECDSA_P256_SHA256_FIXED,
};

static P384: Curve = Curve {
    name: "P-384",
    algorithm: Algorithm::Es384,
    identifier: der::P384,
    width: 48,
    signing: &ECDSA_P384_SHA384_FIXED_SIGNING,
    verification: &ECDSA_P384_SHA384_FIXED,
};

impl Curve {
    /// The curve of an algorithm; `None` when it is not ECDSA.
    pub(super) fn of(algorithm: Algorithm) -> Option<&'static Self> {
        [&P256, &P384].into_iter().find(|curve| curve.algorithm == algorithm)
    }

    /// By the value of a JWK's `crv`.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        [&P256, &P384].into_iter().find(|curve| curve.name == name)
    }

    /// By what stands for it in SPKI.
    pub(super) fn identified(identifier: &[u8]) -> Option<&'static Self> {
        [&P256, &P384].into_iter().find(|curve| curve.identifier == identifier)
    }

    /// Parses a public key; the point must lie on the curve and be no point at infinity.
    pub(super) fn public_key(&self, x: &[u8], y: &[u8]) -> Result<ParsedPublicKey, KeyError> {
        if x.len() != self.width || y.len() != self.width {
            return Err(KeyErrorKind::Malformed.into());
        }
        // SEC 1 §2.3.3, uncompressed.
        let point = [&[4], x, y].concat();
        ParsedPublicKey::new(self.verification, point).map_err(|_| KeyErrorKind::Malformed.into())
    }
}
