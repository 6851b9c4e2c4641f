//! A folder with an installation in it, the binary run there, and a server when a test wants one.

use std::{
    fmt,
    io::{BufRead, BufReader, Read, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use symbolon::store::{Store, sqlite::SqliteStore};

/// Good enough for the policy, and of everybody in the test data.
pub(crate) const PASSWORD: &str = "correct horse battery staple";
pub(crate) const OTHER_PASSWORD: &str = "purple monkey dishwasher tango";

/// A folder of its own; the binary is run in it.
pub(crate) struct Place {
    folder: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
}

/// What a run of the binary came to.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Place {
    /// With settings that make hashing cheap and take a free port.
    pub(crate) fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap(), variables: Vec::new() };
        place.settings("");
        place
    }

    /// The settings file, with more behind what every test wants.
    pub(crate) fn settings(&self, more: &str) {
        let text = format!(
            "[password]\nunsafe_argon2_m = 8\nunsafe_argon2_t = 1\n[server]\nlisten = \"127.0.0.1:0\"\n{more}\n"
        );
        std::fs::write(self.path("symbolon.toml"), text).unwrap();
    }

    /// With a variable in the environment of whatever is run.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file with a mode.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>, mode: u32) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_symbolon"));
        // What whoever runs the tests has set is none of theirs.
        let ours = std::env::vars_os().map(|(name, _)| name);
        for name in ours.filter(|name| name.to_string_lossy().starts_with("SYMBOLON_")) {
            command.env_remove(name);
        }
        command.args(arguments).current_dir(self.folder.path());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs the binary with this on standard input.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Ran {
        let mut command = self.command(arguments);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_owned();
        // It may end without reading.
        let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        Ran {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, "")
    }

    /// Runs the binary, which must succeed; answers what it printed.
    #[track_caller]
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?}: {ran}");
        ran.out
    }

    /// The same, as JSON.
    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let out = self.ok(&[arguments, &["--json"]].concat());
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {out}"))
    }

    /// Runs the binary, which must fail with this exit code; answers what it said.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(code), "{arguments:?}: {ran}");
        ran.err
    }

    /// Makes a user with [`PASSWORD`].
    #[track_caller]
    pub(crate) fn user(&self, name: &str) -> Value {
        let ran = self.run_with(&["user", "add", name, "--json"], &format!("{PASSWORD}\n"));
        assert_eq!(ran.code, Some(0), "{ran}");
        serde_json::from_str(&ran.out).unwrap()
    }

    /// Starts a server, and waits until it serves.
    pub(crate) fn serve(&self) -> Server {
        let mut command = self.command(&["serve"]);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut err = child.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut text = String::new();
            err.read_to_string(&mut text).ok();
            text
        });
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Some(base) = line.trim_end().strip_prefix("Symbolon is at ").map(str::to_owned) else {
            panic!("the server did not start: {}", log.join().unwrap())
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Server { base, child, log: Some(log), http: reqwest::Client::new(), runtime }
    }

    /// The stored password hash of a user; nothing may run.
    pub(crate) fn stored_hash(&self, canonical: &str) -> String {
        let store = SqliteStore::open(&self.path("symbolon-data"), "a test", uuid::Uuid::nil()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let row = runtime.block_on(store.login_by_identifier(canonical)).unwrap().expect("the user is there");
        row.credential.unwrap().data
    }
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit code {:?}\n{}{}", self.code, self.out, self.err)
    }
}

/// A running server, killed when dropped.
pub(crate) struct Server {
    pub(crate) base: String,
    child: Child,
    log: Option<std::thread::JoinHandle<String>>,
    http: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

impl Server {
    /// Sends a request; answers status and body.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        bearer: Option<&str>,
        body: Option<&Value>,
    ) -> (u16, Value) {
        let request = self.http.request(method.parse().unwrap(), format!("{}{path}", self.base));
        let request = bearer.into_iter().fold(request, reqwest::RequestBuilder::bearer_auth);
        let request = body.into_iter().fold(request, reqwest::RequestBuilder::json);
        self.runtime.block_on(async {
            let answer = request.send().await.unwrap();
            (answer.status().as_u16(), answer.json().await.unwrap_or_default())
        })
    }

    /// What stands at an address.
    pub(crate) fn text(&self, url: &str) -> String {
        self.runtime.block_on(async { self.http.get(url).send().await.unwrap().text().await.unwrap() })
    }

    /// Sends a request as a proxy in front of it would, for somebody else.
    pub(crate) fn forward(&self, client: &str) {
        let request = self.http.get(format!("{}/healthz", self.base)).header("X-Forwarded-For", client);
        assert!(self.runtime.block_on(request.send()).unwrap().status().is_success());
    }

    /// Logs in for tokens: status, access token.
    pub(crate) fn login(&self, identifier: &str, password: &str) -> (u16, String) {
        let body = json!({ "identifier": identifier, "password": password });
        let (status, answer) = self.send("POST", "/v1/tokens", None, Some(&body));
        (status, answer["access_token"].as_str().unwrap_or_default().to_owned())
    }

    /// Whether a token is accepted.
    pub(crate) fn accepts(&self, token: &str) -> bool {
        self.send("GET", "/v1/me", Some(token), None).0 == 200
    }

    /// Stops it; answers its log.
    pub(crate) fn stop(mut self) -> String {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.log.take().unwrap().join().unwrap()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Stopped already, perhaps.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a check twice: with a server running, and without.
pub(crate) fn with_a_server_and_without(check: impl Fn(&Place)) {
    for serving in [true, false] {
        let place = Place::new();
        let server = serving.then(|| place.serve());
        check(&place);
        assert_eq!(place.path("symbolon-data/admin.sock").exists(), serving);
        drop(server);
    }
}

pub(crate) fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}
