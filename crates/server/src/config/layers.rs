//! The layers a setting may come from, gathered before anything is interpreted: the file, the environment,
//! the flags. Everything found is kept under `(section, key)` in rising order of strength.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::nearest::nearest;
use super::source::Source;
use super::value::Found;
use super::{ConfigError, Flags, SECTIONS, TOP_LEVEL};

/// No configuration of ours is longer.
const MAX_FILE: u64 = 1024 * 1024;

/// One value in one layer.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) found: Found,
    pub(super) source: Source,
}

/// `("token", "access_life")`; the section of a top-level key is empty.
pub(super) type Name = (String, String);

/// What the layers hold, and what was wrong with them.
#[derive(Debug, Default)]
pub(super) struct Layers {
    pub(super) values: BTreeMap<Name, Vec<Candidate>>,
    pub(super) problems: Vec<String>,
    pub(super) warnings: Vec<String>,
    /// The file that was read, if one was.
    pub(super) file: Option<PathBuf>,
}

impl Layers {
    /// Gathers file, environment and flags. `default_file` is read when no other is named, and may be absent.
    pub(super) fn gather(
        flags: &Flags,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        default_file: &Path,
    ) -> Result<Self, ConfigError> {
        let mut layers = Self::default();
        let mut named: Option<(PathBuf, String)> = None;
        let mut variables = Vec::new();
        for (name, value) in environment {
            let Some(name) = name.to_str().filter(|name| name.starts_with("SYMBOLON_")) else { continue };
            if name == "SYMBOLON_CONFIG" && !value.is_empty() {
                named = Some((PathBuf::from(value), "environment variable SYMBOLON_CONFIG".to_owned()));
            } else {
                variables.push((name.to_owned(), value));
            }
        }
        if let Some(file) = &flags.config {
            named = Some((file.clone(), "flag --config".to_owned()));
        }
        match named {
            Some((file, by)) => layers.file(&file, Some(&by))?,
            None => layers.file(default_file, None)?,
        }
        variables.sort();
        for (name, value) in variables {
            layers.variable(&name, value);
        }
        layers.flags(flags);
        Ok(layers)
    }

    fn push(&mut self, section: &str, key: &str, found: Found, source: Source) {
        self.values
            .entry((section.to_owned(), key.to_owned()))
            .or_default()
            .push(Candidate { found, source });
    }

