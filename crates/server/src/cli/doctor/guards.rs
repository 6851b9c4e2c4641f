//! Who decides from memory: this node, the others of its store, guards in other processes; what endings waited for them; and what is in
//! that memory.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;

use super::report::Report;
use crate::cli::text::count;

/// What the admin API says of it; a server of another version may leave members out, which then are not judged.
#[derive(Deserialize)]
pub(super) struct Guarding {
    fresh: bool,
    lease: Option<Lease>,
    #[serde(default)]
    remote: Vec<Guard>,
    #[serde(default)]
    nodes: Vec<Guard>,
    #[serde(default)]
    endings: u64,
    #[serde(default)]
    endings_timed_out: u64,
    #[serde(default)]
    longest_wait_ms: u64,
}

#[derive(Deserialize)]
struct Lease {
    length_ms: u64,
    age_ms: u64,
    lag_ms: u64,
    failures: u64,
    #[serde(default)]
    clocks_apart_ms: u64,
}

/// Milliseconds. A clock that NTP keeps is nearer.
const APART: u64 = 5_000;

#[derive(Deserialize)]
struct Guard {
    id: String,
    applied: u64,
    #[serde(default)]
    lapsed: bool,
}

fn seconds(millis: u64) -> String {
    format!("{:.1} s", Duration::from_millis(millis).as_secs_f64())
}

/// `applied`: the number up to which the node has applied the log; `runs`: whether a server was asked, and not this process.
pub(super) fn check(report: &mut Report, guarding: &Guarding, applied: u64, runs: bool) {
    if let Some(lease) = &guarding.lease {
        own(report, guarding.fresh, lease);
        nodes(report, &guarding.nodes, runs);
    }
    if runs {
        remote(report, &guarding.remote, applied);
        endings(report, guarding);
    }
}

fn own(report: &mut Report, fresh: bool, lease: &Lease) {
    if lease.clocks_apart_ms > APART {
        report.warn(
            "clock",
            format!("it and the database's are {} apart", seconds(lease.clocks_apart_ms)),
            "see which of them differs from the others, and NTP there; beyond token.leeway the node is not ready",
        );
    }
    let failures = count(lease.failures, "failure", "failures");
    let text = format!(
        "renewed {} ago, one is {} long; the log was known to its end {} ago; {failures} since its start",
        seconds(lease.age_ms),
        seconds(lease.length_ms),
        seconds(lease.lag_ms),
    );
    if fresh {
        report.ok("lease", text);
    } else {
        report.fail(
            "lease",
            format!("this node holds none, and every check asks the database: {text}"),
            "see its log, and whether the database is within reach and answers within a lease",
        );
    }
}

fn nodes(report: &mut Report, nodes: &[Guard], runs: bool) {
    let (lapsed, live): (Vec<&Guard>, Vec<&Guard>) = nodes.iter().partition(|node| node.lapsed);
    // A process that looks is one too, as long as it does.
    let own = u64::from(!runs);
    let text = count((live.len() as u64).saturating_sub(own), "node", "nodes");
    if lapsed.is_empty() {
        return report.ok("nodes", text);
    }
    let ids: Vec<&str> = lapsed.iter().take(3).map(|node| node.id.as_str()).collect();
    report.warn(
        "nodes",
        format!("{text}; {} went without a word within the day ({})", lapsed.len(), ids.join(", ")),
        "see whether each was killed, or is cut off from the database; its log says `the lease was not renewed`",
    );
}

fn remote(report: &mut Report, remote: &[Guard], applied: u64) {
    let (lapsed, live): (Vec<&Guard>, Vec<&Guard>) = remote.iter().partition(|guard| guard.lapsed);
    let behind = live.iter().map(|guard| applied.saturating_sub(guard.applied)).max().unwrap_or(0);
    if remote.is_empty() {
        return;
    }
    report.ok(
        "guards",
        format!(
            "{} without a store, the last {} behind; {} lapsed within the hour",
            count(live.len() as u64, "guard", "guards"),
            count(behind, "entry", "entries"),
            lapsed.len()
        ),
    );
}

/// How often something was looked for in memory.
#[derive(Deserialize)]
pub(super) struct Asked {
    hits: u64,
    misses: u64,
}

/// What a running server has in memory, by kind.
pub(super) fn cached(report: &mut Report, cached: &BTreeMap<String, u64>, asked: &BTreeMap<String, Asked>) {
    let told: Vec<String> = cached
        .iter()
        .map(|(kind, entries)| match asked.get(kind) {
            Some(Asked { hits, misses }) => format!("{kind}: {entries}, found {hits} times and {misses} not"),
            None => format!("{kind}: {entries}"),
        })
        .collect();
    if !told.is_empty() {
        report.ok("memory", told.join("; "));
    }
}

fn endings(report: &mut Report, guarding: &Guarding) {
    if guarding.endings == 0 {
        return;
    }
    report.ok(
        "endings",
        format!(
            "{} waited for guards since its start, the longest {} ms; {} until a lease was over",
            count(guarding.endings, "ending", "endings"),
            guarding.longest_wait_ms,
            guarding.endings_timed_out
        ),
    );
}
