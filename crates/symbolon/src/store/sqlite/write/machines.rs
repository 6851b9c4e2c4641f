//! Signing keys and machine clients.

use rusqlite::{Connection, params};
use symbolon_token::{Ended, Entry, Kid};
use uuid::Uuid;

use super::{Write, add_audit, append, done};
use crate::store::{
    AuditRow, ClientRow, KeyRow, rules,
    sqlite::{read, rows::to_json, writer::Verdict},
};

pub(in crate::store::sqlite) fn put_key(sql: &Connection, key: &KeyRow) -> Write<bool> {
    let written = sql
        .prepare_cached(
            "INSERT INTO keys (kid, algorithm, sealed, key_version, created_at, sign_from) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
             ON CONFLICT (kid) DO UPDATE SET sealed = excluded.sealed, key_version = excluded.key_version, \
             created_at = excluded.created_at, sign_from = excluded.sign_from WHERE removed_at IS NULL",
        )?
        .execute(params![
            key.kid.to_string(),
            key.algorithm,
            key.sealed,
            key.key_version,
            key.created_at.as_millis(),
            key.sign_from.as_millis(),
        ])?;
    done(written == 1)
}

pub(in crate::store::sqlite) fn add_key(sql: &Connection, key: &KeyRow, beside: &[Kid]) -> Write<bool> {
    let keys = read::keys(sql)?;
    let alone = rules::same_keys(keys.iter().map(|key| key.kid), beside);
    if !alone || beside.contains(&key.kid) {
        return Ok((Verdict::RollBack, false));
    }
    put_key(sql, key)
}

pub(in crate::store::sqlite) fn put_client(
    sql: &Connection,
    client: &ClientRow,
    forget_at: i64,
    audit: &AuditRow,
    entries: &mut Vec<Entry>,
) -> Write<u64> {
    sql.prepare_cached(
        "INSERT OR REPLACE INTO clients (id, name, scopes, secret, previous, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        client.id.as_bytes(),
        client.name,
        to_json(&client.scopes)?,
        client.secrets.first(),
        client.secrets.get(1),
        client.created_at.as_millis(),
    ])?;
    add_audit(sql, audit)?;
    done(append(sql, Ended::Changed(client.id), forget_at, entries)?)
}

pub(in crate::store::sqlite) fn remove_client(
    sql: &Connection,
    id: Uuid,
    forget_at: i64,
    audit: &AuditRow,
    entries: &mut Vec<Entry>,
) -> Write<Option<u64>> {
    let removed = sql.prepare_cached("DELETE FROM clients WHERE id = ?1")?.execute([id.as_bytes()])? == 1;
    if !removed {
        return done(None);
    }
    add_audit(sql, audit)?;
    done(Some(append(sql, Ended::Changed(id), forget_at, entries)?))
}
