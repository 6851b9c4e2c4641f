//! The working memory of one hashing thread: allocated when needed, used again and again, wiped and given back when there is nothing
//! to do.

use symbolon_argon2::{Argon2, Block};
use zeroize::Zeroize;

/// There is no memory for a hash, or none at this cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Uncomputable;

/// Blocks of 1 KiB for Argon2. What a hash leaves in them makes its password cheaper to guess.
#[derive(Default)]
pub(super) struct Arena {
    blocks: Vec<Block>,
    /// KiB touched so far: what a test takes for time.
    #[cfg(test)]
    pub(super) touched: u64,
}

impl Arena {
    /// Hashes `password` with `salt` into `tag`, of 1 to 64 bytes, and lets others have the core now and then.
    ///
    /// # Errors
    /// [`Uncomputable`], before anything is computed.
    pub(super) fn argon2(
        &mut self,
        argon2: Argon2,
        password: &[u8],
        salt: &[u8],
        tag: &mut [u8],
    ) -> Result<(), Uncomputable> {
        let blocks = argon2.blocks();
        #[cfg(test)]
        {
            self.touched += argon2.work();
        }
        if self.blocks.len() < blocks {
            self.release();
            self.blocks.try_reserve_exact(blocks).map_err(|_| Uncomputable)?;
            self.blocks.resize(blocks, Block::ZERO);
        }
        argon2.hash(password, salt, tag, &mut self.blocks, std::thread::yield_now);
        Ok(())
    }

    /// Leaves nothing of what was hashed.
    pub(super) fn wipe(&mut self) {
        self.blocks.iter_mut().for_each(Zeroize::zeroize);
    }

    /// The same, and gives the memory back.
    pub(super) fn release(&mut self) {
        self.wipe();
        self.blocks = Vec::new();
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use symbolon_argon2::{Variant, Version};

    impl Arena {
        pub(in crate::password) fn fill_for_test(&mut self, m_kib: u32) {
            hash(self, m_kib);
        }

        pub(in crate::password) fn kept(&self) -> usize {
            self.blocks.capacity()
        }
    }

    fn hash(arena: &mut Arena, m_kib: u32) -> [u8; 32] {
        let argon2 = Argon2::new(Variant::Id, Version::V19, m_kib, 1, 1).unwrap();
        let mut tag = [0; 32];
        arena.argon2(argon2, b"password", b"saltsalt", &mut tag).unwrap();
        tag
    }

    #[test]
    fn a_used_arena_gives_the_same_hash() {
        let mut arena = Arena::default();
        let fresh = hash(&mut Arena::default(), 32);
        assert_eq!(hash(&mut arena, 32), fresh);
        assert_ne!(hash(&mut arena, 64), fresh);
        assert_eq!(hash(&mut arena, 32), fresh);
    }

    #[test]
    fn what_was_hashed_is_wiped_and_the_memory_given_back() {
        let mut arena = Arena::default();
        hash(&mut arena, 32);
        let used = |arena: &Arena| arena.blocks.iter().any(|block| block.as_ref() != Block::ZERO.as_ref());
        assert!(used(&arena));
        arena.wipe();
        assert_eq!((used(&arena), arena.kept()), (false, 32));
        arena.release();
        assert_eq!(arena.kept(), 0);
    }
}
