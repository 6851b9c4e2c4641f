//! ATTACKS.md, group JA: algorithms that are not the key's, and keys that a token brings along. Keys that are
//! none: `attacks_keys.rs`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests may fail like tests"
)]

mod common;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ParsedPublicKey, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512,
    RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use common::{AUDIENCE, ISSUER, Issuer, NOW, at, b64, claims, claims_with, unb64, verifier_for};
use serde_json::{Value, json};
use symbolon_token::TokenErrorKind::{
    Algorithm as WrongAlgorithm, Issuer as WrongIssuer, Malformed, Signature, UnknownKey,
};
use symbolon_token::{
    AccessClaims, Algorithm, BuildError, Ended, Entry, Jwk, KeyErrorKind, SigningKey, Verifier, VerifyingKey,
    View,
};

/// The order of P-256, big endian.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
    0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// a − b for a ≥ b.
fn minus(a: &[u8; 32], b: &[u8]) -> [u8; 32] {
    let mut borrow = 0;
    let mut difference = [0; 32];
    for n in (0..32).rev() {
        let digit = i16::from(a[n]) - i16::from(b[n]) - borrow;
        borrow = i16::from(digit < 0);
        difference[n] = u8::try_from(digit.rem_euclid(256)).unwrap();
    }
    difference
}

fn kind(key: Result<VerifyingKey, symbolon_token::KeyError>) -> Option<KeyErrorKind> {
    key.err().map(|error| error.kind().clone())
}

fn jwk(json: &Value) -> Jwk {
    Jwk::parse(json.to_string().as_bytes()).unwrap()
}

#[test]
fn ja_01_none_is_refused_in_every_spelling() {
    let issuer = Issuer::new();
    let (payload, good) = (b64(claims().to_string()), issuer.token());
    let signature = good.rsplit('.').next().unwrap();
    for none in ["none", "None", "NONE", "nOnE", "none ", "", " ", "null", "undefined"] {
        let header = issuer.header_with("alg", json!(none)).to_string();
        let signed = format!("{}.{payload}", b64(&header));
        issuer.refuses([
            ("without a signature", format!("{signed}."), WrongAlgorithm),
            ("with another's", format!("{signed}.{signature}"), WrongAlgorithm),
            ("genuinely signed", issuer.sign(&header, claims().to_string()), WrongAlgorithm),
        ]);
    }
}

#[test]
fn ja_02_ja_34_alg_is_a_name_that_we_know() {
    let issuer = Issuer::new();
    let signed_as =
        |alg: Value| issuer.sign(issuer.header_with("alg", alg).to_string(), claims().to_string());
    for alg in [json!(null), json!(256), json!(["EdDSA"]), json!({"alg": "ES256"}), json!(true)] {
        issuer.refuses([("JA-02", signed_as(alg), Malformed)]);
    }
    let mut without = issuer.header();
    without.as_object_mut().unwrap().remove("alg");
    issuer.refuses([("JA-02 missing", issuer.sign(without.to_string(), claims().to_string()), Malformed)]);
    assert!(issuer.refusal(&signed_as(json!("A".repeat(100_000)))).is_some(), "JA-02 100 kB");
    for alg in
        ["ES512", "ES256K", "Ed448", "ML-DSA-44", "ML-DSA-65", "es256", "ES256 ", "RSA1_5", "dir", "A256GCM"]
    {
        issuer.refuses([("JA-34", signed_as(json!(alg)), WrongAlgorithm)]);
    }
}

#[test]
fn ja_03_a_public_key_is_no_secret() {
    let issuer = Issuer::new();
    let public = issuer.key.verifying().jwk().unwrap();
    let (x, y) = (unb64(public.x.as_deref().unwrap()), unb64(public.y.as_deref().unwrap()));
    let point = [&[4][..], &x, &y].concat();
    // SubjectPublicKeyInfo for P-256 is a fixed head and the point.
    let head = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
    let head: Vec<u8> =
        (0..head.len()).step_by(2).map(|n| u8::from_str_radix(&head[n..n + 2], 16).unwrap()).collect();
    let der = [&head[..], &point].concat();
    assert!(ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &der).is_ok());
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &der);
    let pem =
        format!("-----BEGIN PUBLIC KEY-----\n{}\n{}\n-----END PUBLIC KEY-----", &base64[..64], &base64[64..]);
    let forms: [Vec<u8>; 10] = [
        pem.clone().into(),
        format!("{pem}\n").into(),
        format!(" {pem}").into(),
        format!("\t\n{pem}").into(),
        der,
        serde_json::to_vec(&public).unwrap(),
        point,
        x,
        y,
        public.x.unwrap().into(),
    ];
    for (algorithm, name) in
        [(hmac::HMAC_SHA256, "HS256"), (hmac::HMAC_SHA384, "HS384"), (hmac::HMAC_SHA512, "HS512")]
    {
        for secret in &forms {
            for alg in [name, "ES256"] {
                let header = issuer.header_with("alg", json!(alg)).to_string();
                let signed = format!("{}.{}", b64(header), b64(claims().to_string()));
                let mac = hmac::sign(&hmac::Key::new(algorithm, secret), signed.as_bytes());
                let why = if alg == "ES256" { Signature } else { WrongAlgorithm };
                issuer.refuses([("a MAC", format!("{signed}.{}", b64(mac)), why)]);
            }
        }
    }
}

