//! `symbolon backup`.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::{Result, bail};
use clap::Args;
use serde_json::json;
use symbolon::store::sqlite::{SqliteStore, Taken};

use super::{Installation, node, progress::Progress, text, times};
use crate::config::StoreUrl;

/// Copies the store into one new file, while the server runs or not.
///
/// The file is the store as it was at one moment; what is written meanwhile is not in it, and nobody waits for it. It never holds the
/// master key: keep a copy of that too, somewhere else, for with one of the two nothing can be read, and with both everything. The file
/// is for `symbolon restore`; a server does not start from it.
#[derive(Args)]
#[command(after_help = "\
Examples:
  symbolon backup /backup/symbolon-$(date +%F).db
  symbolon backup /backup/symbolon.db --data /var/lib/symbolon --json")]
pub(super) struct Backup {
    /// The file to make (mode 0600); one that exists is left alone.
    file: PathBuf,
    /// Prints `{\"file\", \"bytes\", \"schema\", \"taken_at\"}` as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    installation: Installation,
}

impl Backup {
    pub(super) async fn run(self) -> Result<()> {
        let config = self.installation.load()?.config;
        if let StoreUrl::Postgres(_) = config.store.url {
            bail!(
                "the store is in PostgreSQL, which has its own: `pg_dump --format=custom`. A dump that was put back wants \
                 `symbolon restore --in-place` before any server starts on it"
            );
        }
        let data = node::data(&config)?;
        if !node::exists(&data) {
            bail!("there is no store in {}", data.display());
        }
        if SqliteStore::holder(&data).is_none() {
            node::refuse_foreign(&data)?;
        }
        let (all, at) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let progress = Progress::begin(Arc::clone(&all), Arc::clone(&at));
        let (file, now) = (self.file.clone(), times::now());
        let taken = tokio::task::spawn_blocking(move || {
            let owner = format!("process {}, which backs it up", std::process::id());
            SqliteStore::back_up(&data, &owner, &file, now, |copied, of| {
                all.store(of, Ordering::Relaxed);
                at.store(copied, Ordering::Relaxed);
            })
        })
        .await;
        progress.end();
        let Taken { bytes, schema } = taken??;
        let shown = self.file.display();
        if self.json {
            return text::print_json(&json!({
                "file": shown.to_string(), "bytes": bytes, "schema": schema.at, "taken_at": times::rfc3339(now),
            }));
        }
        text::say(format!(
            "{} holds the store as of {} ({} KiB). The master key is not in it.",
            text::safe(&shown.to_string()),
            times::date(now),
            bytes.div_ceil(1024)
        ))
    }
}
