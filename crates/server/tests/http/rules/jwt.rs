//! Bent, broken and borrowed tokens, end to end: one answer for every cause (JS, JC; the verifier's own tests go through the rest).

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{
    people::{Key, claims, header},
    raw,
    server::TestServer,
    time,
};

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// Everything that looks like this token and is not it.
fn bent(token: &str) -> Vec<String> {
    let [head, payload, signature] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    let with_header = |name: &str, value: Value| {
        let mut changed = header(token);
        changed[name] = value;
        format!("{}.{payload}.{signature}", encoded(&changed))
    };
    let with_claim = |name: &str, value: Value| {
        let mut changed = claims(token);
        changed[name] = value;
        format!("{head}.{}.{signature}", encoded(&changed))
    };
    let mut all = vec![
        // JS-01, JS-02, JS-03
        format!("{head}.{payload}"),
        format!("{head}.{payload}."),
        head.to_owned(),
        ".".into(),
        "..".into(),
        "...".into(),
        "a".into(),
        format!("{token}."),
        format!("{token}.x"),
        format!("{token}.{head}.{payload}"),
        format!(".{token}"),
        // JS-06
        format!("{head}=.{payload}.{signature}"),
        format!("{head}.{payload}=.{signature}"),
        format!("{token}="),
        format!("{token}=="),
        // JS-23
        format!("{head}..{signature}"),
        // JS-25, JS-26
        token.replace('.', "%2e"),
        token.replace('.', "\u{ff0e}"),
        token.replacen('e', "%65", 1),
        token.replacen('e', "\u{435}", 1),
        // Other segments of other tokens of the same shape
        format!("{payload}.{head}.{signature}"),
        format!("{head}.{head}.{signature}"),
        format!("{head}.{payload}.{}", "A".repeat(signature.len())),
        format!("{head}.{payload}.{}", signature.chars().rev().collect::<String>()),
        // The header is not ours any more
        with_header("alg", json!("none")),
        with_header("alg", json!("HS256")),
        with_header("alg", json!("RS256")),
        with_header("alg", json!(["ES256"])),
        with_header("typ", json!("JWT")),
        with_header("typ", json!("dpop+jwt")),
        with_header("kid", json!("AAAAAAAAAAAAAAAA")),
        with_header("kid", json!("../../etc/passwd")),
        with_header("kid", json!("' OR 1=1--")),
        with_header("crit", json!(["exp"])),
        with_header("b64", json!(false)),
        with_header("zip", json!("DEF")),
        with_header("jwk", json!({ "kty": "EC" })),
        with_header("jku", json!("https://attacker.example/jwks.json")),
        // Nor is the payload
        with_claim("sub", json!("admin")),
        with_claim("exp", json!(9_999_999_999_i64)),
        with_claim("roles", json!(["admin"])),
        with_claim("gen", json!(99)),
        format!("{}.{payload}.", encoded(&json!({ "alg": "none", "typ": "at+jwt" }))),
        format!("{}.{payload}.", encoded(&json!({ "alg": "None" }))),
        // JS-11, JS-22: not objects
        format!("{}.{payload}.{signature}", encoded(&json!([]))),
        format!("{}.{payload}.{signature}", encoded(&json!(null))),
        format!("{head}.{}.{signature}", encoded(&json!("admin"))),
        // JS-21, JD-06: five parts
        "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.a.b.c.d".into(),
        format!(
            "{}.a.b.c.d",
            encoded(&json!({ "alg": "PBES2-HS256+A128KW", "p2c": 2_147_483_647, "enc": "A128GCM" }))
        ),
        // JS-05: two readings of one text
        format!("{{\"payload\":\"{payload}\",\"protected\":\"{head}\",\"signature\":\"{signature}\"}}"),
    ];
    // JS-07: the other alphabet, where it makes a difference.
    all.push(token.replace('-', "+"));
    all.push(token.replace('_', "/"));
    // JS-10: bits that a lenient decoder does not look at.
    for (index, segment) in [head, payload, signature].into_iter().enumerate() {
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        for last in alphabet.chars() {
            let mut segments = [head.to_owned(), payload.to_owned(), signature.to_owned()];
            segments[index] = format!("{}{last}", &segment[..segment.len() - 1]);
            all.push(segments.join("."));
        }
    }
    // JS-27: shorter and longer.
    all.extend((1..token.len()).step_by(7).map(|length| token[..length].to_owned()));
    all.extend(["A", "AAAA", "-", "~"].map(|end| format!("{token}{end}")));
    all.retain(|other| other != token);
    all
}

