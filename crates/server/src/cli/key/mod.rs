//! `symbolon key`: the keys that sign tokens, and the master key that seals them.

mod list;
mod remove;
mod rotate;
mod rotate_master;

use anyhow::Result;
use clap::Subcommand;
use serde::Deserialize;

/// Lists, replaces and removes signing keys.
#[derive(Subcommand)]
pub(super) enum Key {
    List(list::List),
    Rotate(rotate::Rotate),
    Remove(remove::Remove),
    RotateMaster(rotate_master::RotateMaster),
}

impl Key {
    pub(super) async fn run(self) -> Result<()> {
        match self {
            Self::List(verb) => verb.run().await,
            Self::Rotate(verb) => verb.run().await,
            Self::Remove(verb) => verb.run().await,
            Self::RotateMaster(verb) => verb.run().await,
        }
    }
}

/// A key as the admin API shows one.
#[derive(Deserialize)]
struct Info {
    kid: String,
    algorithm: String,
    state: String,
    created_at: String,
    sign_from: String,
    retired_at: Option<String>,
}
