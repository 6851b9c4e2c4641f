//! `symbolon user import`. What the files are, `data/README.md` says.

use serde_json::{Value, json};

use crate::place::{OTHER_PASSWORD, PASSWORD, Place, Server, data, with_a_server_and_without};

fn path(name: &str) -> String {
    data(name).to_str().unwrap().to_owned()
}

/// Runs an import that refuses so many lines; answers the summary and what was said of the lines.
#[track_caller]
fn import(place: &Place, arguments: &[&str], refused: u64) -> (Value, Vec<String>) {
    let ran = place.run(&[&["user", "import", "--json"], arguments].concat());
    assert_eq!(ran.code, Some(if refused == 0 { 0 } else { 1 }), "{ran}");
    let summary: Value = serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran}"));
    let mut said: Vec<_> = ran.err.lines().map(str::to_owned).collect();
    // Many are on their way at once.
    said.sort();
    assert_eq!((summary["refused"].as_u64(), said.len() as u64), (Some(refused), refused), "{ran}");
    assert!(!ran.err.contains(PASSWORD), "lg_10: {ran}");
    (summary, said)
}

#[track_caller]
fn logs_in(server: &Server, name: &str) {
    assert_eq!(server.login(name, OTHER_PASSWORD).0, 401, "{name}");
    assert_eq!(server.login(name, PASSWORD).0, 201, "{name}");
    assert_eq!(server.login(name, PASSWORD).0, 201, "{name}, rehashed");
}

