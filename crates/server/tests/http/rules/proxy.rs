//! Whose request it is: forwarding headers count from a trusted peer only (HT-09, HT-10, HT-11).

use serde_json::json;

use crate::{people::Person, server::TestServer};

/// The address that a login with these fields is remembered with.
fn seen(server: &TestServer, alice: &Person, fields: &[(&str, &str)]) -> String {
    let body = json!({ "identifier": alice.identifier, "password": alice.password });
    let request =
        fields.iter().fold(server.post("/v1/sessions"), |request, (name, value)| request.field(name, value));
    let session = request.json(body).send().gives(201);
    session["device"]["address"].as_str().unwrap().to_owned()
}

#[test]
fn ht_09_ht_11_a_stranger_says_nothing_about_itself() {
    let server = TestServer::start();
    let alice = server.person("alice");
    for name in ["X-Forwarded-For", "X-Real-IP", "True-Client-IP", "CF-Connecting-IP", "X-Client-IP"] {
        assert_eq!(seen(&server, &alice, &[(name, "192.0.2.1")]), "127.0.0.1", "{name}");
    }
    assert_eq!(seen(&server, &alice, &[("Forwarded", "for=192.0.2.1")]), "127.0.0.1");
    for name in [
        "X-User",
        "Remote-User",
        "X-Remote-User",
        "X-Auth-Request-Email",
        "X_Forwarded_User",
        "X-Forwarded-User",
        "X-Webauth-User",
    ] {
        server.get("/v1/me").field(name, "alice").field(name, &alice.id).send().problem(401, "no_session");
    }
    for name in ["X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Prefix"] {
        server.get("/healthz").field(name, "/v1/me").send().is(200);
    }
}

#[test]
fn ht_10_of_a_trusted_peer_the_right_most_stranger_counts() {
    let server = TestServer::with(|settings| {
        settings.set("server.trusted_proxies", r#"["127.0.0.0/8", "10.0.0.0/8"]"#);
    });
    let alice = server.person("alice");
    let forwarded = |value: &str| seen(&server, &alice, &[("X-Forwarded-For", value)]);
    assert_eq!(forwarded("192.0.2.1"), "192.0.2.1");
    assert_eq!(forwarded("198.51.100.7, 192.0.2.1"), "192.0.2.1", "what stands left of it is hearsay");
    assert_eq!(forwarded("198.51.100.7, 192.0.2.1, 10.1.2.3"), "192.0.2.1");
    assert_eq!(forwarded("2001:db8::1"), "2001:db8::1");
    assert_eq!(forwarded("::ffff:192.0.2.9"), "192.0.2.9");
    assert_eq!(
        seen(&server, &alice, &[("X-Forwarded-For", "1.1.1.1"), ("X-Forwarded-For", "192.0.2.1")]),
        "192.0.2.1"
    );
    for garbage in ["", "unknown", "_hidden", "for=1.1.1.1", "fe80::1%eth0", "1.1.1.1, nonsense", "999.1.1.1"]
    {
        assert_eq!(forwarded(garbage), "127.0.0.1", "{garbage}");
    }
    let many = vec!["1.1.1.1"; 1000].join(",");
    assert_eq!(forwarded(&many), "1.1.1.1");
}

#[test]
fn cr_06_each_client_of_a_proxy_has_its_own_limit_and_a_stranger_gets_no_new_one() {
    let server = TestServer::with(|settings| {
        settings.set("server.trusted_proxies", r#"["127.0.0.1"]"#);
        settings.set("throttle.address_tries", "3");
    });
    let alice = server.person("alice");
    let attempt = |address: &str, identifier: &str, password: &str| {
        let body = json!({ "identifier": identifier, "password": password });
        server.post("/v1/sessions").field("X-Forwarded-For", address).json(body).send()
    };
    for number in 0..3 {
        attempt("192.0.2.1", &format!("nobody{number}"), "not the password at all")
            .problem(401, "invalid_credentials");
    }
    attempt("192.0.2.1", "alice", &alice.password).problem(429, "too_many_attempts");
    attempt("198.51.100.1, 192.0.2.1", "alice", &alice.password).problem(429, "too_many_attempts");
    attempt("192.0.2.2", "alice", &alice.password).is(201);
    // CR-13: a client owns a whole /64, however it writes it.
    for address in ["2001:db8:1:2::1", "2001:db8:1:2::2", "2001:DB8:1:2:ffff:ffff:ffff:ffff"] {
        attempt(address, "nobody", "not the password at all").problem(401, "invalid_credentials");
    }
    attempt("2001:0db8:0001:0002:0:0:0:9", "alice", &alice.password).problem(429, "too_many_attempts");
    attempt("2001:db8:1:3::1", "alice", &alice.password).is(201);
}
