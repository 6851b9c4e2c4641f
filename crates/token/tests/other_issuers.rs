//! The crate in the hands of somebody who never heard of Symbolon: another issuer's keys under their own
//! names, other types, other claims. `jsonwebtoken` plays that issuer.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may fail like tests")]

mod common;

use std::time::Duration;

use common::{AUDIENCE, ISSUER, NOW, at};
use jsonwebtoken::{EncodingKey, Header};
use serde::Deserialize;
use serde_json::{Value, json};
use symbolon_token::TokenErrorKind::{self, Audience, Claim, Expired, NotYetValid, Type, UnknownKey};
use symbolon_token::{
    Algorithm, BuildError, Jwk, Jwks, KeyErrorKind, PrivateKeyBytes, SigningKey, Verifier, VerifierBuilder,
    VerifyingKey,
};

#[derive(Deserialize, PartialEq, Debug)]
struct Claims {
    sub: String,
    cart: u32,
}

struct Foreign {
    key: SigningKey,
    private: PrivateKeyBytes,
}

impl Foreign {
    fn new() -> Self {
        let (key, private) = SigningKey::generate(Algorithm::Es256).unwrap();
        Self { key, private }
    }

    fn jwk(&self, kid: Option<&str>) -> Jwk {
        Jwk { kid: kid.map(str::to_owned), ..self.key.verifying().jwk().unwrap() }
    }

    fn sign(&self, kid: Option<&str>, typ: Option<&str>, claims: &Value) -> String {
        let mut header = Header::new(jsonwebtoken::Algorithm::ES256);
        header.kid = kid.map(str::to_owned);
        header.typ = typ.map(str::to_owned);
        jsonwebtoken::encode(&header, claims, &EncodingKey::from_ec_der(self.private.as_bytes())).unwrap()
    }
}

fn claims() -> Value {
    json!({"iss": ISSUER, "aud": [AUDIENCE, "else"], "sub": "u|17", "exp": NOW + 600, "iat": NOW, "cart": 7})
}

fn changed(name: &str, value: Value) -> Value {
    let mut claims = claims();
    match value {
        Value::Null => claims.as_object_mut().unwrap().remove(name),
        value => claims.as_object_mut().unwrap().insert(name.to_owned(), value),
    };
    claims
}

fn builder() -> VerifierBuilder {
    Verifier::builder().issuer(ISSUER).audience(AUDIENCE).typ("JWT")
}

fn set(keys: Vec<Jwk>) -> Jwks {
    Jwks { keys }
}

fn outcome(verifier: &Verifier, token: &str, now: i64) -> Result<Claims, TokenErrorKind> {
    verifier.verify_as(token, at(now)).map_err(|error| error.kind())
}

#[test]
fn a_key_goes_by_the_name_that_its_issuer_gives_it() {
    let (one, other) = (Foreign::new(), Foreign::new());
    let named = set(vec![one.jwk(Some("2026/März")), other.jwk(Some("next"))]);
    let verifier = builder().jwks(&named).unwrap().build().unwrap();
    let good = Ok(Claims { sub: "u|17".to_owned(), cart: 7 });
    // Twice: the second time its header is known.
    for _ in 0..2 {
        assert_eq!(outcome(&verifier, &one.sign(Some("2026/März"), Some("JWT"), &claims()), NOW), good);
        assert_eq!(outcome(&verifier, &other.sign(Some("next"), Some("jwt"), &claims()), NOW), good);
    }
    let wrong = one.sign(Some("next"), Some("JWT"), &claims());
    assert_eq!(outcome(&verifier, &wrong, NOW), Err(TokenErrorKind::Signature));
    for unknown in [Some("2026"), Some(""), Some(one.key.kid().as_str()), None] {
        assert_eq!(
            outcome(&verifier, &one.sign(unknown, Some("JWT"), &claims()), NOW),
            Err(UnknownKey),
            "{unknown:?}"
        );
    }
    let alone = builder().key_named("x", one.key.verifying()).build().unwrap();
    assert_eq!(outcome(&alone, &one.sign(Some("x"), Some("JWT"), &claims()), NOW), good);
}

