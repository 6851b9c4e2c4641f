//! The signatures under the tokens.

use serde_json::{Value, json};
use symbolon_token::{Algorithm, KeyErrorKind, VerifyingKey};

use crate::{b64, groups, key, kind, load, unhex};

/// What a file says, and what we made of it.
#[derive(Default, PartialEq, Debug)]
struct Tally {
    tests: usize,
    accepted: usize,
    /// Valid ones that we refuse, for a reason that the caller states.
    deviations: usize,
}

/// Runs every test of a file. `load_key` gives a group's key, or `None` for one that we refuse on purpose;
/// `form` says whether a signature has the form that JWS wants.
fn run(name: &str, load_key: impl Fn(&Value) -> Option<VerifyingKey>) -> Option<Tally> {
    let file = load(&format!("wycheproof/{name}_test.json"))?;
    let mut tally = Tally::default();
    for (group, tests) in groups(&file) {
        let key = load_key(group);
        for test in tests {
            let (message, signature) =
                (unhex(test["msg"].as_str().unwrap()), unhex(test["sig"].as_str().unwrap()));
            let ours = key.as_ref().is_some_and(|key| key.verify(&message, &signature));
            // "acceptable" (a DigestInfo without NULL) is not acceptable.
            let theirs = test["result"] == "valid";
            assert!(theirs || !ours, "{name} {}: accepted against the vector", test["tcId"]);
            assert!(!theirs || ours || key.is_none(), "{name} {}: refused against the vector", test["tcId"]);
            tally.tests += 1;
            tally.accepted += usize::from(ours);
            tally.deviations += usize::from(theirs && !ours);
        }
    }
    Some(tally)
}

fn expect(tests: usize, accepted: usize, deviations: usize) -> Tally {
    Tally { tests, accepted, deviations }
}

fn check(name: &str, load_key: impl Fn(&Value) -> Option<VerifyingKey>, expected: &Tally) {
    if let Some(tally) = run(name, load_key) {
        assert_eq!(tally, *expected, "{name}");
    }
}

/// From the coordinates, which every group has: left-padded or cut to the width of the curve.
fn elliptic(group: &Value) -> Value {
    let public = &group["publicKey"];
    let (crv, width) = match public["curve"].as_str().unwrap() {
        "secp256r1" => ("P-256", 32),
        "secp384r1" => ("P-384", 48),
        "secp521r1" => ("P-521", 66),
        "secp256k1" => ("secp256k1", 32),
        other => panic!("{other}"),
    };
    let coordinate = |name: &str| {
        let bytes = unhex(public[name].as_str().unwrap());
        let padded = [vec![0; width], bytes].concat();
        b64(&padded[padded.len() - width..])
    };
    json!({"kty": "EC", "crv": crv, "x": coordinate("wx"), "y": coordinate("wy")})
}

fn rsa(group: &Value) -> Value {
    let number = |name: &str| {
        let bytes = unhex(group["publicKey"][name].as_str().unwrap());
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        b64(&bytes[zeros..])
    };
    json!({"kty": "RSA", "n": number("modulus"), "e": number("publicExponent")})
}

#[test]
fn ja_06_ja_07_wycheproof_ecdsa() {
    let taken = |group: &Value| Some(key(&elliptic(group), None).unwrap());
    check("ecdsa_secp256r1_sha256_p1363", taken, &expect(262, 173, 0));
    check("ecdsa_secp384r1_sha384_p1363", taken, &expect(280, 193, 0));
}

#[test]
fn ja_07_ecdsa_in_der_is_refused_without_exception() {
    // For a JWS the form is R ‖ S: all that is valid as DER is refused here.
    for (name, tests, valid) in [("ecdsa_secp256r1_sha256", 484, 174), ("ecdsa_secp384r1_sha384", 504, 194)] {
        let Some(file) = load(&format!("wycheproof/{name}_test.json")) else { return };
        let (mut total, mut refused) = (0, 0);
        for (group, all) in groups(&file) {
            let key = key(&elliptic(group), None).unwrap();
            for test in all {
                let (message, signature) =
                    (unhex(test["msg"].as_str().unwrap()), unhex(test["sig"].as_str().unwrap()));
                assert!(!key.verify(&message, &signature), "{name} {}", test["tcId"]);
                total += 1;
                refused += usize::from(test["result"] == "valid");
            }
        }
        assert_eq!((total, refused), (tests, valid), "{name}");
    }
}

#[test]
fn ja_34_curves_that_we_do_not_do() {
    let unsupported = |group: &Value| {
        assert_eq!(kind(key(&elliptic(group), None)), Some(KeyErrorKind::Unsupported));
        None
    };
    check("ecdsa_secp256k1_sha256_p1363", unsupported, &expect(252, 0, 167));
    check("ecdsa_secp521r1_sha512_p1363", unsupported, &expect(318, 0, 231));
    check("ecdsa_secp521r1_sha512", unsupported, &expect(542, 0, 232));
    let other = |group: &Value| {
        assert_eq!(kind(key(&group["publicKeyJwk"], None)), Some(KeyErrorKind::Unsupported));
        None
    };
    check("ed448", other, &expect(87, 0, 17));
}

