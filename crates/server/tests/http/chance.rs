//! Chance that can be repeated: a small generator (xorshift64*), seeded from `SYMBOLON_TEST_SEED` or anew. Whoever uses it prints
//! the seed, which a failing test shows.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A generator. Good enough to choose what happens next, and for nothing else.
#[derive(Clone, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    /// The seed of this run.
    pub(crate) fn seed() -> u64 {
        let given = std::env::var("SYMBOLON_TEST_SEED").ok().map(|text| text.parse().expect("a number"));
        given.unwrap_or_else(|| RandomState::new().build_hasher().finish())
    }

    /// A generator for one of several users of a seed.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut chance = Self((seed ^ stream.wrapping_mul(0x9e37_79b9_7f4a_7c15)).max(1));
        // The first numbers of neighbouring seeds are alike.
        for _ in 0..8 {
            chance.next();
        }
        chance
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// One of them; `None` of none.
    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        let count = u64::try_from(of.len()).ok().filter(|count| *count > 0)?;
        of.get(usize::try_from(self.below(count)).ok()?)
    }
}
