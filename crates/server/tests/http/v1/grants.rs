//! `POST /v1/grants`: a refresh chain for a job, what it opens, and who may give one.

use serde_json::{Value, json};

use crate::{
    people::{Key, Person, Tokens, claims, names},
    raw::Answer,
    server::{ISSUER, TestServer},
    time,
};

const PATH: &str = "/v1/grants";
const API: &str = "https://api.example.com";

fn server() -> TestServer {
    TestServer::with(|settings| {
        settings.set("token.scopes", r#"["read", "write"]"#);
        settings.set("token.audiences", r#"["https://api.example.com"]"#);
    })
}

fn give(server: &TestServer, cookie: &str, body: Value) -> Answer {
    server.post(PATH).cookie(cookie).json(body).send()
}

/// A grant of somebody who is logged in by cookie.
fn granted(server: &TestServer, cookie: &str) -> Tokens {
    Tokens::of(&give(server, cookie, json!({ "label": "nightly backup" })).gives(201))
}

fn alice(server: &TestServer) -> (Person, String) {
    let alice = server.person("alice");
    let cookie = server.cookie(&alice);
    (alice, cookie)
}

#[test]
fn a_job_gets_a_chain_of_its_own_that_stands_in_the_list() {
    let server = server();
    let (alice, cookie) = alice(&server);
    let body = json!({ "label": "nightly backup", "scope": "read", "audience": [API, ISSUER] });
    let answer = give(&server, &cookie, body);
    assert!(answer.cookies().is_empty());
    let body = answer.gives(201);
    assert_eq!(
        names(&body),
        ["access_token", "expires_in", "refresh_token", "scope", "session_id", "token_type"]
    );
    assert_eq!(
        (&body["token_type"], &body["expires_in"], &body["scope"]),
        (&json!("Bearer"), &json!(300), &json!("read"))
    );
    let job = Tokens::of(&body);
    let said = claims(&job.access);
    assert_eq!(
        (&said["kind"], &said["sid"], &said["sub"]),
        (&json!("grant"), &json!(job.session), &json!(alice.id))
    );
    assert_eq!(said["aud"], json!([API, ISSUER]));

    let sessions = server.sessions(&cookie);
    assert_eq!(sessions.len(), 2);
    let listed = sessions.iter().find(|session| session["id"] == json!(job.session)).unwrap();
    assert_eq!(
        (&listed["kind"], &listed["carrier"], &listed["label"]),
        (&json!("grant"), &json!("token"), &json!("nightly backup"))
    );
    assert_eq!(listed["current"], false);
    assert!(sessions.iter().filter(|session| session.get("label").is_some()).count() == 1, "a grant's alone");
    assert_eq!(server.activity(&cookie)[0], "grant_given");

    let me = server.me(&Key::Bearer(job.access.clone())).gives(200);
    assert_eq!(
        (&me["via"], &me["session_id"], &me["user"]["id"]),
        (&json!("bearer"), &json!(job.session), &json!(alice.id))
    );
    let next = server.refreshed(&job.refresh);
    assert_eq!((&next.session, &claims(&next.access)["kind"]), (&job.session, &json!("grant")));
    // It outlives the login that gave it, and ends by itself.
    server.delete("/v1/sessions/current").cookie(&cookie).send().no_content();
    assert!(server.opens(&Key::Bearer(next.access.clone())));
    server.delete("/v1/sessions/current").bearer(&next.access).send().no_content();
    for key in [Key::Bearer(job.access), Key::Bearer(next.access), Key::Refresh(next.refresh)] {
        assert!(!server.opens(&key));
    }
}

/// Every operation of the document but these: a route that is made one day is closed to grants unless somebody says otherwise here.
#[test]
fn ad_02_ad_10_a_grant_opens_what_is_listed_here_and_nothing_else() {
    let server = server();
    let person = server.person("alice");
    server.cli(&["user", "role", "alice", "--add", "admin"]);
    let cookie = server.cookie(&person);
    let job = granted(&server, &cookie);
    let before = server.picture(&cookie);
    let document = server.get("/openapi.json").send().json();
    let mut refused = 0;
    for (template, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let by_user =
                operation["security"].as_array().unwrap().iter().any(|way| way.get("cookie").is_some());
            let opens = matches!(
                (method.as_str(), template.as_str()),
                ("get", "/v1/me") | ("delete", "/v1/sessions/current")
            );
            if !by_user || opens {
                continue;
            }
            let path = template.replace("{id}", &job.session).replace("{kid}", "AAAAAAAAAAAAAAAA");
            let code = match template.as_str() {
                "/v1/me/password" | "/v1/sessions/current/confirm" => "forbidden",
                _ => "insufficient_scope",
            };
            for path in [path.clone(), format!("{path}?x=1")] {
                let ask = || server.request(&method.to_uppercase(), &path).bearer(&job.access);
                let body = json!({ "label": "x", "password": person.password, "profile": {}, "scope": "" });
                ask().send().problem(403, code);
                ask().cookie(&cookie).send().problem(403, code);
                if method != "get" {
                    ask().json(body).send().problem(403, code);
                    ask().body("text/csv", "{").send().problem(403, code);
                }
            }
            refused += 1;
        }
    }
    assert!(refused >= 20, "{refused}");
    let challenge = server.get("/v1/sessions").bearer(&job.access).send();
    assert_eq!(
        challenge.field("www-authenticate"),
        Some("Bearer realm=\"symbolon\", error=\"insufficient_scope\"")
    );
    for path in ["/account", "/account/sessions", "/account/grants"] {
        assert_eq!(server.get(path).bearer(&job.access).send().status, 403, "{path}");
    }
    assert_eq!(server.picture(&cookie), before);
    // And these do open.
    server.request("HEAD", "/v1/me").bearer(&job.access).send().is(200);
    assert!(server.opens(&Key::Bearer(job.access)) && server.opens(&Key::Refresh(job.refresh.clone())));
    server.post("/oauth/revoke").form(&[("token", &job.refresh)]).send().is(200);
    assert!(!server.opens(&Key::Refresh(job.refresh)));
}

#[test]
fn it_takes_a_fresh_login_of_ones_own() {
    let server = TestServer::with(|settings| settings.set("session.fresh", "\"1s\""));
    let (alice, cookie) = alice(&server);
    let label = || json!({ "label": "job" });
    // Whoever asks is looked at before what they ask for.
    server.post(PATH).send().problem(401, "no_session");
    server.post(PATH).bearer("junk").body("text/csv", "{").send().problem(401, "invalid_token");
    server.post(PATH).cookie("ses_dead").same_origin().json(label()).send().problem(401, "no_session");
    server
        .post(PATH)
        .cookie(&cookie)
        .field("Sec-Fetch-Site", "cross-site")
        .json(label())
        .send()
        .problem(403, "csrf_rejected");
    give(&server, &cookie, label()).gives(201);
    time::wait_until(time::millis() + 1_100);
    let stale = server.post(PATH).cookie(&cookie).same_origin().body("text/csv", "{").send();
    assert_eq!(stale.problem_with(401, "fresh_login_required")["max_age"], 1);
    let confirm = json!({ "password": alice.password });
    let fresh = server.post("/v1/sessions/current/confirm").cookie(&cookie).json(confirm).send();
    let cookie = fresh.is(200).session_cookie();
    give(&server, &cookie, label()).gives(201);
    assert_eq!(server.sessions(&cookie).len(), 3);
}

#[test]
fn by_bearer_it_is_no_wider_than_the_token() {
    let server = server();
    let (alice, cookie) = alice(&server);
    let ask = |token: &str, body| server.post(PATH).bearer(token).json(body).send();
    let wish = json!({ "scope": "read write", "audience": [ISSUER, API] });
    let tokens = Tokens::of(&server.token_answer(&alice, wish));
    ask(&tokens.access, json!({ "label": "job", "scope": "write", "audience": API })).gives(201);
    let plain = server.tokens(&alice);
    ask(&plain.access, json!({ "label": "job", "scope": "read" })).problem(400, "invalid_scope");
    ask(&plain.access, json!({ "label": "job", "audience": API })).problem(400, "invalid_target");
    ask(&plain.access, json!({ "label": "job" })).gives(201);
    let exchanged = server.exchange(&cookie);
    ask(&exchanged, json!({ "label": "job", "scope": "read" })).problem(400, "invalid_scope");
    ask(&exchanged, json!({ "label": "job" })).gives(201);
    let stateless = server.stateless(&alice);
    ask(&stateless, json!({ "label": "job" })).problem(400, "invalid_request");
    // By cookie there is all that is configured, and no more.
    give(&server, &cookie, json!({ "label": "job", "scope": "read write", "audience": API })).gives(201);
    give(&server, &cookie, json!({ "label": "job", "scope": "admin" })).problem(400, "invalid_scope");
    give(&server, &cookie, json!({ "label": "job", "audience": "https://x" })).problem(400, "invalid_target");
}

#[test]
fn bodies_that_are_not_understood_are_refused() {
    let server = server();
    let (_, cookie) = alice(&server);
    let in_a_year = "2999-01-01T00:00:00Z";
    for body in [
        json!({}),
        json!({ "label": "" }),
        json!({ "label": "  " }),
        json!({ "label": "x".repeat(101) }),
        json!({ "label": "a\u{1b}[31m" }),
        json!({ "label": 7 }),
        json!({ "label": null }),
        json!({ "label": "x", "scope": ["read"] }),
        json!({ "label": "x", "kind": "browser" }),
        json!({ "label": "x", "user_id": "01905a3c-1111-7222-8333-444455556666" }),
        json!({ "label": "x", "expires_at": in_a_year }),
        json!({ "label": "x", "expires_at": "2001-01-01T00:00:00Z" }),
        json!({ "label": "x", "expires_at": "tomorrow" }),
        json!({ "label": "x", "expires_at": "2999-01-01" }),
        json!({ "label": "x", "expires_at": "2999-01-01T00:00:00" }),
        json!({ "label": "x", "expires_at": "2999-01-01T00:00:00-04[America/New_York]" }),
        json!({ "label": "x", "expires_at": 4_102_444_800_u64 }),
        json!({ "label": "x", "expires_at": null }),
    ] {
        give(&server, &cookie, body).problem(400, "invalid_request");
    }
    let repeated = r#"{"label":"x","label":"y"}"#;
    server
        .post(PATH)
        .cookie(&cookie)
        .body("application/json", repeated)
        .send()
        .problem(400, "invalid_request");
    server
        .post(PATH)
        .cookie(&cookie)
        .same_origin()
        .form(&[("label", "x")])
        .send()
        .problem(415, "unsupported_media_type");
    assert_eq!(server.sessions(&cookie).len(), 1, "none of them left a session");
}

#[test]
fn its_end_is_the_owners_to_choose() {
    let server = server();
    let (_, cookie) = alice(&server);
    let end = time::millis() + 100_000;
    let text = jiff::Timestamp::from_millisecond(end).unwrap().to_string();
    let body = give(&server, &cookie, json!({ "label": "job", "expires_at": text })).gives(201);
    let expires_in = body["expires_in"].as_i64().unwrap();
    assert!((85..=100).contains(&expires_in), "{expires_in}");
    let listed =
        server.sessions(&cookie).into_iter().find(|session| session["id"] == body["session_id"]).unwrap();
    assert_eq!(time::parse(listed["expires_at"].as_str().unwrap()), end);
    assert_eq!(listed["idle_expires_at"], listed["expires_at"]);
}

#[test]
fn introspection_says_that_it_is_one() {
    let server = server();
    let (alice, cookie) = alice(&server);
    let (id, secret) = crate::oauth::client(&server, "introspect");
    let job = granted(&server, &cookie);
    let own = server.tokens(&alice);
    let ask = |token: &str| {
        server.post("/oauth/introspect").basic(&id, &secret).form(&[("token", token)]).send().gives(200)
    };
    for token in [&job.access, &job.refresh] {
        let found = ask(token);
        assert_eq!(
            (&found["active"], &found["kind"], &found["sid"]),
            (&json!(true), &json!("grant"), &json!(job.session))
        );
    }
    for token in [&own.access, &own.refresh] {
        assert!(ask(token).get("kind").is_none());
    }
}
