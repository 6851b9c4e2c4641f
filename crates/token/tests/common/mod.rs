//! What the tests of attacks share: an issuer whose key also signs what no issuer would, and a verifier that
//! trusts it.
#![allow(dead_code, reason = "each test file uses its part")]

use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use symbolon_token::{Algorithm, SigningKey, Timestamp, TokenErrorKind, Verifier};

pub(crate) const ISSUER: &str = "https://id.example";
pub(crate) const AUDIENCE: &str = "https://api.example";
/// When the tokens of [`claims`] were issued.
pub(crate) const NOW: i64 = 1_700_000_000;

pub(crate) fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn unb64(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs(seconds)
}

/// The claims of an impeccable token.
pub(crate) fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "01905a3c-1111-7222-8333-444455556666", "aud": AUDIENCE,
        "exp": NOW + 300, "iat": NOW, "jti": "01905a3c-1111-7222-8333-444455556667", "client_id": "symbolon",
        "sid": "01905a3c-1111-7222-8333-444455556668", "gen": 3, "amr": ["pwd"], "auth_time": NOW,
    })
}

/// [`claims`] with one of them set, or taken away by `null`-less absence.
pub(crate) fn claims_with(name: &str, value: Value) -> Value {
    let mut all = claims();
    all[name] = value;
    all
}

pub(crate) fn claims_without(name: &str) -> Value {
    let mut all = claims();
    all.as_object_mut().unwrap().remove(name);
    all
}

/// An issuer with an ES256 key.
pub(crate) struct Issuer {
    pub(crate) key: SigningKey,
    pair: EcdsaKeyPair,
    pub(crate) verifier: Verifier,
}

impl Issuer {
    pub(crate) fn new() -> Self {
        let (key, private) = SigningKey::generate(Algorithm::Es256).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, private.as_bytes()).unwrap();
        let verifier = verifier_for(&key);
        Self { key, pair, verifier }
    }

    pub(crate) fn header(&self) -> Value {
        json!({"alg": "ES256", "kid": self.key.kid(), "typ": "at+jwt"})
    }

    pub(crate) fn header_with(&self, name: &str, value: Value) -> Value {
        let mut header = self.header();
        header[name] = value;
        header
    }

    /// An impeccable token.
    pub(crate) fn token(&self) -> String {
        self.key.sign("at+jwt", &claims()).unwrap()
    }

    /// Genuinely signed over exactly these bytes.
    pub(crate) fn sign(&self, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
        self.sign_segments(&b64(header), &b64(payload))
    }

    /// Genuinely signed over exactly these segments, whatever they hold.
    pub(crate) fn sign_segments(&self, header: &str, payload: &str) -> String {
        let signed = format!("{header}.{payload}");
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", b64(signature.as_ref()))
    }

    pub(crate) fn sign_claims(&self, claims: &Value) -> String {
        self.sign(self.header().to_string(), claims.to_string())
    }

    /// Why it is refused, all but the time considered; `None` when it is not.
    pub(crate) fn refusal(&self, token: &str) -> Option<TokenErrorKind> {
        self.verifier.authenticate(token).err().map(|error| error.kind())
    }

    /// The impeccable token passes, and each of these is refused for its reason: `(what it is, token, why)`.
    pub(crate) fn refuses<'a>(&self, cases: impl IntoIterator<Item = (&'a str, String, TokenErrorKind)>) {
        assert_eq!(self.refusal(&self.token()), None, "the control");
        for (what, token, why) in cases {
            assert_eq!(self.refusal(&token), Some(why), "{what}: {token}");
            assert!(self.verifier.verify(&token, at(NOW)).is_err(), "{what}");
        }
    }
}

pub(crate) fn verifier_for(key: &SigningKey) -> Verifier {
    Verifier::builder()
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .leeway(Duration::from_secs(30))
        .max_life(Duration::from_secs(3600))
        .keys([key.verifying()])
        .build()
        .unwrap()
}
