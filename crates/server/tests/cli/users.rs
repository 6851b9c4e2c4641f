//! `symbolon user`, but for its import.

use crate::place::{OTHER_PASSWORD, PASSWORD, Place, with_a_server_and_without};

#[test]
fn cr_33_the_first_administrator_is_made_by_the_operator_and_nobody_is_there_before() {
    let place = Place::new();
    let server = place.serve();
    for (name, password) in
        [("admin", "admin"), ("root", ""), ("admin", ""), ("symbolon", "symbolon"), ("admin", PASSWORD)]
    {
        assert_eq!(server.login(name, password).0, 401, "{name}");
    }
    let added =
        place.run_with(&["user", "add", "--role", "admin", "ada@example.org"], &format!("{PASSWORD}\n"));
    assert_eq!(added.code, Some(0), "{added}");
    assert!(
        added.out.starts_with("Added ada@example.org (id ") && added.out.contains("role admin"),
        "{added}"
    );
    let (_, token) = server.login("Ada@Example.org", PASSWORD);
    assert_eq!(server.send("GET", "/v1/admin/users", Some(&token), None).0, 200);
    let log = server.stop();
    assert!(
        log.contains("nobody administers yet") && log.contains("symbolon user add --role admin NAME"),
        "{log}"
    );
    assert!(!place.serve().stop().contains("nobody administers yet"));
}

#[test]
fn users_are_made_listed_and_shown() {
    with_a_server_and_without(|place| {
        let ada = place.user("Ada@Example.org");
        let bob = place.user("bob");
        let listed = place.json(&["user", "list"]);
        assert_eq!(listed, serde_json::json!([ada, bob]));
        let table = place.ok(&["user", "list"]);
        assert!(table.starts_with("IDENTIFIER") && table.contains("Ada@Example.org  active"), "{table}");
        assert_eq!(place.json(&["user", "list", "b"]), serde_json::json!([bob]));
        assert_eq!(place.json(&["user", "list", "--limit", "1"]), serde_json::json!([ada]));
        assert_eq!(place.json(&["user", "list", "zz"]), serde_json::json!([]));
        // By what people call them, however they write it, and by id.
        for who in ["ada@example.ORG", ada["id"].as_str().unwrap()] {
            assert_eq!(place.json(&["user", "show", who]), ada);
        }
        let shown = place.ok(&["user", "show", "bob"]);
        assert!(shown.contains("identifier  bob") && shown.contains("sessions    0"), "{shown}");
        for who in ["bo", "0190b3c1-7c4e-7a52-9d1f-3f0c9b1d2e4f", "nobody@example.org"] {
            let said = place.fails(1, &["user", "show", who]);
            assert!(said.contains(&format!("there is no user {who}; `symbolon user list`")), "{said}");
        }
    });
}

#[test]
fn what_the_policy_refuses_is_told_and_nothing_is_made() {
    with_a_server_and_without(|place| {
        for (password, why) in [
            ("tiny pw", "shorter than"),
            ("passwordpassword", "everybody guesses"),
            (&"x".repeat(1025), "1024 bytes"),
        ] {
            let ran = place.run_with(&["user", "add", "ada"], password);
            assert!(ran.code == Some(1) && ran.err.contains(why) && !ran.err.contains(password), "{ran}");
        }
        let ran = place.run_with(&["user", "add", "not an identifier"], PASSWORD);
        assert_eq!(ran.code, Some(1), "{ran}");
        assert_eq!(place.json(&["user", "list"]), serde_json::json!([]));
        place.user("ada");
        let ran = place.run_with(&["user", "add", "ADA"], PASSWORD);
        assert!(ran.code == Some(1) && ran.err.contains("there is a user ADA already"), "{ran}");
    });
}

#[test]
fn disabling_ends_everything_and_enabling_lets_in_again() {
    let place = Place::new();
    place.user("ada");
    let server = place.serve();
    let (_, token) = server.login("ada", PASSWORD);
    assert!(server.accepts(&token));
    assert!(place.ok(&["user", "disable", "ada"]).contains("Disabled ada"));
    assert!(!server.accepts(&token));
    assert_eq!(server.login("ada", PASSWORD).0, 401);
    assert!(place.ok(&["user", "show", "ada"]).contains("disabled"));
    place.ok(&["user", "enable", "ada"]);
    assert!(!server.accepts(&token), "what ended stays ended");
    assert_eq!(server.login("ada", PASSWORD).0, 201);
    server.stop();
    assert_eq!(place.json(&["user", "disable", "ada"])["disabled"], true);
    assert_eq!(place.json(&["user", "enable", "ada"])["disabled"], false);
}

