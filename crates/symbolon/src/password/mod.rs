//! Passwords: what one is, which are good enough, and how they are hashed and checked.
//!
//! This room owns the [`Password`] type, the [`policy`], the [`hasher`] and the hashes of other systems ([`foreign`]). It
//! knows no users, no store and no HTTP. `login` verifies through it, registration and password change check and hash.
//!
//! It refuses to hash anywhere but in its own bounded pool of threads (invariant 8), to answer a missing user faster than a
//! wrong password (invariant 7), and to believe the costs that stand in a stored hash (ATTACKS CR-31).

use std::fmt;

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

mod arena;
mod blocklist;
pub mod foreign;
mod guessable;
pub mod hasher;
pub mod params;
mod phc;
pub mod policy;
mod pool;

/// The most bytes of a password, counted as received.
pub const MAX_BYTES: usize = 1024;

/// NFC of UTF-8 is never more than three times as long (UAX #15, §4).
const NFC_GROWTH: usize = 3;

/// A password as somebody typed it, in NFC and otherwise untouched: no trimming, no case folding, no compatibility mapping
/// (SP 800-63B-4 §3.1.1.2). Wiped when dropped; `Debug` shows nothing, not even the length.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

/// The password has more than [`MAX_BYTES`] bytes. At registration this is [`policy::Reason::TooLong`], at login a wrong password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the password is longer than {MAX_BYTES} bytes")]
pub struct TooLong;

impl Password {
    /// Takes a password of any quality: whether it is good enough to be set, [`policy::Policy::check`] decides.
    ///
    /// # Errors
    /// [`TooLong`] beyond [`MAX_BYTES`] bytes as received.
    pub fn parse(received: &str) -> Result<Self, TooLong> {
        if received.len() > MAX_BYTES {
            return Err(TooLong);
        }
        // Never grows, so no freed copy stays behind.
        let mut text = Zeroizing::new(String::with_capacity(received.len() * NFC_GROWTH));
        text.extend(received.nfc());
        Ok(Self(text))
    }

    /// The password itself. Only this room may see it.
    fn text(&self) -> &str {
        &self.0
    }
}

/// Whether a stored hash from elsewhere can be verified here, so that its user may be taken in.
///
/// # Errors
/// See [`foreign::recognise`].
pub fn importable(stored: &str) -> Result<(), foreign::Unsupported> {
    foreign::recognise(stored).map(drop)
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cr_18_up_to_1024_bytes_are_taken() {
        for length in [0, 1, 64, 128, 1024] {
            assert_eq!(Password::parse(&"x".repeat(length)).unwrap().text().len(), length);
        }
        for length in [1025, 1_000_000, 10_000_000] {
            assert_eq!(Password::parse(&"x".repeat(length)).unwrap_err(), TooLong);
        }
        // Counted as received: 1024 bytes that grow to 3072 are taken, 1026 that shrink to 684 are not.
        assert_eq!(Password::parse(&"\u{1d160}".repeat(256)).unwrap().text().len(), 3072);
        assert!(Password::parse(&"e\u{301}".repeat(342)).is_err());
    }

    #[test]
    fn cr_22_only_canonical_equivalence_is_folded() {
        let text = |received| Password::parse(received).unwrap().text().to_owned();
        assert_eq!(text("Zoe\u{308} d\u{2019}e\u{301}te\u{301}"), text("Zo\u{eb} d\u{2019}\u{e9}t\u{e9}"));
        for other in ["\u{fb01}sh", " fish", "fish ", "Fish", "ｆish"] {
            assert_ne!(text("fish"), text(other));
        }
    }

    #[test]
    fn lg_01_debug_shows_nothing() {
        assert_eq!(
            format!("{:?}", Password::parse("hunter2").unwrap()),
            format!("{:?}", Password::parse("").unwrap())
        );
    }

    #[test]
    fn the_buffer_never_grows() {
        for received in ["\u{1d160}".repeat(256), "\u{fb2c}".repeat(300), "\u{390}".repeat(500)] {
            let password = Password::parse(&received).unwrap();
            assert!(
                password.0.capacity() >= received.len() * NFC_GROWTH
                    && password.0.len() <= received.len() * NFC_GROWTH
            );
        }
    }
}