    /// Reads a file. One that was `named` (by whom) must exist.
    fn file(&mut self, path: &Path, named: Option<&str>) -> Result<(), ConfigError> {
        let fail =
            |what: String| ConfigError::one(format!("the configuration file {} {what}", path.display()));
        let text = match std::fs::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return named.map_or(Ok(()), |by| Err(fail(format!("does not exist; {by} names it"))));
            }
            Err(error) => return Err(fail(format!("cannot be read: {error}"))),
            Ok(about) if about.is_dir() => return Err(fail("is a folder".to_owned())),
            Ok(about) if about.len() > MAX_FILE => return Err(fail("is longer than 1 MiB".to_owned())),
            Ok(_) => std::fs::read(path).map_err(|error| fail(format!("cannot be read: {error}")))?,
        };
        let text = String::from_utf8(text).map_err(|_| fail("is not UTF-8".to_owned()))?;
        let table = DeTable::parse(&text).map_err(|error| {
            // Only message and place: the line itself may hold a password.
            let line = error.span().map(|span| line_of(&text, span.start));
            let place = line.map(|line| format!(" line {line}")).unwrap_or_default();
            fail(format!("is not valid TOML:{place}: {}", error.message()))
        })?;
        self.table(path, &text, table.get_ref());
        self.file = Some(path.to_owned());
        Ok(())
    }

    fn table(&mut self, path: &Path, text: &str, table: &DeTable<'_>) {
        let place = |offset| Source::File { path: path.to_owned(), line: line_of(text, offset) };
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            if TOP_LEVEL.contains(&name) {
                self.push("", name, found(value.get_ref()), place(value.span().start));
                continue;
            }
            let source = place(key.span().start);
            match value.get_ref() {
                DeValue::Table(section) if SECTIONS.contains(&name) => {
                    for (key, value) in section {
                        self.push(name, key.get_ref(), found(value.get_ref()), place(value.span().start));
                    }
                }
                _ if SECTIONS.contains(&name) => {
                    self.problems.push(format!("[{name}] is a section with settings of its own ({source})"));
                }
                value => {
                    let kind = if value.is_table() { "section" } else { "setting" };
                    let known = SECTIONS.iter().chain(&TOP_LEVEL).copied();
                    let hint = nearest(name, known)
                        .map(|name| format!("; did you mean {name}?"))
                        .unwrap_or_default();
                    self.problems.push(format!("there is no {kind} \"{name}\" ({source}){hint}"));
                }
            }
        }
    }

    /// Takes one `SYMBOLON_…` variable. Those that name no section of ours belong to somebody else.
    fn variable(&mut self, name: &str, value: OsString) {
        let lower = name.trim_start_matches("SYMBOLON_").to_ascii_lowercase();
        let (section, key) = if TOP_LEVEL.contains(&lower.as_str()) {
            ("", lower.as_str())
        } else {
            match lower.split_once('_') {
                Some((section, key)) if SECTIONS.contains(&section) => (section, key),
                other => {
                    // Perhaps a section mistyped, perhaps a variable of some other program: worth a word, not a stop.
                    if let Some((section, key)) = other
                        && let Some(meant) = nearest(section, SECTIONS).filter(|_| section.len() >= 4)
                    {
                        let meant = format!("SYMBOLON_{meant}_{key}").to_ascii_uppercase();
                        self.warnings.push(format!(
                            "{name} is set, but no setting has that name; did you mean {meant}?"
                        ));
                    }
                    return;
                }
            }
        };
        if section == "server" && is_service_link(key) {
            return;
        }
        match value.into_string() {
            Ok(text) => {
                self.push(section, key, Found::Loose(text), Source::Environment(name.to_owned()));
            }
            Err(_) => self.problems.push(format!("the environment variable {name} is not UTF-8")),
        }
    }

    fn flags(&mut self, flags: &Flags) {
        let given = [
            ("server", "listen", "--listen", flags.listen.clone()),
            ("server", "data", "--data", flags.data.as_ref().map(|path| path.to_string_lossy().into_owned())),
            ("store", "url", "--store", flags.store.clone()),
            ("telemetry", "log_level", "--log-level", flags.log_level.clone()),
            ("telemetry", "log_format", "--log-format", flags.log_format.clone()),
        ];
        for (section, key, flag, text) in given {
            if let Some(text) = text {
                self.push(section, key, Found::Loose(text), Source::Flag(flag));
            }
        }
    }
}

/// Kubernetes sets `SYMBOLON_SERVER_SERVICE_HOST`, `…_PORT_7117_TCP_ADDR` and the like for a service that is
/// called `symbolon-server`: not settings, and no reason to stop.
fn is_service_link(key: &str) -> bool {
    key == "port" || key.starts_with("port_") || key == "service_host" || key.starts_with("service_port")
}

/// The line (from 1) of a byte of the text.
fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

fn found(value: &DeValue<'_>) -> Found {
    match value {
        DeValue::String(text) => Found::Text(text.to_string()),
        DeValue::Boolean(value) => Found::Boolean(*value),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Found::Other("a number beyond 64 bits"), Found::Integer),
        DeValue::Array(items) => items
            .iter()
            .map(|item| item.get_ref().as_str().map(str::to_owned))
            .collect::<Option<Vec<_>>>()
            .map_or(Found::Other("a list with something else than texts"), Found::List),
        DeValue::Table(table) => table
            .iter()
            .map(|(key, value)| Some((key.get_ref().to_string(), value.get_ref().as_str()?.to_owned())))
            .collect::<Option<Vec<_>>>()
            .map_or(Found::Other("a table with something else than texts"), Found::Table),
        other => Found::Other(other.type_str()),
    }
}
