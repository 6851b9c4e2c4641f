//! DPoP proofs (RFC 9449 §4.3), rows DP of the attack table: a proof is for one key, one request, one time and one token.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking"
)]
#![allow(dead_code, reason = "the shared helpers")]

mod common;

use aws_lc_rs::digest::{SHA256, digest};
use common::{Issuer, NOW, at, b64};
use serde_json::{Value, json};
use symbolon_token::{Algorithm, Proof, ProofError, SigningKey};

const URL: &str = "https://id.example/v1/me";

fn claims() -> Value {
    json!({ "jti": "-BwC3ESc6acc2lTc", "htm": "GET", "htu": URL, "iat": NOW })
}

fn claims_with(name: &str, value: Value) -> Value {
    let mut all = claims();
    all[name] = value;
    all
}

fn jwk(key: &SigningKey) -> Value {
    let mut jwk = serde_json::to_value(key.verifying().jwk().unwrap()).unwrap();
    for name in ["kid", "alg", "use"] {
        jwk.as_object_mut().unwrap().remove(name);
    }
    jwk
}

fn header(issuer: &Issuer) -> Value {
    json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": jwk(&issuer.key) })
}

fn header_with(issuer: &Issuer, name: &str, value: Value) -> Value {
    let mut header = header(issuer);
    header[name] = value;
    header
}

fn parse(issuer: &Issuer, header: &Value, claims: &Value) -> Result<Proof, ProofError> {
    Proof::parse(&issuer.sign(header.to_string(), claims.to_string()))
}

#[test]
fn a_good_proof_is_for_its_request_and_token_alone() {
    let issuer = Issuer::new();
    let token = issuer.token();
    let ath = b64(digest(&SHA256, token.as_bytes()));
    let proof = parse(&issuer, &header(&issuer), &claims_with("ath", json!(ath))).unwrap();
    assert_eq!(proof.thumbprint(), issuer.key.thumbprint());
    assert_eq!(proof.is_for("GET", URL, at(NOW)), Ok(()));
    assert_eq!(proof.is_for_token(&token), Ok(()));
    assert_eq!(proof.nonce(), None);
}

#[test]
fn dp_05_only_asymmetric_algorithms_that_are_listed() {
    let issuer = Issuer::new();
    for alg in ["none", "HS256", "HS512", "RS384", "PS512", "ES256K", "ES512", "es256", ""] {
        let refused = parse(&issuer, &header_with(&issuer, "alg", json!(alg)), &claims());
        assert_eq!(refused, Err(ProofError::Algorithm), "{alg}");
    }
    // Another's listed algorithm is not this key's.
    for alg in ["ES384", "RS256", "PS256", "EdDSA"] {
        let refused = parse(&issuer, &header_with(&issuer, "alg", json!(alg)), &claims());
        assert_eq!(refused, Err(ProofError::Key), "{alg}");
    }
}

#[test]
fn dp_06_dp_21_private_weak_and_foreign_keys_are_refused() {
    let issuer = Issuer::new();
    let good = jwk(&issuer.key);
    let with = |name: &str, value: Value| {
        let mut jwk = good.clone();
        jwk[name] = value;
        jwk
    };
    let rsa = |bits: usize, e: &str| {
        let mut n = vec![0xff; bits / 8];
        n[bits / 8 - 1] = 1;
        json!({ "kty": "RSA", "n": b64(n), "e": e })
    };
    for bad in [
        with("d", json!("AAAA")),
        with("k", json!("AAAA")),
        with("p", json!("AAAA")),
        json!({ "kty": "oct", "k": b64([7; 32]) }),
        with("x", json!(b64([1; 32]))),
        with("y", json!(b64([0; 32]))),
        with("x", json!("")),
        with("crv", json!("P-384")),
        with("kty", json!("OKP")),
        with("use", json!("enc")),
        with("key_ops", json!(["encrypt"])),
        with("alg", json!("RS256")),
        json!(null),
        json!([]),
        json!("x"),
        json!({}),
    ] {
        let refused = parse(&issuer, &header_with(&issuer, "jwk", bad.clone()), &claims());
        assert_eq!(refused, Err(ProofError::Key), "{bad}");
    }
    for (bad, e) in
        [(rsa(1024, "AQAB"), "short"), (rsa(2048, "AQ"), "exponent of one"), (rsa(512, "AQAB"), "tiny")]
    {
        let header = json!({ "typ": "dpop+jwt", "alg": "RS256", "jwk": bad });
        assert_eq!(parse(&issuer, &header, &claims()), Err(ProofError::Key), "{e}");
    }
    // 16,384 bits: refused by length, before any arithmetic.
    let header = json!({ "typ": "dpop+jwt", "alg": "RS256", "jwk": rsa(16_384, "AQAB") });
    assert_eq!(parse(&issuer, &header, &claims()), Err(ProofError::Malformed));
    let mut header = header_with(&issuer, "x", json!(1));
    header.as_object_mut().unwrap().remove("jwk");
    assert_eq!(parse(&issuer, &header, &claims()), Err(ProofError::Key));
}

