//! ATTACKS.md, group JC: impeccably signed tokens that say the wrong thing.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests may fail like tests"
)]

mod common;

use std::time::Duration;

use common::{AUDIENCE, ISSUER, Issuer, NOW, at, b64, claims, claims_with, claims_without};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use symbolon_token::TokenErrorKind::{
    Audience as WrongAudience, Claim, Expired, Issuer as WrongIssuer, Malformed, NotYetValid, Type,
};
use symbolon_token::claims::RESERVED_CLAIMS;
use symbolon_token::{
    AccessClaims, Algorithm, Ended, Entry, KeyErrorKind, SigningKey, Timestamp, TokenErrorKind, Verifier,
    View,
};

fn strict(issuer: &Issuer, leeway: u64) -> Verifier {
    Verifier::builder()
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .leeway(Duration::from_secs(leeway))
        .keys([issuer.key.verifying()])
        .build()
        .unwrap()
}

fn outcome(verifier: &Verifier, token: &str, now: Timestamp) -> Option<TokenErrorKind> {
    verifier.verify(token, now).err().map(|error| error.kind())
}

#[test]
fn jc_01_jc_02_a_token_is_dead_from_exp_on() {
    let issuer = Issuer::new();
    let token = issuer.token();
    let exp = NOW + 300;
    for leeway in [0, 1, 30, 60] {
        let verifier = strict(&issuer, u64::try_from(leeway).unwrap());
        let end = at(exp + leeway);
        assert_eq!(outcome(&verifier, &token, end.minus(Duration::from_millis(1))), None);
        assert_eq!(outcome(&verifier, &token, end), Some(Expired), "on or after");
        assert_eq!(outcome(&verifier, &token, end.plus(Duration::from_secs(1))), Some(Expired));
    }
}

#[test]
fn jc_03_claims_that_must_be_there() {
    let issuer = Issuer::new();
    let required = ["iss", "sub", "aud", "exp", "iat", "jti", "client_id", "gen", "amr", "auth_time"];
    issuer.refuses(required.map(|name| (name, issuer.sign_claims(&claims_without(name)), Claim)));
    assert_eq!(issuer.refusal(&issuer.sign_claims(&claims_without("sid"))), None, "stateless");
}

