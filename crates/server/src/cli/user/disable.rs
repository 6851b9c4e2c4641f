//! `symbolon user disable`.

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::patch;
use crate::cli::{
    Installation,
    node::{Absent, Node},
    text,
};

/// Locks a user out: every session and token of theirs ends now, and none can be had.
///
/// When the command returns, nothing of theirs is accepted any more. `symbolon user enable` lets them in again; sessions and
/// tokens that ended stay ended.
#[derive(Args)]
#[command(after_help = "\
Examples:
  symbolon user disable ada@example.org")]
pub(in crate::cli) struct Disable {
    /// Their identifier or id.
    user: String,
    /// Prints the user as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    installation: Installation,
}

impl Disable {
    pub(in crate::cli) async fn run(self) -> Result<()> {
        let node = Node::reach(&self.installation, Absent::Refuse).await?;
        let (account, value) = patch(&node, &self.user, &json!({ "disabled": true })).await?;
        if self.json {
            text::print_json(&value)?;
        } else {
            text::say(format!(
                "Disabled {}. All sessions and tokens of theirs have ended.",
                account.shown()
            ))?;
        }
        node.close().await
    }
}
