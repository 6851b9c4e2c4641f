//! After the store went back to an earlier state: whatever was issued before counts no more, however it is carried. What was ended since
//! that state cannot be told from what was not, so all of it ends.

use std::time::Duration;

use crate::{
    Symbolon,
    audit::{By, Event},
    error::{Error, ErrorKind, Result},
};

impl Symbolon {
    /// Makes a store that went back to an earlier state (a backup, a dump of the database) fit to be served: a new epoch of the log, a
    /// higher epoch of the installation (the MACs of cookies and refresh tokens), new signing keys in the place of all, and every session
    /// ended; in one transaction, with an audit row. Users, passwords, roles, clients and the audit stay as the store has them.
    ///
    /// It answers when nobody decides by what the store was before: a lease that was given then, by a process that was stopped since,
    /// is waited out. What the store says of those counts, and `lease`, where more is known than it says: how long one may have been.
    /// `above` likewise is an epoch that the new one must exceed: that of the data which it replaces. Answers the new epoch.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Forbidden`] when other nodes run on the store, and then nothing has happened;
    /// [`crate::ErrorKind::Unavailable`]; repeating it is safe.
    pub async fn restored(&self, above: u32, lease: Option<Duration>, by: impl Into<By>) -> Result<u32> {
        let (by, ring) = (by.into(), &self.0.keyring);
        let _alone = ring.changing.lock().await;
        if !self.alone().await? {
            let text = "Other nodes run on this database. Stop them first. Nothing was changed.";
            return Err(Error::new(ErrorKind::Forbidden, text));
        }
        let before = ring.masters();
        let previous: Vec<u32> = before.previous().iter().map(|master| master.version).collect();
        let was = self.store().installation().await?;
        let mut installation = was.clone();
        installation.log_epoch = self.id_at(self.now());
        installation.epoch = installation.epoch.max(above).saturating_add(1);
        // Nothing that the previous ones made is left.
        installation.master_keys.truncate(1);
        let epoch = installation.epoch;
        let event = Event::by("restored", &by).with("epoch", epoch);
        self.take_over(before.without(&previous), (was, installation), true, event).await?;
        self.outlast_leases_of_before(lease).await;
        Ok(epoch)
    }
}
