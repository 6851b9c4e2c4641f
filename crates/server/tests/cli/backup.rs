//! `symbolon backup` and `symbolon restore`. What becomes of everything that was issued before is in `tests/http/process/backup.rs`.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::place::{Place, with_a_server_and_without};

fn names(place: &Place) -> Vec<String> {
    let users = place.json(&["user", "list"]);
    users.as_array().unwrap().iter().map(|user| user["identifier"].as_str().unwrap().to_owned()).collect()
}

/// The findings of `doctor` about restores, as (level, text).
fn findings(place: &Place) -> Vec<(String, String)> {
    let all: Value = serde_json::from_str(&place.run(&["doctor", "--json"]).out).unwrap();
    let about = all.as_array().unwrap().iter().filter(|finding| finding["check"] == "restore");
    about
        .map(|finding| {
            let text = |member: &str| finding[member].as_str().unwrap_or_default().to_owned();
            (text("level"), text("found"))
        })
        .collect()
}

#[test]
fn a_backup_is_one_new_file_of_its_owner() {
    with_a_server_and_without(|place| {
        place.user("ada");
        let told = place.json(&["backup", "one.db"]);
        let about = std::fs::metadata(place.path("one.db")).unwrap();
        assert_eq!(told["bytes"], about.len());
        assert_eq!(about.permissions().mode() & 0o7777, 0o600);
        assert!(told["taken_at"].as_str().unwrap().ends_with('Z') && told["schema"].is_u64(), "{told}");
        let said = place.fails(1, &["backup", "one.db"]);
        assert!(said.contains("exists; nothing was written over"), "{said}");
        assert!(place.ok(&["backup", "two.db"]).contains("The master key is not in it"));
        assert!(!place.path("two.db.partial").exists());
    });
    let place = Place::new();
    let said = place.fails(1, &["backup", "one.db"]);
    assert!(said.contains("there is no store in"), "{said}");
    assert!(!place.path("one.db").exists() && !place.path("symbolon-data").exists());
}

#[test]
fn a_restore_wants_the_server_stopped() {
    let place = Place::new();
    place.user("ada");
    let server = place.serve();
    place.ok(&["backup", "one.db"]);
    place.user("bob");
    for verb in [&["restore", "one.db"][..], &["restore", "--in-place"]] {
        let said = place.fails(1, verb);
        assert!(said.contains(&format!("is in use by process {}", server.id())), "{said}");
    }
    assert_eq!(names(&place), ["ada", "bob"]);
    server.stop();
    let told = place.json(&["restore", "one.db"]);
    assert_eq!(names(&place), ["ada"]);
    assert_eq!(told["epoch"], 2);
    assert!(std::path::Path::new(told["replaced"].as_str().unwrap()).exists());
    // Of the same backup again: an epoch that neither of the two lives has had.
    assert_eq!(place.json(&["restore", "one.db"])["epoch"], 3);
    place.fails(2, &["restore"]);
    place.fails(2, &["restore", "one.db", "--in-place"]);
}

#[test]
fn km_05_a_restore_wants_the_backups_own_master_key() {
    let (place, other) = (Place::new(), Place::new());
    place.user("ada");
    other.user("bob");
    place.ok(&["backup", "one.db"]);
    std::fs::copy(place.path("one.db"), other.path("one.db")).unwrap();
    let said = other.fails(1, &["restore", "one.db"]);
    assert!(said.contains("not the one this store was made with"), "{said}");
    assert_eq!(names(&other), ["bob"], "and all is as it was");
    assert!(!other.path("symbolon-data/restoring").exists());
    // Elsewhere, on a machine that has neither.
    let new = Place::new();
    std::fs::copy(place.path("one.db"), new.path("one.db")).unwrap();
    let said = new.fails(1, &["restore", "one.db"]);
    assert!(said.contains("master.key") && said.contains("is missing"), "{said}");
    assert!(!new.path("symbolon-data").exists(), "nothing is begun");
    std::fs::create_dir(new.path("symbolon-data")).unwrap();
    let key = std::fs::read(place.path("symbolon-data/master.key")).unwrap();
    new.write("symbolon-data/master.key", key, 0o600);
    assert!(new.ok(&["restore", "one.db"]).contains("everybody logs in again"));
    assert_eq!(names(&new), ["ada"]);
}

