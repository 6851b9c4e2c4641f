//! `/v1/me`.

use serde_json::{Value, json};

use crate::{
    people::{Key, claims, names},
    server::TestServer,
    time,
};

#[test]
fn both_carriers_tell_who_i_am() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let cookie = server.cookie(&alice);
    let session = server.sessions(&cookie)[0].clone();
    let me = server.get("/v1/me").cookie(&cookie).send().gives(200);
    assert_eq!(names(&me), ["amr", "auth_time", "expires_at", "session_id", "user", "via"]);
    assert_eq!((&me["via"], &me["session_id"]), (&json!("cookie"), &session["id"]));
    assert_eq!((&me["amr"], &me["auth_time"]), (&json!(["pwd"]), &session["auth_time"]));
    assert_eq!(me["expires_at"], session["expires_at"]);
    let user = &me["user"];
    assert_eq!(names(user), ["created_at", "disabled", "id", "identifier", "profile", "roles", "updated_at"]);
    assert_eq!((&user["id"], &user["identifier"]), (&json!(alice.id), &json!("alice")));

    let tokens = server.tokens(&alice);
    let by_bearer = server.get("/v1/me").bearer(&tokens.access).send().gives(200);
    assert_eq!(names(&by_bearer), ["amr", "auth_time", "expires_at", "session_id", "user", "via"]);
    assert_eq!((&by_bearer["via"], &by_bearer["session_id"]), (&json!("bearer"), &json!(tokens.session)));
    assert_eq!(&by_bearer["user"], user);
    assert_eq!(by_bearer["amr"], json!(["pwd"]));
    let seconds = |name: &str| time::parse(by_bearer[name].as_str().unwrap()) / 1000;
    assert_eq!(seconds("expires_at"), claims(&tokens.access)["exp"].as_i64().unwrap());
    assert_eq!(seconds("auth_time"), claims(&tokens.access)["auth_time"].as_i64().unwrap());

    let stateless = server.stateless(&alice);
    let alone = server.get("/v1/me").bearer(&stateless).send().gives(200);
    assert_eq!(names(&alone), ["amr", "auth_time", "expires_at", "user", "via"], "it has no session");
    assert_eq!(&alone["user"], user);
    server.get("/v1/me").send().problem(401, "no_session");
    server.get("/v1/me?x=1").cookie(&cookie).send().problem(400, "invalid_request");
}

#[test]
fn a_form_may_hold_the_token() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let tokens = server.tokens(&alice);
    let by_header = server.get("/v1/me").bearer(&tokens.access).send().gives(200);
    let form = [("access_token", tokens.access.as_str())];
    assert_eq!(server.post("/v1/me").form(&form).send().gives(200), by_header);
    // By header, and by cookie, it answers the same as GET.
    assert_eq!(server.post("/v1/me").bearer(&tokens.access).form(&[]).send().gives(200), by_header);
    let cookie = server.cookie(&alice);
    let me = server.get("/v1/me").cookie(&cookie).send().gives(200);
    assert_eq!(server.post("/v1/me").cookie(&cookie).same_origin().form(&[]).send().gives(200), me);
    // The token outranks the cookie, and needs no CSRF rule.
    assert_eq!(server.post("/v1/me").cookie(&cookie).form(&form).send().gives(200), by_header);
    server.post("/v1/me").cookie(&cookie).form(&[]).send().problem(403, "csrf_rejected");
    server.post("/v1/me").form(&[]).send().problem(401, "no_session");
    server.post("/v1/me").form(&[("access_token", "junk")]).send().problem(401, "invalid_token");
    server
        .post("/v1/me")
        .bearer(&tokens.access)
        .json(json!({}))
        .send()
        .problem(415, "unsupported_media_type");
}

