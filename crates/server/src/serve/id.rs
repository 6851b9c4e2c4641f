//! Request ids: 16 hexadecimal digits, unique within a process and hardly ever alike between two. They say nothing about
//! how many requests there were, and no client can choose one.

use std::{
    fmt,
    ops::Deref,
    sync::atomic::{AtomicU64, Ordering},
};

/// The id of a request.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Id([u8; 16]);

impl Deref for Id {
    type Target = str;

    fn deref(&self) -> &str {
        // Hexadecimal digits always are text.
        str::from_utf8(&self.0).unwrap_or("0")
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

/// Hands out ids.
#[derive(Debug)]
pub(super) struct RequestIds {
    next: AtomicU64,
}

impl RequestIds {
    /// Starts at a random place. Should the system have no randomness, ids begin at the same place: they are no secret.
    #[expect(
        clippy::disallowed_methods,
        reason = "the listener is the edge, and ids of requests are no secret"
    )]
    pub(super) fn new() -> Self {
        let mut start = [0; 8];
        if aws_lc_rs::rand::fill(&mut start).is_err() {
            tracing::warn!("no randomness for request ids");
        }
        Self { next: AtomicU64::new(u64::from_le_bytes(start)) }
    }

    /// The next id.
    pub(super) fn next(&self) -> Id {
        // An odd factor makes a permutation of all 64-bit numbers: no id comes twice, and neighbours look unlike.
        let mut number = self.next.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut digits = [0; 16];
        for digit in digits.iter_mut().rev() {
            *digit = match (number & 15) as u8 {
                low @ 0..=9 => b'0' + low,
                high => b'a' + high - 10,
            };
            number >>= 4;
        }
        Id(digits)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_sixteen_digits_and_never_repeat() {
        let ids = RequestIds::new();
        let seen: HashSet<_> = (0..10_000).map(|_| ids.next()).collect();
        assert_eq!(seen.len(), 10_000);
        assert!(seen.iter().all(|id| id.len() == 16 && id.as_bytes().iter().all(u8::is_ascii_hexdigit)));
    }
}
