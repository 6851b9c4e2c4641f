//! Each way of ending, and what it ends of everything that one user can hold: in the very next request, after `kill -9`, and after a
//! restart.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::{
    people::{Key, Person, Tokens, password},
    server::TestServer,
};

/// Everything a user can hold, each by a name.
struct Holdings {
    person: Person,
    keys: Vec<(&'static str, Key)>,
    sessions: Vec<(&'static str, String)>,
}

impl Holdings {
    /// Three browsers (one of which the ending is done from), an exchanged token of two of them, two token sessions, a
    /// job's grant, two tokens that stand alone. All have been used: every cache is warm (CK-17).
    fn of(server: &TestServer, identifier: &str) -> Self {
        let person = server.person(identifier);
        let (mine, other, third) = (server.cookie(&person), server.cookie(&person), server.cookie(&person));
        let (one, two) = (server.tokens(&person), server.tokens(&person));
        let body = json!({ "label": "a job" });
        let job = Tokens::of(&server.post("/v1/grants").cookie(&mine).json(body).send().gives(201));
        let id = |cookie: &str| {
            server.me(&Key::Cookie(cookie.to_owned())).gives(200)["session_id"].as_str().unwrap().to_owned()
        };
        let sessions = vec![
            ("mine", id(&mine)),
            ("other", id(&other)),
            ("one", one.session.clone()),
            ("two", two.session.clone()),
            ("job", job.session.clone()),
        ];
        let keys = vec![
            ("mine", Key::Cookie(mine.clone())),
            ("mine exchanged", Key::Bearer(server.exchange(&mine))),
            ("other", Key::Cookie(other.clone())),
            ("other exchanged", Key::Bearer(server.exchange(&other))),
            ("third", Key::Cookie(third)),
            ("one", Key::Bearer(one.access)),
            ("one refresh", Key::Refresh(one.refresh)),
            ("two", Key::Bearer(two.access)),
            ("two refresh", Key::Refresh(two.refresh)),
            ("job", Key::Bearer(job.access)),
            ("job refresh", Key::Refresh(job.refresh)),
            ("alone", Key::Bearer(server.stateless(&person))),
            ("also alone", Key::Bearer(server.stateless(&person))),
        ];
        for (name, key) in &keys {
            // A refresh within the grace time changes nothing that this test sees.
            assert!(server.opens(key), "{name} is good to begin with");
        }
        Self { person, keys, sessions }
    }

    fn cookie(&self, name: &str) -> &str {
        match &self.key(name) {
            Key::Cookie(value) => value,
            other => panic!("{name} is {other:?}"),
        }
    }

    fn text(&self, name: &str) -> &str {
        match &self.key(name) {
            Key::Bearer(value) | Key::Refresh(value) | Key::Cookie(value) => value,
        }
    }

    fn key(&self, name: &str) -> &Key {
        &self.keys.iter().find(|(this, _)| *this == name).unwrap().1
    }

    fn session(&self, name: &str) -> &str {
        &self.sessions.iter().find(|(this, _)| *this == name).unwrap().1
    }

    #[track_caller]
    fn check(&self, server: &TestServer, way: &str, ended: &[&str]) {
        for (name, key) in &self.keys {
            let expected = !(ended.contains(name) || ended.contains(&"everything"));
            assert_eq!(server.opens(key), expected, "after {way}: {name}");
        }
    }
}

/// A way to end, and the names of what it ends.
type Way = (&'static str, &'static [&'static str], fn(&TestServer, &Holdings));

fn logout(server: &TestServer, key: &Key) {
    let request = server.delete("/v1/sessions/current");
    match key {
        Key::Cookie(value) => request.cookie(value),
        Key::Bearer(token) | Key::Refresh(token) => request.bearer(token),
    }
    .send()
    .no_content();
}

fn change_password(
    server: &TestServer,
    person: &Person,
    with: impl Fn(crate::client::Request<'_>) -> crate::client::Request<'_>,
) -> Value {
    let body = json!({ "current": person.password, "new": password() });
    with(server.post("/v1/me/password")).json(body).send().gives(200)
}

fn revoke(server: &TestServer, token: &str) {
    server.post("/oauth/revoke").form(&[("token", token)]).send().is(200);
}

const EVERYTHING: &[&str] = &["everything"];

const WAYS: [Way; 28] = [
    ("logout by cookie", &["mine", "mine exchanged"], |server, has| logout(server, has.key("mine"))),
    ("logout by the browser session's token", &["mine", "mine exchanged"], |server, has| {
        logout(server, has.key("mine exchanged"));
    }),
    ("logout by bearer", &["one", "one refresh"], |server, has| logout(server, has.key("one"))),
    ("logout by a token that stands alone", &["alone"], |server, has| logout(server, has.key("alone"))),
    ("ending of a grant by its own token", &["job", "job refresh"], |server, has| {
        logout(server, has.key("job"));
    }),
    ("ending a grant from a browser", &["job", "job refresh"], |server, has| {
        server
            .delete(&format!("/v1/sessions/{}", has.session("job")))
            .cookie(has.cookie("other"))
            .send()
            .no_content();
    }),
    ("revoking a grant's refresh token", &["job", "job refresh"], |server, has| {
        revoke(server, has.text("job refresh"));
    }),
    ("revoking a grant's access token", &["job"], |server, has| revoke(server, has.text("job"))),
    ("ending a browser's session from another", &["other", "other exchanged"], |server, has| {
        server
            .delete(&format!("/v1/sessions/{}", has.session("other")))
            .cookie(has.cookie("mine"))
            .send()
            .no_content();
    }),
    ("ending a token session from a browser", &["one", "one refresh"], |server, has| {
        server
            .delete(&format!("/v1/sessions/{}", has.session("one")))
            .cookie(has.cookie("mine"))
            .send()
            .no_content();
    }),
    ("ending a browser's session by bearer", &["other", "other exchanged"], |server, has| {
        server
            .delete(&format!("/v1/sessions/{}", has.session("other")))
            .bearer(has.text("one"))
            .send()
            .no_content();
    }),
    ("logging in over a session", &["mine", "mine exchanged"], |server, has| {
        let body = json!({ "identifier": has.person.identifier, "password": has.person.password });
        server.post("/v1/sessions").cookie(has.cookie("mine")).json(body).send().is(201);
    }),
    ("confirm by cookie", &["mine", "mine exchanged"], |server, has| {
        let body = json!({ "password": has.person.password });
        server.post("/v1/sessions/current/confirm").cookie(has.cookie("mine")).json(body).send().gives(200);
    }),
    ("confirm by bearer", &["one", "one refresh"], |server, has| {
        let body = json!({ "password": has.person.password });
        server.post("/v1/sessions/current/confirm").bearer(has.text("one")).json(body).send().gives(200);
    }),
    ("confirm and end the others", EVERYTHING, |server, has| {
        let body = json!({ "password": has.person.password, "end_others": true });
        server.post("/v1/sessions/current/confirm").cookie(has.cookie("mine")).json(body).send().gives(200);
    }),
    ("revoking a refresh token", &["one", "one refresh"], |server, has| {
        revoke(server, has.text("one refresh"));
    }),
    ("revoking an access token", &["one"], |server, has| revoke(server, has.text("one"))),
    ("revoking a browser session's token", &["mine exchanged"], |server, has| {
        revoke(server, has.text("mine exchanged"));
    }),
    ("revoking a token that stands alone", &["alone"], |server, has| revoke(server, has.text("alone"))),
    ("ending the others", EVERYTHING, |server, has| {
        server.delete("/v1/sessions?keep=current").cookie(has.cookie("mine")).send().gives(200);
    }),
    ("ending all by cookie", EVERYTHING, |server, has| {
        server.delete("/v1/sessions").cookie(has.cookie("mine")).send().no_content();
    }),
    ("ending all by a token that stands alone", EVERYTHING, |server, has| {
        server.delete("/v1/sessions").bearer(has.text("alone")).send().no_content();
    }),
    ("changing the password", EVERYTHING, |server, has| {
        change_password(server, &has.person, |request| request.cookie(has.cookie("mine")));
    }),
    ("deleting the account", EVERYTHING, |server, has| {
        server.delete("/v1/me").bearer(has.text("one")).send().no_content();
    }),
    ("disabling by an operator", EVERYTHING, |server, has| {
        server.cli(&["user", "disable", &has.person.id]);
    }),
    ("ending one session by an operator", &["other", "other exchanged"], |server, has| {
        server.cli(&["session", "end", &has.person.id, has.session("other")]);
    }),
    ("disabling by an administrator", EVERYTHING, |server, has| {
        let path = format!("/v1/admin/users/{}", has.person.id);
        server
            .patch(&path)
            .cookie(&administrator(server))
            .json(json!({ "disabled": true }))
            .send()
            .gives(200);
    }),
    ("deleting by an administrator", EVERYTHING, |server, has| {
        let path = format!("/v1/admin/users/{}", has.person.id);
        server.delete(&path).cookie(&administrator(server)).send().no_content();
    }),
];

/// A cookie of somebody who administers.
fn administrator(server: &TestServer) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = format!("admin{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let person = server.person(&name);
    server.cli(&["user", "role", &name, "--add", "admin"]);
    server.cookie(&person)
}

#[test]
fn st_01_ck_17_rt_10_revoked_is_revoked_at_once_and_for_good() {
    let mut server = TestServer::with(|settings| {
        settings.set("throttle.lookups", "1000000");
        settings.set("throttle.registrations", "1000");
    });
    let mut all = Vec::new();
    for (number, (way, ended, end)) in WAYS.into_iter().enumerate() {
        let has = Holdings::of(&server, &format!("user{number}"));
        end(&server, &has);
        has.check(&server, way, ended);
        all.push((has, way, ended));
    }
    // ST-01: acknowledged, so it holds whatever happens to the process.
    server.crash();
    all.iter().for_each(|(has, way, ended)| has.check(&server, way, ended));
    server.restart();
    all.iter().for_each(|(has, way, ended)| has.check(&server, way, ended));
}

#[test]
fn a_successor_lives_where_everything_else_ended() {
    let mut server = TestServer::start();
    let alice = server.person("alice");
    let cookie = server.cookie(&alice);
    let mut living = Vec::new();
    let answer = server.delete("/v1/sessions?keep=current").cookie(&cookie).send();
    living.push(Key::Cookie(answer.session_cookie()));
    for check in 0..3 {
        for key in &living {
            assert!(server.opens(key));
        }
        match check {
            0 => server.crash(),
            1 => server.restart(),
            _ => {}
        }
    }
    let tokens = server.tokens(&alice);
    let next = change_password(&server, &alice, |request| request.bearer(&tokens.access));
    let next = Tokens::of(&next);
    server.crash();
    assert!(server.opens(&Key::Bearer(next.access)) && server.opens(&Key::Refresh(next.refresh)));
    assert!(living.iter().all(|key| !server.opens(key)));
}

#[test]
fn jc_17_a_disabled_user_is_out_and_stays_out() {
    let mut server = TestServer::start();
    let has = Holdings::of(&server, "alice");
    server.cli(&["user", "disable", "alice"]);
    has.check(&server, "disabling", EVERYTHING);
    server.login(&has.person).problem(401, "invalid_credentials");
    server.crash();
    has.check(&server, "disabling", EVERYTHING);
    server.cli(&["user", "enable", "alice"]);
    has.check(&server, "enabling again", EVERYTHING);
    server.login(&has.person).is(201);
}

#[test]
fn theft_ends_every_carrier_of_the_session_for_good() {
    let mut server = TestServer::with(|settings| settings.set("token.unsafe_refresh_grace", "\"0s\""));
    let alice = server.person("alice");
    let first = server.tokens(&alice);
    let second = server.refreshed(&first.refresh);
    server.refresh(&first.refresh).oauth_error(400, "invalid_grant");
    let dead = [
        Key::Bearer(first.access),
        Key::Bearer(second.access),
        Key::Refresh(second.refresh),
        Key::Refresh(first.refresh),
    ];
    for round in 0..3 {
        assert!(dead.iter().all(|key| !server.opens(key)), "{round}");
        if round == 0 {
            server.crash();
        } else {
            server.restart();
        }
    }
}

#[test]
fn an_ending_is_seen_by_every_request_that_begins_after_it() {
    // Many sessions end while others ask: whoever asks after the answer is refused, on whatever thread of the server.
    let server = TestServer::with(|settings| settings.set("throttle.lookups", "1000000"));
    std::thread::scope(|scope| {
        for number in 0..6 {
            let server = &server;
            scope.spawn(move || {
                let person = server.person(&format!("user{number}"));
                for round in 0..30 {
                    let cookie = server.cookie(&person);
                    let exchanged = server.exchange(&cookie);
                    let tokens = server.tokens(&person);
                    let keys = [
                        Key::Cookie(cookie.clone()),
                        Key::Bearer(exchanged),
                        Key::Bearer(tokens.access.clone()),
                    ];
                    assert!(keys.iter().all(|key| server.opens(key)));
                    match round % 3 {
                        0 => {
                            logout(server, &keys[0]);
                            logout(server, &keys[2]);
                        }
                        1 => drop(server.delete("/v1/sessions").cookie(&cookie).send().no_content()),
                        _ => {
                            server.delete("/v1/sessions?keep=current").cookie(&cookie).send().gives(200);
                        }
                    }
                    for key in &keys {
                        assert!(!server.opens(key), "{round}: {key:?}");
                    }
                }
            });
        }
    });
}
