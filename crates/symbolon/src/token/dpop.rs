//! Proofs of possession (RFC 9449) at this server. What a proof is, the memory of those that were used and the nonces stand in
//! `symbolon_token::dpop`.
//!
//! Refuses a proof that was used, one without a good nonce where nonces are asked for, and a key or a process that shows more than memory
//! has room for. Only what a right password, a genuine refresh token or a live access token came with is remembered: a stranger fills
//! nothing.

use std::time::Duration;

use symbolon_token::{
    Proof,
    dpop::{Nonces, NotTaken, REMEMBERED, UsedProofs},
};

use super::cache::CheckedToken;
use crate::{
    Symbolon,
    clock::{Randomness, random},
    error::{Error, ErrorKind, Result},
};

/// A proof as a request brought it, and the request as we know it.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    /// The `DPoP` header.
    pub proof: &'a str,
    /// The method.
    pub method: &'a str,
    /// The URL without query, made of the issuer and never of what the request calls us.
    pub url: &'a str,
}

/// What one process keeps of proofs.
pub(crate) struct Dpop {
    nonces: Option<Nonces>,
    used: UsedProofs,
}

impl Dpop {
    /// `nonces`: whether proofs must repeat one. `shared`: the key of those that several processes take.
    pub(crate) fn new(nonces: bool, shared: Option<&[u8; 32]>, randomness: &dyn Randomness) -> Self {
        let nonces = match shared {
            Some(key) => Some(Nonces::shared(*key)),
            None => nonces.then(|| Nonces::of_one_process(random(randomness))),
        };
        Self { nonces, used: UsedProofs::default() }
    }
}

impl Symbolon {
    /// A fresh nonce, where proofs must repeat one.
    pub fn dpop_nonce(&self) -> Option<String> {
        let nonces = self.0.dpop.nonces.as_ref()?;
        Some(nonces.make(self.nonce_time(nonces), random(self.randomness())))
    }

    /// Reads the proof of a request. It is not used up yet.
    ///
    /// # Errors
    /// `InvalidProof`, the same for every cause; `UseNonce` when it is good but for the nonce.
    pub fn prove_possession(&self, shown: &Shown<'_>) -> Result<Proof> {
        let proof = Proof::parse(shown.proof).map_err(|_| Error::invalid_proof())?;
        proof.is_for(shown.method, shown.url, self.now()).map_err(|_| Error::invalid_proof())?;
        match &self.0.dpop.nonces {
            Some(nonces)
                if !proof.nonce().is_some_and(|nonce| nonces.takes(nonce, self.nonce_time(nonces))) =>
            {
                Err(Error::new(
                    ErrorKind::UseNonce,
                    "Repeat the request with a proof that holds this server's nonce.",
                ))
            }
            _ => Ok(proof),
        }
    }

    /// A token that is bound to a key, shown with a proof of that key for this request, which is used up.
    ///
    /// # Errors
    /// `Unavailable` when memory may not decide; `InvalidToken` when the token is bad, not bound, or bound to another key; `InvalidProof`; `UseNonce`; `TooManyAttempts` and
    /// `Overloaded` when there is no room for one more proof.
    pub fn check_bound_token(&self, token: &str, shown: &Shown<'_>) -> Result<CheckedToken> {
        self.possessed(self.known_token(token)?, token, shown)
    }

    /// [`Symbolon::check_bound_token`], by the store when memory may not decide.
    ///
    /// # Errors
    /// The same; `Unavailable` when the store is out of reach.
    pub async fn ask_bound_token(&self, token: &str, shown: &Shown<'_>) -> Result<CheckedToken> {
        self.possessed(self.asked_token(token).await?, token, shown)
    }

    fn possessed(&self, checked: CheckedToken, token: &str, shown: &Shown<'_>) -> Result<CheckedToken> {
        let bound = checked.claims().cnf.as_ref().ok_or_else(Error::invalid_token)?;
        let proof = self.prove_possession(shown)?;
        proof.is_for_token(token).map_err(|_| Error::invalid_proof())?;
        if bound.jkt != proof.thumbprint() {
            return Err(Error::invalid_token());
        }
        self.use_up(&proof)?;
        Ok(checked)
    }

    /// Uses a proof up: it will not do a second time in this process.
    ///
    /// # Errors
    /// `InvalidProof`, `TooManyAttempts`, `Overloaded`.
    pub(crate) fn use_up(&self, proof: &Proof) -> Result<()> {
        let later = |kind, detail| Error::later(kind, detail, REMEMBERED);
        self.0.dpop.used.spend(proof, self.0.clock.monotonic()).map_err(|refused| match refused {
            NotTaken::Used => Error::invalid_proof(),
            NotTaken::KeyFull => {
                later(ErrorKind::TooManyAttempts, "This key showed too many proofs. Try again later.")
            }
            NotTaken::Full => later(ErrorKind::Overloaded, "Too many proofs are in use. Try again later."),
        })
    }

    fn nonce_time(&self, nonces: &Nonces) -> Duration {
        if nonces.is_shared() {
            Duration::from_millis(u64::try_from(self.now().as_millis()).unwrap_or_default())
        } else {
            self.0.clock.monotonic()
        }
    }
}
