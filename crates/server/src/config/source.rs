//! Where a setting came from, and the list that `config show` prints.

use std::fmt;
use std::path::PathBuf;

use serde::{Serialize, Serializer};

/// Where an effective value was found. The order of the variants is their order of strength.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Nobody set it.
    Default,
    /// Nobody set it, and `--dev` has a default of its own for it.
    Dev,
    /// A configuration file, with the line (from 1).
    File {
        /// The file as it was named.
        path: PathBuf,
        /// The line on which the value stands.
        line: usize,
    },
    /// An environment variable, by name.
    Environment(String),
    /// A flag of the command line, such as `--listen`.
    Flag(&'static str),
}

impl Source {
    /// The layer alone: two values of one layer contradict each other, two of different layers overlay.
    pub(super) fn layer(&self) -> u8 {
        match self {
            Self::Default | Self::Dev => 0,
            Self::File { .. } => 1,
            Self::Environment(_) => 2,
            Self::Flag(_) => 3,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Dev => f.write_str("default of --dev"),
            Self::File { path, line } => write!(f, "{} line {line}", path.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One effective setting, ready to be shown: a secret is masked already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// `token.access_life`, as in `symbolon.toml`.
    pub key: String,
    /// The value in the form in which it would be written, secrets masked.
    pub value: String,
    /// Where it came from.
    pub source: Source,
}

/// Every effective setting in the order of the sections. `Display` prints it as aligned lines
/// `key = value  # source`.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Provenance(pub(super) Vec<Entry>);

impl Provenance {
    /// The settings, in order.
    pub fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// One setting by its key, such as `token.access_life`.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.key == key)
    }
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(|e| format!("{} = {}", e.key, e.value)).collect();
        // One very long list must not push every remark off the screen.
        let width = lines.iter().map(|line| line.chars().count()).filter(|n| *n <= 60).max().unwrap_or(0);
        for (line, entry) in lines.iter().zip(&self.0) {
            writeln!(f, "{line:width$}  # {}", entry.source)?;
        }
        Ok(())
    }
}
