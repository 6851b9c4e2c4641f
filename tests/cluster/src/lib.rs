//! A PostgreSQL of their own for tests that want one: a cluster in a temporary directory, run by a user without rights, reached over
//! a socket in that directory and over a port on loopback. One per process, shared by all its tests, each with a database of its own.
//!
//! A shell holds the server and reads from a pipe that this process keeps open: however the process ends, the server ends, and the
//! directory goes. Where PostgreSQL is not installed the tests say `skipped:` and pass.

#![expect(clippy::expect_used, clippy::panic, reason = "a helper of tests: what fails here fails the test")]

use std::{
    fs::{self, Permissions},
    io::{self, Write},
    net::{Ipv4Addr, TcpListener},
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    thread::sleep,
    time::Duration,
};

/// The password of every user here.
pub const PASSWORD: &str = "halves-fit";
/// The user that owns the databases, and may do nothing else.
pub const USER: &str = "symbolon";

static SHARED: LazyLock<Option<Cluster>> = LazyLock::new(Cluster::start);

/// A running cluster.
pub struct Cluster {
    binaries: PathBuf,
    folder: PathBuf,
    port: u16,
    user: Option<u32>,
    names: AtomicU64,
    /// Its standard input is the pipe.
    shell: Child,
}

/// A database in a cluster, with nothing in it.
pub struct Database {
    /// Its name.
    pub name: String,
    /// Its address over the socket: no password, no TLS.
    pub url: String,
}

/// The cluster of this process. `None`, said aloud, where PostgreSQL is not installed.
pub fn cluster() -> Option<&'static Cluster> {
    SHARED.as_ref()
}

/// A database of its own for a test.
pub fn database() -> Option<Database> {
    cluster().map(Cluster::database)
}

impl Cluster {
    /// A cluster of one's own, for a test that restarts or breaks it.
    pub fn start() -> Option<Self> {
        let Some(binaries) = binaries() else {
            // Not by a macro, whose words a passing test keeps to itself.
            let _ = io::stderr()
                .write_all(b"skipped: PostgreSQL is not installed (apt-get install postgresql)\n");
            return None;
        };
        let mut cluster = Self::nowhere(binaries);
        let passwords = cluster.folder.join("password");
        fs::write(&passwords, PASSWORD).expect("the password is written");
        fs::set_permissions(&passwords, Permissions::from_mode(0o644)).expect("the password can be read");
        let made = cluster
            .run("initdb")
            .args(["--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"])
            .args(["--auth-local=trust", "--auth-host=scram-sha-256"])
            .arg(format!("--pwfile={}", passwords.display()))
            .arg(cluster.data())
            .output()
            .expect("initdb runs");
        assert_success("initdb", &made);
        cluster.configure("max_connections = 300\nlogging_collector = off\n");
        cluster.serve();
        cluster.sql("postgres", &format!("CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'"));
        Some(cluster)
    }

    /// A standby of it: it replays what this one commits, and takes no writes. A stranger to synchronous replication, unless configured.
    pub fn standby(&self) -> Self {
        self.standby_on(0)
    }

    /// A standby on `port`, or on a port that is free. When it is there, this one answers no commit that the standby does not have on its
    /// disk.
    pub fn synchronous_standby(&self, port: Option<u16>) -> Self {
        let standby = self.standby_on(port.unwrap_or(0));
        self.configure("synchronous_standby_names = '*'\n");
        self.sql("postgres", "SELECT pg_reload_conf()");
        for _ in 0..600 {
            let state = self.sql("postgres", "SELECT sync_state FROM pg_stat_replication");
            // The setting counts from when a connection has seen it.
            let waits = self.sql("postgres", "SHOW synchronous_standby_names");
            if state == "sync" && waits == "*" {
                return standby;
            }
            sleep(Duration::from_millis(20));
        }
        panic!("the standby does not follow");
    }

    /// Makes a primary of a standby.
    pub fn promote(&self) {
        assert_eq!(self.sql("postgres", "SELECT pg_promote(true, 60)"), "t", "it was a standby");
    }

    fn standby_on(&self, port: u16) -> Self {
        let mut standby = Self::nowhere(self.binaries.clone());
        standby.port = port;
        let copied = self
            .run("pg_basebackup")
            .args(["--username=postgres", "--write-recovery-conf", "--checkpoint=fast", "--no-sync"])
            .arg("-h")
            .arg(&self.folder)
            .args(["-p", &self.port.to_string(), "-D"])
            .arg(standby.data())
            .output()
            .expect("pg_basebackup runs");
        assert_success("pg_basebackup", &copied);
        // What the one that it is a copy of waits for is not what it will wait for.
        standby.configure("synchronous_standby_names = ''\n");
        standby.serve();
        standby
    }

    /// A directory with nothing in it, and no server yet.
    fn nowhere(binaries: PathBuf) -> Self {
        let folder = tempfile::Builder::new().prefix("symbolon-pg-").tempdir().expect("a directory").keep();
        let user = unprivileged();
        if let Some(user) = user {
            chown(&folder, Some(user), None).expect("the directory changes hands");
        }
        fs::set_permissions(&folder, Permissions::from_mode(0o711)).expect("the directory opens");
        let mut shell = Command::new("true").spawn().expect("a process starts");
        shell.wait().expect("and ends");
        Self { binaries, folder, port: 0, user, names: AtomicU64::new(1), shell }
    }