#[test]
fn json_lines_go_in_and_are_rehashed_at_the_first_login() {
    with_a_server_and_without(|place| {
        let (summary, _) = import(place, &[&path("users.jsonl")], 0);
        assert_eq!(summary, json!({ "added": 5, "existing": 0, "refused": 0, "other": 0 }));
        assert_eq!(
            place.json(&["user", "show", "ada@example.org"])["profile"],
            json!({ "name": "Ada Lovelace" })
        );
        assert_eq!(place.json(&["user", "show", "radia"])["disabled"], true);
        // Again: nothing changes.
        let (summary, _) = import(place, &[&path("users.jsonl"), "--format", "jsonl"], 0);
        assert_eq!(summary, json!({ "added": 0, "existing": 5, "refused": 0, "other": 0 }));
        let text = place.ok(&["user", "import", &path("users.jsonl")]);
        assert_eq!(text, "Added 0 users, passed over 5 that were there already.\n");
    });
    let place = Place::new();
    import(&place, &[&path("users.jsonl")], 0);
    assert!(place.stored_hash("ada@example.org").starts_with("$2b$10$"));
    let server = place.serve();
    for name in ["ada@example.org", "grace", "joan", "mary"] {
        logs_in(&server, name);
    }
    assert_eq!(server.login("radia", PASSWORD).0, 401, "disabled");
    server.stop();
    // Grace's is Argon2id already, at a higher cost: her wrong passwords would go on taking longer than anybody's (CR-02).
    for name in ["ada@example.org", "joan", "grace"] {
        let hash = place.stored_hash(name);
        assert!(hash.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{name}: {hash}");
    }
}

#[test]
fn apache_s_users_go_in() {
    let place = Place::new();
    let (summary, said) = import(&place, &[&path("users.htpasswd")], 2);
    assert_eq!((&summary["added"], &summary["existing"]), (&json!(4), &json!(0)));
    assert!(said[0].starts_with("line 8: ") && said[0].contains("SHA-crypt"), "{said:?}");
    assert!(said[1].starts_with("line 9: ") && said[1].contains("crypt or plain text"), "{said:?}");
    let server = place.serve();
    for name in ["ada", "grace", "joan", "radia"] {
        logs_in(&server, name);
    }
    server.stop();
    for name in ["ada", "grace", "joan", "radia"] {
        assert!(place.stored_hash(name).starts_with("$argon2id$"), "{name}");
    }
    import(&place, &[&path("users.htpasswd"), "--format", "htpasswd"], 2);
}

#[test]
fn django_s_users_go_in() {
    let place = Place::new();
    let (summary, said) = import(&place, &[&path("django.json")], 2);
    assert_eq!((&summary["added"], &summary["other"]), (&json!(7), &json!(1)));
    assert!(said[0].starts_with("entry 10: ") && said[0].contains("no usable password"), "{said:?}");
    assert!(said[1].starts_with("entry 9: ") && said[1].contains("MD5"), "{said:?}");
    let ada = place.json(&["user", "show", "ada"]);
    assert_eq!(
        ada["profile"],
        json!({ "first_name": "Ada", "last_name": "Lovelace", "email": "Ada@example.org" })
    );
    assert_eq!(ada["roles"], json!([]), "whoever was a superuser there is none here");
    assert_eq!(place.json(&["user", "show", "hedy"])["disabled"], true);
    let server = place.serve();
    for name in ["ada", "grace", "joan", "radia", "mary", "edsger"] {
        logs_in(&server, name);
    }
    assert_eq!(server.login("hedy", PASSWORD).0, 401);
    server.stop();
    for name in ["ada", "joan", "radia", "mary", "edsger"] {
        assert!(place.stored_hash(name).starts_with("$argon2id$v=19$m=8,"), "{name}");
    }
    // The same users as lines, from a pipe.
    let lines = std::fs::read_to_string(data("django.jsonl")).unwrap();
    let ran = place.run_with(&["user", "import", "-"], &lines);
    assert_eq!(ran.out, "Added 0 users, passed over 7 that were there already, refused 2.\n", "{ran}");
}

#[test]
fn django_s_users_are_called_by_e_mail_when_asked() {
    let place = Place::new();
    let (summary, said) = import(&place, &[&path("django.jsonl"), "--identifier", "email"], 3);
    assert_eq!(summary["added"], 6);
    assert!(
        said.iter().any(|line| line.starts_with("line 6: ") && line.contains("no e-mail address")),
        "{said:?}"
    );
    assert_eq!(place.json(&["user", "show", "ada@example.org"])["profile"]["username"], "ada");
    logs_in(&place.serve(), "ada@example.org");
}

#[test]
fn bad_lines_are_told_with_their_number_and_the_rest_goes_in() {
    let long = format!("{{\"identifier\":\"long\",\"password\":\"{}\"}}", "x".repeat(100_000));
    let deep = format!(
        "{{\"identifier\":\"deep\",\"password\":\"{PASSWORD}\",\"profile\":{{\"a\":{}1{}}}}}",
        "[".repeat(9),
        "]".repeat(9)
    );
    let good = |name: &str| {
        format!("{{\"identifier\":\"{name}\",\"password_hash\":\"{{SHA}}q/eq1kOINtvlJqojGr3i0O73TUI=\"}}")
    };
    let costly = "{\"identifier\":\"costly\",\"password_hash\":\"$argon2id$v=19$m=4194304,t=9,p=1$c2FsdHNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}";
    let lines = [
        good("first"),
        String::new(),
        "{\"identifier\":\"x\",\"password\":\"canary\"".to_owned(),
        long,
        "{\"identifier\":\"plain\",\"password\":\"canary\"}".to_owned(),
        "{\"identifier\":\"crypt\",\"password_hash\":\"canary\"}".to_owned(),
        "{\"identifier\":\"a b\\u0000c\",\"password_hash\":\"{SHA}q/eq1kOINtvlJqojGr3i0O73TUI=\"}".to_owned(),
        deep,
        costly.to_owned(),
        good("first"),
        good("last"),
    ];
    with_a_server_and_without(|place| {
        place.write("users", format!("\u{feff}{}\r\n", lines.join("\r\n")), 0o600);
        let (summary, said) = import(place, &["users"], 7);
        assert_eq!((&summary["added"], &summary["existing"]), (&json!(2), &json!(1)), "{said:?}");
        for (number, why) in [
            (3, "not a JSON object"),
            (4, "longer than 64 KiB"),
            (5, "shorter than"),
            (6, "form of the hash is not known"),
            (7, ""),
            (8, "profile"),
            (9, "above the ceiling"),
        ] {
            let line = said
                .iter()
                .find(|line| line.starts_with(&format!("line {number}: ")))
                .unwrap_or_else(|| panic!("{number}: {said:?}"));
            assert!(line.contains(why) && !line.contains("canary"), "{line}");
        }
        place.json(&["user", "show", "last"]);
    });
}

#[test]
fn cr_19_bcrypt_does_not_see_beyond_its_72_bytes() {
    // Python's bcrypt 4: hashpw(b"a" * 72, gensalt(4)), which is also its hash of any longer password that begins so.
    let hash = "$2b$04$0FXFZDGOKa.h0k2dHeCd7ubi8G9t4Ak6GU/3R0hOYOnPGPx0gV1JW";
    let place = Place::new();
    let ran = place.run_with(
        &["user", "import", "-"],
        &json!({ "identifier": "ada", "password_hash": hash }).to_string(),
    );
    assert_eq!(ran.code, Some(0), "{ran}");
    let server = place.serve();
    assert_eq!(server.login("ada", &"a".repeat(73)).0, 401);
    assert_eq!(server.login("ada", &"a".repeat(72)).0, 201);
    assert_eq!(server.login("ada", &("a".repeat(72) + "b")).0, 401, "and not after the rehash either");
}

#[test]
fn a_file_that_is_none_of_the_formats_begins_no_installation() {
    let place = Place::new();
    for (text, why) in
        [(&b""[..], "is empty"), (b"identifier,password\nada,x\n", "--format"), (b"\xff\xfe{\0}\0", "UTF-16")]
    {
        place.write("users", text, 0o600);
        let said = place.fails(1, &["user", "import", "users"]);
        assert!(said.contains(why), "{said}");
    }
    assert!(place.fails(1, &["user", "import", "missing"]).contains("cannot be opened"));
    assert!(place.fails(1, &["user", "import", "."]).contains("is a folder"));
    assert!(!place.path("symbolon-data").exists());
    place.write("users", "[{\"model\":\"auth.user\",\"fields\":{\"username\":\"ada\",\"password\":\"{SHA}q/eq1kOINtvlJqojGr3i0O73TUI=\"}}, oops", 0o600);
    let (summary, said) = import(&place, &["users"], 1);
    assert!(summary["added"] == 1 && said[0].starts_with("entry 2: the file is damaged here"), "{said:?}");
}

#[test]
fn many_go_in_while_others_log_in() {
    let place = Place::new();
    place.user("ada");
    let server = place.serve();
    let lines: String = (0..3000)
        .map(|n| match n % 10 {
            0 => format!("{{\"identifier\":\"user{n}\",\"password\":\"{PASSWORD} {n}\"}}\n"),
            _ => format!(
                "{{\"identifier\":\"user{n}\",\"password_hash\":\"{{SHA}}q/eq1kOINtvlJqojGr3i0O73TUI=\"}}\n"
            ),
        })
        .collect();
    place.write("users", lines, 0o600);
    std::thread::scope(|scope| {
        let import = scope.spawn(|| import(&place, &["users"], 0));
        for _ in 0..5 {
            assert_eq!(server.login("ada", PASSWORD).0, 201);
        }
        let (summary, _) = import.join().unwrap();
        assert_eq!(summary["added"], 3000);
    });
    assert_eq!(server.login("user2990", &format!("{PASSWORD} 2990")).0, 201);
    assert_eq!(server.login("user2991", PASSWORD).0, 201);
}
