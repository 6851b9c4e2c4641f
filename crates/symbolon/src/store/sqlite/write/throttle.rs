//! Throttle counters.

use rusqlite::{Connection, params};
use symbolon_token::Timestamp;

use super::{Step, Write, done};
use crate::store::{
    Charge, Charged, Counter, Refund, ThrottleKey, rules,
    sqlite::{read, writer::Verdict},
};

fn put_counter(sql: &Connection, key: &ThrottleKey, counter: Option<Counter>) -> Step<()> {
    match counter {
        None => sql.prepare_cached("DELETE FROM throttle WHERE key = ?1")?.execute([key]),
        Some(counter) => sql
            .prepare_cached("INSERT OR REPLACE INTO throttle (key, count, last, blocked_until, forget_at) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![
                key,
                counter.count,
                counter.last.as_millis(),
                counter.blocked_until.map(Timestamp::as_millis),
                counter.forget_at.as_millis(),
            ]),
    }
    .map(drop)
}

pub(in crate::store::sqlite) fn charge(
    sql: &Connection,
    charges: &[Charge],
    now: Timestamp,
) -> Write<Charged> {
    let blocked = read::blocked(sql, charges, now)?;
    if blocked != Charged::Allowed {
        return Ok((Verdict::RollBack, blocked));
    }
    for charge in charges {
        let counter = rules::charged(read::counter(sql, &charge.key)?, charge.rule, now);
        put_counter(sql, &charge.key, Some(counter))?;
    }
    done(Charged::Allowed)
}

pub(super) fn apply_refunds(sql: &Connection, refunds: &[Refund]) -> Step<()> {
    for refund in refunds {
        match refund {
            Refund::Clear(key) => put_counter(sql, key, None)?,
            Refund::One(key, rule) => {
                let left = read::counter(sql, key)?.and_then(|counter| rules::refunded(counter, *rule));
                put_counter(sql, key, left)?;
            }
        }
    }
    Ok(())
}

pub(in crate::store::sqlite) fn refund(sql: &Connection, refunds: &[Refund]) -> Write<()> {
    apply_refunds(sql, refunds)?;
    done(())
}
