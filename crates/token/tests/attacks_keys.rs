//! ATTACKS.md, the rows of JA and KM about keys: what is refused when a key is loaded, so that it is never
//! met with at first use.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests may fail like tests"
)]

mod common;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use common::{AUDIENCE, ISSUER, Issuer, b64, unb64};
use serde_json::{Value, json};
use symbolon_token::TokenErrorKind::UnknownKey;
use symbolon_token::{Algorithm, BuildError, Jwk, Jwks, KeyErrorKind, SigningKey, Verifier, VerifyingKey};

fn kind(key: Result<VerifyingKey, symbolon_token::KeyError>) -> Option<KeyErrorKind> {
    key.err().map(|error| error.kind().clone())
}

fn jwk(json: &Value) -> Jwk {
    Jwk::parse(json.to_string().as_bytes()).unwrap()
}

#[test]
fn ja_19_a_set_with_one_kid_twice_is_refused() {
    let (one, other) = (Issuer::new(), Issuer::new());
    let one = serde_json::to_value(one.key.verifying().jwk()).unwrap();
    let mut other = serde_json::to_value(other.key.verifying().jwk()).unwrap();
    let parse = |keys: Value| {
        Jwks::parse(json!({"keys": keys}).to_string().as_bytes()).map_err(|error| error.kind().clone())
    };
    assert_eq!(parse(json!([one, other])).unwrap().verifying_keys().unwrap().len(), 2);
    assert_eq!(parse(json!([one, one])).unwrap_err(), KeyErrorKind::DuplicateKid);
    other["kid"] = one["kid"].clone();
    assert_eq!(parse(json!([one, other])).unwrap_err(), KeyErrorKind::DuplicateKid);
    // Alone, a key under another's name is no better: the name follows from the key.
    let set = parse(json!([other])).unwrap();
    assert_eq!(*set.verifying_keys().unwrap_err().kind(), KeyErrorKind::Malformed);

    let distinct = |n: usize| (0..n).map(|n| json!({"kty": "x", "kid": n.to_string()})).collect::<Vec<_>>();
    assert_eq!(
        parse(json!(distinct(16))).unwrap().verifying_keys().unwrap().len(),
        0,
        "unknown kinds are left out"
    );
    assert_eq!(parse(json!(distinct(17))).unwrap_err(), KeyErrorKind::TooMany);
    assert_eq!(parse(json!(["x".repeat(70_000)])).unwrap_err(), KeyErrorKind::TooMany);
    for other in [
        "",
        "[]",
        "{}",
        r#"{"keys":{}}"#,
        r#"{"keys":[1]}"#,
        r#"{"keys":[],"keys":[]}"#,
        r#"{"keys":[{"kty":"EC","\u006bty":"EC"}]}"#,
    ] {
        assert_eq!(*Jwks::parse(other.as_bytes()).unwrap_err().kind(), KeyErrorKind::Malformed, "{other}");
    }
}

#[test]
fn ja_21_a_key_for_encryption_does_not_verify() {
    let good = serde_json::to_value(Issuer::new().key.verifying().jwk()).unwrap();
    assert!(VerifyingKey::from_jwk(&jwk(&good)).is_ok());
    for (name, value) in [
        ("use", json!("enc")),
        ("use", json!("")),
        ("use", json!("SIG")),
        ("key_ops", json!(["encrypt"])),
        ("key_ops", json!([])),
        ("key_ops", json!(["sign, verify"])),
        ("key_ops", json!(["sign"])),
    ] {
        let mut key = good.clone();
        key[name] = value.clone();
        assert_eq!(
            kind(VerifyingKey::from_jwk(&jwk(&key))),
            Some(KeyErrorKind::Unsupported),
            "{name} {value}"
        );
    }
    let mut key = good.clone();
    key["key_ops"] = json!(["verify"]);
    assert!(VerifyingKey::from_jwk(&jwk(&key)).is_ok());
    key["key_ops"] = json!("verify");
    assert!(Jwk::parse(key.to_string().as_bytes()).is_err());
}

