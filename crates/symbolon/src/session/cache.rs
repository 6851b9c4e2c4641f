//! Sessions in memory: what a check needs of a row, and no more.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    sync::Arc,
};

use symbolon_token::{Amr, Timestamp};
use uuid::Uuid;

use crate::{
    cache::{Asked, Cache},
    store::SessionRow,
};

/// A live session as it was read from the store, with its activity since. A million of them are kept, each in two lines of memory: what
/// follows from something else is not in it, its id least of all, which is the key.
#[derive(Clone)]
pub(crate) struct CachedSession {
    pub(crate) user: Uuid,
    pub(crate) generation: u64,
    pub(crate) secret_hash: [u8; 32],
    pub(crate) auth_time: Timestamp,
    pub(crate) expires_at: Timestamp,
    last_seen: Timestamp,
    pub(crate) idle_expires_at: Timestamp,
    /// What was proven, where that is more than a password at `auth_time`. A pointer to one: half as long.
    proven: Option<Arc<Arc<[Amr]>>>,
    /// The installation's epoch of the MAC that its cookie was found genuine by.
    pub(crate) epoch: u32,
}

/// RFC 8176.
const PASSWORD: &str = "pwd";

impl CachedSession {
    pub(crate) fn of(row: &SessionRow, secret_hash: [u8; 32], epoch: u32) -> Self {
        let alone =
            matches!(&*row.amr, [only] if only.method == PASSWORD && only.at == row.auth_time.as_millis());
        let amr = row
            .amr
            .iter()
            .map(|amr| Amr { method: amr.method.clone().into(), at: Timestamp::from_millis(amr.at) });
        Self {
            user: row.user,
            generation: row.generation,
            secret_hash,
            auth_time: row.auth_time,
            expires_at: row.expires_at,
            last_seen: row.last_seen,
            idle_expires_at: row.idle_expires_at,
            proven: (!alone).then(|| Arc::new(amr.collect())),
            epoch,
        }
    }

    pub(crate) fn amr(&self) -> Arc<[Amr]> {
        match &self.proven {
            Some(proven) => Arc::clone(proven),
            None => Arc::from([Amr { method: PASSWORD.into(), at: self.auth_time }]),
        }
    }

    /// Whether activity at `now` is to be noted: once a `pause`.
    pub(crate) fn due(&self, now: Timestamp, pause_ms: i64) -> bool {
        now.as_millis().saturating_sub(self.last_seen.as_millis()) >= pause_ms
    }
}

/// Hashes an id by its tail: the head of a UUIDv7 is time, its last 62 bits are random already. The two before them are the same in every
/// id; a table looks at the lowest bits and the highest, so they must be neither.
#[derive(Default)]
pub(crate) struct Tail(u64);

impl Hasher for Tail {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(tail) = bytes.last_chunk::<8>() {
            self.0 = u64::from_be_bytes(*tail).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

pub(crate) struct SessionCache(Cache<Uuid, CachedSession, BuildHasherDefault<Tail>>);

impl SessionCache {
    pub(crate) fn new(capacity: usize) -> Self {
        Self(Cache::new(u64::try_from(capacity).unwrap_or(u64::MAX), 1))
    }

    pub(crate) fn fetch_place(&self, id: Uuid) {
        self.0.fetch_place(&id);
    }

    pub(crate) fn fetch_entry(&self, id: Uuid) {
        self.0.fetch_entry(&id);
    }

    pub(crate) fn get(&self, id: Uuid) -> Option<CachedSession> {
        self.0.get(&id)
    }

    /// Notes activity; `false` where somebody else has just done so.
    pub(crate) fn seen(&self, id: Uuid, now: Timestamp, pause_ms: i64, idle_expires_at: Timestamp) -> bool {
        let seen = self.0.change(&id, |session| {
            let due = session.due(now, pause_ms);
            if due {
                session.last_seen = now;
                session.idle_expires_at = idle_expires_at.min(session.expires_at);
            }
            due
        });
        // Of what is not kept nobody else knows.
        seen.unwrap_or(true)
    }

