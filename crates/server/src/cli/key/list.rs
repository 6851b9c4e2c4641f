//! `symbolon key list`.

use anyhow::Result;
use clap::Args;
use serde::Deserialize;
use serde_json::Value;

use super::Info;
use crate::cli::{
    Installation,
    answer::read,
    node::{Absent, Node},
    text::{self, Table},
    times,
};

/// Lists signing keys, newest first.
///
/// `next` is published and does not sign yet, `current` signs, `retired` only verifies what it signed.
#[derive(Args)]
#[command(after_help = "\
Examples:
  symbolon key list
  symbolon key list --json | jq -r '.[] | select(.state == \"current\") | .kid'")]
pub(in crate::cli) struct List {
    /// Prints a JSON array.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    installation: Installation,
}

#[derive(Deserialize)]
struct Keys {
    keys: Vec<Value>,
}

impl List {
    pub(in crate::cli) async fn run(self) -> Result<()> {
        let node = Node::reach(&self.installation, Absent::Refuse).await?;
        let Keys { keys } = node.get("/v1/admin/keys").await?.read()?;
        if self.json {
            text::print_json(&keys)?;
            return node.close().await;
        }
        let mut table = Table::new(["KID", "ALGORITHM", "STATE", "PUBLISHED", "SIGNS FROM", "RETIRED"]);
        for key in keys {
            let key: Info = read(key)?;
            let [published, signs] = [&key.created_at, &key.sign_from].map(|text| times::date_of(text));
            // What is not yet replaced may know already when it will be.
            let retired = key.retired_at.map(|text| times::date_of(&text)).unwrap_or_default();
            table.row([key.kid, key.algorithm, key.state, published, signs, retired]);
        }
        table.print()?;
        node.close().await
    }
}
