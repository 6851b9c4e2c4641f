//! `[store]`: which store holds the rows.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use symbolon::store::postgres::Options;
use zeroize::Zeroizing;

use super::reader::Reader;
use super::value::{Found, Refused, Value};
use crate::files;

/// The effective `[store]`.
#[derive(Clone, Debug)]
pub struct Store {
    /// Which store, and where.
    pub url: StoreUrl,
    /// Who vouches for a database: PEM certificates.
    pub ca_file: Option<PathBuf>,
    /// Connections to a database at most.
    pub connections: u32,
    /// How long a connection may take to come about, and how long a free one is waited for.
    pub connect_timeout: Duration,
    /// How long a statement may take.
    pub statement_timeout: Duration,
}

impl Store {
    /// How the database at this address is reached by these settings.
    pub fn postgres(&self, url: &str) -> Options {
        Options {
            ca_file: self.ca_file.clone(),
            connections: self.connections as usize,
            connect_timeout: self.connect_timeout,
            statement_timeout: self.statement_timeout,
            ..Options::new(url)
        }
    }
}

/// A store by its address. `Debug` and `Display` mask the password.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// The embedded store: `sqlite` (in the data folder), or `sqlite:FOLDER`.
    Sqlite(Option<PathBuf>),
    /// The reference store of the tests: everything is gone when the process ends.
    Memory,
    /// `postgres://user:password@host/database`, for many nodes.
    Postgres(Zeroizing<String>),
}

impl StoreUrl {
    /// Parses an address.
    ///
    /// # Errors
    /// What is wrong, in words that never repeat the address.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.split_once(':').map_or((text, ""), |(scheme, rest)| (scheme, rest)) {
            ("memory", "") => Ok(Self::Memory),
            ("sqlite", path) => {
                let path = path.strip_prefix("//").unwrap_or(path);
                match path {
                    "" => Ok(Self::Sqlite(None)),
                    _ if path.contains(['\0', '?', '#']) => {
                        Err("the path of a folder, without ?, # and NUL, must follow sqlite:".to_owned())
                    }
                    _ => Ok(Self::Sqlite(Some(PathBuf::from(path)))),
                }
            }
            ("postgres" | "postgresql", rest) if rest.len() > 2 && rest.starts_with("//") => {
                Ok(Self::Postgres(Zeroizing::new(text.to_owned())))
            }
            ("postgres" | "postgresql", _) => Err("it must read postgres://user@host/database".to_owned()),
            _ => Err("its scheme is unknown".to_owned()),
        }
    }

    /// Whether the address carries a password.
    fn has_password(&self) -> bool {
        matches!(self, Self::Postgres(url) if url.as_str() != masked(url))
    }
}

/// Everything that may be a password replaced: between `:` and the last `@`, and behind `password=`.
fn masked(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (address, query) = rest.split_once('?').map_or((rest, None), |(a, q)| (a, Some(q)));
    let mut out = format!("{scheme}://");
    match address.rsplit_once('@') {
        Some((user, host)) => {
            let (name, password) = user.split_once(':').map_or((user, None), |(n, p)| (n, Some(p)));
            out.push_str(name);
            if password.is_some() {
                out.push_str(":***");
            }
            out.push('@');
            out.push_str(host);
        }
        None => out.push_str(address),
    }
    if let Some(query) = query {
        let shown = query.split('&').map(|pair| match pair.split_once('=') {
            Some((name, _)) if name.to_ascii_lowercase().contains("pass") => format!("{name}=***"),
            _ => pair.to_owned(),
        });
        out.push('?');
        out.push_str(&shown.collect::<Vec<_>>().join("&"));
    }
    out
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(None) => f.write_str("sqlite"),
            Self::Sqlite(Some(path)) => write!(f, "sqlite:{}", path.display()),
            Self::Memory => f.write_str("memory"),
            Self::Postgres(url) => f.write_str(&masked(url)),
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({self})")
    }
}

impl Value for StoreUrl {
    const WANTS: &'static str = "\"sqlite\", \"sqlite:FOLDER\" or \"postgres://user@host/database\"";

    fn read(found: &Found) -> Result<Self, Refused> {
        Self::parse(found.text().ok_or(None)?).map_err(Some)
    }

    fn show(&self) -> String {
        format!("\"{self}\"")
    }
}

pub(super) fn read(reader: &mut Reader) -> Store {
    let mut s = reader.section("store");
    let url = s.setting("url", StoreUrl::Sqlite(None)).take();
    let url_file: Option<PathBuf> = s.setting("url_file", None).take();
    let ca_file: Option<PathBuf> = s.setting("ca_file", None).take();
    let connections = s.setting("connections", 16).within(2, 1_000).take();
    let (millis, second) = (Duration::from_millis, Duration::from_secs);
    let connect_timeout = s.setting("connect_timeout", second(3)).within(millis(50), second(120)).take();
    let statement_timeout = s.setting("statement_timeout", second(5)).within(millis(50), second(120)).take();
    let store = |url| Store { url, ca_file, connections, connect_timeout, statement_timeout };
    let said = reader.source("store.url");
    if said == super::Source::Flag("--store") && url.has_password() {
        reader.warn(
            "--store holds a password, which everybody on this machine can read in the list of processes; use \
             SYMBOLON_STORE_URL or store.url_file"
                .to_owned(),
        );
    }
    let Some(path) = url_file else { return store(url) };
    if said.layer() > 0 {
        reader.complain(format!(
            "store.url ({said}) and store.url_file ({}) are both set; keep one",
            reader.source("store.url_file")
        ));
    }
    match from_file(&path) {
        Ok(url) => {
            reader.amend("store.url", url.show());
            store(url)
        }
        Err(problem) => {
            reader.complain(format!("store.url_file: {problem} ({})", reader.source("store.url_file")));
            store(url)
        }
    }
}

fn from_file(path: &std::path::Path) -> Result<StoreUrl, String> {
    let bytes = files::read_private(path, 16 * 1024).map_err(|problem| problem.to_string())?;
    let text = std::str::from_utf8(&bytes).map_err(|_| format!("{} is not UTF-8", path.display()))?;
    StoreUrl::parse(text.trim())
        .map_err(|reason| format!("{} holds no address of a store: {reason}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lg_10_no_form_of_password_is_ever_shown() {
        for url in [
            "postgres://app:canary@db.example/symbolon",
            "postgresql://app:can@ary:canary@db/symbolon",
            "postgres://db/symbolon?user=app&password=canary&sslmode=require",
            "postgres://db/symbolon?sslpassword=canary",
        ] {
            let url = StoreUrl::parse(url).unwrap();
            for shown in [url.to_string(), format!("{url:?}"), url.show()] {
                assert!(!shown.contains("canary") && shown.contains("***"), "{shown}");
            }
            assert!(url.has_password());
        }
        assert!(!StoreUrl::parse("postgres://app@db/symbolon").unwrap().has_password());
    }

    #[test]
    fn addresses_of_stores() {
        assert_eq!(StoreUrl::parse("sqlite").unwrap(), StoreUrl::Sqlite(None));
        assert_eq!(StoreUrl::parse("sqlite:///a/b.db").unwrap(), StoreUrl::Sqlite(Some("/a/b.db".into())));
        for bad in ["", "mysql://a/b", "postgres:", "postgres://", "sqlite:a?mode=ro", "memory:x"] {
            assert!(StoreUrl::parse(bad).is_err(), "{bad}");
        }
    }
}