#[test]
fn dp_07_a_proof_is_signed_with_the_key_it_brings() {
    let (issuer, other) = (Issuer::new(), Issuer::new());
    assert_eq!(parse(&other, &header(&issuer), &claims()), Err(ProofError::Signature));
    let good = issuer.sign(header(&issuer).to_string(), claims().to_string());
    let (signed, _) = good.rsplit_once('.').unwrap();
    assert_eq!(Proof::parse(&format!("{signed}.{}", b64([0; 64]))), Err(ProofError::Signature));
    let payload = b64(claims_with("htm", json!("POST")).to_string());
    let parts: Vec<&str> = good.split('.').collect();
    let swapped = format!("{}.{payload}.{}", parts[0], parts[2]);
    assert_eq!(Proof::parse(&swapped), Err(ProofError::Signature));
}

#[test]
fn dp_09_dp_10_dp_19_method_and_url_are_the_requests_own() {
    let issuer = Issuer::new();
    for (htm, htu) in [
        ("POST", URL),
        ("get", URL),
        ("", URL),
        ("GET", "https://evil.test/v1/me"),
        ("GET", "http://id.example/v1/me"),
        ("GET", "https://id.example:8443/v1/me"),
        ("GET", "https://id.example/oauth/token"),
        ("GET", "/v1/me"),
        ("GET", ""),
    ] {
        let mut all = claims_with("htm", json!(htm));
        all["htu"] = json!(htu);
        let proof = parse(&issuer, &header(&issuer), &all).unwrap();
        assert_eq!(proof.is_for("GET", URL, at(NOW)), Err(ProofError::Request), "{htm} {htu}");
    }
    let query = parse(&issuer, &header(&issuer), &claims_with("htu", json!(format!("{URL}?a=b#c")))).unwrap();
    assert_eq!(query.is_for("GET", URL, at(NOW)), Ok(()));
}

#[test]
fn dp_11_a_proof_is_of_this_minute() {
    let issuer = Issuer::new();
    for (iat, fits) in
        [(-600, false), (-61, false), (-60, true), (0, true), (60, true), (61, false), (600, false)]
    {
        let proof = parse(&issuer, &header(&issuer), &claims_with("iat", json!(NOW + iat))).unwrap();
        let expected = if fits { Ok(()) } else { Err(ProofError::Time) };
        assert_eq!(proof.is_for("GET", URL, at(NOW)), expected, "{iat}");
    }
    for bad in [json!(null), json!(NOW.to_string()), json!(-1), json!(1e300), json!(true), json!([NOW])] {
        let refused = parse(&issuer, &header(&issuer), &claims_with("iat", bad.clone()));
        assert_eq!(refused, Err(ProofError::Malformed), "{bad}");
    }
}

