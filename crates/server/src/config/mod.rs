//! The configuration: one section per file.
//!
//! Owns: reading `symbolon.toml`, the environment and the flags in rising order of strength; every default, floor and
//! ceiling of `DESIGN.md`; where each value came from. Refuses: unknown keys (in the file, and in `SYMBOLON_<SECTION>_…`),
//! values beyond a bound unless spelled `unsafe_…`, a named file that is missing, and an address that others can reach without
//! an https issuer. It reads files only; nothing is opened, bound or written here. `serve`, `config show` and `doctor` call it.
//!
//! All problems are gathered and told at once. Secrets mask themselves in whatever is shown.
//!
//! An environment variable is `SYMBOLON_<SECTION>_<KEY>`, lists comma-separated; an empty one counts as unset, except
//! that it empties a list. `SYMBOLON_CONFIG` names the file as `--config` does. Relative paths count from the working folder.

mod bearer;
mod cookie;
mod cors;
mod csrf;
mod dpop;
mod keys;
mod layers;
mod lease;
mod logout;
mod nearest;
mod network;
mod origin;
mod password;
mod reader;
mod server;
mod session;
mod source;
mod store;
mod telemetry;
mod throttle;
mod tls;
mod token;
mod users;
mod value;

use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

pub use bearer::Bearer;
pub use cookie::Cookie;
pub use cors::Cors;
pub use csrf::Csrf;
pub use dpop::Dpop;
pub use keys::MasterKey;
pub use lease::Lease;
pub use logout::Logout;
pub use network::Network;
pub use origin::{Issuer, Origin};
pub use password::Password;
pub use server::Server;
pub use session::{Preset, Session};
pub use source::{Entry, Provenance, Source};
pub use store::{Store, StoreUrl};
pub use telemetry::{LogFormat, LogLevel, Telemetry};
pub use throttle::Throttle;
pub use tls::Tls;
pub use token::{Claims, Token};
pub use users::{Registration, Users};

use layers::Layers;
use reader::Reader;

/// The file that is read when no other is named, in the working folder.
pub const DEFAULT_FILE: &str = "symbolon.toml";

const SECTIONS: [&str; 16] = [
    "server",
    "store",
    "token",
    "session",
    "cookie",
    "csrf",
    "cors",
    "bearer",
    "dpop",
    "password",
    "throttle",
    "users",
    "logout",
    "tls",
    "telemetry",
    "lease",
];
const TOP_LEVEL: [&str; 2] = ["master_key_file", "master_key"];

/// What the command line may say. Absent means: not given.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--dev`: other defaults, and `/explore`.
    pub dev: bool,
    /// `--config FILE`, which must exist.
    pub config: Option<PathBuf>,
    /// `--data DIR`.
    pub data: Option<PathBuf>,
    /// `--listen ADDR`.
    pub listen: Option<String>,
    /// `--store URL`.
    pub store: Option<String>,
    /// `--log-level LEVEL`.
    pub log_level: Option<String>,
    /// `--log-format FORMAT`.
    pub log_format: Option<String>,
}

/// The effective configuration, validated: whatever reads it need not check again.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whether `--dev` was given.
    pub dev: bool,
    /// Whether `/explore` is served: with `--dev` only.
    pub explore: bool,
    /// Where the master key is.
    pub master_key: MasterKey,
    /// `[server]`
    pub server: Server,
    /// `[store]`
    pub store: Store,
    /// `[token]`
    pub token: Token,
    /// `[session]`
    pub session: Session,
    /// `[cookie]`
    pub cookie: Cookie,
    /// `[csrf]`
    pub csrf: Csrf,
    /// `[cors]`
    pub cors: Cors,
    /// `[bearer]`
    pub bearer: Bearer,
    /// `[dpop]`
    pub dpop: Dpop,
    /// `[password]`
    pub password: Password,
    /// `[throttle]`
    pub throttle: Throttle,
    /// `[users]`
    pub users: Users,
    /// `[logout]`
    pub logout: Logout,
    /// `[tls]`, when the server speaks TLS itself.
    pub tls: Option<Tls>,
    /// `[telemetry]`
    pub telemetry: Telemetry,
    /// `[lease]`
    pub lease: Lease,
}

impl Config {
    /// The issuer of a server that listens on `bound`: the one that was set, or `http://<bound>`. Only a loopback
    /// address gets as far as the second; with port 0 it is known only once the listener is bound.
    pub fn issuer(&self, bound: SocketAddr) -> Issuer {
        self.server.issuer.clone().unwrap_or_else(|| Issuer::of_listener(bound))
    }
}

/// A configuration with the story of how it came about.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What holds.
    pub config: Config,
    /// Where each value came from, secrets masked.
    pub provenance: Provenance,
    /// What works and should be known, as whole sentences without secrets.
    pub warnings: Vec<String>,
    /// The configuration file that was read, if one was.
    pub file: Option<PathBuf>,
}

/// Why there is no configuration: every problem, one sentence each. `Display` puts each on a line of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<String>,
}

impl ConfigError {
    fn one(problem: String) -> Self {
        Self { problems: vec![problem] }
    }

    /// The problems, one sentence each, without secrets.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problems.join("\n"))
    }
}

impl std::error::Error for ConfigError {}

/// Loads the configuration of this process: its environment, and `symbolon.toml` of the working folder unless a flag or
/// `SYMBOLON_CONFIG` names another file.
///
/// # Errors
/// [`ConfigError`] with every problem found.
pub fn load(flags: &Flags) -> Result<Loaded, ConfigError> {
    load_from(flags, std::env::vars_os(), Path::new(DEFAULT_FILE))
}

/// Loads from the environment and default file that are passed in. The default file may be absent.
///
/// # Errors
/// [`ConfigError`] with every problem found.
pub fn load_from(
    flags: &Flags,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    default_file: &Path,
) -> Result<Loaded, ConfigError> {
    let layers = Layers::gather(flags, environment, default_file)?;
    let file = layers.file.clone();
    let mut reader = Reader::new(layers, flags.dev);
    let r = &mut reader;
    let master_key = keys::read(r);
    let server = server::read(r);
    let store = store::read(r);
    let mut token = token::read(r);
    let mut session = session::read(r);
    session::hold(r, &mut session, &mut token);
    let cookie = cookie::read(r);
    let csrf = csrf::read(r);
    let cors = cors::read(r);
    let bearer = bearer::read(r);
    let dpop = dpop::read(r);
    let password = password::read(r);
    let throttle = throttle::read(r);
    let users = users::read(r);
    let logout = logout::read(r);
    let tls = tls::read(r);
    let telemetry = telemetry::read(r);
    let lease = lease::read(r);
    server::check(r, &server, tls.is_some());
    let (provenance, warnings) = reader.finish()?;
    let config = Config {
        dev: flags.dev,
        explore: flags.dev,
        master_key,
        server,
        store,
        token,
        session,
        cookie,
        csrf,
        cors,
        bearer,
        dpop,
        password,
        throttle,
        users,
        logout,
        tls,
        telemetry,
        lease,
    };
    Ok(Loaded { config, provenance, warnings, file })
}
