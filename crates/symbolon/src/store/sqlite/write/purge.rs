//! Rows that are over.

use rusqlite::{Connection, params};
use uuid::Uuid;

use super::{Write, done, set_meta};
use crate::store::{
    PurgeBefore, rules,
    sqlite::{
        read::{self, Spare},
        rows::{OVER, stored},
    },
};

/// Removes the `sessions` and `counters` that readers found, if they may still go, and the oldest of the log and the audit. A
/// session may have been touched, and a counter charged, since.
pub(in crate::store::sqlite) fn purge(
    sql: &Connection,
    before: PurgeBefore,
    limit: usize,
    sessions: &[Uuid],
    counters: &[Spare],
) -> Write<usize> {
    let limit = stored(limit as u64);
    let mut gone = 0;
    let mut session = sql.prepare_cached(&format!("DELETE FROM sessions AS s WHERE s.id = ?2 AND {OVER}"))?;
    for id in sessions {
        gone += session.execute(params![before.sessions.as_millis(), id.as_bytes()])?;
    }
    let mut counter =
        sql.prepare_cached("DELETE FROM throttle WHERE key = ?1 AND last = ?2 AND count = ?3")?;
    for (key, last, count) in counters {
        gone += counter.execute(params![key, last, count])?;
    }
    gone += sql
        .prepare_cached(
            "DELETE FROM audit WHERE id IN (SELECT id FROM audit ORDER BY id LIMIT ?2) AND at < ?1",
        )?
        .execute(params![before.audit.as_millis(), limit])?;
    let over = before.now.minus(rules::GUARD_KEPT);
    sql.prepare_cached("DELETE FROM guards WHERE lease_until <= ?1")?.execute([over.as_millis()])?;
    done(gone + purge_log(sql, before.now.as_secs(), limit)?)
}

fn purge_log(sql: &Connection, now: i64, limit: i64) -> rusqlite::Result<usize> {
    // Keys aside, which are never forgotten.
    const OLDEST: &str =
        "seq IN (SELECT seq FROM log WHERE forget_at IS NOT NULL ORDER BY seq LIMIT ?2) AND forget_at < ?1";
    let last: Option<i64> = sql
        .prepare_cached(&format!("SELECT max(seq) FROM log WHERE {OLDEST}"))?
        .query_row(params![now, limit], |row| row.get(0))?;
    let Some(last) = last else { return Ok(0) };
    let trimmed = read::meta_number(sql, "log_trimmed")?.max(u64::try_from(last).unwrap_or(0));
    set_meta(sql, "log_trimmed", &trimmed.to_string())?;
    sql.prepare_cached(&format!("DELETE FROM log WHERE {OLDEST}"))?.execute(params![now, limit])
}
