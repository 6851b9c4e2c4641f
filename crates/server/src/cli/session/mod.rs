//! `symbolon session`: somebody's logins, by cookie and by token.

mod end;
mod list;

use anyhow::Result;
use clap::Subcommand;

/// Lists and ends the sessions of a user.
#[derive(Subcommand)]
pub(super) enum Session {
    List(list::List),
    End(end::End),
}

impl Session {
    pub(super) async fn run(self) -> Result<()> {
        match self {
            Self::List(verb) => verb.run().await,
            Self::End(verb) => verb.run().await,
        }
    }
}
