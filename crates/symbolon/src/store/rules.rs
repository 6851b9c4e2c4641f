//! Decisions that every store takes in the same way, as pure functions over rows.

use std::{collections::HashSet, time::Duration};

use symbolon_token::{Kid, Timestamp};
use uuid::Uuid;

use super::{
    AuditRow, Charged, ClientRow, Condition, Counter, End, Kind, Limit, LoginRow, PurgeBefore, Result,
    SessionRow, SessionWithUser, StoreError, ThrottleRule, TokenRef, Touch, Transition, UserRow,
};

/// How long the row of a guard stays when its lease is over.
pub const GUARD_KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// Refuses a transition that no caller of sound mind makes, before anything is read.
///
/// # Errors
/// A mint without a condition, or for another user than the condition's.
pub fn sound(transition: &Transition) -> Result<()> {
    match (&transition.mint, &transition.condition) {
        (Some(_), None) => Err(StoreError::new("a session is minted on condition only")),
        (Some(mint), Some(condition)) if mint.user != condition.user => {
            Err(StoreError::new("a session is minted for the user of its condition only"))
        }
        _ => Ok(()),
    }
}

/// Refuses a client that cannot be kept: it has its current secret, and the previous one at most.
///
/// # Errors
/// With no secret, or more than two.
pub fn sound_client(client: &ClientRow) -> Result<()> {
    match client.secrets.len() {
        1 | 2 => Ok(()),
        _ => Err(StoreError::new("a client has one secret, or two while one replaces the other")),
    }
}

/// Whether these are the same keys, in whatever order.
pub fn same_keys(keys: impl Iterator<Item = Kid>, others: &[Kid]) -> bool {
    let keys: HashSet<Kid> = keys.collect();
    keys.len() == others.len() && others.iter().all(|kid| keys.contains(kid))
}

/// Whether a condition still holds: `login` is the condition's user as it is now, `predecessor` the session to renew, when asked.
pub fn holds(
    condition: &Condition,
    login: Option<&LoginRow>,
    predecessor: Option<&SessionWithUser>,
    now: Timestamp,
) -> bool {
    let Some(LoginRow { user, credential }) = login else { return false };
    let credential = credential.as_ref().map(|row| (row.id, row.version));
    !user.disabled
        && user.generation == condition.generation
        && (condition.credential.is_none() || condition.credential == credential)
        && (condition.predecessor.is_none()
            || predecessor.is_some_and(|row| row.user.id == user.id && row.live(now)))
}

/// The session whose children move to the minted one: a predecessor that ends as its successor is minted. A session that only
/// stands surety (for a grant, say) keeps them.
pub fn succeeded(transition: &Transition) -> Option<Uuid> {
    let predecessor = transition.condition.as_ref()?.predecessor?;
    match transition.end {
        Some(End::Session { id, .. }) if id == predecessor && transition.mint.is_some() => Some(predecessor),
        _ => None,
    }
}

/// Whether a session was ended, by itself or with all of its user. (One that only ran out can still be ended.)
pub fn ended(row: &SessionWithUser) -> bool {
    row.session.ended_at.is_some() || row.session.generation != row.user.generation
}

/// Whether a token's user and session know nothing against it: `session` is what its session id found, when it has one.
pub fn stands(token: &TokenRef, user: Option<&UserRow>, session: Option<&Option<SessionWithUser>>) -> bool {
    let session = session
        .is_none_or(|found| found.as_ref().is_some_and(|row| row.session.user == token.user && !ended(row)));
    session && user.is_some_and(|user| !user.disabled && user.generation == token.generation)
}

/// The sessions that a mint crowds out, of those `live`, newest first: all logins but as many of the newest as leave room for the
/// minted one. A grant is no login: a job must not end because its user logged in somewhere.
pub fn crowded_out(live: &[SessionRow], limit: &Limit) -> Vec<Uuid> {
    let logins = live.iter().filter(|row| row.kind != Kind::Grant);
    logins.skip(limit.most.saturating_sub(1)).map(|row| row.id).collect()
}

/// The audit row of what was crowded out; `None` when nothing was.
pub fn crowded_out_row(limit: &Limit, ended: &[Uuid]) -> Option<AuditRow> {
    let (first, others) = ended.split_first()?;
    let mut row = AuditRow { session: Some(*first), ..limit.audit.clone() };
    if !others.is_empty() {
        row.detail.insert("others".into(), others.iter().map(Uuid::to_string).collect());
    }
    Some(row)
}

/// Whether activity counts: the session was not ended, had not run out when it began, was not over when it was last, and no later
/// activity is known.
pub fn moves(session: &SessionRow, touch: &Touch) -> bool {
    session.ended_at.is_none()
        && session.last_seen < touch.seen
        && touch.since < session.idle_expires_at
        && touch.seen < session.expires_at
}

/// Notes activity in a session's row, if it counts.
pub fn touch(session: &mut SessionRow, touch: &Touch) {
    if moves(session, touch) {
        session.last_seen = touch.seen;
        session.idle_expires_at = touch.idle_expires_at.min(session.expires_at);
    }
}

/// Two activities of a session as one, when the later began before the session had run out after the earlier; else the later alone,
/// of which somebody else must have known that the session was live.
pub fn joined(one: Touch, other: Touch) -> Touch {
    let (earlier, later) = if one.seen <= other.seen { (one, other) } else { (other, one) };
    let unbroken = later.since < earlier.idle_expires_at;
    Touch { since: if unbroken { earlier.since.min(later.since) } else { later.since }, ..later }
}

