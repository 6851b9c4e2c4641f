//! `symbolon user import`: users from elsewhere, with the hashes that were made there.
//!
//! A thread of its own reads and parses (`source`), many requests are on their way at once (`send`), and nothing is held but what is
//! between the two: a file of any size goes in. A line that cannot be taken is told with its number and its reason, which never
//! repeats what stands in it, and the rest goes in.

mod django;
mod format;
mod htpasswd;
mod jsonl;
mod lines;
mod record;
mod send;
mod source;

use std::{path::PathBuf, sync::Arc};

use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::cli::{
    Installation,
    node::{Absent, Node},
    progress::Progress,
    text::{self, SaidAlready, count},
};
use format::{Format, Identify};
use send::Tally;

/// Takes users in from another system, with their password hashes.
///
/// Their passwords stay what they are: a foreign hash is verified as it was made, and replaced by Argon2id at the first login.
/// A line that cannot be taken is reported with its number and reason, and the rest goes in; then the exit code is 1. Running it
/// again is safe: users that are there already are passed over and counted, never changed.
#[derive(Args)]
#[command(after_help = "\
Formats:
  jsonl      a JSON object on each line:
             {\"identifier\", \"password_hash\" or \"password\", \"profile\"?, \"disabled\"?}
             with hashes by Argon2, scrypt, bcrypt, apr1, {SHA}, and in Django's forms
  htpasswd   Apache's: name:hash, by bcrypt (-B), apr1 (-m) or SHA-1 (-s)
  django     `manage.py dumpdata auth.User`, as an array or as lines: first_name, last_name
             and email become the profile, is_active=false is disabled; groups, permissions
             and superusers are not taken over

Examples:
  symbolon user import users.jsonl
  symbolon user import /etc/apache2/.htpasswd
  manage.py dumpdata auth.User | symbolon user import - --identifier email")]
pub(in crate::cli) struct Import {
    /// The file; `-` is standard input.
    file: PathBuf,
    /// What is in it; told by its content when left out.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// What Django's users log in with from now on.
    #[arg(long, value_enum, default_value_t, value_name = "FIELD")]
    identifier: Identify,
    /// Prints the summary as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    installation: Installation,
}

impl Import {
    pub(in crate::cli) async fn run(self) -> Result<()> {
        let hashing_threads = self.installation.load()?.config.password.hashing_threads;
        // Before the store is opened: a file that is not there should not begin an installation.
        let source = source::open(&self.file, self.format, self.identifier)?;
        let node = Node::reach(&self.installation, Absent::Begin).await?;
        let bytes = Arc::new(source.bytes.unwrap_or(0).into());
        let progress = Arc::new(Progress::begin(bytes, source.read));
        let (tally, outcome) = send::all(&node, source.entries, hashing_threads, &progress).await;
        progress.end();
        self.summary(&tally)?;
        outcome?;
        node.close().await?;
        if tally.refused > 0 { Err(SaidAlready.into()) } else { Ok(()) }
    }

    fn summary(&self, tally: &Tally) -> Result<()> {
        let Tally { added, existing, refused, other } = *tally;
        if self.json {
            return text::print_json(
                &json!({ "added": added, "existing": existing, "refused": refused, "other": other }),
            );
        }
        let mut line = format!("Added {}", count(added, "user", "users"));
        if existing > 0 {
            line += &format!(
                ", passed over {existing} that {} there already",
                if existing == 1 { "was" } else { "were" }
            );
        }
        if other > 0 {
            line +=
                &format!(", left out {}", count(other, "entry that is no user", "entries that are no users"));
        }
        line += &match refused {
            0 => ".".to_owned(),
            refused => format!(", refused {refused}."),
        };
        text::say(line)
    }
}
