//! `symbolon user passwd`.

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::find;
use crate::cli::{
    Installation,
    ask::PasswordSource,
    node::{Absent, Node},
    text,
};

/// Gives a user a new password: every session and token of theirs ends.
///
/// The password is asked for twice at the terminal, or read from standard input or a file; it is never an argument. The password
/// policy holds here too.
#[derive(Args)]
#[command(after_help = "\
Examples:
  symbolon user passwd ada@example.org
  openssl rand -base64 24 | tee ada.txt | symbolon user passwd ada@example.org")]
pub(in crate::cli) struct Passwd {
    /// Their identifier or id.
    user: String,
    #[command(flatten)]
    password: PasswordSource,
    #[command(flatten)]
    installation: Installation,
}

impl Passwd {
    pub(in crate::cli) async fn run(self) -> Result<()> {
        // Before the store is opened: nobody should have to wait for a person who types.
        let password = self.password.new_password(&self.user).await?;
        let node = Node::reach(&self.installation, Absent::Refuse).await?;
        let (account, _) = find(&node, &self.user).await?;
        let body = json!({ "password": *password });
        node.post(&format!("{}/password", account.path()), Some(&body)).await?.value()?;
        text::say(format!(
            "{} has a new password. All sessions and tokens of theirs have ended.",
            account.shown()
        ))?;
        node.close().await
    }
}
