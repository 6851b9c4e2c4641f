//! SIGTERM: what is in flight is answered, nothing new begins, and sessions outlive it.

use std::time::Duration;

use serde_json::json;

use crate::{
    people::{Key, Tokens, claims},
    raw::Connection,
    server::TestServer,
    time::{self, wait_for},
};

#[test]
fn a_login_in_flight_is_finished_and_is_good_after_the_restart() {
    // A hash that takes long enough to be in the middle of.
    let mut server = TestServer::with(|settings| {
        settings.unset("password.unsafe_argon2_m");
        settings.unset("password.unsafe_argon2_t");
        settings.set("password.argon2_m", "65536");
        settings.set("password.argon2_t", "32");
    });
    let alice = server.person("alice");
    let body = json!({ "identifier": "alice", "password": alice.password });
    let request = server.post("/v1/sessions").json(body).bytes();
    let mut connection = server.connect();
    connection.write(&request);
    // Begun: the hashing thread is at work, or the request could be one that was never read.
    std::thread::sleep(Duration::from_millis(100));
    server.terminate();
    let address = server.address();
    wait_for("the listener to close", || Connection::try_open(address).is_err().then_some(()));
    let answer = connection.answer(false).expect("the answer to what was in flight");
    assert_eq!(answer.field("connection"), Some("close"));
    let cookie = answer.is(201).session_cookie();
    assert!(connection.is_closed());
    assert!(server.ended().success());
    assert!(server.log.events().iter().any(|event| event["message"] == "stopped" && event["cut_off"] == 0));
    server.up();
    assert!(server.opens(&Key::Cookie(cookie)));
}

#[test]
fn under_load_no_request_is_lost_by_a_stop() {
    let mut server = TestServer::start();
    let alice = server.person("alice");
    let cookie = server.cookie(&alice);
    let address = server.address();
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|_| {
                let cookie = &cookie;
                scope.spawn(move || {
                    let mut answered = 0;
                    let request =
                        format!("GET /v1/me HTTP/1.1\r\nHost: a\r\nCookie: symbolon={cookie}\r\n\r\n");
                    'connections: loop {
                        let Ok(mut connection) = Connection::try_open(address) else { return answered };
                        loop {
                            connection.write(&request);
                            match connection.answer(false) {
                                Some(answer) => {
                                    let closes = answer.field("connection") == Some("close");
                                    answer.gives(200);
                                    answered += 1;
                                    if closes {
                                        continue 'connections;
                                    }
                                }
                                // A connection that was accepted by the kernel alone may be reset; one that was served may not.
                                None => return answered,
                            }
                        }
                    }
                })
            })
            .collect();
        time::wait_until(time::millis() + 200);
        server.terminate();
        let answered: usize = clients.into_iter().map(|client| client.join().unwrap()).sum();
        assert!(answered > 0);
    });
    assert!(server.ended().success());
    let events = server.log.events();
    assert!(events.iter().any(|event| event["message"] == "stopped" && event["cut_off"] == 0));
    assert!(!events.iter().any(|event| event["message"] == "the client left before the answer"));
    server.up();
    assert!(server.opens(&Key::Cookie(cookie)));
}

#[test]
fn sigint_stops_it_as_well() {
    let mut server = TestServer::start();
    rustix::process::kill_process(server.pid(), rustix::process::Signal::INT).unwrap();
    assert!(server.ended().success());
}

#[test]
fn a_restart_keeps_every_session_token_and_key() {
    let mut server = TestServer::start();
    let alice = server.person("alice");
    let (cookie, tokens, stateless) =
        (server.cookie(&alice), server.tokens(&alice), server.stateless(&alice));
    let exchanged = server.exchange(&cookie);
    let keys = server.get("/.well-known/jwks.json").send().json();
    let before = server.picture(&cookie);
    for crash in [false, true, true, false] {
        if crash {
            server.crash();
        } else {
            server.restart();
        }
        assert_eq!(server.picture(&cookie), before);
        assert_eq!(server.get("/.well-known/jwks.json").send().json(), keys);
        for key in [&tokens.access, &stateless, &exchanged] {
            assert!(server.opens(&Key::Bearer(key.clone())));
        }
        assert_eq!(Tokens::of(&server.refresh(&tokens.refresh).gives(200)).session, tokens.session);
    }
    assert_eq!(claims(&tokens.access)["gen"], 1);
}

/// Whoever shares requests out among nodes hears that this one will stop while it still serves; and is not kept waiting by somebody
/// who wants it to stop now.
#[test]
fn with_a_delay_it_says_so_first_and_serves_on() {
    let mut server = TestServer::with(|settings| settings.set("server.drain_delay", "\"10m\""));
    let cookie = server.cookie(&server.person("alice"));
    assert_eq!(server.get("/readyz").send().status, 200);
    server.terminate();
    wait_for("it to say so", || (server.get("/readyz").send().status == 503).then_some(()));
    assert_eq!(server.get("/healthz").send().status, 200);
    assert!(server.opens(&Key::Cookie(cookie)), "new connections are taken, and answered as ever");
    assert!(!server.log.events().iter().any(|event| event["level"] == "ERROR"), "that is no trouble");
    server.terminate();
    assert!(server.ended().success());
}
