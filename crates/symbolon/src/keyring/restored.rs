//! After the store went back to an earlier state: whatever was issued before counts no more, however it is carried. What was ended since
//! that state cannot be told from what was not, so all of it ends.

use crate::{
    Symbolon,
    audit::{By, Event},
    error::Result,
};

impl Symbolon {
    /// Makes a store that went back to an earlier state (a backup, a dump of the database) fit to be served: a new epoch of the log, a
    /// higher epoch of the installation (the MACs of cookies and refresh tokens), new signing keys in the place of all, and every session
    /// ended; in one transaction, with an audit row. Users, passwords, roles, clients and the audit stay as the store has them.
    ///
    /// `above` is an epoch that the new one must exceed, where more is known than the store says: that of the data which it replaces.
    /// Answers the new epoch. No other process may be serving from the store.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unavailable`]; repeating it is safe.
    pub async fn restored(&self, above: u32, by: impl Into<By>) -> Result<u32> {
        let (by, ring) = (by.into(), &self.0.keyring);
        let _alone = ring.changing.lock().await;
        let before = ring.masters();
        let previous: Vec<u32> = before.previous().iter().map(|master| master.version).collect();
        let mut installation = self.store().installation().await?;
        installation.log_epoch = self.id_at(self.now());
        installation.epoch = installation.epoch.max(above).saturating_add(1);
        // Nothing that the previous ones made is left.
        installation.master_keys.truncate(1);
        let epoch = installation.epoch;
        let event = Event::by("restored", &by).with("epoch", epoch);
        self.take_over(before.without(&previous), installation, true, event).await?;
        Ok(epoch)
    }
}
