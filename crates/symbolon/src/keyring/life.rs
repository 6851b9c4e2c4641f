//! How long an access token may live, as the installation remembers it.
//!
//! The setting is this process's, but tokens of the process before may still be out there. What forgets (the log) and what refuses
//! (the verifier) therefore asks for the longest life that any token can have: after a change the larger of old and new counts
//! for a day, or for the old life when that was longer still.

use std::time::Duration;

use symbolon_token::Timestamp;

use crate::store::Installation;

/// No setting but one spelled `unsafe_…` makes a token live longer.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The lives that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    issued: Duration,
    longer: Option<(Duration, Timestamp)>,
}

impl Life {
    pub(super) fn of(installation: &Installation) -> Self {
        let longer = installation.longer_life.map(|(life, until)| (Duration::from_secs(life), until));
        Self { issued: Duration::from_secs(installation.token_life), longer }
    }

    /// The longest that a token which counts at `now` was made for.
    pub(crate) fn longest(&self, now: Timestamp) -> Duration {
        match self.longer {
            Some((longer, until)) if now < until => longer.max(self.issued),
            _ => self.issued,
        }
    }
}

/// What the installation remembers once tokens are issued for `life`, from `now` on.
pub(super) fn told(installation: &Installation, life: Duration, now: Timestamp) -> Installation {
    let token_life = life.as_secs() + u64::from(life.subsec_nanos() > 0);
    let mut told = installation.clone();
    if token_life == installation.token_life {
        return told;
    }
    let before = Life::of(installation).longest(now);
    told.token_life = token_life;
    told.longer_life = (before.as_secs() > token_life).then(|| (before.as_secs(), now.plus(before.max(DAY))));
    told
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn after(changes: &[(u64, i64)]) -> Installation {
        let new = Installation {
            log_epoch: Uuid::nil(),
            epoch: 1,
            master_keys: Vec::new(),
            token_life: 0,
            longer_life: None,
            lease_ms: 0,
            other_lease: None,
        };
        changes.iter().fold(new, |known, (life, now)| told(&known, Duration::from_secs(*life), at(*now)))
    }

    fn longest(changes: &[(u64, i64)], now: i64) -> u64 {
        Life::of(&after(changes)).longest(at(now)).as_secs()
    }

    #[test]
    fn the_larger_of_old_and_new_counts_for_a_day() {
        assert_eq!(longest(&[(300, 0)], 0), 300);
        assert_eq!(longest(&[(3_600, 0), (300, 10)], 11), 3_600);
        assert_eq!(longest(&[(3_600, 0), (300, 10)], 10 + 86_399), 3_600);
        assert_eq!(longest(&[(3_600, 0), (300, 10)], 10 + 86_400), 300);
        assert_eq!(longest(&[(300, 0), (3_600, 10)], 10), 3_600, "a longer life counts at once");
        assert_eq!(after(&[(300, 0), (3_600, 10)]).longer_life, None);
    }

    #[test]
    fn a_second_change_forgets_nothing_of_the_first() {
        assert_eq!(longest(&[(3_600, 0), (300, 10), (60, 20)], 21), 3_600);
        assert_eq!(longest(&[(3_600, 0), (300, 10), (600, 20)], 21), 3_600);
        assert_eq!(
            longest(&[(3_600, 0), (300, 10), (60, 90_000)], 90_001),
            300,
            "what is over does not come back"
        );
        assert_eq!(longest(&[(3_600, 0), (300, 10), (300, 20)], 21), 3_600, "a restart is no change");
    }

    #[test]
    fn a_life_above_a_day_counts_as_long_as_it_lasts() {
        assert_eq!(longest(&[(200_000, 0), (300, 0)], 199_999), 200_000);
        assert_eq!(after(&[]).token_life, 0);
        let fraction = told(&after(&[]), Duration::from_millis(1_500), at(0));
        assert_eq!(fraction.token_life, 2, "never rounded down");
    }
}
