//! Where passwords come from, and where they do not go (ATTACKS LG-10).

use std::{
    io::{Read, Write},
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
};

use crate::place::{OTHER_PASSWORD, PASSWORD, Place};

#[test]
fn lg_10_a_password_is_never_an_argument_or_a_variable() {
    let place = Place::new().with("SYMBOLON_PASSWORD", PASSWORD).with("PASSWORD", PASSWORD);
    for arguments in
        [["user", "add", "ada", "--password", PASSWORD], ["user", "add", "ada", PASSWORD, "--json"]]
    {
        assert_eq!(place.run(&arguments).code, Some(2), "{arguments:?}");
    }
    let said = place.fails(1, &["user", "add", "ada"]);
    assert!(said.contains("standard input holds no password"), "{said}");
    for verb in ["add", "passwd"] {
        let help = place.ok(&["user", verb, "--help"]);
        assert!(help.contains("--password-file") && !help.contains("--password "), "{help}");
    }
}

#[test]
fn lg_10_no_output_holds_a_password() {
    let place = Place::new();
    let mut said = String::new();
    let mut run = |arguments: &[&str], input: &str| {
        let ran = place.run_with(arguments, input);
        said += &format!("{ran}\n");
    };
    run(&["user", "add", "ada"], PASSWORD);
    run(&["user", "add", "ada"], PASSWORD);
    run(&["user", "add", "not valid"], PASSWORD);
    run(&["user", "passwd", "ada"], OTHER_PASSWORD);
    run(&["user", "passwd", "nobody"], OTHER_PASSWORD);
    run(&["user", "passwd", "ada"], &format!("{PASSWORD}\n{PASSWORD}\n"));
    run(&["user", "show", "ada"], "");
    run(&["doctor"], "");
    let server = place.serve();
    run(&["user", "passwd", "ada"], PASSWORD);
    assert_eq!(server.login("ada", PASSWORD).0, 201);
    assert_eq!(server.login("ada", OTHER_PASSWORD).0, 401);
    said += &server.stop();
    assert!(!said.contains(PASSWORD) && !said.contains(OTHER_PASSWORD), "{said}");
    assert!(said.contains("has several lines"), "{said}");
}

#[test]
fn lg_10_a_password_file_must_be_closed_to_others() {
    let place = Place::new();
    let file = place.write("password", PASSWORD, 0o644);
    let add = ["user", "add", "ada", "--password-file", file.to_str().unwrap()];
    assert!(place.fails(1, &add).contains("chmod 600"));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    place.ok(&add);
    assert!(
        place
            .fails(1, &["user", "passwd", "ada", "--password-file", "missing"])
            .contains("missing cannot be read")
    );
    // What a shell makes of <(…) is a pipe.
    let command = format!(
        "{} user passwd ada --password-file <(printf '%s' '{OTHER_PASSWORD}')",
        env!("CARGO_BIN_EXE_symbolon")
    );
    let ran = Command::new("bash").args(["-c", &command]).current_dir(place.path("")).output().unwrap();
    assert!(ran.status.success(), "{ran:?}");
    assert_eq!(place.serve().login("ada", OTHER_PASSWORD).0, 201);
}

/// A terminal around the binary, by script(1).
struct Terminal {
    child: std::process::Child,
    said: String,
    /// How much of it was waited for already.
    seen: usize,
}

impl Terminal {
    fn run(place: &Place, verb: &str) -> Option<Self> {
        let command = format!("{} {verb}", env!("CARGO_BIN_EXE_symbolon"));
        let child = Command::new("script")
            .args(["-qefc", &command, "/dev/null"])
            .current_dir(place.path(""))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        match child {
            Ok(child) => Some(Self { child, said: String::new(), seen: 0 }),
            Err(error) => {
                println!("skipped: script(1) makes the terminal, and is not there: {error}");
                None
            }
        }
    }

    /// Reads until the terminal shows this.
    #[track_caller]
    fn wait_for(&mut self, text: &str) {
        let mut chunk = [0; 1024];
        let out = self.child.stdout.as_mut().unwrap();
        loop {
            if let Some(at) = self.said[self.seen..].find(text) {
                self.seen += at + text.len();
                return;
            }
            let read = out.read(&mut chunk).unwrap();
            assert!(read > 0, "{text:?} was not said: {}", self.said);
            self.said += &String::from_utf8_lossy(&chunk[..read]);
        }
    }

    fn type_in(&mut self, text: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(text.as_bytes()).unwrap();
        stdin.flush().unwrap();
    }

    /// Waits for the end: exit code, and all that was shown.
    fn end(mut self) -> (Option<i32>, String) {
        self.child.stdout.take().unwrap().read_to_string(&mut self.said).unwrap();
        (self.child.wait().unwrap().code(), self.said)
    }
}

#[test]
fn lg_10_the_terminal_asks_twice_and_shows_nothing() {
    let place = Place::new();
    let Some(mut terminal) = Terminal::run(&place, "user add ada") else { return };
    terminal.wait_for("New password for ada: ");
    terminal.type_in(&format!("{PASSWORD}\n"));
    terminal.wait_for("Once more: ");
    terminal.type_in(&format!("{PASSWORD}, mistyped\n"));
    terminal.wait_for("They differ.");
    terminal.wait_for("New password for ada: ");
    terminal.type_in(&format!("{PASSWORD}\n"));
    terminal.wait_for("Once more: ");
    terminal.type_in(&format!("{PASSWORD}\n"));
    let (code, said) = terminal.end();
    assert!(code == Some(0) && said.contains("Added ada") && !said.contains("horse"), "{said}");
    assert_eq!(place.serve().login("ada", PASSWORD).0, 201);
}

#[test]
fn an_interruption_leaves_the_echo_on_and_nothing_behind() {
    let place = Place::new();
    let shell = format!("sh -c 'trap : INT; {} user add ada; stty -a; true'", env!("CARGO_BIN_EXE_symbolon"));
    let child = Command::new("script")
        .args(["-qefc", &shell, "/dev/null"])
        .current_dir(place.path(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(child) = child else { return println!("skipped: script(1) makes the terminal, and is not there") };
    let mut terminal = Terminal { child, said: String::new(), seen: 0 };
    terminal.wait_for("New password for ada: ");
    terminal.type_in("\u{3}");
    let (_, said) = terminal.end();
    // The shell may be interrupted with it; when it is not, it says how the terminal was left.
    assert!(said.contains("interrupted; nothing was changed"), "{said}");
    assert!(!said.contains("speed") || said.split_whitespace().any(|word| word == "echo"), "{said}");
    assert!(!place.path("symbolon-data").exists());
}

#[test]
fn deleting_asks_first_at_a_terminal() {
    let place = Place::new();
    place.user("ada");
    let Some(mut terminal) = Terminal::run(&place, "user delete ada") else { return };
    terminal.wait_for("Delete ada with everything of theirs? [y/N] ");
    terminal.type_in("n\n");
    let (code, said) = terminal.end();
    assert!(code == Some(1) && said.contains("nothing was changed"), "{said}");
    let Some(mut terminal) = Terminal::run(&place, "user delete ada") else { return };
    terminal.wait_for("[y/N] ");
    terminal.type_in("y\n");
    let (code, said) = terminal.end();
    assert!(code == Some(0) && said.contains("Deleted ada"), "{said}");
    assert_eq!(place.json(&["user", "list"]), serde_json::json!([]));
}
