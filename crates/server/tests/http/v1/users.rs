//! `POST /v1/users`.

use serde_json::{Value, json};

use crate::{
    people::{names, password},
    server::TestServer,
    time,
};

const USER: [&str; 7] = ["created_at", "disabled", "id", "identifier", "profile", "roles", "updated_at"];

#[test]
fn registration_answers_201_with_the_user_and_logs_nobody_in() {
    let server = TestServer::start();
    let before = time::millis();
    let body =
        json!({ "identifier": "Alice@Example.com", "password": password(), "profile": { "name": "Alice" } });
    let answer = server.post("/v1/users").json(body).send();
    assert!(answer.cookies().is_empty());
    let user = answer.gives(201);
    assert_eq!(names(&user), USER);
    let id: uuid::Uuid = user["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(id.get_version_num(), 7);
    // As typed: the canonical form is for comparing.
    assert_eq!(user["identifier"], "Alice@Example.com");
    assert_eq!(user["profile"], json!({ "name": "Alice" }));
    assert_eq!((&user["disabled"], &user["roles"]), (&json!(false), &json!([])));
    let created = time::parse(user["created_at"].as_str().unwrap());
    assert!((before..=time::millis()).contains(&created));
    assert_eq!(user["created_at"], user["updated_at"]);
    // Without a profile it is an empty one.
    let body = json!({ "identifier": "bob", "password": password() });
    assert_eq!(server.post("/v1/users").json(body).send().gives(201)["profile"], json!({}));
}

#[test]
fn closed_registration_is_403_before_the_body_is_looked_at() {
    let server = TestServer::with(|settings| settings.set("users.registration", "\"closed\""));
    let body = json!({ "identifier": "alice", "password": password() });
    server.post("/v1/users").json(body).send().problem(403, "forbidden");
    server.post("/v1/users").body("text/plain", "x").send().problem(403, "forbidden");
    server.post("/v1/users").json(json!({})).send().problem(403, "forbidden");
}

#[test]
fn cr_03_cr_26_an_identifier_is_taken_in_every_spelling() {
    // CR-03 and CR-26 would answer alike; CONTRACT tells: 409.
    let server = TestServer::start();
    for (first, spellings) in [
        ("alice", vec!["alice", "ALICE", "Alice", "ａｌｉｃｅ"]),
        ("jörg", vec!["JÖRG", "jo\u{308}rg"]),
        ("Bob@Example.com", vec!["bob@example.com", "BOB@EXAMPLE.COM", "bob@EXAMPLE.com"]),
        ("zoe@bücher.example", vec!["zoe@xn--bcher-kva.example", "ZOE@BÜCHER.example"]),
    ] {
        server.person(first);
        for spelling in spellings {
            let body = json!({ "identifier": spelling, "password": password() });
            server.post("/v1/users").json(body).send().problem(409, "identifier_taken");
        }
    }
    // What looks alike is refused, whether or not there is something it looks like.
    for confusable in ["аlice", "al\u{200d}ice", "alice ", " alice", "аlice@example.com", ""] {
        let body = json!({ "identifier": confusable, "password": password() });
        server.post("/v1/users").json(body).send().problem(400, "invalid_request");
    }
    // Dots and tags are the mail provider's business: these are others.
    for other in ["b.ob@example.com", "bob+tag@example.com"] {
        server.person(other);
    }
}

#[test]
fn cr_27_a_name_is_never_somebody_elses_address() {
    let server = TestServer::start();
    let owner = server.person("carol@example.com");
    for name in ["carol＠example.com", "@carol", "carol@", "a@b@c", "carol@example.com "] {
        let body = json!({ "identifier": name, "password": password() });
        let answer = server.post("/v1/users").json(body).send();
        // One that is the address in another spelling is taken, the rest is not an identifier.
        assert!(matches!(answer.status, 400 | 409), "{name}: {}", answer.comparable());
    }
    server.login(&owner).is(201);
}

#[test]
fn st_26_of_parallel_sign_ups_one_wins() {
    let server = TestServer::start();
    let spellings = ["dora", "DORA", "Dora", "dorA", "dora", "DoRa", "dora", "dOrA"];
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let threads = spellings.map(|identifier| {
            let server = &server;
            scope.spawn(move || {
                let body = json!({ "identifier": identifier, "password": password() });
                server.post("/v1/users").json(body).send().status
            })
        });
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), spellings.len() - 1, "{statuses:?}");
}

