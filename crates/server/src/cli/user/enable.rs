//! `symbolon user enable`.

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::patch;
use crate::cli::{
    Installation,
    node::{Absent, Node},
    text,
};

/// Lets a disabled user log in again.
#[derive(Args)]
#[command(after_help = "\
Examples:
  symbolon user enable ada@example.org")]
pub(in crate::cli) struct Enable {
    /// Their identifier or id.
    user: String,
    /// Prints the user as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    installation: Installation,
}

impl Enable {
    pub(in crate::cli) async fn run(self) -> Result<()> {
        let node = Node::reach(&self.installation, Absent::Refuse).await?;
        let (account, value) = patch(&node, &self.user, &json!({ "disabled": false })).await?;
        if self.json {
            text::print_json(&value)?;
        } else {
            text::say(format!("Enabled {}. They can log in again.", account.shown()))?;
        }
        node.close().await
    }
}
