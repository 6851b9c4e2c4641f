//! Checking an access token, in this order: proven before or signature and claims, then the view, then time. No store, while
//! memory is fresh.
//!
//! Freshness comes before all of it. A node that holds its file alone is always fresh: every ending is applied by the thread that
//! commits it, before anybody is answered. One that is not fresh asks the store whether anything speaks against the token, by a read
//! that this check begins, and neither uses nor fills the cache; when the store is out of reach, nobody guesses.

use symbolon_token::{AccessClaims, Kid};

use super::cache::{CheckedToken, Gist, Near, Seen};
use crate::{
    Symbolon,
    error::{Error, ErrorKind, Result},
    memory::Memory,
    store::TokenRef,
};

impl Symbolon {
    /// A token that is good now, and for us, and may be shown by whoever holds it; decided from memory alone.
    ///
    /// # Errors
    /// `InvalidToken`, the same for every cause; a token that is bound to a key is one (DP-02). `Unavailable` when memory may not
    /// decide: then [`Symbolon::ask_token`] does.
    pub fn check_token(&self, token: &str) -> Result<CheckedToken> {
        unbound(self.known_token(token)?)
    }

    /// [`Symbolon::check_token`], by the store when memory may not decide.
    ///
    /// # Errors
    /// `InvalidToken`; `Unavailable` when the store is out of reach.
    pub async fn ask_token(&self, token: &str) -> Result<CheckedToken> {
        unbound(self.asked_token(token).await?)
    }

    /// A token that is good now, and for us, whoever shows it.
    pub(super) fn known_token(&self, token: &str) -> Result<CheckedToken> {
        let memory = self.0.memory.load();
        let (tokens, near) = (&memory.tokens, Near::of(token));
        // It lies far away; what does not need it is done on the way.
        tokens.fetch_place(near);
        if !memory.fresh(&*self.0.clock) {
            return Err(undecided());
        }
        tokens.fetch_entry(near);
        let seen = Seen::of(token, near);
        if let Some(known) = tokens.get(&seen) {
            if self.still_counts(&memory, known.gist()) {
                return Ok(known);
            }
            tokens.remove(&seen);
            return Err(Error::invalid_token());
        }
        let now = self.now();
        let Some((claims, kid)) = self.0.keyring.authenticate(token, now) else {
            let elsewhere = self.store().shared() && self.0.keyring.misses_key_of(token, now);
            return Err(if elsewhere { undecided() } else { Error::invalid_token() });
        };
        let checked = self.checked(claims, kid);
        if !self.still_counts(&memory, checked.gist()) {
            return Err(Error::invalid_token());
        }
        if self.0.keyring.is_asymmetric(&kid) {
            tokens.insert(seen, checked.clone());
        }
        Ok(checked)
    }

    /// The same, by the store: for a token that memory may not decide, or that names a key of which only the store may know.
    pub(super) async fn asked_token(&self, token: &str) -> Result<CheckedToken> {
        if self.store().shared() && self.0.keyring.misses_key_of(token, self.now()) {
            self.search_keys().await?;
        }
        let (claims, kid) =
            self.0.keyring.authenticate(token, self.now()).ok_or_else(Error::invalid_token)?;
        if !self.counts(&claims, &kid).await? {
            return Err(Error::invalid_token());
        }
        Ok(self.checked(claims, kid))
    }

    /// What an access token of ours says, whomever it is for, if it counts by what the store says now.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn look_up_token(&self, token: &str) -> Result<Option<AccessClaims>> {
        if self.store().shared() && self.0.keyring.misses_key_of(token, self.now()) {
            self.search_keys().await?;
        }
        let proven = self.0.keyring.authenticate_any_audience(token, self.now());
        let Some((claims, kid)) = proven else { return Ok(None) };
        Ok(self.stands(&claims, &kid).await?.then_some(claims))
    }

    /// Whether a proven token counts: by memory when that may decide, else by the store.
    pub(crate) async fn counts(&self, claims: &AccessClaims, kid: &Kid) -> Result<bool> {
        let memory = self.memory();
        if memory.fresh(&*self.0.clock) {
            return Ok(self.still_counts(&memory, &self.gist(claims, kid)));
        }
        self.stands(claims, kid).await
    }

    /// Whether a proven token counts, by a read of the store that begins now.
    async fn stands(&self, claims: &AccessClaims, kid: &Kid) -> Result<bool> {
        let Gist { token, life } = self.gist(claims, kid);
        Ok(self.store().stands(token).await? && life.contains(&self.now()))
    }

    /// Whether a proven token counts, by a memory that was found fresh.
    pub(crate) fn still_counts(&self, memory: &Memory, gist: &Gist) -> bool {
        // The time comes last: the view may forget an ending as soon as what it ended has expired.
        !memory.view.ends(&gist.token) && gist.life.contains(&memory.view.judging(self.now()))
    }

    fn gist(&self, claims: &AccessClaims, kid: &Kid) -> Gist {
        Gist { token: TokenRef::of(claims, kid), life: self.0.keyring.life(claims) }
    }

    fn checked(&self, claims: AccessClaims, kid: Kid) -> CheckedToken {
        CheckedToken::new(self.gist(&claims, &kid), claims)
    }
}

fn unbound(token: CheckedToken) -> Result<CheckedToken> {
    if token.claims().cnf.is_some() { Err(Error::invalid_token()) } else { Ok(token) }
}

fn undecided() -> Error {
    Error::new(ErrorKind::Unavailable, "Memory may not decide at the moment; the store must be asked.")
}
