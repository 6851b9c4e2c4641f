//! Nonces that proofs must repeat (RFC 9449 §8, §9): a proof cannot then be made in advance, nor pass at a process that did not make its nonce.

use std::time::Duration;

use crate::{MacKey, base64url};

/// How long a nonce is good in the process that made it.
const OWN: Duration = Duration::from_secs(60);
/// And where several share a key: a proof may then pass once at each.
const SHARED: Duration = Duration::from_secs(10);

/// Makes nonces, and knows its own; keeps none.
#[derive(Clone, Debug)]
pub struct Nonces {
    key: MacKey,
    life: Duration,
    shared: bool,
}

impl Nonces {
    /// Of one process: `key` is random, and nobody else's. Its time is one that never steps.
    pub fn of_one_process(key: [u8; 32]) -> Self {
        Self { key: MacKey::new(key), life: OWN, shared: false }
    }

    /// Of several processes with this key, which have no time in common but the wall's.
    pub fn shared(key: [u8; 32]) -> Self {
        Self { key: MacKey::new(key), life: SHARED, shared: true }
    }

    /// Whether several processes make them.
    pub fn is_shared(&self) -> bool {
        self.shared
    }

    /// 8 bytes of time, 16 random ones of no meaning but to be unlike the last, and 8 of a MAC over both.
    pub fn make(&self, now: Duration, random: [u8; 16]) -> String {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&now.as_secs().to_be_bytes());
        bytes[8..24].copy_from_slice(&random);
        let tag = self.key.tag(&[&bytes[..24]]);
        bytes[24..].copy_from_slice(&tag[..8]);
        base64url::encode(&bytes)
    }

    /// Whether it is one of ours, and of this time.
    pub fn takes(&self, nonce: &str, now: Duration) -> bool {
        let Some(bytes) = base64url::decode_array::<32>(nonce.as_bytes()) else { return false };
        let (signed, tag) = bytes.split_at(24);
        let mut time = [0; 8];
        time.copy_from_slice(&signed[..8]);
        let made = Duration::from_secs(u64::from_be_bytes(time));
        // Another's clock may be a little ahead; ours never is of itself.
        let ahead = made.saturating_sub(now) > if self.shared { self.life } else { Duration::ZERO };
        self.key.verify(&[signed], tag) && !ahead && now.saturating_sub(made) <= self.life
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_000);

    #[test]
    fn dp_17_a_nonce_is_of_one_process_and_one_minute() {
        let (own, other) = (Nonces::of_one_process([1; 32]), Nonces::of_one_process([2; 32]));
        let nonce = own.make(NOW, [7; 16]);
        assert!(own.takes(&nonce, NOW) && own.takes(&nonce, NOW + OWN));
        assert!(!own.takes(&nonce, NOW + OWN + Duration::from_secs(1)), "too old");
        assert!(!own.takes(&nonce, NOW - Duration::from_secs(1)), "not made yet");
        assert!(!other.takes(&nonce, NOW), "another process's");
        for bad in ["", "x", &nonce[1..], &format!("{nonce}A"), &"A".repeat(43)] {
            assert!(!own.takes(bad, NOW), "{bad}");
        }
    }

    #[test]
    fn dp_17_shared_nonces_are_of_ten_seconds_and_bear_clocks_that_differ() {
        let nonces = Nonces::shared([1; 32]);
        let nonce = nonces.make(NOW, [7; 16]);
        assert!(nonces.takes(&nonce, NOW + SHARED) && nonces.takes(&nonce, NOW - SHARED));
        let far = SHARED + Duration::from_secs(1);
        assert!(!nonces.takes(&nonce, NOW + far) && !nonces.takes(&nonce, NOW - far));
    }
}
