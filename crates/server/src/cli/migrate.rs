//! `symbolon migrate`.

use anyhow::{Result, bail};
use clap::Args;
use serde_json::{Value, json};
use symbolon::store::{
    postgres::PostgresStore,
    sqlite::{Schema, SqliteStore},
};

use super::{
    Installation,
    node::{self, Absent, Node},
    text,
};
use crate::{
    assemble,
    config::{Config, StoreUrl},
};

/// Brings the store's schema up to date, and says from where to where. With --from it moves an installation to PostgreSQL.
///
/// The server does this itself when it starts; the command is for doing it beforehand. It changes nothing that an older binary
/// could not run, unless the release notes say so. A running server has done it, and is only asked.
///
/// A move takes everything along and logs nobody out. The server must be stopped, and the database empty; the folder is left as it
/// is. The nodes over the database need the master key of the folder.
#[derive(Args)]
#[command(after_help = "\
Examples:
  symbolon migrate
  symbolon migrate --data /var/lib/symbolon --json
  symbolon migrate --from sqlite:/var/lib/symbolon        # to the database that store.url names
  symbolon migrate --from sqlite:DIR --to 'postgres://app@db/symbolon?sslmode=verify-full'")]
pub(super) struct Migrate {
    /// Moves the installation of this folder: `sqlite:DIR`.
    #[arg(long, value_name = "URL")]
    from: Option<String>,
    /// Where to, when that is not store.url. A password in it can be read by everybody on this machine.
    #[arg(long, value_name = "URL", requires = "from")]
    to: Option<String>,
    /// Prints `{\"from\", \"to\"}` as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    installation: Installation,
}

impl Migrate {
    pub(super) async fn run(self) -> Result<()> {
        let config = self.installation.load()?.config;
        if let Some(from) = &self.from {
            return self.move_to_postgres(&config, from).await;
        }
        let data = node::data(&config)?;
        let (from, to) = if node::running(&data).await?.is_some() {
            let node = Node::reach(&self.installation, Absent::Refuse).await?;
            let status: Value = node.get("/v1/admin/status").await?.read()?;
            let Some(schema) = status.get("schema").and_then(Value::as_u64) else {
                bail!("the running server does not say which schema its store has")
            };
            (schema, schema)
        } else if let StoreUrl::Postgres(url) = &config.store.url {
            let Schema { at, known } = PostgresStore::migrate(config.store.postgres(url)).await?;
            (u64::from(at), u64::from(at.max(known)))
        } else {
            if !node::exists(&data) {
                bail!("there is no store in {}; one that is made anew needs no migration", data.display());
            }
            node::refuse_foreign(&data)?;
            let owner = format!("process {}, which migrates it", std::process::id());
            let Schema { at, known } = SqliteStore::migrate(&data, &owner)?;
            (u64::from(at), u64::from(at.max(known)))
        };
        if self.json {
            return text::print_json(&json!({ "from": from, "to": to }));
        }
        let place = match &config.store.url {
            StoreUrl::Postgres(_) => "the database".to_owned(),
            StoreUrl::Sqlite(_) | StoreUrl::Memory => data.display().to_string(),
        };
        text::say(if from == to {
            format!("The schema in {place} is at version {to}, up to date.")
        } else {
            format!("The schema in {place} went from version {from} to {to}.")
        })?;
        Ok(())
    }

    async fn move_to_postgres(&self, config: &Config, from: &str) -> Result<()> {
        let malformed = |what, problem| anyhow::anyhow!("{what} is no address of a store: {problem}");
        let from = StoreUrl::parse(from).map_err(|problem| malformed("--from", problem))?;
        let to = self.to.as_deref().map(StoreUrl::parse).transpose();
        let to = to.map_err(|problem| malformed("--to", problem))?;
        let StoreUrl::Sqlite(folder) = from else {
            bail!("--from takes sqlite:DIR: an installation moves from a folder to PostgreSQL")
        };
        let StoreUrl::Postgres(url) = to.as_ref().unwrap_or(&config.store.url) else {
            bail!("name the database with --to postgres://…, or with store.url")
        };
        let folder = assemble::data(config, folder.as_deref());
        node::refuse_foreign(&folder)?;
        let owner = format!("process {}, which moves it to PostgreSQL", std::process::id());
        let bar = progress();
        let rows = PostgresStore::move_in(&folder, &owner, config.store.postgres(url), |rows| {
            bar.set_position(rows);
        })
        .await;
        bar.finish_and_clear();
        let rows = rows?;
        if self.json {
            return text::print_json(&json!({ "rows": rows }));
        }
        text::say(format!(
            "{rows} rows moved to the database, and nobody is logged out. Start the nodes with store.url set to it and with the master key \
             of {} (SYMBOLON_MASTER_KEY, master_key_file, or master.key in their data folder); then take the old folder away.",
            folder.display()
        ))?;
        Ok(())
    }
}

/// On a terminal, for what takes more than a moment.
fn progress() -> indicatif::ProgressBar {
    // It draws nothing where nobody looks.
    let bar = indicatif::ProgressBar::new_spinner();
    if let Ok(style) = indicatif::ProgressStyle::with_template("{spinner} {human_pos} rows, {per_sec}") {
        bar.set_style(style);
    }
    bar
}
