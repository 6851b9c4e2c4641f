//! The bounded map that sessions, users and tokens are kept in.
//!
//! A check asks it with every request, over a million entries, so what counts is how many lines of memory an answer waits for: an entry
//! lies in its part's list as a whole, beside its key, and a table of four-byte cells finds it there. A part is guarded by a lock of its
//! own, which is held for a copy and never while anything else is asked.
//!
//! Full, a part gives up what its hand comes to that nobody asked for in the hand's last rounds (CLOCK, Corbató 1968, with a count of
//! rounds): a walk through ever new entries, each used once, pushes out its own.

mod entries;
mod places;

use std::{
    fmt,
    hash::{BuildHasher, Hash},
    slice,
    sync::{Mutex, MutexGuard, PoisonError},
};

use prefetch_index::prefetch_index;

use entries::Entries;
use places::Places;

/// Not even a few threads shall often meet at one lock.
const PARTS: u64 = 64;
/// Of what fits into a part: with fewer, chance would fill some long before others.
const LEAST: u64 = 64;
/// Rounds of the hand that an entry outlives without being asked for.
const ROUNDS: u8 = 3;

pub(crate) struct Cache<K, V, S> {
    parts: Box<[Mutex<Part<K, V>>]>,
    /// The most that a part may weigh.
    room: u64,
    hasher: S,
}

/// How often entries were asked for, since the start.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Asked {
    /// And found.
    pub hits: u64,
    /// And not found.
    pub misses: u64,
}

struct Part<K, V> {
    /// Of `entries`.
    places: Places,
    entries: Entries<Entry<K, V>>,
    weight: u64,
    hand: usize,
    asked: Asked,
}

/// Begins where a line of memory does, so that it lies in no more of them than it must; and ends with what is written last here.
#[repr(C, align(64))]
struct Entry<K, V> {
    key: K,
    value: V,
    weight: u32,
    rounds: u8,
}

impl<K: Copy + Eq + Hash, V: Clone, S: BuildHasher + Default> Cache<K, V, S> {
    /// Room for entries that weigh so much together, of which one usually weighs `usual`. It is taken as it is needed.
    pub(crate) fn new(room: u64, usual: u64) -> Self {
        let parts = (room / (LEAST * usual.max(1))).clamp(1, PARTS);
        // A power of two.
        let parts = 1 << parts.ilog2();
        Self {
            room: room.div_ceil(parts),
            parts: (0..parts).map(|_| Mutex::new(Part::new())).collect(),
            hasher: S::default(),
        }
    }

    /// Sends for what will tell where an entry lies, and does not wait for it: whoever has something else to do before asking finds it
    /// near. It is no use of the entry. `near` is the key, or what has its hash.
    pub(crate) fn fetch_place(&self, near: &impl Hash) {
        let hash = self.hasher.hash_one(near);
        self.part(hash).places.fetch(hash);
    }

    /// The same of the entry itself; which is what its hash says, and seldom another's.
    pub(crate) fn fetch_entry(&self, near: &impl Hash) {
        let hash = self.hasher.hash_one(near);
        let part = self.part(hash);
        if let Some(entry) = part.places.find(hash, |_| true).and_then(|place| part.entries.get(place)) {
            prefetch_index(slice::from_ref(&entry.key), 0);
            prefetch_index(slice::from_ref(&entry.rounds), 0);
        }
    }

    pub(crate) fn get(&self, key: &K) -> Option<V> {
        let hash = self.hasher.hash_one(key);
        let part = &mut *self.part(hash);
        let Some(entry) = part.place(hash, key).and_then(|place| part.entries.get_mut(place)) else {
            part.asked.misses += 1;
            return None;
        };
        part.asked.hits += 1;
        // What is written to must be written back.
        if entry.rounds != ROUNDS {
            entry.rounds = ROUNDS;
        }
        Some(entry.value.clone())
    }

    /// Changes an entry, which is no use of it. `change` runs under the lock of a part: it must be short and ask nothing else.
    pub(crate) fn change<R>(&self, key: &K, change: impl FnOnce(&mut V) -> R) -> Option<R> {
        let hash = self.hasher.hash_one(key);
        let part = &mut *self.part(hash);
        let place = part.place(hash, key)?;
        part.entries.get_mut(place).map(|entry| change(&mut entry.value))
    }

    /// Whether it is there; which is no use of it.
    pub(crate) fn contains(&self, key: &K) -> bool {
        let hash = self.hasher.hash_one(key);
        self.part(hash).place(hash, key).is_some()
    }

    /// Keeps it, in the place of what had the key before. What weighs more than a part has room for is not kept.
    pub(crate) fn insert(&self, key: K, value: V, weight: u32) {
        let hash = self.hasher.hash_one(key);
        let part = &mut *self.part(hash);
        if let Some(place) = part.place(hash, &key) {
            part.take(place, &self.hasher);
        }
        let Some(room) = self.room.checked_sub(weight.into()) else { return };
        let entry = Entry { key, value, weight, rounds: 0 };
        while part.weight > room {
            let Some(place) = part.victim() else { return };
            if part.weight - part.entries.get(place).map_or(0, |entry| u64::from(entry.weight)) <= room {
                // Behind the hand, and so the last that it will come to.
                return part.replace(place, hash, entry, &self.hasher);
            }
            part.take(place, &self.hasher);
        }
        part.add(hash, entry, &self.hasher);
    }

