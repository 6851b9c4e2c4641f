//! The configuration: whether there is one, and what in it is bold.

use super::report::Report;
use crate::{
    cli::{Installation, text::count},
    config::{Loaded, Source},
};

/// Loads it. `None`: there is none, and nothing else can be judged.
pub(super) fn check(report: &mut Report, installation: &Installation) -> Option<Loaded> {
    let loaded = match installation.load() {
        Ok(loaded) => loaded,
        Err(error) => {
            for problem in error.problems() {
                report.fail(
                    "settings",
                    problem.clone(),
                    "set it right; `symbolon config show` tells what holds",
                );
            }
            return None;
        }
    };
    let entries = loaded.provenance.entries();
    let set =
        entries.iter().filter(|entry| !matches!(entry.source, Source::Default | Source::Dev)).count() as u64;
    let file = match &loaded.file {
        Some(file) => format!("{} was read", file.display()),
        None => "there is no configuration file".to_owned(),
    };
    report.ok(
        "settings",
        format!("{file}; {} set, the others are at their defaults", count(set, "setting is", "settings are")),
    );
    for warning in &loaded.warnings {
        report.warn("settings", warning.clone(), "leave it only if it is meant");
    }
    let metrics = loaded.config.telemetry.listen;
    if let Some(address) = metrics.filter(|address| !address.ip().to_canonical().is_loopback()) {
        report.warn(
            "metrics",
            format!("telemetry.listen = {address} can be reached from other machines, and asks nobody who they are"),
            "see that a firewall lets only the collector in",
        );
    }
    Some(loaded)
}
