//! `symbolon user delete`.

use anyhow::Result;
use clap::Args;

use super::find;
use crate::cli::{
    Installation, ask,
    node::{Absent, Node},
    text,
};

/// Deletes a user with everything of theirs: profile, password, sessions. What was audited stays.
///
/// Asks first at a terminal. There is no way back; `symbolon user disable` locks somebody out and keeps them.
#[derive(Args)]
#[command(after_help = "\
Examples:
  symbolon user delete ada@example.org
  symbolon user delete ada@example.org --yes")]
pub(in crate::cli) struct Delete {
    /// Their identifier or id.
    user: String,
    /// Does not ask.
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    installation: Installation,
}

impl Delete {
    pub(in crate::cli) async fn run(self) -> Result<()> {
        let node = Node::reach(&self.installation, Absent::Refuse).await?;
        let (account, _) = find(&node, &self.user).await?;
        if !self.yes {
            ask::confirm(&format!("Delete {} with everything of theirs?", account.identifier)).await?;
        }
        node.delete(&account.path()).await?.value()?;
        text::say(format!("Deleted {}. All sessions and tokens of theirs have ended.", account.shown()))?;
        node.close().await
    }
}
