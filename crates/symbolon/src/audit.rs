//! Who did what to whom from where. One row for each security event, in the transaction of the event wherever there is one.

use symbolon_token::Timestamp;
use uuid::Uuid;

use crate::{
    Symbolon,
    error::Result,
    login::Caller,
    store::{AuditRow, Object},
};

/// Who acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A user, for themselves or (administrators) others.
    User(Uuid),
    /// A machine client.
    Client(Uuid),
    /// The command line.
    Cli,
    /// The server itself.
    System,
    /// Somebody who did not prove who they are.
    Unknown,
}

impl Actor {
    fn text(&self) -> Option<String> {
        match self {
            Self::User(id) => Some(format!("user:{id}")),
            Self::Client(id) => Some(format!("client:{id}")),
            Self::Cli => Some("cli".into()),
            Self::System => Some("system".into()),
            Self::Unknown => None,
        }
    }
}

/// Who acts on somebody else's account or on the installation, and from where. An [`Actor`] alone is one whose address is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    /// Who.
    pub actor: Actor,
    /// From where, for people.
    pub address: Option<String>,
}

impl By {
    /// Somebody who calls from somewhere.
    pub fn caller(actor: Actor, caller: &Caller) -> Self {
        Self { actor, address: Some(caller.address.clone()) }
    }
}

impl From<Actor> for By {
    fn from(actor: Actor) -> Self {
        Self { actor, address: None }
    }
}

/// A row in the making.
pub(crate) struct Event<'a> {
    pub(crate) event: &'static str,
    pub(crate) actor: Actor,
    pub(crate) user: Option<Uuid>,
    pub(crate) session: Option<Uuid>,
    pub(crate) address: Option<&'a str>,
    pub(crate) detail: Object,
}

impl<'a> Event<'a> {
    pub(crate) fn new(event: &'static str, actor: Actor, address: Option<&'a str>) -> Self {
        Self { event, actor, user: None, session: None, address, detail: Object::new() }
    }

    pub(crate) fn by(event: &'static str, by: &'a By) -> Self {
        Self::new(event, by.actor.clone(), by.address.as_deref())
    }

    pub(crate) fn user(self, user: Uuid) -> Self {
        Self { user: Some(user), ..self }
    }

    pub(crate) fn session(self, session: Uuid) -> Self {
        Self { session: Some(session), ..self }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.detail.insert(name.into(), value.into());
        self
    }
}

impl Symbolon {
    pub(crate) fn audit_row(&self, event: Event<'_>, at: Timestamp) -> AuditRow {
        AuditRow {
            id: self.id_at(at),
            at,
            event: event.event.into(),
            actor: event.actor.text(),
            user: event.user,
            session: event.session,
            address: event.address.map(str::to_owned),
            detail: event.detail,
        }
    }

    /// Audit rows, newest first, of one user when given; older than the row `before` when given.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unavailable`].
    pub async fn audit(
        &self,
        user: Option<Uuid>,
        before: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<AuditRow>> {
        Ok(self.store().audit(user, before, limit).await?)
    }
}
