//! Turns what the layers hold into values, one setting at a time: takes the strongest, checks its bounds, notes
//! where it came from, and gathers every problem so that one start shows them all. What nobody asked for is unknown:
//! this is what makes a misspelt key an error.

use std::collections::BTreeSet;

use super::ConfigError;
use super::layers::{Candidate, Layers, Name};
use super::nearest::nearest;
use super::source::{Entry, Provenance, Source};
use super::value::{Found, Value};

/// The layers, the settings read so far, and the problems met.
pub(super) struct Reader {
    layers: Layers,
    asked: BTreeSet<Name>,
    shown: Vec<Entry>,
    /// Whether `--dev` was given: some defaults differ.
    pub(super) dev: bool,
}

impl Reader {
    pub(super) fn new(layers: Layers, dev: bool) -> Self {
        Self { layers, asked: BTreeSet::new(), shown: Vec::new(), dev }
    }

    /// The settings under `[name]`; an empty name means the top level.
    pub(super) fn section(&mut self, name: &'static str) -> Section<'_> {
        Section { reader: self, name }
    }

    /// Notes a problem, as a whole sentence.
    pub(super) fn complain(&mut self, problem: String) {
        self.layers.problems.push(problem);
    }

    /// Notes something that works but should be known.
    pub(super) fn warn(&mut self, warning: String) {
        self.layers.warnings.push(warning);
    }

    /// The source of a setting that was read, for a sentence about two settings.
    pub(super) fn source(&self, key: &str) -> Source {
        self.shown.iter().find(|entry| entry.key == key).map_or(Source::Default, |entry| entry.source.clone())
    }

    /// Replaces what is shown for a setting whose effective value follows from others.
    pub(super) fn amend(&mut self, key: &str, value: String) {
        if let Some(entry) = self.shown.iter_mut().find(|entry| entry.key == key) {
            entry.value = value;
        }
    }

    /// Ends the reading: unknown keys are problems, and with any problem there is no configuration.
    pub(super) fn finish(mut self) -> Result<(Provenance, Vec<String>), ConfigError> {
        for (name, candidates) in &self.layers.values {
            if self.asked.contains(name) {
                continue;
            }
            let siblings = self.asked.iter().filter(|(section, _)| *section == name.0);
            let hint = nearest(&name.1, siblings.map(|(_, key)| key.as_str()));
            for Candidate { source, .. } in candidates {
                let meant = hint.map(|key| match source {
                    Source::Environment(_) => format!("; did you mean {}?", variable(&name.0, key)),
                    _ => format!("; did you mean {}?", dotted(&name.0, key)),
                });
                let key = dotted(&name.0, &name.1);
                let meant = meant.unwrap_or_default();
                self.layers.problems.push(format!("there is no setting {key} ({source}){meant}"));
            }
        }
        if self.layers.problems.is_empty() {
            Ok((Provenance(self.shown), self.layers.warnings))
        } else {
            Err(ConfigError { problems: self.layers.problems })
        }
    }
}

/// `token.access_life`.
fn dotted(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") }
}

/// `SYMBOLON_TOKEN_ACCESS_LIFE`.
fn variable(section: &str, key: &str) -> String {
    let name = if section.is_empty() { key.to_owned() } else { format!("{section}_{key}") };
    format!("SYMBOLON_{}", name.to_ascii_uppercase())
}

/// One section being read.
pub(super) struct Section<'r> {
    pub(super) reader: &'r mut Reader,
    name: &'static str,
}

impl Section<'_> {
    /// Begins a setting with its default.
    pub(super) fn setting<T: Value + Clone>(&mut self, key: &'static str, default: T) -> Setting<'_, T> {
        Setting {
            reader: self.reader,
            section: self.name,
            key,
            default,
            dev: false,
            limits: Vec::new(),
            hard: Vec::new(),
            escapable: false,
        }
    }
}

/// Whether a value keeps a bound, and the bound in words: `above its ceiling of 24h`.
type Limit<T> = (Box<dyn Fn(&T) -> bool>, String);

/// One setting being read: bounds are added, then `take` decides.
pub(super) struct Setting<'r, T> {
    reader: &'r mut Reader,
    section: &'static str,
    key: &'static str,
    default: T,
    dev: bool,
    limits: Vec<Limit<T>>,
    hard: Vec<Limit<T>>,
    escapable: bool,
}

