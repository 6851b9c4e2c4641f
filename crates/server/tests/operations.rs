//! `docs/OPERATIONS.md` and `docs/SECURITY.md` are true: the settings with their defaults and bounds, the metrics, the verbs with their
//! flags, and the tests that they name are those there are.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use symbolon_server::config::{ConfigError, Flags, Loaded, Source, load_from};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn document(name: &str) -> String {
    std::fs::read_to_string(root().join("docs").join(name)).unwrap()
}

/// The cells of a line of a table.
fn cells(line: &str) -> Vec<String> {
    let inner = line.trim().trim_start_matches('|').trim_end_matches('|');
    inner.split('|').map(|cell| cell.trim().to_owned()).collect()
}

/// The rows of the table that has this head.
fn rows(text: &str, head: &[&str]) -> Vec<Vec<String>> {
    let mut lines = text.lines().skip_while(|line| !line.starts_with('|') || cells(line) != head);
    lines.next().expect("the table is there");
    lines.skip(1).take_while(|line| line.starts_with('|')).map(cells).collect()
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// A row of the table of settings.
struct Setting {
    key: String,
    default: String,
    dev: String,
    least: String,
    most: String,
}

fn settings() -> Vec<Setting> {
    let text = document("OPERATIONS.md");
    let rows = rows(&text, &["setting", "default", "`--dev`", "least", "most", "meaning"]);
    let settings = rows.into_iter().map(|cells| {
        assert_eq!(cells.len(), 6, "{cells:?}");
        let plain = |cell: &str| cell.trim_matches('`').to_owned();
        assert!(!cells[5].is_empty(), "{} means something", cells[0]);
        let [key, default, dev] = [0, 1, 2].map(|at: usize| plain(&cells[at]));
        Setting { key, default, dev, least: cells[3].clone(), most: cells[4].clone() }
    });
    settings.collect()
}

fn load(dev: bool, environment: &[(String, String)]) -> Result<Loaded, ConfigError> {
    let environment = environment.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    load_from(&Flags { dev, ..Flags::default() }, environment, Path::new("/nowhere/symbolon.toml"))
}

/// Defaults that the machine decides: what the table says of them, and what that comes to here.
fn computed() -> BTreeMap<&'static str, (&'static str, usize)> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    BTreeMap::from([
        ("password.hashing_threads", ("1 × cores", cores)),
        ("password.hashing_queue", ("32 × threads", cores * 32)),
    ])
}

#[test]
fn every_setting_stands_in_the_table_with_its_default() {
    let (usual, dev) = (load(false, &[]).unwrap().provenance, load(true, &[]).unwrap().provenance);
    let (settings, computed) = (settings(), computed());
    let told: Vec<_> = settings.iter().map(|setting| setting.key.as_str()).collect();
    let known: Vec<_> = usual.entries().iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!(told, known, "the table has every setting, each once, in the order of `config show`");
    for setting in &settings {
        let key = setting.key.as_str();
        let (usual, dev) = (usual.entry(key).unwrap(), dev.entry(key).unwrap());
        match computed.get(key) {
            Some((said, value)) => {
                assert_eq!(
                    (setting.default.as_str(), usual.value.as_str()),
                    (*said, value.to_string().as_str()),
                    "{key}"
                );
            }
            None => assert_eq!(setting.default, usual.value, "the default of {key}"),
        }
        let told = if dev.source == Source::Dev { dev.value.as_str() } else { "" };
        assert_eq!(setting.dev, told, "the default of {key} with --dev");
        assert!(dev.source == Source::Dev || dev.value == usual.value, "{key}");
    }
}

/// A number in its smallest steps, and how the environment spells it.
#[derive(Clone, Copy)]
enum Kind {
    Millis,
    Bytes,
    Count,
}

impl Kind {
    /// The kind of a setting, by its default; `None` for one that has no bounds.
    fn of(default: &str) -> Option<Self> {
        let text = default.trim_matches('"');
        if default.starts_with('"') && text.ends_with("iB") {
            Some(Self::Bytes)
        } else if default.starts_with('"')
            && text.starts_with(|c: char| c.is_ascii_digit())
            && !text.contains('.')
        {
            Some(Self::Millis)
        } else {
            let number = text.parse::<u64>().is_ok() || text.contains(['−', '×']);
            number.then_some(Self::Count)
        }
    }

