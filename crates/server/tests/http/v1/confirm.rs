//! `POST /v1/sessions/current/confirm`: step-up.

use serde_json::json;

use super::sessions::SESSION;
use crate::{
    people::{Key, Tokens, claims, names},
    server::TestServer,
    time,
};

const PATH: &str = "/v1/sessions/current/confirm";

#[test]
fn by_cookie_the_successor_has_a_new_auth_time_and_the_rest_stays() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let (mine, other) = (server.cookie(&alice), server.cookie(&alice));
    let exchanged = server.exchange(&mine);
    let before = server.get("/v1/sessions/current").cookie(&mine).send().gives(200)["session"].clone();
    let millis = |session: &serde_json::Value, name: &str| time::parse(session[name].as_str().unwrap());
    time::wait_until(millis(&before, "auth_time") + 5);

    let answer = server.post(PATH).cookie(&mine).json(json!({ "password": alice.password })).send();
    let next = answer.session_cookie();
    let session = answer.gives(200);
    assert_eq!(names(&session), SESSION);
    assert_ne!(session["id"], before["id"], "CK-03");
    assert!(millis(&session, "auth_time") > millis(&before, "auth_time"));
    // A password starts the absolute life anew.
    assert_eq!(
        millis(&session, "expires_at") - millis(&session, "auth_time"),
        millis(&before, "expires_at") - millis(&before, "auth_time")
    );
    for kept in ["user_id", "carrier", "kind", "amr", "device"] {
        assert_eq!(session[kept], before[kept], "{kept}");
    }
    assert!(!server.opens(&Key::Cookie(mine)) && !server.opens(&Key::Bearer(exchanged)), "CK-26: at once");
    assert!(server.opens(&Key::Cookie(next)) && server.opens(&Key::Cookie(other)));
}

#[test]
fn a_browser_session_cookie_has_a_successor_of_its_kind() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let body = json!({ "identifier": "alice", "password": alice.password, "remember": false });
    let cookie = server.post("/v1/sessions").json(body).send().is(201).session_cookie();
    let answer = server.post(PATH).cookie(&cookie).json(json!({ "password": alice.password })).send().is(200);
    assert_eq!(answer.cookies()[0].max_age(), None, "remember: false passes to the successor");
}

#[test]
fn with_end_others_everything_else_ends() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let (mine, other) = (server.cookie(&alice), server.cookie(&alice));
    let (tokens, stateless) = (server.tokens(&alice), server.stateless(&alice));
    let body = json!({ "password": alice.password, "end_others": true });
    let next = server.post(PATH).cookie(&mine).json(body).send().is(200).session_cookie();
    for key in [
        Key::Cookie(mine),
        Key::Cookie(other),
        Key::Bearer(tokens.access),
        Key::Refresh(tokens.refresh),
        Key::Bearer(stateless),
    ] {
        assert!(!server.opens(&key), "{key:?}");
    }
    assert_eq!(server.sessions(&next).len(), 1);
}

#[test]
fn by_the_bearer_of_a_token_session_the_successor_is_tokens() {
    let server = TestServer::with(|settings| {
        settings.set("token.scopes", r#"["read", "write"]"#);
        settings.set("token.audiences", r#"["https://api.example.com"]"#);
    });
    let alice = server.person("alice");
    let wish = json!({ "scope": "read", "audience": ["https://api.example.com", crate::server::ISSUER] });
    let before = Tokens::of(&server.token_answer(&alice, wish));
    let answer = server.post(PATH).bearer(&before.access).json(json!({ "password": alice.password })).send();
    assert!(answer.cookies().is_empty());
    let body = answer.gives(200);
    assert_eq!(
        names(&body),
        ["access_token", "expires_in", "refresh_token", "scope", "session_id", "token_type"]
    );
    let after = Tokens::of(&body);
    assert_ne!(after.session, before.session);
    let (old, new) = (claims(&before.access), claims(&after.access));
    for kept in ["sub", "aud", "scope", "client_id", "amr", "iss"] {
        assert_eq!(new[kept], old[kept], "{kept}");
    }
    assert_eq!(new["sid"], after.session.as_str());
    assert!(!server.opens(&Key::Bearer(before.access)) && !server.opens(&Key::Refresh(before.refresh)));
    assert!(server.opens(&Key::Bearer(after.access)) && server.opens(&Key::Refresh(after.refresh)));
}

#[test]
fn a_successor_goes_only_to_its_carrier() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let cookie = server.cookie(&alice);
    let exchanged = server.exchange(&cookie);
    let body = json!({ "password": alice.password });
    server.post(PATH).bearer(&exchanged).json(body.clone()).send().problem(403, "forbidden");
    server
        .post(PATH)
        .bearer(&server.stateless(&alice))
        .json(body.clone())
        .send()
        .problem(400, "invalid_request");
    server.post(PATH).json(body).send().problem(401, "no_session");
    assert!(server.opens(&Key::Cookie(cookie)));
}

#[test]
fn a_wrong_password_confirms_nothing() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let cookie = server.cookie(&alice);
    let before = server.picture(&cookie);
    let wrong = json!({ "password": "not the password at all" });
    server.post(PATH).cookie(&cookie).json(wrong.clone()).send().problem(401, "invalid_credentials");
    time::tick();
    let tokens = server.tokens(&alice);
    time::tick();
    server.post(PATH).bearer(&tokens.access).json(wrong).send().problem(401, "invalid_credentials");
    assert!(server.opens(&Key::Bearer(tokens.access.clone())));
    assert_eq!(server.activity(&cookie)[..3], ["confirm_failed", "login", "confirm_failed"]);
    server.delete("/v1/sessions/current").bearer(&tokens.access).send().no_content();
    assert_eq!(server.picture(&cookie), before);
}

#[test]
fn two_at_once_have_one_winner() {
    let server = TestServer::start();
    let alice = server.person("alice");
    for _ in 0..5 {
        let cookie = server.cookie(&alice);
        let confirm = || server.post(PATH).cookie(&cookie).json(json!({ "password": alice.password })).send();
        let answers = std::thread::scope(|scope| {
            let threads = [(); 4].map(|()| scope.spawn(confirm));
            threads.map(|thread| thread.join().unwrap())
        });
        let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
        assert_eq!(won.len(), 1, "one winner");
        lost.into_iter().for_each(|answer| drop(answer.problem(401, "no_session")));
        let winner = won[0].session_cookie();
        assert!(server.opens(&Key::Cookie(winner.clone())) && !server.opens(&Key::Cookie(cookie)));
        server.delete("/v1/sessions/current").cookie(&winner).send().no_content();
    }
}

#[test]
fn bodies_that_are_not_understood_change_nothing() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let cookie = server.cookie(&alice);
    let before = server.picture(&cookie);
    for body in [
        json!({}),
        json!({ "password": 1 }),
        json!({ "password": alice.password, "end_others": "true" }),
        json!({ "password": alice.password, "end_others": null }),
        json!({ "password": alice.password, "max_age": 1 }),
    ] {
        server.post(PATH).cookie(&cookie).json(body).send().problem(400, "invalid_request");
    }
    let form = [("password", alice.password.as_str())];
    server.post(PATH).cookie(&cookie).same_origin().form(&form).send().problem(415, "unsupported_media_type");
    assert_eq!(server.picture(&cookie), before);
}
