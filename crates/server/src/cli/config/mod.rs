//! `symbolon config`: the settings of an installation.

mod show;

use anyhow::Result;
use clap::Subcommand;

/// Shows the settings.
#[derive(Subcommand)]
pub(super) enum Config {
    Show(show::Show),
}

impl Config {
    pub(super) fn run(self) -> Result<()> {
        match self {
            Self::Show(verb) => verb.run(),
        }
    }
}