    /// Adds lines to the configuration; they count from the next start on.
    pub fn configure(&self, lines: &str) {
        let path = self.data().join("postgresql.conf");
        let text = fs::read_to_string(&path).expect("the configuration can be read");
        fs::write(&path, text + "\n" + lines).expect("the configuration can be written");
    }

    /// Where its files are.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Its port on loopback, which asks for a password.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Gives a file to the user that the server runs as.
    pub fn give(&self, path: &Path) {
        if let Some(user) = self.user {
            chown(path, Some(user), None).expect("the file changes hands");
        }
    }

    /// A database with nothing in it, which [`USER`] owns.
    pub fn database(&self) -> Database {
        let name = format!("test{}", self.names.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name} OWNER {USER}"));
        let url = self.url(&name);
        Database { name, url }
    }

    /// A database's address over the socket.
    pub fn url(&self, database: &str) -> String {
        let socket = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://{USER}@{socket}:{}/{database}", self.port)
    }

    /// A database's address over TCP, with what else it says.
    pub fn tcp_url(&self, database: &str, query: &str) -> String {
        url_by(&format!("127.0.0.1:{}", self.port), &format!("{database}{query}"))
    }

    /// Runs statements as the superuser; what they answer, unadorned.
    pub fn sql(&self, database: &str, statements: &str) -> String {
        let output = self
            .run("psql")
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "postgres"])
            .arg("-h")
            .arg(&self.folder)
            .args(["-p", &self.port.to_string(), "-d", database, "-c", statements])
            .output()
            .expect("psql runs");
        assert_success("psql", &output);
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Ends the server: at once and without a word to anybody (`immediate`), or when it has cut everybody off (`fast`).
    pub fn stop(&mut self, mode: &str) {
        let stopped = self.run("pg_ctl").args(["stop", "-w", "-m", mode, "-D"]).arg(self.data()).output();
        assert_success("pg_ctl", &stopped.expect("pg_ctl runs"));
        drop(self.shell.stdin.take());
        self.shell.wait().expect("the shell ends");
    }

    /// Ends the server and starts it again over the same files.
    pub fn restart(&mut self, mode: &str) {
        self.restart_after(mode, Duration::ZERO);
    }

    /// Ends the server, and starts it again over the same files when it has been away for so long.
    pub fn restart_after(&mut self, mode: &str, away: Duration) {
        self.rest(mode);
        sleep(away);
        self.serve();
    }

    /// Ends the server; [`Cluster::serve`] starts it again over the same files.
    pub fn rest(&mut self, mode: &str) {
        // Tells the shell to leave the directory.
        let keep = self.folder.join("keep");
        fs::write(&keep, "").expect("a file is written");
        self.stop(mode);
        fs::remove_file(keep).expect("and removed");
    }

    /// Starts the server, on the port it had.
    pub fn serve(&mut self) {
        for _ in 0..5 {
            if self.port == 0 {
                self.port = free_port();
            }
            // Fed by the pipe; the directory goes with the last reader, unless the server was stopped to be started again.
            let script = "\"$1/postgres\" -D \"$2/data\" -k \"$2\" -h 127.0.0.1 -p \"$3\" >>\"$2/log\" 2>&1 & \
                          if ! read -r _; then kill -QUIT $!; wait; [ -e \"$2/keep\" ] || rm -rf \"$2\"; fi";
            let mut shell = Command::new("/bin/sh");
            shell.args(["-c", script, "sh"]).arg(&self.binaries).arg(&self.folder).arg(self.port.to_string());
            self.shell = self
                .as_user(&mut shell)
                .stdin(Stdio::piped())
                // Whoever reads what the tests say must not wait for the shell.
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("a shell starts");
            for _ in 0..600 {
                if self.answers() {
                    return;
                }
                if fs::read_to_string(self.folder.join("log")).is_ok_and(|log| log.contains("could not bind"))
                {
                    break;
                }
                sleep(Duration::from_millis(20));
            }
            self.port = 0;
        }
        panic!(
            "PostgreSQL did not start: {}",
            fs::read_to_string(self.folder.join("log")).unwrap_or_default()
        );
    }

    fn answers(&self) -> bool {
        let asked = self
            .run("pg_isready")
            .arg("-q")
            .arg("-h")
            .arg(&self.folder)
            .args(["-p", &self.port.to_string()])
            .status();
        asked.is_ok_and(|status| status.success())
    }

    fn run(&self, binary: &str) -> Command {
        let mut command = Command::new(self.binaries.join(binary));
        command.stdin(Stdio::null());
        self.as_user(&mut command);
        command
    }

    fn as_user<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.current_dir("/").env("LC_ALL", "C");
        if let Some(user) = self.user {
            command.uid(user);
        }
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

/// A database's address by way of `hosts`, each with its port, separated by commas.
pub fn url_by(hosts: &str, database: &str) -> String {
    format!("postgres://{USER}:{PASSWORD}@{hosts}/{database}")
}

/// Where the programs are: the newest version's.
fn binaries() -> Option<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, path)| path.join("initdb").exists() && path.join("psql").exists())
        .collect();
    versions.sort();
    versions.pop().map(|(_, path)| path)
}

/// Whom the server runs as where this process is root, as which it refuses to.
fn unprivileged() -> Option<u32> {
    if fs::metadata("/proc/self").ok()?.uid() != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let postgres = users.lines().find_map(|line| line.strip_prefix("postgres:"));
    Some(postgres.and_then(|line| line.split(':').nth(1)?.parse().ok()).unwrap_or(65_534))
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    listener.local_addr().expect("it has a number").port()
}

fn assert_success(what: &str, output: &Output) {
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
}
