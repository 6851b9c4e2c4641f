//! What restores have left: a store that is still a backup, one that was restored, and files that nobody needs any more.

use std::path::Path;

use symbolon::store::sqlite::{Past, SqliteStore};

use super::report::Report;
use crate::cli::times;

const CHECK: &str = "restore";

/// Reads it from the store without opening it. `false`: whoever opens the store now would change it, or is refused.
pub(super) fn check(report: &mut Report, data: &Path) -> bool {
    if SqliteStore::restore_is_decided(data) {
        report.warn(CHECK, "one was cut off when it was as good as done", "the next start completes it");
        return false;
    }
    if let Some(cut_off) = SqliteStore::cut_off_restore(data) {
        report.warn(
            CHECK,
            format!("one was cut off before it had changed anything, and left {}", cut_off.display()),
            "run it again, or remove that folder: it holds a copy of a backup",
        );
    }
    for replaced in SqliteStore::replaced_by_restores(data) {
        report.warn(
            CHECK,
            format!("{} is a store that a restore replaced", replaced.display()),
            "remove it, and what has -wal behind the same name, when it is not needed: it holds all that a store holds",
        );
    }
    match SqliteStore::past(data) {
        Ok(Past { backup_of: Some(at), .. }) => {
            report.fail(
                CHECK,
                format!(
                    "the store is a backup of {}, put there by hand: no server starts on it",
                    times::date(at)
                ),
                "symbolon restore --in-place",
            );
            false
        }
        Ok(Past { restored_at: Some(at), restored_from, .. }) => {
            let from = restored_from.map(|from| format!(" from a backup of {}", times::date(from)));
            report.ok(
                CHECK,
                format!("the store was restored on {}{}", times::date(at), from.unwrap_or_default()),
            );
            true
        }
        Ok(_) => true,
        // What is wrong with it, the schema's check says.
        Err(_) => true,
    }
}
