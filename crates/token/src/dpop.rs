//! DPoP proofs (RFC 9449 §4): whoever shows a token bound to a key signs each request with that key.
//!
//! Owns the form of a proof, the key it brings along, and what a proof says of one request. Refuses: any algorithm that is not
//! asymmetric, a key with a private half, a weak or published key, repeated members, a proof that is for something else. Which proofs
//! were used before, and which nonces are ours, is for the caller to ask of a memory of its own: [`UsedProofs`], [`Nonces`].

mod nonces;
mod used;

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use serde::Deserialize;

use crate::{
    Algorithm, Compact, Jwk, Timestamp, VerifyingKey, base64url,
    claims::date,
    json::{self, present},
};

pub use nonces::Nonces;
pub use used::{NotTaken, REMEMBERED, UsedProofs};

/// What proofs may be signed with, as metadata and challenges list it (RFC 9449 §5.1, §7.1).
pub const ALGORITHMS: [Algorithm; 5] =
    [Algorithm::Es256, Algorithm::Es384, Algorithm::Ed25519, Algorithm::Ps256, Algorithm::Rs256];

/// How far the time of a proof may be from ours, either way (RFC 9449 §11.1).
pub const WINDOW: Duration = Duration::from_secs(60);

/// The longest `jti` that is read, bytes.
const LONGEST_JTI: usize = 256;

/// Why a text is no proof for a request. A client hears the same for every cause.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// Not a strict JWS with `typ: dpop+jwt` and the claims of RFC 9449 §4.2.
    #[error("the proof is not well-formed")]
    Malformed,
    /// Not one of [`ALGORITHMS`].
    #[error("the proof's algorithm is not one that is taken")]
    Algorithm,
    /// The key it brings is private, weak, published, or not one at all.
    #[error("the proof's key cannot be used")]
    Key,
    /// Not signed with the key it brings.
    #[error("the proof's signature does not verify")]
    Signature,
    /// For another method or URL.
    #[error("the proof is for another request")]
    Request,
    /// Too old, or not of this time yet.
    #[error("the proof is not of this time")]
    Time,
    /// `ath` is missing or another token's.
    #[error("the proof is for another token")]
    Token,
}

/// A proof whose signature is right. What it is for is still to be asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proof {
    thumbprint: String,
    id: [u8; 32],
    claims: Claims,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
struct Claims {
    jti: String,
    htm: String,
    htu: String,
    #[serde(deserialize_with = "date")]
    iat: i64,
    #[serde(default, deserialize_with = "present")]
    ath: Option<String>,
    #[serde(default, deserialize_with = "present")]
    nonce: Option<String>,
}

#[derive(Deserialize)]
struct Header {
    jwk: Jwk,
}

impl Proof {
    /// Reads a proof: its form, its key, its signature.
    ///
    /// # Errors
    /// `Malformed`, `Algorithm`, `Key`, `Signature`.
    pub fn parse(text: &str) -> Result<Self, ProofError> {
        let compact = Compact::parse(text).map_err(|_| ProofError::Malformed)?;
        if !compact.header().is_type("dpop+jwt") {
            return Err(ProofError::Malformed);
        }
        let algorithm = compact.algorithm().map_err(|_| ProofError::Algorithm)?;
        if !ALGORITHMS.contains(&algorithm) {
            return Err(ProofError::Algorithm);
        }
        let key = key(text, algorithm)?;
        let payload = compact.verified_by(&key).map_err(|_| ProofError::Signature)?;
        let claims: Claims = json::object(&payload).ok_or(ProofError::Malformed)?;
        if claims.jti.is_empty() || claims.jti.len() > LONGEST_JTI {
            return Err(ProofError::Malformed);
        }
        let mut id = [0; 32];
        let own = [key.thumbprint(), "\0", &claims.jti].concat();
        id.copy_from_slice(digest(&SHA256, own.as_bytes()).as_ref());
        Ok(Self { thumbprint: key.thumbprint().to_owned(), id, claims })
    }

    /// The RFC 7638 thumbprint of its key: what `cnf.jkt` of a bound token says.
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// Key and `jti` as one hash: a proof that was seen before has the same, and it is of fixed size whatever a client sends.
    pub fn id(&self) -> &[u8; 32] {
        &self.id
    }

    /// The nonce it repeats.
    pub fn nonce(&self) -> Option<&str> {
        self.claims.nonce.as_deref()
    }

