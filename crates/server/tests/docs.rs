//! The documents are true: every path they name exists.

#![expect(clippy::unwrap_used, reason = "a test: what is not there is its failure")]

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// What stands between backticks and begins with one of our folders.
fn paths(text: &str) -> impl Iterator<Item = &str> {
    const FOLDERS: [&str; 7] = ["crates/", "docs/", "tests/", "bench/", "examples/", "bin/", ".ci/"];
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.filter(|quoted| {
        FOLDERS.iter().any(|folder| quoted.starts_with(folder)) && !quoted.contains([' ', '*', '{', '\n'])
    })
}

#[test]
fn every_path_that_the_documents_name_exists() {
    let root = root();
    let docs = std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let markdown = docs.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let mut named = 0;
    let mut missing = Vec::new();
    for file in markdown.chain([root.join("README.md")]) {
        let text = std::fs::read_to_string(&file).unwrap();
        for path in paths(&text) {
            named += 1;
            if !root.join(path).exists() {
                missing.push(format!("{}: {path}", file.file_name().unwrap().to_string_lossy()));
            }
        }
    }
    assert!(named > 30, "the documents name {named} paths: has the reading of them broken?");
    assert!(missing.is_empty(), "named, but not there:\n{}", missing.join("\n"));
}

#[test]
fn every_relative_link_leads_somewhere() {
    let root = root();
    let mut missing = Vec::new();
    let docs = std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    for file in
        docs.chain([root.join("README.md")]).filter(|path| path.extension().is_some_and(|it| it == "md"))
    {
        let text = std::fs::read_to_string(&file).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") && !file.parent().unwrap().join(target).exists()
            {
                missing.push(format!("{}: {target}", file.file_name().unwrap().to_string_lossy()));
            }
        }
    }
    assert!(missing.is_empty(), "linked, but not there:\n{}", missing.join("\n"));
}
