//! `symbolon token inspect`.

use std::io::Write;

use serde_json::{Value, json};

use crate::place::{PASSWORD, Place};

/// RFC 7519 §3.1: somebody else's, and long over.
const FOREIGN: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

fn part(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
}

#[test]
fn a_foreign_token_needs_no_server_and_no_installation() {
    let place = Place::new();
    let shown = place.ok(&["token", "inspect", FOREIGN]);
    for expected in [
        "JSON Web Token, 179 bytes, HS256",
        "iss joe",
        "exp 2011-03-22 18:43:00 UTC, 15 years ago (1300819380)",
        "Signature 32 bytes",
        "! It expired 15 years ago.",
    ] {
        assert!(collapsed(&shown).contains(expected), "{expected}: {shown}");
    }
    let by_input = place.run_with(&["token", "inspect"], &format!("Authorization: Bearer {FOREIGN}\n"));
    assert_eq!(by_input.out, shown);
    assert_eq!(place.run_with(&["token", "inspect", "-"], FOREIGN).out, shown);
    let json = place.json(&["token", "inspect", FOREIGN]);
    assert_eq!(
        (&json["kind"], &json["claims"]["iss"], &json["times"]["exp"]),
        (&json!("jwt"), &json!("joe"), &json!("2011-03-22T18:43:00.000Z"))
    );
    assert!(!place.path("symbolon-data").exists());
}

fn collapsed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn our_own_token_is_verified_until_it_is_revoked() {
    let place = Place::new();
    place.user("ada");
    let server = place.serve();
    let (_, token) = server.login("ada", PASSWORD);
    let shown = place.ok(&["token", "inspect", "--verify", &token]);
    for expected in
        ["typ at+jwt", &format!("iss {}", server.base), "UTC, in ", "key known here", "accepted yes, now"]
    {
        assert!(collapsed(&shown).contains(expected), "{expected}: {shown}");
    }
    let verified = place.json(&["token", "inspect", "--verify", &token]);
    assert_eq!(verified["verification"]["active"], true);

    // Another payload under the same signature; the signature cut off; another key.
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    let forged = format!("{header}.{}.{signature}", part("{\"iss\":\"x\"}"));
    let said = place.fails(1, &["token", "inspect", "--verify", &forged]);
    assert!(said.contains("is of x, and this installation is"), "{said}");
    let said = place.fails(1, &["token", "inspect", "--verify", &format!("{header}.{payload}.")]);
    assert!(said.contains("signature"), "{said}");
    let said = place.fails(
        1,
        &[
            "token",
            "inspect",
            "--verify",
            &format!("{}.{payload}.{signature}", part("{\"alg\":\"ES256\",\"kid\":\"0000000000000000\"}")),
        ],
    );
    assert!(said.contains("its key is not one of"), "{said}");
    assert!(place.fails(1, &["token", "inspect", "--verify", FOREIGN]).contains("is of joe"));

    place.ok(&["session", "end", "ada", "--all"]);
    let ran = place.run(&["token", "inspect", "--verify", "--json", &token]);
    let verified: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, &verified["verification"]["revoked"]), (Some(1), &json!(true)), "{ran}");
    assert!(ran.err.contains("it was revoked"), "{ran}");
}

#[test]
fn secrets_of_ours_are_named_and_not_repeated() {
    let place = Place::new();
    place.user("ada");
    let secret = place.ok(&["client", "add", "x", "--scope", "check"]).trim_end().to_owned();
    let server = place.serve();
    let body = json!({ "identifier": "ada", "password": PASSWORD });
    let (_, answer) = server.send("POST", "/v1/tokens", None, Some(&body));
    let refresh = answer["refresh_token"].as_str().unwrap();
    let shown = place.ok(&["token", "inspect", refresh]);
    assert!(
        shown.contains("refresh token of Symbolon's")
            && shown.contains(answer["session_id"].as_str().unwrap()),
        "{shown}"
    );
    assert!(!shown.contains(refresh));
    assert_eq!(place.json(&["token", "inspect", refresh])["counter"], 0);
    let shown = place.ok(&["token", "inspect", &secret]);
    assert!(shown.contains("client secret") && !shown.contains(&secret), "{shown}");
    assert!(place.fails(1, &["token", "inspect", "--verify", refresh]).contains("this is none"));
}

#[test]
fn garbage_is_told_and_not_repeated() {
    let place = Place::new();
    for garbage in [
        "",
        "canary",
        "canary.canary.canary",
        "e30.canary!.x",
        "W10.e30.e30",
        "ses_canary",
        "a.b.c.d",
        "....",
    ] {
        let ran = place.run_with(&["token", "inspect"], garbage);
        assert!(ran.code == Some(1) && ran.out.is_empty() && !ran.err.contains("canary"), "{garbage}: {ran}");
        assert!(ran.err.starts_with("symbolon: ") && ran.err.lines().count() == 1, "{ran}");
    }
    let mut child = place
        .command(&["token", "inspect"])
        .stdin(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || drop(stdin.write_all(&vec![b'x'; 3 * 1024 * 1024])));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.code() == Some(1) && String::from_utf8_lossy(&output.stderr).contains("1 MiB"));
    assert_eq!(place.run_with(&["token", "inspect"], "\u{1b}]0;x\u{7}").code, Some(1));
}

#[test]
fn lg_03_a_token_cannot_speak_to_the_terminal() {
    let place = Place::new();
    let hostile = "\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}gpj\r\n\u{7f}";
    let claims = json!({ "iss": hostile, hostile: hostile, "exp": 1 }).to_string();
    let token = format!(
        "{}.{}.{}",
        part(&json!({ "alg": hostile, "kid": hostile }).to_string()),
        part(&claims),
        part("x")
    );
    for ran in [place.run(&["token", "inspect", &token]), place.run(&["token", "inspect", "--json", &token])]
    {
        assert_eq!(ran.code, Some(0), "{ran}");
        let speaks = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!ran.out.contains(speaks) && !ran.err.contains(speaks), "{:?}", ran.out);
        assert!(ran.out.contains("owned"));
    }
}
