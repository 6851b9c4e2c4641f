//! Throttling: who may try again, and when.
//!
//! Owns which counters an attempt charges. Only wrong passwords count: charged before hashing, refunded on success. A browser that
//! logged this user in before has a counter of its own instead of the account's and the address's, so that a stranger cannot lock
//! the user out.

use std::time::Duration;

use symbolon_token::KnownBrowser;
use uuid::Uuid;

use super::Caller;
use crate::{
    Symbolon,
    error::{Error, ErrorKind, Result},
    store::{Charge, Charged, Refund, ThrottleKey, ThrottleRule},
};

/// The counters of one attempt.
pub(crate) struct Charges {
    charges: Vec<Charge>,
    refunds: Vec<Refund>,
}

impl Charges {
    /// What a success gives back.
    pub(crate) fn refunds(&self) -> Vec<Refund> {
        self.refunds.clone()
    }

    /// What takes the charges back and nothing else, as if nobody had tried.
    fn undone(&self) -> Vec<Refund> {
        self.charges.iter().map(|charge| Refund::One(charge.key, charge.rule)).collect()
    }
}

/// A block that lies further ahead than any rule puts it was written before the clock was set back.
const CLOCK_SLACK: Duration = Duration::from_secs(60);

impl Symbolon {
    /// Charges one try at a password. `name` is the canonical identifier (or what was typed, when it is none); `user` whom it
    /// names, if anybody.
    pub(crate) async fn charge_attempt(
        &self,
        name: &str,
        user: Option<Uuid>,
        known: Option<&KnownBrowser>,
        caller: &Caller,
    ) -> Result<Charges> {
        let rules = &self.settings().throttle;
        let known = known.filter(|known| {
            user == Some(known.user())
                && self.0.keyring.masters().known_browser_keys().any(|key| known.genuine(key))
        });
        let charges = if let Some(known) = known {
            let key = self.key("browser", known.reveal().as_bytes());
            Charges { charges: vec![Charge { key, rule: rules.account }], refunds: vec![Refund::Clear(key)] }
        } else {
            let account = self.key("account", name.as_bytes());
            let address = self.key("address", caller.throttle_name().as_bytes());
            let rule = self.scaled(rules.address, caller);
            Charges {
                charges: vec![Charge { key: account, rule: rules.account }, Charge { key: address, rule }],
                refunds: vec![Refund::Clear(account), Refund::One(address, rule)],
            }
        };
        self.charge(charges.charges.clone()).await?;
        Ok(charges)
    }

    pub(crate) async fn charge_registration(&self, caller: &Caller) -> Result<()> {
        let rule = self.scaled(self.settings().throttle.registration, caller);
        let key = self.key("registration", caller.throttle_name().as_bytes());
        self.charge(vec![Charge { key, rule }]).await
    }

    /// Takes charges back: only a wrong password counts, and none was seen. What fails here costs one try.
    pub(crate) async fn give_back(&self, charges: &Charges) {
        if let Err(error) = self.store().refund(charges.undone()).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a throttle charge could not be taken back"
            );
        }
    }

    async fn charge(&self, charges: Vec<Charge>) -> Result<()> {
        let now = self.now();
        let longest = charges.iter().map(|charge| charge.rule.max_block_ms).max().unwrap_or_default();
        let longest = Duration::from_millis(u64::try_from(longest).unwrap_or_default()) + CLOCK_SLACK;
        let mut charged = self.store().charge(charges.clone(), now).await?;
        if matches!(charged, Charged::Blocked(until) if until.since(now) > longest) {
            // Nobody stays locked out for as long as the clock was wrong (CR-17): the counters begin anew.
            let clear = charges.iter().map(|charge| Refund::Clear(charge.key)).collect();
            self.store().refund(clear).await?;
            charged = self.store().charge(charges, now).await?;
        }
        match charged {
            Charged::Allowed => Ok(()),
            Charged::Blocked(until) => {
                let wait = until.since(now).max(Duration::from_secs(1));
                Err(Error::later(ErrorKind::TooManyAttempts, "Too many attempts. Try again later.", wait))
            }
        }
    }

    /// A peer that may speak for many (DESIGN, "Throttling") has a multiple of an address's free tries.
    fn scaled(&self, rule: ThrottleRule, caller: &Caller) -> ThrottleRule {
        let factor = if caller.shared { self.settings().throttle.shared_factor } else { 1 };
        ThrottleRule { free: rule.free.saturating_mul(factor), ..rule }
    }

    fn key(&self, label: &str, name: &[u8]) -> ThrottleKey {
        let tag = self.0.keyring.masters().throttle().tag(&[label.as_bytes(), &[0], name]);
        let mut key = ThrottleKey::default();
        key.copy_from_slice(&tag[..16]);
        key
    }
}
