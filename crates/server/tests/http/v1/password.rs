//! `POST /v1/me/password`.

use serde_json::{Value, json};

use super::sessions::SESSION;
use crate::{
    people::{Key, Person, Tokens, names, password},
    server::TestServer,
};

const PATH: &str = "/v1/me/password";

fn change(person: &Person, new: &str) -> Value {
    json!({ "current": person.password, "new": new })
}

#[test]
fn ck_21_everything_else_ends_and_i_get_a_successor() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let (mine, other) = (server.cookie(&alice), server.cookie(&alice));
    let (tokens, stateless, exchanged) =
        (server.tokens(&alice), server.stateless(&alice), server.exchange(&mine));
    let before = server.get("/v1/sessions/current").cookie(&mine).send().gives(200)["session"].clone();
    let new = password();
    let answer = server.post(PATH).cookie(&mine).json(change(&alice, &new)).send();
    let next = answer.session_cookie();
    let session = answer.gives(200);
    assert_eq!(names(&session), SESSION);
    assert_ne!(session["id"], before["id"], "CK-03");
    for kept in ["user_id", "carrier", "kind", "amr", "device"] {
        assert_eq!(session[kept], before[kept], "{kept}");
    }
    for key in [
        Key::Cookie(mine),
        Key::Cookie(other),
        Key::Bearer(exchanged),
        Key::Bearer(stateless),
        Key::Bearer(tokens.access),
        Key::Refresh(tokens.refresh),
    ] {
        assert!(!server.opens(&key), "{key:?}");
    }
    assert_eq!(server.sessions(&next), [session]);
    server.login(&alice).problem(401, "invalid_credentials");
    server.cookie(&Person { password: new, ..alice });
}

#[test]
fn by_the_bearer_of_a_token_session_the_successor_is_tokens() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let cookie = server.cookie(&alice);
    let before = server.tokens(&alice);
    let body = server.post(PATH).bearer(&before.access).json(change(&alice, &password())).send().gives(200);
    assert_eq!(names(&body), ["access_token", "expires_in", "refresh_token", "session_id", "token_type"]);
    let after = Tokens::of(&body);
    for key in [Key::Cookie(cookie), Key::Bearer(before.access), Key::Refresh(before.refresh)] {
        assert!(!server.opens(&key), "{key:?}");
    }
    assert!(server.opens(&Key::Bearer(after.access)) && server.opens(&Key::Refresh(after.refresh)));
}

#[test]
fn cr_34_the_current_password_is_asked_for() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let cookie = server.cookie(&alice);
    let before = server.picture(&cookie);
    let new = password();
    let post = |body: Value| server.post(PATH).cookie(&cookie).json(body).send();
    post(json!({ "new": new })).problem(400, "invalid_request");
    post(json!({ "current": alice.password })).problem(400, "invalid_request");
    post(json!({ "current": alice.password, "new": new, "end_others": false }))
        .problem(400, "invalid_request");
    post(json!({ "current": "not the password at all", "new": new })).problem(401, "invalid_credentials");
    let elsewhere = server.post(PATH).cookie(&cookie).field("Sec-Fetch-Site", "cross-site");
    elsewhere.json(change(&alice, &new)).send().problem(403, "csrf_rejected");
    // CS-15: from elsewhere with the new value alone.
    let form = [("new", new.as_str())];
    server.post(PATH).cookie(&cookie).form(&form).send().problem(403, "csrf_rejected");
    server.post(PATH).json(change(&alice, &new)).send().problem(401, "no_session");
    assert_eq!(server.picture(&cookie), before);
    server.cookie(&alice);
}

#[test]
fn a_new_password_must_be_acceptable() {
    let server = TestServer::start();
    let alice = server.person("alice.mcgrath");
    let cookie = server.cookie(&alice);
    let before = server.picture(&cookie);
    for (new, reasons) in [
        ("short words".to_owned(), json!(["too_short"])),
        ("ab ".repeat(342), json!(["too_long"])),
        ("passwordpassword".to_owned(), json!(["common"])),
        ("the alice.mcgrath teapot".to_owned(), json!(["contains_identifier"])),
    ] {
        let body = json!({ "current": alice.password, "new": new });
        let problem =
            server.post(PATH).cookie(&cookie).json(body).send().problem_with(422, "password_rejected");
        assert_eq!(problem["reasons"], reasons);
    }
    assert_eq!(server.picture(&cookie), before);
}

#[test]
fn a_successor_goes_only_to_its_carrier() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let cookie = server.cookie(&alice);
    let before = server.picture(&cookie);
    let exchanged = server.exchange(&cookie);
    let body = change(&alice, &password());
    server.post(PATH).bearer(&exchanged).json(body.clone()).send().problem(403, "forbidden");
    server.post(PATH).bearer(&server.stateless(&alice)).json(body).send().problem(400, "invalid_request");
    assert_eq!(server.picture(&cookie), before);
    server.cookie(&alice);
}