#[test]
fn ja_22_km_18_weak_keys_are_refused_at_load() {
    let (_, private) = SigningKey::generate(Algorithm::Rs256).unwrap();
    let public = SigningKey::from_private_bytes(Algorithm::Rs256, private.as_bytes())
        .unwrap()
        .verifying()
        .jwk()
        .unwrap();
    let rsa = |n: &[u8], e: &[u8]| {
        let key = Jwk { n: Some(b64(n)), e: Some(b64(e)), kid: None, ..public.clone() };
        kind(VerifyingKey::from_jwk(&key))
    };
    let n = unb64(public.n.as_deref().unwrap());
    let weak = Some(KeyErrorKind::Weak);
    assert_eq!(rsa(&n, &[1, 0, 1]), None);
    assert_eq!(rsa(&n, &[1]), weak, "e = 1");
    assert_eq!(rsa(&n, &[3]), weak, "e = 3");
    assert_eq!(rsa(&n, &[1, 0, 2]), weak, "even e");
    assert_eq!(rsa(&n, &[0xff; 5]), weak, "e of 40 bits");
    assert_eq!(rsa(&n, &[1; 99]), weak, "e of 99 bytes");
    assert_eq!(rsa(&n, &[0, 1, 0, 1]), Some(KeyErrorKind::Malformed), "a leading zero");
    assert_eq!(rsa(&n, &[]), Some(KeyErrorKind::Malformed));
    assert_eq!(rsa(&[], &[1, 0, 1]), Some(KeyErrorKind::Malformed));
    assert_eq!(rsa(&n[..128], &[1, 0, 1]), weak, "1024 bits");
    let odd = |length: usize, first: u8| [&[first][..], &vec![0xa5; length - 2], &[0x01]].concat();
    assert_eq!(rsa(&odd(256, 0x7f), &[1, 0, 1]), weak, "2047 bits");
    assert_eq!(rsa(&odd(256, 0x80), &[1, 0, 1]), None, "2048 bits");
    assert_eq!(rsa(&odd(513, 0x01), &[1, 0, 1]), weak, "4097 bits");
    let mut even = n.clone();
    even[383] &= 0xfe;
    assert_eq!(rsa(&even, &[1, 0, 1]), weak, "an even modulus");
    // RSA without an algorithm could be for six.
    let without = Jwk { alg: None, ..public.clone() };
    assert_eq!(kind(VerifyingKey::from_jwk(&without)), Some(KeyErrorKind::Malformed));
    let crossed = Jwk { alg: Some("ES256".into()), kid: None, ..public };
    assert_eq!(kind(VerifyingKey::from_jwk(&crossed)), Some(KeyErrorKind::Malformed));

    let random: Vec<u8> = (0..64_u8).map(|n| n.wrapping_mul(n).wrapping_mul(37).wrapping_add(0x8b)).collect();
    for (algorithm, least) in [(Algorithm::Hs256, 32), (Algorithm::Hs384, 48), (Algorithm::Hs512, 64)] {
        assert!(SigningKey::from_private_bytes(algorithm, &random[..least]).is_ok());
        for short in [0, 1, 31, least - 1] {
            let error = SigningKey::from_private_bytes(algorithm, &random[..short]).unwrap_err();
            assert_eq!(*error.kind(), KeyErrorKind::Weak, "KM-18 {algorithm} of {short}");
        }
    }
}

#[test]
fn ja_23_a_point_lies_on_its_curve() {
    let good = serde_json::to_value(Issuer::new().key.verifying().jwk()).unwrap();
    let with = |name: &str, value: Value| {
        let mut key = good.clone();
        key[name] = value;
        key.as_object_mut().unwrap().remove("kid");
        kind(VerifyingKey::from_jwk(&jwk(&key)))
    };
    let (x, y) = (unb64(good["x"].as_str().unwrap()), unb64(good["y"].as_str().unwrap()));
    let mut off = y.clone();
    off[31] ^= 1;
    let malformed = Some(KeyErrorKind::Malformed);
    assert_eq!(with("y", json!(b64(off))), malformed, "off the curve");
    assert_eq!(with("x", json!(b64([0; 32]))), malformed, "zero");
    assert_eq!(with("x", json!(b64(&x[1..]))), malformed, "31 bytes");
    assert_eq!(with("x", json!(b64([&[0][..], &x].concat()))), malformed, "33 bytes");
    assert_eq!(with("x", json!(format!("{}=", b64(&x)))), malformed, "padding");
    assert_eq!(with("crv", json!("P-384")), malformed, "another curve");
    assert_eq!(with("crv", json!("P-521")), Some(KeyErrorKind::Unsupported));
    assert_eq!(with("crv", json!("secp256k1")), Some(KeyErrorKind::Unsupported));
    assert_eq!(with("alg", json!("ES384")), malformed, "another's algorithm");
    assert_eq!(with("alg", json!("HS256")), malformed, "JA-03 at load");
    assert_eq!(with("alg", json!("ES521")), Some(KeyErrorKind::Unsupported));
    assert_eq!(with("kty", json!("RSA")), malformed, "another kind");
    assert_eq!(with("kty", json!("OKP")), Some(KeyErrorKind::Unsupported));
    assert_eq!(with("kty", json!("oct")), Some(KeyErrorKind::Unsupported));
    let mut both_zero = good.clone();
    both_zero["x"] = json!(b64([0; 32]));
    both_zero["y"] = json!(b64([0; 32]));
    assert_eq!(kind(VerifyingKey::from_jwk(&jwk(&both_zero))), malformed, "the point (0, 0)");
}

