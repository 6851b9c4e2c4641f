//! `symbolon key rotate-master`.

use anyhow::Result;
use clap::Args;
use serde::Deserialize;
use serde_json::json;
use symbolon::{clock::SystemRandomness, keyring::MasterKey};

use crate::cli::{
    Installation, ask,
    node::{Absent, Node},
    text::{self, count},
};

/// Makes a new master key. No request fails by it, and nobody is logged out.
///
/// It is put in front of the master key's file, everything sealed is sealed anew, and a running server goes on with it. The one before
/// stays in the file as long as a session made with it lives, and is then taken out. A copy of the data made earlier needs the key of
/// then. When the key comes from SYMBOLON_MASTER_KEY, nothing is done but to say how to change it.
///
/// Where several nodes share a database all but one must be stopped, and are given the new key's file before they start again.
///
/// With --leaked the previous keys count no more, at once: every session and token ends, every signing key is replaced, and everybody
/// logs in again. When it fails, or does not come back, repeat it: until it says that it is done, the old key may count.
#[derive(Args)]
#[command(after_help = "\
Examples:
  symbolon key rotate-master             the usual way, every year or so
  symbolon key rotate-master --leaked    somebody else may have the key")]
pub(in crate::cli) struct RotateMaster {
    /// The key is known to others: ends everything that was ever made with it. Asks first at a terminal.
    #[arg(long)]
    leaked: bool,
    /// Does not ask.
    #[arg(long, short)]
    yes: bool,
    /// Prints what was done as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    installation: Installation,
}

#[derive(Deserialize)]
struct Rotated {
    done: bool,
    by_hand: bool,
    #[serde(default)]
    fingerprint: String,
    #[serde(default)]
    kept: Vec<String>,
}

impl RotateMaster {
    pub(in crate::cli) async fn run(self) -> Result<()> {
        if self.leaked && !self.yes {
            ask::confirm("End every session and token of everybody, and replace all keys?").await?;
        }
        let node = Node::reach(&self.installation, Absent::Refuse).await?;
        let body = json!({ "leaked": self.leaked });
        let value = node.post("/v1/admin/master-key/rotate", Some(&body)).await?.value()?;
        let rotated: Rotated = crate::cli::answer::read(value.clone())?;
        match (self.json, rotated.done) {
            (true, true) => text::print_json(&value)?,
            (_, false) => {
                // Nothing to say in JSON: the key alone goes to standard output, and what to do with it to the terminal.
                text::remark(by_hand(self.leaked));
                text::say(MasterKey::generate(&SystemRandomness).reveal().as_str())?;
            }
            (false, true) => self.tell(&rotated)?,
        }
        node.close().await
    }

    fn tell(&self, rotated: &Rotated) -> Result<()> {
        let Rotated { fingerprint, kept, by_hand, .. } = rotated;
        text::say(format!("The master key is a new one ({}).", text::safe(fingerprint)))?;
        if self.leaked {
            text::say("Nothing that was made with the old one counts any more: everybody logs in again.")?;
        } else {
            let kept = count(kept.len() as u64, "previous key stays", "previous keys stay");
            text::say(format!("{kept} until the last session made with it is over. Nobody was logged out."))?;
        }
        text::say(if *by_hand {
            "Now set SYMBOLON_MASTER_KEY to the first of its keys alone, and restart the server when it suits."
        } else {
            "Copy the master key's file to where you keep the copy of it."
        })
    }
}

/// What its keeper does with a new key. The old one is not shown: it stands where it stood.
fn by_hand(leaked: bool) -> &'static str {
    if leaked {
        "The master key comes from SYMBOLON_MASTER_KEY, which only its keeper can change. Nothing was changed yet.\n\
         1. Put the key below in front of what SYMBOLON_MASTER_KEY holds now, with a comma between, and restart the server.\n\
         2. Run `symbolon key rotate-master --leaked` again, before any other restart: it drops the keys behind the first.\n\
         3. Set SYMBOLON_MASTER_KEY to the new key alone."
    } else {
        "The master key comes from SYMBOLON_MASTER_KEY, which only its keeper can change. Nothing was changed.\n\
         Put the key below in front of what SYMBOLON_MASTER_KEY holds now, with a comma between, and restart the server\n\
         (of several nodes, one by itself and the others after it): it takes the new key over and seals everything anew. `symbolon doctor` says when the old one can be taken out."
    }
}
