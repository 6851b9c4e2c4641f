//! Keys and key sets: no panic, and what is loaded comes out as a key of the same name.
#![no_main]

use libfuzzer_sys::fuzz_target;
use symbolon_token::{Algorithm, Jwk, Jwks, VerifyingKey};

fn check(key: &VerifyingKey) {
    assert_eq!(key.thumbprint().len(), 43);
    assert!(key.thumbprint().starts_with(key.kid().as_str()));
    if let Some(jwk) = key.jwk() {
        let json = serde_json::to_vec(&jwk).expect("a key is JSON");
        let again =
            Jwk::parse(&json).and_then(|jwk| VerifyingKey::from_jwk(&jwk)).expect("what we write we read");
        assert_eq!(again.thumbprint(), key.thumbprint());
        assert!(!again.verify(b"signed", &[0; 64]));
    }
}

fuzz_target!(|data: &[u8]| {
    if let Ok(jwk) = Jwk::parse(data) {
        if let Ok(key) = VerifyingKey::from_jwk(&jwk) {
            check(&key);
        }
    }
    if let Ok(set) = Jwks::parse(data) {
        assert!(set.keys.len() <= 16);
        for key in set.with_rsa_algorithm(Algorithm::Rs256).verifying_keys().unwrap_or_default() {
            check(&key);
        }
    }
    let _ = VerifyingKey::from_secret(Algorithm::Hs256, data);
});
