//! `/v1/sessions`: login, the list, and ending.

use serde_json::{Value, json};

use crate::{
    people::{Key, names},
    server::TestServer,
    time,
};

/// The members of a session (`label` is a grant's).
pub(super) const SESSION: [&str; 12] = [
    "amr",
    "auth_time",
    "carrier",
    "created_at",
    "current",
    "device",
    "expires_at",
    "id",
    "idle_expires_at",
    "kind",
    "last_seen_at",
    "user_id",
];
const DAY: i64 = 24 * 60 * 60 * 1000;

fn millis(session: &Value, name: &str) -> i64 {
    time::parse(session[name].as_str().unwrap())
}

#[test]
fn a_login_answers_201_with_session_and_cookies() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let before = time::millis();
    let body = json!({ "identifier": "ALICE", "password": alice.password });
    let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    let answer = server.post("/v1/sessions").field("User-Agent", agent).json(body).send();
    let cookies = answer.cookies();
    let session = answer.gives(201);
    assert_eq!(names(&session), SESSION);
    assert_eq!(session["user_id"], alice.id.as_str());
    assert_eq!((&session["carrier"], &session["kind"]), (&json!("cookie"), &json!("browser")));
    assert_eq!((&session["amr"], &session["current"]), (&json!(["pwd"]), &json!(true)));
    assert_eq!(session["device"], json!({ "name": "Firefox on Linux", "address": "127.0.0.1" }));
    let created = millis(&session, "created_at");
    assert!((before..=time::millis()).contains(&created));
    assert_eq!(millis(&session, "auth_time"), created);
    assert_eq!(millis(&session, "last_seen_at"), created);
    assert_eq!(millis(&session, "idle_expires_at"), created + 7 * DAY);
    assert_eq!(millis(&session, "expires_at"), created + 30 * DAY);
    assert_eq!(cookies.len(), 2, "the session and the known browser");
    server.get("/v1/me").cookie(&cookies[0].value).send().gives(200);
}

#[test]
fn a_session_presented_with_a_login_ends() {
    let server = TestServer::start();
    let (alice, bob) = (server.person("alice"), server.person("bob"));
    let login = |person: &crate::people::Person, cookie: &str| {
        let body = json!({ "identifier": person.identifier, "password": person.password });
        server.post("/v1/sessions").cookie(cookie).json(body).send()
    };
    let first = server.cookie(&alice);
    let elsewhere = server.cookie(&alice);
    let second = login(&alice, &first).is(201).session_cookie();
    assert!(!server.opens(&Key::Cookie(first.clone())));
    // CK-18: somebody else logs in in the same browser; nothing of the two is mixed.
    let bobs = login(&bob, &second).is(201).session_cookie();
    assert!(!server.opens(&Key::Cookie(second)));
    assert_eq!(server.me(&Key::Cookie(bobs.clone())).gives(200)["user"]["id"], bob.id.as_str());
    assert!(server.opens(&Key::Cookie(elsewhere.clone())), "only the one that was presented");
    // A failed login ends nothing.
    let body = json!({ "identifier": "alice", "password": "not the password at all" });
    server.post("/v1/sessions").cookie(&bobs).json(body).send().problem(401, "invalid_credentials");
    assert!(server.opens(&Key::Cookie(bobs)) && server.opens(&Key::Cookie(elsewhere)));
    // A dead one is no obstacle, nor is junk.
    login(&alice, &first).is(201);
    login(&alice, "junk").is(201);
}

