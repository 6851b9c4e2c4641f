//! Which rows of ATTACKS.md have no test: all groups of what is built, wherever in the repository a test carries their id (`js_01` in its
//! name, or `JS-01` with its data; a file's heading does not count). The catalogue is no part of this repository: it is read from
//! `../shared` beside it or from `SYMBOLON_ATTACKS`, and where it is absent this says so and passes.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests may fail like tests"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Groups that wait as a whole: PR, MF, OA and WH are about recovery by mail, second factors, an authorization endpoint and calls to
/// others, none of which is here.
const GROUPS: [&str; 17] =
    ["JS", "JA", "JC", "JD", "BT", "DP", "RT", "KM", "CK", "CS", "CR", "AD", "HT", "ST", "LG", "WP", "EM"];

/// Rows that wait, and for what.
const LATER: [(&str, &str); 14] = [
    ("AD-09", "nobody can act for another user: there is no impersonation"),
    ("AD-25", "one installation is one realm: there are no tenants that could be suspended"),
    ("CS-22", "no account is linked to one elsewhere: no callback is taken"),
    ("CS-23", "there are neither device codes nor consent forms"),
    ("DP-18", "there is no authorization endpoint, so no code that could be bound to a key"),
    ("JA-35", "client assertions are not taken: clients authenticate with a secret"),
    ("JC-21", "no JWT of one use is taken yet, DPoP proofs apart (group DP)"),
    ("JC-22", "likewise"),
    ("JC-30", "nobody can act for somebody else yet: `act` is never issued"),
    (
        "KM-07",
        "the source of randomness is AWS-LC's and cannot be made to fail from outside; the edge ends the process",
    ),
    ("KM-13", "keys are in the store, sealed: there is no external key service"),
    ("ST-05", "nothing is kept in Valkey or Redis"),
    ("ST-06", "likewise"),
    ("ST-07", "likewise"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn rows() -> Option<BTreeSet<String>> {
    let beside = || root().join("../shared/ATTACKS.md");
    let file = std::env::var_os("SYMBOLON_ATTACKS").map_or_else(beside, PathBuf::from);
    let Ok(text) = std::fs::read_to_string(&file) else {
        eprintln!("skipped: no catalogue of attacks at {}", file.display());
        return None;
    };
    let ids = text.lines().filter_map(|line| line.strip_prefix("| ")?.split(' ').next());
    let ours = |id: &&str| {
        id.split_once('-').is_some_and(|(group, number)| GROUPS.contains(&group) && !number.is_empty())
    };
    Some(ids.filter(ours).map(str::to_owned).collect())
}

/// The text of everything that can hold a test, this file apart.
fn tests(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        if path.is_dir() {
            if !["target", "node_modules", "venv"].contains(&&*name) {
                tests(&path, text);
            }
        } else if name != "rows.rs"
            && (name.ends_with(".rs") || name.ends_with(".js") || name.ends_with(".py") || name == "run")
        {
            let source = std::fs::read_to_string(&path).unwrap_or_default();
            // Of a source file only what follows its tests' heading; the stores' suite has none.
            let of_tests = ["tests", "tests.rs", "contract", "bench"];
            let in_tests = path.components().any(|part| of_tests.iter().any(|one| part.as_os_str() == *one));
            let from = if in_tests { Some(0) } else { source.find("#[cfg(test)]") };
            let from = from.map_or("", |from| &source[from..]);
            for line in from.lines().filter(|line| !line.starts_with("//!")) {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
}

fn carries(text: &str, id: &str) -> bool {
    [id.to_owned(), id.to_lowercase().replace('-', "_")].iter().any(|id| {
        let ends = |at: usize| !text[at + id.len()..].starts_with(|next: char| next.is_ascii_digit());
        text.match_indices(id.as_str()).any(|(at, _)| ends(at))
    })
}

#[test]
fn every_row_has_a_test_or_a_reason() {
    let Some(rows) = rows() else { return };
    assert!(rows.len() > 300, "{} rows", rows.len());
    let mut text = String::new();
    for folder in ["crates", "examples", "tests", "bench"] {
        tests(&root().join(folder), &mut text);
    }
    let untested: Vec<_> = rows.iter().filter(|id| !carries(&text, id)).map(String::as_str).collect();
    let waiting = LATER.map(|(id, _)| id);
    assert_eq!(untested, waiting, "left: rows without a test; right: those that have a reason");
}
