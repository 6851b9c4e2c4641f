//! `symbolon client`: programs that call this server in their own name.

mod add;
mod list;
mod remove;
mod rotate;

use anyhow::{Result, anyhow, bail};
use clap::Subcommand;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::{answer::read, node::Node, text};

/// Registers, lists and removes machine clients, and gives them new secrets.
#[derive(Subcommand)]
pub(super) enum Client {
    Add(add::Add),
    List(list::List),
    Rotate(rotate::Rotate),
    Remove(remove::Remove),
}

impl Client {
    pub(super) async fn run(self) -> Result<()> {
        match self {
            Self::Add(verb) => verb.run().await,
            Self::List(verb) => verb.run().await,
            Self::Rotate(verb) => verb.run().await,
            Self::Remove(verb) => verb.run().await,
        }
    }
}

/// A client as the admin API shows one.
#[derive(Deserialize)]
struct Registered {
    id: Uuid,
    name: String,
    scopes: Vec<String>,
    secrets: usize,
    created_at: String,
    secret: Option<String>,
}

impl Registered {
    fn path(&self) -> String {
        format!("/v1/admin/clients/{}", self.id)
    }

    fn shown(&self) -> String {
        format!("{} (id {})", text::safe(&self.name), self.id)
    }
}

async fn all(node: &Node) -> Result<Vec<Value>> {
    #[derive(Deserialize)]
    struct Clients {
        clients: Vec<Value>,
    }
    let Clients { clients } = node.get("/v1/admin/clients").await?.read()?;
    Ok(clients)
}

/// The one client of an id or a name.
async fn find(node: &Node, which: &str) -> Result<Registered> {
    let mut found = Vec::new();
    for client in all(node).await? {
        let client: Registered = read(client)?;
        if client.id.to_string() == which {
            return Ok(client);
        }
        if client.name == which {
            found.push(client);
        }
    }
    let shown = text::safe(which);
    if found.len() > 1 {
        bail!(
            "there are {} clients of the name {shown}; say which by id (`symbolon client list`)",
            found.len()
        );
    }
    found
        .pop()
        .ok_or_else(|| anyhow!("there is no client {shown}; `symbolon client list` shows which there are"))
}

/// Prints what was done and the secret: the secret alone on standard output, so that `$(…)` takes it; or all of it as JSON.
fn tell_secret(value: &Value, json: bool, done: &str) -> Result<()> {
    if json {
        return text::print_json(value);
    }
    let client: Registered = read(value.clone())?;
    let secret = client.secret.as_deref().ok_or_else(|| anyhow!("the server did not say the secret"))?;
    text::remark(format!("{done} {}, allowed: {}.", client.shown(), client.scopes.join(", ")));
    text::remark("This is its secret. It is shown once and not to be had again:");
    text::say(secret)?;
    Ok(())
}
