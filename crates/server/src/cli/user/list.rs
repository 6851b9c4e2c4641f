//! `symbolon user list`.

use anyhow::Result;
use clap::Args;

use super::{Account, PAGE, page, read};
use crate::cli::{
    Installation,
    node::{Absent, Node},
    text::{self, JsonList, Table},
    times,
};

/// Lists users in the order in which they registered.
#[derive(Args)]
#[command(after_help = "\
Examples:
  symbolon user list                    everybody
  symbolon user list ada                everybody whose identifier begins with ada
  symbolon user list --json | jq -r '.[] | select(.disabled) | .identifier'")]
pub(in crate::cli) struct List {
    /// Only those whose identifier begins with this.
    #[arg(value_name = "BEGINNING", default_value = "", hide_default_value = true)]
    beginning: String,
    /// At most so many.
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,
    /// Prints a JSON array.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    installation: Installation,
}

impl List {
    pub(in crate::cli) async fn run(self) -> Result<()> {
        let node = Node::reach(&self.installation, Absent::Refuse).await?;
        let mut lane = node.lane().await?;
        let mut left = self.limit.unwrap_or(usize::MAX);
        let mut table = Table::new(["IDENTIFIER", "STATE", "ROLES", "REGISTERED", "ID"]);
        let mut list = JsonList::default();
        let mut after = None;
        // A page at a time, and none of them kept: there may be millions.
        while left > 0 {
            let read_page = page(&mut lane, &self.beginning, after, left.min(PAGE)).await?;
            left -= read_page.users.len().min(left);
            for value in read_page.users {
                if self.json {
                    list.item(&value)?;
                    continue;
                }
                let account: Account = read(value)?;
                let state = account.state().to_owned();
                let registered = times::date_of(&account.created_at);
                table.row([
                    account.identifier,
                    state,
                    account.roles.join(","),
                    registered,
                    account.id.to_string(),
                ]);
            }
            if !self.json {
                table.print()?;
            }
            after = read_page.next;
            if after.is_none() {
                break;
            }
        }
        if self.json {
            list.end()?;
        } else if after.is_some() {
            text::remark("There are more; a higher --limit shows them.");
        }
        drop(lane);
        node.close().await
    }
}
