//! `symbolon session`.

use crate::place::{PASSWORD, Place};

#[test]
fn sessions_are_listed_and_ended_where_they_are_accepted() {
    let place = Place::new();
    place.user("ada");
    place.user("bob");
    let server = place.serve();
    let tokens: Vec<_> = (0..3).map(|_| server.login("ada", PASSWORD).1).collect();
    let (_, of_bob) = server.login("bob", PASSWORD);
    let sessions = place.json(&["session", "list", "ada"]);
    assert_eq!(sessions.as_array().unwrap().len(), 3);
    assert_eq!(sessions[0]["kind"], "token");
    let table = place.ok(&["session", "list", "ada"]);
    assert!(table.starts_with("ID") && table.lines().count() == 4 && table.contains("127.0.0.1"), "{table}");
    // Newest first: the last one is the first login's.
    let first = sessions[2]["id"].as_str().unwrap();
    assert_eq!(place.ok(&["session", "end", "ada", first]), format!("Ended session {first} of ada.\n"));
    assert!(!server.accepts(&tokens[0]) && server.accepts(&tokens[1]) && server.accepts(&tokens[2]));
    assert!(
        place
            .fails(1, &["session", "end", "bob", sessions[0]["id"].as_str().unwrap()])
            .contains("bob has no live session")
    );
    assert!(place.fails(1, &["session", "end", "ada", "first"]).contains("not the id of a session"));
    server.stop();
    // And without a server: what ends stays ended in the next one.
    assert_eq!(place.ok(&["session", "end", "ada", "--all"]), "Ended all sessions and tokens of ada.\n");
    assert_eq!(place.json(&["session", "list", "ada"]), serde_json::json!([]));
    assert_eq!(place.json(&["session", "list", "bob"]).as_array().unwrap().len(), 1);
    drop((tokens, of_bob));
}