#[test]
fn dp_13_what_a_proof_must_say_is_there_and_of_its_type() {
    let issuer = Issuer::new();
    for name in ["jti", "htm", "htu", "iat"] {
        let mut missing = claims();
        missing.as_object_mut().unwrap().remove(name);
        assert_eq!(parse(&issuer, &header(&issuer), &missing), Err(ProofError::Malformed), "{name}");
        for bad in [json!(null), json!([]), json!({}), json!(false)] {
            let refused = parse(&issuer, &header(&issuer), &claims_with(name, bad));
            assert_eq!(refused, Err(ProofError::Malformed), "{name}");
        }
    }
    for bad in [json!(""), json!(7), json!("x".repeat(257)), json!("x".repeat(10_000))] {
        assert_eq!(parse(&issuer, &header(&issuer), &claims_with("jti", bad)), Err(ProofError::Malformed));
    }
    for optional in ["ath", "nonce"] {
        for bad in [json!(null), json!(1)] {
            assert_eq!(
                parse(&issuer, &header(&issuer), &claims_with(optional, bad)),
                Err(ProofError::Malformed)
            );
        }
    }
    let doubled = format!("{{\"jti\":\"b\",{}", &claims().to_string()[1..]);
    assert_eq!(Proof::parse(&issuer.sign(header(&issuer).to_string(), doubled)), Err(ProofError::Malformed));
    for typ in [json!("JWT"), json!("at+jwt"), json!(""), json!(null)] {
        assert_eq!(parse(&issuer, &header_with(&issuer, "typ", typ), &claims()), Err(ProofError::Malformed));
    }
    for extension in ["crit", "b64", "zip", "enc"] {
        let header = header_with(&issuer, extension, json!(["exp"]));
        assert_eq!(parse(&issuer, &header, &claims()), Err(ProofError::Malformed), "{extension}");
    }
}

#[test]
fn dp_13_the_id_is_of_key_and_jti_and_of_one_size() {
    let (issuer, other) = (Issuer::new(), Issuer::new());
    let id = |issuer: &Issuer, claims: &Value| *parse(issuer, &header(issuer), claims).unwrap().id();
    let first = id(&issuer, &claims());
    assert_eq!(first, id(&issuer, &claims_with("htm", json!("POST"))), "one jti, one proof");
    assert_ne!(first, id(&other, &claims()), "another's jti is another");
    assert_ne!(first, id(&issuer, &claims_with("jti", json!("x".repeat(256)))));
}

#[test]
fn dp_14_the_token_is_the_one_beside_it() {
    let issuer = Issuer::new();
    let token = issuer.token();
    for ath in [None, Some(String::new()), Some(b64([0; 32])), Some(token.clone())] {
        let all = ath.map_or_else(claims, |ath| claims_with("ath", json!(ath)));
        let proof = parse(&issuer, &header(&issuer), &all).unwrap();
        assert_eq!(proof.is_for_token(&token), Err(ProofError::Token));
    }
}

#[test]
fn dp_22_the_same_key_however_it_is_written() {
    let issuer = Issuer::new();
    let mut dressed = serde_json::Map::new();
    dressed.insert("use".into(), json!("sig"));
    dressed.insert("kid".into(), json!("my key"));
    dressed.insert("ext".into(), json!(true));
    dressed.insert("key_ops".into(), json!(["verify"]));
    dressed.insert("alg".into(), json!("ES256"));
    dressed.extend(jwk(&issuer.key).as_object().unwrap().clone().into_iter().rev());
    let proof = parse(&issuer, &header_with(&issuer, "jwk", Value::Object(dressed)), &claims()).unwrap();
    assert_eq!(proof.thumbprint(), issuer.key.thumbprint());
}

#[test]
fn dp_23_a_long_text_is_not_read() {
    let issuer = Issuer::new();
    let long = claims_with("x", json!("x".repeat(100_000)));
    assert_eq!(parse(&issuer, &header(&issuer), &long), Err(ProofError::Malformed));
    for text in ["", ".", "..", "a.b.c", "....", &".".repeat(100_000)] {
        assert_eq!(Proof::parse(text), Err(ProofError::Malformed));
    }
}

#[test]
fn every_listed_algorithm_makes_proofs() {
    for algorithm in symbolon_token::dpop::ALGORITHMS {
        let (key, _) = SigningKey::generate(algorithm).unwrap();
        // The key of a token signs here what a proof says: only the header differs, which this library does not write.
        let refused = Proof::parse(&key.sign("dpop+jwt", &claims()).unwrap());
        assert_eq!(refused, Err(ProofError::Key), "{algorithm}: it brings no key");
        assert!(!matches!(algorithm, Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512));
    }
}