#[test]
fn what_is_no_backup_is_refused_and_nothing_is_changed() {
    let place = Place::new();
    place.user("ada");
    place.write("junk", "junk", 0o600);
    std::fs::copy(place.path("symbolon-data/symbolon.db"), place.path("raw.db")).unwrap();
    for file in ["junk", "raw.db"] {
        let said = place.fails(1, &["restore", file]);
        assert!(said.contains("is not a backup that `symbolon backup` finished"), "{said}");
    }
    assert!(place.fails(1, &["restore", "none"]).contains("could not be read"));
    assert_eq!(names(&place), ["ada"]);
}

#[test]
fn doctor_knows_a_restored_store_and_what_restores_have_left() {
    let place = Place::new();
    place.user("ada");
    assert!(findings(&place).is_empty());
    place.ok(&["backup", "one.db"]);
    place.ok(&["restore", "one.db"]);
    let found = findings(&place);
    let has = |level: &str, text: &str| found.iter().any(|(l, said)| l == level && said.contains(text));
    assert!(has("ok", "was restored on") && has("ok", "from a backup of"), "{found:?}");
    assert!(has("warn", "is a store that a restore replaced"), "{found:?}");
    for file in std::fs::read_dir(place.path("symbolon-data")).unwrap().flatten() {
        if file.file_name().to_string_lossy().contains(".replaced-") {
            std::fs::remove_file(file.path()).unwrap();
        }
    }
    std::fs::create_dir(place.path("symbolon-data/restoring")).unwrap();
    let found = findings(&place);
    assert!(found.iter().any(|(level, said)| level == "warn" && said.contains("cut off")), "{found:?}");
    std::fs::remove_dir(place.path("symbolon-data/restoring")).unwrap();
    let server = place.serve();
    assert_eq!(findings(&place).len(), 1, "beside a running server too");
    drop(server);
}

#[test]
fn a_backup_put_in_place_by_hand_starts_only_after_restore_in_place() {
    let place = Place::new();
    place.user("ada");
    place.ok(&["backup", "one.db"]);
    for beside in ["symbolon.db-wal", "symbolon.db-shm"] {
        std::fs::remove_file(place.path("symbolon-data").join(beside)).ok();
    }
    std::fs::copy(place.path("one.db"), place.path("symbolon-data/symbolon.db")).unwrap();
    for verb in [&["serve"][..], &["user", "list"]] {
        let said = place.fails(1, verb);
        assert!(said.contains("`symbolon restore --in-place` makes a store of it"), "{said}");
    }
    let found = findings(&place);
    assert!(found.iter().any(|(level, said)| level == "fail" && said.contains("by hand")), "{found:?}");
    let told = place.json(&["restore", "--in-place"]);
    assert!(told["taken_at"].is_string() && told["replaced"].is_null() && told["epoch"] == 2, "{told}");
    assert_eq!(names(&place), ["ada"]);
    // A snapshot of the disk has no mark: the verb does its work all the same.
    assert_eq!(place.json(&["restore", "--in-place"])["epoch"], 3);
    assert_eq!(findings(&place).len(), 1, "{found:?}");
}

#[test]
fn a_store_in_postgresql_is_told_of_its_own_tools() {
    let place = Place::new();
    let store = ["--store", "postgres://app@127.0.0.1:1/symbolon"];
    let said = place.fails(1, &[&["backup", "one.db"][..], &store].concat());
    assert!(said.contains("pg_dump") && said.contains("symbolon restore --in-place"), "{said}");
    let said = place.fails(1, &[&["restore", "one.db"][..], &store].concat());
    assert!(said.contains("pg_restore") && said.contains("symbolon restore --in-place"), "{said}");
}
