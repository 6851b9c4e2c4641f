//! `symbolon token`: what a token in somebody's hands is.

mod inspect;
mod look;
mod told;

use anyhow::Result;
use clap::Subcommand;

/// Looks into tokens.
#[derive(Subcommand)]
pub(super) enum Token {
    Inspect(inspect::Inspect),
}

impl Token {
    pub(super) async fn run(self) -> Result<()> {
        match self {
            Self::Inspect(verb) => verb.run().await,
        }
    }
}
