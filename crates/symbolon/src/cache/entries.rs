//! The entries of a part, by their places: a list that grows and shrinks without moving what is in it.
//!
//! A `Vec` of a hundred megabytes would have to lie somewhere else each time it grows, and leave holes that nothing fits into; here memory is
//! taken and given back a block at a time.

/// `BLOCK` is how many of them a block has room for, by default a quarter of a megabyte of sessions: so few blocks that where they lie is
/// always near.
pub(super) struct Entries<E, const BLOCK: usize = 2048> {
    /// All but the last are full, and none is empty.
    blocks: Vec<Vec<E>>,
}

impl<E, const BLOCK: usize> Entries<E, BLOCK> {
    pub(super) const fn new() -> Self {
        Self { blocks: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.blocks.last().map_or(0, |last| (self.blocks.len() - 1) * BLOCK + last.len())
    }

    pub(super) fn get(&self, place: usize) -> Option<&E> {
        self.blocks.get(place / BLOCK)?.get(place % BLOCK)
    }

    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut E> {
        self.blocks.get_mut(place / BLOCK)?.get_mut(place % BLOCK)
    }

    pub(super) fn push(&mut self, entry: E) {
        match self.blocks.last_mut() {
            Some(last) if last.len() < BLOCK => last.push(entry),
            _ => {
                let mut block = Vec::with_capacity(BLOCK);
                block.push(entry);
                self.blocks.push(block);
            }
        }
    }

    /// Takes out the entry of a place that has one. The last comes into its place.
    pub(super) fn swap_remove(&mut self, place: usize) -> Option<E> {
        let block = self.blocks.last_mut()?;
        let last = block.pop();
        if block.is_empty() {
            self.blocks.pop();
        }
        match (self.get_mut(place), last) {
            (Some(entry), Some(last)) => Some(std::mem::replace(entry, last)),
            (_, last) => last,
        }
    }

    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = &E> {
        self.blocks.iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const BLOCK: usize = 8;

    proptest! {
        /// Grown and shrunk in runs, so that it passes the ends of blocks often.
        #[test]
        fn it_is_a_list(runs in vec((any::<bool>(), 0..BLOCK * 4, any::<u32>()), 1..20)) {
            let (mut entries, mut model) = (Entries::<_, BLOCK>::new(), Vec::new());
            for (grows, length, seed) in runs {
                for step in 0..length {
                    if grows {
                        entries.push((seed, step));
                        model.push((seed, step));
                    } else if !model.is_empty() {
                        let place = (seed as usize).wrapping_mul(step + 1) % model.len();
                        prop_assert_eq!(entries.swap_remove(place), Some(model.swap_remove(place)));
                    }
                    prop_assert_eq!(entries.len(), model.len());
                }
                prop_assert!(entries.iter().eq(&model));
                let places = 0..model.len() + BLOCK;
                let mut all = places.clone().map(|place| (entries.get(place), model.get(place)));
                prop_assert!(all.all(|(entry, other)| entry == other));
                for place in places {
                    prop_assert_eq!(entries.get_mut(place), model.get_mut(place));
                }
                prop_assert!(entries.blocks.iter().all(|block| !block.is_empty()));
            }
        }
    }
}
