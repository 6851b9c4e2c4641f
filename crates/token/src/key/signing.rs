//! The half of a key that signs, parsed once.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaEncoding, RsaKeyPair};
use serde::Serialize;
use zeroize::Zeroizing;

use super::es::Curve;
use super::{Algorithm, Checker, Jwk, Kid, VerifyingKey, der, hs, pem, rs};
use crate::jws::sign;
use crate::{KeyError, KeyErrorKind, base64url};

/// The `typ` of our access tokens, whose header is made once per key.
const USUAL_TYPE: &str = "at+jwt";

/// Signs with one key and its one algorithm. Cheap to clone; shared between threads.
#[derive(Clone)]
pub struct SigningKey(Arc<Inner>);

struct Inner {
    signer: Signer,
    verifying: VerifyingKey,
    usual_header: String,
}

enum Signer {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    /// The secret is in the verifying half.
    Hmac,
}

/// A private key at rest: PKCS#8 DER, or the raw secret for HS*. Wiped when dropped; whoever stores it seals
/// it first.
pub struct PrivateKeyBytes(Zeroizing<Vec<u8>>);

impl PrivateKeyBytes {
    /// The bytes, for sealing and for [`SigningKey::from_private_bytes`].
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn copy(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }
}

impl AsRef<[u8]> for PrivateKeyBytes {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl fmt::Debug for PrivateKeyBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKeyBytes(redacted)")
    }
}

impl SigningKey {
    /// Makes a new key; RSA of 3072 bits, HS* as long as the hash. The one place where randomness is not
    /// passed in: AWS-LC makes keys from its own generator only (so does every ECDSA and PSS signature).
    ///
    /// # Errors
    /// `Crypto` when AWS-LC cannot.
    pub fn generate(algorithm: Algorithm) -> Result<(Self, PrivateKeyBytes), KeyError> {
        let private = generate_private(algorithm)?;
        let key = Self::from_private_bytes(algorithm, private.as_bytes())?;
        Ok((key, private))
    }

    /// Takes a key that [`SigningKey::generate`] or somebody else made: PKCS#8 DER, unencrypted, or the raw
    /// secret for HS*.
    ///
    /// # Errors
    /// `Malformed` when it is not a key of that algorithm or its halves do not fit, `Weak` below the floors,
    /// `PublicTestKey` when its private half is printed in a specification.
    pub fn from_private_bytes(algorithm: Algorithm, private: &[u8]) -> Result<Self, KeyError> {
        let (signer, verifying) = if let Some(curve) = Curve::of(algorithm) {
            ecdsa(curve, private)?
        } else if let Some((_, encoding)) = rs::padding(algorithm) {
            rsa(algorithm, encoding, private)?
        } else if hs::hash(algorithm).is_some() {
            (Signer::Hmac, VerifyingKey::from_secret(algorithm, private)?)
        } else {
            ed25519(private)?
        };
        if verifying.published() {
            return Err(KeyErrorKind::PublicTestKey.into());
        }
        let usual_header = sign::header(algorithm, verifying.kid(), USUAL_TYPE);
        Ok(Self(Arc::new(Inner { signer, verifying, usual_header })))
    }

    /// Takes a private key in PEM: `PRIVATE KEY` (PKCS#8), `RSA PRIVATE KEY` (PKCS#1) or `EC PRIVATE KEY`
    /// (RFC 5915).
    ///
    /// # Errors
    /// Those of [`SigningKey::from_private_bytes`]; `Unsupported` for encrypted keys and other blocks, and
    /// for HS*.
    pub fn from_pem(algorithm: Algorithm, pem: &str) -> Result<Self, KeyError> {
        if algorithm.symmetric() {
            return Err(KeyErrorKind::Unsupported.into());
        }
        Self::from_private_bytes(algorithm, &pem::private(algorithm, pem)?)
    }

    /// The one algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.0.verifying.algorithm()
    }

    /// The name that its tokens call it by.
    pub fn kid(&self) -> &Kid {
        self.0.verifying.kid()
    }

    /// The half that verifies.
    pub fn verifying(&self) -> VerifyingKey {
        self.0.verifying.clone()
    }

    /// The RFC 7638 thumbprint, 43 characters; for HS* the labelled hash that [`Kid`] is cut from.
    pub fn thumbprint(&self) -> String {
        self.0.verifying.thumbprint().to_owned()
    }

    /// Makes a token: the compact serialization (RFC 7515 §7.1) of `claims` under the header `alg`, `kid`,
    /// `typ`.
    ///
    /// # Errors
    /// `Claims` when they are not a JSON object or name a claim twice, `TooLong` (with the largest claim)
    /// above 4 KiB, `Crypto` when AWS-LC cannot sign.
    pub fn sign<C: Serialize>(&self, typ: &str, claims: &C) -> Result<String, KeyError> {
        let made;
        let header = if typ == USUAL_TYPE {
            &self.0.usual_header
        } else {
            made = sign::header(self.algorithm(), self.kid(), typ);
            &made
        };
        sign::compact(header, claims, self.0.verifying.signature_len(), |signed, signature| {
            self.signature(signed, signature)
        })
    }

    /// Fills `out`, which is as long as this key's signatures are.
    fn signature(&self, signed: &[u8], out: &mut [u8]) -> Result<(), KeyError> {
        let random = SystemRandom::new();
        let failed = |_| KeyErrorKind::Crypto;
        match &self.0.signer {
            Signer::Ecdsa(pair) => fill(out, pair.sign(&random, signed).map_err(failed)?.as_ref()),
            Signer::Ed25519(pair) => fill(out, pair.try_sign(signed).map_err(failed)?.as_ref()),
            Signer::Rsa(pair, encoding) => Ok(pair.sign(*encoding, &random, signed, out).map_err(failed)?),
            Signer::Hmac => match self.0.verifying.checker() {
                Checker::Secret(secret) => fill(out, hmac::sign(secret, signed).as_ref()),
                Checker::Public(_) => Err(KeyErrorKind::Crypto.into()),
            },
        }
    }
}

