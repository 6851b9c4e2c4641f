//! The working memory of one hashing thread: allocated once, used again and again, wiped when there is nothing to do.

use argon2::{Argon2, Block, Error};
use zeroize::Zeroize;

/// Blocks of 1 KiB for Argon2. What a hash leaves in them makes its password cheaper to guess.
pub(super) struct Arena {
    blocks: Vec<Block>,
    /// More blocks than this are not kept.
    keep: usize,
    /// KiB touched so far: what a test takes for time.
    #[cfg(test)]
    pub(super) touched: u64,
}

impl Arena {
    /// Keeps up to `keep` blocks between two hashes, allocated when first needed.
    pub(super) fn new(keep: usize) -> Self {
        Self {
            blocks: Vec::new(),
            keep,
            #[cfg(test)]
            touched: 0,
        }
    }

    /// Hashes `password` with `salt` into `output`.
    ///
    /// # Errors
    /// Those of the library for salt and output lengths; [`Error::OutOfMemory`].
    pub(super) fn argon2(
        &mut self,
        argon2: &Argon2<'_>,
        password: &[u8],
        salt: &[u8],
        output: &mut [u8],
    ) -> Result<(), Error> {
        let blocks = argon2.params().block_count();
        #[cfg(test)]
        {
            self.touched += blocks as u64 * u64::from(argon2.params().t_cost());
        }
        if self.blocks.len() < blocks {
            self.release();
            self.blocks.try_reserve_exact(blocks).map_err(|_| Error::OutOfMemory)?;
            self.blocks.resize(blocks, Block::new());
        }
        argon2.hash_password_into_with_memory(password, salt, output, &mut self.blocks)
    }

    /// Wipes everything, and gives back what is more than is kept.
    pub(super) fn rest(&mut self) {
        if self.blocks.len() > self.keep {
            self.release();
        } else {
            self.blocks.iter_mut().for_each(Zeroize::zeroize);
        }
    }

    fn release(&mut self) {
        self.blocks.iter_mut().for_each(Zeroize::zeroize);
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
    use argon2::{Algorithm, Params, Version};

    fn hash(arena: &mut Arena, m_kib: u32) -> [u8; 32] {
        let argon2 =
            Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(m_kib, 1, 1, None).unwrap());
        let mut output = [0; 32];
        arena.argon2(&argon2, b"password", b"saltsalt", &mut output).unwrap();
        output
    }

    #[test]
    fn a_used_arena_gives_the_same_hash() {
        let mut arena = Arena::new(64);
        let fresh = hash(&mut Arena::new(0), 32);
        assert_eq!(hash(&mut arena, 32), fresh);
        assert_ne!(hash(&mut arena, 64), fresh);
        assert_eq!(hash(&mut arena, 32), fresh);
    }

    #[test]
    fn resting_wipes_and_shrinks() {
        let mut arena = Arena::new(32);
        hash(&mut arena, 32);
        let used =
            |arena: &Arena| arena.blocks.iter().any(|block| block.as_ref().iter().any(|word| *word != 0));
        assert!(used(&arena));
        arena.rest();
        assert_eq!((used(&arena), arena.blocks.len()), (false, 32));
        hash(&mut arena, 64);
        arena.rest();
        assert_eq!((arena.blocks.len(), arena.blocks.capacity()), (0, 0));
    }
}
