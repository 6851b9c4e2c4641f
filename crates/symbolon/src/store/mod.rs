//! The store: where rows live. One port of use cases, several implementations, one contract suite.
//!
//! Owns every row and every transaction. Refuses business decisions that need no row: those are made above, and come
//! down as one [`Transition`] with its [`Condition`]. SQL never stands outside this folder.
//!
//! What every implementation keeps (and `contract/` tests):
//! * A write that answered is durable.
//! * The numbers of log entries become visible in order; a transition's entries are committed with it.
//! * The [`Follower`] has seen a transition's entries, in commit order, before the transition answers.
//! * A transition whose condition fails changes nothing.
//!
//! Called by the engine's rooms; never by a handler.

#[cfg(test)]
mod contract;
pub mod memory;
pub mod requests;
pub mod rows;
pub mod rules;
pub mod sqlite;

use std::sync::Arc;

use async_trait::async_trait;
use symbolon_token::{Timestamp, view::Entry};
use uuid::Uuid;

pub use requests::*;
pub use rows::*;

/// What goes wrong with a store. Never shown to a client.
#[derive(Debug, thiserror::Error)]
#[error("{context}")]
pub struct StoreError {
    context: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl StoreError {
    /// An error with a sentence for the operator and no deeper cause.
    pub fn new(context: impl Into<String>) -> Self {
        Self { context: context.into(), source: None }
    }

    /// An error with a sentence for the operator and its cause.
    pub fn caused(
        context: impl Into<String>,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self { context: context.into(), source: Some(Box::new(source)) }
    }
}

/// The answer of a store.
pub type Result<T> = std::result::Result<T, StoreError>;

/// Who is told of committed log entries, in commit order.
pub type Follower = Arc<dyn Fn(&[Entry]) + Send + Sync>;

/// The port. All times are the caller's; a store reads no clock.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Sets who is told of committed log entries; once, before the first write.
    fn follow(&self, follower: Follower);

    /// Epochs and other facts of this installation.
    async fn installation(&self) -> Result<Installation>;

    /// Replaces facts of this installation (master key fingerprint, key version).
    async fn set_installation(&self, installation: Installation) -> Result<()>;

    /// One user.
    async fn user(&self, id: Uuid) -> Result<Option<UserRow>>;

    /// A user and its password by canonical identifier.
    async fn login_by_identifier(&self, canonical: &str) -> Result<Option<LoginRow>>;

    /// A user and its password by id.
    async fn login_by_user(&self, user: Uuid) -> Result<Option<LoginRow>>;

    /// Users in order of id, from behind `after`; `prefix` is the start of a canonical identifier.
    async fn users(&self, prefix: Option<&str>, after: Option<Uuid>, limit: usize) -> Result<Vec<UserRow>>;

    /// One session with the facts of its user that say whether it lives.
    async fn session(&self, id: Uuid) -> Result<Option<SessionWithUser>>;

    /// The user's sessions that are live at `now`, newest first.
    async fn sessions_of(&self, user: Uuid, now: Timestamp) -> Result<Vec<SessionRow>>;

    /// The log behind `after`, at most `limit` entries.
    async fn log_after(&self, after: u64, limit: usize) -> Result<LogPage>;

    /// All keys that were not removed.
    async fn keys(&self) -> Result<Vec<KeyRow>>;

    /// Whether a session names this master key that was not ended and whose absolute end has not passed. May look at all of them.
    async fn names_master_key(&self, version: u32, now: Timestamp) -> Result<bool>;

    /// All machine clients.
    async fn clients(&self) -> Result<Vec<ClientRow>>;

    /// Audit rows, newest first; of one user when given; older than `before` when given.
    async fn audit(&self, user: Option<Uuid>, before: Option<Uuid>, limit: usize) -> Result<Vec<AuditRow>>;

    /// How much there is, where that is cheap to say.
    async fn census(&self, now: Timestamp) -> Result<Option<Census>> {
        let _ = now;
        Ok(None)
    }

    /// Creates a user, its identifier and its password together.
    async fn register(&self, new: NewUser) -> Result<Registered>;

    /// Changes what of a user ends nothing (profile, roles, re-enabling) and logs `changed`. `None`: no such user.
    async fn change_user(&self, change: UserChange) -> Result<Option<(UserRow, u64)>>;

    /// Replaces a hash by a better one of the same password, only if it is still `old`. The version stays.
    async fn rehash(&self, credential: Uuid, old: &str, new: &str) -> Result<bool>;

    /// The one write that ends or mints anything.
    async fn transact(&self, transition: Transition) -> Result<Outcome>;

    /// Moves a refresh chain: compare-and-set under the lock that endings take.
    async fn refresh(&self, request: RefreshRequest) -> Result<Refreshed>;

    /// Writes activity of sessions that, as the rows say, were live when seen. It never revives one that ended or ran out, and
    /// never lengthens one beyond its absolute end; so it must come before the idle end that the store knows.
    async fn touch(&self, touches: Vec<Touch>) -> Result<()>;

    /// Charges throttle counters, all or none: refused when one of them is blocked.
    async fn charge(&self, charges: Vec<Charge>, now: Timestamp) -> Result<Charged>;

    /// Takes charges back after a success.
    async fn refund(&self, refunds: Vec<Refund>) -> Result<()>;

    /// Adds a key, or replaces its times and seal. Refused (`false`) for a kid that was removed.
    async fn put_key(&self, key: KeyRow) -> Result<bool>;

    /// Adds or replaces a client.
    async fn put_client(&self, client: ClientRow, audit: AuditRow) -> Result<()>;

    /// Removes a client; `false` when there is none.
    async fn remove_client(&self, id: Uuid, audit: AuditRow) -> Result<bool>;

    /// Appends audit rows that accompany no other write.
    async fn record(&self, rows: Vec<AuditRow>) -> Result<()>;

    /// Removes what is over, at most `limit` rows of each kind (sessions, log entries, audit rows, throttle counters), the oldest
    /// first. Answers how many rows went; after fewer than `limit` there is no hurry to call again.
    async fn purge(&self, before: PurgeBefore, limit: usize) -> Result<usize>;
}