#[test]
fn jc_05_dates_are_whole_seconds_of_this_era() {
    let issuer = Issuer::new();
    let payload = claims().to_string();
    for name in ["exp", "iat", "nbf", "auth_time"] {
        let with = |literal: &str| {
            let without = claims_without(name).to_string();
            issuer.sign(issuer.header().to_string(), format!(r#"{{"{name}":{literal},{}"#, &without[1..]))
        };
        for literal in [
            "null",
            "true",
            "[]",
            "{}",
            "\"1700000000\"",
            "-1",
            "1e308",
            "1e400",
            "-1e400",
            "9223372036854775807",
            "-9223372036854775808",
            "18446744073709551615",
            "99999999999999999999999",
            "0.5",
            "-0.0",
            "1700000000.0",
            "17e8",
            "253402300800",
            "NaN",
            "01",
        ] {
            issuer.refuses([(literal, with(literal), Claim)]);
        }
        // In range, but not in time: no arithmetic overflows.
        for (literal, now) in [("0", NOW), ("253402300799", NOW), ("0", i64::MAX), ("253402300799", i64::MIN)]
        {
            let _ = issuer.verifier.verify(&with(literal), at(now));
        }
    }
    assert_eq!(issuer.refusal(&issuer.sign(issuer.header().to_string(), payload)), None);
    for now in [i64::MIN, -1, 0, i64::MAX] {
        assert!(issuer.verifier.verify(&issuer.token(), at(now)).is_err(), "JC-29 at {now}");
        assert!(issuer.verifier.verify(&issuer.token(), Timestamp::from_millis(now)).is_err());
    }
    for value in [json!(-1), json!(0.5), json!("3"), json!(null), json!([3]), json!(1e300)] {
        issuer.refuses([("gen", issuer.sign_claims(&claims_with("gen", value)), Claim)]);
    }
}

#[test]
fn jc_06_no_token_lives_longer_than_any_may() {
    let issuer = Issuer::new();
    let living = |seconds: i64| issuer.sign_claims(&claims_with("exp", json!(NOW + seconds)));
    assert_eq!(issuer.refusal(&living(3600)), None);
    issuer.refuses([
        ("a second too long", living(3601), Claim),
        ("ten years", living(10 * 365 * 86_400), Claim),
        ("no life", living(0), Claim),
        ("a life backwards", living(-300), Claim),
    ]);
}

#[test]
fn jc_07_a_token_is_not_alive_before_its_time() {
    let issuer = Issuer::new();
    let verifier = strict(&issuer, 30);
    let before = |seconds: i64, millis: u64| at(NOW + seconds).minus(Duration::from_millis(millis));
    let token = issuer.sign_claims(&claims_with("nbf", json!(NOW + 100)));
    assert_eq!(outcome(&verifier, &token, before(70, 0)), None);
    assert_eq!(outcome(&verifier, &token, before(70, 1)), Some(NotYetValid));
    // `iat` ahead of the clock: a clock is wrong, or the token.
    assert_eq!(outcome(&verifier, &issuer.token(), before(-30, 0)), None);
    assert_eq!(outcome(&verifier, &issuer.token(), before(-30, 1)), Some(NotYetValid));
    // `nbf` cannot make `iat` earlier.
    let token = issuer.sign_claims(&claims_with("nbf", json!(1)));
    assert_eq!(outcome(&verifier, &token, before(-30, 1)), Some(NotYetValid));
}

/// The row speaks of `iat` and a time of validity; ours is a generation, as whole seconds would kill the
/// login that follows.
#[test]
fn jc_09_jc_17_what_an_ending_of_everything_leaves_behind_is_dead() {
    let issuer = Issuer::new();
    let authenticated = |generation: u64| {
        let token = issuer.sign_claims(&claims_with("gen", json!(generation)));
        issuer.verifier.authenticate(&token).unwrap()
    };
    let view = View::new();
    let (claims, kid) = authenticated(3);
    assert!(!view.ends_token(&claims, &kid));
    view.apply(&[Entry { seq: 1, what: Ended::User { id: claims.sub, generation: 3 }, forget_at: None }]);
    assert!(view.ends_token(&claims, &kid));
    let (claims, kid) = authenticated(4);
    assert!(!view.ends_token(&claims, &kid), "the login that follows lives");
    // Stateless tokens die with the generation, too.
    let mut stateless = authenticated(2);
    stateless.0.sid = None;
    assert!(view.ends_token(&stateless.0, &stateless.1));
}

#[test]
fn jc_10_jc_11_the_audience_is_us_byte_for_byte() {
    let issuer = Issuer::new();
    for aud in [
        json!("https://other.example"),
        json!(""),
        json!("https://api.example/"),
        json!("https://api.exampl"),
        json!("https://api.example.org"),
        json!("https://API.example"),
        json!("HTTPS://API.EXAMPLE"),
        json!(" https://api.example"),
        json!("https://api.example https://other.example"),
        json!([]),
        json!(["https://api.example/v1", "x https://api.example", "https://api.example,"]),
        json!(["HTTPS://API.EXAMPLE"]),
    ] {
        issuer.refuses([("another audience", issuer.sign_claims(&claims_with("aud", aud)), WrongAudience)]);
    }
    for aud in [
        json!(null),
        json!([null]),
        json!({}),
        json!(1),
        json!([AUDIENCE, null]),
        json!([[AUDIENCE]]),
        json!({"0": AUDIENCE}),
    ] {
        issuer.refuses([("no audience", issuer.sign_claims(&claims_with("aud", aud)), Claim)]);
    }
    assert_eq!(issuer.refusal(&issuer.sign_claims(&claims_with("aud", json!(["x", AUDIENCE])))), None);
    for iss in
        [json!("https://id.example/"), json!("https://ID.example"), json!(""), json!("https://other.example")]
    {
        issuer.refuses([("another issuer", issuer.sign_claims(&claims_with("iss", iss)), WrongIssuer)]);
    }
    issuer.refuses([("issuers", issuer.sign_claims(&claims_with("iss", json!([ISSUER]))), Claim)]);
}

#[test]
fn jc_13_jc_27_ids_are_ids() {
    let issuer = Issuer::new();
    let long = "a".repeat(3000);
    for name in ["sub", "jti", "sid"] {
        for value in [
            json!(""),
            json!(7),
            json!(null),
            json!(long),
            json!("symbolon"),
            json!("' OR 1=1--"),
            json!(")(uid=*)"),
            json!("a\r\nb: c"),
            json!("01905A3C-1111-7222-8333-444455556666"),
            json!("{01905a3c-1111-7222-8333-444455556666}"),
            json!(["01905a3c-1111-7222-8333-444455556666"]),
        ] {
            issuer.refuses([(name, issuer.sign_claims(&claims_with(name, value)), Claim)]);
        }
    }
    for name in ["client_id", "iss"] {
        issuer.refuses([(name, issuer.sign_claims(&claims_with(name, json!(1))), Claim)]);
    }
    for amr in [json!("pwd"), json!([1]), json!({}), json!([["pwd"]])] {
        issuer.refuses([("JC-25 amr", issuer.sign_claims(&claims_with("amr", amr)), Claim)]);
    }
}

#[test]
fn jc_14_jc_15_another_kind_of_token_is_not_an_access_token() {
    let issuer = Issuer::new();
    for typ in [
        "JWT",
        "jwt",
        "dpop+jwt",
        "logout+jwt",
        "dbsc+jwt",
        "secevent+jwt",
        "statuslist+jwt",
        "token-introspection+jwt",
        "oauth-authz-req+jwt",
        "client-authentication+jwt",
        "txntoken+jwt",
        "verify+jwt",
        "",
        "at+jwt ",
        "at +jwt",
        "text/at+jwt",
    ] {
        let token = issuer.key.sign(typ, &claims()).unwrap();
        issuer.refuses([(typ, token, Type)]);
    }
    let mut header = issuer.header();
    header.as_object_mut().unwrap().remove("typ");
    issuer.refuses([
        ("an ID token has none", issuer.sign(header.to_string(), claims().to_string()), Type),
        (
            "not text",
            issuer.sign(issuer.header_with("typ", json!(["at+jwt"])).to_string(), claims().to_string()),
            Malformed,
        ),
        (
            "null",
            issuer.sign(issuer.header_with("typ", json!(null)).to_string(), claims().to_string()),
            Malformed,
        ),
    ]);
    // And the other way round: an access token is nothing else.
    let other = Verifier::builder()
        .issuer(ISSUER)
        .audience(AUDIENCE)
        .typ("verify+jwt")
        .keys([issuer.key.verifying()]);
    let error = other.build().unwrap().authenticate_as::<Map<String, Value>>(&issuer.token()).unwrap_err();
    assert_eq!(error.kind(), Type);
}

#[test]
fn jc_19_scope_is_text() {
    let issuer = Issuer::new();
    for scope in [json!(["read"]), json!(null), json!(1), json!({"read": true})] {
        issuer.refuses([("scope", issuer.sign_claims(&claims_with("scope", scope)), Claim)]);
    }
    let thousand = (0..700).map(|n| format!("s{n}")).collect::<Vec<_>>().join(" ");
    let token = issuer.sign_claims(&claims_with("scope", json!(thousand)));
    let (claims, _) = issuer.verifier.authenticate(&token).unwrap();
    assert!(claims.has_scope("s699") && !claims.has_scope("s700") && !claims.has_scope("s"));
}

#[test]
fn jc_23_a_bound_token_says_so() {
    let issuer = Issuer::new();
    let jkt = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
    let token = issuer.sign_claims(&claims_with("cnf", json!({"jkt": jkt})));
    assert_eq!(issuer.verifier.authenticate(&token).unwrap().0.cnf.unwrap().jkt, jkt);
    for cnf in [
        json!(null),
        json!({}),
        json!({"jkt": null}),
        json!({"jkt": ""}),
        json!({"x5t#S256": jkt}),
        json!({"jkt": jkt, "kid": "x"}),
    ] {
        issuer.refuses([(
            "a binding that we cannot check",
            issuer.sign_claims(&claims_with("cnf", cnf)),
            Claim,
        )]);
    }
}

#[test]
fn jc_26_a_mapped_claim_cannot_take_the_place_of_ours() {
    let issuer = Issuer::new();
    let mut claims: AccessClaims = serde_json::from_value(claims()).unwrap();
    for name in ["sub", "iss", "aud", "exp", "gen", "jti"] {
        claims.extra = Map::from_iter([(name.to_owned(), json!("admin"))]);
        let error = issuer.key.sign("at+jwt", &claims).unwrap_err();
        assert_eq!(*error.kind(), KeyErrorKind::Claims(Some(name.to_owned())));
        assert_eq!(error.claim(), Some(name));
    }
    // The list for the configuration names every claim of ours, and those that others read rights from.
    claims.extra = Map::new();
    claims.nbf = Some(1);
    claims.scope = Some(String::new());
    claims.cnf = Some(symbolon_token::Confirmation { jkt: String::new() });
    for name in serde_json::to_value(&claims).unwrap().as_object().unwrap().keys() {
        assert!(RESERVED_CLAIMS.contains(&name.as_str()), "{name}");
    }
    for name in ["roles", "id", "act"] {
        assert!(RESERVED_CLAIMS.contains(&name), "{name}");
    }
    for not_an_object in [json!([]), json!("x"), json!(1), json!(null)] {
        let error = issuer.key.sign("at+jwt", &not_an_object).unwrap_err();
        assert_eq!(*error.kind(), KeyErrorKind::Claims(None));
    }
}

#[test]
fn claims_of_the_callers_own_are_read_as_strictly() {
    #[derive(Deserialize, Debug)]
    struct Own {
        color: String,
    }
    let issuer = Issuer::new();
    let header = issuer.header().to_string();
    let own = |payload: String| {
        issuer.verifier.authenticate_as::<Own>(&issuer.sign(&header, payload)).map_err(|error| error.kind())
    };
    let (claims, kid) = own(json!({"iss": ISSUER, "aud": AUDIENCE, "color": "red"}).to_string()).unwrap();
    assert_eq!((claims.color.as_str(), kid), ("red", *issuer.key.kid()));
    let refused = |payload: Value| own(payload.to_string()).unwrap_err();
    assert_eq!(refused(json!({"iss": ISSUER, "aud": AUDIENCE})), Claim);
    assert_eq!(refused(json!({"iss": "x", "aud": AUDIENCE, "color": "red"})), WrongIssuer);
    assert_eq!(refused(json!({"iss": ISSUER, "aud": "x", "color": "red"})), WrongAudience);
    assert_eq!(refused(json!({"aud": AUDIENCE, "color": "red"})), Claim);
    let twice = format!(r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","color":"red","c\u006flor":"blue"}}"#);
    assert_eq!(own(twice).unwrap_err(), Claim);
}

#[test]
fn several_audiences_are_alternatives() {
    let issuer = Issuer::new();
    let builder =
        Verifier::builder().issuer(ISSUER).audience("https://a.example").audience("https://b.example");
    let verifier = builder.keys([issuer.key.verifying()]).build().unwrap();
    let refusal = |aud: Value| {
        verifier.authenticate(&issuer.sign_claims(&claims_with("aud", aud))).err().map(|error| error.kind())
    };
    assert_eq!(refusal(json!("https://a.example")), None);
    assert_eq!(refusal(json!(["x", "https://b.example"])), None);
    assert_eq!(refusal(json!("https://c.example")), Some(WrongAudience));
}

/// DESIGN, "Secrets on the wire": an issuer of 32 characters, one audience, ES256.
#[test]
fn a_token_has_at_most_600_bytes() {
    let (key, _) = SigningKey::generate(Algorithm::Es256).unwrap();
    let issuer = "https://login.some-company.examp";
    assert_eq!(issuer.len(), 32);
    let mut all = claims_with("iss", json!(issuer));
    all["aud"] = json!(issuer);
    let claims: AccessClaims = serde_json::from_value(all).unwrap();
    let token = key.sign("at+jwt", &claims).unwrap();
    assert!(token.len() <= 600, "{} bytes", token.len());
}

#[test]
fn a_token_above_4_kib_is_not_made_and_the_largest_claim_is_named() {
    let issuer = Issuer::new();
    let mut claims: AccessClaims = serde_json::from_value(claims()).unwrap();
    claims.scope = Some("s".repeat(500));
    claims.extra.insert("department".to_owned(), json!("d".repeat(1000)));
    claims.extra.insert("groups".to_owned(), json!(vec!["g"; 100]));
    let length = |claims: &AccessClaims| issuer.key.sign("at+jwt", claims).map(|token| token.len());
    assert!(length(&claims).unwrap() < 4096);
    claims.extra.insert("groups".to_owned(), json!(vec!["g"; 700]));
    let error = length(&claims).unwrap_err();
    assert_eq!((error.kind(), error.claim()), (&KeyErrorKind::TooLong("groups".to_owned()), Some("groups")));
    assert!(error.to_string().contains("`groups`"), "{error}");

    // Exactly at the limit it is made, a byte above it is not.
    claims.extra.clear();
    claims.scope = None;
    let pad = |claims: &mut AccessClaims, room: usize| {
        claims.extra.insert("pad".to_owned(), json!("p".repeat(room)));
    };
    let longest = (0..4096).rev().find_map(|room| {
        pad(&mut claims, room);
        length(&claims).ok()
    });
    assert_eq!(longest, Some(4096));
    let made = issuer.key.sign("at+jwt", &claims).unwrap();
    assert!(issuer.verifier.authenticate(&made).is_ok(), "what we make we read");
}

#[test]
fn the_header_is_what_the_design_says() {
    let issuer = Issuer::new();
    for typ in ["at+jwt", "logout+jwt", "we\"ird\\"] {
        let token = issuer.key.sign(typ, &claims()).unwrap();
        let header: Value = serde_json::from_slice(&common::unb64(token.split('.').next().unwrap())).unwrap();
        assert_eq!(header, json!({"alg": "ES256", "kid": issuer.key.kid(), "typ": typ}));
    }
    let token = issuer.token();
    assert!(
        token.starts_with(&b64(format!(r#"{{"alg":"ES256","kid":"{}","typ":"at+jwt"}}"#, issuer.key.kid())))
    );
}