impl<T: Value + Clone> Setting<'_, T> {
    /// Another default under `--dev`.
    pub(super) fn dev(mut self, default: T) -> Self {
        if self.reader.dev {
            self.default = default;
            self.dev = true;
        }
        self
    }

    /// A rule that no spelling lifts; `broken` completes "the value …".
    pub(super) fn must(mut self, keeps: impl Fn(&T) -> bool + 'static, broken: &str) -> Self {
        self.hard.push((Box::new(keeps), broken.to_owned()));
        self
    }

    /// Lets `unsafe_…` stand for this setting although its bound is checked elsewhere.
    pub(super) fn escapable(mut self) -> Self {
        self.escapable = true;
        self
    }

    /// The effective value. With a problem the default, and the problem is noted.
    pub(super) fn take(self) -> T {
        self.take_marked().0
    }

    /// The effective value, and whether it was spelled `unsafe_…`.
    pub(super) fn take_marked(self) -> (T, bool) {
        let Setting { reader, section, key, default, dev, limits, hard, escapable } = self;
        let spelled_out = format!("unsafe_{key}");
        let plain = strongest::<T>(reader, section, key);
        let bold = if escapable || !limits.is_empty() {
            strongest::<T>(reader, section, &spelled_out)
        } else {
            None
        };
        if let (Some(plain), Some(bold)) = (&plain, &bold)
            && plain.source.layer() == bold.source.layer()
        {
            reader.complain(format!(
                "{} ({}) and {} ({}) are both set; keep one",
                dotted(section, key),
                plain.source,
                dotted(section, &spelled_out),
                bold.source
            ));
        }
        let (chosen, name, unsafely) = match (plain, bold) {
            (plain, Some(bold)) if plain.as_ref().is_none_or(|p| p.source.layer() < bold.source.layer()) => {
                (Some(bold), spelled_out.as_str(), true)
            }
            (plain, _) => (plain, key, false),
        };
        let name_shown = dotted(section, name);
        let Some(Candidate { found, source }) = chosen else {
            let source = if dev { Source::Dev } else { Source::Default };
            reader.shown.push(Entry { key: name_shown, value: default.show(), source });
            return (default, false);
        };
        let value = match T::read(&found) {
            Ok(value) => value,
            Err(reason) => {
                let said = reason.unwrap_or_else(|| described(&found));
                reader.complain(format!("{name_shown} wants {}, but {said} ({source})", T::WANTS));
                reader.shown.push(Entry { key: name_shown, value: default.show(), source });
                return (default, false);
            }
        };
        if let Some((_, broken)) = hard.iter().find(|(keeps, _)| !keeps(&value)) {
            reader.complain(format!("{name_shown} = {} {broken} ({source})", value.show()));
        } else if !unsafely && let Some((_, broken)) = limits.iter().find(|(keeps, _)| !keeps(&value)) {
            let way = match source {
                Source::Environment(_) => variable(section, &spelled_out),
                _ => dotted(section, &spelled_out),
            };
            reader.complain(format!(
                "{name_shown} = {} is {broken} ({source}); whoever must have it and knows why writes {way}",
                value.show()
            ));
        } else if unsafely {
            reader.warn(format!(
                "{name_shown} = {} lifts a bound that protects users ({source})",
                value.show()
            ));
        }
        reader.shown.push(Entry { key: name_shown, value: value.show(), source });
        (value, unsafely)
    }
}

impl<T: Value + Clone + PartialOrd + 'static> Setting<'_, T> {
    /// Refused below, unless spelled `unsafe_…`.
    pub(super) fn floor(mut self, least: T) -> Self {
        let words = format!("below its floor of {}", bare(&least));
        self.limits.push((Box::new(move |value| *value >= least), words));
        self
    }

    /// Refused above, unless spelled `unsafe_…`.
    pub(super) fn ceiling(mut self, most: T) -> Self {
        let words = format!("above its ceiling of {}", bare(&most));
        self.limits.push((Box::new(move |value| *value <= most), words));
        self
    }

    /// Refused outside, however it is spelled: beyond lies no meaning, or no working server.
    pub(super) fn within(mut self, least: T, most: T) -> Self {
        let words = format!("must lie between {} and {}", bare(&least), bare(&most));
        self.hard.push((Box::new(move |value| *value >= least && *value <= most), words));
        self
    }
}

fn bare<T: Value>(value: &T) -> String {
    value.show().trim_matches('"').to_owned()
}

/// The strongest layer that holds a key. An empty variable counts as unset, except where it empties a list.
fn strongest<T: Value>(reader: &mut Reader, section: &str, key: &str) -> Option<Candidate> {
    let name = (section.to_owned(), key.to_owned());
    let set = |found: &Found| T::LIST || !matches!(found, Found::Loose(text) if text.trim().is_empty());
    let candidates = reader.layers.values.get(&name);
    let chosen = candidates.and_then(|all| all.iter().rfind(|candidate| set(&candidate.found)).cloned());
    reader.asked.insert(name);
    chosen
}

/// What was found instead. Texts are not repeated: one may be a secret in the wrong place.
fn described(found: &Found) -> String {
    match found {
        Found::Loose(_) | Found::Text(_) => "the text given is not one".to_owned(),
        Found::Integer(number) => format!("found the number {number}"),
        Found::Boolean(value) => format!("found {value}"),
        Found::List(_) => "found a list".to_owned(),
        Found::Table(_) => "found a table".to_owned(),
        Found::Other(kind) => format!("found {kind}"),
    }
}
