//! `symbolon key` and `symbolon migrate`.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::place::{PASSWORD, Place, with_a_server_and_without};

fn states(keys: &Value) -> Vec<&str> {
    keys.as_array().unwrap().iter().map(|key| key["state"].as_str().unwrap()).collect()
}

#[test]
fn keys_are_listed_rotated_and_removed() {
    with_a_server_and_without(|place| {
        place.user("ada");
        assert_eq!(states(&place.json(&["key", "list"])), ["current"]);
        let said = place.ok(&["key", "rotate"]);
        assert!(said.contains("is published and signs from") && said.contains("in 2"), "{said}");
        assert_eq!(states(&place.json(&["key", "list"])), ["next", "current"]);
        assert_eq!(place.json(&["key", "rotate", "--now"])["state"], "current");
        let keys = place.json(&["key", "list"]);
        assert_eq!(states(&keys), ["current", "retired"]);
        let old = keys[1]["kid"].as_str().unwrap();
        assert!(place.ok(&["key", "remove", old]).contains("Every token that it signed has ended"));
        let table = place.ok(&["key", "list"]);
        assert!(table.starts_with("KID") && table.lines().count() == 2 && !table.contains(old), "{table}");
        assert!(place.fails(1, &["key", "remove", "0000000000000000"]).contains("there is no key"));
        // One id in 64 begins with a hyphen, and is no flag for that; flags are flags still.
        for kid in ["-NDzlfCiY4DJLPAL", "--NDzlfCiY4DJLPA", "-yhV000000000000"] {
            assert!(place.fails(1, &["key", "remove", kid]).contains("there is no key"), "{kid}");
            assert!(place.fails(1, &["key", "remove", "--yes", kid]).contains("there is no key"), "{kid}");
        }
        assert!(place.fails(2, &["key", "remove", "--yes"]).contains("<KID>"));
    });
}

#[test]
fn km_01_a_rotation_fails_no_token_and_km_02_a_removal_ends_what_the_key_signed() {
    let place = Place::new();
    place.user("ada");
    let server = place.serve();
    let (_, before) = server.login("ada", PASSWORD);
    let old = place.json(&["key", "list"])[0]["kid"].as_str().unwrap().to_owned();
    place.ok(&["key", "rotate", "--now"]);
    let (_, after) = server.login("ada", PASSWORD);
    assert!(server.accepts(&before) && server.accepts(&after));
    place.ok(&["key", "remove", &old, "--yes"]);
    assert!(!server.accepts(&before) && server.accepts(&after));
}