fn fill(out: &mut [u8], signature: &[u8]) -> Result<(), KeyError> {
    if out.len() != signature.len() {
        return Err(KeyErrorKind::Crypto.into());
    }
    out.copy_from_slice(signature);
    Ok(())
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, {}, redacted)", self.algorithm(), self.kid())
    }
}

fn generate_private(algorithm: Algorithm) -> Result<PrivateKeyBytes, KeyError> {
    let failed = |_| KeyErrorKind::Crypto;
    if let Some(curve) = Curve::of(algorithm) {
        let pair = EcdsaKeyPair::generate(curve.signing).map_err(failed)?;
        return Ok(PrivateKeyBytes::copy(pair.to_pkcs8v1().map_err(failed)?.as_ref()));
    }
    if rs::padding(algorithm).is_some() {
        let pair = RsaKeyPair::generate(KeySize::Rsa3072).map_err(failed)?;
        return Ok(PrivateKeyBytes::copy(pair.as_der().map_err(failed)?.as_ref()));
    }
    if let Some(hash) = hs::hash(algorithm) {
        let mut secret = Zeroizing::new(vec![0; hash.digest_algorithm().output_len()]);
        #[expect(clippy::disallowed_methods, reason = "documented at `SigningKey::generate`")]
        aws_lc_rs::rand::fill(&mut secret).map_err(failed)?;
        return Ok(PrivateKeyBytes(secret));
    }
    let pair = Ed25519KeyPair::generate().map_err(failed)?;
    Ok(PrivateKeyBytes::copy(pair.to_pkcs8v1().map_err(failed)?.as_ref()))
}

fn ecdsa(curve: &'static Curve, private: &[u8]) -> Result<(Signer, VerifyingKey), KeyError> {
    let pair = EcdsaKeyPair::from_pkcs8(curve.signing, private).map_err(|_| KeyErrorKind::Malformed)?;
    let (x, y) = match pair.public_key().as_ref() {
        [4, point @ ..] if point.len() == 2 * curve.width => point.split_at(curve.width),
        _ => return Err(KeyErrorKind::Malformed.into()),
    };
    let verifying = VerifyingKey::from_jwk(&Jwk {
        kty: "EC".to_owned(),
        crv: Some(curve.name.to_owned()),
        x: Some(base64url::encode(x)),
        y: Some(base64url::encode(y)),
        ..Jwk::default()
    })?;
    Ok((Signer::Ecdsa(pair), verifying))
}

fn ed25519(private: &[u8]) -> Result<(Signer, VerifyingKey), KeyError> {
    let pair = Ed25519KeyPair::from_pkcs8(private).map_err(|_| KeyErrorKind::Malformed)?;
    let verifying = VerifyingKey::from_jwk(&Jwk {
        kty: "OKP".to_owned(),
        crv: Some("Ed25519".to_owned()),
        x: Some(base64url::encode(pair.public_key().as_ref())),
        ..Jwk::default()
    })?;
    Ok((Signer::Ed25519(pair), verifying))
}

fn rsa(
    algorithm: Algorithm,
    encoding: &'static dyn RsaEncoding,
    private: &[u8],
) -> Result<(Signer, VerifyingKey), KeyError> {
    let pair = RsaKeyPair::from_pkcs8(private).map_err(|rejected| match rejected.description_() {
        "TooSmall" | "TooLarge" => KeyErrorKind::Weak,
        _ => KeyErrorKind::Malformed,
    })?;
    let (n, e) = der::rsa_public_key(pair.public_key().as_ref()).ok_or(KeyErrorKind::Malformed)?;
    let verifying = VerifyingKey::from_jwk(&Jwk {
        kty: "RSA".to_owned(),
        n: Some(base64url::encode(n)),
        e: Some(base64url::encode(e)),
        alg: Some(algorithm.name().to_owned()),
        ..Jwk::default()
    })?;
    Ok((Signer::Rsa(pair, encoding), verifying))
}