#[test]
fn ja_25_a_key_set_has_public_members_only() {
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Ed25519, Algorithm::Rs256] {
        let (key, _) = SigningKey::generate(algorithm).unwrap();
        let set = Jwks { keys: key.verifying().jwk().into_iter().collect() };
        let json = serde_json::to_value(&set).unwrap();
        for name in json["keys"][0].as_object().unwrap().keys() {
            let public = ["kty", "crv", "x", "y", "n", "e", "kid", "alg", "use"];
            assert!(public.contains(&name.as_str()), "{algorithm}: {name}");
        }
        assert_eq!(json["keys"][0]["use"], "sig");
        assert_eq!(json["keys"][0]["alg"], algorithm.name());
        assert_eq!(json["keys"][0]["kid"], key.thumbprint()[..16]);
        // What we publish we read.
        let read = Jwks::parse(json.to_string().as_bytes()).unwrap();
        assert_eq!(read, set);
        let read = read.verifying_keys().unwrap();
        assert_eq!((read[0].kid(), read[0].algorithm()), (key.kid(), algorithm));
        // A set with a private member has been published by mistake.
        for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"] {
            let mut leaked = json.clone();
            leaked["keys"][0][private] = json!("AAAA");
            let error = Jwks::parse(leaked.to_string().as_bytes()).unwrap_err();
            assert_eq!(*error.kind(), KeyErrorKind::Private, "{private}");
        }
    }
    for algorithm in [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512] {
        let (key, secret) = SigningKey::generate(algorithm).unwrap();
        assert_eq!(key.verifying().jwk(), None, "HS* never");
        assert!(!format!("{key:?} {secret:?}").contains(&b64(secret.as_bytes())));
    }
}

#[test]
fn ja_27_secrets_that_somebody_made_up_are_refused_and_not_printed() {
    let sixty_four = |text: &str| text.repeat(64 / text.len() + 1).into_bytes();
    for secret in [
        b"secret".to_vec(),
        b"changeme".to_vec(),
        sixty_four("secret"),
        sixty_four("changeme"),
        sixty_four("correct horse battery staple "),
        sixty_four("0123456789abcdef"),
        vec![0; 64],
        vec![0xaa; 64],
        (0..64).collect(),
        (0..64).rev().collect(),
    ] {
        let error = SigningKey::from_private_bytes(Algorithm::Hs256, &secret).unwrap_err();
        assert_eq!(*error.kind(), KeyErrorKind::Weak, "{secret:?}");
        let message = format!("{error} {error:?}");
        assert!(!message.contains("changeme") && !message.contains("horse"), "{message}");
    }
}

#[test]
fn km_11_keys_that_are_not_in_force_sign_nothing() {
    let (future, current, retired) = (Issuer::new(), Issuer::new(), Issuer::new());
    current.refuses([("future", future.token(), UnknownKey), ("retired", retired.token(), UnknownKey)]);
}

#[test]
fn km_21_a_published_key_is_no_signing_key() {
    // RFC 7515 A.1, A.3: an HMAC secret, and an ECDSA key with its private half.
    let secret =
        unb64("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow");
    let refused = |algorithm, private: &[u8]| {
        let error = SigningKey::from_private_bytes(algorithm, private).unwrap_err();
        assert_eq!(*error.kind(), KeyErrorKind::PublicTestKey, "{algorithm}");
    };
    for algorithm in [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512] {
        refused(algorithm, &secret);
    }
    let (x, y) =
        ("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
    let point = [vec![4], unb64(x), unb64(y)].concat();
    let d = unb64("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI");
    let pair =
        EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_FIXED_SIGNING, &d, &point).unwrap();
    assert_eq!(pair.public_key().as_ref(), point);
    refused(Algorithm::Es256, pair.to_pkcs8v1().unwrap().as_ref());

    // Nor does a verifier trust it: everybody can sign with it.
    let public = VerifyingKey::from_jwk(&jwk(&json!({"kty": "EC", "crv": "P-256", "x": x, "y": y}))).unwrap();
    let shared = VerifyingKey::from_secret(Algorithm::Hs256, &secret).unwrap();
    for key in [public, shared] {
        let builder = Verifier::builder().issuer(ISSUER).audience(AUDIENCE).keys([key]);
        assert_eq!(builder.build().unwrap_err(), BuildError::PublicTestKey);
    }
}