#[test]
fn a_new_password_ends_everything_of_the_old_one() {
    let place = Place::new();
    place.user("ada");
    let server = place.serve();
    let (_, token) = server.login("ada", PASSWORD);
    let file = place.write("password", format!("{OTHER_PASSWORD}\n"), 0o600);
    place.ok(&["user", "passwd", "ada", "--password-file", file.to_str().unwrap()]);
    assert!(!server.accepts(&token));
    assert_eq!((server.login("ada", PASSWORD).0, server.login("ada", OTHER_PASSWORD).0), (401, 201));
    server.stop();
    let ran = place.run_with(&["user", "passwd", "ada"], PASSWORD);
    assert_eq!(ran.code, Some(0), "{ran}");
    assert_eq!(place.serve().login("ada", PASSWORD).0, 201);
}

#[test]
fn roles_are_given_and_taken() {
    with_a_server_and_without(|place| {
        place.user("ada");
        assert_eq!(place.ok(&["user", "role", "ada"]), "ada: no role\n");
        assert_eq!(
            place.ok(&["user", "role", "ada", "--add", "admin", "--add", "support"]),
            "ada: admin, support\n"
        );
        assert_eq!(place.ok(&["user", "role", "ada", "--add", "admin"]), "ada: admin, support\n");
        assert_eq!(
            place.json(&["user", "role", "ada", "--remove", "admin"])["roles"],
            serde_json::json!(["support"])
        );
        let said = place.fails(1, &["user", "role", "ada", "--add", "no role"]);
        assert!(said.contains("role"), "{said}");
    });
}

#[test]
fn a_deleted_user_is_gone() {
    with_a_server_and_without(|place| {
        place.user("ada");
        assert!(place.ok(&["user", "delete", "ada", "--yes"]).contains("Deleted ada"));
        place.fails(1, &["user", "show", "ada"]);
        assert!(place.fails(1, &["user", "delete", "ada"]).contains("there is no user ada"));
    });
}

#[test]
fn where_no_installation_is_only_beginning_verbs_make_one() {
    let place = Place::new();
    for verb in [
        &["user", "list"][..],
        &["user", "disable", "ada"],
        &["key", "list"],
        &["migrate"],
        &["client", "list"],
    ] {
        let said = place.fails(1, verb);
        assert!(said.contains("there is no") && said.contains("symbolon-data"), "{said}");
        assert!(!place.path("symbolon-data").exists(), "{verb:?} made nothing");
    }
    place.ok(&["client", "add", "billing", "--scope", "introspect"]);
    assert!(place.path("symbolon-data/symbolon.db").exists());
}

#[test]
fn st_23_a_folder_that_somebody_holds_is_left_alone() {
    let place = Place::new();
    let server = place.serve();
    std::fs::remove_file(place.path("symbolon-data/admin.sock")).unwrap();
    let said = place.fails(1, &["user", "list"]);
    assert!(said.contains(&format!("is held by process {}", server.id())), "{said}");
}

#[test]
fn a_path_too_long_for_a_socket_has_one_elsewhere() {
    let place = Place::new();
    let data = place.path(&"long/".repeat(30));
    place.settings(&format!("data = {:?}", data.to_str().unwrap()));
    let server = place.serve();
    place.user("ada");
    assert!(!data.join("admin.sock").exists());
    assert_eq!(server.login("ada", PASSWORD).0, 201);
}

#[test]
fn a_folder_of_another_user_is_not_opened_here() {
    let place = Place::new();
    place.user("ada");
    if let Err(error) = std::os::unix::fs::chown(place.path("symbolon-data"), Some(54_321), None) {
        return println!("skipped: only root can give a folder away: {error}");
    }
    let said = place.fails(1, &["user", "list"]);
    assert!(said.contains("belongs to user id 54321") && said.contains("run this as that user"), "{said}");
}

#[test]
fn wrong_arguments_are_exit_code_2() {
    let place = Place::new();
    for wrong in [
        &[][..],
        &["user"],
        &["user", "add"],
        &["session", "end", "ada"],
        &["client", "add", "x"],
        &["frobnicate"],
    ] {
        let ran = place.run(wrong);
        assert_eq!(ran.code, Some(2), "{wrong:?}: {ran}");
    }
    assert_eq!(place.run(&["user", "add", "--help"]).code, Some(0));
}

#[test]
fn whoever_reads_enough_is_no_failure() {
    let place = Place::new();
    let lines: String = (0..300)
        .map(|n| {
            format!(
                "{{\"identifier\":\"user{n}\",\"password_hash\":\"{{SHA}}q/eq1kOINtvlJqojGr3i0O73TUI=\"}}\n"
            )
        })
        .collect();
    let ran = place.run_with(&["user", "import", "-"], &lines);
    assert_eq!(ran.out, "Added 300 users.\n", "{ran}");
    assert_eq!(place.json(&["user", "list"]).as_array().unwrap().len(), 300, "over pages");
    let mut child = place
        .command(&["user", "list"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}
