//! ATTACKS.md, the rows about what is encrypted, compressed, detached or fetched: this crate does none of
//! that, so each is refused by its form, before anything is decrypted, inflated or asked for.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may fail like tests")]

mod common;

use std::time::{Duration, Instant};

use common::{Issuer, b64, claims};
use serde_json::{Value, json};
use symbolon_token::TokenErrorKind::{Malformed, Signature};
use symbolon_token::{Jwks, KeyErrorKind};

/// Five parts, as whoever has our public key could make them.
fn jwe(header: &Value, ciphertext: &[u8]) -> String {
    let parts = [header.to_string().as_bytes(), &[1; 256], &[2; 12], ciphertext, &[3; 16]].map(b64);
    parts.join(".")
}

fn plain_jwt() -> String {
    let mut admin = claims();
    admin["sub"] = json!("admin");
    format!("{}.{}.", b64(r#"{"alg":"none"}"#), b64(admin.to_string()))
}

#[test]
fn js_21_a_jwe_around_an_unsigned_token_is_refused() {
    let issuer = Issuer::new();
    let kid = issuer.key.kid();
    let ways = ["RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A256KW", "dir", "A256GCMKW"];
    let tokens = ways.map(|alg| {
        let header = json!({"alg": alg, "enc": "A256GCM", "cty": "JWT", "kid": kid, "typ": "at+jwt"});
        ("five parts", jwe(&header, plain_jwt().as_bytes()), Malformed)
    });
    issuer.refuses(tokens);
    // Nor does a header of that kind pass when it stands over three parts that our key signed.
    let header = json!({"alg": "ES256", "enc": "A256GCM", "kid": kid, "typ": "at+jwt"});
    issuer.refuses([("signed", issuer.sign(header.to_string(), claims().to_string()), Malformed)]);
}

#[test]
fn js_23_a_detached_payload_is_no_token() {
    let issuer = Issuer::new();
    let token = issuer.token();
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    issuer.refuses([
        ("h..s", format!("{header}..{signature}"), Signature),
        ("h..s.payload", format!("{header}..{signature}.{payload}"), Malformed),
        // Signed over nothing, it is a token without claims.
        ("signed like that", issuer.sign_segments(header, ""), symbolon_token::TokenErrorKind::Claim),
    ]);
}

/// The fastest of several, so that a busy machine does not decide.
fn fastest(mut work: impl FnMut()) -> Duration {
    let times = (0..20).map(|_| {
        #[expect(clippy::disallowed_methods, reason = "the row is about real time")]
        let began = Instant::now();
        work();
        began.elapsed()
    });
    times.min().unwrap()
}

#[test]
fn jd_06_jd_07_no_password_is_hashed_and_nothing_inflated() {
    let issuer = Issuer::new();
    let costly =
        json!({"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2s": b64([7; 16]), "p2c": 2_147_483_647});
    let bomb = json!({"alg": "dir", "enc": "A256GCM", "zip": "DEF"});
    // 5,000 bytes of deflate that would become a gigabyte's worth of one letter, were they repeated into each
    // other.
    let tokens = [jwe(&costly, &[4; 64]), jwe(&bomb, &[0xed; 5000])];
    let signed = issuer.header_with("zip", json!("DEF")).to_string();
    let compressed = issuer.sign(signed, [0xed; 3000]);
    for token in tokens.iter().chain([&compressed]) {
        assert_eq!(issuer.refusal(token), Some(Malformed));
        let time = fastest(|| assert!(issuer.verifier.authenticate(token).is_err()));
        assert!(time < Duration::from_millis(5), "{time:?}");
    }
}

#[test]
fn jd_14_a_key_set_has_an_end() {
    let issuer = Issuer::new();
    let key = serde_json::to_value(issuer.key.verifying().jwk()).unwrap();
    let with = |keys: usize| {
        let keys: Vec<Value> = (0..keys)
            .map(|n| {
                let mut key = key.clone();
                key["kid"] = json!(n.to_string());
                key
            })
            .collect();
        Jwks::parse(json!({ "keys": keys }).to_string().as_bytes()).map_err(|error| error.kind().clone())
    };
    assert_eq!(with(16).unwrap().keys.len(), 16);
    assert_eq!(with(17).unwrap_err(), KeyErrorKind::TooMany);
    assert_eq!(with(10_000).unwrap_err(), KeyErrorKind::TooMany);
    // A long document is refused by its length, whatever it holds.
    let long = vec![b' '; 100_000_000];
    let time = fastest(|| assert_eq!(*Jwks::parse(&long).unwrap_err().kind(), KeyErrorKind::TooMany));
    assert!(time < Duration::from_millis(5), "{time:?}");
}
