//! The half of a key that verifies, parsed once.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::{hmac, signature::ParsedPublicKey};

use super::es::Curve;
use super::{Algorithm, Jwk, Kid, ed25519, hs, known, pem, rs};
use crate::{KeyError, KeyErrorKind, base64url};

/// Verifies signatures of one key with its one algorithm. Cheap to clone; shared between threads.
#[derive(Clone)]
pub struct VerifyingKey(Arc<Inner>);

struct Inner {
    algorithm: Algorithm,
    kid: Kid,
    thumbprint: String,
    published: bool,
    /// In bytes; every algorithm here has signatures of exactly one length.
    signature_len: usize,
    checker: Checker,
    jwk: Option<Jwk>,
}

/// What checks a signature.
pub(crate) enum Checker {
    Public(ParsedPublicKey),
    Secret(Box<hmac::Key>),
}

impl VerifyingKey {
    /// Takes a public key. It must be for signatures and name (or, EC and OKP, imply) one algorithm; a `kid`
    /// must be the one that follows from the key.
    ///
    /// # Errors
    /// `Unsupported` for a kind that is not done here or not for signatures, `Weak` below the floors, else
    /// `Malformed`.
    pub fn from_jwk(jwk: &Jwk) -> Result<Self, KeyError> {
        check_purpose(jwk)?;
        let (algorithm, key, signature_len, required) = match jwk.kty.as_str() {
            "EC" => elliptic(jwk)?,
            "OKP" => edwards(jwk)?,
            "RSA" => rsa(jwk)?,
            // A secret has no place in a set of public keys, and no other kind is known.
            _ => return Err(KeyErrorKind::Unsupported.into()),
        };
        let thumbprint = known::thumbprint(&required);
        let kid = Kid::of(&thumbprint);
        if jwk.kid.as_deref().is_some_and(|name| name != kid.as_str()) {
            return Err(KeyErrorKind::Malformed.into());
        }
        let jwk = Jwk {
            kid: Some(kid.to_string()),
            alg: Some(algorithm.name().to_owned()),
            r#use: Some("sig".to_owned()),
            key_ops: None,
            ..jwk.clone()
        };
        Ok(Self(Arc::new(Inner {
            algorithm,
            kid,
            published: known::is_published(&thumbprint),
            thumbprint: base64url::encode(&thumbprint),
            signature_len,
            checker: Checker::Public(key),
            jwk: Some(jwk),
        })))
    }

    /// Takes a public key in PEM: `PUBLIC KEY` (SPKI) or `RSA PUBLIC KEY` (PKCS#1). Certificates are not
    /// keys: `openssl x509 -pubkey -noout` takes one out of them.
    ///
    /// # Errors
    /// `Malformed` also when it is a key of another algorithm; `Unsupported` for other blocks and for HS*.
    pub fn from_pem(algorithm: Algorithm, pem: &str) -> Result<Self, KeyError> {
        if algorithm.symmetric() {
            return Err(KeyErrorKind::Unsupported.into());
        }
        Self::from_jwk(&pem::public(algorithm, pem)?)
    }

    /// Takes the shared secret of an HS* algorithm. Whoever holds it can sign as well.
    ///
    /// # Errors
    /// `Unsupported` when the algorithm is not HS*, `Weak` when the secret is shorter than the hash or not
    /// random.
    pub fn from_secret(algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyError> {
        let hash = hs::hash(algorithm).ok_or(KeyErrorKind::Unsupported)?;
        let secret = hs::secret(hash, secret)?;
        Ok(Self(Arc::new(Inner {
            algorithm,
            kid: secret.kid,
            thumbprint: secret.thumbprint,
            published: secret.published,
            signature_len: hash.digest_algorithm().output_len(),
            checker: Checker::Secret(Box::new(secret.key)),
            jwk: None,
        })))
    }

    /// The one algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.0.algorithm
    }

    /// The name that tokens call it by.
    pub fn kid(&self) -> &Kid {
        &self.0.kid
    }

    /// The public half, complete with `kid`, `alg` and `use`; `None` for HS*, which has none.
    pub fn jwk(&self) -> Option<Jwk> {
        self.0.jwk.clone()
    }

