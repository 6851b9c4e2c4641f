//! ATTACKS.md, group JS: tokens that are not quite tokens. The answer 401 is the HTTP layer's; here it is a
//! refusal, and the reason that only the log sees. JS-21 is a token of five segments to us; JS-25 and JS-26
//! arrive as the text they are.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests may fail like tests"
)]

mod common;

use common::{Issuer, NOW, at, b64, claims, unb64};
use serde_json::json;
use symbolon_token::TokenErrorKind::{Claim, Malformed, Signature, TooLong, UnknownKey};
use symbolon_token::{ClientSecret, Compact, MacKey, RefreshToken, SessionCookie};
use uuid::Uuid;

fn segments(token: &str) -> [String; 3] {
    token.split('.').map(str::to_owned).collect::<Vec<_>>().try_into().unwrap()
}

#[test]
fn js_01_js_02_js_03_there_are_exactly_three_segments() {
    let issuer = Issuer::new();
    let token = issuer.token();
    let [header, payload, _] = segments(&token);
    issuer.refuses([
        ("JS-01 the third segment and its dot removed", format!("{header}.{payload}"), Malformed),
        ("JS-01 the third segment removed", format!("{header}.{payload}."), Signature),
        ("JS-02 nothing", String::new(), Malformed),
        ("JS-02 one dot", ".".into(), Malformed),
        ("JS-02 two dots", "..".into(), Malformed),
        ("JS-02 three dots", "...".into(), Malformed),
        ("JS-02 a letter", "a".into(), Malformed),
        ("JS-02 one segment", header.clone(), Malformed),
        ("JS-03 an empty fourth segment", format!("{token}."), Malformed),
        ("JS-03 a fourth segment", format!("{token}.x"), Malformed),
        ("JS-03 five segments", format!("{token}.x.y"), Malformed),
        ("JS-21 a JWE around a PlainJWT", format!("{header}.a.b.c.d"), Malformed),
        ("JS-23 detached payload", token.replace(&payload, ""), Signature),
    ]);
}

#[test]
fn js_05_a_json_polyglot_is_no_token() {
    let issuer = Issuer::new();
    let [header, payload, signature] = segments(&issuer.token());
    let mut forged = claims();
    forged["sub"] = json!("01905a3c-1111-7222-8333-000000000000");
    let forged = b64(forged.to_string());
    let flat = json!({"payload": payload, "protected": header, "signature": signature});
    let polyglot = format!(
        r#"{{"  {header}.{forged}.{signature}":"x","protected":"{header}","payload":"{payload}","signature":"{signature}"}}"#
    );
    issuer.refuses([
        ("the polyglot", polyglot, Malformed),
        ("flattened JSON", flat.to_string(), Malformed),
        ("general JSON", json!({"payload": payload, "signatures": [flat]}).to_string(), Malformed),
    ]);
}

#[test]
fn js_06_padding_is_refused() {
    let issuer = Issuer::new();
    let [header, payload, signature] = segments(&issuer.token());
    issuer.refuses([
        ("header", format!("{header}=.{payload}.{signature}"), Malformed),
        ("header, twice", format!("{header}==.{payload}.{signature}"), Malformed),
        ("signature", format!("{header}.{payload}.{signature}=="), Malformed),
        ("signature, once", format!("{header}.{payload}.{signature}="), Malformed),
        ("payload", format!("{header}.{payload}=.{signature}"), Signature),
        ("payload, signed like that", issuer.sign_segments(&header, &format!("{payload}==")), Malformed),
        ("header, signed like that", issuer.sign_segments(&format!("{header}="), &payload), Malformed),
    ]);
}

#[test]
fn js_07_the_other_base64_alphabet_is_refused() {
    let issuer = Issuer::new();
    // `>>>?` and `~~~` encode to the letters in which the alphabets differ.
    let payload = b64(json!({"pad": ">>>>????~~~~"}).to_string());
    assert!(payload.contains('-') || payload.contains('_'));
    let other = payload.replace('-', "+").replace('_', "/");
    let header = b64(issuer.header().to_string());
    assert_eq!(issuer.refusal(&issuer.sign_segments(&header, &payload)), Some(Claim), "decodes");
    let mut token = issuer.token();
    while !token.rsplit('.').next().unwrap().contains(['-', '_']) {
        token = issuer.token();
    }
    let [header_, payload_, signature] = segments(&token);
    let signature = signature.replace('-', "+").replace('_', "/");
    issuer.refuses([
        ("payload, signed like that", issuer.sign_segments(&header, &other), Malformed),
        ("signature", format!("{header_}.{payload_}.{signature}"), Malformed),
    ]);
}

