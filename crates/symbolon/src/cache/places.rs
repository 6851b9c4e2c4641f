//! Where the entries of a part lie: a hash table of four-byte cells, found by open addressing (linear probing, Knuth vol. 3, 6.4).
//!
//! A cell is a place and eight bits of its key's hash, so that what is looked for is told from nearly all else in one line of memory,
//! and that line can be sent for before it is needed.

use prefetch_index::prefetch_index;

/// No place.
const EMPTY: u32 = 0;
/// Of a cell: the place, counted from one. The rest is the tag.
const PLACE_BITS: u32 = 24;
const PLACE: u32 = (1 << PLACE_BITS) - 1;

#[derive(Default)]
pub(super) struct Places {
    /// A power of two of them, or none; never all taken.
    cells: Vec<u32>,
    taken: usize,
}

impl Places {
    /// Places are below this.
    pub(super) const END: usize = PLACE as usize;

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.taken
    }

    /// Sends for the line in which [`Places::find`] will begin, and does not wait for it.
    pub(super) fn fetch(&self, hash: u64) {
        prefetch_index(&self.cells, home(hash, self.cells.len()));
    }

    /// The first place of such a hash that `is` what is looked for.
    pub(super) fn find(&self, hash: u64, mut is: impl FnMut(usize) -> bool) -> Option<usize> {
        self.places(hash).map(|(_, place)| place).find(|place| is(*place))
    }

    /// Adds a place that is not in it. `hash_of` tells the hash of any place that is.
    pub(super) fn add(&mut self, hash: u64, place: usize, hash_of: impl Fn(usize) -> u64) {
        // Three quarters at most: with more, runs of taken cells grow long.
        if self.cells.len() * 3 < (self.taken + 1) * 4 {
            let known = std::mem::take(&mut self.cells);
            self.cells = vec![EMPTY; (known.len() * 2).max(8)];
            for place in known.into_iter().filter_map(place_of) {
                self.put(hash_of(place), place);
            }
        }
        self.put(hash, place);
        self.taken += 1;
    }

    /// Takes a place out. `hash_of` tells the hash of any that is in it.
    pub(super) fn remove(&mut self, hash: u64, place: usize, hash_of: impl Fn(usize) -> u64) {
        let Some((mut gap, _)) = self.places(hash).find(|(_, found)| *found == place) else { return };
        self.taken -= 1;
        let mask = self.cells.len() - 1;
        // What lies behind it in the same run moves up, unless that were before its home (Knuth's algorithm R).
        let mut at = gap;
        loop {
            at = (at + 1) & mask;
            let Some(next) = place_of(self.cells[at]) else { break };
            let home = home(hash_of(next), self.cells.len());
            if (at.wrapping_sub(home) & mask) >= (at.wrapping_sub(gap) & mask) {
                self.cells[gap] = self.cells[at];
                gap = at;
            }
        }
        self.cells[gap] = EMPTY;
    }

    /// An entry of that hash lies elsewhere now.
    pub(super) fn moved(&mut self, hash: u64, from: usize, to: usize) {
        let cell = self.places(hash).find(|(_, found)| *found == from);
        if let Some((at, _)) = cell {
            self.cells[at] = cell_of(hash, to);
        }
    }

    /// The cells that may be of such a hash, and the places in them.
    fn places(&self, hash: u64) -> impl Iterator<Item = (usize, usize)> + '_ {
        let run = (0..self.cells.len()).map(move |step| {
            let at = (home(hash, self.cells.len()) + step) & (self.cells.len() - 1);
            (at, self.cells[at])
        });
        run.take_while(|(_, cell)| *cell != EMPTY)
            .filter(move |(_, cell)| cell >> PLACE_BITS == tag(hash))
            .filter_map(|(at, cell)| Some((at, place_of(cell)?)))
    }

    fn put(&mut self, hash: u64, place: usize) {
        let mask = self.cells.len() - 1;
        let mut at = home(hash, self.cells.len());
        while self.cells[at] != EMPTY {
            at = (at + 1) & mask;
        }
        self.cells[at] = cell_of(hash, place);
    }
}

/// The cell in which the search for a hash begins, of a power of two of them.
fn home(hash: u64, cells: usize) -> usize {
    usize::try_from(hash & 0xffff_ffff).unwrap_or_default() & cells.wrapping_sub(1)
}

/// The bits of a hash that its home says nothing of.
fn tag(hash: u64) -> u32 {
    u32::try_from(hash >> 56).unwrap_or_default()
}

fn cell_of(hash: u64, place: usize) -> u32 {
    debug_assert!(place < Places::END, "more entries than a cell can tell apart");
    tag(hash) << PLACE_BITS | u32::try_from(place + 1).unwrap_or(PLACE) & PLACE
}

fn place_of(cell: u32) -> Option<usize> {
    (cell & PLACE).checked_sub(1).map(|place| place as usize)
}