    pub(crate) fn remove(&self, key: &K) {
        let hash = self.hasher.hash_one(key);
        let part = &mut *self.part(hash);
        if let Some(place) = part.place(hash, key) {
            part.take(place, &self.hasher);
        }
    }

    /// Keeps only what `keep` says.
    pub(crate) fn retain(&self, mut keep: impl FnMut(&V) -> bool) {
        for part in &self.parts {
            let part = &mut *lock(part);
            let mut place = 0;
            while let Some(entry) = part.entries.get(place) {
                if keep(&entry.value) {
                    place += 1;
                } else {
                    part.take(place, &self.hasher);
                }
            }
        }
    }

    pub(crate) fn clear(&self) {
        for part in &self.parts {
            let mut part = lock(part);
            let asked = part.asked;
            *part = Part { asked, ..Part::new() };
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.parts.iter().map(|part| lock(part).entries.len()).sum()
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> Asked {
        self.parts.iter().map(|part| lock(part).asked).fold(Asked::default(), |all, part| Asked {
            hits: all.hits + part.hits,
            misses: all.misses + part.misses,
        })
    }

    fn part(&self, hash: u64) -> MutexGuard<'_, Part<K, V>> {
        // `places` looks at the lowest bits and the highest. The number of parts is a power of two.
        let part = usize::try_from(hash >> 40).unwrap_or(usize::MAX) & (self.parts.len() - 1);
        lock(&self.parts[part])
    }
}

// Nothing panics between two changes that belong together.
fn lock<K, V>(part: &Mutex<Part<K, V>>) -> MutexGuard<'_, Part<K, V>> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<K: Copy + Eq + Hash, V> Part<K, V> {
    fn new() -> Self {
        Self {
            places: Places::default(),
            entries: Entries::new(),
            weight: 0,
            hand: 0,
            asked: Asked::default(),
        }
    }

    fn place(&self, hash: u64, key: &K) -> Option<usize> {
        self.places.find(hash, |place| self.entries.get(place).is_some_and(|entry| entry.key == *key))
    }

    fn add(&mut self, hash: u64, entry: Entry<K, V>, hasher: &impl BuildHasher) {
        let place = self.entries.len();
        if place == Places::END {
            return;
        }
        self.weight += u64::from(entry.weight);
        self.entries.push(entry);
        self.places.add(hash, place, hashes(&self.entries, hasher));
    }

    /// Puts an entry in the place of another.
    fn replace(&mut self, place: usize, hash: u64, entry: Entry<K, V>, hasher: &impl BuildHasher) {
        self.forget(place, hasher);
        let Some(given_up) = self.entries.get_mut(place) else { return };
        self.weight = self.weight - u64::from(given_up.weight) + u64::from(entry.weight);
        *given_up = entry;
        self.places.add(hash, place, hashes(&self.entries, hasher));
    }

    fn forget(&mut self, place: usize, hasher: &impl BuildHasher) {
        let hash_of = hashes(&self.entries, hasher);
        self.places.remove(hash_of(place), place, hash_of);
    }

    /// Takes an entry out. The last comes into its place.
    fn take(&mut self, place: usize, hasher: &impl BuildHasher) {
        self.forget(place, hasher);
        self.weight -= self.entries.swap_remove(place).map_or(0, |entry| u64::from(entry.weight));
        let last = self.entries.len();
        if let Some(moved) = self.entries.get(place) {
            self.places.moved(hasher.hash_one(moved.key), last, place);
        }
    }

    /// The entry to give up next; none of none.
    fn victim(&mut self) -> Option<usize> {
        loop {
            let place = if self.hand < self.entries.len() { self.hand } else { 0 };
            self.hand = place + 1;
            let entry = self.entries.get_mut(place)?;
            match entry.rounds.checked_sub(1) {
                Some(left) => entry.rounds = left,
                None => return Some(place),
            }
        }
    }
}

/// The hash of what lies in a place.
fn hashes<K: Copy + Hash, V>(
    entries: &Entries<Entry<K, V>>,
    hasher: &impl BuildHasher,
) -> impl Fn(usize) -> u64 {
    |place| entries.get(place).map_or(0, |entry| hasher.hash_one(entry.key))
}