#[test]
fn st_27_names_beyond_ascii_are_one_or_two_as_the_standard_says() {
    let server = TestServer::start();
    server.person("émile");
    let register = |identifier: &str| {
        server
            .post("/v1/users")
            .json(json!({ "identifier": identifier, "password": password() }))
            .send()
            .status
    };
    assert_eq!(register("ÉMILE"), 409, "case beyond ASCII");
    assert_eq!(register("strasse"), 201);
    assert_eq!(register("straße"), 201, "RFC 8265 does not fold ß");
    assert_eq!(register("STRASSE"), 409);
}

#[test]
fn a_password_is_rejected_with_every_reason() {
    let server = TestServer::start();
    let reasons = |identifier: &str, password: &str| -> Vec<Value> {
        let body = json!({ "identifier": identifier, "password": password });
        let problem = server.post("/v1/users").json(body).send().problem_with(422, "password_rejected");
        assert_eq!(names(&problem), ["code", "detail", "reasons", "status", "title", "type"]);
        problem["reasons"].as_array().unwrap().clone()
    };
    assert_eq!(reasons("erin", "kT9#vW2$xZ4!qR"), ["too_short"]);
    assert_eq!(reasons("erin", &"ab ".repeat(342)), ["too_long"]);
    assert_eq!(reasons("erin", "passwordpassword"), ["common"]);
    assert_eq!(reasons("erin", "password123456789"), ["common"]);
    assert_eq!(reasons("erin", "qwertyuiopasdfghjkl"), ["common"]);
    assert_eq!(reasons("erin", "symbolonsymbolon"), ["common"]);
    assert_eq!(reasons("erin.mcgrath", "my erin.mcgrath lantern"), ["contains_identifier"]);
    assert_eq!(reasons("erin@example.com", "ginger ERIN@example.com soup"), ["contains_identifier"]);
    assert_eq!(reasons("erin", "password"), ["too_short", "common"]);
    assert_eq!(reasons("erin", ""), ["too_short"]);
    // Nothing was made meanwhile.
    server.person("erin");
    server.person("erin.mcgrath");
}

#[test]
fn a_profile_is_an_object_of_bounded_size_and_depth() {
    let server = TestServer::start();
    let register = |identifier: &str, profile: Value| {
        let body = json!({ "identifier": identifier, "password": password(), "profile": profile });
        server.post("/v1/users").json(body).send()
    };
    let sized = |bytes: usize| json!({ "a": "x".repeat(bytes - r#"{"a":""}"#.len()) });
    assert_eq!(register("a1", sized(4096)).gives(201)["profile"], sized(4096));
    register("a2", sized(4097)).problem(400, "invalid_request");
    let deep = json!({ "2": { "3": { "4": { "5": 1 } } } });
    assert_eq!(register("a3", deep.clone()).gives(201)["profile"], deep);
    register("a4", json!({ "2": { "3": { "4": { "5": {} } } } })).problem(400, "invalid_request");
    register("a5", json!({ "2": [[[1]]] })).gives(201);
    register("a6", json!({ "2": [[[[]]]] })).problem(400, "invalid_request");
    for wrong in [json!([]), json!("x"), json!(1), json!(true)] {
        register("a7", wrong).problem(400, "invalid_request");
    }
}

#[test]
fn bodies_that_the_call_does_not_take_are_400() {
    let server = TestServer::start();
    let secret = password();
    server.hide(&secret);
    let good = format!(r#""identifier":"frank","password":"{secret}""#);
    for body in [
        String::new(),
        "{".into(),
        "[]".into(),
        "null".into(),
        format!("{{{good}}} x"),
        format!("{{{good},}}"),
        r#"{"identifier":"frank"}"#.into(),
        format!(r#"{{"password":"{secret}"}}"#),
        format!(r#"{{{good},"roles":["admin"]}}"#),
        format!(r#"{{{good},"disabled":false}}"#),
        format!(r#"{{{good},"identifier":"frank"}}"#),
        format!(r#"{{{good},"\u0069dentifier":"frank"}}"#),
        format!(r#"{{{good},"profile":{{"a":1,"a":2}}}}"#),
        format!(r#"{{"identifier":1,"password":"{secret}"}}"#),
        format!(r#"{{"identifier":null,"password":"{secret}"}}"#),
        format!(r#"{{"identifier":["frank"],"password":"{secret}"}}"#),
    ] {
        server.post("/v1/users").body("application/json", body).send().problem(400, "invalid_request");
    }
    let body = format!("{{{good}}}");
    server
        .post("/v1/users?invite=1")
        .body("application/json", body.clone())
        .send()
        .problem(400, "invalid_request");
    server.post("/v1/users").body("application/json", body).send().gives(201);
}
