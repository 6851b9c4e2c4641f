//! `symbolon doctor`: looks at an installation from outside and inside, and says what to do about what it finds.
//!
//! One file per room of checks, each of which adds findings to the report. Refuses to repair: it reads, and asks a running node. When
//! none runs it opens the store itself, as every verb does, but only after everything that could be judged without has passed.

mod certificate;
mod fetch;
mod folder;
mod guards;
mod issuer;
mod machine;
mod master;
mod report;
mod restored;
mod settings;
mod store;
mod tls;

use anyhow::Result;
use clap::Args;

use super::{
    Installation,
    node::{self, Node},
    text::{self, SaidAlready},
};
use crate::config::StoreUrl;
use report::Report;
pub(super) use store::administrator;

/// Finds what is wrong with an installation, and says what to do about it.
///
/// Looks at settings, files, keys, store, the running server, its address as others reach it, certificates and the machine. Each
/// finding is `ok`, `warn` (works, and should be looked at) or `fail`; with any `fail` the exit code is 1. Nothing is repaired.
#[derive(Args)]
#[command(after_help = "\
Examples:
  symbolon doctor
  symbolon doctor --data /var/lib/symbolon
  symbolon doctor --json | jq '.[] | select(.level != \"ok\")'")]
pub(super) struct Doctor {
    /// Prints a JSON array of findings.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    installation: Installation,
}

impl Doctor {
    pub(super) async fn run(self) -> Result<()> {
        let mut report = Report::default();
        self.examine(&mut report).await;
        if self.json {
            text::print_json(&report.findings())?;
        } else {
            text::say(report.told())?;
        }
        if report.failed() { Err(SaidAlready.into()) } else { Ok(()) }
    }

    async fn examine(&self, report: &mut Report) {
        machine::clock(report);
        let Some(loaded) = settings::check(report, &self.installation) else { return };
        let config = &loaded.config;
        let data = match node::data(config) {
            Ok(data) => data,
            Err(error) => return report.fail("store", format!("{error}"), "set store.url to \"sqlite\""),
        };
        machine::hashing(report, config).await;
        tls::check(report, config);
        issuer::listen(report, config);
        let embedded = !matches!(config.store.url, StoreUrl::Postgres(_));
        let there = folder::check(report, &data, embedded);
        let runs = match node::running(&data).await {
            Ok(socket) => socket.is_some(),
            Err(error) => {
                report.fail("server", format!("{error}"), "see what holds it");
                return;
            }
        };
        machine::open_files(report, config, &data, runs);
        if !there || !restored::check(report, &data) {
            return;
        }
        let fingerprints = master::check(report, config, &data);
        if !runs {
            report.warn("server", "no server runs on this data folder", "start it with `symbolon serve`");
            if report.failed() || !store::schema(report, config, &data).await {
                return;
            }
            if embedded
                && let (Some(given), Some(known)) = (&fingerprints, master::known(&data).await)
                && given.first().is_some_and(|current| !known.contains(current))
            {
                // Opening it would take the new key over, or be refused.
                master::judge(report, given, &known);
                return;
            }
        }
        // Everything above passed, so this opens what there is and makes nothing new.
        let reached = if runs {
            Node::reach(&self.installation, node::Absent::Refuse).await
        } else {
            Node::open(config).await
        };
        let node = match reached {
            Ok(node) => node,
            Err(error) => return report.fail("store", format!("{error:#}"), "see the sentence before"),
        };
        store::check(report, &node, config, fingerprints.as_deref()).await;
        if let Err(error) = node.close().await {
            report.fail("store", format!("{error:#}"), "see whether the disk is full or broken");
        }
    }
}
