//! `symbolon client list`.

use anyhow::Result;
use clap::Args;

use super::{Registered, all, read};
use crate::cli::{
    Installation,
    node::{Absent, Node},
    text::{self, Table},
    times,
};

/// Lists machine clients. Secrets are never shown again.
#[derive(Args)]
#[command(after_help = "\
Examples:
  symbolon client list
  symbolon client list --json | jq '.[] | select(.secrets > 1)'    the old one counts too")]
pub(in crate::cli) struct List {
    /// Prints a JSON array.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    installation: Installation,
}

impl List {
    pub(in crate::cli) async fn run(self) -> Result<()> {
        let node = Node::reach(&self.installation, Absent::Refuse).await?;
        let clients = all(&node).await?;
        if self.json {
            text::print_json(&clients)?;
            return node.close().await;
        }
        let mut table = Table::new(["NAME", "SCOPES", "SECRETS", "REGISTERED", "ID"]);
        for client in clients {
            let client: Registered = read(client)?;
            let (scopes, registered) = (client.scopes.join(","), times::date_of(&client.created_at));
            table.row([client.name, scopes, client.secrets.to_string(), registered, client.id.to_string()]);
        }
        table.print()?;
        node.close().await
    }
}
