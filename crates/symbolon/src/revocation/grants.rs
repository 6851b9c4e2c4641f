//! Leases of guards without a store. They long-poll a node; the poll is the acknowledgement is the lease.
//!
//! Owns what each guard has acknowledged and until when it may decide from memory. A node counts as applied the least of what it
//! applied itself and what its guards did, as long as they may decide: so whoever revokes at another node waits for them too (m6).

use std::{collections::HashMap, time::Duration};

use uuid::Uuid;

/// Most guards of one node. A client that makes up ids must not fill memory.
const MOST: usize = 10_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Grant {
    /// What the guard has acknowledged of this epoch's log.
    acknowledged: u64,
    /// Until when it may decide, on this node's own monotonic clock, with the margin.
    until: Duration,
}

/// How long a guard that comes no more is remembered, for an operator to see.
const REMEMBERED: Duration = Duration::from_secs(60 * 60);

/// A guard as an operator sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoteGuard {
    /// Random, of this start of its process.
    pub id: Uuid,
    /// What it has applied.
    pub acknowledged: u64,
    /// What is left of its lease; nothing, when it is over.
    pub left: Duration,
}

#[derive(Debug, Default)]
pub(crate) struct Grants {
    /// The log's epoch that the numbers are of.
    epoch: Uuid,
    by_guard: HashMap<Uuid, Grant>,
}

impl Grants {
    /// Grants of one epoch count as nothing in the next, and yet their holders decide until they lapse.
    fn enter(&mut self, epoch: Uuid) {
        if self.epoch != epoch {
            self.epoch = epoch;
            self.by_guard.values_mut().for_each(|grant| grant.acknowledged = 0);
        }
    }

    /// A guard says what it has applied: what it was granted before is worth more to whoever waits. Grants nothing.
    pub(crate) fn acknowledge(&mut self, epoch: Uuid, guard: Uuid, applied: u64) {
        self.enter(epoch);
        if let Some(grant) = self.by_guard.get_mut(&guard) {
            grant.acknowledged = grant.acknowledged.max(applied);
        }
    }

    /// Lets a guard decide until then. `false`: there are too many.
    pub(crate) fn grant(
        &mut self,
        epoch: Uuid,
        guard: Uuid,
        applied: u64,
        until: Duration,
        now: Duration,
    ) -> bool {
        self.enter(epoch);
        if self.by_guard.len() >= MOST {
            self.by_guard.retain(|_, grant| now < grant.until);
        }
        if self.by_guard.len() >= MOST && !self.by_guard.contains_key(&guard) {
            return false;
        }
        let grant = self.by_guard.entry(guard).or_insert(Grant { acknowledged: applied, until });
        grant.acknowledged = grant.acknowledged.max(applied);
        grant.until = grant.until.max(until);
        true
    }

    /// The least that a guard which may decide has acknowledged; `u64::MAX` without one.
    pub(crate) fn least(&mut self, epoch: Uuid, now: Duration) -> u64 {
        self.enter(epoch);
        let live = self.by_guard.values().filter(|grant| now < grant.until);
        live.map(|grant| grant.acknowledged).min().unwrap_or(u64::MAX)
    }

    /// How many may decide at `now`.
    pub(crate) fn live(&self, now: Duration) -> usize {
        self.by_guard.values().filter(|grant| now < grant.until).count()
    }

    /// All that are remembered, by id.
    pub(crate) fn all(&self, now: Duration) -> Vec<RemoteGuard> {
        let shown = |(id, grant): (&Uuid, &Grant)| RemoteGuard {
            id: *id,
            acknowledged: grant.acknowledged,
            left: grant.until.saturating_sub(now),
        };
        let mut guards: Vec<RemoteGuard> = self.by_guard.iter().map(shown).collect();
        guards.sort_by_key(|guard| guard.id);
        guards
    }

    /// Forgets those whose lease was over long ago.
    pub(crate) fn sweep(&mut self, now: Duration) {
        self.by_guard.retain(|_, grant| now < grant.until + REMEMBERED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPOCH: Uuid = Uuid::from_u128(1);
    const ONE: Uuid = Uuid::from_u128(11);
    const TWO: Uuid = Uuid::from_u128(12);

    fn at(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn granted(of: &[(Uuid, u64, u64)]) -> Grants {
        let mut grants = Grants::default();
        for (guard, applied, until) in of {
            assert!(grants.grant(EPOCH, *guard, *applied, at(*until), at(0)));
        }
        grants
    }

    #[test]
    fn m6_the_least_of_the_guards_that_may_decide_counts() {
        let mut grants = granted(&[(ONE, 5, 10), (TWO, 7, 20)]);
        assert_eq!(grants.least(EPOCH, at(9)), 5);
        assert_eq!(grants.least(EPOCH, at(10)), 7);
        assert_eq!(grants.least(EPOCH, at(20)), u64::MAX);
        let seen = |id, acknowledged, left| RemoteGuard { id, acknowledged, left: at(left) };
        assert_eq!(grants.all(at(10)), [seen(ONE, 5, 0), seen(TWO, 7, 10)]);
        assert_eq!([9, 19, 20].map(|now| grants.live(at(now))), [2, 1, 0]);
        grants.sweep(at(10 + 60 * 60));
        assert_eq!(grants.all(at(10)), [seen(TWO, 7, 10)]);
    }

    #[test]
    fn an_acknowledgement_raises_and_grants_nothing() {
        let mut grants = granted(&[(ONE, 5, 10)]);
        for (applied, least) in [(8, 8), (6, 8)] {
            grants.acknowledge(EPOCH, ONE, applied);
            grants.acknowledge(EPOCH, TWO, 1);
            assert_eq!(grants.least(EPOCH, at(9)), least);
        }
        assert_eq!(grants.least(EPOCH, at(10)), u64::MAX);
    }

    #[test]
    fn m17_an_old_grant_never_shortens_a_newer_one() {
        let mut grants = granted(&[(ONE, 5, 10), (ONE, 4, 8)]);
        assert_eq!(grants.least(EPOCH, at(9)), 5);
    }

    #[test]
    fn what_was_acknowledged_of_another_epoch_is_nothing() {
        let mut grants = granted(&[(ONE, 500, 10)]);
        assert_eq!(
            grants.least(Uuid::from_u128(2), at(1)),
            0,
            "it decides by the old log until its lease is over"
        );
        assert_eq!(grants.least(Uuid::from_u128(2), at(10)), u64::MAX);
    }

    #[test]
    fn ids_that_are_made_up_do_not_fill_memory() {
        let mut grants = Grants::default();
        for id in 0..MOST as u128 {
            assert!(grants.grant(EPOCH, Uuid::from_u128(id), 0, at(10), at(0)));
        }
        assert!(!grants.grant(EPOCH, Uuid::max(), 0, at(10), at(1)));
        assert!(grants.grant(EPOCH, Uuid::from_u128(3), 1, at(11), at(1)), "one that is known goes on");
        assert!(grants.grant(EPOCH, Uuid::max(), 0, at(30), at(20)), "those that lapsed make room");
        assert_eq!(grants.by_guard.len(), 1);
    }
}
