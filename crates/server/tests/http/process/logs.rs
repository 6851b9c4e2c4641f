//! What is written besides answers: one clean line for each event, and no secret, neither in the log nor in the store (LG).

use serde_json::{Value, json};

use crate::{
    people::{Key, password},
    server::TestServer,
    time,
};

#[test]
fn lg_01_lg_11_no_secret_stands_in_the_log_or_in_the_store() {
    let mut server = TestServer::with(|settings| {
        settings.set("telemetry.log_level", "\"trace\"");
        settings.set("bearer.query", "true");
        settings.set("token.unsafe_refresh_grace", "\"0s\"");
    });
    let alice = server.person("alice");
    let (cookie, tokens, stateless) =
        (server.cookie(&alice), server.tokens(&alice), server.stateless(&alice));
    // Every secret, wherever somebody may put it, and in every way of failing.
    let secrets = [&cookie, &tokens.access, &tokens.refresh, &stateless, &alice.password];
    for secret in secrets {
        let encoded = crate::client::encode(secret);
        for request in [
            server.get("/v1/me").bearer(secret),
            server.get("/v1/me").cookie(secret),
            server.get("/v1/me").field("Authorization", secret),
            server.get("/v1/me").field("User-Agent", secret),
            server.get("/v1/me").field("Referer", &format!("https://x.example/?token={encoded}")),
            server.get("/v1/me").field("X-Request-Id", secret),
            server.get(&format!("/v1/me?access_token={encoded}")),
            server.get(&format!("/v1/me?token={encoded}&code={encoded}&state={encoded}")),
            server.post("/v1/sessions").json(json!({ "identifier": secret, "password": secret })),
            server.post("/v1/users").json(json!({ "identifier": secret, "password": secret })),
            server
                .post("/v1/tokens")
                .json(json!({ "identifier": "alice", "password": secret, "scope": secret })),
            server.post("/v1/sessions").body("application/json", format!("{{{secret}")),
            server.post("/oauth/token").form(&[("grant_type", secret), ("refresh_token", secret)]),
            server.post("/oauth/introspect").basic(secret, secret),
            server.request("BREW", &format!("/v1/me?{encoded}")),
        ] {
            request.send();
        }
        // In a path what is ours is known by its form; a password there is like any other path.
        if *secret != alice.password {
            server.get(&format!("/v1/sessions/{encoded}")).cookie(&cookie).send();
            server.get(&format!("/v1/{encoded}")).send();
            server.get(&format!("/{encoded}/x")).send();
        }
    }
    let second = server.refreshed(&tokens.refresh);
    server.refresh(&tokens.refresh).oauth_error(400, "invalid_grant");
    let new = password();
    let body = json!({ "current": alice.password, "new": new });
    let next = server.post("/v1/me/password").cookie(&cookie).json(body).send().is(200).session_cookie();
    assert!(server.opens(&Key::Cookie(next)) && !server.opens(&Key::Bearer(second.access)));
    // The log is searched when the server goes. The store: its files as they are now, and after they have been written back.
    for running in [true, false] {
        if !running {
            server.stop();
        }
        for file in std::fs::read_dir(server.data()).unwrap() {
            let path = file.unwrap().path();
            let Ok(bytes) = std::fs::read(&path) else { continue };
            for secret in server.secrets() {
                let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!found, "{} holds {secret}", path.display());
            }
        }
    }
    let log = server.log.text();
    assert!(!log.contains("lantern"), "no part of a password: {log}");
    assert!(!log.contains("access_token="), "no query");
}

#[test]
fn lg_03_whatever_is_sent_an_event_stays_one_line() {
    let server = TestServer::start();
    let odd = "x\u{1b}[31m\u{2028}y\u{202e}z\u{9b}\"'\\";
    for request in [
        server.get("/v1/me").field("User-Agent", odd),
        server.get(&format!("/v1/{}", crate::client::encode(odd))),
        server.get(&format!("/v1/{odd}")),
        server.post("/v1/sessions").json(json!({ "identifier": format!("{odd}\r\n\0"), "password": "x" })),
        server
            .post("/v1/sessions")
            .field("User-Agent", odd)
            .json(json!({ "identifier": "a", "password": odd })),
        server.get("/v1/me").bearer(odd),
    ] {
        request.send();
    }
    let log = server.log.text();
    assert!(
        log.lines()
            .all(|line| !line.chars().any(|c| c.is_control() || ('\u{2028}'..='\u{202e}').contains(&c))),
        "{log}"
    );
    server.log.events();
}

#[test]
fn each_request_is_one_line_with_its_id() {
    let server = TestServer::start();
    let cookie = server.cookie(&server.person("alice"));
    let id = server.sessions(&cookie)[0]["id"].as_str().unwrap().to_owned();
    for (request, status, path) in [
        (server.get("/v1/me").cookie(&cookie), 200, "/v1/me".to_owned()),
        (server.get("/v1/me?secret=1"), 401, "/v1/me".to_owned()),
        // LG-14: of a session's id its end, which tells two apart.
        (
            server.delete(&format!("/v1/sessions/{id}")).cookie(&cookie),
            204,
            format!("/v1/sessions/…{}", &id[28..]),
        ),
    ] {
        let answer = request.send().is(status);
        let [event] = server.log.of_request(answer.field("x-request-id").unwrap()).try_into().unwrap();
        assert_eq!((&event["status"], &event["path"]), (&json!(status), &json!(path)));
        assert!(event["ms"].is_number() && event["timestamp"].is_string());
    }
    // Nobody chooses an id.
    let answer = server.get("/v1/me").field("X-Request-Id", "mine").send();
    assert_ne!(answer.field("x-request-id"), Some("mine"));
}

#[test]
fn lg_07_the_log_says_nothing_that_an_operator_must_ask_about() {
    let server = TestServer::start();
    let cookie = server.cookie(&server.person("alice"));
    server.delete("/v1/sessions/current").cookie(&cookie).send().no_content();
    time::tick();
    let odd: Vec<Value> = server
        .log
        .events()
        .into_iter()
        .filter(|event| {
            let said = event["message"].as_str().unwrap_or_default();
            // This test's own settings, and that the store is new, are worth telling.
            event["level"] != "INFO"
                && !said.contains("unsafe_")
                && !said.contains("a cost that is for tests")
                && !said.starts_with("nobody administers yet")
        })
        .collect();
    assert!(odd.is_empty(), "{odd:?}");
}
