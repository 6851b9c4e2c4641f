//! Tokens: what is in them, the refresh chain, revocation and introspection.

mod exchange;
mod grant;
mod grant_race;
mod introspect;
mod issue;
mod life;
mod refresh;
mod refresh_faults;
mod refresh_rows;
mod revoke;
mod seen;

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use symbolon_token::{Proof, RefreshToken, Timestamp};

/// The payload of a JWT, unverified.
pub(crate) fn payload(token: &str) -> serde_json::Value {
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// The counter in a refresh token.
pub(crate) fn counter(token: &str) -> u64 {
    RefreshToken::parse(token).unwrap().counter()
}

/// A JWT of somebody else's making, signed with HS256 under a secret of their choice.
pub(crate) fn forged(header: &serde_json::Value, claims: &serde_json::Value, secret: &[u8]) -> String {
    let encode = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(header), encode(claims));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
}

/// A client with a key of its own.
pub(crate) struct Holder(EcdsaKeyPair);

impl Holder {
    pub(crate) fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    /// A proof of this id, for whatever request.
    pub(crate) fn proof(&self, id: &str, now: Timestamp) -> Proof {
        let point = self.0.public_key().as_ref();
        let [x, y] = [&point[1..33], &point[33..]].map(|half| URL_SAFE_NO_PAD.encode(half));
        let jwk = serde_json::json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y });
        let header = serde_json::json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": jwk });
        let claims = serde_json::json!({ "jti": id, "htm": "POST", "htu": "https://x.example/", "iat": now.as_secs() });
        let encode = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        Proof::parse(&format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))).unwrap()
    }
}
