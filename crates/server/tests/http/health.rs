//! `GET /healthz`, `GET /readyz`, and the other documents of the process.

use serde_json::json;

use crate::server::TestServer;

#[test]
fn both_answer_200_and_ask_for_nothing() {
    let server = TestServer::start();
    for path in ["/healthz", "/readyz"] {
        for request in [
            server.get(path),
            server.request("HEAD", path),
            server.get(path).cookie("junk"),
            server.get(path).bearer("junk"),
            server.get(path).field("Sec-Fetch-Site", "cross-site"),
        ] {
            let answer = request.send().is(200);
            assert_eq!(answer.field("cache-control"), Some("no-store"));
            assert!(answer.cookies().is_empty());
        }
        let answer = server.post(path).json(json!({})).send().is(405);
        assert_eq!(answer.field("allow"), Some("GET,HEAD"));
    }
}

#[test]
fn the_contract_for_machines_is_json() {
    let server = TestServer::start();
    let answer = server.get("/openapi.json").send().is(200);
    assert_eq!(answer.field("content-type"), Some("application/json"));
    assert_eq!(answer.json()["openapi"].as_str().map(|version| &version[..3]), Some("3.1"));
}

#[test]
fn metrics_are_on_a_listener_of_their_own_and_off_by_default() {
    let server = TestServer::start();
    assert_eq!(server.get("/metrics").send().status, 404);
}

#[test]
fn jd_11_health_answers_while_logins_hash() {
    // At a cost that keeps the hashing threads busy for the whole test.
    let server = TestServer::with(|settings| {
        settings.unset("password.unsafe_argon2_m");
        settings.unset("password.unsafe_argon2_t");
        settings.set("password.hashing_queue", "8");
        settings.set("password.argon2_t", "8");
        settings.set("throttle.unsafe_account_tries", "100000");
    });
    let alice = server.person("alice");
    let cookie = server.cookie(&alice);
    let (statuses, slowest) = std::thread::scope(|scope| {
        let flood: Vec<_> = (0..60)
            .map(|number| {
                let server = &server;
                scope.spawn(move || {
                    let body = json!({ "identifier": format!("nobody{number}"), "password": "not the password at all" });
                    let answer = server.post("/v1/sessions").json(body).send();
                    let status = answer.status;
                    match status {
                        401 => drop(answer.problem(401, "invalid_credentials")),
                        _ => {
                            let retry = answer.field("retry-after").unwrap().parse::<u32>().unwrap();
                            assert!((1..=30).contains(&retry));
                            let id = answer.field("x-request-id").unwrap().to_owned();
                            let problem = answer.problem_with(503, "overloaded");
                            assert_eq!(problem["instance"], id.as_str());
                            assert_eq!(server.log.of_request(&id)[0]["status"], 503);
                        }
                    }
                    status
                })
            })
            .collect();
        let mut slowest = std::time::Duration::ZERO;
        while !flood.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            let began = crate::time::now();
            server.get("/healthz").send().is(200);
            server.get("/v1/me").cookie(&cookie).send().is(200);
            slowest = slowest.max(began.elapsed());
        }
        let statuses: Vec<u16> = flood.into_iter().map(|thread| thread.join().unwrap()).collect();
        (statuses, slowest)
    });
    assert!(
        statuses.contains(&401) && statuses.contains(&503),
        "some wait, the rest is told when: {statuses:?}"
    );
    // A bound for a busy machine: what must not be is that a check waits for the hashing of a queue.
    assert!(slowest < std::time::Duration::from_secs(2), "{slowest:?}");
    server.login(&alice).is(201);
}
