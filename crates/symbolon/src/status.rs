//! The installation at a glance, for its operator: what it is, how much there is, what signs. No secret, and nobody's name.

use crate::{
    Symbolon,
    error::Result,
    keyring::KeyInfo,
    store::{Census, Installation},
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
    /// Signing keys, newest first.
    pub keys: Vec<KeyInfo>,
    /// How much there is, where the store counts.
    pub census: Option<Census>,
    /// How much is kept in memory.
    pub cached: Cached,
}

/// How many of each are kept in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cached {
    /// Sessions.
    pub sessions: usize,
    /// Users.
    pub users: usize,
    /// Access tokens proven before.
    pub tokens: usize,
}

impl Symbolon {
    /// How much is kept in memory.
    pub fn cached(&self) -> Cached {
        let memory = &self.0.memory;
        Cached { sessions: memory.sessions.len(), users: memory.users.len(), tokens: memory.tokens.len() }
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
            log_applied: self.view().last_seq(),
            keys: self.keys(),
            census: store.census(self.now()).await?,
            cached: self.cached(),
        })
    }
}
