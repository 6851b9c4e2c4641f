//! Guards' leases. A node that holds the file alone writes none for itself; the rows are kept all the same as every store keeps
//! them, so that one suite holds for all.

use rusqlite::{Connection, params};
use symbolon_token::Timestamp;
use uuid::Uuid;

use super::{Write, done, set_meta};
use crate::store::{
    GuardLease,
    sqlite::{read, rows::stored},
};

pub(in crate::store::sqlite) fn renew_guard(
    sql: &Connection,
    guard: &GuardLease,
    now: Timestamp,
) -> Write<()> {
    let applied = if read::log_epoch(sql)? == guard.epoch { guard.applied } else { 0 };
    sql.prepare_cached(
        "INSERT INTO guards (id, applied, lease_until) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO UPDATE \
         SET applied = max(applied, excluded.applied), lease_until = max(excluded.lease_until, lease_until + 1)",
    )?
    .execute(params![guard.id.as_bytes(), stored(applied), now.plus(guard.lease).as_millis()])?;
    done(())
}

pub(in crate::store::sqlite) fn acknowledge(
    sql: &Connection,
    guard: Uuid,
    epoch: Uuid,
    applied: u64,
) -> Write<()> {
    if read::log_epoch(sql)? == epoch {
        sql.prepare_cached("UPDATE guards SET applied = max(applied, ?2) WHERE id = ?1")?
            .execute(params![guard.as_bytes(), stored(applied)])?;
    }
    done(())
}

pub(in crate::store::sqlite) fn remove_guard(sql: &Connection, guard: Uuid) -> Write<()> {
    sql.prepare_cached("DELETE FROM guards WHERE id = ?1")?.execute([guard.as_bytes()])?;
    done(())
}

pub(in crate::store::sqlite) fn note_remote_guards(sql: &Connection) -> Write<()> {
    set_meta(sql, "remote_guards", "true")?;
    done(())
}
