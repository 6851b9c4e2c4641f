//! Throttling: by account and by address, at every door, over a restart, and never against somebody who was here before.

use serde_json::{Value, json};

use crate::{
    people::{Key, Person, altered},
    raw::Answer,
    server::{Settings, TestServer},
    time,
};

const WRONG: &str = "not the password at all";

/// The first block is short, so that a test can wait for its end.
fn short(settings: &mut Settings) {
    settings.set("throttle.account_block", "\"1s\"");
}

fn attempt(server: &TestServer, identifier: &str, password: &str) -> Answer {
    server.post("/v1/sessions").json(json!({ "identifier": identifier, "password": password })).send()
}

/// Fails so many times, each with 401.
#[track_caller]
fn fail(server: &TestServer, identifier: &str, times: usize) {
    (0..times).for_each(|_| drop(attempt(server, identifier, WRONG).problem(401, "invalid_credentials")));
}

/// Seconds that a refusal asks to wait.
#[track_caller]
fn blocked(answer: Answer) -> i64 {
    let wait = answer.field("retry-after").unwrap_or_default().to_owned();
    answer.problem(429, "too_many_attempts");
    wait.parse().unwrap()
}

#[test]
fn five_tries_are_free_and_then_the_wait_doubles() {
    let server = TestServer::with(short);
    let alice = server.person("alice");
    fail(&server, "alice", 5);
    // Not even the right password now; and it is not looked at, so it costs nothing.
    assert_eq!(blocked(attempt(&server, "alice", &alice.password)), 1);
    assert_eq!(blocked(attempt(&server, "alice", WRONG)), 1);
    let mut wait = 1;
    for _ in 0..2 {
        time::wait_until(time::millis() + wait * 1000 + 20);
        fail(&server, "alice", 1);
        let next = blocked(attempt(&server, "alice", WRONG));
        assert_eq!(next, wait * 2, "doubled");
        wait = next;
    }
    // A success clears it: five more are free.
    time::wait_until(time::millis() + wait * 1000 + 20);
    attempt(&server, "alice", &alice.password).is(201);
    fail(&server, "alice", 5);
    blocked(attempt(&server, "alice", &alice.password));
}

#[test]
fn the_default_block_is_30_seconds() {
    let server = TestServer::start();
    fail(&server, "alice", 5);
    let wait = blocked(attempt(&server, "alice", WRONG));
    assert!((29..=30).contains(&wait), "{wait}");
}

#[test]
fn unknown_names_are_throttled_as_known_ones() {
    let server = TestServer::start();
    server.person("alice");
    for name in ["alice", "nobody", "nobody@example.com", "not an identifier", ""] {
        fail(&server, name, 5);
        blocked(attempt(&server, name, WRONG));
    }
}

#[test]
fn cr_11_every_spelling_is_one_account() {
    let server = TestServer::start();
    server.person("jörg");
    for spelling in ["jörg", "JÖRG", "jo\u{308}rg", "ｊörg", "Jörg"] {
        fail(&server, spelling, 1);
    }
    blocked(attempt(&server, "jörg", WRONG));
    server.person("Bob@Bücher.example");
    for spelling in [
        "bob@bücher.example",
        "BOB@BÜCHER.EXAMPLE",
        "bob@xn--bcher-kva.example",
        "Bob@XN--BCHER-KVA.example",
        "bob@Bu\u{308}cher.example",
    ] {
        fail(&server, spelling, 1);
    }
    blocked(attempt(&server, "bob@bücher.example", WRONG));
}

#[test]
fn cr_14_every_door_counts_on_the_same_counter() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let (cookie, token) = (server.cookie(&alice), server.tokens(&alice).access);
    let wrong = |name: &str| json!({ name: WRONG });
    let change = json!({ "current": WRONG, "new": crate::people::password() });
    let login = json!({ "identifier": "alice", "password": WRONG });
    for request in [
        server.post("/v1/sessions").json(login.clone()),
        server.post("/v1/tokens").json(login.clone()),
        server.post("/v1/sessions/current/confirm").cookie(&cookie).json(wrong("password")),
        server.post("/v1/sessions/current/confirm").bearer(&token).json(wrong("password")),
        server.post("/v1/me/password").cookie(&cookie).json(change.clone()),
    ] {
        request.send().problem(401, "invalid_credentials");
    }
    for request in [
        server.post("/v1/sessions").json(login.clone()),
        server.post("/v1/tokens").json(login),
        server
            .post("/v1/sessions/current/confirm")
            .cookie(&cookie)
            .json(json!({ "password": alice.password })),
        server.post("/v1/me/password").cookie(&cookie).json(change),
    ] {
        blocked(request.send());
    }
    // Who is logged in stays so.
    assert!(server.opens(&Key::Cookie(cookie)) && server.opens(&Key::Bearer(token)));
}

#[test]
fn cr_09_a_stranger_cannot_lock_out_who_was_here_before() {
    let server = TestServer::start();
    let (alice, bob) = (server.person("alice"), server.person("bob"));
    let known = |person: &Person| server.login(person).cookies()[1].value.clone();
    let (alices, bobs) = (known(&alice), known(&bob));
    let with = |known: &str, identifier: &str, password: &str| {
        let body = json!({ "identifier": identifier, "password": password });
        server.post("/v1/sessions").field("Cookie", &format!("symbolon-known={known}")).json(body).send()
    };
    fail(&server, "alice", 5);
    blocked(attempt(&server, "alice", &alice.password));
    with(&alices, "alice", &alice.password).is(201);
    // It is a counter, not a key: it lets nobody in, has its own limit, and counts for its own user in its own form only.
    blocked(attempt(&server, "alice", &alice.password));
    for no_help in [&bobs, &alices[..alices.len() - 1], &altered(&alices), &"A".repeat(43), ""] {
        blocked(with(no_help, "alice", &alice.password));
    }
    let twice = format!("symbolon-known={alices}; symbolon-known={alices}");
    let body = json!({ "identifier": "alice", "password": alice.password });
    blocked(server.post("/v1/sessions").field("Cookie", &twice).json(body).send());
    for _ in 0..5 {
        with(&alices, "alice", WRONG).problem(401, "invalid_credentials");
    }
    blocked(with(&alices, "alice", &alice.password));
    server.get("/v1/me").field("Cookie", &format!("symbolon-known={bobs}")).send().problem(401, "no_session");
    // Failing by it leaves the account's own counter alone.
    for _ in 0..4 {
        with(&bobs, "bob", WRONG).problem(401, "invalid_credentials");
    }
    attempt(&server, "bob", &bob.password).is(201);
}

