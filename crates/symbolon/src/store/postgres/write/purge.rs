//! Rows that are over. Every node looks; a row that another is busy with is left for the next look.

use tokio_postgres::Row;
use uuid::Uuid;

use crate::store::{
    PurgeBefore, Result,
    postgres::{
        attempt::Attempt,
        batch::{Batch, params},
        pool::Connection,
        rows::{column, stored},
    },
};

/// Sessions that one look goes through at a time, and at most. What is behind them is the next look's, or a table of millions would
/// be read all the time. In tests few, so that several are needed.
const SLICE: i64 = if cfg!(test) { 3 } else { 10_000 };
const MOST: i64 = 200_000;

/// Behind which session the next look begins.
pub(in crate::store::postgres) type Swept = Uuid;

/// Removes what is over, and says how much and where the next look begins.
pub(in crate::store::postgres) async fn purge(
    sql: &Connection,
    (before, limit, from): &(PurgeBefore, usize, Swept),
) -> Attempt<(usize, Swept)> {
    let (sessions, swept) = purge_sessions(sql, before, *limit, *from).await?;
    let rest = purge_log(sql, before, *limit).await?
        + purge_audit(sql, before, *limit).await?
        + purge_throttle(sql, before, *limit).await?;
    super::guards::purge_guards(sql).await?;
    Ok((sessions + rest, swept))
}

/// [`crate::store::rules::over`] of the sessions behind `from`. A session may have been touched since it was found: the lock looks again.
async fn purge_sessions(
    sql: &Connection,
    before: &PurgeBefore,
    limit: usize,
    start: Uuid,
) -> Attempt<(usize, Swept)> {
    let (mut gone, mut seen, mut from) = (0, 0, start);
    while gone < limit && seen < MOST {
        let rows = sql
            .query(
                "SELECT id FROM sessions WHERE id > $1 ORDER BY id OFFSET $2 LIMIT 1",
                params![from, SLICE - 1],
            )
            .await?;
        let to = rows.first().map(|row| column::<Uuid>(row, 0)).transpose()?;
        let mut batch = Batch::begin(sql);
        let deleted = batch.add(
            "DELETE FROM sessions WHERE id IN (SELECT s.id FROM sessions s JOIN users u ON u.id = s.user_id \
             WHERE s.id > $1 AND s.id <= $2 AND (s.ended_at < $3 OR least(s.expires_at, s.idle_expires_at) < $3 \
             OR s.last_seen < $3 AND s.generation <> u.generation) ORDER BY s.id LIMIT $4 FOR UPDATE OF s SKIP LOCKED) RETURNING 1",
            params![from, to.unwrap_or(Uuid::max()), before.sessions.as_millis(), stored((limit - gone) as u64)],
        );
        gone += batch.commit().await?.take(deleted).len();
        seen += SLICE;
        if gone >= limit {
            // There is more: the same stretch is looked through again.
            return Ok((gone, start));
        }
        match to {
            Some(to) => from = to,
            None => return Ok((gone, Uuid::nil())),
        }
    }
    Ok((gone, from))
}

/// Keys aside, which are never forgotten.
async fn purge_log(sql: &Connection, before: &PurgeBefore, limit: usize) -> Attempt<usize> {
    let rows = sql
        .query(
            "SELECT seq FROM (SELECT seq, forget_at FROM log WHERE forget_at IS NOT NULL ORDER BY seq LIMIT $2) o \
             WHERE o.forget_at < $1 ORDER BY seq",
            params![before.now.as_secs(), stored(limit as u64)],
        )
        .await?;
    let gone = rows.iter().map(|row| column::<i64>(row, 0)).collect::<Result<Vec<_>>>()?;
    let Some(last) = gone.last().copied() else { return Ok(0) };
    let mut batch = Batch::begin(sql);
    batch.add("UPDATE log_head SET trimmed = greatest(trimmed, $1)", params![last]);
    let deleted = batch.add("DELETE FROM log WHERE seq = ANY($1) RETURNING 1", params![gone]);
    Ok(batch.commit().await?.take(deleted).len())
}

async fn purge_audit(sql: &Connection, before: &PurgeBefore, limit: usize) -> Attempt<usize> {
    let mut batch = Batch::begin(sql);
    let deleted = batch.add(
        "DELETE FROM audit WHERE id IN (SELECT id FROM audit ORDER BY id LIMIT $2) AND at < $1 RETURNING 1",
        params![before.audit.as_millis(), stored(limit as u64)],
    );
    Ok(batch.commit().await?.take(deleted).len())
}

/// Counters that are forgotten, then those that are too many, least recent first. One that was charged since it was found stays.
async fn purge_throttle(sql: &Connection, before: &PurgeBefore, limit: usize) -> Attempt<usize> {
    let (now, limit) = (before.now.as_millis(), stored(limit as u64));
    let mut spare = sql
        .query(
            "SELECT key, last, count FROM throttle WHERE forget_at <= $1 ORDER BY key LIMIT $2",
            params![now, limit],
        )
        .await?;
    let all: i64 = sql
        .query("SELECT count(*) FROM throttle", params![])
        .await?
        .first()
        .map_or(Ok(0), |row| column(row, 0))?;
    let found = stored(spare.len() as u64);
    let excess = (all - found).saturating_sub(stored(before.throttle_most as u64)).min(limit - found);
    if excess > 0 {
        spare.extend(
            sql.query(
                "SELECT key, last, count FROM throttle WHERE forget_at > $1 ORDER BY last, key LIMIT $2",
                params![now, excess],
            )
            .await?,
        );
    }
    if spare.is_empty() {
        return Ok(0);
    }
    fn each<T>(rows: &[Row], at: usize) -> Result<Vec<T>>
    where
        T: for<'a> tokio_postgres::types::FromSql<'a>,
    {
        rows.iter().map(|row| column(row, at)).collect()
    }
    let mut batch = Batch::begin(sql);
    let deleted = batch.add(
        "DELETE FROM throttle WHERE key IN (SELECT t.key FROM throttle t JOIN unnest($1::bytea[], $2::bigint[], $3::bigint[]) \
         AS n (key, last, count) ON t.key = n.key AND t.last = n.last AND t.count = n.count ORDER BY t.key \
         FOR UPDATE OF t SKIP LOCKED) RETURNING 1",
        params![each::<Vec<u8>>(&spare, 0)?, each::<i64>(&spare, 1)?, each::<i64>(&spare, 2)?],
    );
    Ok(batch.commit().await?.take(deleted).len())
}