#[test]
fn js_no_bent_token_opens_anything_and_all_are_told_the_same() {
    for algorithm in ["ES256", "EdDSA", "HS256"] {
        let server = TestServer::with(|settings| settings.set("token.algorithm", format!("{algorithm:?}")));
        let alice = server.person("alice");
        let token = server.tokens(&alice).access;
        let mut answers = BTreeSet::new();
        for other in bent(&token) {
            let answer = server.get("/v1/me").bearer(&other).send();
            answers.insert(answer.comparable());
            answer.problem(401, "invalid_token");
        }
        assert_eq!(answers.len(), 1, "{answers:?}");
        // JS-10: a revoked token is not revived by writing it differently.
        server.post("/oauth/revoke").form(&[("token", &token)]).send().is(200);
        for other in bent(&token).iter().chain([&token]) {
            assert!(!server.opens(&Key::Bearer(other.clone())), "{other}");
        }
    }
}

#[test]
fn js_02_an_empty_bearer_is_a_malformed_request() {
    let server = TestServer::start();
    for value in ["Bearer", "Bearer ", "Bearer    ", "bearer"] {
        server.get("/v1/me").field("Authorization", value).send().problem(400, "invalid_request");
    }
}

#[test]
fn js_29_other_secrets_are_no_bearer_tokens() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let (cookie, tokens) = (server.cookie(&alice), server.tokens(&alice));
    for other in [
        &cookie,
        &tokens.refresh,
        &tokens.session,
        &alice.id,
        &alice.password.replace(' ', "-"),
        "key_AAAAAAAAAAAAAAAAAAAAAAAA",
    ] {
        server.get("/v1/me").bearer(other).send().problem(401, "invalid_token");
    }
    assert!(
        server.opens(&Key::Cookie(cookie)) && server.opens(&Key::Refresh(tokens.refresh)),
        "RT-15: none is used up"
    );
}

#[test]
fn jd_02_jd_03_overlong_tokens_are_refused_by_their_length() {
    let server = TestServer::with(|settings| {
        settings.set("server.header_bytes", "\"256KiB\"");
        settings.set("server.uri_bytes", "\"8KiB\"");
    });
    let token = server.tokens(&server.person("alice")).access;
    let [head, payload, signature] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    let filler = "A".repeat(100_000);
    for other in [
        format!("{filler}.{payload}.{signature}"),
        format!("{head}.{filler}.{signature}"),
        format!("{head}.{payload}.{filler}"),
        ".".repeat(100_000),
        filler.clone(),
    ] {
        let began = time::now();
        server.get("/v1/me").bearer(&other).send().problem(401, "invalid_token");
        assert!(began.elapsed().as_millis() < 1000, "no work is done for it");
    }
    assert!(server.opens(&Key::Bearer(token)));
}

#[test]
fn jc_01_jc_02_time_is_looked_at_with_the_leeway_that_is_set() {
    for leeway in [0, 1] {
        let server = TestServer::with(|settings| {
            settings.set("token.access_life", "\"1s\"");
            settings.set("token.leeway", format!("\"{leeway}s\""));
        });
        let alice = server.person("alice");
        let token = server.stateless(&alice);
        let end = (claims(&token)["exp"].as_i64().unwrap() + leeway) * 1000;
        while time::millis() < end - 50 {
            assert!(server.opens(&Key::Bearer(token.clone())), "not before its time");
        }
        time::wait_until(end);
        assert!(!server.opens(&Key::Bearer(token.clone())), "JC-02: on or after");
        assert_eq!(server.post("/oauth/revoke").form(&[("token", &token)]).send().is(200).body, b"");
    }
}

#[test]
fn em_06_ck_13_nothing_of_one_installation_opens_another() {
    let (one, other) = (TestServer::start(), TestServer::start());
    let (alice, twin) = (one.person("alice"), other.person("alice"));
    let (cookie, tokens) = (one.cookie(&alice), one.tokens(&alice));
    other.cookie(&twin);
    assert!(!other.opens(&Key::Cookie(cookie.clone())) && !other.opens(&Key::Bearer(tokens.access.clone())));
    assert!(!other.opens(&Key::Refresh(tokens.refresh.clone())));
    other.post("/oauth/revoke").form(&[("token", &tokens.refresh)]).send().is(200);
    assert!(one.opens(&Key::Cookie(cookie)) && one.opens(&Key::Refresh(tokens.refresh)));
    // Another issuer over the same data: tokens are not its own, sessions are.
    let mut one = one;
    let cookie = one.cookie(&alice);
    one.reconfigure(|settings| settings.set("server.issuer", "\"http://localhost:7117\""));
    assert!(!one.opens(&Key::Bearer(tokens.access)), "JC-10: `iss`");
    assert!(one.opens(&Key::Cookie(cookie)));
}

#[test]
fn js_26_raw_bytes_in_the_header_are_no_token() {
    let server = TestServer::start();
    for bytes in [&b"\xff\xfe"[..], b"a.\xc3\xa9.c", b"\xe2\x80\xa8", b"a.b.c\x00", b"a\x01b"] {
        let request = [
            b"GET /v1/me HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer ",
            bytes,
            b"\r\n\r\n",
        ]
        .concat();
        let [answer] = raw::send(server.address(), request).try_into().unwrap();
        assert!(matches!(answer.status, 400 | 401), "{}", answer.comparable());
    }
}
