//! Limits store look-ups that find nothing: once-real cookies of the dead, a hundred a minute and address, then 401 unasked.

use std::{
    hash::RandomState,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use symbolon_token::Timestamp;

use crate::{cache::Cache, limits::ThrottleSettings};

const ADDRESSES: u64 = 10_000;
const COUNT_BITS: u32 = 24;

/// Per address: the minute, and how many in it.
pub(crate) struct Misses {
    most: u64,
    /// The same for an address that may be a proxy's, and so speak for many.
    shared: u64,
    by_address: Cache<IpAddr, Arc<AtomicU64>, RandomState>,
}

impl Misses {
    pub(crate) fn new(rules: &ThrottleSettings) -> Self {
        let most = u64::from(rules.misses_per_minute);
        let shared = most.saturating_mul(u64::from(rules.shared_factor));
        Self { most, shared, by_address: Cache::new(ADDRESSES, 1) }
    }

    /// Whether the address has used up its minute.
    pub(crate) fn exhausted(&self, address: IpAddr, now: Timestamp) -> bool {
        let most = if is_private(address.to_canonical()) { self.shared } else { self.most };
        self.by_address.get(&bucket(address)).is_some_and(|cell| {
            let value = cell.load(Ordering::Relaxed);
            value >> COUNT_BITS == minute(now) && value & ((1 << COUNT_BITS) - 1) >= most
        })
    }

    /// Counts a look-up that found nothing.
    pub(crate) fn count(&self, address: IpAddr, now: Timestamp) {
        let address = bucket(address);
        let cell = self.by_address.get(&address).unwrap_or_else(|| {
            let cell = Arc::new(AtomicU64::new(minute(now) << COUNT_BITS));
            self.by_address.insert(address, Arc::clone(&cell), 1);
            cell
        });
        let first = (minute(now) << COUNT_BITS) + 1;
        // Two threads may lose a count to each other at the turn of a minute; the limit is a bound on work, not a lock.
        let value = cell.load(Ordering::Relaxed);
        cell.store(if value >> COUNT_BITS == minute(now) { value + 1 } else { first }, Ordering::Relaxed);
    }
}

fn minute(now: Timestamp) -> u64 {
    u64::try_from(now.as_secs() / 60).unwrap_or(0)
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

fn bucket(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ck_14_a_minute_and_address_have_their_limit() {
        let misses = Misses::new(&ThrottleSettings { misses_per_minute: 3, ..ThrottleSettings::default() });
        let (one, other): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let now = Timestamp::from_secs(1_700_000_000);
        (0..3).for_each(|_| misses.count(one, now));
        assert!(misses.exhausted(one, now));
        assert!(!misses.exhausted(other, now));
        assert!(!misses.exhausted(one, Timestamp::from_secs(1_700_000_060)));
    }

    #[test]
    fn a_proxy_nobody_told_us_of_does_not_log_everybody_out() {
        let rules =
            ThrottleSettings { misses_per_minute: 2, shared_factor: 3, ..ThrottleSettings::default() };
        let misses = Misses::new(&rules);
        let now = Timestamp::from_secs(1_700_000_000);
        for proxy in ["127.0.0.1", "10.1.2.3", "::ffff:192.168.0.1", "fd00::1"] {
            let proxy: IpAddr = proxy.parse().unwrap();
            (0..5).for_each(|_| misses.count(proxy, now));
            assert!(!misses.exhausted(proxy, now));
            misses.count(proxy, now);
            assert!(misses.exhausted(proxy, now));
        }
    }
}