#[test]
fn a_header_that_is_known_vouches_for_its_own_text_only() {
    let one = Foreign::new();
    let verifier = builder().jwks(&set(vec![one.jwk(Some("k"))])).unwrap().build().unwrap();
    let good = one.sign(Some("k"), Some("JWT"), &claims());
    assert!(outcome(&verifier, &good, NOW).is_ok());
    assert_eq!(outcome(&verifier, &one.sign(Some("k"), Some("at+jwt"), &claims()), NOW), Err(Type));
    assert_eq!(outcome(&verifier, &one.sign(Some("k"), None, &claims()), NOW), Err(Type));
    // Its payload and its signature are looked at as ever.
    let other = one.sign(Some("k"), Some("JWT"), &changed("cart", json!(8)));
    let (head, _) = other.rsplit_once('.').unwrap();
    let swapped = format!("{head}.{}", good.rsplit_once('.').unwrap().1);
    assert_eq!(outcome(&verifier, &swapped, NOW), Err(TokenErrorKind::Signature));
    assert_eq!(outcome(&verifier, &good[..good.len() - 1], NOW), Err(TokenErrorKind::Malformed));
}

#[test]
fn a_type_may_be_absent_only_when_that_was_said() {
    let one = Foreign::new();
    let set = set(vec![one.jwk(Some("k"))]);
    let untyped = builder().typ_may_be_absent().jwks(&set).unwrap().build().unwrap();
    for (typ, passes) in [(Some("JWT"), true), (None, true), (Some("at+jwt"), false), (Some(""), false)] {
        let token = one.sign(Some("k"), typ, &claims());
        assert_eq!(outcome(&untyped, &token, NOW).is_ok(), passes, "{typ:?}");
    }
}

#[test]
fn ja_18_without_a_kid_there_must_be_one_key_to_mean() {
    let (one, other) = (Foreign::new(), Foreign::new());
    let unnamed = one.sign(None, Some("JWT"), &claims());
    let alone = set(vec![one.jwk(None)]);
    assert_eq!(outcome(&builder().jwks(&alone).unwrap().build().unwrap(), &unnamed, NOW), Err(UnknownKey));
    let lenient = |keys| builder().kid_may_be_absent().jwks(&set(keys)).unwrap().build().unwrap();
    assert!(outcome(&lenient(vec![one.jwk(None)]), &unnamed, NOW).is_ok());
    assert_eq!(outcome(&lenient(vec![one.jwk(None), other.jwk(None)]), &unnamed, NOW), Err(UnknownKey));
    // A name that is there is still held against the keys.
    let named = one.sign(Some("k"), Some("JWT"), &claims());
    assert_eq!(outcome(&lenient(vec![one.jwk(Some("j"))]), &named, NOW), Err(UnknownKey));
}

#[test]
fn one_name_or_key_with_two_meanings_is_not_built() {
    let (one, other) = (Foreign::new().key.verifying(), Foreign::new().key.verifying());
    let twice = builder().key_named("k", one).key_named("k", other).build();
    assert_eq!(twice.unwrap_err(), BuildError::DuplicateKid);
    let (_, rsa) = SigningKey::generate(Algorithm::Rs256).unwrap();
    let key = |algorithm| SigningKey::from_private_bytes(algorithm, rsa.as_bytes()).unwrap().verifying();
    let both = |a, b| builder().key_named("a", key(a)).key_named("b", key(b)).build().map(|_| ());
    assert_eq!(both(Algorithm::Rs256, Algorithm::Ps256), Err(BuildError::DuplicateKid));
    assert_eq!(both(Algorithm::Rs256, Algorithm::Rs256), Ok(()), "the same under two names is only that");
}

#[test]
fn an_rsa_key_is_told_its_algorithm_by_the_caller_not_by_a_token() {
    let (key, _) = SigningKey::generate(Algorithm::Rs256).unwrap();
    let silent = Jwk { alg: None, kid: Some("r".to_owned()), ..key.verifying().jwk().unwrap() };
    let foreign = Foreign::new();
    let silent = set(vec![silent, foreign.jwk(Some("e"))]);
    assert_eq!(*builder().jwks(&silent).unwrap_err().kind(), KeyErrorKind::Malformed);
    let told = silent.with_rsa_algorithm(Algorithm::Rs256);
    assert_eq!(told.keys[1].alg.as_deref(), Some("ES256"), "others keep theirs");
    assert!(builder().jwks(&told).unwrap().build().is_ok());
}

