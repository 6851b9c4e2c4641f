//! What a guesser learns: nothing from the answer (CR-01), nothing from its time (CR-02).

use std::time::Duration;

use serde_json::json;

use crate::{server::TestServer, time::now};

const WRONG: &str = "not the password at all";

#[test]
fn cr_01_every_failure_is_told_in_the_same_bytes() {
    let server = TestServer::with(|settings| settings.set("throttle.account_tries", "100"));
    let (alice, disabled) = (server.person("alice"), server.person("carol"));
    server.cli(&["user", "disable", "carol"]);
    for path in ["/v1/sessions", "/v1/tokens"] {
        let attempt = |identifier: &str, password: &str| {
            let answer =
                server.post(path).json(json!({ "identifier": identifier, "password": password })).send();
            let comparable = answer.comparable();
            answer.problem(401, "invalid_credentials");
            comparable
        };
        let wrong = attempt("alice", WRONG);
        for (identifier, password) in [
            ("nobody", WRONG),
            ("nobody", alice.password.as_str()),
            ("nobody@example.com", WRONG),
            ("carol", &disabled.password),
            ("carol", WRONG),
            ("alice", ""),
            ("alice", &alice.password[1..]),
            ("alice", &alice.password.to_uppercase()),
            ("", &alice.password),
            ("not an identifier", WRONG),
            (&"x".repeat(5_000), WRONG),
            ("аlice", &alice.password),
        ] {
            assert_eq!(attempt(identifier, password), wrong, "{identifier}");
        }
    }
    server.login(&alice).is(201);
}

#[test]
fn cr_33_there_is_nobody_to_begin_with() {
    let server = TestServer::start();
    for (identifier, password) in [
        ("admin", "admin"),
        ("admin", ""),
        ("root", "root"),
        ("symbolon", "symbolon"),
        ("administrator", "password"),
        ("alice", "correct horse battery staple"),
        ("test@example.com", "test"),
    ] {
        let body = json!({ "identifier": identifier, "password": password });
        server.post("/v1/sessions").json(body).send().problem(401, "invalid_credentials");
    }
}

/// Times a failure of each of two names, taking turns, so that whatever else the machine does falls on both.
fn medians(server: &TestServer, path: &str, one: &str, other: &str) -> [Duration; 2] {
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..40 {
        for (index, identifier) in [one, other].into_iter().enumerate() {
            let request = server.post(path).json(json!({ "identifier": identifier, "password": WRONG }));
            let began = now();
            let answer = request.send();
            let took = began.elapsed();
            answer.problem(401, "invalid_credentials");
            // The first ones warm up.
            if round >= 2 {
                times[index].push(took);
            }
        }
    }
    times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2]
    })
}

#[test]
fn cr_02_a_missing_user_takes_as_long_as_a_wrong_password() {
    let server = TestServer::with(|settings| {
        // At the cost that users get; and nobody is stopped before the measurement is over.
        settings.unset("password.unsafe_argon2_m");
        settings.unset("password.unsafe_argon2_t");
        settings.set("throttle.unsafe_account_tries", "100000");
        settings.set("throttle.unsafe_address_tries", "100000");
    });
    server.person("alice");
    for (path, other) in [("/v1/sessions", "nobody"), ("/v1/tokens", "not an identifier")] {
        // A busy machine may spoil a measurement; a difference shows in every one.
        let measured: Vec<[Duration; 2]> = (0..6)
            .map(|_| medians(&server, path, "alice", other))
            .scan(false, |done, [known, unknown]| {
                let difference = known.abs_diff(unknown);
                let alike = difference < Duration::from_millis(5) || difference < known.max(unknown) / 10;
                (!std::mem::replace(done, alike)).then_some([known, unknown])
            })
            .collect();
        let [known, unknown] = *measured.last().unwrap();
        let difference = known.abs_diff(unknown);
        println!("{path}: known {known:?}, unknown {unknown:?}");
        assert!(known > Duration::from_millis(2), "passwords are hashed at their cost: {known:?}");
        assert!(
            difference < Duration::from_millis(5) || difference < known.max(unknown) / 10,
            "known {known:?}, unknown {unknown:?}, in every measurement: {measured:?}"
        );
    }
}