fn lines(place: &Place) -> Vec<String> {
    let path = place.path("symbolon-data/master.key");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn km_01_a_new_master_key_is_taken_over_without_a_restart() {
    let place = Place::new();
    place.user("ada");
    let server = place.serve();
    let (_, token) = server.login("ada", PASSWORD);
    let first = lines(&place);
    let said = place.ok(&["key", "rotate-master"]);
    assert!(said.contains("1 previous key stays") && said.contains("Nobody was logged out"), "{said}");
    let now = lines(&place);
    assert_eq!((now.len(), &now[1]), (2, &first[0]));
    assert!(!said.contains(&now[0]) && !said.contains(&now[1]), "keys are told to nobody");
    assert!(server.accepts(&token));
    assert_eq!(server.login("ada", PASSWORD).0, 201);
    let told = place.json(&["key", "rotate-master"]);
    assert_eq!((&told["done"], told["kept"].as_array().unwrap().len()), (&json!(true), 2));
    // Another process, with what the file holds. (Its issuer is another, so tokens are not asked about.)
    server.stop();
    let server = place.serve();
    assert_eq!(server.login("ada", PASSWORD).0, 201);
    assert!(place.ok(&["doctor"]).contains("it is the store's own"));
    server.stop();
    // And without a server.
    place.ok(&["key", "rotate-master"]);
    assert_eq!(lines(&place).len(), 4);
    assert_eq!(place.serve().login("ada", PASSWORD).0, 201);
    assert_eq!(place.json(&["key", "list"]).as_array().unwrap().len(), 1);
}

#[test]
fn a_leaked_master_key_is_dropped_and_everybody_logs_in_again() {
    with_a_server_and_without(|place| {
        place.user("ada");
        let kid = place.json(&["key", "list"])[0]["kid"].clone();
        let old = lines(place);
        let said = place.ok(&["key", "rotate-master", "--leaked"]);
        assert!(said.contains("everybody logs in again"), "{said}");
        let new = lines(place);
        assert!(new.len() == 1 && new != old);
        let keys = place.json(&["key", "list"]);
        assert!(keys.as_array().unwrap().len() == 1 && keys[0]["kid"] != kid, "every signing key too");
    });
    let place = Place::new();
    place.user("ada");
    let server = place.serve();
    let (_, token) = server.login("ada", PASSWORD);
    place.ok(&["key", "rotate-master", "--leaked"]);
    assert!(!server.accepts(&token));
    let (status, token) = server.login("ada", PASSWORD);
    assert!(status == 201 && server.accepts(&token));
    let old = lines(&place);
    server.stop();
    assert_eq!(place.serve().login("ada", PASSWORD).0, 201);
    assert_eq!(lines(&place), old);
}

#[test]
fn a_master_key_of_the_environment_is_its_keepers_to_change() {
    let old = "0123456789abcdef".repeat(4);
    let place = Place::new().with("SYMBOLON_MASTER_KEY", &old);
    place.user("ada");
    let server = place.serve();
    let (_, token) = server.login("ada", PASSWORD);
    let ran = place.run(&["key", "rotate-master"]);
    assert_eq!(ran.code, Some(0), "{ran}");
    assert!(ran.err.contains("Nothing was changed") && ran.err.contains("in front of"), "{ran}");
    assert!(!ran.out.contains(&old) && !ran.err.contains(&old), "the old one is not shown");
    let new = ran.out.trim().to_owned();
    assert_eq!(new.len(), 64, "the key alone, for whoever reads standard output");
    assert!(!place.path("symbolon-data/master.key").exists() && server.accepts(&token));
    server.stop();
    let place = place.with("SYMBOLON_MASTER_KEY", format!("{new},{old}"));
    // A look changes nothing.
    assert!(place.run(&["doctor"]).out.contains("the next start takes it over"));
    assert!(place.run(&["doctor"]).out.contains("the next start takes it over"));
    let server = place.serve();
    assert!(place.run(&["doctor"]).out.contains("it is the store's own"), "taken over at the start");
    let (_, token) = server.login("ada", PASSWORD);
    assert!(server.accepts(&token));
    let told = place.ok(&["key", "rotate-master", "--leaked"]);
    assert!(told.contains("set SYMBOLON_MASTER_KEY to the first of its keys alone"), "{told}");
    assert!(!server.accepts(&token));
    server.stop();
    assert!(place.run(&["doctor"]).out.contains("of which nothing here was made"));
    let place = place.with("SYMBOLON_MASTER_KEY", &new);
    assert_eq!(place.serve().login("ada", PASSWORD).0, 201);
    let place = place.with("SYMBOLON_MASTER_KEY", &old);
    assert!(place.fails(1, &["user", "list"]).contains("not the one this store was made with"));
}

#[test]
fn the_schema_says_how_far_it_has_come() {
    with_a_server_and_without(|place| {
        place.user("ada");
        let schema = place.json(&["migrate"]);
        assert_eq!(schema["from"], schema["to"]);
        assert!(schema["to"].as_u64().unwrap() >= 1);
        assert!(place.ok(&["migrate"]).contains("up to date"));
    });
    // A database without a schema is what one of the past is: it is brought up.
    let place = Place::new();
    std::fs::create_dir(place.path("symbolon-data")).unwrap();
    place.write("symbolon-data/symbolon.db", "", 0o600);
    let schema = place.json(&["migrate"]);
    assert_eq!(schema["from"], 0);
    assert!(schema["to"].as_u64().unwrap() >= 1);
    assert_eq!(place.json(&["migrate"]), json!({ "from": schema["to"], "to": schema["to"] }));
    place.user("ada");
}
