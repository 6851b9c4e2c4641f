//! New ids: UUIDv7 from the injected clock and randomness. Time-ordered, so that primary keys append; never a secret.

use std::sync::atomic::{AtomicU64, Ordering};

use symbolon_token::Timestamp;
use uuid::Uuid;

use crate::clock::{Randomness, random};

/// Ids of one process, in the order in which they were asked for, also within a millisecond: the 12 bits after the time count
/// (RFC 9562 §6.2, method 1), and what does not fit runs ahead of the clock. So rows that are made one after the other sort so.
#[derive(Default)]
pub(crate) struct Ids {
    /// 48 bits of milliseconds and 12 bits of count: the front of the last id.
    last: AtomicU64,
}

const COUNT_BITS: u32 = 12;

impl Ids {
    /// An id made at `now`, or behind the last one when the clock stands still or goes back.
    pub(crate) fn next(&self, now: Timestamp, randomness: &dyn Randomness) -> Uuid {
        let time = u64::try_from(now.as_millis()).unwrap_or_default() << COUNT_BITS;
        let after = |last: u64| time.max(last + 1);
        let step = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(after(last)));
        // The closure never declines, so both arms are the last one.
        let (Ok(last) | Err(last)) = step;
        let front = after(last);
        let [_, _, time @ ..] = (front >> COUNT_BITS).to_be_bytes();
        let count = (front & ((1 << COUNT_BITS) - 1)).to_be_bytes();
        let [a, b, c, d, e, f] = time;
        let [r0, r1, r2, r3, r4, r5, r6, r7] = random::<8>(randomness);
        // The builder sets version and variant over the bits that are theirs.
        uuid::Builder::from_bytes([a, b, c, d, e, f, count[6], count[7], r0, r1, r2, r3, r4, r5, r6, r7])
            .with_version(uuid::Version::SortRand)
            .with_variant(uuid::Variant::RFC4122)
            .into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The worst randomness there is: the order must not hang on it.
    struct Zeros;

    impl Randomness for Zeros {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(0);
        }
    }

    #[test]
    fn ids_follow_each_other_whatever_the_clock_does() {
        let ids = Ids::default();
        let at = Timestamp::from_millis(1_700_000_000_000);
        let times = [at, at, at, Timestamp::from_millis(at.as_millis() - 5), at];
        let made: Vec<Uuid> = times.into_iter().map(|at| ids.next(at, &Zeros)).collect();
        assert!(made.is_sorted_by(|one, next| one < next), "{made:?}");
        assert_eq!(made[0].get_version(), Some(uuid::Version::SortRand));
        assert_eq!(made[0].get_variant(), uuid::Variant::RFC4122);
        assert_eq!(made[0].to_string(), "018bcfe5-6800-7000-8000-000000000000");
        assert_eq!(made[4].to_string(), "018bcfe5-6800-7004-8000-000000000000");
    }

    #[test]
    fn more_than_a_millisecond_holds_run_ahead_of_it() {
        let ids = Ids::default();
        let at = Timestamp::from_millis(1_700_000_000_000);
        let made: Vec<Uuid> = (0..5_000).map(|_| ids.next(at, &Zeros)).collect();
        assert!(made.is_sorted_by(|one, next| one < next));
        assert_eq!(made.last().unwrap().to_string(), "018bcfe5-6801-7387-8000-000000000000");
        let later = ids.next(Timestamp::from_millis(at.as_millis() + 9), &Zeros);
        assert_eq!(later.to_string(), "018bcfe5-6809-7000-8000-000000000000");
    }

    #[test]
    fn threads_never_share_an_id() {
        let ids = Ids::default();
        let at = Timestamp::from_millis(1_700_000_000_000);
        let made: Vec<Vec<Uuid>> = std::thread::scope(|scope| {
            let make = || (0..1_000).map(|_| ids.next(at, &Zeros)).collect::<Vec<_>>();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(make)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(made.iter().flatten().collect::<BTreeSet<_>>().len(), 4_000);
    }
}