#[test]
fn claims_of_any_type_are_held_against_the_same_rules() {
    let one = Foreign::new();
    let known = set(vec![one.jwk(Some("k"))]);
    let verifier = builder().leeway(Duration::from_secs(30)).jwks(&known).unwrap().build().unwrap();
    let sign = |name, value| one.sign(Some("k"), Some("JWT"), &changed(name, value));
    for (name, value, wanted) in [
        ("cart", json!("seven"), Err(Claim)),
        ("sub", Value::Null, Err(Claim)),
        ("iss", json!("https://id.example/"), Err(TokenErrorKind::Issuer)),
        ("iss", Value::Null, Err(Claim)),
        ("aud", json!("else"), Err(Audience)),
        ("aud", json!([]), Err(Audience)),
        ("aud", json!([1]), Err(Claim)),
        ("aud", Value::Null, Err(Claim)),
        ("exp", Value::Null, Err(Claim)),
        ("exp", json!("1700000600"), Err(Claim)),
        ("exp", json!(-1), Err(Claim)),
        ("exp", json!(1e300), Err(Claim)),
        ("exp", json!(NOW), Err(Claim)),
        ("exp", json!(NOW + 86_401), Err(Claim)),
        ("exp", json!(1_700_000_000.5), Ok(())),
        ("iat", Value::Null, Ok(())),
        ("iat", json!(NOW + 30), Ok(())),
        ("iat", json!(NOW + 31), Err(NotYetValid)),
        ("nbf", json!(NOW + 30), Ok(())),
        ("nbf", json!(NOW + 31), Err(NotYetValid)),
        ("nbf", json!([]), Err(Claim)),
    ] {
        let token = sign(name, value.clone());
        assert_eq!(outcome(&verifier, &token, NOW).map(|_| ()), wanted, "{name} = {value}");
    }
    let token = sign("cart", json!(7));
    assert!(outcome(&verifier, &token, NOW + 629).is_ok());
    assert_eq!(outcome(&verifier, &token, NOW + 630), Err(Expired));
    // Who does not say when it was issued may not promise more than a day from now either.
    let mut claims = changed("iat", Value::Null);
    claims["exp"] = json!(NOW + 86_431);
    let token = one.sign(Some("k"), Some("JWT"), &claims);
    assert_eq!(outcome(&verifier, &token, NOW), Err(Claim));
    assert!(outcome(&verifier, &token, NOW + 1).is_ok());
}

#[test]
fn without_an_audience_only_by_a_long_name() {
    let one = Foreign::new();
    let known = set(vec![one.jwk(Some("k"))]);
    let bare = Verifier::builder().issuer(ISSUER).typ("JWT");
    assert_eq!(bare.clone().jwks(&known).unwrap().build().unwrap_err(), BuildError::NoAudience);
    let verifier = bare.unsafe_any_audience().jwks(&known).unwrap().build().unwrap();
    for audience in [Value::Null, json!("else"), json!([])] {
        let token = one.sign(Some("k"), Some("JWT"), &changed("aud", audience.clone()));
        assert!(outcome(&verifier, &token, NOW).is_ok(), "{audience}");
    }
}

#[test]
fn an_hs_secret_and_a_pem_file_serve_as_well() {
    let secret: Vec<u8> = (0..32_u8).map(|n| n.wrapping_mul(n).wrapping_mul(37).wrapping_add(0x8b)).collect();
    let key = VerifyingKey::from_secret(Algorithm::Hs256, &secret).unwrap();
    let verifier = builder().typ_may_be_absent().kid_may_be_absent().keys([key]).build().unwrap();
    let header = Header::new(jsonwebtoken::Algorithm::HS256);
    let token = jsonwebtoken::encode(&header, &claims(), &EncodingKey::from_secret(&secret)).unwrap();
    assert!(outcome(&verifier, &token, NOW).is_ok());
}
