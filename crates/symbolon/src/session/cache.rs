//! Sessions in memory: what a check needs of a row, and no more.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use quick_cache::{UnitWeighter, sync::Cache};
use symbolon_token::{Amr, Timestamp};
use uuid::Uuid;

use crate::store::{Kind, SessionRow};

/// A live session as it was read from the store, with its activity since.
pub(crate) struct CachedSession {
    pub(crate) id: Uuid,
    pub(crate) user: Uuid,
    pub(crate) generation: u64,
    pub(crate) kind: Kind,
    pub(crate) secret_hash: [u8; 32],
    /// The installation's epoch of the MAC that its cookie was found genuine by.
    pub(crate) epoch: u32,
    pub(crate) amr: Arc<[Amr]>,
    pub(crate) auth_time: Timestamp,
    pub(crate) expires_at: Timestamp,
    last_seen: AtomicI64,
    idle_expires_at: AtomicI64,
}

impl CachedSession {
    pub(crate) fn of(row: &SessionRow, secret_hash: [u8; 32], epoch: u32) -> Self {
        let amr =
            row.amr.iter().map(|amr| Amr { method: amr.method.clone(), at: Timestamp::from_millis(amr.at) });
        Self {
            id: row.id,
            user: row.user,
            generation: row.generation,
            kind: row.kind,
            secret_hash,
            epoch,
            amr: amr.collect(),
            auth_time: row.auth_time,
            expires_at: row.expires_at,
            last_seen: AtomicI64::new(row.last_seen.as_millis()),
            idle_expires_at: AtomicI64::new(row.idle_expires_at.as_millis()),
        }
    }

    pub(crate) fn idle_expires_at(&self) -> Timestamp {
        Timestamp::from_millis(self.idle_expires_at.load(Ordering::Relaxed))
    }

    /// Notes activity at `now`; `true` once a `pause`, to whoever must see that it is written.
    pub(crate) fn seen(&self, now: Timestamp, pause_ms: i64, idle_expires_at: Timestamp) -> bool {
        let last = self.last_seen.load(Ordering::Relaxed);
        let due = now.as_millis().saturating_sub(last) >= pause_ms
            && self
                .last_seen
                .compare_exchange(last, now.as_millis(), Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if due {
            self.idle_expires_at.store(idle_expires_at.min(self.expires_at).as_millis(), Ordering::Relaxed);
        }
        due
    }
}

/// Hashes an id by its tail: the head of a UUIDv7 is time, its last 62 bits are random already.
#[derive(Default)]
pub(crate) struct Tail(u64);

impl Hasher for Tail {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(tail) = bytes.last_chunk::<8>() {
            self.0 = u64::from_ne_bytes(*tail);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

pub(crate) struct SessionCache(Cache<Uuid, Arc<CachedSession>, UnitWeighter, BuildHasherDefault<Tail>>);

impl SessionCache {
    pub(crate) fn new(capacity: usize) -> Self {
        let weight = u64::try_from(capacity).unwrap_or(u64::MAX);
        // Room is taken as it is needed: an idle server stays small.
        let cache = Cache::with(
            1024.min(capacity),
            weight,
            UnitWeighter,
            BuildHasherDefault::default(),
            Default::default(),
        );
        Self(cache)
    }

    pub(crate) fn get(&self, id: Uuid) -> Option<Arc<CachedSession>> {
        self.0.get(&id)
    }

    pub(crate) fn insert(&self, session: Arc<CachedSession>) {
        self.0.insert(session.id, session);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn remove(&self, id: Uuid) {
        self.0.remove(&id);
    }

    /// Removes sessions of these users up to these generations.
    pub(crate) fn remove_users(&self, ended: &HashMap<Uuid, u64>) {
        self.0.retain(|_, session| {
            ended.get(&session.user).is_none_or(|generation| session.generation > *generation)
        });
    }
}
