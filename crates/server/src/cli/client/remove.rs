//! `symbolon client remove`.

use anyhow::Result;
use clap::Args;

use super::find;
use crate::cli::{
    Installation, ask,
    node::{Absent, Node},
    text,
};

/// Removes a machine client: its secrets count no more.
///
/// Asks first at a terminal.
#[derive(Args)]
#[command(after_help = "\
Examples:
  symbolon client remove billing
  symbolon client remove billing --yes")]
pub(in crate::cli) struct Remove {
    /// The client's name or id.
    client: String,
    /// Does not ask.
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    installation: Installation,
}

impl Remove {
    pub(in crate::cli) async fn run(self) -> Result<()> {
        let node = Node::reach(&self.installation, Absent::Refuse).await?;
        let client = find(&node, &self.client).await?;
        if !self.yes {
            ask::confirm(&format!("Remove the client {}?", client.shown())).await?;
        }
        node.delete(&client.path()).await?.value()?;
        text::say(format!("Removed {}.", client.shown()))?;
        node.close().await
    }
}
