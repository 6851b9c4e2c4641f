//! `symbolon client`.

use serde_json::json;

use crate::place::{Place, with_a_server_and_without};

#[test]
fn lg_10_a_secret_is_shown_once_and_alone() {
    with_a_server_and_without(|place| {
        let ran = place.run(&["client", "add", "billing", "--scope", "introspect"]);
        assert_eq!(ran.code, Some(0), "{ran}");
        let secret = ran.out.trim_end();
        assert!(secret.starts_with("key_") && !secret.contains('\n') && !ran.err.contains(secret), "{ran}");
        assert!(ran.err.contains("Added billing") && ran.err.contains("introspect"), "{ran}");
        let listed = place.json(&["client", "list"]);
        assert_eq!((&listed[0]["name"], &listed[0]["secrets"]), (&json!("billing"), &json!(1)));
        let rotated: serde_json::Value = place.json(&["client", "rotate", "billing"]);
        assert!(rotated["secret"].as_str().unwrap().starts_with("key_") && rotated["secrets"] == 2);
        let id = rotated["id"].as_str().unwrap();
        let everything =
            format!("{}{}", place.ok(&["client", "list"]), place.ok(&["client", "list", "--json"]));
        assert!(!everything.contains("key_") && everything.contains(id));
        place.ok(&["client", "remove", id, "--yes"]);
        assert_eq!(place.json(&["client", "list"]), json!([]));
        assert!(place.fails(1, &["client", "rotate", "billing"]).contains("there is no client billing"));
    });
}

#[test]
fn a_secret_works_until_its_client_is_removed() {
    let place = Place::new();
    let secret = place.ok(&["client", "add", "deploy", "--scope", "admin,introspect"]).trim_end().to_owned();
    let server = place.serve();
    let calls = |secret: &str| server.send("GET", "/v1/admin/users", Some(secret), None).0;
    assert_eq!(calls(&secret), 200);
    let next = place.ok(&["client", "rotate", "deploy"]).trim_end().to_owned();
    assert_eq!((calls(&secret), calls(&next)), (200, 200), "km_14: both count until the next rotation");
    place.ok(&["client", "rotate", "deploy"]);
    assert_eq!((calls(&secret), calls(&next)), (401, 200));
    place.ok(&["client", "remove", "deploy"]);
    assert_eq!(calls(&next), 401);
}

#[test]
fn names_that_are_not_unique_and_scopes_that_are_none_are_refused() {
    let place = Place::new();
    for _ in 0..2 {
        place.ok(&["client", "add", "twin", "--scope", "check"]);
    }
    assert!(place.fails(1, &["client", "remove", "twin"]).contains("2 clients of the name twin"));
    assert!(place.fails(1, &["client", "add", "x", "--scope", "everything"]).contains("introspect"));
    assert_eq!(place.json(&["client", "list"]).as_array().unwrap().len(), 2);
}
