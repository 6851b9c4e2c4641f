//! `symbolon doctor`, on installations that are well and on some that are not.

use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::Value;

use crate::place::{PASSWORD, Place};

/// The findings of a check, as (level, text and advice).
pub(crate) fn findings(place: &Place, arguments: &[&str]) -> (Option<i32>, Vec<(String, String, String)>) {
    let ran = place.run(&[&["doctor", "--json"], arguments].concat());
    let all: Value = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran}"));
    let text = |finding: &Value, member: &str| finding[member].as_str().unwrap_or_default().to_owned();
    let told = all.as_array().unwrap().iter().map(|finding| {
        assert_eq!(
            finding["level"] == "ok",
            finding.get("advice").is_none(),
            "what is not well has advice: {finding}"
        );
        (
            text(finding, "level"),
            text(finding, "check"),
            format!("{} {}", text(finding, "found"), text(finding, "advice")),
        )
    });
    (ran.code, told.collect())
}

/// A finding of this level and check that says this.
#[track_caller]
pub(crate) fn finds(place: &Place, level: &str, check: &str, said: &str) {
    let (code, all) = findings(place, &[]);
    let found = all.iter().any(|(l, c, text)| l == level && c == check && text.contains(said));
    assert!(found, "{level} {check} {said:?} is not in {all:#?}");
    assert_eq!(code, Some(i32::from(all.iter().any(|(level, ..)| level == "fail"))), "{all:#?}");
}

fn mode(place: &Place, name: &str, mode: u32) {
    std::fs::set_permissions(place.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_running_installation_is_well() {
    let place = Place::new();
    place.run_with(&["user", "add", "--role", "admin", "ada"], PASSWORD);
    let server = place.serve();
    let (code, all) = findings(&place, &[]);
    assert_eq!(code, Some(0), "{all:#?}");
    for check in [
        "clock",
        "settings",
        "hashing",
        "address",
        "data folder",
        "files",
        "disk",
        "open files",
        "master key",
        "server",
        "schema",
        "issuer",
        "keys",
        "store",
        "administrator",
    ] {
        assert!(all.iter().any(|(level, name, _)| level == "ok" && name == check), "{check}: {all:#?}");
    }
    // But for the cheap hashing of these tests, and perhaps this machine's disk and limits.
    let others = ["settings", "disk", "open files"];
    assert!(all.iter().all(|(level, name, _)| level == "ok" || others.contains(&name.as_str())), "{all:#?}");
    let text = place.ok(&["doctor"]);
    assert!(
        text.contains("is reached, and its metadata says the same") && text.contains("Nothing fails"),
        "{text}"
    );
    drop(server);
}

#[test]
fn without_a_server_the_store_is_looked_into_and_left_alone() {
    let place = Place::new();
    finds(&place, "warn", "data folder", "does not exist yet");
    assert!(!place.path("symbolon-data").exists(), "looking makes nothing");
    place.user("ada");
    finds(&place, "warn", "server", "no server runs");
    finds(&place, "ok", "master key", "the store's own");
    finds(&place, "warn", "administrator", "symbolon user add --role admin");
    place.ok(&["user", "role", "ada", "--add", "admin"]);
    finds(&place, "ok", "administrator", "there is one");
    place.ok(&["user", "disable", "ada"]);
    finds(&place, "warn", "administrator", "nobody");
}

#[test]
fn settings_that_do_not_load_are_all_told() {
    let place = Place::new();
    place.settings("[session]\nfreshh = \"5m\"\nidle = 3");
    finds(&place, "fail", "settings", "did you mean session.fresh?");
    finds(&place, "fail", "settings", "session.idle wants");
    place.settings("issuer = \"http://example.org\"");
    finds(&place, "fail", "settings", "loopback");
}

#[test]
fn st_34_open_modes_and_links_are_found() {
    let place = Place::new();
    place.user("ada");
    for (name, open, level, check, said) in [
        ("symbolon-data", 0o755, "warn", "data folder", "chmod 700"),
        ("symbolon-data", 0o777, "fail", "data folder", "anybody may write"),
        ("symbolon-data/symbolon.db", 0o644, "fail", "files", "symbolon.db is open to others (mode 0644)"),
        ("symbolon-data/master.key", 0o640, "fail", "files", "master.key is open to others"),
    ] {
        let before = std::fs::metadata(place.path(name)).unwrap().permissions();
        mode(&place, name, open);
        finds(&place, level, check, said);
        std::fs::set_permissions(place.path(name), before).unwrap();
    }
    std::fs::rename(place.path("symbolon-data/master.key"), place.path("elsewhere")).unwrap();
    symlink(place.path("elsewhere"), place.path("symbolon-data/master.key")).unwrap();
    finds(&place, "fail", "files", "symbolic link");
    finds(&place, "fail", "master key", "symbolic link");
}

#[test]
fn km_05_a_master_key_that_is_lost_damaged_or_another_one_is_found() {
    let place = Place::new();
    place.user("ada");
    let right = std::fs::read_to_string(place.path("symbolon-data/master.key")).unwrap();
    let another = right
        .chars()
        .map(|c| if c == '1' { '2' } else { '1' })
        .take(63)
        .chain(['0', '\n'])
        .collect::<String>();
    place.write("symbolon-data/master.key", &another, 0o600);
    let (code, all) = findings(&place, &[]);
    assert_eq!(code, Some(1));
    assert!(
        all.iter()
            .any(|(level, _, said)| level == "fail" && said.contains("not the one this store was made with")),
        "{all:#?}"
    );
    place.write("symbolon-data/master.key", "0123", 0o600);
    finds(&place, "fail", "master key", "64 hexadecimal digits");
    std::fs::remove_file(place.path("symbolon-data/master.key")).unwrap();
    finds(&place, "fail", "master key", "is missing");
    // A server that runs has its key; the file is the next start's.
    place.write("symbolon-data/master.key", &right, 0o600);
    let server = place.serve();
    finds(&place, "ok", "master key", "the store's own");
    place.write("symbolon-data/master.key", &another, 0o600);
    finds(&place, "fail", "master key", "the next start will be refused");
    for text in [&right, &another] {
        let ran = place.run(&["doctor"]);
        assert!(!format!("{ran}").contains(text.trim()), "lg_10");
    }
    drop(server);
}

#[test]
fn a_damaged_store_and_one_held_without_a_socket_are_found() {
    let place = Place::new();
    place.user("ada");
    let server = place.serve();
    std::fs::remove_file(place.path("symbolon-data/admin.sock")).unwrap();
    finds(&place, "fail", "server", "is held by process");
    drop(server);
    for beside in ["symbolon.db-wal", "symbolon.db-shm"] {
        std::fs::remove_file(place.path("symbolon-data").join(beside)).ok();
    }
    place.write("symbolon-data/symbolon.db", vec![b'x'; 8192], 0o600);
    finds(&place, "fail", "schema", "symbolon.db");
}

#[test]
fn an_issuer_that_leads_elsewhere_is_found() {
    let place = Place::new();
    place.user("ada");
    // A port of this machine on which something else listens.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let elsewhere = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]);
        let body = "{\"issuer\":\"http://localhost:1\"}";
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
    });
    place.settings(&format!("issuer = \"http://127.0.0.1:{port}\""));
    let server = place.serve();
    finds(&place, "fail", "issuer", "calls itself http://localhost:1");
    elsewhere.join().unwrap();
    // And now nobody answers there.
    finds(&place, "fail", "issuer", "cannot be reached");
    drop(server);
    place.settings("issuer = \"https://id.example.org\"");
    finds(&place, "warn", "address", "server.trusted_proxies");
}

