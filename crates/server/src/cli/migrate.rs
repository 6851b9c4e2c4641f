//! `symbolon migrate`.

use anyhow::{Result, bail};
use clap::Args;
use serde_json::{Value, json};
use symbolon::store::sqlite::{Schema, SqliteStore};

use super::{
    Installation,
    node::{self, Absent, Node},
    text,
};

/// Brings the store's schema up to date, and says from where to where.
///
/// The server does this itself when it starts; the command is for doing it beforehand. It changes nothing that an older binary
/// could not run, unless the release notes say so. A running server has done it, and is only asked.
#[derive(Args)]
#[command(after_help = "\
Examples:
  symbolon migrate
  symbolon migrate --data /var/lib/symbolon --json")]
pub(super) struct Migrate {
    /// Prints `{\"from\", \"to\"}` as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    installation: Installation,
}

impl Migrate {
    pub(super) async fn run(self) -> Result<()> {
        let data = node::data(&self.installation.load()?.config)?;
        let (from, to) = if node::running(&data).await?.is_some() {
            let node = Node::reach(&self.installation, Absent::Refuse).await?;
            let status: Value = node.get("/v1/admin/status").await?.read()?;
            let Some(schema) = status.get("schema").and_then(Value::as_u64) else {
                bail!("the running server does not say which schema its store has")
            };
            (schema, schema)
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
        text::say(if from == to {
            format!("The schema in {} is at version {to}, up to date.", data.display())
        } else {
            format!("The schema in {} went from version {from} to {to}.", data.display())
        })?;
        Ok(())
    }
}