/// Wycheproof calls its tokens of this kind valid (374 and 375 are not), for the MAC covers the raw text. We
/// do not.
#[test]
fn js_09_foreign_letters_are_refused_even_when_they_are_signed() {
    let issuer = Issuer::new();
    let [header, payload, _] = segments(&issuer.token());
    for foreign in ["?", " ", "\n", "\r\n", "\t", "%", "\u{0}", "\u{7f}", "*", ",", "\u{e9}"] {
        let inserted = |text: &str| format!("{}{foreign}{}", &text[..9], &text[9..]);
        issuer.refuses([
            ("header", issuer.sign_segments(&inserted(&header), &payload), Malformed),
            ("payload", issuer.sign_segments(&header, &inserted(&payload)), Malformed),
        ]);
    }
}

#[test]
fn js_10_unused_bits_are_zero() {
    let issuer = Issuer::new();
    let [header, _, _] = segments(&issuer.token());
    let mut odd = claims().to_string();
    while odd.len() % 3 != 1 {
        odd.insert(1, ' ');
    }
    let token = issuer.sign_segments(&header, &b64(&odd));
    assert_eq!(issuer.refusal(&token), None);
    let [_, payload, signature] = segments(&token);
    // The last letter of both carries two or four bits that decode to nothing.
    let mut tried = 0;
    for letter in ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['-', '_']) {
        let respelled = |text: &str| format!("{}{letter}", &text[..text.len() - 1]);
        let lenient = |text: &str| {
            let config = base64::engine::GeneralPurposeConfig::new()
                .with_decode_allow_trailing_bits(true)
                .with_encode_padding(false)
                .with_decode_padding_mode(base64::engine::DecodePaddingMode::RequireNone);
            let engine = base64::engine::GeneralPurpose::new(&base64::alphabet::URL_SAFE, config);
            base64::Engine::decode(&engine, text).unwrap()
        };
        if respelled(&payload) != payload && lenient(&respelled(&payload)) == odd.as_bytes() {
            tried += 1;
            let token = issuer.sign_segments(&header, &respelled(&payload));
            issuer.refuses([("payload, signed like that", token, Malformed)]);
        }
        if respelled(&signature) != signature && lenient(&respelled(&signature)) == unb64(&signature) {
            tried += 1;
            issuer.refuses([(
                "signature",
                format!("{header}.{payload}.{}", respelled(&signature)),
                Malformed,
            )]);
        }
    }
    assert_eq!(tried, 30);
}

