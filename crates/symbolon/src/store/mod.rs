//! The store: where rows live. One port of use cases, several implementations, one contract suite.
//!
//! Owns every row and every transaction. Refuses business decisions that need no row: those are made above, and come
//! down as one [`Transition`] with its [`Condition`]. SQL never stands outside this folder.
//!
//! What every implementation keeps (and `contract/` tests):
//! * A write that answered is durable, an acknowledgement excepted.
//! * The numbers of log entries become visible in order; a transition's entries are committed with it.
//! * The [`Follower`] has seen a transition's entries before the transition answers: in commit order and without gaps where the
//!   store is held alone; where it is shared, the entries of this process only, in any order.
//! * A transition whose condition fails changes nothing.
//!
//! Called by the engine's rooms; never by a handler.

#[cfg(test)]
pub(crate) mod contract;
pub mod memory;
pub mod postgres;
pub mod requests;
pub mod rows;
pub mod rules;
pub mod sqlite;
mod transfer;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use symbolon_token::{Kid, Timestamp, view::Entry};
use uuid::Uuid;

pub use requests::*;
pub use rows::*;
pub use symbolon_token::TokenRef;

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

/// Who is told of committed log entries.
pub type Follower = Arc<dyn Fn(&[Entry]) + Send + Sync>;

/// Who is woken when another process may have appended to the log.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// The port. All times are the caller's; a store reads no clock, but for one: a shared store takes the time of its leases from its
/// own clock, the same for all who ask, and leaves the caller's aside.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Sets who is told of committed log entries; once, before the first write.
    fn follow(&self, follower: Follower);

    /// Whether other processes write to the same rows, and decide from their own memory.
    fn shared(&self) -> bool {
        false
    }

    /// Sets who is woken when another process may have appended to the log, or a guard may have acknowledged. A hint: it may come
    /// late, twice, for nothing or never, and nothing is correct only because of it.
    fn on_hint(&self, waker: Waker) {
        let _ = waker;
    }

    /// Epochs and other facts of this installation.
    async fn installation(&self) -> Result<Installation>;

    /// Replaces facts of this installation (master key fingerprint, key version). With another log epoch, no guard has applied
    /// anything any more: the numbers of one log mean nothing in another.
    async fn set_installation(&self, installation: Installation) -> Result<()>;

    /// Replaces facts of this installation if they are still `was`: of several processes that start at once one is the first.
    async fn change_installation(&self, was: Installation, installation: Installation) -> Result<bool>;

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

    /// The same for a check, which a store may read with less work.
    async fn standing_session(&self, id: Uuid) -> Result<Option<StandingSession>> {
        Ok(self.session(id).await?.map(StandingSession::from))
    }

    /// The user's sessions that are live at `now`, newest first.
    async fn sessions_of(&self, user: Uuid, now: Timestamp) -> Result<Vec<SessionRow>>;

    /// Whether the rows know nothing against a token: the key was not removed, no entry of the log names the token, its session
    /// (when it has one) was not ended, and its user is there, not disabled, and of its generation. All of one moment.
    async fn stands(&self, token: TokenRef) -> Result<bool>;

    /// The log behind `after`, at most `limit` entries; of one moment, and where there are replicas, from the primary.
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

    /// Adds a key if those that were not removed are still `beside`: of several processes that make one at once, one does.
    async fn add_key(&self, key: KeyRow, beside: Vec<Kid>) -> Result<bool>;

    /// Adds or replaces a client and logs its id as `changed`, until `forget_at` (seconds since 1970). Answers the entry's number.
    async fn put_client(&self, client: ClientRow, forget_at: i64, audit: AuditRow) -> Result<u64>;

    /// Removes a client and logs its id as `changed`. Answers the entry's number; `None` when there is no such client.
    async fn remove_client(&self, id: Uuid, forget_at: i64, audit: AuditRow) -> Result<Option<u64>>;

    /// Writes a guard's row, whether or not it is there, with a lease from the store's time on; durable before it answers. What was
    /// applied of another epoch's log counts as nothing. A number never falls within an epoch's log. Answers the store's time: where several
    /// share the store it is the one clock that all of them can be held against. What the row says then is later than what it said before,
    /// whatever became of the store's clock.
    async fn renew_guard(&self, guard: GuardLease, now: Timestamp) -> Result<Timestamp>;

    /// Raises the number that a guard has applied, if its row is there and the log's epoch still that; never writes a new row. A crash
    /// may lose it: endings only wait longer then.
    async fn acknowledge(&self, guard: Uuid, epoch: Uuid, applied: u64) -> Result<()>;

    /// All guards, in order of id, each with whether its lease is over by the store's time, and was so `step` ago (model F7: the
    /// clock of a new primary may be ahead by that much). Read anew at every call, from the primary.
    async fn guards(&self, step: Duration, now: Timestamp) -> Result<Vec<GuardRow>>;

    /// Removes a guard's row.
    async fn remove_guard(&self, guard: Uuid) -> Result<()>;

    /// Whether a guard without a store was ever granted a lease here.
    async fn remote_guards(&self) -> Result<bool>;

    /// Remembers that one was; durable before it answers.
    async fn note_remote_guards(&self) -> Result<()>;

    /// Appends audit rows that accompany no other write.
    async fn record(&self, rows: Vec<AuditRow>) -> Result<()>;

    /// Removes what is over, at most `limit` rows of each kind (sessions, log entries, audit rows, throttle counters), the oldest
    /// first; and every guard whose lease was over a day before `before.now`, whose clocks that is. Answers how many rows went; after fewer than `limit` there is no hurry to call again.
    async fn purge(&self, before: PurgeBefore, limit: usize) -> Result<usize>;
}
