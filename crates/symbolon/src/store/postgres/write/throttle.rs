//! Throttle counters.

use std::collections::BTreeMap;

use symbolon_token::Timestamp;
use tokio_postgres::Row;

use crate::store::{
    Charge, Charged, Counter, Refund, Result, ThrottleKey,
    postgres::{
        attempt::Attempt,
        batch::{Batch, params},
        pool::Connection,
        read, rows,
    },
    rules,
};

/// Counters by key, locked.
pub(in crate::store::postgres) const COUNTERS: &str = "SELECT key, count, last, blocked_until, forget_at FROM throttle WHERE key = ANY($1) ORDER BY key FOR UPDATE";

/// Counters as they are to be; `None`: gone.
type Written = BTreeMap<ThrottleKey, Option<Counter>>;

fn keys_of<'a>(keys: impl Iterator<Item = &'a ThrottleKey>) -> Vec<Vec<u8>> {
    let mut keys: Vec<Vec<u8>> = keys.map(|key| key.to_vec()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

pub(in crate::store::postgres) async fn charge(
    sql: &Connection,
    (charges, now): &(Vec<Charge>, Timestamp),
) -> Attempt<Charged> {
    // A blocked counter is told from a read: a flood of refused attempts writes nothing.
    let keys: Vec<ThrottleKey> = charges.iter().map(|charge| charge.key).collect();
    let known: BTreeMap<_, _> = read::counters(sql, &keys).await?.into_iter().collect();
    let blocked = |known: &BTreeMap<ThrottleKey, Counter>| {
        rules::blocked(charges.iter().map(|charge| known.get(&charge.key).copied()), *now)
    };
    if blocked(&known) != Charged::Allowed {
        return Ok(blocked(&known));
    }
    let keys = keys_of(keys.iter());
    let mut batch = Batch::begin(sql);
    // A counter that is not there cannot be locked: one that counts for nothing takes its place.
    batch.add(
        "INSERT INTO throttle (key, count, last, forget_at) SELECT k, 0, 0, -9223372036854775807 FROM unnest($1::bytea[]) AS k \
         ORDER BY k ON CONFLICT (key) DO NOTHING",
        params![keys.clone()],
    );
    let locked = batch.add(COUNTERS, params![keys]);
    let locked = batch.run().await?.take(locked);
    let mut known: BTreeMap<_, _> = locked.iter().map(rows::counter).collect::<Result<_>>()?;
    if blocked(&known) != Charged::Allowed {
        sql.roll_back().await?;
        return Ok(blocked(&known));
    }
    for charge in charges {
        let counter = rules::charged(known.get(&charge.key).copied(), charge.rule, *now);
        known.insert(charge.key, counter);
    }
    let mut batch = Batch::on(sql);
    write_counters(&mut batch, &known.into_iter().map(|(key, counter)| (key, Some(counter))).collect());
    batch.commit().await?;
    Ok(Charged::Allowed)
}

/// What refunds make of the counters that were found, and locked.
pub(in crate::store::postgres) fn refunded<'a>(
    found: &[Row],
    refunds: impl Iterator<Item = &'a Refund>,
) -> Result<Written> {
    let found: BTreeMap<_, _> = found.iter().map(rows::counter).collect::<Result<_>>()?;
    let mut written = Written::new();
    for refund in refunds {
        let (key, rule) = match refund {
            Refund::Clear(key) => (key, None),
            Refund::One(key, rule) => (key, Some(*rule)),
        };
        // What is not there was locked by nobody: it is left as somebody else may just be making it.
        let Some(before) = found.get(key) else { continue };
        let before = written.get(key).copied().unwrap_or(Some(*before));
        let left = rule.and_then(|rule| before.and_then(|counter| rules::refunded(counter, rule)));
        written.insert(*key, left);
    }
    Ok(written)
}

pub(in crate::store::postgres) fn write_counters(batch: &mut Batch<'_>, written: &Written) {
    let gone = keys_of(written.iter().filter(|(_, counter)| counter.is_none()).map(|(key, _)| key));
    if !gone.is_empty() {
        batch.add("DELETE FROM throttle WHERE key = ANY($1)", params![gone]);
    }
    let kept: Vec<(&ThrottleKey, &Counter)> =
        written.iter().filter_map(|(key, counter)| counter.as_ref().map(|counter| (key, counter))).collect();
    if !kept.is_empty() {
        batch.add(
            "UPDATE throttle AS t SET count = n.count, last = n.last, blocked_until = n.blocked_until, forget_at = n.forget_at \
             FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[]) \
             AS n (key, count, last, blocked_until, forget_at) WHERE t.key = n.key",
            params![
                kept.iter().map(|(key, _)| key.to_vec()).collect::<Vec<_>>(),
                kept.iter().map(|(_, counter)| i64::from(counter.count)).collect::<Vec<_>>(),
                kept.iter().map(|(_, counter)| counter.last.as_millis()).collect::<Vec<_>>(),
                kept.iter()
                    .map(|(_, counter)| counter.blocked_until.map(Timestamp::as_millis))
                    .collect::<Vec<_>>(),
                kept.iter().map(|(_, counter)| counter.forget_at.as_millis()).collect::<Vec<_>>(),
            ],
        );
    }
}

pub(in crate::store::postgres) async fn refund(sql: &Connection, refunds: &[Refund]) -> Attempt<()> {
    let mut batch = Batch::begin(sql);
    let found = batch.add(COUNTERS, params![keys_of(refunds.iter().map(key))]);
    let found = batch.run().await?.take(found);
    let mut batch = Batch::on(sql);
    write_counters(&mut batch, &refunded(&found, refunds.iter())?);
    batch.commit().await?;
    Ok(())
}

fn key(refund: &Refund) -> &ThrottleKey {
    match refund {
        Refund::Clear(key) | Refund::One(key, _) => key,
    }
}
