//! Which proofs were used, in memory of a bounded size: a proof does not do twice in one process (RFC 9449 §11.1).
//!
//! Spend a proof only when everything else about the request is right, and what it came with is genuine: a stranger fills nothing.

use std::{
    collections::{HashMap, HashSet},
    mem,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::{Proof, WINDOW};

/// Proofs of one key that are remembered at a time; some 80 requests a second.
const MOST_OF_A_KEY: u32 = 10_000;
/// Proofs that are remembered in all.
const MOST: usize = 1_000_000;
/// A proof counts from [`WINDOW`] before its time to [`WINDOW`] after it; so long it must be known, with room for a clock that steps.
pub const REMEMBERED: Duration = Duration::from_secs(3 * WINDOW.as_secs());

/// The memory of one process.
#[derive(Debug, Default)]
pub struct UsedProofs(Mutex<Seen>);

/// Why a proof was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum NotTaken {
    /// It was used before.
    #[error("the proof was used before")]
    Used,
    /// Its key showed so many that there is no room for another one, for as long as [`REMEMBERED`] at most.
    #[error("this key showed too many proofs")]
    KeyFull,
    /// All keys together did.
    #[error("too many proofs are in use")]
    Full,
}

/// Two generations, of which the older is dropped whole: nothing is searched for what is over.
#[derive(Debug, Default)]
struct Seen {
    current: Generation,
    previous: Generation,
    since: Duration,
}

#[derive(Debug, Default)]
struct Generation {
    proofs: HashSet<[u8; 16]>,
    of_key: HashMap<[u8; 16], u32>,
}

impl UsedProofs {
    /// Remembers a proof; refuses one that is remembered. `at`: time of this process that never steps.
    ///
    /// # Errors
    /// `Used`, `KeyFull`, `Full`.
    pub fn spend(&self, proof: &Proof, at: Duration) -> Result<(), NotTaken> {
        let head = |bytes: &[u8]| {
            let mut head = [0; 16];
            head.copy_from_slice(&bytes[..16]);
            head
        };
        let (id, key) = (head(proof.id()), head(proof.thumbprint().as_bytes()));
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if at.saturating_sub(seen.since) >= REMEMBERED {
            let over = at.saturating_sub(seen.since) >= 2 * REMEMBERED;
            seen.previous = mem::take(&mut seen.current);
            if over {
                seen.previous = Generation::default();
            }
            seen.since = at;
        }
        if seen.current.proofs.contains(&id) || seen.previous.proofs.contains(&id) {
            return Err(NotTaken::Used);
        }
        if seen.current.proofs.len() >= MOST {
            return Err(NotTaken::Full);
        }
        let count = seen.current.of_key.entry(key).or_default();
        if *count >= MOST_OF_A_KEY {
            return Err(NotTaken::KeyFull);
        }
        *count += 1;
        seen.current.proofs.insert(id);
        Ok(())
    }
}
