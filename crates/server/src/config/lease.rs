//! `[lease]`: how long a guard may decide from memory without hearing from the store. The value is the installation's:
//! it is written into the store when that is made, and changed for all nodes at once.

use std::time::Duration;

use super::reader::Reader;

/// The effective `[lease]`.
#[derive(Clone, Copy, Debug)]
pub struct Lease {
    /// At least 1 s; a node that dies holds a revocation up for so long, once.
    pub duration: Duration,
}

pub(super) fn read(reader: &mut Reader) -> Lease {
    let second = Duration::from_secs;
    let mut s = reader.section("lease");
    let duration = s
        .setting("duration", second(3))
        .floor(second(1))
        .ceiling(second(60))
        .within(Duration::from_millis(100), second(600))
        .take();
    Lease { duration }
}
