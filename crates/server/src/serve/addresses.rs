//! How many connections each address has open, so that one client cannot take them all (HT-26).

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Counts per address; an IPv6 client owns a whole /64, so that counts as one.
#[derive(Clone, Debug, Default)]
pub(super) struct Addresses(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One counted connection.
#[derive(Debug)]
pub(super) struct Counted {
    addresses: Addresses,
    key: IpAddr,
}

impl Addresses {
    /// Counts a connection, unless the address has `most` already.
    pub(super) fn count(&self, address: IpAddr, most: usize) -> Option<Counted> {
        let key = match address.to_canonical() {
            IpAddr::V6(address) => {
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::from(u64::MAX) << 64)))
            }
            v4 @ IpAddr::V4(_) => v4,
        };
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(key).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        drop(counts);
        Some(Counted { addresses: self.clone(), key })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = self.addresses.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ht_26_an_address_has_its_share_and_no_more() {
        let addresses = Addresses::default();
        let count = |text: &str| addresses.count(text.parse().unwrap(), 2);
        let first = count("192.0.2.1");
        let second = count("::ffff:192.0.2.1");
        assert!(first.is_some() && second.is_some() && count("192.0.2.1").is_none());
        drop(first);
        assert!(count("192.0.2.1").is_some());
        let near = (count("2001:db8::1"), count("2001:db8::2"));
        assert!(near.0.is_some() && count("2001:db8::3").is_none() && count("2001:db8:0:1::3").is_some());
        drop((second, near));
        assert!(addresses.0.lock().unwrap().is_empty());
    }
}
