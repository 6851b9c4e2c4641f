//! Proofs of possession (RFC 9449): which were seen, and the nonces that they may have to repeat. What a proof is stands in
//! `symbolon_token::dpop`.
//!
//! Owns the memory of proofs and the nonces of this process. Refuses a proof that was seen, one without a good nonce where nonces are
//! asked for, and a key or a process that shows more than memory has room for. Only what a right password, a genuine refresh token or a
//! live access token came with is remembered: a stranger fills nothing.

use std::{
    collections::{HashMap, HashSet},
    mem,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use symbolon_token::{MacKey, Proof, dpop::WINDOW};

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

/// How long a nonce is good in the process that made it.
const OWN_NONCE: Duration = Duration::from_secs(60);
/// And where several share a key: a proof may then pass once at each.
const SHARED_NONCE: Duration = Duration::from_secs(10);
/// Proofs of one key that are remembered at a time; some 80 requests a second.
const MOST_OF_A_KEY: u32 = 10_000;
/// Proofs that are remembered in all.
const MOST: usize = 1_000_000;
/// A proof counts from [`WINDOW`] before its time to [`WINDOW`] after it; so long it must be known, with room for a clock that steps.
const REMEMBERED: Duration = Duration::from_secs(3 * WINDOW.as_secs());

pub(crate) struct Dpop {
    nonces: Option<Nonces>,
    seen: Mutex<Seen>,
}

struct Nonces {
    key: MacKey,
    life: Duration,
    /// Whether several processes make them, which then have no clock in common but the wall's.
    shared: bool,
}

/// Two generations, of which the older is dropped whole: nothing is searched for what is over.
#[derive(Default)]
struct Seen {
    current: Generation,
    previous: Generation,
    since: Duration,
}

#[derive(Default)]
struct Generation {
    proofs: HashSet<[u8; 16]>,
    of_key: HashMap<[u8; 16], u32>,
}

impl Dpop {
    /// `nonces`: whether proofs must repeat one. `shared`: the key of those that several processes take.
    pub(crate) fn new(nonces: bool, shared: Option<&[u8; 32]>, randomness: &dyn Randomness) -> Self {
        let nonces = (nonces || shared.is_some()).then(|| Nonces {
            key: MacKey::new(shared.copied().unwrap_or_else(|| random(randomness))),
            life: if shared.is_some() { SHARED_NONCE } else { OWN_NONCE },
            shared: shared.is_some(),
        });
        Self { nonces, seen: Mutex::default() }
    }

    /// Remembers a proof; refuses one that is remembered. `at`: time of this process that never steps.
    fn spend(&self, proof: &Proof, at: Duration) -> Result<()> {
        let head = |bytes: &[u8]| {
            let mut head = [0; 16];
            head.copy_from_slice(&bytes[..16]);
            head
        };
        let (id, key) = (head(proof.id()), head(proof.thumbprint().as_bytes()));
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if at.saturating_sub(seen.since) >= REMEMBERED {
            let over = at.saturating_sub(seen.since) >= 2 * REMEMBERED;
            seen.previous = mem::take(&mut seen.current);
            if over {
                seen.previous = Generation::default();
            }
            seen.since = at;
        }
        if seen.current.proofs.contains(&id) || seen.previous.proofs.contains(&id) {
            return Err(Error::invalid_proof());
        }
        let later = |kind, detail| Err(Error::later(kind, detail, REMEMBERED));
        if seen.current.proofs.len() >= MOST {
            return later(ErrorKind::Overloaded, "Too many proofs are in use. Try again later.");
        }
        let count = seen.current.of_key.entry(key).or_default();
        if *count >= MOST_OF_A_KEY {
            return later(ErrorKind::TooManyAttempts, "This key showed too many proofs. Try again later.");
        }
        *count += 1;
        seen.current.proofs.insert(id);
        Ok(())
    }
}

impl Nonces {
    /// 8 bytes of time, 16 random ones of no meaning but to be unlike the last, and 8 of a MAC over both.
    fn make(&self, now: Duration, randomness: &dyn Randomness) -> String {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&now.as_secs().to_be_bytes());
        bytes[8..24].copy_from_slice(&random::<16>(randomness));
        let tag = self.key.tag(&[&bytes[..24]]);
        bytes[24..].copy_from_slice(&tag[..8]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn takes(&self, nonce: &str, now: Duration) -> bool {
        let mut bytes = [0; 32];
        if !matches!(URL_SAFE_NO_PAD.decode_slice(nonce, &mut bytes), Ok(32)) {
            return false;
        }
        let (signed, tag) = bytes.split_at(24);
        let mut time = [0; 8];
        time.copy_from_slice(&signed[..8]);
        let made = Duration::from_secs(u64::from_be_bytes(time));
        // Another's clock may be a little ahead; ours never is of itself.
        let ahead = made.saturating_sub(now) > if self.shared { self.life } else { Duration::ZERO };
        self.key.verify(&[signed], tag) && !ahead && now.saturating_sub(made) <= self.life
    }
}

impl Symbolon {
    /// A fresh nonce, where proofs must repeat one.
    pub fn dpop_nonce(&self) -> Option<String> {
        let nonces = self.0.dpop.nonces.as_ref()?;
        Some(nonces.make(self.nonce_time(nonces), self.randomness()))
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
        self.0.dpop.spend(proof, self.0.clock.monotonic())
    }

    fn nonce_time(&self, nonces: &Nonces) -> Duration {
        if nonces.shared {
            Duration::from_millis(u64::try_from(self.now().as_millis()).unwrap_or_default())
        } else {
            self.0.clock.monotonic()
        }
    }
}
