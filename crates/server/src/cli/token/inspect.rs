//! `symbolon token inspect`.

use std::io::{self, IsTerminal, Read};

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    look::{Look, look, unwrapped},
    told::{as_json, told},
};
use crate::cli::{
    Installation,
    node::{Absent, Node},
    text, times,
};

/// Longer than any token, and than anything that is one by mistake.
const MOST: u64 = 1024 * 1024;

/// Shows what a token is: its parts, its times as dates, its size.
///
/// Any JSON Web Token will do, also somebody else's; it is not sent anywhere and no server is needed. Without --verify nothing of it
/// is proven: whoever wrote it may have written anything. With --verify this installation is asked whether the key is its own, the
/// signature right, the token revoked, and whether it would be accepted now; if not, the exit code is 1.
///
/// A token is a secret. In an argument every user of this machine can read it while the command runs: prefer standard input.
#[derive(Args)]
#[command(after_help = "\
Examples:
  symbolon token inspect < token.txt
  xclip -o | symbolon token inspect --verify
  symbolon token inspect --json < token.txt | jq .claims.sub")]
pub(in crate::cli) struct Inspect {
    /// The token; read from standard input when left out or `-`.
    token: Option<String>,
    /// Asks this installation whether it is genuine, revoked and accepted.
    #[arg(long)]
    verify: bool,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    installation: Installation,
}

/// What the admin API answers.
#[derive(Deserialize)]
struct Verdict {
    kid: Option<String>,
    key_known: bool,
    verifies: bool,
    revoked: bool,
    active: bool,
}

impl Inspect {
    pub(in crate::cli) async fn run(self) -> Result<()> {
        let text = match self.token.as_deref() {
            None | Some("-") => standard_input()?,
            Some(token) => token.to_owned(),
        };
        let found = look(&text).map_err(|problem| anyhow!(problem))?;
        let now = times::now();
        if !self.verify {
            return if self.json { text::print_json(&as_json(&found)) } else { text::say(told(&found, now)) };
        }
        if !matches!(found, Look::Signed(_)) {
            text::say(told(&found, now))?;
            bail!("--verify asks about access tokens, and this is none");
        }
        let node = Node::reach(&self.installation, Absent::Refuse).await?;
        let answer: Value = node
            .post("/v1/admin/tokens/inspect", Some(&json!({ "token": unwrapped(&text) })))
            .await?
            .read()?;
        let verdict: Verdict = crate::cli::answer::read(answer)?;
        let status: Value = node.get("/v1/admin/status").await?.read()?;
        node.close().await?;
        let issuer = status.get("issuer").and_then(Value::as_str).unwrap_or_default();
        if self.json {
            let mut all = as_json(&found);
            all["verification"] = json!({
                "issuer": issuer,
                "kid": verdict.kid,
                "key_known": verdict.key_known,
                "verifies": verdict.verifies,
                "revoked": verdict.revoked,
                "active": verdict.active,
            });
            text::print_json(&all)?;
        } else {
            text::say(format!("{}\n\n{}", told(&found, now), verdict.told(issuer)))?;
        }
        if verdict.active {
            Ok(())
        } else {
            bail!("the token is not accepted: {}", verdict.why(&found, issuer))
        }
    }
}

impl Verdict {
    fn told(&self, issuer: &str) -> String {
        let word = |yes: bool, if_yes: &str, if_no: &str| (if yes { if_yes } else { if_no }).to_owned();
        let facts = text::facts([
            ("key", word(self.key_known, "known here", "not known here, or removed")),
            (
                "signature",
                word(self.verifies, "verifies, with issuer, audience and form", "does not verify here"),
            ),
            ("revoked", word(self.revoked, "yes", "no")),
            ("accepted", word(self.active, "yes, now", "no")),
        ]);
        let lines: Vec<_> = facts.lines().map(|line| format!("  {line}")).collect();
        format!("Verification by {}\n{}", text::safe(issuer), lines.join("\n"))
    }

    fn why(&self, found: &Look, issuer: &str) -> String {
        let Look::Signed(jwt) = found else { return "it is none".to_owned() };
        let theirs = jwt.claims.as_ref().and_then(|claims| claims.get("iss")).and_then(Value::as_str);
        match theirs {
            _ if self.revoked => "it was revoked, with its session, its user's logins, or its key".to_owned(),
            Some(theirs) if theirs != issuer => {
                format!("it is of {}, and this installation is {}", text::safe(theirs), text::safe(issuer))
            }
            _ if !self.key_known => "its key is not one of this installation's".to_owned(),
            _ if !self.verifies => {
                "its signature, audience or form is wrong; the key that it names did not sign this".to_owned()
            }
            _ => "by its own times it does not count now".to_owned(),
        }
    }
}

fn standard_input() -> Result<String> {
    let mut stdin = io::stdin().lock();
    if stdin.is_terminal() {
        text::remark("Paste the token, then Enter and Ctrl-D:");
    }
    let mut bytes = Vec::new();
    stdin.by_ref().take(MOST + 1).read_to_end(&mut bytes).context("standard input cannot be read")?;
    if bytes.len() as u64 > MOST {
        bail!("what stands on standard input is longer than 1 MiB: it is no token");
    }
    String::from_utf8(bytes).map_err(|_| anyhow!("what stands on standard input is not text: it is no token"))
}
