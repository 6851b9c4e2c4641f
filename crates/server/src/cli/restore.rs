//! `symbolon restore`.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::json;
use symbolon::{
    audit::Actor,
    keyring::MasterKeys,
    store::sqlite::{Restoring, SqliteStore},
};

use super::{Installation, ask, node, progress::Progress, text, times};
use crate::{
    assemble,
    config::{Config, StoreUrl},
};

/// Puts a backup in the place of the store, and ends everything that was issued before.
///
/// The server must be stopped, and the master key must be the one that the backup was made with. Users, passwords, roles, machine clients
/// and the audit are then those of the backup. Cookies, access and refresh tokens that were issued before, by this store or the one it
/// replaces, count no more, and every signing key is a new one: everybody logs in again. What is replaced is kept beside the new store
/// until you delete it. Killed at any moment, either all of it has happened or nothing. It comes back when no service beside the server
/// decides by what was before any more: some seconds later, when there were such services.
///
/// With --in-place the store itself is what was put back, by other means than this command: a dump of PostgreSQL, a snapshot of the disk.
#[derive(Args)]
#[command(after_help = "\
Examples:
  symbolon restore /backup/symbolon-2026-11-30.db
  symbolon restore /backup/symbolon.db --data /var/lib/symbolon --yes
  symbolon restore --in-place           after a snapshot of the disk or a dump was put back")]
pub(super) struct Restore {
    /// What `symbolon backup` made.
    #[arg(required_unless_present = "in_place", conflicts_with = "in_place")]
    file: Option<PathBuf>,
    /// Takes the store as it is for one that was put back, and does the rest.
    #[arg(long)]
    in_place: bool,
    /// Does not ask.
    #[arg(long, short)]
    yes: bool,
    /// Prints `{\"epoch\", \"taken_at\", \"replaced\"}` as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    installation: Installation,
}

/// What was done.
struct Done {
    epoch: u32,
    taken_at: Option<symbolon_token::Timestamp>,
    /// Where what was replaced is.
    replaced: Option<PathBuf>,
}

impl Restore {
    pub(super) async fn run(self) -> Result<()> {
        let config = self.installation.load()?.config;
        let done = match (&config.store.url, &self.file) {
            (StoreUrl::Postgres(_), Some(_)) => bail!(
                "the store is in PostgreSQL: put a dump back with `pg_restore`, and then run `symbolon restore --in-place`"
            ),
            (StoreUrl::Postgres(_), None) => {
                self.ask("Take the store for one that was put back, and end every session and token?")
                    .await?;
                let engine = assemble::engine(&config, &node::issuer(&config), &owner()).await?;
                let epoch = engine.restored(0, Some(config.lease.duration), Actor::Cli).await?;
                engine.close().await?;
                Done { epoch, taken_at: None, replaced: None }
            }
            (_, file) => {
                let data = node::data(&config)?;
                if let Some(holder) = SqliteStore::holder(&data) {
                    bail!("{} is in use by {holder}; stop it first", data.display());
                }
                if data.exists() {
                    node::refuse_foreign(&data)?;
                }
                let master = assemble::master_keys(&config, &data)
                    .context("the master key that the backup was made with is needed")?;
                match file {
                    Some(file) => self.from(&config, &data, master, file).await?,
                    None => self.in_place(&config, &data, master).await?,
                }
            }
        };
        self.tell(&done)
    }

    async fn ask(&self, question: &str) -> Result<()> {
        if self.yes { Ok(()) } else { ask::confirm(question).await }
    }

    async fn from(&self, config: &Config, data: &Path, master: MasterKeys, file: &Path) -> Result<Done> {
        if node::exists(data) {
            let question = format!(
                "Put {} in the place of the store in {}, and end every session and token?",
                file.display(),
                data.display()
            );
            self.ask(&question).await?;
        }
        let restoring = bring(data.to_owned(), file.to_owned()).await?;
        let (taken_at, above, lease) = (restoring.taken_at(), restoring.above(), restoring.lease());
        let store = Arc::new(restoring.store()?);
        let engine = assemble::engine_over(config, &node::issuer(config), store, master).await?;
        let epoch = engine.restored(above, lease, Actor::Cli).await?;
        engine.close().await?;
        drop(engine);
        let replaced = tokio::task::spawn_blocking(move || restoring.finish(times::now())).await??;
        Ok(Done { epoch, taken_at, replaced })
    }

    async fn in_place(&self, config: &Config, data: &Path, master: MasterKeys) -> Result<Done> {
        if !node::exists(data) {
            bail!("there is no store in {}", data.display());
        }
        let question = format!(
            "Take the store in {} for one that was put back, and end every session and token?",
            data.display()
        );
        self.ask(&question).await?;
        let taken_at = SqliteStore::past(data)?.backup_of;
        let store = Arc::new(SqliteStore::open_replaced(data, &owner())?);
        let engine = assemble::engine_over(config, &node::issuer(config), store, master).await?;
        // Nothing here remembers guards of the state that this one took the place of.
        let epoch = engine.restored(0, Some(config.lease.duration), Actor::Cli).await?;
        engine.close().await?;
        drop(engine);
        // Last: while the mark of a backup is there, no server starts.
        SqliteStore::settled(data, &owner(), times::now())?;
        Ok(Done { epoch, taken_at, replaced: None })
    }

    fn tell(&self, done: &Done) -> Result<()> {
        let Done { epoch, taken_at, replaced } = done;
        let replaced = replaced.as_ref().map(|path| path.display().to_string());
        if self.json {
            let taken_at = taken_at.and_then(times::rfc3339);
            return text::print_json(&json!({ "epoch": epoch, "taken_at": taken_at, "replaced": replaced }));
        }
        let of = taken_at.map(|at| format!(" to what it was on {}", times::date(at))).unwrap_or_default();
        text::say(format!(
            "The store went back{of}. Everything issued before has ended: everybody logs in again."
        ))?;
        if let Some(replaced) = replaced {
            text::say(format!(
                "What it replaces is {}; delete it when you need it no more.",
                text::safe(&replaced)
            ))?;
        }
        Ok(())
    }
}

/// Takes the folder and copies the file into it, with a bar on a terminal.
async fn bring(data: PathBuf, file: PathBuf) -> Result<Restoring> {
    let (all, at) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let progress = Progress::begin(Arc::clone(&all), Arc::clone(&at));
    let restoring = tokio::task::spawn_blocking(move || {
        SqliteStore::restore(&data, &owner(), &file, |copied, of| {
            all.store(of, Ordering::Relaxed);
            at.store(copied, Ordering::Relaxed);
        })
    })
    .await;
    progress.end();
    Ok(restoring??)
}

fn owner() -> String {
    format!("process {}, which restores it", std::process::id())
}
