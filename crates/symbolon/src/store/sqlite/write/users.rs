//! Users and what they prove themselves by.

use rusqlite::{Connection, params};
use symbolon_token::view::{Ended, Entry};
use uuid::Uuid;

use super::{Write, add_audit, append, done};
use crate::store::{
    NewUser, Registered, UserChange, UserRow,
    sqlite::{
        read,
        rows::{stored, to_json},
        writer::Verdict,
    },
};

pub(in crate::store::sqlite) fn register(sql: &Connection, new: &NewUser) -> Write<Registered> {
    let taken =
        sql.prepare_cached("SELECT 1 FROM identifiers WHERE canonical = ?1")?.exists([&new.canonical])?;
    if taken {
        return Ok((Verdict::RollBack, Registered::Taken));
    }
    let user = &new.user;
    sql.prepare_cached(
        "INSERT INTO users (id, generation, disabled, roles, profile, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        user.id.as_bytes(),
        stored(user.generation),
        user.disabled,
        to_json(&user.roles)?,
        to_json(&user.profile)?,
        user.created_at.as_millis(),
        user.updated_at.as_millis(),
    ])?;
    sql.prepare_cached("INSERT INTO identifiers (canonical, user, kind, shown) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![new.canonical, user.id.as_bytes(), new.identifier_kind, user.identifier])?;
    if let Some(credential) = &new.credential {
        sql.prepare_cached(
            "INSERT INTO credentials (id, user, kind, data, version) VALUES (?1, ?2, 'password', ?3, ?4)",
        )?
        .execute(params![
            credential.id.as_bytes(),
            user.id.as_bytes(),
            credential.data,
            stored(credential.version)
        ])?;
    }
    add_audit(sql, &new.audit)?;
    done(Registered::Created)
}

pub(in crate::store::sqlite) fn change_user(
    sql: &Connection,
    change: &UserChange,
    entries: &mut Vec<Entry>,
) -> Write<Option<(UserRow, u64)>> {
    let Some(mut user) = read::user(sql, change.user)? else { return Ok((Verdict::RollBack, None)) };
    user.profile = change.profile.clone().unwrap_or(user.profile);
    user.roles = change.roles.clone().unwrap_or(user.roles);
    user.disabled &= !change.enable;
    user.updated_at = change.at;
    sql.prepare_cached(
        "UPDATE users SET profile = ?2, roles = ?3, disabled = ?4, updated_at = ?5 WHERE id = ?1",
    )?
    .execute(params![
        user.id.as_bytes(),
        to_json(&user.profile)?,
        to_json(&user.roles)?,
        user.disabled,
        change.at.as_millis()
    ])?;
    append(sql, Ended::Changed(user.id), change.forget_at, entries)?;
    if let Some(audit) = &change.audit {
        add_audit(sql, audit)?;
    }
    let head = read::meta_number(sql, "log_head")?;
    done(Some((user, head)))
}

pub(in crate::store::sqlite) fn rehash(
    sql: &Connection,
    credential: Uuid,
    old: &str,
    new: &str,
) -> Write<bool> {
    let changed = sql
        .prepare_cached("UPDATE credentials SET data = ?3 WHERE id = ?1 AND data = ?2")?
        .execute(params![credential.as_bytes(), old, new])?;
    done(changed == 1)
}
