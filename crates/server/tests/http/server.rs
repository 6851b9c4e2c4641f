//! A server of the test's own: the binary as a process, on a free port, over a folder that goes with the test.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::time::{LONG, now, wait_for};

/// What tokens are issued by and cookies belong to, wherever the server listens: so both survive a restart on another port.
pub(crate) const ISSUER: &str = "http://127.0.0.1:7117";
/// An issuer behind a proxy that speaks TLS.
pub(crate) const HTTPS: &str = "https://auth.example.com";

/// The settings of `symbolon.toml`, as `section.key` and TOML value.
#[derive(Clone, Debug)]
pub(crate) struct Settings(BTreeMap<String, String>);

impl Settings {
    /// Those of most tests: cheap hashing (with what costs, the tests of one machine would stand in each other's way) and room
    /// for everything that many of them do at once.
    fn usual() -> Self {
        let mut settings = Self(BTreeMap::new());
        settings.set("server.issuer", format!("{ISSUER:?}"));
        settings.set("password.unsafe_argon2_m", "8");
        settings.set("password.unsafe_argon2_t", "1");
        settings.set("password.hashing_queue", "1000");
        settings
    }

    pub(crate) fn set(&mut self, key: &str, value: impl Into<String>) {
        self.0.insert(key.to_owned(), value.into());
    }

    pub(crate) fn unset(&mut self, key: &str) {
        self.0.remove(key);
    }

    fn toml(&self) -> String {
        self.0.iter().fold(String::new(), |mut text, (key, value)| {
            let _ = writeln!(text, "{key} = {value}");
            text
        })
    }
}

/// The log of one server over all its lives.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<String>>);

impl Log {
    pub(crate) fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn add(&self, line: &str) {
        let mut text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        text.push_str(line);
        text.push('\n');
    }

    /// Its events, each an object on a line of its own.
    pub(crate) fn events(&self) -> Vec<Value> {
        let text = self.text();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("an event: {line}")))
            .collect()
    }

    /// The events of the access log with this request id.
    pub(crate) fn of_request(&self, id: &str) -> Vec<Value> {
        wait_for("the request in the log", || {
            let all: Vec<Value> = self.events().into_iter().filter(|event| event["request"] == id).collect();
            (!all.is_empty()).then_some(all)
        })
    }
}

/// A process that serves.
struct Running {
    child: Child,
    reader: JoinHandle<()>,
    address: SocketAddr,
}

/// A server and all that is known of it.
pub(crate) struct TestServer {
    folder: TempDir,
    settings: Settings,
    running: Option<Running>,
    pub(crate) log: Log,
    /// What must never stand in the log: everything secret that was sent or answered.
    secrets: Mutex<BTreeSet<String>>,
    /// Whether a 500 or a panic is part of the test.
    pub(crate) may_fail: bool,
}

impl TestServer {
    /// With the usual settings.
    pub(crate) fn start() -> Self {
        Self::with(|_| {})
    }