    fn read(self, text: &str) -> u64 {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = &text[digits.len()..];
        let size = match (self, unit) {
            (Self::Count, "") | (Self::Millis, "ms") => 1,
            (Self::Bytes, "KiB") => 1024,
            (Self::Bytes, "MiB") => 1024 * 1024,
            (Self::Millis, "s") => 1000,
            (Self::Millis, "m") => 60_000,
            (Self::Millis, "h") => 3_600_000,
            (Self::Millis, "d") => 86_400_000,
            _ => panic!("{text} is no bound"),
        };
        digits.parse::<u64>().expect(text) * size
    }

    fn write(self, value: u64) -> String {
        match self {
            Self::Millis => format!("{value}ms"),
            Self::Bytes | Self::Count => value.to_string(),
        }
    }
}

/// How a value is taken that is spelled `key`, or `unsafe_key`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    Within,
    /// Beyond a floor or a ceiling, which `unsafe_…` lifts.
    Liftable,
    /// Beyond what makes sense.
    Beyond,
}

fn taken(key: &str, unsafely: bool, value: String) -> Taken {
    let (section, name) = key.split_once('.').unwrap();
    let name = if unsafely { format!("unsafe_{name}") } else { name.to_owned() };
    let variable = format!("SYMBOLON_{section}_{name}").to_ascii_uppercase();
    let problems = match load(false, &[(variable, value)]) {
        Ok(_) => return Taken::Within,
        Err(error) => error.problems().to_vec(),
    };
    // Two settings may contradict each other besides: that is another sentence.
    let about = format!("{section}.{name} = ");
    let said =
        |words: &str| problems.iter().any(|problem| problem.starts_with(&about) && problem.contains(words));
    assert!(!problems.iter().any(|problem| problem.contains("there is no setting")), "{problems:?}");
    if said("must lie between") {
        Taken::Beyond
    } else if said("below its floor of") || said("above its ceiling of") {
        Taken::Liftable
    } else {
        Taken::Within
    }
}

#[test]
fn every_bound_in_the_table_is_where_a_value_is_refused() {
    for setting in settings() {
        let Some(kind) = Kind::of(&setting.default) else {
            let none = setting.least.is_empty() && setting.most.is_empty();
            assert!(none, "{} has no bounds", setting.key);
            continue;
        };
        let key = setting.key.as_str();
        for (cell, outwards) in [(&setting.least, -1_i64), (&setting.most, 1)] {
            // `1s (0s)`: refused beyond 1s, and beyond 0s even when spelled `unsafe_…`. A single bound is of the second kind.
            let (soft, hard) = match cell.split_once(" (") {
                Some((soft, hard)) => (Some(kind.read(soft)), kind.read(hard.trim_end_matches(')'))),
                None => (None, kind.read(cell)),
            };
            if let Some(soft) = soft {
                assert_eq!(taken(key, false, kind.write(soft)), Taken::Within, "{key} = {cell}");
                let beyond = soft.checked_add_signed(outwards).expect(key);
                assert_eq!(
                    taken(key, false, kind.write(beyond)),
                    Taken::Liftable,
                    "{key}, a step beyond {cell}"
                );
            }
            let unsafely = soft.is_some();
            assert_eq!(taken(key, unsafely, kind.write(hard)), Taken::Within, "{key} = {cell}");
            if let Some(beyond) = hard.checked_add_signed(outwards) {
                assert_eq!(
                    taken(key, unsafely, kind.write(beyond)),
                    Taken::Beyond,
                    "{key}, a step beyond {cell}"
                );
            }
        }
    }
}

/// Every source file below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found
}

/// Names of metrics in a text: ours, and those of the process.
fn metrics(texts: impl Iterator<Item = String>) -> BTreeSet<String> {
    let name = |text: &String| {
        let plain = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        plain && (text.starts_with("symbolon_") || text.starts_with("process_"))
    };
    texts.filter(name).collect()
}

