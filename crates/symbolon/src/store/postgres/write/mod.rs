//! Writes that end and mint nothing: each is one transaction on a connection of its own, in as few round trips as it has decisions.
//!
//! Whoever locks several rows locks them in the order of their keys, and tables in the order users, sessions, keys, counters, log:
//! two that meet wait for each other, never in a circle.

mod guards;
mod machines;
mod purge;
mod sessions;
mod throttle;
mod users;

use symbolon_token::Timestamp;
use uuid::Uuid;

use super::{
    attempt::Attempt,
    batch::{Batch, params},
    pool::Connection,
    read,
    rows::to_json,
};
use crate::store::*;

pub(super) use guards::{acknowledge, note_remote_guards, now, remove_guard, renew_guard};
pub(super) use machines::{add_client, add_key, add_key_beside, put_key};
pub(super) use purge::{Swept, purge};
pub(super) use sessions::{insert, refresh, touch};
pub(super) use throttle::{COUNTERS, charge, refund, refunded, write_counters};
pub(super) use users::{register, rehash};

pub(super) fn add_audit(batch: &mut Batch<'_>, rows: &[AuditRow]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let details = rows.iter().map(|row| to_json(&row.detail)).collect::<Result<Vec<_>>>()?;
    batch.add(
        "INSERT INTO audit (id, at, event, actor, user_id, session_id, address, detail) SELECT * FROM \
         unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::uuid[], $6::uuid[], $7::text[], $8::text[])",
        params![
            rows.iter().map(|row| row.id).collect::<Vec<_>>(),
            rows.iter().map(|row| row.at.as_millis()).collect::<Vec<_>>(),
            rows.iter().map(|row| row.event.clone()).collect::<Vec<_>>(),
            rows.iter().map(|row| row.actor.clone()).collect::<Vec<_>>(),
            rows.iter().map(|row| row.user).collect::<Vec<_>>(),
            rows.iter().map(|row| row.session).collect::<Vec<_>>(),
            rows.iter().map(|row| row.address.clone()).collect::<Vec<_>>(),
            details,
        ],
    );
    Ok(())
}

pub(super) async fn record(sql: &Connection, rows: &[AuditRow]) -> Attempt<()> {
    let mut batch = Batch::begin(sql);
    add_audit(&mut batch, rows)?;
    batch.commit().await?;
    Ok(())
}

fn set_meta(batch: &mut Batch<'_>, key: &'static str, value: String) {
    batch.add(
        "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        params![key, value],
    );
}

/// The facts of the installation, in the order of their keys.
pub(super) fn put_installation(batch: &mut Batch<'_>, installation: &Installation) -> Result<()> {
    let longer = |longer: Option<(u64, Timestamp)>| {
        to_json(&longer.map(|(length, until)| (length, until.as_millis())))
    };
    set_meta(batch, "epoch", installation.epoch.to_string());
    set_meta(batch, "lease_ms", installation.lease_ms.to_string());
    set_meta(batch, "log_epoch", installation.log_epoch.to_string());
    set_meta(batch, "other_lease", longer(installation.other_lease)?);
    set_meta(batch, "longer_life", longer(installation.longer_life)?);
    set_meta(batch, "master_keys", to_json(&installation.master_keys)?);
    set_meta(batch, "token_life", installation.token_life.to_string());
    Ok(())
}

pub(super) async fn set_installation(sql: &Connection, installation: &Installation) -> Attempt<()> {
    let mut batch = Batch::begin(sql);
    put_installation(&mut batch, installation)?;
    batch.commit().await?;
    Ok(())
}

/// Whoever replaces the installation, or adds to its keys because of what it read, holds this row meanwhile.
pub(super) const LOCK: &str = "SELECT 1 FROM meta WHERE key = 'master_keys' FOR UPDATE";

pub(super) async fn change_installation(
    sql: &Connection,
    (was, installation): &(Installation, Installation),
) -> Attempt<bool> {
    let mut batch = Batch::begin(sql);
    batch.add(LOCK, params![]);
    batch.run().await?;
    if read::installation(sql, &()).await? != *was {
        sql.roll_back().await?;
        return Ok(false);
    }
    let mut batch = Batch::on(sql);
    put_installation(&mut batch, installation)?;
    batch.commit().await?;
    Ok(true)
}

/// The rows of a new installation; leaves an existing one as it is.
pub(super) async fn found(sql: &Connection, log_epoch: &Uuid) -> Attempt<()> {
    let mut batch = Batch::begin(sql);
    batch.add(
        "INSERT INTO meta (key, value) VALUES ('epoch', '1'), ('log_epoch', $1), ('master_keys', '[]') ON CONFLICT DO NOTHING",
        params![log_epoch.to_string()],
    );
    batch.add(
        "INSERT INTO log_head (one, head, trimmed) VALUES (true, 0, 0) ON CONFLICT DO NOTHING",
        params![],
    );
    batch.commit().await?;
    Ok(())
}
