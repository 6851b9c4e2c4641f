//! Replacing keys: by age, by command, and at once.
//!
//! A next key is published `publish_before` ahead of its first signature, so that every verifier has it by then; the old one
//! verifies until the last token it signed is dead. So a rotation fails no request.

use std::{sync::Arc, time::Duration};

use symbolon_token::{Kid, Timestamp};

use super::{KeyInfo, masters::Masters};
use crate::{
    Symbolon,
    audit::{Actor, By, Event},
    error::{Error, ErrorKind, Result},
    revocation::{Ending, lease::in_time},
    store::{End, KeyRow},
};

/// Keys that are published at a time: a verifier refuses a set of more than 16 (JD-14), and the removal of one makes its successor first.
const MOST_KEYS: usize = 15;

impl Symbolon {
    /// Makes the next key: published now, signing after the publishing time, or `at_once` (verifiers that cached the old set must
    /// then fetch anew). A next key that waits already is taken instead of making another.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Forbidden`] while too many keys are published still, [`crate::ErrorKind::Unavailable`].
    pub async fn rotate_keys(&self, at_once: bool, by: impl Into<By>) -> Result<KeyInfo> {
        let (by, now) = (by.into(), self.now());
        let _alone = self.0.keyring.changing.lock().await;
        // Nothing is sealed by a master key that another process has replaced.
        self.reload_keys().await?;
        let token = &self.settings().token;
        let sign_from = if at_once { now } else { now.plus(token.publish_before) };
        if self.keys().len() >= MOST_KEYS {
            let text =
                "There are 15 keys already, of which tokens may still be about. Wait a day, or remove one.";
            return Err(Error::new(ErrorKind::Forbidden, text));
        }
        let row = self.next_key(now, sign_from).await?;
        let kid = row.kid;
        self.store().put_key(row).await?;
        let event = Event::by("key_rotated", &by).with("kid", kid.to_string());
        self.store().record(vec![self.audit_row(event, now)]).await?;
        self.reload_keys().await?;
        self.keys().into_iter().find(|key| key.kid == kid).ok_or_else(Error::not_found)
    }

    /// Removes a key at once, and with it every token it signed. When it was the one that signs, another takes its place first.
    ///
    /// # Errors
    /// [`crate::ErrorKind::NotFound`] for a kid that never was.
    pub async fn remove_key(&self, kid: Kid, by: impl Into<By>) -> Result<()> {
        let (by, now) = (by.into(), self.now());
        let _alone = self.0.keyring.changing.lock().await;
        self.reload_keys().await?;
        let signs = *self.0.keyring.signing(now)?.kid();
        if signs == kid {
            // A new one, never the one before it: that was retired for a reason.
            let successor = self.next_key(now, now).await?;
            self.store().put_key(successor).await?;
            self.reload_keys().await?;
        }
        let event = Event::by("key_removed", &by).with("kid", kid.to_string());
        self.end(Ending::of(End::Key(kid), event)).await?;
        self.reload_keys().await
    }

    /// Makes the next key when the latest one comes of age or is of another algorithm, and removes those whose last token is dead.
    pub(crate) async fn tend_keys(&self) -> Result<()> {
        let now = self.now();
        let _alone = self.0.keyring.changing.lock().await;
        let token = &self.settings().token;
        // What another process made meanwhile is not made again.
        self.reload_keys().await?;
        let keys = self.keys();
        let Some(latest) = keys.first() else { return Ok(()) };
        let due = due(latest.sign_from, now, token);
        if latest.algorithm != token.algorithm || due.is_some() {
            let sign_from = due.unwrap_or(now).max(now.plus(token.publish_before));
            let next = self.new_key(&self.store().keys().await?, now, sign_from)?;
            let event = Event::new("key_rotated", Actor::System, None).with("kid", next.kid.to_string());
            if self.store().add_key(next, keys.iter().map(|key| key.kid).collect()).await? {
                self.store().record(vec![self.audit_row(event, now)]).await?;
            }
            self.reload_keys().await?;
        }
        let published = self.jwks_and_symmetric(now);
        for key in keys.iter().filter(|key| !published.contains(&key.kid)) {
            let event = Event::new("key_expired", Actor::System, None).with("kid", key.kid.to_string());
            self.end(Ending::of(End::Key(key.kid), event)).await?;
        }
        self.reload_keys().await
    }

    fn jwks_and_symmetric(&self, now: Timestamp) -> Vec<Kid> {
        let ring = &self.0.keyring;
        ring.loaded.load().keys.iter().filter(|key| !key.over(now, ring)).map(|key| key.row.kid).collect()
    }

    /// Takes the store's keys into use, and the master keys that count by it; one call after the other. None takes longer than a lease: one
    /// that hangs must not keep a renewal, which may need them, from being tried.
    pub(crate) async fn reload_keys(&self) -> Result<()> {
        let lease = self.0.revocation.terms().lease(self.now());
        in_time(lease, self.0.keyring.reload(self.store(), self.now(), self.randomness())).await
    }

    /// The master keys, if one of them makes `genuine` say yes. A node that may not decide from memory may not know all that count: it
    /// asks the store before it takes for made up what another node's key made.
    ///
    /// # Errors
    /// `Unavailable`: nobody can say.
    pub(crate) async fn genuine_by(
        &self,
        genuine: impl Fn(&Masters) -> bool + Send,
    ) -> Result<Option<Arc<Masters>>> {
        // In this order: who was fresh then knows all of then now.
        let may_lack = self.store().shared() && !self.memory().fresh(&*self.0.clock);
        let masters = self.0.keyring.masters();
        if genuine(&masters) {
            return Ok(Some(masters));
        }
        if !may_lack || masters.are_of(&self.store().installation().await?) {
            return Ok(None);
        }
        self.reload_keys().await?;
        Ok(Some(self.0.keyring.masters()).filter(|masters| genuine(masters)))
    }

    /// The key that shall sign from then on: one that waits already, or a new one.
    async fn next_key(&self, now: Timestamp, sign_from: Timestamp) -> Result<KeyRow> {
        let algorithm = self.settings().token.algorithm.name();
        let rows = self.store().keys().await?;
        match rows.iter().find(|row| row.sign_from > now && row.algorithm == algorithm) {
            Some(row) => Ok(KeyRow { sign_from: row.sign_from.min(sign_from), ..row.clone() }),
            None => self.new_key(&rows, now, sign_from),
        }
    }

    /// A new key beside those there are. Of keys that sign from the same moment on the youngest does, so no two are of one age.
    fn new_key(&self, rows: &[KeyRow], now: Timestamp, sign_from: Timestamp) -> Result<KeyRow> {
        const TICK: Duration = Duration::from_millis(1);
        let youngest = rows.iter().map(|row| row.created_at).max();
        let created_at = youngest.map_or(now, |youngest| now.max(youngest.plus(TICK)));
        self.0.keyring.generate(self.settings().token.algorithm, created_at, sign_from, self.randomness())
    }
}

/// When a key that is due must begin to sign; `None` while it is not due.
fn due(latest: Timestamp, now: Timestamp, token: &crate::limits::TokenSettings) -> Option<Timestamp> {
    let end = latest.plus(token.rotate_every);
    (now >= end.minus(token.publish_before)).then_some(end)
}
