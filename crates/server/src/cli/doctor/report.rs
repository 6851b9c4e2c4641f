//! What was found.

use serde::Serialize;

use crate::cli::text::{count, safe};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// As it should be.
    Ok,
    /// It works, and should be looked at.
    Warn,
    /// It does not work, or is not safe.
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    level: Level,
    check: &'static str,
    found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

/// All of it, in the order in which it was looked at.
#[derive(Default)]
pub(super) struct Report(Vec<Finding>);

impl Report {
    pub(super) fn ok(&mut self, check: &'static str, found: impl Into<String>) {
        self.0.push(Finding { level: Level::Ok, check, found: found.into(), advice: None });
    }

    pub(super) fn warn(&mut self, check: &'static str, found: impl Into<String>, advice: impl Into<String>) {
        self.0.push(Finding { level: Level::Warn, check, found: found.into(), advice: Some(advice.into()) });
    }

    pub(super) fn fail(&mut self, check: &'static str, found: impl Into<String>, advice: impl Into<String>) {
        self.0.push(Finding { level: Level::Fail, check, found: found.into(), advice: Some(advice.into()) });
    }

    /// Whether anything does not work.
    pub(super) fn failed(&self) -> bool {
        self.number(Level::Fail) > 0
    }

    pub(super) fn findings(&self) -> &[Finding] {
        &self.0
    }

    fn number(&self, level: Level) -> u64 {
        self.0.iter().filter(|finding| finding.level == level).count() as u64
    }

    /// For people.
    pub(super) fn told(&self) -> String {
        let width = self.0.iter().map(|finding| finding.check.len()).max().unwrap_or(0);
        let mut lines = Vec::new();
        for Finding { level, check, found, advice } in &self.0 {
            let level = match level {
                Level::Ok => "ok  ",
                Level::Warn => "warn",
                Level::Fail => "FAIL",
            };
            for (at, line) in found.lines().enumerate() {
                let (level, check) = if at == 0 { (level, *check) } else { ("", "") };
                lines.push(format!("{level:4}  {check:width$}  {}", safe(line)));
            }
            lines.extend(advice.iter().map(|advice| format!("{:4}  {:width$}  -> {}", "", "", safe(advice))));
        }
        let (failed, warned) = (self.number(Level::Fail), self.number(Level::Warn));
        lines.push(String::new());
        lines.push(match (failed, warned) {
            (0, 0) => "All is well.".to_owned(),
            (0, warned) => format!("Nothing fails; {}.", count(warned, "warning", "warnings")),
            (failed, warned) => {
                format!(
                    "{} {}, {}.",
                    failed,
                    if failed == 1 { "fails" } else { "fail" },
                    count(warned, "warning", "warnings")
                )
            }
        });
        lines.join("\n")
    }
}
