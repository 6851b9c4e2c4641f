//! Starting: what is said, what is refused, and that danger is told.

use std::process::Stdio;

use serde_json::Value;

use crate::{
    client::SetCookie,
    server::{TestServer, refused},
};

#[test]
fn without_an_issuer_it_is_where_it_listens() {
    let server = TestServer::with(|settings| settings.unset("server.issuer"));
    let issuer = server.get("/.well-known/oauth-authorization-server").send().json()["issuer"].clone();
    assert_eq!(issuer, format!("http://{}", server.address()));
    // Its own pages may write, those of another port may not.
    let cookie = server.login(&server.person("alice"));
    let SetCookie { name, value, .. } = cookie.cookies()[0].clone();
    let line = format!("{name}={value}");
    let logout = |origin: &str| {
        server.delete("/v1/sessions/current").field("Cookie", &line).field("Origin", origin).send()
    };
    logout("http://127.0.0.1:1").problem(403, "csrf_rejected");
    logout(&format!("http://localhost:{}", server.address().port())).problem(403, "csrf_rejected");
    logout(issuer.as_str().unwrap()).no_content();
}

#[test]
fn the_address_is_said_on_standard_output() {
    let mut server = TestServer::with(|settings| settings.unset("server.issuer"));
    server.stop();
    let mut child = server.command().stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line)
        .unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(line.starts_with("Symbolon is at http://127.0.0.1:"), "{line}");
}

#[test]
fn an_address_that_others_can_reach_wants_an_https_issuer() {
    let mut server = TestServer::start();
    server.stop();
    for issuer in ["http://auth.example.com", "http://127.0.0.1:7117"] {
        let said = refused(server.command_at("0.0.0.0:0").env("SYMBOLON_SERVER_ISSUER", issuer));
        assert!(said.contains("server.listen") || said.contains("server.issuer"), "{said}");
    }
    let said = refused(server.command().env("SYMBOLON_SERVER_ISSUER", "http://auth.example.com"));
    assert!(said.contains("https"), "{said}");
}

#[test]
fn unknown_settings_and_those_beyond_their_bounds_do_not_start() {
    let mut server = TestServer::start();
    server.stop();
    for (name, value, setting) in [
        ("SYMBOLON_TOKEN_REFRESH_GRACE", "500ms", "token.refresh_grace"),
        ("SYMBOLON_TOKEN_ACCESS_LIFE", "25h", "token.access_life"),
        ("SYMBOLON_TOKEN_LEEWAY", "61s", "token.leeway"),
        ("SYMBOLON_SESSION_ABSOLUTE", "401d", "session.absolute"),
        ("SYMBOLON_PASSWORD_MIN_LENGTH", "7", "password.min_length"),
        ("SYMBOLON_TOKEN_ROTATE_EVERY", "1m", "token.rotate_every"),
        ("SYMBOLON_TOKEN_ACESS_LIFE", "5m", "acess_life"),
        ("SYMBOLON_COOKIE_NAME", "__Host-x", "cookie.name"),
    ] {
        let said = refused(server.command().env(name, value));
        assert!(said.contains(setting), "{name}: {said}");
    }
    // JC-26: a profile never speaks in a verifier's words.
    for claim in ["sub", "iss", "aud", "exp", "roles", "cnf", "id", "gen", "sid"] {
        let said = refused(server.command().env("SYMBOLON_TOKEN_CLAIMS", format!("{claim}=name")));
        assert!(said.contains("token.claims"), "{claim}: {said}");
    }
    server.up();
}

#[test]
fn em_10_danger_is_told_at_every_start() {
    let server = TestServer::start();
    let warnings: Vec<Value> =
        server.log.events().into_iter().filter(|event| event["level"] == "WARN").collect();
    for setting in ["unsafe_argon2_m", "unsafe_argon2_t"] {
        assert!(
            warnings.iter().any(|event| event["message"].as_str().is_some_and(|text| text.contains(setting))),
            "{setting}: {warnings:?}"
        );
    }
}

/// What tests pass in (a clock with hands, chance that repeats) nobody else can ask for: no setting, switch or feature leads to it.
#[test]
fn em_10_no_setting_switch_or_feature_brings_a_clock_or_chance_of_tests() {
    let mut server = TestServer::start();
    server.stop();
    for name in ["server.clock", "server.seed", "server.unsafe_clock", "password.dangerous"] {
        let variable = format!("SYMBOLON_{}", name.replace('.', "_").to_uppercase());
        let said = refused(server.command().env(&variable, "1"));
        assert!(said.contains("unknown") || said.contains(&variable), "{variable}: {said}");
    }
    for switch in ["--clock=1", "--seed=1", "--test", "--dangerous"] {
        let output = server.command().arg(switch).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{switch}: {output:?}");
    }
    let crates = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let manifests = crates.read_dir().unwrap().map(|entry| entry.unwrap().path().join("Cargo.toml"));
    let manifests: Vec<_> = manifests.filter(|path| path.exists()).collect();
    assert!(manifests.len() >= 7, "{manifests:?}");
    for manifest in manifests {
        let text = std::fs::read_to_string(&manifest).unwrap();
        assert!(!text.contains("\n[features]"), "{}: what would a feature switch on?", manifest.display());
    }
}

#[test]
fn lg_13_what_it_holds_in_memory_is_dumped_into_no_file() {
    let server = TestServer::start();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.pid().as_raw_nonzero())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let [soft, hard] = [4, 5].map(|column| core.split_whitespace().nth(column).unwrap());
    assert_eq!((soft, hard), ("0", "0"), "{core}");
}
