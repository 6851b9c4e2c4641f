//! Many at once, and many that hang up: the store keeps count (ST).

use std::{collections::BTreeSet, sync::Barrier, time::Duration};

use serde_json::{Value, json};

use crate::{
    chance::Chance,
    people::Key,
    server::TestServer,
    time::{now, wait_for},
};

#[test]
fn st_22_fifty_writers_at_once_lose_and_refuse_nothing() {
    let server = TestServer::start();
    let barrier = Barrier::new(50);
    let ids: BTreeSet<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..50)
            .map(|number| {
                let (server, barrier) = (&server, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    let person = server.person(&format!("user{number}"));
                    let cookies: Vec<String> = (0..3).map(|_| server.cookie(&person)).collect();
                    let tokens = server.tokens(&person);
                    server.delete("/v1/sessions/current").cookie(&cookies[0]).send().no_content();
                    let profile = json!({ "profile": { "n": number } });
                    server.patch("/v1/me").cookie(&cookies[1]).json(profile).send().gives(200);
                    assert!(server.opens(&Key::Refresh(tokens.refresh)));
                    let list = server.sessions(&cookies[2]);
                    assert_eq!(list.len(), 3);
                    assert_eq!(server.activity(&cookies[2]).len(), 6, "one row for each event");
                    list.iter().map(|session| session["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(ids.len(), 150, "and no id twice");
}

#[test]
fn st_30_a_client_that_hangs_up_leaves_all_of_a_login_or_nothing() {
    let server = TestServer::with(|settings| settings.set("throttle.unsafe_account_tries", "100000"));
    let alice = server.person("alice");
    let seed = Chance::seed();
    println!("SYMBOLON_TEST_SEED={seed}");
    let mut chance = Chance::new(seed, 0);
    let body = json!({ "identifier": "alice", "password": alice.password });
    for round in 0..60 {
        let path = if round % 2 == 0 { "/v1/sessions" } else { "/v1/tokens" };
        let mut connection = server.connect();
        connection.write(server.post(path).json(body.clone()).bytes());
        std::thread::sleep(Duration::from_micros(chance.below(4_000)));
    }
    let cookie = server.cookie(&alice);
    // What was begun is over when its line stands in the log. Who left before his request was read has none, so: when no more come.
    let (mut lines, mut since) = (0, now());
    wait_for("the logins to be over", || {
        let done = server.log.events();
        let login = |event: &&Value| matches!(event["path"].as_str(), Some("/v1/sessions" | "/v1/tokens"));
        let count = done.iter().filter(login).count();
        if count != lines {
            (lines, since) = (count, now());
        }
        (since.elapsed() > Duration::from_millis(500)).then_some(())
    });
    assert!(lines > 1, "some were read");
    let sessions = server.sessions(&cookie);
    let body = server.get("/v1/me/activity?limit=200").cookie(&cookie).send().gives(200);
    let logins = body["activity"].as_array().unwrap().iter().filter(|row| row["event"] == "login");
    let audited: BTreeSet<&str> = logins.map(|row| row["session_id"].as_str().unwrap()).collect();
    let listed: BTreeSet<&str> = sessions.iter().map(|session| session["id"].as_str().unwrap()).collect();
    assert_eq!(listed, audited, "no session without its row of the audit, and none of those without it");
}
