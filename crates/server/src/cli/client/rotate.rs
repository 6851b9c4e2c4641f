//! `symbolon client rotate`.

use anyhow::Result;
use clap::Args;

use super::{find, tell_secret};
use crate::cli::{
    Installation,
    node::{Absent, Node},
};

/// Gives a machine client a new secret and prints it, once.
///
/// The secret before it stays valid until the next rotation, so that the program can be changed without a stop. A secret that leaked
/// is out of use after two rotations.
#[derive(Args)]
#[command(after_help = "\
Examples:
  symbolon client rotate billing
  secret=$(symbolon client rotate 0190b3c1-7c4e-7a52-9d1f-3f0c9b1d2e4f)")]
pub(in crate::cli) struct Rotate {
    /// The client's name or id.
    client: String,
    /// Prints the client with its secret as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    installation: Installation,
}

impl Rotate {
    pub(in crate::cli) async fn run(self) -> Result<()> {
        let node = Node::reach(&self.installation, Absent::Refuse).await?;
        let client = find(&node, &self.client).await?;
        let value = node.post(&format!("{}/rotate", client.path()), None::<&()>).await?.value()?;
        tell_secret(&value, self.json, "New secret of")?;
        node.close().await
    }
}
