//! Checking an access token, in this order: proven before or signature and claims, then the view, then time. No store.
//!
//! Freshness comes before all of it. A node that holds its file alone is always fresh: every ending is applied by the thread that
//! commits it, before anybody is answered.

use symbolon_token::{AccessClaims, Kid};

use super::cache::{CheckedToken, Seen};
use crate::{
    Symbolon,
    error::{Error, Result},
};

impl Symbolon {
    /// A token that is good now, and for us, and may be shown by whoever holds it.
    ///
    /// # Errors
    /// `InvalidToken`, the same for every cause; a token that is bound to a key is one (DP-02).
    pub fn check_token(&self, token: &str) -> Result<CheckedToken> {
        let checked = self.known_token(token)?;
        if checked.claims().cnf.is_some() { Err(Error::invalid_token()) } else { Ok(checked) }
    }

    /// A token that is good now, and for us, whoever shows it.
    pub(super) fn known_token(&self, token: &str) -> Result<CheckedToken> {
        let tokens = &self.0.memory.tokens;
        let seen = Seen::of(token);
        if let Some(known) = tokens.get(&seen) {
            if self.still_counts(known.claims(), known.kid()) {
                return Ok(known);
            }
            tokens.remove(&seen);
            return Err(Error::invalid_token());
        }
        let (claims, kid) =
            self.0.keyring.authenticate(token, self.now()).ok_or_else(Error::invalid_token)?;
        if !self.still_counts(&claims, &kid) {
            return Err(Error::invalid_token());
        }
        let checked = CheckedToken::new(claims, kid);
        if self.0.keyring.is_asymmetric(&kid) {
            tokens.insert(seen, checked.clone());
        }
        Ok(checked)
    }

    pub(crate) fn still_counts(&self, claims: &AccessClaims, kid: &Kid) -> bool {
        // The time comes last: the view may forget an ending as soon as what it ended has expired.
        !self.view().ends_token(claims, kid) && self.0.keyring.in_time(claims, self.now())
    }
}