    /// With settings of its own.
    pub(crate) fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::usual();
        change(&mut settings);
        let mut server = Self {
            folder: TempDir::new().unwrap(),
            settings,
            running: None,
            log: Log::default(),
            secrets: Mutex::default(),
            may_fail: false,
        };
        server.up();
        server
    }

    /// The data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The command that serves this folder, on a free port.
    pub(crate) fn command(&self) -> Command {
        self.command_at("127.0.0.1:0")
    }

    /// The command that serves this folder, at an address.
    pub(crate) fn command_at(&self, listen: &str) -> Command {
        let file = self.folder.path().join("symbolon.toml");
        std::fs::write(&file, self.settings.toml()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_symbolon"));
        clean(&mut command).args(["serve", "--listen", listen]).arg("--data").arg(self.data());
        command.arg("--config").arg(file).current_dir(self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    /// Starts it, and waits until it is ready.
    pub(crate) fn up(&mut self) {
        assert!(self.running.is_none(), "one process at a time");
        let mut child = self.command().spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let Some(Ok(line)) = lines.next() else {
                let status = child.wait().unwrap();
                panic!("the server does not start ({status}):\n{}", self.log.text());
            };
            self.log.add(&line);
            let Ok(event) = serde_json::from_str::<Value>(&line) else { continue };
            if event["message"] == "listening" {
                break event["address"].as_str().unwrap().parse().unwrap();
            }
        };
        let log = self.log.clone();
        let reader = std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| log.add(&line)));
        self.running = Some(Running { child, reader, address });
        let ready = format!("{}/readyz", self.prefix());
        wait_for("/readyz", || (self.get(&ready).send().status == 200).then_some(()));
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.running.as_ref().expect("the server runs").address
    }

    /// The process id.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.running.as_ref().expect("the server runs").child)
    }

    /// SIGTERM, without waiting.
    pub(crate) fn terminate(&self) {
        kill_process(self.pid(), Signal::TERM).unwrap();
    }

    /// Waits until the process has ended of its own accord.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let Running { mut child, reader, .. } = self.running.take().expect("the server runs");
        let began = now();
        let status = wait_for("the server's end", || {
            assert!(began.elapsed() < LONG, "the server does not stop");
            child.try_wait().unwrap()
        });
        reader.join().unwrap();
        status
    }

    /// SIGTERM, and it ends well.
    pub(crate) fn stop(&mut self) {
        self.terminate();
        let status = self.ended();
        assert!(status.success(), "{status}:\n{}", self.log.text());
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        let Running { mut child, reader, .. } = self.running.take().expect("the server runs");
        child.kill().unwrap();
        child.wait().unwrap();
        reader.join().unwrap();
    }

    /// Stops it and starts it again on the same data.
    pub(crate) fn restart(&mut self) {
        self.stop();
        self.up();
    }

    /// `kill -9`, and starts it again on the same data.
    pub(crate) fn crash(&mut self) {
        self.kill();
        self.up();
    }

    /// Stops it and starts it again with other settings.
    pub(crate) fn reconfigure(&mut self, change: impl FnOnce(&mut Settings)) {
        self.stop();
        self.reconfigure_stopped(change);
    }

    /// Starts it with other settings.
    pub(crate) fn reconfigure_stopped(&mut self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.settings);
        self.up();
    }

    /// Runs a verb of the command line on this installation; answers what it prints.
    #[track_caller]
    pub(crate) fn cli(&self, arguments: &[&str]) -> String {
        let output = self.verb(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Begins a verb of the command line on this installation.
    pub(crate) fn begin_cli(&self, arguments: &[&str]) -> Child {
        self.verb(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// A verb of the command line on this installation.
    pub(crate) fn verb(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_symbolon"));
        command.args(arguments).arg("--data").arg(self.data());
        command.arg("--config").arg(self.folder.path().join("symbolon.toml"));
        clean(&mut command).current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    /// The issuer's path, under which everything is mounted.
    fn prefix(&self) -> &str {
        let issuer = self.settings.0.get("server.issuer").map_or("", |text| text.trim_matches('"'));
        let origin = issuer.find("://").map_or(0, |at| at + 3);
        issuer[origin..].find('/').map_or("", |at| &issuer[origin + at..])
    }

    /// The name of the session cookie.
    pub(crate) fn cookie_name(&self) -> &'static str {
        let issuer = self.settings.0.get("server.issuer");
        if issuer.is_some_and(|issuer| issuer.contains("https://")) { "__Host-symbolon" } else { "symbolon" }
    }

    /// Remembers what must not stand in the log. What is short stands everywhere.
    pub(crate) fn hide(&self, secret: &str) {
        if secret.len() >= 12 {
            self.secrets.lock().unwrap_or_else(PoisonError::into_inner).insert(secret.to_owned());
        }
    }

    /// What went over the wire and must not stand anywhere else.
    pub(crate) fn secrets(&self) -> BTreeSet<String> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if self.running.is_some() {
            self.kill();
        }
        let log = self.log.text();
        if std::thread::panicking() {
            show_end(&log);
            return;
        }
        // LG-01, in every test.
        for secret in self.secrets() {
            assert!(!log.contains(&secret), "the log holds the secret {secret}:\n{log}");
        }
        if !self.may_fail {
            for event in self.log.events() {
                let failed =
                    event["status"] == 500 || event["message"] == "panic" || event["level"] == "ERROR";
                assert!(!failed, "something failed inside: {event}");
            }
        }
    }
}

/// Takes whatever this process was told about some Symbolon out of a command's environment.
fn clean(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SYMBOLON_") {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command that must fail by itself, with exit code 1, and answers what it said.
#[track_caller]
pub(crate) fn refused(command: &mut Command) -> String {
    let mut child = command.spawn().unwrap();
    let mut said = String::new();
    let mut output = child.stderr.take().unwrap();
    let reader = std::thread::spawn(move || output.read_to_string(&mut said).map(|_| said));
    let began = now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > LONG {
            child.kill().unwrap();
            panic!("it goes on: {command:?}");
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    };
    let said = reader.join().unwrap().unwrap();
    assert_eq!(status.code(), Some(1), "{said}");
    said
}

/// The last lines of the log, for whoever reads about a failed test.
#[expect(clippy::print_stderr, reason = "a failed test shows it")]
fn show_end(log: &str) {
    let lines: Vec<&str> = log.lines().collect();
    eprintln!("the server's log ends:\n{}", lines[lines.len().saturating_sub(15)..].join("\n"));
}
