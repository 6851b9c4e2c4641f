//! `symbolon session end`.

use anyhow::{Result, anyhow};
use clap::Args;

use crate::cli::{
    Installation, answer,
    node::{Absent, Node},
    text,
    user::{find, need_id},
};

/// Ends a session of a user, or everything of theirs.
///
/// When the command returns, nothing that ended is accepted any more, wherever it is shown.
#[derive(Args)]
#[command(after_help = "\
Examples:
  symbolon session end ada 0190b3c1-7c4e-7a52-9d1f-3f0c9b1d2e4f
  symbolon session end ada --all     everywhere, tokens and grants too")]
pub(in crate::cli) struct End {
    /// Their identifier or id.
    user: String,
    /// The session's id, as `symbolon session list` shows it.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    session: Option<String>,
    /// Everything of theirs.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    installation: Installation,
}

impl End {
    pub(in crate::cli) async fn run(self) -> Result<()> {
        let session = self.session.as_deref().map(|text| need_id(text, "session")).transpose()?;
        let node = Node::reach(&self.installation, Absent::Refuse).await?;
        let (account, _) = find(&node, &self.user).await?;
        let whose = text::safe(&account.identifier).into_owned();
        let path = format!("{}/sessions", account.path());
        let (path, done) = match session {
            Some(id) => (format!("{path}?session={id}"), format!("Ended session {id} of {whose}.")),
            None => (path, format!("Ended all sessions and tokens of {whose}.")),
        };
        let ended = node.delete(&path).await?.value().map_err(anyhow::Error::from);
        ended.map_err(|error| match session {
            Some(id) if answer::is(&error, "not_found") => anyhow!("{whose} has no live session {id}"),
            _ => error,
        })?;
        text::say(done)?;
        node.close().await
    }
}
