//! `GET /v1/me/activity`, and that each security event is there once (LG-07).

use serde_json::{Value, json};

use crate::{
    people::{names, password},
    server::TestServer,
    time,
};

#[test]
fn lg_07_each_event_is_there_once_newest_first() {
    let server = TestServer::start();
    let mut alice = server.person("alice");
    let bob = server.person("bob");
    server.cookie(&bob);
    let cookie = server.cookie(&alice);
    for path in ["/v1/sessions", "/v1/tokens"] {
        time::tick();
        let wrong = json!({ "identifier": "alice", "password": "not the password at all" });
        server.post(path).json(wrong).send().is(401);
    }
    time::tick();
    let tokens = server.tokens(&alice);
    time::tick();
    let _ = server.stateless(&alice);
    time::tick();
    server.delete("/v1/sessions/current").bearer(&tokens.access).send().no_content();
    time::tick();
    let tokens = server.tokens(&alice);
    time::tick();
    server.delete(&format!("/v1/sessions/{}", tokens.session)).cookie(&cookie).send().no_content();
    time::tick();
    let new = password();
    let body = json!({ "current": alice.password, "new": new });
    let cookie = server.post("/v1/me/password").cookie(&cookie).json(body).send().is(200).session_cookie();
    alice.password = new;
    time::tick();
    let body = json!({ "password": alice.password });
    let confirm = server.post("/v1/sessions/current/confirm").cookie(&cookie);
    let cookie = confirm.json(body).send().is(200).session_cookie();
    time::tick();
    let cookie = server.delete("/v1/sessions?keep=current").cookie(&cookie).send().is(200).session_cookie();
    time::tick();
    server.delete("/v1/sessions").cookie(&cookie).send().no_content();
    time::tick();
    let cookie = server.cookie(&alice);
    let expected = [
        "login",
        "all_ended",
        "others_ended",
        "confirmed",
        "password_changed",
        "session_ended",
        "login",
        "logout",
        "login",
        "login",
        "login_failed",
        "login_failed",
        "login",
        "user_created",
    ];
    assert_eq!(server.activity(&cookie), expected);
}

#[test]
fn rows_say_who_what_when_and_from_where() {
    let server = TestServer::start();
    let alice = server.person("alice");
    time::tick();
    let before = time::millis();
    let cookie = server.cookie(&alice);
    let body = server.get("/v1/me/activity").cookie(&cookie).send().gives(200);
    assert_eq!(names(&body), ["activity", "next"]);
    assert_eq!(body["next"], Value::Null);
    let row = &body["activity"][0];
    assert_eq!(row["event"], "login");
    assert!((before..=time::millis()).contains(&time::parse(row["at"].as_str().unwrap())));
    assert_eq!(row["actor"], format!("user:{}", alice.id));
    assert_eq!((&row["user_id"], &row["address"]), (&json!(alice.id), &json!("127.0.0.1")));
    assert_eq!(row["session_id"], server.sessions(&cookie)[0]["id"]);
    server.get("/v1/me/activity").send().problem(401, "no_session");
    let bearer = server.stateless(&alice);
    server.get("/v1/me/activity").bearer(&bearer).send().gives(200);
}

#[test]
fn it_comes_in_pages() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let cookie = server.cookie(&alice);
    (0..6).for_each(|_| drop(server.stateless(&alice)));
    let page = |query: &str| server.get(&format!("/v1/me/activity{query}")).cookie(&cookie).send();
    let ids = |body: &Value| -> Vec<String> {
        body["activity"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let whole = ids(&page("").gives(200));
    assert_eq!(whole.len(), 8);
    assert!(whole.is_sorted_by(|newer, older| newer > older));
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let body = page(&format!("?limit=3{after}")).gives(200);
        seen.extend(ids(&body));
        match body["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen, whole);
    assert_eq!(ids(&page("?limit=200").gives(200)), whole);
    for bad in [
        "?limit=0",
        "?limit=201",
        "?limit=x",
        "?limit=-1",
        "?limit=1&limit=2",
        "?after=x",
        "?before=x",
        "?limit=%ff",
    ] {
        page(bad).problem(400, "invalid_request");
    }
}
