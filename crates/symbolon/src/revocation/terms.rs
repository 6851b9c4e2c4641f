//! How long a lease is, and the margins around it.
//!
//! The lease is the installation's, not a process's own: a revoker waits for the leases of all others, so nobody may take a longer
//! one than everybody knows to wait for. After a change both count for a day: the shorter is taken, the longer waited for. Every
//! process reads anew what the installation says long before the day is over.
//!
//! Margins (model rule 8). `D` is what a clock may drift against another over a lease: a fiftieth of it, where the clocks of
//! machines that are kept by NTP slew by a two-thousandth at most. A node's lease is shorter by D, a barrier waits D longer, a remote
//! guard's lease is shorter by D again, and its grant is remembered D longer. Rows count a second longer than they say: the clock
//! of a database that took over may be ahead by that much (F7).

use std::time::Duration;

use symbolon_token::Timestamp;

use crate::store::Installation;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The largest step of the store's clock at a failover.
pub(crate) const STORE_STEP: Duration = Duration::from_secs(1);

/// The leases that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    lease: Duration,
    other: Option<(Duration, Timestamp)>,
}

impl Terms {
    pub(crate) fn of(installation: &Installation) -> Self {
        let other = installation.other_lease.map(|(lease, until)| (Duration::from_millis(lease), until));
        Self { lease: Duration::from_millis(installation.lease_ms), other }
    }

    fn other(&self, now: Timestamp) -> Option<Duration> {
        self.other.filter(|(_, until)| now < *until).map(|(lease, _)| lease)
    }

    /// The lease that may be taken at `now`.
    pub(crate) fn lease(&self, now: Timestamp) -> Duration {
        self.other(now).map_or(self.lease, |other| other.min(self.lease))
    }

    /// How long after a commit nobody can hold a lease from before it any more: the barrier's timer.
    pub(crate) fn barrier(&self, now: Timestamp) -> Duration {
        let longest = self.other(now).map_or(self.lease, |other| other.max(self.lease));
        longest + margin(longest)
    }
}

/// D, for a lease of this length.
pub(crate) fn margin(lease: Duration) -> Duration {
    lease / 50
}

/// What the installation remembers once a process asks for `lease`, at `now`. Within a day of a change the installation's stays:
/// two lengths are about then already, and a third would be one too many to keep in mind.
pub(crate) fn told(installation: &Installation, lease: Duration, now: Timestamp) -> Installation {
    let asked = u64::try_from(lease.as_millis()).unwrap_or(u64::MAX).max(1);
    let mut told = installation.clone();
    let settled = installation.other_lease.is_none_or(|(_, until)| until <= now);
    if asked != installation.lease_ms && settled {
        told.lease_ms = asked;
        told.other_lease = (installation.lease_ms > 0).then(|| (installation.lease_ms, now.plus(DAY)));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn after(changes: &[(u64, i64)]) -> Installation {
        let new = Installation {
            log_epoch: uuid::Uuid::nil(),
            epoch: 1,
            master_keys: Vec::new(),
            token_life: 0,
            longer_life: None,
            lease_ms: 0,
            other_lease: None,
        };
        changes.iter().fold(new, |known, (secs, now)| told(&known, Duration::from_secs(*secs), at(*now)))
    }

    /// Seconds: the lease to take, and the one to wait for.
    fn counts(changes: &[(u64, i64)], now: i64) -> (u64, u64) {
        let terms = Terms::of(&after(changes));
        let waits = terms.barrier(at(now)).as_millis() * 50 / 51;
        (terms.lease(at(now)).as_secs(), u64::try_from(waits / 1000).unwrap())
    }

    #[test]
    fn the_shorter_lease_is_taken_and_the_longer_waited_for_a_day_long() {
        assert_eq!(counts(&[(3, 0)], 0), (3, 3));
        for changes in [[(3, 0), (10, 5)], [(10, 0), (3, 5)]] {
            assert_eq!(counts(&changes, 5), (3, 10));
            assert_eq!(counts(&changes, 5 + 86_399), (3, 10));
        }
        assert_eq!(counts(&[(3, 0), (10, 5)], 5 + 86_400), (10, 10));
        assert_eq!(counts(&[(10, 0), (3, 5)], 5 + 86_400), (3, 3));
    }

    #[test]
    fn a_second_change_waits_for_the_first_to_settle() {
        assert_eq!(after(&[(3, 0), (10, 5), (20, 6)]), after(&[(3, 0), (10, 5)]));
        assert_eq!(counts(&[(3, 0), (10, 5), (20, 90_000)], 90_001), (10, 20));
        assert_eq!(after(&[(3, 0), (10, 5), (10, 6)]), after(&[(3, 0), (10, 5)]), "a restart is no change");
    }

    #[test]
    fn rule_8_the_timer_is_longer_than_the_longest_lease_by_the_margin() {
        let terms = Terms::of(&after(&[(3, 0)]));
        assert_eq!(terms.barrier(at(1)), Duration::from_millis(3_060));
        assert_eq!(margin(Duration::from_secs(3)), Duration::from_millis(60));
    }
}