#[test]
fn js_11_js_22_header_and_payload_are_objects() {
    let issuer = Issuer::new();
    let (header, payload) = (issuer.header().to_string(), claims().to_string());
    for other in
        ["[]", "\"x\"", "null", "1", "{", "", "\"admin\"", r#"[{"sub":"admin"}]"#, "42", "{}{}", "true"]
    {
        issuer.refuses([
            ("JS-11 header", issuer.sign(other, &payload), Malformed),
            ("JS-22 payload", issuer.sign(&header, other), Claim),
        ]);
    }
    // An array with the values of a struct in order is none either, whatever serde would make of it.
    let values: Vec<_> = claims().as_object().unwrap().values().cloned().collect();
    issuer.refuses([("JS-22 values", issuer.sign(&header, json!(values).to_string()), Claim)]);
}

#[test]
fn js_13_js_14_no_member_stands_twice() {
    let issuer = Issuer::new();
    let (header, payload) = (issuer.header().to_string(), claims().to_string());
    let in_header = |member: &str| format!("{{{member},{}", &header[1..]);
    let in_payload = |member: &str| format!("{{{member},{}", &payload[1..]);
    issuer.refuses([
        ("JS-13 claim", issuer.sign(&header, in_payload(r#""sub":"admin""#)), Claim),
        ("JS-13 claim, same value", issuer.sign(&header, in_payload(r#""gen":3"#)), Claim),
        ("JS-13 unknown claim", issuer.sign(&header, in_payload(r#""x":1,"x":1"#)), Claim),
        ("JS-13 nested", issuer.sign(&header, in_payload(r#""x":{"a":1,"a":2}"#)), Claim),
        ("JS-14 escaped claim", issuer.sign(&header, in_payload(r#""\u0073ub":"admin""#)), Claim),
        ("JS-14 escaped unknown claim", issuer.sign(&header, in_payload(r#""x":1,"\u0078":1"#)), Claim),
        ("JS-13 header", issuer.sign(in_header(r#""alg":"none""#), &payload), Malformed),
        ("JS-14 escaped header", issuer.sign(in_header(r#""\u0061lg":"none""#), &payload), Malformed),
        ("JS-13 unknown header", issuer.sign(in_header(r#""x":1,"x":1"#), &payload), Malformed),
    ]);
}

#[test]
fn js_15_json_is_utf_8_without_a_mark() {
    let issuer = Issuer::new();
    let (header, payload) = (issuer.header().to_string(), claims().to_string());
    type Encode = fn(&str) -> Vec<u8>;
    let encodings: [(&str, Encode); 5] = [
        ("byte order mark", |text| [b"\xef\xbb\xbf", text.as_bytes()].concat()),
        ("UTF-16LE", |text| text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("UTF-16BE", |text| text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        ("UTF-32LE", |text| text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect()),
        ("Latin-1", |text| [&text.as_bytes()[..text.len() - 1], b",\"x\":\"\xe9\"}"].concat()),
    ];
    for (name, encode) in encodings {
        issuer.refuses([
            (name, issuer.sign(encode(&header), &payload), Malformed),
            (name, issuer.sign(&header, encode(&payload)), Claim),
        ]);
    }
}

#[test]
fn js_17_js_18_js_19_headers_that_must_not_be_ignored() {
    let issuer = Issuer::new();
    let payload = claims().to_string();
    let cases = [
        ("JS-17", "crit", json!(["x-policy"])),
        ("JS-17", "crit", json!([])),
        ("JS-17", "crit", json!("exp")),
        ("JS-17", "crit", json!(["exp"])),
        ("JS-17", "crit", json!(["alg"])),
        ("JS-17", "crit", json!([1])),
        ("JS-17", "crit", json!(null)),
        ("JS-18", "b64", json!(false)),
        ("JS-18", "b64", json!(true)),
        ("JS-19", "zip", json!("DEF")),
        ("JS-21", "enc", json!("A256GCM")),
    ];
    for (row, name, value) in cases {
        let header = issuer.header_with(name, value).to_string();
        issuer.refuses([(row, issuer.sign(header, &payload), Malformed)]);
    }
    let mut header = issuer.header_with("b64", json!(false));
    header["crit"] = json!(["b64"]);
    let unencoded = issuer.sign_segments(&b64(header.to_string()), "{}");
    issuer.refuses([("JS-18 with an unencoded payload", unencoded, Malformed)]);
    // "DEFLATE, stored block" around the claims: nothing inflates it.
    let deflated = [&[1, 0, 1, 0xff, 0xfe][..], payload.as_bytes()].concat();
    let header = issuer.header_with("zip", json!("DEF")).to_string();
    issuer.refuses([("JS-19 deflated", issuer.sign(header, deflated), Malformed)]);
}

#[test]
fn js_25_js_26_text_is_taken_as_it_stands() {
    let issuer = Issuer::new();
    let token = issuer.token();
    let [header, payload, signature] = segments(&token);
    issuer.refuses([
        ("JS-25 encoded dots", token.replace('.', "%2e"), Malformed),
        ("JS-25 an encoded letter", format!("%65{}", &token[1..]), Malformed),
        ("JS-26 fullwidth dots", token.replace('.', "\u{ff0e}"), Malformed),
        ("JS-26 a fullwidth dot more", format!("{header}.{payload}.{signature}\u{ff0e}x"), Malformed),
        ("JS-26 a Cyrillic letter", format!("\u{435}{}", &token[1..]), Malformed),
        ("JS-26 raw JSON", format!("{}.{payload}.{signature}", issuer.header()), Malformed),
        ("a scheme left on", format!("Bearer {token}"), Malformed),
        ("white space around", format!(" {token}\n"), Malformed),
    ]);
}

#[test]
fn js_27_a_secret_has_its_whole_length() {
    let key = MacKey::new([1; 32]);
    let id = Uuid::from_u128(7);
    let secrets = [
        (SessionCookie::mint(id, [2; 24], &key).reveal(), "session"),
        (RefreshToken::mint(id, 1, &key).reveal(), "refresh"),
        (ClientSecret::mint(id, [3; 32]).reveal(), "client"),
    ];
    let parses = |text: &str| {
        let session = SessionCookie::parse(text).is_some();
        let refresh = RefreshToken::parse(text).is_some();
        [session, refresh, ClientSecret::parse(text).is_some()]
    };
    for (secret, kind) in &secrets {
        assert_eq!(parses(secret).iter().filter(|parsed| **parsed).count(), 1, "{kind}");
        for length in 0..secret.len() {
            assert_eq!(parses(&secret[..length]), [false; 3], "{kind} cut to {length}");
        }
        for length in 1..100 {
            assert_eq!(parses(&format!("{secret}{}", "A".repeat(length))), [false; 3], "{kind} + {length}");
        }
    }
    let issuer = Issuer::new();
    let token = issuer.token();
    for length in 0..token.len() {
        assert!(issuer.refusal(&token[..length]).is_some(), "cut to {length}");
    }
}

#[test]
fn js_29_a_secret_of_one_kind_is_none_of_another() {
    let key = MacKey::new([1; 32]);
    let id = Uuid::from_u128(7);
    let session = SessionCookie::mint(id, [2; 24], &key).reveal();
    let refresh = RefreshToken::mint(id, 1, &key).reveal();
    let client = ClientSecret::mint(id, [3; 32]).reveal();
    let issuer = Issuer::new();
    issuer.refuses([
        ("session", session.clone(), Malformed),
        ("refresh", refresh.clone(), Malformed),
        ("client", client.clone(), Malformed),
    ]);
    // Not even when the prefix is swapped: the MACs differ in place and in key derivation.
    let as_session = SessionCookie::parse(&refresh.replace("ref_", "ses_")).unwrap();
    let as_refresh = RefreshToken::parse(&session.replace("ses_", "ref_")).unwrap();
    assert!(!as_session.genuine(&key) && !as_refresh.genuine(&key));
    let client_as_session = SessionCookie::parse(&client.replace("key_", "ses_")).unwrap();
    assert!(!client_as_session.genuine(&key));
    for foreign in ["SES_", "ses-", "", "ses_ses_", " ses_", "Ses_"] {
        assert!(SessionCookie::parse(&session.replace("ses_", foreign)).is_none(), "{foreign}");
    }
    assert!(SessionCookie::parse_bytes(&[&session.as_bytes()[..67], b"\xff"].concat()).is_none());
}

#[test]
fn js_31_white_space_in_the_header_is_json() {
    let issuer = Issuer::new();
    let kid = issuer.key.kid();
    let payload = claims().to_string();
    for header in [
        format!(r#"{{ "kid" : "{kid}", "typ" : "at+jwt", "alg" : "ES256" }}"#),
        format!("\r\n{{\n\t\"typ\":\"at+jwt\",\"kid\":\"{kid}\",\n\t\"alg\":\"ES256\"}}\n"),
        format!(
            r#"{{"\u0061lg":"E\u005325\u0036","kid":"{kid}","typ":"application/AT+JWT","x":{{"a":[null]}}}}"#
        ),
    ] {
        let token = issuer.sign(&header, &payload);
        assert!(issuer.verifier.verify(&token, at(NOW)).is_ok(), "{header}");
    }
}

#[test]
fn jd_02_long_segments_are_refused_undecoded() {
    let issuer = Issuer::new();
    let [header, payload, signature] = segments(&issuer.token());
    let megabyte = "A".repeat(1_400_000);
    issuer.refuses([
        ("header", format!("{megabyte}.{payload}.{signature}"), TooLong),
        ("payload", format!("{header}.{megabyte}.{signature}"), TooLong),
        ("signature", format!("{header}.{payload}.{megabyte}"), TooLong),
        ("below 8 KiB, header above 1 KiB", format!("{}.{payload}.{signature}", "A".repeat(1025)), TooLong),
        ("below 8 KiB, signature above 1 KiB", format!("{header}.{payload}.{}", "A".repeat(1025)), TooLong),
        // Foreign letters do not matter: nothing was decoded.
        ("8 KiB and a byte", "?".repeat(8193), TooLong),
        ("8 KiB", "?".repeat(8192), Malformed),
    ]);
    // At the limit a header is read.
    let mut long = issuer.header();
    long["x"] = json!("");
    let room = 768 - long.to_string().len();
    long["x"] = json!("y".repeat(room));
    let token = issuer.sign(long.to_string(), claims().to_string());
    assert_eq!(token.find('.'), Some(1024));
    assert_eq!(issuer.refusal(&token), None);
    long["x"] = json!("y".repeat(room + 1));
    assert_eq!(issuer.refusal(&issuer.sign(long.to_string(), claims().to_string())), Some(TooLong));
}

#[test]
fn jd_03_a_million_dots_are_refused() {
    let issuer = Issuer::new();
    issuer.refuses([
        ("a million", ".".repeat(1_000_000), TooLong),
        ("as many as fit", ".".repeat(8192), Malformed),
        ("behind a good token", format!("{}{}", issuer.token(), ".".repeat(4000)), Malformed),
    ]);
}

#[test]
fn what_is_not_proved_is_named_so() {
    let issuer = Issuer::new();
    let foreign = Issuer::new().token();
    let compact = Compact::parse(&foreign).unwrap();
    assert_eq!(compact.payload_without_verifying().unwrap(), unb64(foreign.split('.').nth(1).unwrap()));
    assert_eq!(compact.verified_by(&issuer.key.verifying()).unwrap_err().kind(), Signature);
    assert_eq!(issuer.refusal(&foreign), Some(UnknownKey));
}