#[test]
fn the_list_holds_all_carriers_of_mine_newest_first() {
    let server = TestServer::start();
    let (alice, bob) = (server.person("alice"), server.person("bob"));
    let first = server.cookie(&alice);
    time::tick();
    let tokens = server.tokens(&alice);
    let stateless = server.stateless(&alice);
    server.cookie(&bob);
    time::tick();
    let last = server.cookie(&alice);
    let body = server.get("/v1/sessions").cookie(&first).send().gives(200);
    assert_eq!(names(&body), ["sessions"]);
    let list = body["sessions"].as_array().unwrap();
    for session in list {
        assert_eq!(names(session), SESSION);
        assert_eq!(session["user_id"], alice.id.as_str());
    }
    let shape: Vec<(&str, &str, bool)> = list
        .iter()
        .map(|session| {
            let text = |name: &str| session[name].as_str().unwrap();
            (text("carrier"), text("kind"), session["current"].as_bool().unwrap())
        })
        .collect();
    assert_eq!(
        shape,
        [("cookie", "browser", false), ("token", "token", false), ("cookie", "browser", true)],
        "a stateless token is no session"
    );
    let times: Vec<i64> = list.iter().map(|session| millis(session, "created_at")).collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older), "{times:?}");
    // The same list by every carrier; `current` is the caller's own.
    let current = |list: Value| {
        let list = list["sessions"].as_array().unwrap().clone();
        assert_eq!(list.len(), 3);
        list.iter().position(|session| session["current"] == true)
    };
    assert_eq!(current(server.get("/v1/sessions").cookie(&last).send().gives(200)), Some(0));
    assert_eq!(current(server.get("/v1/sessions").bearer(&tokens.access).send().gives(200)), Some(1));
    assert_eq!(current(server.get("/v1/sessions").bearer(&stateless).send().gives(200)), None);
    server.get("/v1/sessions").send().problem(401, "no_session");
    server.get("/v1/sessions?after=x").cookie(&last).send().problem(400, "invalid_request");
}

#[test]
fn one_of_mine_ends_and_nobody_elses() {
    let server = TestServer::start();
    let (alice, bob) = (server.person("alice"), server.person("bob"));
    let (mine, other, bobs) = (server.cookie(&alice), server.cookie(&alice), server.cookie(&bob));
    let tokens = server.tokens(&alice);
    let id = |cookie: &str| {
        server.me(&Key::Cookie(cookie.to_owned())).gives(200)["session_id"].as_str().unwrap().to_owned()
    };
    let end = |id: &str| server.delete(&format!("/v1/sessions/{id}")).cookie(&mine).send();

    let (other_id, bobs_id) = (id(&other), id(&bobs));
    let answer = end(&other_id).no_content();
    assert!(answer.cookies().is_empty(), "another device's cookie cannot be removed from here");
    assert!(!server.opens(&Key::Cookie(other)));
    end(&other_id).no_content();
    end(&bobs_id).problem(404, "not_found");
    end("01890000-0000-7000-8000-000000000000").problem(404, "not_found");
    for no_id in
        ["x", "CURRENT", "%00", "01890000000070008000000000000000", &format!("{other_id}x"), &other_id[..35]]
    {
        end(no_id).problem(404, "not_found");
    }
    assert!(server.opens(&Key::Cookie(bobs)) && server.opens(&Key::Cookie(mine.clone())));

    end(&tokens.session).no_content();
    assert!(!server.opens(&Key::Bearer(tokens.access)) && !server.opens(&Key::Refresh(tokens.refresh)));

    // By bearer too; and one's own.
    let tokens = server.tokens(&alice);
    server.delete(&format!("/v1/sessions/{}", id(&mine))).bearer(&tokens.access).send().no_content();
    assert!(!server.opens(&Key::Cookie(mine)));
    server.delete(&format!("/v1/sessions/{}", tokens.session)).bearer(&tokens.access).send().no_content();
    assert!(!server.opens(&Key::Bearer(tokens.access)));
}

#[test]
fn all_of_mine_end() {
    let server = TestServer::start();
    let (alice, bob) = (server.person("alice"), server.person("bob"));
    let keys = |server: &TestServer| {
        let tokens = server.tokens(&alice);
        let cookie = server.cookie(&alice);
        let exchanged = server.exchange(&cookie);
        vec![
            Key::Cookie(cookie),
            Key::Bearer(exchanged),
            Key::Bearer(tokens.access),
            Key::Refresh(tokens.refresh),
            Key::Bearer(server.stateless(&alice)),
        ]
    };
    let bobs = server.cookie(&bob);

    let all = keys(&server);
    let answer = server.delete("/v1/sessions").cookie(&server.cookie(&alice)).send().no_content();
    assert_eq!(answer.all("set-cookie"), ["symbolon=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"]);
    for key in &all {
        assert!(!server.opens(key), "{key:?}");
    }

    let all = keys(&server);
    let answer = server.delete("/v1/sessions").bearer(&server.stateless(&alice)).send().no_content();
    assert!(answer.cookies().is_empty(), "by bearer there is no cookie to remove");
    for key in &all {
        assert!(!server.opens(key), "{key:?}");
    }
    assert!(server.opens(&Key::Cookie(bobs)));
    // And the next login is a good one.
    assert!(server.opens(&Key::Cookie(server.cookie(&alice))));
}