#[test]
fn ja_10_wycheproof_ed25519() {
    let taken = |group: &Value| {
        let x = b64(&unhex(group["publicKey"]["pk"].as_str().unwrap()));
        Some(key(&json!({"kty": "OKP", "crv": "Ed25519", "x": x}), None).unwrap())
    };
    check("ed25519", taken, &expect(151, 88, 0));
}

#[test]
fn ja_11_wycheproof_rsa_pkcs1() {
    // Valid ones with an exponent of 3 are refused with their key: the floor is 65537.
    let files = [
        ("2048_sha256", Algorithm::Rs256, 259, 7, 2),
        ("2048_sha384", Algorithm::Rs384, 258, 7, 0),
        ("2048_sha512", Algorithm::Rs512, 259, 7, 1),
        ("3072_sha256", Algorithm::Rs256, 259, 7, 1),
        ("3072_sha384", Algorithm::Rs384, 259, 7, 0),
        ("3072_sha512", Algorithm::Rs512, 260, 7, 1),
        ("4096_sha256", Algorithm::Rs256, 258, 7, 0),
        ("4096_sha384", Algorithm::Rs384, 259, 7, 0),
        ("4096_sha512", Algorithm::Rs512, 259, 7, 0),
    ];
    for (name, algorithm, tests, accepted, deviations) in files {
        let taken = |group: &Value| {
            let loaded = key(&rsa(group), Some(algorithm));
            if group["publicKey"]["publicExponent"] == "03" {
                assert_eq!(kind(loaded), Some(KeyErrorKind::Weak));
                return None;
            }
            Some(loaded.unwrap())
        };
        check(&format!("rsa_signature_{name}"), taken, &expect(tests, accepted, deviations));
    }
}

#[test]
fn wycheproof_rsa_pss() {
    let files = [
        ("2048_sha256_mgf1_32", Algorithm::Ps256, 108, 63),
        ("2048_sha384_mgf1_48", Algorithm::Ps384, 141, 95),
        ("3072_sha256_mgf1_32", Algorithm::Ps256, 108, 63),
        ("4096_sha256_mgf1_32", Algorithm::Ps256, 108, 63),
        ("4096_sha384_mgf1_48", Algorithm::Ps384, 141, 95),
        ("4096_sha512_mgf1_64", Algorithm::Ps512, 179, 132),
    ];
    for (name, algorithm, tests, accepted) in files {
        let taken = |group: &Value| Some(key(&rsa(group), Some(algorithm)).unwrap());
        check(&format!("rsa_pss_{name}"), taken, &expect(tests, accepted, 0));
    }
}

/// 150 mixes of hash, mask and salt, each valid for its own parameters: only those of RFC 7518 §3.5 pass, one
/// an algorithm.
#[test]
fn ja_05_other_parameters_of_pss_are_refused() {
    let Some(file) = load("wycheproof/rsa_pss_misc_test.json") else { return };
    let mut accepted = 0;
    for (group, tests) in groups(&file) {
        let (sha, mask, salt) = (
            group["sha"].as_str().unwrap(),
            group["mgfSha"].as_str().unwrap(),
            group["sLen"].as_u64().unwrap(),
        );
        for (algorithm, hash, length) in [
            (Algorithm::Ps256, "SHA-256", 32),
            (Algorithm::Ps384, "SHA-384", 48),
            (Algorithm::Ps512, "SHA-512", 64),
        ] {
            let key = key(&rsa(group), Some(algorithm)).unwrap();
            for test in tests {
                let (message, signature) =
                    (unhex(test["msg"].as_str().unwrap()), unhex(test["sig"].as_str().unwrap()));
                let expected = sha == hash && mask == hash && salt == length;
                assert_eq!(key.verify(&message, &signature), expected, "{algorithm} {sha} {mask} {salt}");
                accepted += usize::from(expected);
            }
        }
    }
    assert_eq!(accepted, 3);
}

#[test]
fn wycheproof_hmac() {
    for (name, algorithm, size) in [
        ("hmac_sha256", Algorithm::Hs256, 256),
        ("hmac_sha384", Algorithm::Hs384, 384),
        ("hmac_sha512", Algorithm::Hs512, 512),
    ] {
        let Some(file) = load(&format!("wycheproof/{name}_test.json")) else { return };
        let (mut total, mut accepted, mut short_keys, mut weak_keys, mut truncated) = (0, 0, 0, 0, 0);
        for (group, tests) in groups(&file) {
            for test in tests {
                total += 1;
                let field = |name: &str| unhex(test[name].as_str().unwrap());
                let theirs = test["result"] == "valid";
                let key = match VerifyingKey::from_secret(algorithm, &field("key")) {
                    Ok(key) => key,
                    Err(error) => {
                        assert_eq!(*error.kind(), KeyErrorKind::Weak);
                        let short = group["keySize"].as_u64().unwrap() < size;
                        short_keys += usize::from(theirs && short);
                        weak_keys += usize::from(theirs && !short);
                        continue;
                    }
                };
                let ours = key.verify(&field("msg"), &field("tag"));
                // A truncated tag is valid in the file and none in a JWS (RFC 7518 §3.2).
                let whole = group["tagSize"].as_u64().unwrap() == size;
                assert_eq!(ours, theirs && whole, "{name} {}", test["tcId"]);
                accepted += usize::from(ours);
                truncated += usize::from(theirs && !whole);
            }
        }
        assert_eq!((total, accepted, short_keys, weak_keys, truncated), (174, 30, 6, 0, 30), "{name}");
    }
}
