//! `symbolon key remove`.

use anyhow::{Result, anyhow};
use clap::Args;

use crate::cli::{
    Installation, answer, ask,
    node::{Absent, Node, encoded},
    text,
};

/// Removes a signing key at once: every token that it signed is dead.
///
/// For a key that leaked. Sessions live on, and their clients get tokens of the new key by their refresh tokens. When it was the key
/// that signs, another takes its place first. Asks first at a terminal.
#[derive(Args)]
#[command(after_help = "\
Examples:
  symbolon key remove 3kTu2m-QfLw9XhZd
  symbolon key remove 3kTu2m-QfLw9XhZd --yes")]
pub(in crate::cli) struct Remove {
    /// The key's id, as `symbolon key list` shows it.
    // One in 64 begins with a hyphen.
    #[arg(allow_hyphen_values = true)]
    kid: String,
    /// Does not ask.
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    installation: Installation,
}

impl Remove {
    pub(in crate::cli) async fn run(self) -> Result<()> {
        let kid = text::safe(&self.kid);
        if !self.yes {
            ask::confirm(&format!("Remove the key {kid}, and end every token that it signed?")).await?;
        }
        let node = Node::reach(&self.installation, Absent::Refuse).await?;
        let path = format!("/v1/admin/keys/{}", encoded(&self.kid));
        let removed = node.delete(&path).await?.value().map_err(anyhow::Error::from);
        removed.map_err(|error| {
            let none = answer::is(&error, "not_found");
            if none {
                anyhow!("there is no key {kid}; `symbolon key list` shows which there are")
            } else {
                error
            }
        })?;
        text::say(format!("Removed key {kid}. Every token that it signed has ended."))?;
        node.close().await
    }
}