#[test]
fn all_others_end_and_i_get_a_successor() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let (mine, other) = (server.cookie(&alice), server.cookie(&alice));
    let (tokens, stateless, exchanged) =
        (server.tokens(&alice), server.stateless(&alice), server.exchange(&mine));
    let before = server.get("/v1/sessions/current").cookie(&mine).send().gives(200)["session"].clone();

    // By bearer it is forbidden, whatever the bearer's session is.
    for token in [&tokens.access, &stateless, &exchanged] {
        server.delete("/v1/sessions?keep=current").bearer(token).send().problem(403, "forbidden");
    }
    // What is not understood ends nothing.
    for query in ["keep=all", "keep=current&keep=current", "keep=Current", "keep=current&x=1", "x=1"] {
        server.delete(&format!("/v1/sessions?{query}")).cookie(&mine).send().problem(400, "invalid_request");
    }
    assert!(server.opens(&Key::Cookie(other.clone())));

    let answer = server.delete("/v1/sessions?keep=current").cookie(&mine).send();
    let next = answer.session_cookie();
    assert_eq!(answer.cookies().len(), 1);
    let session = answer.gives(200);
    assert_eq!(names(&session), SESSION);
    assert_ne!(session["id"], before["id"], "CK-03");
    assert_eq!(session["current"], true);
    for kept in ["user_id", "carrier", "kind", "auth_time", "amr", "device", "expires_at"] {
        assert_eq!(session[kept], before[kept], "{kept} passes to the successor");
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
}

#[test]
fn cr_29_bodies_of_a_login_that_are_not_understood_are_400() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let good = format!(r#""identifier":"alice","password":"{}""#, alice.password);
    for body in [
        String::new(),
        "null".into(),
        format!("{{{good}"),
        format!(r#"{{{good},"identifier":"alice"}}"#),
        format!(r#"{{{good},"passwor\u0064":"x"}}"#),
        format!(r#"{{{good},"mode":"stateless"}}"#),
        format!(r#"{{{good},"remember":null}}"#),
        format!(r#"{{{good},"remember":"yes"}}"#),
        format!(r#"{{{good},"remember":1}}"#),
        r#"{"identifier":"alice"}"#.into(),
        r#"{"identifier":"alice","password":null}"#.into(),
        r#"{"identifier":"alice","password":["x"]}"#.into(),
        r#"{"identifier":{"a":1},"password":"x"}"#.into(),
    ] {
        server.post("/v1/sessions").body("application/json", body).send().problem(400, "invalid_request");
    }
    let body = format!("{{{good}}}");
    // The query is no second place for the body's members.
    server
        .post("/v1/sessions?identifier=alice")
        .body("application/json", body.clone())
        .send()
        .problem(400, "invalid_request");
    server.post("/v1/sessions").body("Application/JSON; charset=UTF-8", body).send().gives(201);
}

/// What the operator sets is what holds, by cookie and by token.
#[test]
fn ck_19_a_limit_and_a_preset_hold_for_both_carriers() {
    let server = TestServer::with(|settings| {
        settings.set("session.limit", "2");
        settings.set("session.preset", "\"aal2\"");
    });
    let alice = server.person("alice");
    let hour = 60 * 60 * 1000;
    let first = server.login(&alice);
    let session = first.json();
    let created = millis(&session, "created_at");
    assert_eq!(millis(&session, "idle_expires_at"), created + hour);
    assert_eq!(millis(&session, "expires_at"), created + 24 * hour);
    let first = first.cookies()[0].value.clone();
    let second = server.cookie(&alice);
    let body = json!({ "identifier": "alice", "password": alice.password });
    let tokens = server.post("/v1/tokens").json(body).send().gives(201);
    server.get("/v1/me").cookie(&first).send().problem(401, "no_session");
    server.get("/v1/me").cookie(&second).send().gives(200);
    let sessions = server.get("/v1/sessions").cookie(&second).send().gives(200)["sessions"].clone();
    assert_eq!(sessions.as_array().unwrap().len(), 2);
    let chain = &sessions[0];
    assert_eq!((&chain["id"], &chain["carrier"]), (&tokens["session_id"], &json!("token")));
    assert_eq!(millis(chain, "idle_expires_at"), millis(chain, "created_at") + hour);
    assert_eq!(millis(chain, "expires_at"), millis(chain, "created_at") + 24 * hour);
    let activity = server.get("/v1/me/activity").cookie(&second).send().gives(200).to_string();
    assert!(activity.contains("session_ended") && activity.contains("limit"), "{activity}");
}