#[test]
fn the_profile_is_replaced() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let cookie = server.cookie(&alice);
    let before = server.me(&Key::Cookie(cookie.clone())).gives(200)["user"].clone();
    time::wait_until(time::parse(before["updated_at"].as_str().unwrap()) + 2);
    let patch =
        |profile: Value| server.patch("/v1/me").cookie(&cookie).json(json!({ "profile": profile })).send();
    let user = patch(json!({ "name": "Alice", "n": { "a": [1, 2] } })).gives(200);
    assert_eq!(user["profile"], json!({ "name": "Alice", "n": { "a": [1, 2] } }));
    assert!(user["updated_at"].as_str() > before["updated_at"].as_str());
    for same in ["id", "identifier", "created_at", "disabled", "roles"] {
        assert_eq!(user[same], before[same]);
    }
    assert_eq!(server.me(&Key::Cookie(cookie.clone())).gives(200)["user"], user, "in the very next request");
    // Replaced, not merged. By bearer, and by whatever token, it is the same.
    assert_eq!(patch(json!({ "x": 1 })).gives(200)["profile"], json!({ "x": 1 }));
    let stateless = server.stateless(&alice);
    let user = server.patch("/v1/me").bearer(&stateless).json(json!({ "profile": {} })).send().gives(200);
    assert_eq!(user["profile"], json!({}));

    let sized = |bytes: usize| json!({ "a": "x".repeat(bytes - r#"{"a":""}"#.len()) });
    patch(sized(4096)).gives(200);
    patch(json!({ "2": { "3": { "4": { "5": 1 } } } })).gives(200);
    let before = server.picture(&cookie);
    patch(sized(4097)).problem(400, "invalid_request");
    patch(json!({ "2": { "3": { "4": { "5": {} } } } })).problem(400, "invalid_request");
    for wrong in [json!(null), json!([]), json!("x"), json!(1)] {
        patch(wrong).problem(400, "invalid_request");
    }
    for body in
        [json!({}), json!({ "profile": {}, "roles": ["admin"] }), json!({ "profile": {}, "disabled": false })]
    {
        server.patch("/v1/me").cookie(&cookie).json(body).send().problem(400, "invalid_request");
    }
    let twice = r#"{"profile":{"a":{"b":1,"\u0062":2}}}"#;
    server
        .patch("/v1/me")
        .cookie(&cookie)
        .body("application/json", twice)
        .send()
        .problem(400, "invalid_request");
    server.patch("/v1/me").json(json!({ "profile": {} })).send().problem(401, "no_session");
    assert_eq!(server.picture(&cookie), before);
}

#[test]
fn a_fresh_login_deletes_everything_of_me() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let (cookie, other) = (server.cookie(&alice), server.cookie(&alice));
    let (tokens, stateless) = (server.tokens(&alice), server.stateless(&alice));
    let answer = server.delete("/v1/me").cookie(&cookie).send().no_content();
    assert_eq!(answer.all("set-cookie"), ["symbolon=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"]);
    for key in [
        Key::Cookie(cookie),
        Key::Cookie(other),
        Key::Bearer(tokens.access),
        Key::Refresh(tokens.refresh.clone()),
        Key::Bearer(stateless),
    ] {
        assert!(!server.opens(&key), "JC-13: {key:?}");
    }
    server.login(&alice).problem(401, "invalid_credentials");
    // RT-22: the name may be had again; what was the other's stays dead.
    let again = server.person("alice");
    assert_ne!(again.id, alice.id);
    server.cookie(&again);
    assert!(!server.opens(&Key::Refresh(tokens.refresh)));
    let bearer = server.stateless(&again);
    assert!(server.delete("/v1/me").bearer(&bearer).send().no_content().cookies().is_empty());
    assert!(!server.opens(&Key::Bearer(bearer)));
}

#[test]
fn jc_25_a_login_that_is_not_fresh_deletes_nothing() {
    let server = TestServer::with(|settings| settings.set("session.fresh", "\"1s\""));
    let alice = server.person("alice");
    let cookie = server.cookie(&alice);
    let stateless = server.stateless(&alice);
    let me = server.me(&Key::Cookie(cookie.clone())).gives(200);
    time::wait_until(time::parse(me["auth_time"].as_str().unwrap()) + 2500);
    for request in [server.delete("/v1/me").cookie(&cookie), server.delete("/v1/me").bearer(&stateless)] {
        let answer = request.send();
        let challenge =
            "Bearer realm=\"symbolon\", error=\"insufficient_user_authentication\", max_age=\"1\"";
        assert_eq!(answer.field("www-authenticate"), Some(challenge), "RFC 9470");
        let problem = answer.problem_with(401, "fresh_login_required");
        assert_eq!(names(&problem), ["code", "detail", "max_age", "status", "title", "type"]);
        assert_eq!(problem["max_age"], 1);
    }
    assert!(server.opens(&Key::Cookie(cookie.clone())));
    // Step-up makes it fresh. (CSRF comes before freshness.)
    server
        .delete("/v1/me")
        .cookie(&cookie)
        .field("Sec-Fetch-Site", "cross-site")
        .send()
        .problem(403, "csrf_rejected");
    let body = json!({ "password": alice.password });
    let next = server
        .post("/v1/sessions/current/confirm")
        .cookie(&cookie)
        .json(body)
        .send()
        .is(200)
        .session_cookie();
    server.delete("/v1/me").cookie(&next).send().no_content();
}
