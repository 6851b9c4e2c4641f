//! Where the database is and how it is spoken to: from the address of the configuration to what the driver is told.
//!
//! `sslmode` is read here, not by the driver, which knows no CA file. Refused are modes in which somebody on the way could choose:
//! `prefer` and `allow` fall back to plain text when asked to, and a TLS without a CA is a secret shared with whoever answers.

use std::{net::IpAddr, path::PathBuf, str::FromStr, time::Duration};

use tokio_postgres::config::{Config, Host, LoadBalanceHosts, SslMode, TargetSessionAttrs};
use zeroize::Zeroizing;

use crate::store::{Result, StoreError};

/// How PostgreSQL is reached. The defaults are those of the configuration.
#[derive(Clone)]
pub struct Options {
    /// `postgres://user:password@host/database`; several hosts by comma: the one that takes writes is used.
    pub url: Zeroizing<String>,
    /// Certificates of who may vouch for the server (PEM), where the address names none.
    pub ca_file: Option<PathBuf>,
    /// Connections at most.
    pub connections: usize,
    /// How long a connection may take to come about, and how long one that is free is waited for.
    pub connect_timeout: Duration,
    /// How long a statement may take.
    pub statement_timeout: Duration,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("connections", &self.connections).finish_non_exhaustive()
    }
}

/// How far the server's certificate is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// No TLS.
    Plain,
    /// Its chain ends in this file; its name is not looked at.
    Chain(PathBuf),
    /// Its chain does, and it names the host.
    Full(PathBuf),
}

impl Options {
    /// The defaults for this address.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: Zeroizing::new(url.into()),
            ca_file: None,
            connections: 16,
            connect_timeout: Duration::from_secs(3),
            statement_timeout: Duration::from_secs(5),
        }
    }

    /// The longest that one attempt at a transaction is waited for: a connection that says nothing any more is given up.
    pub(super) fn patience(&self) -> Duration {
        self.statement_timeout * 2
    }

    /// What the driver is told, and what the TLS under it is.
    ///
    /// # Errors
    /// A sentence that never repeats the address, which may hold a password.
    pub(super) fn parse(&self) -> Result<(Config, Trust)> {
        let (address, query) = self.url.split_once('?').unwrap_or((&self.url, ""));
        let (mut mode, mut ca_file, mut rest) = (None, self.ca_file.clone(), Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value.to_owned()),
                Some(("sslrootcert", value)) => ca_file = Some(PathBuf::from(decoded(value)?)),
                _ => rest.push(pair),
            }
        }
        let cleaned = Zeroizing::new(format!("{address}?{}", rest.join("&")));
        let mut config = Config::from_str(&cleaned).map_err(|_| {
            StoreError::new(
                "the address of PostgreSQL is malformed; it reads \
                 postgres://user:password@host:5432/database?sslmode=verify-full&sslrootcert=FILE, with what is special in \
                 user and password percent-encoded",
            )
        })?;
        let trust = trust(mode.as_deref(), ca_file.as_ref(), &config)?;
        config
            .ssl_mode(if trust == Trust::Plain { SslMode::Disable } else { SslMode::Require })
            // A standby says no at once instead of at the first write, and of several hosts the primary is found.
            .target_session_attrs(TargetSessionAttrs::ReadWrite)
            // Each try begins with any of them: one that takes connections and says nothing is waited for as long as there is patience, and
            // would keep from the others for ever if it always came first.
            .load_balance_hosts(LoadBalanceHosts::Random)
            .application_name("symbolon")
            .connect_timeout(self.connect_timeout)
            .keepalives_idle(self.patience())
            .tcp_user_timeout(self.patience());
        Ok((config, trust))
    }
}

fn trust(mode: Option<&str>, ca_file: Option<&PathBuf>, config: &Config) -> Result<Trust> {
    let with_file = |mode: &str, trust: fn(PathBuf) -> Trust| {
        ca_file.cloned().map(trust).ok_or_else(|| {
            StoreError::new(format!(
                "sslmode={mode} needs the certificate of who vouches for the server: set store.ca_file, or sslrootcert in the address"
            ))
        })
    };
    match mode {
        Some("disable") => Ok(Trust::Plain),
        None if ca_file.is_none() && config.get_hosts().iter().all(is_here) => Ok(Trust::Plain),
        Some(mode @ ("require" | "verify-ca")) => with_file(mode, Trust::Chain),
        Some("verify-full") => with_file("verify-full", Trust::Full),
        None if ca_file.is_some() => with_file("verify-full", Trust::Full),
        None => Err(StoreError::new(
            "the database is on another machine and its address does not say how the way there is kept safe: add \
             sslmode=verify-full and a CA file, or sslmode=disable where the network is yours alone",
        )),
        Some(_) => Err(StoreError::new(
            "sslmode is one of verify-full, verify-ca, require and disable; with the others somebody on the way could have TLS left out",
        )),
    }
}

fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
    }
}

fn decoded(text: &str) -> Result<String> {
    let malformed = || StoreError::new("sslrootcert in the address of PostgreSQL is malformed");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next(), rest.next()]
                    .map(|digit| char::from(digit.unwrap_or_default()).to_digit(16));
                match digits {
                    [Some(high), Some(low)] => u8::try_from(high * 16 + low).map_err(|_| malformed())?,
                    _ => return Err(malformed()),
                }
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).map_err(|_| malformed())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> std::result::Result<Trust, String> {
        Options::new(url).parse().map(|(_, trust)| trust).map_err(|error| error.to_string())
    }

    #[test]
    fn tls_is_checked_or_left_out_and_nothing_in_between() {
        let file = |trust: fn(PathBuf) -> Trust| Ok(trust("/a ca.pem".into()));
        assert_eq!(
            parsed("postgres://u@db/s?sslmode=verify-full&sslrootcert=/a%20ca.pem"),
            file(Trust::Full)
        );
        assert_eq!(parsed("postgres://u@db/s?sslrootcert=/a%20ca.pem"), file(Trust::Full));
        assert_eq!(parsed("postgres://u@db/s?sslrootcert=/a%20ca.pem&sslmode=require"), file(Trust::Chain));
        assert_eq!(parsed("postgres://u@db/s?sslmode=disable"), Ok(Trust::Plain));
        for here in ["localhost", "127.0.0.1:5433", "[::1]", "%2Frun%2Fpostgresql"] {
            assert_eq!(parsed(&format!("postgres://u@{here}/s")), Ok(Trust::Plain), "{here}");
        }
        for refused in ["", "?sslmode=prefer", "?sslmode=allow", "?sslmode=require", "?sslmode=verify-full"] {
            assert!(
                parsed(&format!("postgres://u@db.example/s{refused}")).unwrap_err().contains("sslmode"),
                "{refused}"
            );
        }
        assert!(parsed("postgres://u@localhost,db.example/s").is_err(), "one of them is elsewhere");
    }

    #[test]
    fn lg_10_what_is_malformed_is_not_repeated() {
        for bad in [
            "postgres://u:canary@db:port/s",
            "postgres://u:canary@h/s?canary=1",
            "postgres://u@h/s?sslrootcert=%canary",
        ] {
            let told = parsed(bad).unwrap_err();
            assert!(!told.contains("canary"), "{told}");
        }
        assert!(!format!("{:?}", Options::new("postgres://u:canary@h/s")).contains("canary"));
    }
}
