//! Guards' leases, by the database's clock, the same for all who ask. Each is a transaction of one round trip; they have
//! connections of their own (see `mod.rs`), so that a flood of other work makes nobody stale.

use symbolon_token::Timestamp;
use uuid::Uuid;

use crate::store::{
    GuardLease,
    postgres::{
        attempt::Attempt,
        batch::{Batch, params},
        pool::Connection,
        rows::{column, damaged, millis, stored},
    },
    rules,
};

/// The database's time, milliseconds since 1970.
macro_rules! now {
    () => {
        "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
    };
}
pub(in crate::store::postgres) use now;

/// A row says which log its number is of: where that is not the log of the moment, the number is nothing to whoever reads it.
pub(in crate::store::postgres) async fn renew_guard(
    sql: &Connection,
    guard: &GuardLease,
) -> Attempt<Timestamp> {
    const RENEW: &str = concat!(
        "INSERT INTO guards (id, epoch, applied, lease_until) \
         SELECT $1, m.value, CASE WHEN m.value = $2 THEN $3::bigint ELSE 0 END, $4 + ",
        now!(),
        " FROM meta m WHERE m.key = 'log_epoch' ON CONFLICT (id) DO UPDATE SET epoch = excluded.epoch, \
         applied = CASE WHEN guards.epoch = excluded.epoch THEN greatest(guards.applied, excluded.applied) \
         ELSE excluded.applied END, lease_until = greatest(excluded.lease_until, guards.lease_until + 1) RETURNING ",
        now!()
    );
    let values = params![guard.id, guard.epoch.to_string(), stored(guard.applied), millis(guard.lease)];
    let rows = sql.query(RENEW, values).await?;
    let row = rows.first().ok_or_else(|| damaged("a fact of the installation is missing"))?;
    Ok(Timestamp::from_millis(column(row, 0)?))
}

/// Guard, epoch, number.
pub(in crate::store::postgres) type Acknowledged = (Uuid, Uuid, u64);

/// Does not wait for the disk, or the standby: endings wait for this, and what is lost in a crash only delays them.
pub(in crate::store::postgres) async fn acknowledge(
    sql: &Connection,
    (guard, epoch, applied): &Acknowledged,
) -> Attempt<()> {
    let mut batch = Batch::begin(sql);
    batch.add("SET LOCAL synchronous_commit = off", params![]);
    batch.add(
        "UPDATE guards SET applied = CASE WHEN epoch = $2 THEN greatest(applied, $3) ELSE $3 END, epoch = $2 \
         WHERE id = $1 AND (epoch <> $2 OR applied < $3) \
         AND EXISTS (SELECT 1 FROM meta m WHERE m.key = 'log_epoch' AND m.value = $2)",
        params![*guard, epoch.to_string(), stored(*applied)],
    );
    batch.commit().await.map(drop)
}

pub(in crate::store::postgres) async fn remove_guard(sql: &Connection, guard: &Uuid) -> Attempt<()> {
    sql.query("DELETE FROM guards WHERE id = $1", params![*guard]).await.map(drop)
}

pub(in crate::store::postgres) async fn note_remote_guards(sql: &Connection, (): &()) -> Attempt<()> {
    let mut batch = Batch::begin(sql);
    super::set_meta(&mut batch, "remote_guards", "true".to_owned());
    batch.commit().await.map(drop)
}

/// Those whose lease has been over for long.
pub(super) async fn purge_guards(sql: &Connection) -> Attempt<()> {
    const OVER: &str = concat!("DELETE FROM guards WHERE lease_until + $1 <= ", now!());
    let mut batch = Batch::begin(sql);
    batch.add(OVER, params![millis(rules::GUARD_KEPT)]);
    batch.commit().await.map(drop)
}
