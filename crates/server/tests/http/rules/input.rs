//! Malformed, repeated and oversized everything: each gets its code, nothing is a 500, nothing changes.

use serde_json::json;

use super::{ROUTES, with_somebody};
use crate::{chance::Chance, client::FORM, people::Key, raw, server::TestServer, time};

#[test]
fn jd_09_jd_10_long_and_deep_input_is_refused_fast() {
    let (server, cookie, _) = with_somebody();
    let before = server.picture(&cookie);
    let deep =
        |open: &str, close: &str, depth: usize| format!("{}{}", open.repeat(depth), close.repeat(depth));
    let json_bodies = [
        format!(r#"{{"identifier":{},"password":"x"}}"#, "9".repeat(60_000)),
        format!(r#"{{"identifier":"{}","password":"x"}}"#, "\\u0041".repeat(10_000)),
        format!(r#"{{"identifier":{},"password":"x"}}"#, deep("[", "]", 30_000)),
        format!(r#"{{"identifier":{}"x"{},"password":"x"}}"#, r#"{"a":"#.repeat(10_000), "}".repeat(10_000)),
        "[".repeat(60_000),
        r#"{"a":"#.repeat(10_000),
        format!("{{{}}}", (0..5_000).map(|n| format!("\"m{n}\":1")).collect::<Vec<_>>().join(",")),
        format!(r#"{{"identifier":1e{},"password":"x"}}"#, "9".repeat(50_000)),
    ];
    for path in ["/v1/users", "/v1/sessions", "/v1/tokens"] {
        for body in &json_bodies {
            let began = time::now();
            let answer = server.post(path).body("application/json", body.clone()).send();
            assert!(began.elapsed().as_millis() < 1000, "{path} {}", &body[..20]);
            // A login may find that such a name is nobody's.
            if path != "/v1/users" && answer.status == 401 {
                answer.problem(401, "invalid_credentials");
            } else {
                answer.problem(400, "invalid_request");
            }
        }
        for name in [
            "a@a.".repeat(12_000),
            "(".repeat(50_000),
            format!("{}!", "a".repeat(50_000)),
            "\u{301}".repeat(20_000),
        ] {
            let began = time::now();
            let body = json!({ "identifier": name, "password": "walnut 4 lantern over quarry" });
            let status = server.post(path).json(body).send().status;
            assert!(matches!(status, 400 | 401), "{path}: {status}");
            assert!(began.elapsed().as_millis() < 1000, "JD-10: {path}");
        }
    }
    for scope in ["a ".repeat(12_000), "x".repeat(50_000)] {
        let body = json!({ "identifier": "alice", "password": "x", "scope": scope });
        server.post("/v1/tokens").json(body).send().problem(400, "invalid_scope");
        server
            .post("/oauth/token")
            .form(&[("grant_type", "refresh_token"), ("refresh_token", "x"), ("scope", &scope)])
            .send()
            .is(400);
    }
    let many: Vec<(String, String)> = (0..3_000).map(|n| (format!("f{n}"), String::new())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let began = time::now();
    server.post("/oauth/token").form(&many).send().oauth_error(400, "invalid_request");
    assert!(began.elapsed().as_millis() < 2000);
    assert_eq!(server.picture(&cookie), before);
}

#[test]
fn cr_18_passwords_of_every_size_get_their_code() {
    let server = TestServer::start();
    // Words of one letter each are no listed word repeated.
    let sized = |bytes: usize| {
        "Tq7-zW4_kP2=hX9!"
            .chars()
            .cycle()
            .enumerate()
            .map(
                |(n, c)| if n % 16 == 15 { char::from(b'a' + u8::try_from(n / 16 % 26).unwrap()) } else { c },
            )
            .take(bytes)
            .collect::<String>()
    };
    for bytes in [64, 128, 1024] {
        let name = format!("user{bytes}");
        let body = json!({ "identifier": name, "password": sized(bytes) });
        server.post("/v1/users").json(body.clone()).send().gives(201);
        server.post("/v1/sessions").json(body).send().gives(201);
        let cut = json!({ "identifier": name, "password": sized(bytes - 1) });
        server.post("/v1/sessions").json(cut).send().problem(401, "invalid_credentials");
    }
    let long = json!({ "identifier": "user1025", "password": sized(1025) });
    // CR-18 would say 400 at registration too; CONTRACT: 422 with `too_long`.
    let problem = server.post("/v1/users").json(long.clone()).send().problem_with(422, "password_rejected");
    assert_eq!(problem["reasons"], json!(["too_long"]));
    server.post("/v1/sessions").json(long.clone()).send().problem(400, "invalid_request");
    server.post("/v1/tokens").json(long).send().problem(400, "invalid_request");
    for bytes in [100_000, 1_000_000] {
        let body = json!({ "identifier": "x", "password": "x".repeat(bytes) });
        server.post("/v1/sessions").json(body.clone()).send().problem(413, "payload_too_large");
        server.post("/v1/users").json(body).send().problem(413, "payload_too_large");
    }
}

#[test]
fn cr_21_what_is_not_utf_8_is_400() {
    let (server, cookie, _) = with_somebody();
    for bytes in [&b"\xff"[..], b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80"] {
        let body = [br#"{"identifier":"alice"#.as_slice(), bytes, br#"","password":"x"}"#].concat();
        for path in ["/v1/users", "/v1/sessions", "/v1/tokens"] {
            server.post(path).body("application/json", body.clone()).send().problem(400, "invalid_request");
        }
        let form = [b"grant_type=refresh_token&refresh_token=".as_slice(), bytes].concat();
        server.post("/oauth/token").body(FORM, form).send().oauth_error(400, "invalid_request");
    }
    // JS-15: no byte order mark, no other encoding.
    for body in [&b"\xef\xbb\xbf{}"[..], b"\xff\xfe{\0}\0", b"\0{\0}"] {
        server
            .patch("/v1/me")
            .cookie(&cookie)
            .body("application/json", body)
            .send()
            .problem(400, "invalid_request");
    }
    // Half a surrogate pair is no text.
    let body = r#"{"identifier":"\ud800","password":"x"}"#;
    server.post("/v1/users").body("application/json", body).send().problem(400, "invalid_request");
}

#[test]
fn repeated_parameters_and_types_are_refused() {
    let (server, cookie, _) = with_somebody();
    for query in ["?a=1", "?a=1&a=1", "?%61=1", "?=", "?=1", "?a", "?%ff=1", "?%=1", "?limit"] {
        server.get(&format!("/v1/me{query}")).cookie(&cookie).send().problem(400, "invalid_request");
    }
    for query in ["?", "?&", "?&&"] {
        server.get(&format!("/v1/me{query}")).cookie(&cookie).send().gives(200);
    }
    let twice = server.patch("/v1/me").cookie(&cookie).field("Content-Type", "application/json");
    twice.json(json!({ "profile": {} })).send().problem(415, "unsupported_media_type");
}

#[test]
fn jd_15_compressed_bodies_are_415_and_never_inflated() {
    let (server, cookie, _) = with_somebody();
    for coding in ["gzip", "deflate", "br", "zstd", "gzip, gzip", "x"] {
        let request = server.patch("/v1/me").cookie(&cookie).field("Content-Encoding", coding);
        let answer = request.json(json!({ "profile": {} })).send();
        assert_eq!(answer.field("accept-encoding"), Some("identity"));
        answer.problem(415, "unsupported_media_type");
        // The credential comes first.
        let anonymous = server.patch("/v1/me").field("Content-Encoding", coding);
        anonymous.json(json!({ "profile": {} })).send().problem(401, "no_session");
    }
    let request = server.patch("/v1/me").cookie(&cookie).field("Content-Encoding", "identity");
    request.json(json!({ "profile": {} })).send().gives(200);
}

#[test]
fn whatever_is_thrown_at_it_it_is_never_a_500() {
    let (server, cookie, token) = with_somebody();
    let before = server.picture(&cookie);
    let seed = Chance::seed();
    println!("SYMBOLON_TEST_SEED={seed}");
    let mut chance = Chance::new(seed, 0);
    let pieces = [
        "{",
        "}",
        "[",
        "]",
        "\"",
        ":",
        ",",
        "null",
        "true",
        "-1",
        "1e999",
        "\\u0000",
        "identifier",
        "password",
        "profile",
        "alice",
        "\u{0}",
        "\u{7f}",
        "é",
        "=",
        "&",
        "%",
        "%00",
        "+",
        "a",
        "access_token",
        "grant_type",
        "refresh_token",
        " ",
        "\n",
        "scope",
        "audience",
        "current",
        "new",
        "keep",
        "..",
        "/",
        "\\",
        "'",
        ";",
        "--",
        "<",
        "${",
        "{{",
    ];
    let types = [
        "application/json",
        FORM,
        "text/plain",
        "",
        "application/json; charset=utf-8",
        "*/*",
        ";",
        "application/problem+json",
    ];
    let paths: Vec<&str> = ROUTES.iter().map(|route| route.path).collect();
    for _ in 0..1500 {
        // What ends something is asked for without the credential.
        let method = *chance.pick(&["GET", "POST", "PATCH", "PUT", "HEAD", "OPTIONS", "DELETE"]).unwrap();
        let path = *chance.pick(&paths).unwrap();
        let text: String = (0..chance.below(12)).filter_map(|_| chance.pick(&pieces).copied()).collect();
        let target = match chance.below(4) {
            0 => format!("{path}?{}", crate::client::encode(&text)),
            1 => format!("{path}?{}", text.replace(|c: char| !c.is_ascii_graphic(), "")),
            _ => path.to_owned(),
        };
        let mut request = server.request(method, &target).same_origin();
        if method != "DELETE" {
            match chance.below(4) {
                0 => request = request.cookie(&cookie),
                1 => request = request.bearer(&token),
                2 => request = request.field("Authorization", &text.replace(|c: char| c.is_control(), "")),
                _ => {}
            }
        }
        let media_type = *chance.pick(&types).unwrap();
        // `send` itself refuses a 500.
        let answer = request.body(media_type, text.clone()).send();
        assert!(answer.status < 500, "{method} {target} {media_type} {text:?}: {}", answer.comparable());
        assert!(!matches!(answer.status, 201..=203), "{method} {target} {text:?}: {}", answer.comparable());
    }
    assert_eq!(server.picture(&cookie), before);
}

#[test]
fn odd_requests_on_the_wire_are_never_a_500() {
    let (server, cookie, _) = with_somebody();
    let seed = Chance::seed();
    println!("SYMBOLON_TEST_SEED={seed}");
    let mut chance = Chance::new(seed, 1);
    let good = format!(
        "POST /v1/me HTTP/1.1\r\nHost: a\r\nConnection: close\r\nCookie: symbolon={cookie}\r\nContent-Type: {FORM}\r\nSec-Fetch-Site: none\r\n\
         Content-Length: 3\r\n\r\na=b"
    )
    .into_bytes();
    for _ in 0..400 {
        let mut bytes = good.clone();
        for _ in 0..=chance.below(3) {
            let at = usize::try_from(chance.below(u64::try_from(bytes.len()).unwrap())).unwrap();
            match chance.below(3) {
                0 => bytes[at] = u8::try_from(chance.below(256)).unwrap(),
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, *chance.pick(b"\r\n\0 :\xff;=,").unwrap()),
            }
        }
        for answer in raw::send_and_hang_up(server.address(), &bytes) {
            assert!(answer.status < 500, "{:?}: {}", String::from_utf8_lossy(&bytes), answer.comparable());
        }
    }
    assert!(server.opens(&Key::Cookie(cookie)));
}

#[test]
fn cr_30_jc_27_strings_for_other_machines_are_just_strings() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let cookie = server.cookie(&alice);
    let before = server.picture(&cookie);
    for name in [
        "' OR 1=1--",
        "alice' --",
        "alice\"; DROP TABLE users; --",
        "*)(uid=*))(|(uid=*",
        "{\"$ne\":null}",
        "${jndi:ldap://x}",
        "{{7*7}}",
        "%27%20OR%201=1",
        "alice\0",
        "\u{0}alice",
        "alice\r\nX: y",
    ] {
        let body = json!({ "identifier": name, "password": "not the password at all" });
        server.post("/v1/sessions").json(body.clone()).send().problem(401, "invalid_credentials");
        server.post("/v1/tokens").json(body).send().problem(401, "invalid_credentials");
    }
    assert_eq!(server.picture(&cookie), before);
    assert_eq!(server.log.text().lines().count(), server.log.events().len(), "LG-03: one event, one line");
}

#[test]
fn jd_05_nested_parentheses_in_a_query_are_text() {
    let server = TestServer::start();
    let nested = format!("{}x{}", "(".repeat(1500), ")".repeat(1500));
    let pid = server.pid();
    for path in
        ["/v1/admin/users?identifier=", "/v1/admin/users?filter=", "/v1/me?x=", "/v1/admin/audit?after="]
    {
        let path = format!("{path}{nested}");
        let status = server.get(&path).send().status;
        assert!([400, 401, 404].contains(&status), "{path}: {status}");
    }
    assert_eq!(server.pid(), pid);
    assert!(server.opens(&Key::Cookie(server.cookie(&server.person("alice")))));
}
