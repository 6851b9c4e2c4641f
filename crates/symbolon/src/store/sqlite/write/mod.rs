//! Writes. Each runs in a savepoint of the writer's transaction and says whether it stands.

mod guards;
mod machines;
mod purge;
mod sessions;
mod throttle;
mod transact;
mod users;

use rusqlite::{Connection, params};
use symbolon_token::view::{Ended, Entry};
use uuid::Uuid;

use super::{
    read,
    rows::{ended_columns, stored, to_json},
    writer::Verdict,
};
use crate::store::*;

pub(super) use guards::{acknowledge, note_remote_guards, remove_guard, renew_guard};
pub(super) use machines::{add_key, put_client, put_key, remove_client};
pub(super) use purge::purge;
pub(super) use sessions::{refresh, touch};
pub(super) use throttle::{charge, refund};
pub(super) use transact::transact;
pub(super) use users::{change_user, register, rehash};

type Write<T> = rusqlite::Result<(Verdict, T)>;
type Step<T> = rusqlite::Result<T>;

fn done<T>(value: T) -> Write<T> {
    Ok((Verdict::Commit, value))
}

fn set_meta(sql: &Connection, key: &str, value: &str) -> Step<()> {
    sql.prepare_cached("INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value")?
        .execute([key, value])
        .map(drop)
}

/// The rows of a new installation; leaves an existing one as it is.
pub(super) fn found(sql: &Connection, log_epoch: Uuid) -> Step<()> {
    sql.execute("INSERT OR IGNORE INTO meta (key, value) VALUES ('log_epoch', ?1)", [log_epoch.to_string()])?;
    sql.execute("INSERT OR IGNORE INTO meta (key, value) VALUES ('epoch', '1'), ('master_keys', '[]')", [])
        .map(drop)
}

pub(super) fn set_installation(sql: &Connection, installation: &Installation) -> Write<()> {
    if read::log_epoch(sql)? != installation.log_epoch {
        sql.execute("UPDATE guards SET applied = 0", [])?;
    }
    set_meta(sql, "log_epoch", &installation.log_epoch.to_string())?;
    set_meta(sql, "epoch", &installation.epoch.to_string())?;
    set_meta(sql, "master_keys", &to_json(&installation.master_keys)?)?;
    set_meta(sql, "token_life", &installation.token_life.to_string())?;
    set_meta(sql, "lease_ms", &installation.lease_ms.to_string())?;
    for (key, longer) in
        [("longer_life", installation.longer_life), ("other_lease", installation.other_lease)]
    {
        set_meta(sql, key, &to_json(&longer.map(|(length, until)| (length, until.as_millis())))?)?;
    }
    done(())
}

pub(super) fn change_installation(
    sql: &Connection,
    was: &Installation,
    installation: &Installation,
) -> Write<bool> {
    if read::installation(sql)? != *was {
        return Ok((Verdict::RollBack, false));
    }
    set_installation(sql, installation)?;
    done(true)
}

fn append(sql: &Connection, what: Ended, forget_at: i64, entries: &mut Vec<Entry>) -> Step<u64> {
    let seq = read::meta_number(sql, "log_head")? + 1;
    set_meta(sql, "log_head", &seq.to_string())?;
    let forget_at = (!matches!(what, Ended::Key(_))).then_some(forget_at);
    let (kind, id, generation) = ended_columns(&what);
    sql.prepare_cached("INSERT INTO log (seq, kind, id, generation, forget_at) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![stored(seq), kind, id, generation, forget_at])?;
    entries.push(Entry { seq, what, forget_at });
    Ok(seq)
}

fn add_audit(sql: &Connection, row: &AuditRow) -> Step<()> {
    sql.prepare_cached(
        "INSERT INTO audit (id, at, event, actor, user, session, address, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        row.id.as_bytes(),
        row.at.as_millis(),
        row.event,
        row.actor,
        row.user.as_ref().map(Uuid::as_bytes),
        row.session.as_ref().map(Uuid::as_bytes),
        row.address,
        to_json(&row.detail)?,
    ])
    .map(drop)
}

pub(super) fn record(sql: &Connection, rows: &[AuditRow]) -> Write<()> {
    rows.iter().try_for_each(|row| add_audit(sql, row))?;
    done(())
}
