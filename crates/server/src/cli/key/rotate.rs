//! `symbolon key rotate`.

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::Info;
use crate::cli::{
    Installation,
    answer::read,
    node::{Absent, Node},
    text, times,
};

/// Makes the next signing key. No token fails by it.
///
/// It is published at once and signs after `token.publish_before`, when every verifier has it; the one before verifies what it
/// signed until the last of it is over. A key that waits already is taken instead of another. Keys also rotate by themselves, every
/// `token.rotate_every`.
#[derive(Args)]
#[command(after_help = "\
Examples:
  symbolon key rotate          the usual way
  symbolon key rotate --now    in use at once: verifiers that cache the keys must fetch them anew

After a leak: `symbolon key rotate --now`, then `symbolon key remove` the old one, which ends
what it signed. For the master key there is `symbolon key rotate-master`.")]
pub(in crate::cli) struct Rotate {
    /// Signs at once, without the time in which verifiers learn of it.
    #[arg(long)]
    now: bool,
    /// Prints the key as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    installation: Installation,
}

impl Rotate {
    pub(in crate::cli) async fn run(self) -> Result<()> {
        let node = Node::reach(&self.installation, Absent::Refuse).await?;
        let value = node.post("/v1/admin/keys/rotate", Some(&json!({ "now": self.now }))).await?.value()?;
        if self.json {
            text::print_json(&value)?;
        } else {
            let key: Info = read(value)?;
            let signs = if key.state == "next" {
                let from = times::parse(&key.sign_from).map(|at| times::distance(at, times::now()));
                format!("signs from {} on ({})", times::date_of(&key.sign_from), from.unwrap_or_default())
            } else {
                "signs from now on".to_owned()
            };
            text::say(format!("Key {} ({}) is published and {signs}.", key.kid, key.algorithm))?;
        }
        node.close().await
    }
}
