//! A set of bits that says, without a lock, that an id is *not* in the view.
//!
//! Nearly every id that a check asks about is in no entry, and a lock that all readers share costs more than the rest of the check: even
//! a reader writes to it. So each remembered id sets a bit, found by its tail (the head of a UUIDv7 is time); an id whose bit is not
//! set is not in the view, one whose bit is set may be, and only then the lock is asked.
//!
//! Why no ending is missed: a bit is set before `apply` returns, and never cleared. Where there are too many, or many are of ids that
//! were forgotten, the writer makes a new set of all that is remembered and puts it in the place of the old one, which stays as it is
//! for whoever is still reading it. A check that began after `apply` returned finds the set that was current then, or a later one.

use std::sync::Arc;

use crate::sync::{ArcSwap, AtomicU64, Ordering};

/// Bits for each id: one in so many of those that are not in the view is looked up all the same.
const SPARSE: usize = 16;
/// Ids of the smallest set, which takes 8 KiB.
const LEAST: usize = 4096;

/// The 16 bytes of an id, or of a key's name.
pub(crate) type Id = [u8; 16];

/// See the module. Written to under the view's lock alone.
pub(crate) struct Marks(ArcSwap<Bits>);

struct Bits {
    words: Box<[AtomicU64]>,
    /// Ids that it was made for.
    room: usize,
}

impl Bits {
    fn new(room: usize) -> Self {
        let room = room.max(LEAST).next_power_of_two();
        Self { words: (0..room * SPARSE / 64).map(|_| AtomicU64::new(0)).collect(), room }
    }

    fn place(&self, id: &Id) -> (&AtomicU64, u64) {
        let tail = id.last_chunk().map_or(0, |tail| u64::from_be_bytes(*tail));
        // The number of words is a power of two. A word is chosen by other bits than the bit in it.
        let word = usize::try_from(tail >> 6).unwrap_or(usize::MAX) & (self.words.len() - 1);
        (&self.words[word], 1 << (tail & 63))
    }

    fn has(&self, id: &Id) -> bool {
        let (word, bit) = self.place(id);
        word.load(Ordering::Acquire) & bit != 0
    }

    fn mark(&self, id: &Id) {
        let (word, bit) = self.place(id);
        word.fetch_or(bit, Ordering::Release);
    }
}

impl Default for Marks {
    fn default() -> Self {
        Self(ArcSwap::from_pointee(Bits::new(LEAST)))
    }
}

impl Marks {
    /// `false`: none of them is in the view. `true`: one may be.
    pub(crate) fn has_any<'i>(&self, ids: impl IntoIterator<Item = &'i Id>) -> bool {
        let bits = self.0.load();
        ids.into_iter().any(|id| bits.has(id))
    }

    /// Marks an id; `false` when the set is too full for `len` ids and must be made anew.
    pub(crate) fn mark(&self, id: &Id, len: usize) -> bool {
        let bits = self.0.load();
        bits.mark(id);
        len <= bits.room
    }

    /// A new set of these ids, with room for as many again.
    pub(crate) fn remake<'i>(&self, len: usize, ids: impl Iterator<Item = &'i Id>) {
        let bits = Bits::new(2 * len);
        ids.for_each(|id| bits.mark(id));
        self.0.store(Arc::new(bits));
    }
}
