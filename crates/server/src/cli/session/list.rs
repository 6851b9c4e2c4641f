//! `symbolon session list`.

use anyhow::Result;
use clap::Args;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::cli::{
    Installation,
    answer::read,
    node::{Absent, Node},
    text::{self, Table},
    times,
    user::find,
};

/// Lists the live sessions of a user, newest first.
#[derive(Args)]
#[command(after_help = "\
Examples:
  symbolon session list ada@example.org
  symbolon session list ada@example.org --json | jq length")]
pub(in crate::cli) struct List {
    /// Their identifier or id.
    user: String,
    /// Prints a JSON array.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    installation: Installation,
}

#[derive(Deserialize)]
struct Sessions {
    sessions: Vec<Value>,
}

#[derive(Deserialize)]
struct Session {
    id: Uuid,
    kind: String,
    device: Device,
    label: Option<String>,
    last_seen_at: String,
    expires_at: String,
}

#[derive(Deserialize)]
struct Device {
    name: String,
    address: String,
}

impl List {
    pub(in crate::cli) async fn run(self) -> Result<()> {
        let node = Node::reach(&self.installation, Absent::Refuse).await?;
        let (account, _) = find(&node, &self.user).await?;
        let Sessions { sessions } = node.get(&format!("{}/sessions", account.path())).await?.read()?;
        if self.json {
            text::print_json(&sessions)?;
            return node.close().await;
        }
        let now = times::now();
        let mut table = Table::new(["ID", "KIND", "DEVICE", "ADDRESS", "LAST SEEN", "ENDS"]);
        for session in sessions {
            let session: Session = read(session)?;
            let told = |text: &str| {
                times::parse(text).map_or_else(|| text.to_owned(), |at| times::distance(at, now))
            };
            let device = session.label.unwrap_or(session.device.name);
            let (seen, ends) = (told(&session.last_seen_at), told(&session.expires_at));
            table.row([session.id.to_string(), session.kind, device, session.device.address, seen, ends]);
        }
        table.print()?;
        node.close().await
    }
}
