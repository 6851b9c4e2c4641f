//! The master key: there, readable, closed to others, and in front of those that it took the place of.

use std::path::Path;

use symbolon::{
    clock::SystemRandomness,
    keyring::{MasterKeys, file},
    store::{Store, sqlite::SqliteStore},
};
use zeroize::Zeroizing;

use super::report::Report;
use crate::{
    cli::text::count,
    config::{Config, MasterKey},
};

const CHECK: &str = "master key";

/// Reads them as the server would. Answers the fingerprints, current first, which tell nothing of the keys.
pub(super) fn check(report: &mut Report, config: &Config, data: &Path) -> Option<Vec<String>> {
    let in_data = data.join(file::FILE);
    let text = match &config.master_key {
        MasterKey::Environment(text) => text.clone(),
        MasterKey::File(path) => read(report, path)?,
        MasterKey::InData => read(report, &in_data)?,
    };
    let Ok(keys) = MasterKeys::parse(&text) else {
        report.fail(
            CHECK,
            "SYMBOLON_MASTER_KEY is not a master key",
            "give the one that the store was made with",
        );
        return None;
    };
    match &config.master_key {
        MasterKey::Environment(_) => report.ok(CHECK, "SYMBOLON_MASTER_KEY holds it"),
        MasterKey::File(path) => report.ok(CHECK, format!("{}, readable by its owner alone", path.display())),
        MasterKey::InData => report.ok(CHECK, format!("{}, readable by its owner alone", in_data.display())),
    }
    Some(keys.fingerprints())
}

/// Holds them against those that the store was made with. `false`: the next start would change something, or be refused.
pub(super) fn judge(report: &mut Report, given: &[String], known: &[String]) -> bool {
    let Some(current) = given.first() else { return false };
    if known.contains(current) {
        let unknown = given.iter().filter(|fingerprint| !known.contains(fingerprint)).count() as u64;
        if unknown == 0 {
            report.ok(CHECK, "it is the store's own");
        } else {
            let unknown = count(unknown, "key", "keys");
            report.warn(
                CHECK,
                format!(
                    "it is the store's own, and behind it stands {unknown} of which nothing here was made"
                ),
                "take what is not needed out; copies of the data from before may need it",
            );
        }
        return true;
    }
    if given.iter().any(|fingerprint| known.contains(fingerprint)) {
        report.warn(
            CHECK,
            "a new one stands in front of the store's own: the next start takes it over",
            "restart the server, or run `symbolon key rotate-master` again",
        );
    } else {
        report.fail(
            CHECK,
            "it is not the one this store was made with: the next start will be refused",
            "put the right one back; nothing in the store can be used without it",
        );
    }
    false
}

/// The fingerprints that a store knows which nobody holds, without anything being opened by them.
pub(super) async fn known(data: &Path) -> Option<Vec<String>> {
    let owner = format!("process {}, which looks at it", std::process::id());
    let store = SqliteStore::open(data, &owner, uuid::Uuid::nil()).ok()?;
    let installation = store.installation().await.ok()?;
    Some(installation.master_keys.into_iter().map(|(_, fingerprint)| fingerprint).collect())
}

fn read(report: &mut Report, path: &Path) -> Option<Zeroizing<String>> {
    // The server's own reading, for its rules and its words; then the text, of which it shows nothing.
    if let Err(error) = MasterKeys::from_file(path, false, &SystemRandomness) {
        report.fail(
            CHECK,
            error.to_string(),
            "give the key that the store was made with; nothing in the store can be used without it",
        );
        return None;
    }
    match std::fs::read_to_string(path) {
        Ok(text) => Some(Zeroizing::new(text)),
        Err(error) => {
            report.fail(
                CHECK,
                format!("{} cannot be read: {error}", path.display()),
                "run this as the server's user",
            );
            None
        }
    }
}