#[test]
fn ja_05_one_key_has_one_algorithm() {
    let (_, private) = SigningKey::generate(Algorithm::Rs256).unwrap();
    let rsa = [
        Algorithm::Rs256,
        Algorithm::Rs384,
        Algorithm::Rs512,
        Algorithm::Ps256,
        Algorithm::Ps384,
        Algorithm::Ps512,
    ];
    let pair = RsaKeyPair::from_pkcs8(private.as_bytes()).unwrap();
    let encodings: [&'static dyn RsaEncoding; 6] = [
        &RSA_PKCS1_SHA256,
        &RSA_PKCS1_SHA384,
        &RSA_PKCS1_SHA512,
        &RSA_PSS_SHA256,
        &RSA_PSS_SHA384,
        &RSA_PSS_SHA512,
    ];
    let keys = rsa.map(|algorithm| SigningKey::from_private_bytes(algorithm, private.as_bytes()).unwrap());
    for verifying in &keys {
        let verifier = verifier_for(verifying);
        for signing in &keys {
            // The same key material, hence the same kid: only the algorithm differs.
            assert_eq!(signing.kid(), verifying.kid());
            let refusal = verifier.authenticate(&signing.sign("at+jwt", &claims()).unwrap()).err();
            let expected = (signing.algorithm() != verifying.algorithm()).then_some(WrongAlgorithm);
            assert_eq!(refusal.map(|error| error.kind()), expected, "{signing:?} at {verifying:?}");
        }
        // And when the header lies to suit, the signature does not.
        let own = verifying.sign("at+jwt", &claims()).unwrap();
        let (signed, _) = own.rsplit_once('.').unwrap();
        for (algorithm, encoding) in rsa.into_iter().zip(encodings) {
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(encoding, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
            let refusal = verifier.authenticate(&format!("{signed}.{}", b64(signature))).err();
            let expected = (algorithm != verifying.algorithm()).then_some(Signature);
            assert_eq!(refusal.map(|error| error.kind()), expected, "{algorithm} at {verifying:?}");
        }
    }
    let both = Verifier::builder()
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .keys([keys[0].verifying(), keys[3].verifying()]);
    assert_eq!(both.build().unwrap_err(), BuildError::DuplicateKid, "one RSA key for two algorithms");

    let issuer = Issuer::new();
    let header = issuer.header_with("alg", json!("ES384")).to_string();
    issuer.refuses([("ES384 with a P-256 key", issuer.sign(header, claims().to_string()), WrongAlgorithm)]);
}

#[test]
fn ja_06_ja_07_ecdsa_signatures_are_two_numbers_of_full_width() {
    let issuer = Issuer::new();
    let good = issuer.token();
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let signature = unb64(signature);
    let with = |signature: &[u8]| format!("{signed}.{}", b64(signature));
    let mut one = [0; 32];
    one[31] = 1;
    let numbers = [[0; 32], one, minus(&ORDER, &one), ORDER, [0xff; 32]];
    for r in numbers {
        for s in numbers {
            issuer.refuses([("JA-06", with(&[r, s].concat()), Signature)]);
        }
        issuer.refuses([
            ("JA-06 r", with(&[&r[..], &signature[32..]].concat()), Signature),
            ("JA-06 s", with(&[&signature[..32], &r[..]].concat()), Signature),
        ]);
    }
    let integer = |number: &[u8]| {
        let number = if number[0] >= 0x80 { [&[0], number].concat() } else { number.to_vec() };
        [&[2, u8::try_from(number.len()).unwrap()][..], &number].concat()
    };
    let numbers = [integer(&signature[..32]), integer(&signature[32..])].concat();
    let der = [&[0x30, u8::try_from(numbers.len()).unwrap()][..], &numbers].concat();
    issuer.refuses([
        ("JA-07 DER", with(&der), Signature),
        ("JA-07 63 bytes", with(&signature[..63]), Signature),
        ("JA-07 65 bytes", with(&[&signature[..], &[0]].concat()), Signature),
        ("JA-07 72 bytes", with(&[&signature[..], &[0; 8]].concat()), Signature),
        ("JA-07 128 bytes", with(&[&signature[..], &signature[..]].concat()), Signature),
        ("JA-07 none", with(&[]), Signature),
    ]);
}

#[test]
fn ja_09_ja_31_a_token_is_ended_by_what_it_says_not_by_its_text() {
    let issuer = Issuer::new();
    let good = issuer.token();
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let signature = unb64(signature);
    let twin = [&signature[..32], &minus(&ORDER, &signature[32..])].concat();
    let twin = format!("{signed}.{}", b64(twin));
    assert_ne!(twin, good);
    // ECDSA cannot tell the twins apart. The view ends both.
    let (claims, kid) = issuer.verifier.authenticate(&twin).unwrap();
    let view = View::new();
    assert!(!view.ends_token(&claims, &kid));
    view.apply(&[Entry { seq: 1, what: Ended::Token(claims.jti), forget_at: Some(NOW + 1000) }]);
    assert!(view.ends_token(&claims, &kid));

    // JA-31: same header and payload with another's signature is another token.
    let other = Issuer::new().token();
    let (_, foreign) = other.rsplit_once('.').unwrap();
    issuer.refuses([("JA-31", format!("{signed}.{foreign}"), Signature)]);
}

#[test]
fn ja_10_ja_29_ed25519_is_strict() {
    let (key, _) = SigningKey::generate(Algorithm::Ed25519).unwrap();
    let verifier = verifier_for(&key);
    let token = key.sign("at+jwt", &claims()).unwrap();
    assert!(verifier.authenticate(&token).is_ok());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = unb64(signature);
    let refused = |signature: &[u8]| {
        let error = verifier.authenticate(&format!("{signed}.{}", b64(signature))).unwrap_err();
        assert_eq!(error.kind(), Signature);
    };
    // S + L: the same point, another number.
    let order = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
    let mut carry = 0;
    let mut larger = signature.clone();
    for n in 0..32 {
        let digit = u16::from_str_radix(&order[2 * n..2 * n + 2], 16).unwrap();
        let sum = u16::from(larger[32 + n]) + digit + carry;
        larger[32 + n] = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    refused(&larger);
    refused(&signature[..63]);
    refused(&[&signature[..], &[0]].concat());
    refused(&[]);
    // A key of small order verifies whatever one likes. Each of the eight is refused, in each spelling.
    let small = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    for hex in small {
        let mut point: Vec<u8> =
            (0..64).step_by(2).map(|n| u8::from_str_radix(&hex[n..n + 2], 16).unwrap()).collect();
        for _ in 0..2 {
            let small = jwk(&json!({"kty": "OKP", "crv": "Ed25519", "x": b64(&point)}));
            assert_eq!(kind(VerifyingKey::from_jwk(&small)), Some(KeyErrorKind::Weak), "{hex}");
            point[31] ^= 0x80;
        }
    }
    let non_canonical = [&[0xf0][..], &[0xff; 30], &[0x7f]].concat();
    let non_canonical = jwk(&json!({"kty": "OKP", "crv": "Ed25519", "x": b64(non_canonical)}));
    assert_eq!(kind(VerifyingKey::from_jwk(&non_canonical)), Some(KeyErrorKind::Malformed));

    // JA-29: `EdDSA` and `Ed25519` are this curve, `Ed448` is another.
    let public = key.verifying().jwk().unwrap();
    assert_eq!(public.alg.as_deref(), Some("EdDSA"));
    for alg in ["EdDSA", "Ed25519"] {
        let named = Jwk { alg: Some(alg.into()), ..public.clone() };
        assert_eq!(VerifyingKey::from_jwk(&named).unwrap().algorithm(), Algorithm::Ed25519);
    }
    let other = Jwk { crv: Some("Ed448".into()), alg: Some("Ed448".into()), ..public.clone() };
    assert_eq!(kind(VerifyingKey::from_jwk(&other)), Some(KeyErrorKind::Unsupported));
    let issuer = Issuer::new();
    for alg in ["EdDSA", "Ed25519", "Ed448"] {
        let header = issuer.header_with("alg", json!(alg)).to_string();
        issuer.refuses([("JA-29", issuer.sign(header, claims().to_string()), WrongAlgorithm)]);
    }
}

#[test]
fn ja_13_ja_14_ja_15_a_token_brings_no_key_along() {
    let issuer = Issuer::new();
    let attacker = Issuer::new();
    let public = serde_json::to_value(attacker.key.verifying().jwk()).unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
    let brought = [
        ("JA-13 jwk", "jwk", public.clone()),
        ("JA-14 jku", "jku", json!(url)),
        ("JA-15 x5u", "x5u", json!(url)),
        ("JA-15 x5c", "x5c", json!(["MIIB"])),
        ("JA-15 x5t", "x5t", json!("AAAA")),
        ("JA-15 x5t#S256", "x5t#S256", json!("AAAA")),
    ];
    for (what, name, value) in brought {
        let header = issuer.header_with(name, value.clone()).to_string();
        issuer.refuses([
            (what, attacker.sign(&header, claims().to_string()), Signature),
            (
                what,
                attacker.sign(attacker.header_with(name, value).to_string(), claims().to_string()),
                UnknownKey,
            ),
        ]);
        // Read over, not obeyed: with our own signature they do no harm.
        assert_eq!(issuer.refusal(&issuer.sign(&header, claims().to_string())), None, "{what}");
    }
    assert!(listener.accept().is_err(), "nobody came");
}

#[test]
fn ja_17_ja_18_ja_30_the_kid_names_one_known_key() {
    let issuer = Issuer::new();
    let with_kid = |kid: Value| issuer.sign(issuer.header_with("kid", kid).to_string(), claims().to_string());
    for n in 0..1000_u32 {
        let kid = b64([&n.to_be_bytes()[..], &[7; 8]].concat());
        assert_eq!(issuer.refusal(&with_kid(json!(kid))), Some(UnknownKey), "JA-17");
    }
    let own = issuer.key.kid().to_string();
    for kid in [
        "",
        "../../dev/null",
        "' OR 1=1--",
        "0",
        &own[..15],
        &format!("{own}A"),
        &own.to_lowercase(),
        &format!("{own} "),
    ] {
        if kid != own {
            issuer.refuses([("JA-30", with_kid(json!(kid)), UnknownKey)]);
        }
    }
    for kid in [json!(null), json!(1), json!([own]), json!({"kid": own})] {
        issuer.refuses([("JA-30 not text", with_kid(kid), Malformed)]);
    }
    let mut header = issuer.header();
    header.as_object_mut().unwrap().remove("kid");
    issuer.refuses([("JA-18 no kid", issuer.sign(header.to_string(), claims().to_string()), UnknownKey)]);
}

#[test]
fn ja_26_em_06_keys_are_scoped_by_issuer() {
    let (a, b) = (Issuer::new(), Issuer::new());
    let other = "https://other.example";
    let b_verifier =
        Verifier::builder().issuer(other).audience(AUDIENCE).keys([b.key.verifying()]).build().unwrap();
    let of_b = b.sign_claims(&claims_with("iss", json!(other)));
    assert!(b_verifier.verify(&of_b, at(NOW)).is_ok());
    let by_a = a.sign_claims(&claims_with("iss", json!(other)));
    a.refuses([
        ("signed by A, says B, at A", by_a.clone(), WrongIssuer),
        ("signed by B, says B, at A", of_b, UnknownKey),
        ("signed by B, says A, at A", b.token(), UnknownKey),
    ]);
    assert_eq!(b_verifier.authenticate(&by_a).unwrap_err().kind(), UnknownKey, "signed by A, says B, at B");
}

#[test]
fn a_dead_key_session_or_generation_ends_a_token() {
    let issuer = Issuer::new();
    let (claims, kid): (AccessClaims, _) = issuer.verifier.authenticate(&issuer.token()).unwrap();
    let generation = |generation| Ended::User { id: claims.sub, generation };
    for (what, ends) in [
        (Ended::Key(kid), true),
        (Ended::Token(claims.jti), true),
        (Ended::Session(claims.sid.unwrap()), true),
        (generation(claims.r#gen), true),
        (generation(claims.r#gen + 1), true),
        (generation(claims.r#gen - 1), false),
        (Ended::Changed(claims.sub), false),
        (Ended::Token(claims.sid.unwrap()), false),
        (Ended::Session(claims.jti), false),
        (Ended::User { id: claims.jti, generation: u64::MAX }, false),
        (Ended::Key(*Issuer::new().key.kid()), false),
    ] {
        let view = View::new();
        view.apply(&[Entry { seq: 1, what, forget_at: None }]);
        assert_eq!(view.ends_token(&claims, &kid), ends, "{what:?}");
    }
}