#[test]
fn a_private_key_is_of_the_kind_that_was_promised() {
    let kinds = [Algorithm::Es256, Algorithm::Es384, Algorithm::Ed25519, Algorithm::Rs256];
    let keys = kinds.map(|kind| (kind, SigningKey::generate(kind).unwrap().1));
    for (made, private) in &keys {
        for promised in kinds {
            let key = SigningKey::from_private_bytes(promised, private.as_bytes());
            assert_eq!(key.is_ok(), promised == *made, "{made} as {promised}");
        }
        for length in [0, 1, private.as_bytes().len() / 2, private.as_bytes().len() - 1] {
            assert!(
                SigningKey::from_private_bytes(*made, &private.as_bytes()[..length]).is_err(),
                "{made} cut"
            );
        }
    }
}

#[test]
fn km_03_a_name_cannot_be_used_again_for_another_key() {
    let (one, other) = (Issuer::new(), Issuer::new());
    // Names follow from keys: the same key has the same one, another has another, and a claim to the contrary is refused.
    assert_ne!(one.key.kid(), other.key.kid());
    let mut stolen = serde_json::to_value(other.key.verifying().jwk()).unwrap();
    stolen["kid"] = json!(one.key.kid());
    assert_eq!(kind(VerifyingKey::from_jwk(&jwk(&stolen))), Some(KeyErrorKind::Malformed));
    let twice = Verifier::builder().issuer(ISSUER).audience(AUDIENCE);
    let twice = twice.keys([one.key.verifying()]).key_named(one.key.kid().as_str(), other.key.verifying());
    assert_eq!(twice.build().unwrap_err(), BuildError::DuplicateKid);
}

#[test]
fn km_10_an_ed25519_key_signs_with_its_own_public_half_only() {
    let ((_, one), (_, other)) = (
        SigningKey::generate(Algorithm::Ed25519).unwrap(),
        SigningKey::generate(Algorithm::Ed25519).unwrap(),
    );
    // The only place where a public half could come in beside a private one is PKCS#8 version 2 (RFC 8410 §10.3).
    let (seed, public) = (&one.as_bytes()[..48], |private: &[u8]| {
        aws_lc_rs::signature::Ed25519KeyPair::from_pkcs8(private).unwrap().public_key().as_ref().to_vec()
    });
    let with = |public: &[u8]| {
        let mut der = [&[0x30, 0x51, 2, 1, 1], &seed[5..48], &[0x81, 0x21, 0], public].concat();
        der[1] = u8::try_from(der.len() - 2).unwrap();
        SigningKey::from_private_bytes(Algorithm::Ed25519, &der)
    };
    let own = with(&public(one.as_bytes()));
    let foreign = with(&public(other.as_bytes()));
    assert!(foreign.is_err(), "its halves do not fit");
    let token = own.unwrap().sign("at+jwt", &json!({})).unwrap();
    let same = SigningKey::from_private_bytes(Algorithm::Ed25519, one.as_bytes()).unwrap();
    assert_eq!(token, same.sign("at+jwt", &json!({})).unwrap());
}

/// The ranges of the row, as they stand in `deny.toml`, which `bin/test deny` holds against the tree.
#[test]
fn km_09_km_19_the_gate_knows_what_is_broken() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let gate = std::fs::read_to_string(root.join("deny.toml")).unwrap();
    for (name, range) in [
        ("rsa", None),
        ("h2", Some("<0.4.16")),
        ("jsonwebtoken", Some("<10.3")),
        ("idna", Some("<1.0.3")),
        ("bcrypt", Some("<0.19.2")),
        ("tokio-postgres", Some("<0.7.18")),
        ("postgres-protocol", Some("<0.6.12")),
        ("sqlx", Some("<0.8.1")),
        ("time", Some("<0.3.47")),
        ("lettre", Some("<0.11.22")),
    ] {
        let version = range.map_or(String::new(), |range| format!(", version = \"{range}\""));
        let line = format!("{{ name = \"{name}\"{version} }},");
        assert!(gate.lines().any(|own| own.trim() == line), "{line}");
    }
    let tree = std::fs::read_to_string(root.join("Cargo.lock")).unwrap();
    assert!(!tree.lines().any(|line| line == "name = \"rsa\""), "KM-09: private operations that leak time");
}
