//! Tokens that are bound to a key (RFC 9449 §7): each request proves that whoever shows the token has the key.
//!
//! Owns the origin that proofs must name, the nonces and the memory of proofs of this process. A proof is used up when all else is right,
//! so that a stranger fills nothing. What the server knows of proofs it does not tell, and need not: a proof is for one URL, and this
//! service's are its own.

use std::time::Duration;

use aws_lc_rs::rand;
use symbolon_http::{DpopRefusal, Nonce, Origin, Refusal, ShownProof};
use symbolon_token::{
    Proof,
    dpop::{Nonces, NotTaken, REMEMBERED, UsedProofs},
};

use crate::{
    clock::Timestamp,
    error::{Error, Result},
};

pub(crate) struct Dpop {
    /// By which clients reach this service.
    origin: Origin,
    nonces: Option<Nonces>,
    used: UsedProofs,
}

impl Dpop {
    pub(crate) fn new(origin: Origin, nonces: bool) -> Result<Self> {
        let nonces = nonces.then(|| random().map(Nonces::of_one_process)).transpose()?;
        Ok(Self { origin, nonces, used: UsedProofs::default() })
    }

    /// Whether the proof is of the key that a good token is bound to, for this request and token, and not used before; it is then. The
    /// time is what logins are judged by, and the monotonic clock's.
    pub(crate) fn possessed(
        &self,
        bound_to: Option<&str>,
        token: &str,
        shown: &ShownProof,
        (now, at): (Timestamp, Duration),
    ) -> std::result::Result<(), Refusal> {
        let refused = Refusal::Dpop;
        let jkt = bound_to.ok_or(refused(DpopRefusal::Token))?;
        let bad = |_| refused(DpopRefusal::Proof);
        let proof = Proof::parse(&shown.text).map_err(bad)?;
        let url = [self.origin.as_str(), &*shown.path].concat();
        proof.is_for(shown.method.as_str(), &url, now).map_err(bad)?;
        if let Some(nonces) = &self.nonces
            && !proof.nonce().is_some_and(|nonce| nonces.takes(nonce, at))
        {
            return Err(self.nonce(nonces, at));
        }
        proof.is_for_token(token).map_err(bad)?;
        if jkt != proof.thumbprint() {
            return Err(refused(DpopRefusal::Token));
        }
        self.used.spend(&proof, at).map_err(|refusal| match refusal {
            NotTaken::Used => refused(DpopRefusal::Proof),
            NotTaken::KeyFull => Refusal::TooManyAttempts { retry_after: REMEMBERED },
            NotTaken::Full => Refusal::Unavailable,
        })
    }

    fn nonce(&self, nonces: &Nonces, at: Duration) -> Refusal {
        match random() {
            Ok(random) => Refusal::Dpop(DpopRefusal::Nonce(Nonce::new(&nonces.make(at, random)))),
            Err(_) => Refusal::Internal,
        }
    }
}

/// Bytes that nobody can guess.
pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    #[expect(clippy::disallowed_methods, reason = "the edge: what must be new at every start")]
    rand::fill(&mut bytes)
        .map_err(|_| Error::new("the operating system's random number generator failed"))?;
    Ok(bytes)
}
