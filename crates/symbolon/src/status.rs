//! The installation at a glance, for its operator: what it is, how much there is, what signs. No secret, and nobody's name.

use std::time::Duration;

use uuid::Uuid;

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
    /// The number up to which the log is applied here.
    pub applied: u64,
    /// The lease; `None` where the store is held alone and there is none.
    pub lease: Option<Lease>,
    /// Guards without a store that hold a lease by this process, or did within the hour.
    pub remote: Vec<RemoteGuard>,
    /// What endings waited for so far.
    pub barriers: Barriers,
}

/// A node's lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The guard that this start of the process is.
    pub id: Uuid,
    /// How long one is.
    pub length: Duration,
    /// How long ago it was renewed.
    pub age: Duration,
    /// What is left of it.
    pub left: Duration,
    /// How long ago the log was last known here to its end: what another process ended since may be accepted here still, and a call
    /// that ends something waits for it.
    pub lag: Duration,
    /// How often it was not renewed, or the log not read, so far.
    pub failures: u64,
    /// How far the wall clock is from the store's, at least.
    pub clocks_apart: Duration,
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
        let (memory, revocation, clock) = (self.memory(), &self.0.revocation, &*self.0.clock);
        let now = clock.monotonic();
        let lease = || Lease {
            id: revocation.id(),
            length: revocation.terms().lease(self.now()),
            age: revocation.seen().lease_age(now),
            left: memory.freshness_left(clock).unwrap_or_default(),
            lag: revocation.seen().lag(now),
            failures: revocation.seen().failures(),
            clocks_apart: self.clocks_apart(),
        };
        Guarding {
            fresh: memory.fresh(clock),
            applied: memory.view.last_seq(),
            lease: self.store().shared().then(lease),
            remote: revocation.remote_guards(now),
            barriers: revocation.seen().barriers(),
        }
    }

    /// Nodes that share the store, each with what it has applied; none where it is held alone. Reads the store.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unavailable`].
    pub async fn nodes(&self) -> Result<Vec<GuardRow>> {
        Ok(self.store().guards(Duration::ZERO, self.now()).await?)
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
            guarding: self.guarding(),
            guards: self.nodes().await?,
            keys: self.keys(),
            census: store.census(self.now()).await?,
            cached: self.cached(),
        })
    }
}
