//! Users from elsewhere: an alien hash opens, is replaced at the first login, and is bounded like everything that was not made
//! here (CR-19, CR-31).

use serde_json::json;

use crate::server::TestServer;

const PASSWORD: &str = "walnut lantern over quarry";

/// [`PASSWORD`] as other systems keep it.
const HASHES: [(&str, &str); 4] = [
    ("bcrypt", "$2b$04$abcdefghijklmnopqrstuuU9s418.CYmV.J.jWpPfle4.HRoPgid2"),
    ("apr1", "$apr1$abcdefgh$zmISlGrcxPVQKgpytF75a."),
    ("sha1", "{SHA}F2/zrg6waezcRkNEdxZf6HX+at0="),
    ("django", "pbkdf2_sha256$1000$saltsaltsalt$AMKTVTNmqpIueoMqGn1qaBezwnReLn6xNpkuUihf1aI="),
];

/// Imports them by the command line, each on a line of its own.
fn import(server: &TestServer, users: &[(&str, &str)]) {
    let lines: Vec<String> = users
        .iter()
        .map(|(identifier, hash)| json!({ "identifier": identifier, "password_hash": hash }).to_string())
        .collect();
    let file = server.data().with_file_name("users.jsonl");
    std::fs::write(&file, lines.join("\n")).unwrap();
    server.cli(&["user", "import", file.to_str().unwrap()]);
}

fn login(server: &TestServer, identifier: &str, password: &str) -> u16 {
    server.post("/v1/sessions").json(json!({ "identifier": identifier, "password": password })).send().status
}

/// Whether any file of the store holds this text.
fn stored(server: &TestServer, text: &str) -> bool {
    let files = std::fs::read_dir(server.data()).unwrap();
    files
        .filter_map(|file| std::fs::read(file.unwrap().path()).ok())
        .any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
}

#[test]
fn an_alien_hash_opens_and_is_replaced_at_the_first_login() {
    let mut server = TestServer::start();
    import(&server, &HASHES);
    for (identifier, _) in HASHES {
        assert_eq!(login(&server, identifier, "walnut lantern over quarrx"), 401, "{identifier}");
        assert_eq!(login(&server, identifier, PASSWORD), 201, "{identifier}");
        assert_eq!(login(&server, identifier, PASSWORD), 201, "{identifier}: and again, by the new hash");
    }
    server.stop();
    for (identifier, hash) in HASHES {
        assert!(!stored(&server, hash), "{identifier}: LG-11");
    }
    server.up();
}

#[test]
fn cr_19_a_hash_that_looks_at_72_bytes_is_not_asked_about_more() {
    let server = TestServer::start();
    // Of 72 bytes and five more, of which bcrypt knows nothing.
    import(&server, &[("alice", "$2b$04$abcdefghijklmnopqrstuulxYO3B1nmIzhzTibMgPMRODa0jstveO")]);
    let cut = "w".repeat(72);
    for long in [format!("{cut}alnut"), format!("{cut}other"), format!("{cut}x")] {
        assert_eq!(login(&server, "alice", &long), 401);
    }
    assert_eq!(login(&server, "alice", &cut), 201);
}
