//! `[throttle]`: how many wrong passwords, registrations and unknown credentials are too many (`DESIGN.md` "Throttling").

use std::time::Duration;

use super::reader::Reader;

/// The effective `[throttle]`.
#[derive(Clone, Copy, Debug)]
pub struct Throttle {
    /// Wrong passwords per account before the first block.
    pub account_tries: u32,
    /// The first block of an account; each further failure doubles it.
    pub account_block: Duration,
    /// The longest block of an account.
    pub account_block_max: Duration,
    /// An account counter is forgotten so long after its last failure.
    pub account_memory: Duration,
    /// Account counters kept; the least recent go first.
    pub accounts: usize,
    /// Wrong passwords per address before a block.
    pub address_tries: u32,
    /// The block of an address.
    pub address_block: Duration,
    /// An address counter is forgotten so long after its last failure.
    pub address_memory: Duration,
    /// How many times the limits an unlisted loopback or private peer gets: it may be a proxy for everybody.
    pub private_factor: u32,
    /// Registrations per address and hour.
    pub registrations: u32,
    /// Store lookups per address and minute that may find nothing.
    pub lookups: u32,
}

pub(super) fn read(reader: &mut Reader) -> Throttle {
    let second = Duration::from_secs;
    let (hour, day) = (second(3600), second(86_400));
    let mut s = reader.section("throttle");
    // NIST SP 800-63B-4 §3.2.2: at most 100 consecutive failures.
    let account_tries = s.setting("account_tries", 5_u32).ceiling(100).within(1, 1_000_000).take();
    let account_block = s.setting("account_block", second(30)).floor(second(1)).within(second(0), day).take();
    let account_block_max = s.setting("account_block_max", hour).within(second(0), 30 * day).take();
    let throttle = Throttle {
        account_tries,
        account_block,
        account_block_max,
        account_memory: s.setting("account_memory", day).floor(hour).within(second(1), 365 * day).take(),
        accounts: s.setting("accounts", 100_000_usize).within(100, 100_000_000).take(),
        address_tries: s.setting("address_tries", 10_u32).ceiling(1000).within(1, 1_000_000).take(),
        address_block: s.setting("address_block", second(600)).floor(second(1)).within(second(0), day).take(),
        address_memory: s
            .setting("address_memory", second(600))
            .floor(second(60))
            .within(second(1), 30 * day)
            .take(),
        private_factor: s.setting("private_factor", 100_u32).within(1, 10_000).take(),
        registrations: s.setting("registrations", 10_u32).within(1, 1_000_000).take(),
        lookups: s.setting("lookups", 100_u32).within(1, 1_000_000).take(),
    };
    if account_block > account_block_max {
        reader.complain(format!(
            "throttle.account_block ({}) is longer than throttle.account_block_max ({})",
            reader.source("throttle.account_block"),
            reader.source("throttle.account_block_max")
        ));
    }
    throttle
}
