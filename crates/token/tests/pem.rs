//! Keys in the files that `openssl` 3 writes (made for these tests, under `tests/pem`): each form of one key
//! is the same key.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may fail like tests")]

use std::path::Path;

use serde_json::json;
use symbolon_token::{Algorithm, Compact, KeyError, KeyErrorKind, SigningKey, VerifyingKey};

fn file(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pem");
    std::fs::read_to_string(folder.join(format!("{name}.pem")))
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn private(algorithm: Algorithm, name: &str) -> Result<SigningKey, KeyError> {
    SigningKey::from_pem(algorithm, &file(name))
}

fn public(algorithm: Algorithm, name: &str) -> Result<VerifyingKey, KeyError> {
    VerifyingKey::from_pem(algorithm, &file(name))
}

fn kind<T>(key: Result<T, KeyError>) -> Option<KeyErrorKind> {
    key.err().map(|error| error.kind().clone())
}

#[test]
fn every_form_of_a_key_is_that_key() {
    let forms = [
        (Algorithm::Es256, ["p256.private", "p256.ec"], ["p256.public", "p256.public"]),
        (Algorithm::Es384, ["p384.private", "p384.ec"], ["p384.public", "p384.public"]),
        (Algorithm::Ed25519, ["ed25519.private", "ed25519.private"], ["ed25519.public", "ed25519.public"]),
        (Algorithm::Rs256, ["rsa.private", "rsa.pkcs1"], ["rsa.public", "rsa.pkcs1-public"]),
        (Algorithm::Ps512, ["rsa.private", "rsa.pkcs1"], ["rsa.public", "rsa.pkcs1-public"]),
    ];
    for (algorithm, privates, publics) in forms {
        for name in privates {
            let token = private(algorithm, name).unwrap().sign("JWT", &json!({"sub": name})).unwrap();
            for name in publics {
                let key = public(algorithm, name).unwrap();
                assert_eq!(key.algorithm(), algorithm);
                assert!(Compact::parse(&token).unwrap().verified_by(&key).is_ok(), "{algorithm}, {name}");
            }
        }
    }
}

#[test]
fn a_key_is_for_the_algorithm_that_was_asked_for() {
    for (algorithm, name) in [
        (Algorithm::Es384, "p256"),
        (Algorithm::Rs256, "p256"),
        (Algorithm::Es256, "ed25519"),
        (Algorithm::Es256, "rsa"),
    ] {
        assert_eq!(
            kind(public(algorithm, &format!("{name}.public"))),
            Some(KeyErrorKind::Malformed),
            "{name}"
        );
        assert_eq!(
            kind(private(algorithm, &format!("{name}.private"))),
            Some(KeyErrorKind::Malformed),
            "{name}"
        );
    }
    assert_eq!(kind(private(Algorithm::Es384, "p256.ec")), Some(KeyErrorKind::Malformed));
    assert_eq!(kind(private(Algorithm::Es256, "rsa.pkcs1")), Some(KeyErrorKind::Malformed));
    assert_eq!(kind(public(Algorithm::Ed25519, "rsa.pkcs1-public")), Some(KeyErrorKind::Malformed));
}

#[test]
fn ja_03_a_public_key_in_pem_is_never_a_secret() {
    assert_eq!(kind(public(Algorithm::Hs256, "p256.public")), Some(KeyErrorKind::Unsupported));
    assert_eq!(kind(private(Algorithm::Hs256, "p256.private")), Some(KeyErrorKind::Unsupported));
    let text = VerifyingKey::from_secret(Algorithm::Hs256, file("p256.public").as_bytes());
    assert_eq!(kind(text), Some(KeyErrorKind::Weak));
}

#[test]
fn what_is_not_a_key_of_ours_is_refused() {
    for (name, why) in [
        ("p256.certificate", KeyErrorKind::Unsupported),
        ("p256.private", KeyErrorKind::Unsupported),
        ("secp256k1.public", KeyErrorKind::Unsupported),
    ] {
        assert_eq!(kind(public(Algorithm::Es256, name)), Some(why), "{name}");
    }
    for name in ["p256.certificate", "p256.encrypted", "p256.public"] {
        assert_eq!(kind(private(Algorithm::Es256, name)), Some(KeyErrorKind::Unsupported), "{name}");
    }
    // A private key never comes out of what reads public ones, and no error says what it read.
    let error = public(Algorithm::Es256, "p256.private").unwrap_err();
    assert!(!format!("{error} {error:?}").contains("MIG"), "{error:?}");
}

#[test]
fn a_damaged_file_is_no_other_key() {
    let (whole, good) = (file("rsa.public"), public(Algorithm::Rs256, "rsa.public").unwrap());
    for length in 0..whole.trim_end().len() {
        assert!(VerifyingKey::from_pem(Algorithm::Rs256, &whole[..length]).is_err(), "{length} characters");
    }
    let begin = whole.find('\n').unwrap() + 1;
    for at in (begin..whole.rfind('\n').unwrap()).step_by(3) {
        let mut bent = whole.clone().into_bytes();
        bent[at] = if bent[at] == b'A' { b'B' } else { b'A' };
        let bent = VerifyingKey::from_pem(Algorithm::Rs256, &String::from_utf8(bent).unwrap());
        // A changed modulus is a modulus: but it is another key.
        assert!(bent.is_err() || bent.unwrap().thumbprint() != good.thumbprint(), "at {at}");
    }
}
