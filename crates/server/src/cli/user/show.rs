//! `symbolon user show`.

use anyhow::Result;
use clap::Args;
use serde_json::Value;

use super::find;
use crate::cli::{
    Installation,
    node::{Absent, Node},
    text, times,
};

/// Shows one user.
#[derive(Args)]
#[command(after_help = "\
Examples:
  symbolon user show ada@example.org
  symbolon user show 0190b3c1-7c4e-7a52-9d1f-3f0c9b1d2e4f --json")]
pub(in crate::cli) struct Show {
    /// Their identifier or id.
    user: String,
    /// Prints the user as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    installation: Installation,
}

impl Show {
    pub(in crate::cli) async fn run(self) -> Result<()> {
        let node = Node::reach(&self.installation, Absent::Refuse).await?;
        let (account, value) = find(&node, &self.user).await?;
        if self.json {
            text::print_json(&value)?;
            return node.close().await;
        }
        let sessions: Value = node.get(&format!("{}/sessions", account.path())).await?.read()?;
        let sessions = sessions.get("sessions").and_then(Value::as_array).map_or(0, Vec::len);
        let member = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
        let roles = if account.roles.is_empty() { "none".to_owned() } else { account.roles.join(", ") };
        let facts = [
            ("identifier", account.identifier.clone()),
            ("id", account.id.to_string()),
            ("state", account.state().to_owned()),
            ("roles", roles),
            ("registered", times::date_of(&account.created_at)),
            ("changed", times::date_of(member("updated_at"))),
            ("sessions", sessions.to_string()),
        ];
        text::say(text::facts(facts))?;
        if let Some(profile) =
            value.get("profile").filter(|profile| profile.as_object().is_some_and(|all| !all.is_empty()))
        {
            text::say(format!("profile     {}", text::json(profile)?))?;
        }
        node.close().await
    }
}