    /// Whether the signature over `signed` verifies. No input makes it panic; HMACs are compared in constant
    /// time.
    pub fn verify(&self, signed: &[u8], signature: &[u8]) -> bool {
        signature.len() == self.0.signature_len
            && match &self.0.checker {
                Checker::Public(key) => key.verify_sig(signed, signature).is_ok(),
                Checker::Secret(key) => hmac::verify(key, signed, signature).is_ok(),
            }
    }

    /// Whether the private half is printed in a specification or a test suite (KM-21).
    pub(crate) fn published(&self) -> bool {
        self.0.published
    }

    /// The RFC 7638 thumbprint, 43 characters; for HS* the labelled hash that [`Kid`] is cut from.
    pub fn thumbprint(&self) -> &str {
        &self.0.thumbprint
    }

    pub(super) fn checker(&self) -> &Checker {
        &self.0.checker
    }

    pub(super) fn signature_len(&self) -> usize {
        self.0.signature_len
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({}, {})", self.0.algorithm, self.0.kid)
    }
}

/// RFC 7517 §4.2, §4.3: a key for encryption must not verify.
fn check_purpose(jwk: &Jwk) -> Result<(), KeyError> {
    let signs = jwk.r#use.as_deref().is_none_or(|purpose| purpose == "sig");
    let verifies = jwk.key_ops.as_ref().is_none_or(|operations| operations.iter().any(|one| one == "verify"));
    if signs && verifies { Ok(()) } else { Err(KeyErrorKind::Unsupported.into()) }
}

/// Algorithm, key, length of a signature, and the JSON that the thumbprint is made of (RFC 7638 §3.2).
type Parsed = (Algorithm, ParsedPublicKey, usize, String);

fn elliptic(jwk: &Jwk) -> Result<Parsed, KeyError> {
    let curve = Curve::named(required(jwk.crv.as_ref())?).ok_or(KeyErrorKind::Unsupported)?;
    only(jwk, curve.algorithm)?;
    let (x, y) = (required(jwk.x.as_ref())?, required(jwk.y.as_ref())?);
    let key = curve.public_key(&decode(x)?, &decode(y)?)?;
    let json = format!(r#"{{"crv":"{}","kty":"EC","x":"{x}","y":"{y}"}}"#, curve.name);
    Ok((curve.algorithm, key, 2 * curve.width, json))
}

fn edwards(jwk: &Jwk) -> Result<Parsed, KeyError> {
    if required(jwk.crv.as_ref())? != "Ed25519" {
        return Err(KeyErrorKind::Unsupported.into());
    }
    only(jwk, Algorithm::Ed25519)?;
    let x = required(jwk.x.as_ref())?;
    let key = ed25519::public_key(&decode(x)?)?;
    Ok((Algorithm::Ed25519, key, 64, format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)))
}

fn rsa(jwk: &Jwk) -> Result<Parsed, KeyError> {
    // Without `alg` the key could serve six algorithms: not one key, one algorithm.
    let algorithm: Algorithm = required(jwk.alg.as_ref())?.parse()?;
    let (parameters, _) = rs::padding(algorithm).ok_or(KeyErrorKind::Malformed)?;
    let (n, e) = (required(jwk.n.as_ref())?, required(jwk.e.as_ref())?);
    let modulus = decode(n)?;
    let key = rs::public_key(parameters, &modulus, &decode(e)?)?;
    Ok((algorithm, key, modulus.len(), format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#)))
}

/// `alg`, when present, is what the key implies; a name that is not known at all may be of a later version.
fn only(jwk: &Jwk, implied: Algorithm) -> Result<(), KeyError> {
    match jwk.alg.as_deref().map(str::parse::<Algorithm>) {
        None => Ok(()),
        Some(Ok(named)) if named == implied => Ok(()),
        Some(Ok(_)) => Err(KeyErrorKind::Malformed.into()),
        Some(Err(error)) => Err(error),
    }
}

fn required(member: Option<&String>) -> Result<&str, KeyError> {
    member.map(String::as_str).ok_or_else(|| KeyErrorKind::Malformed.into())
}

/// Strict base64url: it is also what makes the text safe to stand in the thumbprint's JSON.
fn decode(text: &str) -> Result<Vec<u8>, KeyError> {
    base64url::decode(text.as_bytes()).ok_or_else(|| KeyErrorKind::Malformed.into())
}