#[test]
fn cr_10_of_parallel_guesses_no_more_than_the_free_ones_are_tried() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..100).map(|_| scope.spawn(|| attempt(&server, "alice", WRONG).status)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let count = |status| statuses.iter().filter(|found| **found == status).count();
    assert_eq!((count(401), count(429)), (5, 95), "{statuses:?}");
    blocked(attempt(&server, "alice", &alice.password));
}

#[test]
fn cr_15_success_elsewhere_resets_nothing() {
    let server = TestServer::with(|settings| {
        settings.set("server.trusted_proxies", "[\"127.0.0.1\"]");
        settings.set("throttle.address_tries", "8");
    });
    let (alice, mallory) = (server.person("alice"), server.person("mallory"));
    let from = |address: &str, identifier: &str, password: &str| {
        let body = json!({ "identifier": identifier, "password": password });
        server.post("/v1/sessions").field("X-Forwarded-For", address).json(body).send()
    };
    for _ in 0..4 {
        from("192.0.2.1", "alice", WRONG).problem(401, "invalid_credentials");
        from("192.0.2.1", "mallory", &mallory.password).is(201);
    }
    from("192.0.2.1", "alice", WRONG).problem(401, "invalid_credentials");
    blocked(from("192.0.2.9", "alice", &alice.password));
    // The address has failed five times, its successes aside.
    for number in 0..3 {
        from("192.0.2.1", &format!("nobody{number}"), WRONG).problem(401, "invalid_credentials");
        from("192.0.2.1", "mallory", &mallory.password);
    }
    blocked(from("192.0.2.1", "mallory", &mallory.password));
}

#[test]
fn cr_06_an_address_has_ten_failures_and_a_private_peer_a_hundred_times_that() {
    let server = TestServer::with(|settings| {
        settings.set("throttle.private_factor", "2");
    });
    server.person("alice");
    for number in 0..20 {
        fail(&server, &format!("nobody{number}"), 1);
    }
    let wait = blocked(attempt(&server, "somebody", WRONG));
    assert!((599..=600).contains(&wait), "10 minutes: {wait}");
}

#[test]
fn blocks_survive_a_restart_and_a_crash() {
    let mut server = TestServer::start();
    let alice = server.person("alice");
    fail(&server, "alice", 5);
    fail(&server, "bob", 4);
    server.restart();
    blocked(attempt(&server, "alice", &alice.password));
    server.crash();
    blocked(attempt(&server, "alice", &alice.password));
    fail(&server, "bob", 1);
    blocked(attempt(&server, "bob", WRONG));
}

#[test]
fn what_is_refused_before_the_password_is_looked_at_is_not_counted() {
    let server = TestServer::with(|settings| settings.set("throttle.account_tries", "1"));
    let alice = server.person("alice");
    let post = |body: Value| server.post("/v1/tokens").json(body).send();
    for _ in 0..3 {
        post(json!({ "identifier": "alice" })).problem(400, "invalid_request");
        post(json!({ "identifier": "alice", "password": WRONG, "scope": "x" })).problem(400, "invalid_scope");
        post(json!({ "identifier": "alice", "password": "x".repeat(1025) })).problem(400, "invalid_request");
        let body = json!({ "identifier": "alice", "password": WRONG });
        server
            .post("/v1/sessions")
            .field("Sec-Fetch-Site", "cross-site")
            .json(body)
            .send()
            .problem(403, "csrf_rejected");
    }
    attempt(&server, "alice", &alice.password).is(201);
}

#[test]
fn registrations_are_ten_an_hour_and_address() {
    let server = TestServer::with(|settings| settings.set("server.trusted_proxies", "[\"127.0.0.1\"]"));
    let register = |address: &str, name: &str| {
        let body = json!({ "identifier": name, "password": crate::people::password() });
        server.post("/v1/users").field("X-Forwarded-For", address).json(body).send()
    };
    for number in 0..10 {
        register("192.0.2.1", &format!("user{number}")).is(201);
    }
    let wait = blocked(register("192.0.2.1", "user10"));
    assert!((3590..=3600).contains(&wait), "{wait}");
    register("192.0.2.2", "user10").is(201);
}

#[test]
fn cr_07_other_addresses_do_not_help_against_an_account() {
    let server = TestServer::with(|settings| settings.set("server.trusted_proxies", "[\"127.0.0.1\"]"));
    let alice = server.person("alice");
    let from = |number: usize, password: &str| {
        let body = json!({ "identifier": "alice", "password": password });
        server
            .post("/v1/sessions")
            .field("X-Forwarded-For", &format!("198.51.100.{number}"))
            .json(body)
            .send()
    };
    for number in 0..5 {
        from(number, WRONG).problem(401, "invalid_credentials");
    }
    for number in 5..40 {
        blocked(from(number, if number % 2 == 0 { WRONG } else { &alice.password }));
    }
}
