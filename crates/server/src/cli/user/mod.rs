//! `symbolon user`: who there is. One verb per file; what several share is here.

mod add;
mod delete;
mod disable;
mod enable;
mod import;
mod list;
mod passwd;
mod role;
mod show;

use anyhow::{Context, Result, anyhow, bail};
use clap::Subcommand;
use http::Method;
use serde::Deserialize;
use serde_json::Value;
use symbolon::user::identifier::Identifier;
use uuid::Uuid;

use super::{
    answer::{self, read},
    node::{Node, encoded},
    text,
};

/// Makes, lists, changes and takes in users.
#[derive(Subcommand)]
pub(super) enum User {
    Add(add::Add),
    List(list::List),
    Show(show::Show),
    Disable(disable::Disable),
    Enable(enable::Enable),
    Delete(delete::Delete),
    Passwd(passwd::Passwd),
    Role(role::Role),
    Import(import::Import),
}

impl User {
    pub(super) async fn run(self) -> Result<()> {
        match self {
            Self::Add(verb) => verb.run().await,
            Self::List(verb) => verb.run().await,
            Self::Show(verb) => verb.run().await,
            Self::Disable(verb) => verb.run().await,
            Self::Enable(verb) => verb.run().await,
            Self::Delete(verb) => verb.run().await,
            Self::Passwd(verb) => verb.run().await,
            Self::Role(verb) => verb.run().await,
            Self::Import(verb) => verb.run().await,
        }
    }
}

/// A user as the admin API shows one.
#[derive(Deserialize)]
pub(super) struct Account {
    pub(super) id: Uuid,
    pub(super) identifier: String,
    pub(super) roles: Vec<String>,
    disabled: bool,
    created_at: String,
}

impl Account {
    /// Where it is in the admin API.
    pub(super) fn path(&self) -> String {
        format!("/v1/admin/users/{}", self.id)
    }

    fn state(&self) -> &'static str {
        if self.disabled { "disabled" } else { "active" }
    }

    fn shown(&self) -> std::borrow::Cow<'_, str> {
        text::safe(&self.identifier)
    }
}

/// A page of users.
#[derive(Deserialize)]
struct Page {
    users: Vec<Value>,
    next: Option<Uuid>,
}

/// The longest page that there is.
const PAGE: usize = 200;

/// A page of users whose canonical identifier begins with `prefix`.
async fn page(lane: &mut super::node::Lane, prefix: &str, after: Option<Uuid>, limit: usize) -> Result<Page> {
    let after = after.map(|after| format!("&after={after}")).unwrap_or_default();
    let path = format!("/v1/admin/users?identifier={}&limit={limit}{after}", encoded(prefix));
    lane.send(&Method::GET, &path, None).await?.read()
}

/// The one user that people mean by an identifier or an id, with the answer as it came.
///
/// # Errors
/// When there is none.
pub(super) async fn find(node: &Node, who: &str) -> Result<(Account, Value)> {
    let none = || anyhow!("there is no user {}; `symbolon user list` shows who there is", text::safe(who));
    if let Some(id) = id(who) {
        let found = node.get(&format!("/v1/admin/users/{id}")).await?.read::<Value>();
        let value = found.map_err(|error| if answer::is(&error, "not_found") { none() } else { error })?;
        return Ok((read(value.clone())?, value));
    }
    let wanted = Identifier::parse(who)
        .map_err(|error| anyhow!("{} cannot be anybody's identifier: {error}", text::safe(who)))?;
    let mut lane = node.lane().await?;
    let mut after = None;
    loop {
        let Page { users, next } = page(&mut lane, wanted.canonical(), after, PAGE).await?;
        for value in users {
            let account: Account = read(value.clone())?;
            let canonical = Identifier::parse(&account.identifier);
            if canonical.is_ok_and(|identifier| identifier.canonical() == wanted.canonical()) {
                return Ok((account, value));
            }
        }
        after = Some(next.ok_or_else(none)?);
    }
}

/// An id in the one form that the API writes; `None` for what can only be an identifier.
fn id(text: &str) -> Option<Uuid> {
    (text.len() == 36).then(|| Uuid::parse_str(text).ok()).flatten()
}

/// An id that an argument must be.
pub(super) fn need_id(text: &str, what: &str) -> Result<Uuid> {
    id(text).with_context(|| format!("{} is not the id of a {what}", text::safe(text)))
}

/// Changes a user.
async fn patch(node: &Node, who: &str, change: &Value) -> Result<(Account, Value)> {
    let (account, _) = find(node, who).await?;
    let value = node.patch(&account.path(), change).await?.value()?;
    if value.is_null() {
        bail!("the server did not say what became of it");
    }
    Ok((account, value))
}
