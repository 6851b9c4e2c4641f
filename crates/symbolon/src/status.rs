//! The installation at a glance, for its operator: what it is, how much there is, what signs. No secret, and nobody's name.

use std::time::Duration;

use crate::{
    Asked, Symbolon,
    error::Result,
    keyring::KeyInfo,
    memory::Memory,
    revocation::{Barriers, RemoteGuard},
    store::{Census, GuardRow, Installation},
};

/// See the module.
#[derive(Clone, Debug)]
pub struct Status {
    /// This program's version.
    pub version: &'static str,
    /// Epochs, and the numbers and fingerprints of the master keys.
    pub installation: Installation,
    /// The number of the revocation log's last entry.
    pub log_head: u64,
    /// Entries of the log up to this number may be gone.
    pub log_trimmed: u64,
    /// The number up to which this process has applied the log.
    pub log_applied: u64,
    /// This process as a guard.
    pub guarding: Guarding,
    /// Nodes that share the store, each with what it has applied.
    pub guards: Vec<GuardRow>,
    /// Signing keys, newest first.
    pub keys: Vec<KeyInfo>,
    /// How much there is, where the store counts.
    pub census: Option<Census>,
    /// How much is kept in memory.
    pub cached: Cached,
}

/// How this process stands in the protocol of revocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guarding {
    /// Whether memory may decide at the moment.
    pub fresh: bool,
    /// What is left of the lease; `None` where the store is held alone and there is none.
    pub lease_left: Option<Duration>,
    /// Guards without a store that hold a lease by this process.
    pub remote: Vec<RemoteGuard>,
    /// What endings waited for so far.
    pub barriers: Barriers,
}

/// How many of each are kept in memory, and how often they were asked for there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cached {
    /// Sessions.
    pub sessions: usize,
    /// How often a session was.
    pub sessions_asked: Asked,
    /// Users.
    pub users: usize,
    /// How often a user was.
    pub users_asked: Asked,
    /// Access tokens proven before.
    pub tokens: usize,
    /// How often a token was.
    pub tokens_asked: Asked,
}

impl Symbolon {
    /// How much is kept in memory.
    pub fn cached(&self) -> Cached {
        let memory = self.memory();
        let Memory { sessions, users, tokens, .. } = &*memory;
        Cached {
            sessions: sessions.len(),
            sessions_asked: sessions.asked(),
            users: users.len(),
            users_asked: users.asked(),
            tokens: tokens.len(),
            tokens_asked: tokens.asked(),
        }
    }

    /// How this process stands in the protocol of revocation.
    pub fn guarding(&self) -> Guarding {
        let (memory, clock) = (self.memory(), &*self.0.clock);
        Guarding {
            fresh: memory.fresh(clock),
            lease_left: memory.freshness_left(clock),
            remote: self.0.revocation.remote_guards(clock.monotonic()),
            barriers: self.0.revocation.barriers(),
        }
    }

    /// The installation at a glance. Reads the store.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unavailable`].
    pub async fn status(&self) -> Result<Status> {
        let store = self.store();
        let log = store.log_after(u64::MAX >> 1, 1).await?;
        Ok(Status {
            version: env!("CARGO_PKG_VERSION"),
            installation: store.installation().await?,
            log_head: log.head,
            log_trimmed: log.trimmed,
            log_applied: self.memory().view.last_seq(),
            guarding: self.guarding(),
            guards: store.guards(Duration::ZERO, self.now()).await?,
            keys: self.keys(),
            census: store.census(self.now()).await?,
            cached: self.cached(),
        })
    }
}
