//! Networks in CIDR form, for `server.trusted_proxies`.

use std::fmt;
use std::net::IpAddr;

use super::value::{Found, Refused, Value};

/// An address, or all addresses that share a prefix: `10.0.0.0/8`, `::1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Parses an address or a network whose bits beyond the prefix are zero.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let address: IpAddr = address.parse().map_err(|_| "that is no IP address".to_owned())?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => width,
            Some(text) => text.parse().ok().filter(|p| *p <= width).ok_or("the prefix is out of range")?,
        };
        if prefix == 0 {
            return Err("it would trust the forwarding headers of the whole internet".to_owned());
        }
        let network = Self { address: masked(address, prefix), prefix };
        if network.address != address {
            return Err(format!("it has bits beyond its prefix; write {network}"));
        }
        Ok(network)
    }

    /// Its first address.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// How many leading bits its addresses share: up to 32 for IPv4, up to 128 for IPv6.
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Whether the address lies inside. An IPv4 address mapped into IPv6 counts as what it is.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && masked(address, self.prefix) == self.address
    }
}

fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(a) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0);
            IpAddr::V4((u32::from(a) & mask).into())
        }
        IpAddr::V6(a) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix.min(128))).unwrap_or(0);
            IpAddr::V6((u128::from(a) & mask).into())
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl Value for Network {
    const WANTS: &'static str = "addresses or networks such as \"10.0.0.0/8\" or \"::1\"";

    fn read(found: &Found) -> Result<Self, Refused> {
        Self::parse(found.text().ok_or(None)?).map_err(Some)
    }

    fn show(&self) -> String {
        format!("\"{self}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_its_addresses_and_no_others() {
        let ten = Network::parse("10.0.0.0/8").unwrap();
        for (address, inside) in
            [("10.255.0.1", true), ("11.0.0.1", false), ("::ffff:10.1.1.1", true), ("::1", false)]
        {
            assert_eq!(ten.contains(address.parse().unwrap()), inside, "{address}");
        }
        let one = Network::parse("2001:db8::/32").unwrap();
        assert!(one.contains("2001:db8:1::1".parse().unwrap()));
        assert!(!one.contains("2001:db9::1".parse().unwrap()));
        assert!(Network::parse("127.0.0.1").unwrap().contains("127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn odd_networks_are_refused() {
        for text in
            ["", "10.0.0.0/33", "10.0.0.1/8", "0.0.0.0/0", "::/0", "localhost", "10.0.0.0/", "fe80::1%eth0"]
        {
            assert!(Network::parse(text).is_err(), "{text}");
        }
    }
}