impl<K, V, S> fmt::Debug for Cache<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("parts", &self.parts.len()).field("room", &self.room).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasherDefault, Hasher, RandomState};

    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// Homes are few, and at the end of a table as at its beginning; many keys have the same hash.
    #[derive(Default)]
    struct Crowding(u64);

    impl Hasher for Crowding {
        fn write(&mut self, bytes: &[u8]) {
            let key = bytes.iter().fold(0, |key, byte| key << 8 | u64::from(*byte));
            self.0 = (key % 5).wrapping_sub(3) & 0xffff_ffff | (key % 3) << 56;
        }

        fn finish(&self) -> u64 {
            self.0
        }
    }

    fn cache(room: u64) -> Cache<u16, u32, RandomState> {
        Cache::new(room, 1)
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Get,
        Insert(u32, u32),
        Change(u32),
        Remove,
        Retain(u32),
        Clear,
    }

    fn steps() -> impl Strategy<Value = Vec<(u16, Step)>> {
        let step = prop_oneof![
            4 => Just(Step::Get),
            8 => (any::<u32>(), 0..9_u32).prop_map(|(value, weight)| Step::Insert(value, weight)),
            2 => any::<u32>().prop_map(Step::Change),
            3 => Just(Step::Remove),
            1 => (2..5_u32).prop_map(Step::Retain),
            1 => Just(Step::Clear),
        ];
        vec((0..300_u16, step), 1..600)
    }

    proptest! {
        #[test]
        fn it_answers_what_was_put_in_or_nothing(room in 1..2_000_u64, steps in steps()) {
            follow::<RandomState>(room, &steps)?;
            follow::<BuildHasherDefault<Crowding>>(room, &steps)?;
        }
    }

    /// It may forget, but never tells what was not put there last, and never holds more than it has room for.
    fn follow<S: BuildHasher + Default>(room: u64, steps: &[(u16, Step)]) -> Result<(), TestCaseError> {
        let cache: Cache<u16, u32, S> = Cache::new(room, 1);
        let mut model = std::collections::HashMap::new();
        for (key, step) in steps.iter().copied() {
            let was = cache.contains(&key).then(|| model[&key]);
            match step {
                Step::Get => prop_assert_eq!(cache.get(&key), was),
                Step::Insert(value, weight) => {
                    cache.insert(key, value, weight);
                    model.insert(key, value);
                }
                Step::Change(value) => {
                    let found = cache.change(&key, |known| std::mem::replace(known, value));
                    prop_assert_eq!(found, was);
                    model.insert(key, value);
                }
                Step::Remove => {
                    cache.remove(&key);
                    prop_assert!(!cache.contains(&key));
                }
                Step::Retain(of) => {
                    cache.retain(|value| value % of != 0);
                    let kept = model.iter().filter(|(key, _)| cache.contains(key));
                    prop_assert!(kept.map(|(_, value)| value).all(|value| value % of != 0));
                }
                Step::Clear => {
                    cache.clear();
                    prop_assert_eq!(cache.len(), 0);
                }
            }
            let parts = || cache.parts.iter().map(|part| lock(part));
            for part in parts() {
                prop_assert!(part.weight <= cache.room);
                let weights: u64 = part.entries.iter().map(|entry| u64::from(entry.weight)).sum();
                prop_assert_eq!(part.weight, weights);
                prop_assert_eq!(part.places.len(), part.entries.len());
            }
            for key in 0..300 {
                if cache.contains(&key) {
                    prop_assert_eq!(cache.change(&key, |value| *value), model.get(&key).copied());
                }
            }
        }
        // None is there that cannot be found.
        for part in cache.parts.iter().map(|part| lock(part)) {
            for (place, entry) in part.entries.iter().enumerate() {
                prop_assert_eq!(part.place(cache.hasher.hash_one(entry.key), &entry.key), Some(place));
            }
        }
        Ok(())
    }

    #[test]
    fn nothing_leaves_while_there_is_room() {
        let cache = cache(10_000);
        (0..5_000).for_each(|key| cache.insert(key, u32::from(key), 1));
        assert!((0..5_000).all(|key| cache.get(&key) == Some(key.into())));
        assert_eq!(cache.asked(), Asked { hits: 5_000, misses: 0 });
        assert_eq!((cache.get(&9_999), cache.asked().misses), (None, 1));
    }

    /// What is new stays for as long as a part has others to give up: whoever logs in is not the first to be forgotten.
    #[test]
    fn what_is_new_outlives_what_nobody_asks_for() {
        let cache = cache(64);
        assert_eq!(cache.parts.len(), 1);
        for key in 0..1_000 {
            cache.insert(key, 0, 1);
            assert!((key.saturating_sub(32)..=key).all(|key| cache.contains(&key)), "{key}");
        }
        assert_eq!(cache.len(), 64);
    }

    #[test]
    fn what_weighs_too_much_is_not_kept_and_nothing_leaves_for_it() {
        let cache = cache(64);
        (0..64).for_each(|key| cache.insert(key, 0, 1));
        cache.insert(100, 0, 65);
        assert_eq!((cache.len(), cache.contains(&100)), (64, false));
        cache.insert(100, 0, 64);
        assert_eq!((cache.len(), cache.contains(&100)), (1, true));
    }

    #[test]
    fn no_room_keeps_nothing() {
        let cache = cache(0);
        cache.insert(1, 1, 1);
        assert_eq!((cache.len(), cache.get(&1)), (0, None));
    }
}