/// Whether a session's row may go.
pub fn over(row: &SessionWithUser, before: &PurgeBefore) -> bool {
    let SessionWithUser { session, user } = row;
    session.ended_at.is_some_and(|at| at < before.sessions)
        || session.generation != user.generation && session.last_seen < before.sessions
        || session.expires_at.min(session.idle_expires_at) < before.sessions
}

/// What a presented refresh counter means (DESIGN, journey "Refresh").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Answer with the counter as it stands.
    Same,
    /// Move it by one.
    Next,
    /// Used up longer ago than the grace time.
    Reused,
    /// Never issued.
    Ahead,
}

/// Decides over a live session's counter. A bound chain (`jkt`) may repeat its last step at any time: a thief lacks the key.
pub fn refresh(session: &SessionRow, presented: u64, now: Timestamp, grace_ms: i64) -> Move {
    let counter = session.refresh_counter;
    // A clock that stepped back must not turn an honest repeat into a theft: a move in the future counts as just now.
    let moved_lately = session
        .refresh_moved_at
        .is_some_and(|moved| now.as_millis().saturating_sub(moved.as_millis()) < grace_ms);
    if presented > counter {
        Move::Ahead
    } else if presented == counter {
        if moved_lately { Move::Same } else { Move::Next }
    } else if presented + 1 == counter && (moved_lately || session.jkt.is_some()) {
        Move::Same
    } else {
        Move::Reused
    }
}

/// A counter as it counts at `now`: forgotten ones are none.
pub fn remembered(counter: Option<Counter>, now: Timestamp) -> Option<Counter> {
    counter.filter(|counter| now < counter.forget_at)
}

/// Whether any of these counters refuses at `now`; the answer names the time when none does any more.
pub fn blocked(counters: impl IntoIterator<Item = Option<Counter>>, now: Timestamp) -> Charged {
    let blocks = counters.into_iter().filter_map(|counter| remembered(counter, now)?.blocked_until);
    blocks.filter(|until| now < *until).max().map_or(Charged::Allowed, Charged::Blocked)
}

/// A counter after one more charge.
pub fn charged(counter: Option<Counter>, rule: ThrottleRule, now: Timestamp) -> Counter {
    let count = remembered(counter, now).map_or(0, |counter| counter.count).saturating_add(1);
    let blocked_until = count.checked_sub(rule.free).map(|over| {
        let block = rule.block_ms.saturating_mul(1 << over.min(30)).min(rule.max_block_ms);
        later(now, block)
    });
    let forget_at = later(now, rule.forget_ms);
    Counter { count, last: now, blocked_until, forget_at: forget_at.max(blocked_until.unwrap_or(forget_at)) }
}

/// A counter after one charge was taken back. That charge was allowed, so the block before it was over: what is left counts,
/// but refuses nobody.
pub fn refunded(counter: Counter, rule: ThrottleRule) -> Option<Counter> {
    let count = counter.count.checked_sub(1).filter(|count| *count > 0)?;
    Some(Counter { count, blocked_until: None, forget_at: later(counter.last, rule.forget_ms), ..counter })
}

fn later(at: Timestamp, millis: i64) -> Timestamp {
    Timestamp::from_millis(at.as_millis().saturating_add(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: ThrottleRule =
        ThrottleRule { free: 5, block_ms: 30_000, max_block_ms: 3_600_000, forget_ms: 86_400_000 };

    #[test]
    fn blocks_start_after_the_free_tries_and_double_up_to_the_longest() {
        let now = Timestamp::from_secs(1_000);
        let mut counter = None;
        let mut blocks = Vec::new();
        for _ in 0..13 {
            let next = charged(counter, RULE, now);
            blocks.push(next.blocked_until.map_or(0, |until| until.since(now).as_secs()));
            counter = Some(next);
        }
        assert_eq!(blocks, [0, 0, 0, 0, 30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600]);
    }

    #[test]
    fn a_counter_of_the_largest_size_does_not_overflow() {
        let now = Timestamp::from_millis(i64::MAX - 1);
        let full = Counter {
            count: u32::MAX,
            last: now,
            blocked_until: None,
            forget_at: Timestamp::from_millis(i64::MAX),
        };
        let rule = ThrottleRule { free: 0, block_ms: i64::MAX, max_block_ms: i64::MAX, forget_ms: i64::MAX };
        let counter = charged(Some(full), rule, now);
        assert_eq!(
            (counter.count, counter.blocked_until),
            (u32::MAX, Some(Timestamp::from_millis(i64::MAX)))
        );
    }

    #[test]
    fn a_success_after_a_block_does_not_bring_the_block_back() {
        let now = Timestamp::from_secs(1_000);
        let five = (0..5).fold(None, |counter, _| Some(charged(counter, RULE, now))).unwrap();
        let after = five.blocked_until.unwrap();
        let six = charged(Some(five), RULE, after);
        let left = refunded(six, RULE).unwrap();
        assert_eq!((left.count, blocked([Some(left)], after)), (5, Charged::Allowed));
    }

    #[test]
    fn the_longest_of_several_blocks_is_told() {
        let now = Timestamp::from_secs(1_000);
        let until = |secs| {
            let until = Timestamp::from_secs(secs);
            Some(Counter {
                count: 9,
                last: now,
                blocked_until: Some(until),
                forget_at: Timestamp::from_secs(9_000),
            })
        };
        let counters = [until(1_010), None, until(1_090), until(990)];
        assert_eq!(blocked(counters, now), Charged::Blocked(Timestamp::from_secs(1_090)));
        assert_eq!(
            blocked(counters, Timestamp::from_secs(1_090)),
            Charged::Allowed,
            "the end of a block is free"
        );
    }
}
