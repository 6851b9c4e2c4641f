//! Backup and restore of an installation that is in use: nothing issued before a restore is accepted, however it is carried (ST-19),
//! a backup is one moment, and a restore that is killed has happened as a whole or not at all.

use std::{
    collections::BTreeSet,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    chance::Chance,
    oauth::client,
    people::{Key, Person},
    server::TestServer,
    time::wait_for,
};

/// Where the backup of a server goes.
fn file(server: &TestServer) -> String {
    server.data().with_file_name("backup.db").display().to_string()
}

/// Everything that opens something for somebody, by every carrier.
fn keys(server: &TestServer, person: &Person) -> Vec<Key> {
    let cookie = server.cookie(person);
    let tokens = server.tokens(person);
    vec![
        Key::Bearer(server.exchange(&cookie)),
        Key::Bearer(server.stateless(person)),
        Key::Bearer(tokens.access),
        Key::Refresh(tokens.refresh),
        Key::Cookie(cookie),
    ]
}

fn kids(server: &TestServer) -> BTreeSet<String> {
    let set = server.get("/.well-known/jwks.json").send().json();
    let keys = set["keys"].as_array().unwrap();
    keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

fn identifiers(server: &TestServer) -> BTreeSet<String> {
    let users: Value = serde_json::from_str(&server.cli(&["user", "list", "--json"])).unwrap();
    let users = users.as_array().unwrap();
    users.iter().map(|user| user["identifier"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn st_19_after_a_restore_nothing_issued_before_is_accepted_however_carried() {
    let mut server = TestServer::start();
    let (id, secret) = client(&server, "introspect");
    let (alice, carol) = (server.person("alice"), server.person("carol"));
    server.cli(&["user", "role", "alice", "--add", "admin"]);
    let mut issued = keys(&server, &alice);
    let ended_later = server.cookie(&carol);
    let changes_later = server.cookie(&carol);
    server.cli(&["backup", &file(&server)]);
    // What ends after the backup, and what begins.
    server.delete("/v1/sessions/current").cookie(&ended_later).same_origin().send().no_content();
    server.cli(&["session", "end", "carol", "--all"]);
    let dave = server.person("dave");
    issued.extend(keys(&server, &alice));
    issued.extend(keys(&server, &dave));
    let signed_before = kids(&server);
    let (good, dead): (Vec<Key>, Vec<Key>) = issued.iter().cloned().partition(|key| server.opens(key));
    assert!(dead.is_empty() && good.len() == 15, "all of it opens now: {dead:?}");
    server.stop();
    server.cli(&["restore", &file(&server)]);
    server.up();

    issued.extend([Key::Cookie(ended_later), Key::Cookie(changes_later)]);
    for key in &issued {
        assert!(!server.opens(key), "{key:?}");
    }
    for key in &issued {
        if let Key::Bearer(token) | Key::Refresh(token) = key {
            let asked = server.post("/oauth/introspect").basic(&id, &secret).form(&[("token", token)]).send();
            assert_eq!(asked.gives(200), json!({ "active": false }), "a machine's secret stays good");
        }
    }
    assert!(kids(&server).is_disjoint(&signed_before), "no key of before signs, or verifies");
    // Users, passwords and roles are those of the backup.
    assert_eq!(identifiers(&server), BTreeSet::from(["alice".to_owned(), "carol".to_owned()]));
    server.login(&dave).problem(401, "invalid_credentials");
    let cookie = server.cookie(&alice);
    assert_eq!(server.sessions(&cookie).len(), 1, "no login of before stands in the list of devices");
    assert!(server.opens(&Key::Cookie(server.cookie(&carol))));
    let audit = server.get("/v1/admin/audit?limit=200").cookie(&cookie).send().gives(200);
    let rows = audit["audit"].as_array().unwrap();
    let restored: Vec<&Value> = rows.iter().filter(|row| row["event"] == "restored").collect();
    assert_eq!(restored.len(), 1, "{audit}");
    assert_eq!((&restored[0]["actor"], &restored[0]["detail"]["epoch"]), (&json!("cli"), &json!(2)));
    // And it is a store like any other: what is issued now survives a crash.
    let new = keys(&server, &alice);
    server.crash();
    assert!(new.iter().all(|key| server.opens(key)));
    assert!(issued.iter().all(|key| !server.opens(key)));
}

/// What the writers of a test were answered.
#[derive(Default)]
struct Answered {
    people: Vec<Person>,
    cookies: Vec<String>,
}

#[test]
fn st_19_a_backup_under_load_is_one_moment_and_revives_nothing_that_ended_since() {
    let mut server = TestServer::start();
    let (answered, over) = (Mutex::new(Answered::default()), AtomicBool::new(false));
    let so_far =
        |answered: &Mutex<Answered>| answered.lock().unwrap_or_else(PoisonError::into_inner).people.len();
    let (before, after) = std::thread::scope(|scope| {
        for writer in 0..4 {
            let (server, answered, over) = (&server, &answered, &over);
            scope.spawn(move || {
                for number in 0..100 {
                    if over.load(Ordering::Relaxed) {
                        break;
                    }
                    let person = server.person(&format!("person-{writer}-{number}"));
                    let cookie = server.cookie(&person);
                    if number % 2 == 0 {
                        let logout = server.delete("/v1/sessions/current").cookie(&cookie).same_origin();
                        logout.send().no_content();
                    }
                    let mut answered = answered.lock().unwrap_or_else(PoisonError::into_inner);
                    answered.people.push(person);
                    answered.cookies.push(cookie);
                }
            });
        }
        let enough = |least: usize| wait_for("the writers", || (so_far(&answered) >= least).then_some(()));
        enough(20);
        let before = so_far(&answered);
        server.cli(&["backup", &file(&server)]);
        let after = so_far(&answered);
        enough((after + 20).min(400));
        over.store(true, Ordering::Relaxed);
        (before, after)
    });
    server.stop();
    server.cli(&["restore", &file(&server)]);
    server.up();
    let Answered { people, cookies } = answered.into_inner().unwrap();
    let there = identifiers(&server);
    // Those whose registration was answered before are in it; of those that came with it, none is half there.
    for person in &people[..before] {
        assert!(there.contains(&person.identifier), "{}", person.identifier);
    }
    assert!(there.len() < people.len(), "the load went on when the backup was taken: {before}, {after}");
    for person in &people {
        let answer = server.login(person);
        if there.contains(&person.identifier) {
            answer.is(201);
        } else {
            answer.problem(401, "invalid_credentials");
        }
    }
    for cookie in cookies {
        assert!(!server.opens(&Key::Cookie(cookie)));
    }
}

#[test]
fn st_01_a_kill_during_a_restore_leaves_all_of_it_or_nothing() {
    let mut server = TestServer::start();
    let seed = Chance::seed();
    println!("SYMBOLON_TEST_SEED={seed}");
    let mut chance = Chance::new(seed, 0);
    let alice = server.person("alice");
    server.cli(&["backup", &file(&server)]);
    let mut outcomes = BTreeSet::new();
    for round in 0..15 {
        let bob = server.person(&format!("bob-{round}"));
        let cookie = Key::Cookie(server.cookie(&alice));
        server.stop();
        let mut verb = server.begin_cli(&["restore", &file(&server)]);
        std::thread::sleep(Duration::from_micros(chance.below(80_000)));
        let _ = verb.kill();
        let done = verb.wait().unwrap().success();
        server.up();
        let restored = !server.opens(&cookie);
        assert!(restored || !done, "{round}: what was said to be done is done");
        // The users are those of the same store as the sessions.
        assert_eq!(server.login(&bob).status, if restored { 401 } else { 201 }, "{round}");
        assert!(server.opens(&Key::Cookie(server.cookie(&alice))), "{round}");
        outcomes.insert(restored);
    }
    println!("restored or not: {outcomes:?}");
    let cookie = Key::Cookie(server.cookie(&alice));
    server.stop();
    server.cli(&["restore", &file(&server)]);
    server.up();
    assert!(!server.opens(&cookie));
}