    pub(crate) fn insert(&self, id: Uuid, session: CachedSession) {
        self.0.insert(id, session, 1);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn asked(&self) -> Asked {
        self.0.asked()
    }

    pub(crate) fn remove(&self, id: Uuid) {
        self.0.remove(&id);
    }

    /// Removes sessions of these users up to these generations.
    pub(crate) fn remove_users(&self, ended: &HashMap<Uuid, u64>) {
        self.0.retain(|session| {
            ended.get(&session.user).is_none_or(|generation| session.generation > *generation)
        });
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::store::contract::session_row;

    /// As they are in life: time in front, chance behind.
    fn id(number: u64) -> Uuid {
        let tail = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number.rotate_left(32);
        Uuid::from_u64_pair(number << 16 | 0x7000, tail | 1 << 63)
    }

    pub(crate) fn session(number: u64) -> CachedSession {
        let row = session_row(id(number), id(number + 1), Timestamp::from_secs(1_700_000_000));
        CachedSession::of(&row, [7; 32], 1)
    }

    /// The bound of the design: 200 bytes for each of a million, all told. Counted is what is asked of the allocator; what that adds of its
    /// own is taken for 16 bytes each.
    #[test]
    fn a_million_sessions_take_at_most_200_bytes_each() {
        const SESSIONS: usize = 1_000_000;
        let mut cache = None;
        let taken = allocation_counter::measure(|| {
            let filled = SessionCache::new(SESSIONS);
            (0..1_100_000).for_each(|number| filled.insert(id(number), session(number)));
            cache = Some(filled);
        });
        let kept = cache.unwrap().len();
        assert!(kept > SESSIONS * 98 / 100 && kept <= SESSIONS, "{kept} are kept");
        let bytes = u64::try_from(taken.bytes_current + 16 * taken.count_current).unwrap();
        let each = bytes / u64::try_from(kept).unwrap();
        println!("{each} bytes for each cached session");
        assert!(each <= 200, "{each} bytes each");
    }

    /// The bits that choose a place in a table, and those that tell one from another there.
    #[test]
    fn an_ids_hash_has_no_bit_that_is_the_same_in_all() {
        let made = crate::id::Ids::default();
        let at = Timestamp::from_secs(1_700_000_000);
        let hash = |_| {
            let mut hasher = Tail::default();
            hasher.write(made.next(at, &crate::clock::SystemRandomness).as_bytes());
            hasher.finish()
        };
        let hashes: Vec<u64> = (0..8_192).map(hash).collect();
        let values =
            |of: fn(&u64) -> u64| hashes.iter().map(of).collect::<std::collections::HashSet<_>>().len();
        assert_eq!((values(|hash| hash & 0xff), values(|hash| hash >> 57)), (256, 128));
    }

    /// Somebody walks through ten times as many live sessions as fit, each once, while others go on using theirs.
    #[test]
    fn a_scan_does_not_push_out_what_is_in_use() {
        const ROOM: u64 = 20_000;
        let in_use = 0..ROOM / 2;
        let cache = SessionCache::new(usize::try_from(ROOM).unwrap());
        let used = |cache: &SessionCache| {
            let missed = in_use.clone().filter(|number| cache.get(id(*number)).is_none());
            missed.inspect(|number| cache.insert(id(*number), session(*number))).count()
        };
        let first: usize = (0..3).map(|_| used(&cache)).sum();
        assert_eq!((first, used(&cache)), (in_use.clone().count(), 0), "half of the room");
        let mut missed = 0;
        for round in 1..=10 {
            (0..ROOM).for_each(|number| cache.insert(id(round * ROOM + number), session(number)));
            missed += used(&cache);
        }
        let looked_up = 10 * usize::try_from(ROOM / 2).unwrap();
        assert!(missed * 100 <= looked_up, "{missed} of {looked_up} had to be read again");
        let rounded_up = 64;
        assert!(cache.len() <= usize::try_from(ROOM).unwrap() + rounded_up);
    }

    #[test]
    fn what_was_proven_is_told_as_the_row_has_it() {
        let at = Timestamp::from_secs(1_700_000_000);
        let row = session_row(id(1), id(2), at);
        let told = |row: &SessionRow| {
            let amr = CachedSession::of(row, [7; 32], 1).amr();
            amr.iter().map(|amr| (amr.method.to_string(), amr.at.as_millis())).collect::<Vec<_>>()
        };
        let amr = |method: &str, at| crate::store::Amr { method: method.into(), at };
        let (now, before) = (at.as_millis(), at.as_millis() - 1);
        for proven in [
            vec![amr("pwd", now)],
            vec![amr("pwd", before)],
            vec![amr("otp", now)],
            vec![amr("pwd", now), amr("otp", before)],
            vec![],
        ] {
            let expected: Vec<_> = proven.iter().map(|amr| (amr.method.clone(), amr.at)).collect();
            assert_eq!(told(&SessionRow { amr: proven, ..row.clone() }), expected);
        }
    }
}
