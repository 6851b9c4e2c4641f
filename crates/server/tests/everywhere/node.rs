//! A node: the binary as a process over the shared database, with a wire of its own to it, on a port that it keeps for all its lives.

use std::{
    fs::File,
    net::{SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
    sync::Mutex,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{
    proxy::{Proxy, Wire},
    time::{self, LONG},
    wall::Wall,
};

/// `postgres://…`, with these hosts and ports.
pub(crate) type StoreUrl = Box<dyn Fn(&[SocketAddr]) -> String + Send + Sync>;

/// What all nodes are one installation by.
pub(crate) struct Installation {
    pub(crate) store: StoreUrl,
    pub(crate) master_key: String,
    pub(crate) lease: Duration,
}

/// The issuer, whatever port a node listens on.
pub(crate) const ISSUER: &str = "http://127.0.0.1:7117";

pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    /// Between it and each machine of the database.
    store: Vec<Proxy>,
    /// Its wall clock.
    pub(crate) clock: Wall,
    url: String,
    master_key: String,
    lease: Duration,
    folder: tempfile::TempDir,
    child: Mutex<Option<Child>>,
}

impl Node {
    /// Makes and starts it; ready when this returns.
    pub(crate) async fn start(name: &str, installation: &Installation, database: &[SocketAddr]) -> Self {
        let mut store = Vec::new();
        for machine in database {
            store.push(Proxy::to(*machine).await);
        }
        let doors: Vec<SocketAddr> = store.iter().map(Proxy::address).collect();
        let folder = tempfile::tempdir().unwrap();
        let node = Self {
            name: name.to_owned(),
            address: free_port(),
            url: (installation.store)(&doors),
            store,
            clock: Wall::of(folder.path()),
            master_key: installation.master_key.clone(),
            lease: installation.lease,
            folder,
            child: Mutex::default(),
        };
        node.up();
        node.ready().await;
        node
    }

    /// Starts the process, without waiting.
    pub(crate) fn up(&self) {
        let log = File::options().create(true).append(true).open(self.log()).unwrap();
        let mut command = self.command(&["serve", "--listen", &self.address.to_string()]);
        self.clock.shown_to(&mut command);
        let child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        *self.child.lock().unwrap() = Some(child);
    }

    /// A command of the binary on this node's installation.
    fn command(&self, arguments: &[&str]) -> Command {
        let file = self.folder.path().join("symbolon.toml");
        std::fs::write(&file, settings(self.lease)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_symbolon"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SYMBOLON_") {
                command.env_remove(name);
            }
        }
        command
            .args(arguments)
            .arg("--data")
            .arg(self.folder.path().join("data"))
            .arg("--config")
            .arg(file)
            .env("SYMBOLON_STORE_URL", &self.url)
            .env("SYMBOLON_MASTER_KEY", &self.master_key)
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// `kill -9`.
    pub(crate) fn kill(&self) {
        if let Some(mut child) = self.child.lock().unwrap().take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// SIGTERM, and waits: it ends well.
    pub(crate) fn stop(&self) {
        let mut child = self.child.lock().unwrap().take().expect("it runs");
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        let status = time::wait_for("the node's end", || child.try_wait().unwrap());
        assert!(status.success(), "{}: {status}\n{}", self.name, self.log_end());
    }

    /// What becomes of what it says to the database, and hears.
    pub(crate) fn wire(&self, wire: Wire) {
        self.store.iter().for_each(|store| store.set(wire));
    }

    /// Stops it in its tracks.
    pub(crate) fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let child = self.child.lock().unwrap();
        kill_process(Pid::from_child(child.as_ref().expect("it runs")), signal).unwrap();
    }

    /// Waits until it says that it is ready.
    pub(crate) async fn ready(&self) {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(2)).build().unwrap();
        let began = time::now();
        loop {
            let answer = client.get(self.url("/readyz")).send().await;
            if answer.is_ok_and(|answer| answer.status() == 200) {
                return;
            }
            let ended =
                self.child.lock().unwrap().as_mut().is_none_or(|child| child.try_wait().unwrap().is_some());
            let late = ended || began.elapsed() > LONG;
            assert!(!late, "{} does not get ready:\n{}", self.name, self.log_end());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The secret of a new machine client, made by the command line on this node.
    pub(crate) fn client_secret(&self, name: &str, scopes: &str) -> String {
        let output = self.command(&["client", "add", name, "--scope", scopes]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn log(&self) -> std::path::PathBuf {
        self.folder.path().join("log")
    }

    /// Lines of the log that tell of a defect.
    pub(crate) fn defects(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.log()).unwrap();
        let bad = |line: &&str| line.contains("\"status\":500") || line.contains("\"message\":\"panic\"");
        text.lines().filter(bad).map(str::to_owned).collect()
    }

    pub(crate) fn log_end(&self) -> String {
        let text = std::fs::read_to_string(self.log()).unwrap_or_default();
        // What every request says while there is no lease would hide why there is none.
        let lines: Vec<&str> = text.lines().filter(|line| !line.contains("holds no lease")).collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port nobody has; the node binds it at once.
pub(crate) fn free_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Cheap hashing, no throttling: neither is what is tested.
fn settings(lease: Duration) -> String {
    format!(
        "server.issuer = \"{ISSUER}\"\n\
         password.unsafe_argon2_m = 8\npassword.unsafe_argon2_t = 1\npassword.hashing_queue = 1000\n\
         throttle.lookups = 1000000\nthrottle.registrations = 1000000\nthrottle.unsafe_account_tries = 100000\n\
         throttle.unsafe_address_tries = 100000\n\
         lease.duration = \"{}ms\"\ntelemetry.log_level = \"warn\"\n",
        lease.as_millis()
    )
}