#[test]
fn ht_09_a_proxy_that_the_settings_do_not_name_is_found() {
    let place = Place::new();
    let server = place.serve();
    let proxies =
        |place: &Place| findings(place, &[]).1.into_iter().filter(|(_, check, _)| check == "proxy").count();
    assert_eq!(proxies(&place), 0, "nothing was forwarded yet");
    server.forward("203.0.113.7");
    finds(&place, "warn", "proxy", "127.0.0.1 sends forwarding headers and is not in server.trusted_proxies");
}

fn pem(what: &str, der: &[u8]) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN {what}-----\n{text}\n-----END {what}-----\n")
}

#[test]
fn certificates_are_read_and_their_end_is_told() {
    let place = Place::new();
    let pair = |ends: i32, name: &str| {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(ends, 1, 1);
        let certificate = params.self_signed(&key).unwrap();
        place.write("cert.pem", pem("CERTIFICATE", certificate.der()), 0o644);
        place.write("key.pem", pem("PRIVATE KEY", &key.serialize_der()), 0o600);
    };
    place.settings(
        "issuer = \"https://id.example.org\"\n[tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"",
    );
    finds(&place, "fail", "certificate", "does not exist");
    pair(2090, "id.example.org");
    finds(&place, "ok", "certificate", "is valid until 2090-01-01");
    pair(2090, "other.example.org");
    finds(&place, "fail", "certificate", "not for id.example.org");
    pair(2026, "id.example.org");
    finds(&place, "fail", "certificate", "ended on 2026-01-01");
    place.write("key.pem", pem("PRIVATE KEY", &rcgen::KeyPair::generate().unwrap().serialize_der()), 0o600);
    finds(&place, "fail", "certificate", "does not belong to");
}