#[test]
fn every_metric_stands_in_the_document_and_no_other() {
    let mut recorded = BTreeSet::new();
    for path in ["token", "http", "symbolon", "axum", "server"]
        .map(|name| root().join("crates").join(name).join("src"))
    {
        for file in sources(&path) {
            let text = std::fs::read_to_string(file).unwrap();
            recorded.extend(metrics(text.split('"').skip(1).step_by(2).map(str::to_owned)));
        }
    }
    let text = document("OPERATIONS.md");
    let told = metrics(quoted(&text).map(|quoted| quoted.split('{').next().unwrap_or_default().to_owned()));
    assert!(recorded.len() > 5, "{recorded:?}");
    assert_eq!(told, recorded);
}

fn help(verb: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_symbolon"));
    let output = command.args(verb).arg("--help").stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{verb:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Every verb that does something, with its help.
fn verbs() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![Vec::<String>::new()];
    while let Some(verb) = open.pop() {
        let text = help(&verb.iter().map(String::as_str).collect::<Vec<_>>());
        let listed =
            text.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
        let names: Vec<_> = listed
            .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
            .filter_map(|line| line.split_whitespace().next())
            .filter(|name| *name != "help")
            .map(str::to_owned)
            .collect();
        if names.is_empty() {
            found.insert(verb.join(" "), text);
            continue;
        }
        open.extend(names.into_iter().map(|name| [verb.clone(), vec![name]].concat()));
    }
    found
}

/// The flags that a text names.
fn flags(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| c.is_whitespace() || "`,|[](){}…".contains(c));
    words
        .filter(|word| word.starts_with("--") && word.len() > 2)
        .map(|word| word.split('=').next().unwrap().to_owned())
        .collect()
}

/// Those that a verb has of its own: not the ones that most have, of which the document speaks once.
fn own_flags(help: &str) -> BTreeSet<String> {
    const COMMON: [&str; 7] = ["--config", "--data", "--store", "--dev", "--json", "--help", "--version"];
    let lines = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let mut found: BTreeSet<String> =
        lines.flat_map(|line| flags(line.split("  ").next().unwrap_or_default())).collect();
    found.retain(|flag| !COMMON.contains(&flag.as_str()));
    found
}

#[test]
fn every_verb_and_flag_of_the_command_line_stands_in_the_document_and_no_other() {
    let verbs = verbs();
    let text = document("OPERATIONS.md");
    let mut told = BTreeSet::new();
    for cells in rows(&text, &["command", "does"]) {
        let command = cells[0].trim_matches('`');
        let is_verb =
            |word: &&str| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') && !word.starts_with('-');
        let verb = command.split(' ').take_while(is_verb).collect::<Vec<_>>().join(" ");
        let help = verbs.get(&verb).unwrap_or_else(|| panic!("there is no `symbolon {verb}`"));
        assert_eq!(flags(command), own_flags(help), "the flags of `symbolon {verb}`");
        assert!(told.insert(verb.clone()), "{verb} stands there twice");
    }
    assert_eq!(told, verbs.into_keys().collect());
}

#[test]
fn every_test_that_the_security_document_names_is_there() {
    let text = document("SECURITY.md");
    let mut named = 0;
    let mut missing = Vec::new();
    // A paragraph of tests begins with the word and ends with an empty line; in it a path says where the names behind it are.
    for paragraph in text.split("Tested:").skip(1) {
        let paragraph = paragraph.split("\n\n").next().unwrap_or_default();
        let mut place = None;
        for word in quoted(paragraph) {
            if word.contains('/') {
                place = Some(root().join(word));
                continue;
            }
            named += 1;
            let place = place.as_ref().expect("a path stands before the first name");
            let files = if place.is_dir() { sources(place) } else { vec![place.clone()] };
            let holds = |file: &PathBuf| {
                let text = std::fs::read_to_string(file).unwrap_or_default();
                text.contains(&format!("fn {word}("))
            };
            if !files.iter().any(holds) {
                missing.push(format!("{}: {word}", place.display()));
            }
        }
    }
    assert!(named > 30, "the document names {named} tests: has the reading of it broken?");
    assert!(missing.is_empty(), "named, but not there:\n{}", missing.join("\n"));
}
