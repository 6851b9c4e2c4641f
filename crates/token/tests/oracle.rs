//! Another implementation as the judge: what we sign `jsonwebtoken` takes, and what it signs we take,
//! algorithm by algorithm.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests may fail like tests"
)]

mod common;

use common::{AUDIENCE, ISSUER, NOW, at, claims, verifier_for};
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation};
use serde_json::Value;
use symbolon_token::{AccessClaims, Algorithm, PrivateKeyBytes, SigningKey};

/// Its name for the algorithm, and the two halves of the key as it wants them.
fn foreign(
    key: &SigningKey,
    private: &PrivateKeyBytes,
) -> (jsonwebtoken::Algorithm, EncodingKey, DecodingKey) {
    let jwk = key.verifying().jwk().unwrap_or_default();
    let member = |value: &Option<String>| value.clone().unwrap();
    let bytes = private.as_bytes();
    let (encoding, decoding) = match key.algorithm() {
        Algorithm::Es256 | Algorithm::Es384 => (
            EncodingKey::from_ec_der(bytes),
            DecodingKey::from_ec_components(&member(&jwk.x), &member(&jwk.y)).unwrap(),
        ),
        Algorithm::Ed25519 => {
            (EncodingKey::from_ed_der(bytes), DecodingKey::from_ed_components(&member(&jwk.x)).unwrap())
        }
        Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => {
            (EncodingKey::from_secret(bytes), DecodingKey::from_secret(bytes))
        }
        // It wants PKCS#1, which stands in PKCS#8 behind 26 bytes of wrapping.
        _ => (
            EncodingKey::from_rsa_der(&bytes[26..]),
            DecodingKey::from_rsa_components(&member(&jwk.n), &member(&jwk.e)).unwrap(),
        ),
    };
    (key.algorithm().name().parse().unwrap(), encoding, decoding)
}

#[test]
fn tokens_are_taken_both_ways() {
    let (_, rsa) = SigningKey::generate(Algorithm::Rs256).unwrap();
    for algorithm in Algorithm::ALL {
        let is_rsa = algorithm.name().starts_with("RS") || algorithm.name().starts_with("PS");
        let made = (!is_rsa).then(|| SigningKey::generate(algorithm).unwrap().1);
        let private = made.as_ref().unwrap_or(&rsa);
        let key = SigningKey::from_private_bytes(algorithm, private.as_bytes()).unwrap();
        let (name, encoding, decoding) = foreign(&key, private);
        let claims: AccessClaims = serde_json::from_value(claims()).unwrap();

        let mut validation = Validation::new(name);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[ISSUER]);
        // The tests live in 2023.
        validation.validate_exp = false;
        let ours = key.sign("at+jwt", &claims).unwrap();
        let read = jsonwebtoken::decode::<Value>(&ours, &decoding, &validation)
            .unwrap_or_else(|error| panic!("{algorithm}: {error}"));
        assert_eq!(read.claims, serde_json::to_value(&claims).unwrap(), "{algorithm}");
        assert_eq!(read.header.kid.as_deref(), Some(key.kid().as_str()));
        assert_eq!(read.header.typ.as_deref(), Some("at+jwt"));

        let mut header = Header::new(name);
        header.kid = Some(key.kid().to_string());
        header.typ = Some("at+jwt".to_owned());
        let theirs = jsonwebtoken::encode(&header, &claims, &encoding).unwrap();
        let verifier = verifier_for(&key);
        assert_eq!(verifier.verify(&theirs, at(NOW)).unwrap(), claims, "{algorithm}");
        assert_eq!(verifier.verify(&ours, at(NOW)).unwrap(), claims, "{algorithm}");

        // And neither takes what is damaged.
        let (signed, signature) = theirs.rsplit_once('.').unwrap();
        let letter = if signature.starts_with('A') { "B" } else { "A" };
        let damaged = format!("{signed}.{letter}{}", &signature[1..]);
        assert!(verifier.verify(&damaged, at(NOW)).is_err(), "{algorithm}");
        assert!(jsonwebtoken::decode::<Value>(&damaged, &decoding, &validation).is_err(), "{algorithm}");
    }
}
