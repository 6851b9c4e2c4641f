//! `symbolon user role`.

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

use super::{Account, find, read};
use crate::cli::{
    Installation,
    node::{Absent, Node},
    text,
};

/// Shows a user's roles, gives roles and takes them away.
///
/// A change counts at once, also for sessions that are open. `admin` is the role that opens administration; the others mean what the
/// application makes of them.
#[derive(Args)]
#[command(after_help = "\
Examples:
  symbolon user role ada                               what they are
  symbolon user role ada --add admin
  symbolon user role ada --remove admin --add support")]
pub(in crate::cli) struct Role {
    /// Their identifier or id.
    user: String,
    /// A role to give; several times for several.
    #[arg(long, value_name = "ROLE")]
    add: Vec<String>,
    /// A role to take away; several times for several.
    #[arg(long, value_name = "ROLE")]
    remove: Vec<String>,
    /// Prints the user as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    installation: Installation,
}

impl Role {
    pub(in crate::cli) async fn run(self) -> Result<()> {
        let node = Node::reach(&self.installation, Absent::Refuse).await?;
        let (account, value) = find(&node, &self.user).await?;
        let mut roles: Vec<_> =
            account.roles.iter().filter(|role| !self.remove.contains(role)).cloned().collect();
        for role in &self.add {
            if !roles.contains(role) {
                roles.push(role.clone());
            }
        }
        let value: Value = if roles == account.roles {
            value
        } else {
            node.patch(&account.path(), &json!({ "roles": roles })).await?.value()?
        };
        if self.json {
            text::print_json(&value)?;
        } else {
            let account: Account = read(value)?;
            let roles =
                if account.roles.is_empty() { "no role".to_owned() } else { account.roles.join(", ") };
            text::say(format!("{}: {}", account.shown(), text::safe(&roles)))?;
        }
        node.close().await
    }
}
