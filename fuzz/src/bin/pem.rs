//! PEM and the DER within: no panic, and a key that is taken says the same of itself as a JWK.
#![no_main]

use libfuzzer_sys::fuzz_target;
use symbolon_token::{Algorithm, SigningKey, VerifyingKey};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Ed25519, Algorithm::Rs256] {
        if let Ok(key) = VerifyingKey::from_pem(algorithm, text) {
            let again =
                VerifyingKey::from_jwk(&key.jwk().expect("a public key")).expect("what we write we read");
            assert_eq!(again.thumbprint(), key.thumbprint());
        }
        if let Ok(key) = SigningKey::from_pem(algorithm, text) {
            assert_eq!(key.algorithm(), algorithm);
        }
    }
    // Also as the bytes within, for which there is no armour to get right first.
    let _ = SigningKey::from_private_bytes(Algorithm::Es256, data);
});