    /// Whether it is for this request, at this time. `url`: the request's, without query, as the issuer is spelled.
    ///
    /// # Errors
    /// `Request`, `Time`.
    pub fn is_for(&self, method: &str, url: &str, now: Timestamp) -> Result<(), ProofError> {
        let same = match (normal(&self.claims.htu), normal(url)) {
            (Some(theirs), Some(ours)) => theirs == ours,
            _ => false,
        };
        if self.claims.htm != method || !same {
            return Err(ProofError::Request);
        }
        let made = Timestamp::from_secs(self.claims.iat);
        if made.since(now) > WINDOW || now.since(made) > WINDOW {
            return Err(ProofError::Time);
        }
        Ok(())
    }

    /// Whether it is for this access token (`ath`, RFC 9449 §4.3 point 12).
    ///
    /// # Errors
    /// `Token`.
    pub fn is_for_token(&self, token: &str) -> Result<(), ProofError> {
        let hash = base64url::encode(digest(&SHA256, token.as_bytes()).as_ref());
        // Not in constant time: both sides are the client's own.
        if self.claims.ath.as_deref() == Some(hash.as_str()) { Ok(()) } else { Err(ProofError::Token) }
    }
}

/// The key in the header, for the algorithm in the header and nothing else. Its name and purpose are the client's own business; the
/// thumbprint is of the key alone (DP-22).
fn key(text: &str, algorithm: Algorithm) -> Result<VerifyingKey, ProofError> {
    let segment = text.split('.').next().unwrap_or_default();
    let json = base64url::decode(segment.as_bytes()).ok_or(ProofError::Malformed)?;
    let Header { jwk } = json::object(&json).ok_or(ProofError::Key)?;
    if jwk.alg.as_deref().is_some_and(|named| named.parse::<Algorithm>().ok() != Some(algorithm)) {
        return Err(ProofError::Key);
    }
    let jwk = Jwk { kid: None, alg: Some(algorithm.name().to_owned()), ..jwk };
    let key = VerifyingKey::from_jwk(&jwk).map_err(|_| ProofError::Key)?;
    if key.algorithm() != algorithm || key.published() { Err(ProofError::Key) } else { Ok(key) }
}

/// An `http` or `https` URL without query and fragment, normalised by syntax and scheme (RFC 3986 §6.2.2, §6.2.3); dot segments stay
/// as they are, since no route has any. `None`: not such a URL.
fn normal(url: &str) -> Option<String> {
    let url = url.split(['?', '#']).next()?;
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let port = match scheme.as_str() {
        "https" => ":443",
        "http" => ":80",
        _ => return None,
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let authority = authority.to_ascii_lowercase();
    let authority = authority.strip_suffix(port).or(authority.strip_suffix(':')).unwrap_or(&authority);
    if authority.is_empty() || authority.contains('@') || !url.is_ascii() {
        return None;
    }
    Some(format!("{scheme}://{authority}{}", path_of(if path.is_empty() { "/" } else { path })?))
}

/// A path with its escapes in upper case, and without those that need none.
fn path_of(path: &str) -> Option<String> {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let escape = after.get(..2).filter(|escape| escape.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        let byte = u8::from_str_radix(escape, 16).ok()?;
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&escape.to_ascii_uppercase());
        }
        rest = &after[2..];
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dp_09_only_syntax_is_normalised() {
        let same = |one: &str, other: &str| normal(one).is_some() && normal(one) == normal(other);
        let url = "https://id.example/auth/v1/me";
        for equal in [
            "HTTPS://ID.Example/auth/v1/me",
            "https://id.example:443/auth/v1/me",
            "https://id.example:/auth/v1/me",
            "https://id.example/auth/v1/m%65",
            "https://id.example/%61uth/v1/me?x=1",
            "https://id.example/auth/v1/me#f",
        ] {
            assert!(same(equal, url), "{equal}");
        }
        assert!(same("https://id.example", "https://id.example/"));
        assert!(same("http://127.0.0.1:80/%e2%82%ac", "http://127.0.0.1/%E2%82%AC"));
        for other in [
            "http://id.example/auth/v1/me",
            "https://id.example:8443/auth/v1/me",
            "https://id.example:80/auth/v1/me",
            "https://evil.example/auth/v1/me",
            "https://id.example/auth/v1/me/",
            "https://id.example/auth/v1/ME",
            "https://id.example/auth/v1%2Fme",
            "https://id.example/auth//v1/me",
            "https://id.example/auth/x/../v1/me",
            "https://u@id.example/auth/v1/me",
            "https://id.example/auth/v1/me%",
            "https://id.example/auth/v1/me%zz",
            "https:///auth/v1/me",
            "/auth/v1/me",
            "id.example/auth/v1/me",
            "ftp://id.example/auth/v1/me",
            "",
        ] {
            assert!(!same(other, url), "{other}");
        }
    }
}
