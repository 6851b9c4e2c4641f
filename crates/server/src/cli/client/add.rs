//! `symbolon client add`.

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::tell_secret;
use crate::cli::{
    Installation,
    node::{Absent, Node},
};

/// Registers a machine client and prints its secret, once.
///
/// The secret goes to standard output alone, everything else to standard error. It is sent as `Authorization: Bearer key_…`, or by
/// HTTP Basic with the client's id.
#[derive(Args)]
#[command(after_help = "\
Scopes:
  introspect    POST /oauth/introspect: is this token alive?
  revocations   POST /v1/revocations: follow what ends
  check         POST /v1/check: is this cookie or token alive?
  admin         everything under /v1/admin

Examples:
  symbolon client add billing --scope introspect
  secret=$(symbolon client add deploy --scope admin)
  symbolon client add billing --scope introspect --json > billing.json")]
pub(in crate::cli) struct Add {
    /// A name for people.
    name: String,
    /// What it may do; several times for several.
    #[arg(long = "scope", value_name = "SCOPE", required = true, value_delimiter = ',')]
    scopes: Vec<String>,
    /// Prints the client with its secret as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    installation: Installation,
}

impl Add {
    pub(in crate::cli) async fn run(self) -> Result<()> {
        let node = Node::reach(&self.installation, Absent::Begin).await?;
        let body = json!({ "name": self.name, "scopes": self.scopes });
        let value = node.post("/v1/admin/clients", Some(&body)).await?.value()?;
        tell_secret(&value, self.json, "Added")?;
        node.close().await
    }
}
