//! `symbolon user add`.

use anyhow::{Result, bail};
use clap::Args;
use serde_json::json;

use super::Account;
use crate::cli::{
    Installation,
    answer::{self, read},
    ask::PasswordSource,
    node::{Absent, Node},
    text,
};

/// Makes a user, and the first administrator.
///
/// The password is asked for twice at the terminal, or read from standard input or a file. It is never an argument: everybody on a
/// machine can read those. The password policy holds here too. Registration need not be open.
#[derive(Args)]
#[command(after_help = "\
Examples:
  symbolon user add --role admin ada@example.org      the first administrator
  pass show ada | symbolon user add ada               the password from another program
  symbolon user add ada --password-file ada.txt       the password from a file (mode 0600)")]
pub(in crate::cli) struct Add {
    /// What they log in with: a username or an e-mail address.
    identifier: String,
    /// A role to give; several times for several. `admin` opens administration.
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// Prints the user as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    password: PasswordSource,
    #[command(flatten)]
    installation: Installation,
}

impl Add {
    pub(in crate::cli) async fn run(self) -> Result<()> {
        // Before the store is opened: nobody should have to wait for a person who types.
        let password = self.password.new_password(&self.identifier).await?;
        let node = Node::reach(&self.installation, Absent::Begin).await?;
        let body = json!({ "identifier": self.identifier, "password": *password, "roles": self.roles });
        let made = node.post("/v1/admin/users", Some(&body)).await?.value().map_err(anyhow::Error::from);
        let value = match made {
            Err(error) if answer::is(&error, "identifier_taken") => bail!(
                "there is a user {} already; `symbolon user passwd` gives them a password, and `symbolon user role` roles",
                text::safe(&self.identifier)
            ),
            made => made?,
        };
        let account: Account = read(value.clone())?;
        if self.json {
            text::print_json(&value)?;
        } else {
            let roles = match account.roles.as_slice() {
                [] => String::new(),
                roles => format!(", role {}", roles.join(", ")),
            };
            text::say(format!("Added {} (id {}{roles}).", account.shown(), account.id))?;
        }
        node.close().await
    }
}
