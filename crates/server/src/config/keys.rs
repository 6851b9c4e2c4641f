//! The master key, at the top level: `master_key_file`, or `SYMBOLON_MASTER_KEY` in the environment. Never in the
//! configuration file itself, which people copy, mail and commit. What stands in the key is the keyring's business.

use std::fmt;
use std::path::PathBuf;

use zeroize::Zeroizing;

use super::reader::Reader;
use super::source::Source;
use super::value::{Found, Refused, Value};

/// Where the master key is.
#[derive(Clone, PartialEq, Eq)]
pub enum MasterKey {
    /// `master.key` in the data folder, made at the first start.
    InData,
    /// A file that must exist.
    File(PathBuf),
    /// The text of `SYMBOLON_MASTER_KEY`: one key, or a comma list with the current one first.
    Environment(Zeroizing<String>),
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InData => f.write_str("InData"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Environment(_) => f.write_str("Environment(***)"),
        }
    }
}

/// A text that is never shown.
#[derive(Clone)]
pub(super) struct Hidden(pub(super) Zeroizing<String>);

impl Value for Hidden {
    const WANTS: &'static str = "a key";

    fn read(found: &Found) -> Result<Self, Refused> {
        found.text().map(|text| Self(Zeroizing::new(text.to_owned()))).ok_or(None)
    }

    fn show(&self) -> String {
        "***".to_owned()
    }
}

pub(super) fn read(reader: &mut Reader) -> MasterKey {
    let mut s = reader.section("");
    let file: Option<PathBuf> = s.setting("master_key_file", None).take();
    let inline: Option<Hidden> = s.setting("master_key", None).take();
    let (by_file, by_value) = (reader.source("master_key_file"), reader.source("master_key"));
    if let Source::File { .. } = by_value {
        reader.complain(format!(
            "the master key stands in the configuration file ({by_value}); it opens everything, so move it to a file of \
             its own (master_key_file) or to SYMBOLON_MASTER_KEY, and consider it known"
        ));
    }
    match (file, inline) {
        (Some(_), Some(_)) if by_file.layer() == by_value.layer() => {
            reader.complain(format!("the master key is given twice ({by_file}; {by_value}); keep one"));
            MasterKey::InData
        }
        (Some(path), inline) if inline.is_none() || by_file > by_value => MasterKey::File(path),
        (_, Some(key)) => MasterKey::Environment(key.0),
        _ => MasterKey::InData,
    }
}
