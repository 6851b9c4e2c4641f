//! Which passwords are the same, and which may be had (CR).

use serde_json::json;

use crate::server::TestServer;

fn register(server: &TestServer, identifier: &str, password: &str) -> u16 {
    server.post("/v1/users").json(json!({ "identifier": identifier, "password": password })).send().status
}

fn login(server: &TestServer, identifier: &str, password: &str) -> u16 {
    server.post("/v1/sessions").json(json!({ "identifier": identifier, "password": password })).send().status
}

#[test]
fn cr_22_a_password_is_its_nfc_and_nothing_else_is_done_to_it() {
    let server = TestServer::with(|settings| settings.set("throttle.account_tries", "50"));
    let composed = "Crème brûlée für Zoë, señor ﬁn";
    let decomposed = "Cre\u{300}me bru\u{302}le\u{301}e fu\u{308}r Zoe\u{308}, sen\u{303}or ﬁn";
    assert_eq!(register(&server, "a", composed), 201);
    assert_eq!(login(&server, "a", decomposed), 201);
    assert_eq!(register(&server, "b", decomposed), 201);
    assert_eq!(login(&server, "b", composed), 201);
    for other in [
        composed.replace('ﬁ', "fi"),
        format!(" {composed}"),
        format!("{composed} "),
        composed.to_lowercase(),
        composed.replace(' ', "\u{a0}"),
        composed.replace(' ', ""),
        composed.replace('è', "e"),
    ] {
        assert_eq!(login(&server, "a", &other), 401, "{other:?}");
    }
    assert_eq!(register(&server, "c", "  leading and trailing lanterns  "), 201);
    assert_eq!(login(&server, "c", "  leading and trailing lanterns  "), 201);
    assert_eq!(login(&server, "c", "leading and trailing lanterns"), 401);
}

#[test]
fn cr_23_length_counts_code_points() {
    let server = TestServer::start();
    assert_eq!(register(&server, "a", "🦊🐢🍋🎻🚲🧭🌵🦉🪁🎲🧵🪐🐙🍄🧊"), 201, "15 code points");
    assert_eq!(register(&server, "b", "🦊🐢🍋🎻🚲🧭🌵🦉🪁🎲🧵🪐🐙🍄"), 422, "14, though 56 bytes");
    assert_eq!(register(&server, "c", "x9 kq wz7 vb3 m"), 201);
    assert_eq!(register(&server, "d", "x9 kq wz7 vb3 "), 422);
}

#[test]
fn cr_25_there_are_no_composition_rules() {
    let server = TestServer::start();
    for (identifier, password) in [
        ("a", "walnutlanternoverquarry"),
        ("b", "зимний чемодан без ручки"),
        ("c", "ORANGE TEAPOT UNDER MOUNTAIN"),
        ("d", "walnut lantern, over; \"quarry\" \\ '--"),
        ("e", "tab\tand\u{1f}control\u{7f} and zero\u{0}"),
    ] {
        assert_eq!(register(&server, identifier, password), 201, "{password}");
        assert_eq!(login(&server, identifier, password), 201, "{password}");
    }
}

#[test]
fn cr_19_cr_39_every_byte_counts() {
    let server = TestServer::start();
    let long = "walnut lantern over quarry, ".repeat(10);
    let (one, other) = (format!("{long}1"), format!("{long}2"));
    assert_eq!(register(&server, "alice", &one), 201);
    assert_eq!(login(&server, "alice", &other), 401, "equal in far more than 72 bytes");
    assert_eq!(login(&server, "alice", &one), 201);
    // Name and password do not run into each other, however long they are.
    let name = "n".repeat(63);
    assert_eq!(register(&server, &name, &one), 201);
    assert_eq!(login(&server, &format!("{name}w"), &one[1..]), 401);
    assert_eq!(login(&server, &name, &one), 201);
}

#[test]
fn a_shorter_minimum_is_the_operators_to_set() {
    let server = TestServer::with(|settings| settings.set("password.min_length", "8"));
    assert_eq!(register(&server, "a", "kT9#vW2$"), 201);
    assert_eq!(register(&server, "b", "kT9#vW2"), 422);
    assert_eq!(register(&server, "c", "password"), 422);
}

#[test]
fn cr_35_credentials_in_the_address_are_not_taken() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let query = format!("identifier=alice&password={}", crate::client::encode(&alice.password));
    server.get(&format!("/v1/sessions?{query}")).send().problem(401, "no_session");
    server.post(&format!("/v1/sessions?{query}")).json(json!({})).send().problem(400, "invalid_request");
    server.post(&format!("/v1/tokens?{query}")).json(json!({})).send().problem(400, "invalid_request");
    let absolute = format!("http://alice:{}@127.0.0.1/v1/me", crate::client::encode(&alice.password));
    server.get(&absolute).send().problem(400, "invalid_request");
    assert!(!server.log.text().contains("lantern"), "and stand in no log");
}
