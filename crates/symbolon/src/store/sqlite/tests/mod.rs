//! What only this store promises: its files, its one process, its commits. The promises of the port are in `store/contract/`.

mod backup;
mod commits;
mod durability;
mod files;
mod killed;
mod measure;

use std::{
    env,
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use rusqlite::Connection;
use symbolon_token::{Timestamp, view::Entry};
use uuid::Uuid;

use super::{Past, SqliteStore, writer::Verdict};
use crate::store::*;

const ROLE: &str = "SYMBOLON_TEST_ROLE";
const FOLDER: &str = "SYMBOLON_TEST_FOLDER";

fn open(folder: &Path) -> SqliteStore {
    SqliteStore::open(folder, "a test", Uuid::from_u128(1)).unwrap()
}

/// Runs a piece of SQL on the writer's own connection.
async fn on_writer<T: Send + 'static>(
    store: &SqliteStore,
    work: impl FnOnce(&Connection, &mut Vec<Entry>) -> rusqlite::Result<T> + Send + 'static,
) -> Result<T> {
    store.writer.write(|sql, entries| Ok((Verdict::Commit, work(sql, entries)?))).await
}

fn new_user(number: u128) -> NewUser {
    let at = Timestamp::from_secs(1_700_000_000);
    let id = Uuid::from_u128(number << 8);
    let user = UserRow {
        id,
        generation: 0,
        disabled: false,
        roles: Vec::new(),
        profile: Object::new(),
        identifier: format!("User-{number}"),
        created_at: at,
        updated_at: at,
    };
    let audit = AuditRow {
        id: Uuid::from_u128(number << 8 | 2),
        at,
        event: "registered".into(),
        actor: None,
        user: Some(id),
        session: None,
        address: None,
        detail: Object::new(),
    };
    let credential = CredentialRow { id: Uuid::from_u128(number << 8 | 1), data: "hash".into(), version: 0 };
    NewUser {
        user,
        canonical: format!("user-{number}"),
        identifier_kind: "username",
        credential: Some(credential),
        audit,
    }
}

fn ending(end: End) -> Transition {
    let at = Timestamp::from_secs(1_700_000_000);
    Transition {
        condition: None,
        end: Some(end),
        password: None,
        mint: None,
        limit: None,
        refunds: Vec::new(),
        rekey: None,
        at,
        forget_at: at.as_secs() + 600,
        audit: Vec::new(),
    }
}

/// Another process: this test binary again, in a role of its own. It ends with its standard input at the latest.
struct Other {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Other {
    fn start(role: &str, folder: &Path) -> Self {
        // The crate's own name is not part of a test's.
        let (_, module) = module_path!().split_once("::").unwrap();
        let mut child = Command::new(env::current_exe().unwrap())
            .args([&format!("{module}::in_another_process"), "--exact", "--ignored", "--nocapture"])
            .env(ROLE, role)
            .env(FOLDER, folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, input, output }
    }

    /// The next thing it says, as long as it lives.
    fn says(&mut self) -> Option<String> {
        loop {
            let mut line = String::new();
            if self.output.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            if let Some(said) = line.strip_prefix("@ ").and_then(|line| line.strip_suffix(" .\n")) {
                return Some(said.to_owned());
            }
        }
    }

    /// SIGKILL.
    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn end(mut self) {
        drop(self.input.take());
        self.child.wait().unwrap();
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        // A test that failed leaves nobody behind; one that is gone already cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Says something to the process that started this one, in one write.
fn say(what: &str) {
    let mut output = std::io::stdout().lock();
    output.write_all(format!("\n@ {what} .\n").as_bytes()).unwrap();
    output.flush().unwrap();
}

fn wait_for_the_end_of_input() {
    let mut rest = Vec::new();
    std::io::stdin().read_to_end(&mut rest).unwrap();
}

#[test]
#[ignore = "the other process of other tests"]
fn in_another_process() {
    let (Ok(role), Some(folder)) = (env::var(ROLE), env::var_os(FOLDER).map(PathBuf::from)) else { return };
    match role.as_str() {
        "open" => match SqliteStore::open(&folder, "the second", Uuid::nil()) {
            Ok(_) => say("opened"),
            Err(error) => say(&format!("refused: {error}")),
        },
        "hold" => {
            let _store = SqliteStore::open(&folder, "the holder, pid 1", Uuid::nil()).unwrap();
            say("held");
            wait_for_the_end_of_input();
        }
        "careless" => {
            rustix::process::umask(rustix::fs::Mode::empty());
            let store = open(&folder);
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(store.register(new_user(1))).unwrap();
            say("written");
            wait_for_the_end_of_input();
        }
        other => {
            let round = other.strip_prefix("write ").and_then(|round| round.parse().ok());
            killed::write_until_killed(round.expect("a role"), &folder);
        }
    }
}
