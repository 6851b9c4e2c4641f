//! Reads. Most are one statement; what takes several runs over one snapshot ([`super::readers::Readers::snapshot`]) or within the
//! writer's transaction.

use rusqlite::{Connection, OptionalExtension, params};
use symbolon_token::Timestamp;
use uuid::Uuid;

use super::rows::{self, OVER, SESSION, SESSION_COLUMNS, USER, damaged, stored};
use crate::store::{rules, *};

type Read<T> = rusqlite::Result<T>;

pub(super) fn meta(sql: &Connection, key: &str) -> Read<Option<String>> {
    sql.prepare_cached("SELECT value FROM meta WHERE key = ?1")?.query_row([key], |row| row.get(0)).optional()
}

pub(super) fn meta_number(sql: &Connection, key: &str) -> Read<u64> {
    let text = meta(sql, key)?;
    text.map_or(Ok(0), |text| text.parse().map_err(|_| damaged(0, "not a number")))
}

fn needed(value: Option<String>) -> Read<String> {
    value.ok_or(rusqlite::Error::QueryReturnedNoRows)
}

pub(super) fn log_epoch(sql: &Connection) -> Read<Uuid> {
    Uuid::parse_str(&needed(meta(sql, "log_epoch")?)?).map_err(|_| damaged(0, "no id"))
}

pub(super) fn installation(sql: &Connection) -> Read<Installation> {
    let master_keys = needed(meta(sql, "master_keys")?)?;
    let longer = |key| -> Read<Option<(u64, Timestamp)>> {
        let written: Option<(u64, i64)> = match meta(sql, key)? {
            Some(text) => serde_json::from_str(&text).map_err(|_| damaged(0, "no length and end"))?,
            None => None,
        };
        Ok(written.map(|(length, until)| (length, Timestamp::from_millis(until))))
    };
    Ok(Installation {
        log_epoch: log_epoch(sql)?,
        epoch: u32::try_from(meta_number(sql, "epoch")?).map_err(|_| damaged(0, "not an epoch"))?,
        master_keys: serde_json::from_str(&master_keys).map_err(|_| damaged(0, "no master keys"))?,
        token_life: meta_number(sql, "token_life")?,
        longer_life: longer("longer_life")?,
        lease_ms: meta_number(sql, "lease_ms")?,
        other_lease: longer("other_lease")?,
    })
}

pub(super) fn user(sql: &Connection, id: Uuid) -> Read<Option<UserRow>> {
    sql.prepare_cached(&format!("SELECT {USER} FROM users u WHERE u.id = ?1"))?
        .query_row([id.as_bytes()], rows::user)
        .optional()
}

/// User and credential in one statement: a password change in between must not pair one's generation with the other's hash.
fn one_login(sql: &Connection, from: &str, parameter: impl rusqlite::Params) -> Read<Option<LoginRow>> {
    sql.prepare_cached(&format!(
        "SELECT c.id, c.data, c.version, {USER} FROM {from} LEFT JOIN credentials c ON c.user = u.id AND c.kind = 'password'"
    ))?
    .query_row(parameter, |row| {
        let credential = row.get::<_, Option<[u8; 16]>>(0)?.map(|_| rows::credential(row)).transpose()?;
        Ok(LoginRow { credential, user: rows::user_at(row, 3)? })
    })
    .optional()
}

pub(super) fn login(sql: &Connection, id: Uuid) -> Read<Option<LoginRow>> {
    one_login(sql, "(SELECT * FROM users WHERE id = ?1) u", [id.as_bytes()])
}

pub(super) fn login_of(sql: &Connection, canonical: &str) -> Read<Option<LoginRow>> {
    let named = "(SELECT * FROM users WHERE id = (SELECT user FROM identifiers WHERE canonical = ?1)) u";
    one_login(sql, named, [canonical])
}

pub(super) fn users(
    sql: &Connection,
    prefix: Option<&str>,
    after: Option<Uuid>,
    limit: usize,
) -> Read<Vec<UserRow>> {
    let after = after.unwrap_or(Uuid::nil());
    let limit = stored(limit as u64);
    match prefix {
        None => sql
            .prepare_cached(&format!("SELECT {USER} FROM users u WHERE u.id > ?1 ORDER BY u.id LIMIT ?2"))?
            .query_map(params![after.as_bytes(), limit], rows::user)?
            .collect(),
        Some(prefix) => sql
            .prepare_cached(&format!(
                "SELECT {USER} FROM users u WHERE u.id > ?1 AND u.id IN \
                 (SELECT user FROM identifiers WHERE canonical >= ?3 AND canonical < ?3 || char(1114111)) ORDER BY u.id LIMIT ?2"
            ))?
            .query_map(params![after.as_bytes(), limit, prefix], rows::user)?
            .collect(),
    }
}

pub(super) fn session(sql: &Connection, id: Uuid) -> Read<Option<SessionWithUser>> {
    sql.prepare_cached(&format!(
        "SELECT {SESSION}, {USER} FROM sessions s JOIN users u ON u.id = s.user WHERE s.id = ?1"
    ))?
    .query_row([id.as_bytes()], |row| {
        Ok(SessionWithUser { session: rows::session(row)?, user: rows::user_at(row, SESSION_COLUMNS)? })
    })
    .optional()
}

pub(super) fn standing_session(sql: &Connection, id: Uuid) -> Read<Option<StandingSession>> {
    sql.prepare_cached(&format!(
        "SELECT {SESSION}, u.generation, u.disabled FROM sessions s JOIN users u ON u.id = s.user WHERE s.id = ?1"
    ))?
    .query_row([id.as_bytes()], |row| {
        Ok(StandingSession {
            session: rows::session(row)?,
            generation: rows::number(row, SESSION_COLUMNS)?,
            disabled: row.get(SESSION_COLUMNS + 1)?,
        })
    })
    .optional()
}

pub(super) fn sessions_of(sql: &Connection, user: Uuid, now: Timestamp) -> Read<Vec<SessionRow>> {
    sql.prepare_cached(&format!(
        "SELECT {SESSION} FROM sessions s JOIN users u ON u.id = s.user WHERE s.user = ?1 AND s.generation = u.generation \
         AND NOT u.disabled AND s.ended_at IS NULL AND s.idle_expires_at > ?2 AND s.expires_at > ?2 ORDER BY s.id DESC"
    ))?
    .query_map(params![user.as_bytes(), now.as_millis()], rows::session)?
    .collect()
}

pub(super) fn stands(sql: &Connection, token: &TokenRef) -> Read<bool> {
    let key = "SELECT 1 FROM keys WHERE kid = ?1 AND removed_at IS NULL";
    let named = "SELECT 1 FROM log WHERE kind = 'token' AND id = ?1";
    if !sql.prepare_cached(key)?.exists([token.kid.to_string()])?
        || sql.prepare_cached(named)?.exists([token.jti.to_string()])?
    {
        return Ok(false);
    }
    let user = user(sql, token.user)?;
    let session = token.session.map(|id| session(sql, id)).transpose()?;
    Ok(rules::stands(token, user.as_ref(), session.as_ref()))
}

/// All guards; `over` is the time up to which a lease counts as lapsed.
pub(super) fn guards(sql: &Connection, over: Timestamp) -> Read<Vec<GuardRow>> {
    sql.prepare_cached("SELECT id, applied, lease_until, lease_until <= ?1 FROM guards ORDER BY id")?
        .query_map([over.as_millis()], |row| {
            let applied: i64 = row.get(1)?;
            Ok(GuardRow {
                id: Uuid::from_bytes(row.get(0)?),
                applied: u64::try_from(applied).map_err(|_| damaged(1, "not a number"))?,
                lease_until: Timestamp::from_millis(row.get(2)?),
                lapsed: row.get(3)?,
            })
        })?
        .collect()
}

pub(super) fn log_after(sql: &Connection, after: u64, limit: usize) -> Read<LogPage> {
    let entries = sql
        .prepare_cached(
            "SELECT seq, kind, id, generation, forget_at FROM log WHERE seq > ?1 ORDER BY seq LIMIT ?2",
        )?
        .query_map(params![stored(after), stored(limit as u64)], rows::entry)?
        .collect::<Read<_>>()?;
    Ok(LogPage {
        epoch: log_epoch(sql)?,
        entries,
        head: meta_number(sql, "log_head")?,
        trimmed: meta_number(sql, "log_trimmed")?,
        now: None,
    })
}

pub(super) fn keys(sql: &Connection) -> Read<Vec<KeyRow>> {
    sql.prepare_cached(
        "SELECT kid, algorithm, sealed, key_version, created_at, sign_from FROM keys WHERE removed_at IS NULL ORDER BY kid",
    )?
    .query_map([], rows::key)?
    .collect()
}

pub(super) fn names_master_key(sql: &Connection, version: u32, now: Timestamp) -> Read<bool> {
    sql.prepare_cached(
        "SELECT 1 FROM sessions WHERE key_version = ?1 AND ended_at IS NULL AND expires_at > ?2 LIMIT 1",
    )?
    .exists(params![version, now.as_millis()])
}

pub(super) fn clients(sql: &Connection) -> Read<Vec<ClientRow>> {
    sql.prepare_cached("SELECT id, name, scopes, secret, previous, created_at FROM clients ORDER BY id")?
        .query_map([], rows::client)?
        .collect()
}

pub(super) fn audit(
    sql: &Connection,
    user: Option<Uuid>,
    before: Option<Uuid>,
    limit: usize,
) -> Read<Vec<AuditRow>> {
    const COLUMNS: &str = "id, at, event, actor, user, session, address, detail";
    let before = before.unwrap_or(Uuid::max());
    let limit = stored(limit as u64);
    match user {
        None => sql
            .prepare_cached(&format!("SELECT {COLUMNS} FROM audit WHERE id < ?1 ORDER BY id DESC LIMIT ?2"))?
            .query_map(params![before.as_bytes(), limit], rows::audit)?
            .collect(),
        Some(user) => sql
            .prepare_cached(&format!(
                "SELECT {COLUMNS} FROM audit WHERE user = ?3 AND id < ?1 ORDER BY id DESC LIMIT ?2"
            ))?
            .query_map(params![before.as_bytes(), limit, user.as_bytes()], rows::audit)?
            .collect(),
    }
}

pub(super) fn census(sql: &Connection, now: Timestamp) -> Read<Census> {
    let most = stored(Census::MOST);
    let schema = sql.prepare_cached("SELECT max(number) FROM migrations")?.query_row([], |row| row.get(0))?;
    let users: i64 = sql
        .prepare_cached("SELECT count(*) FROM (SELECT 1 FROM users LIMIT ?1)")?
        .query_row([most], |row| row.get(0))?;
    // The newest rows, not the newest live ones: however many dead ones there are, this ends.
    let (seen, live): (i64, i64) = sql
        .prepare_cached(
            "SELECT count(*), coalesce(sum(s.generation = u.generation AND NOT u.disabled AND s.ended_at IS NULL \
             AND s.idle_expires_at > ?2 AND s.expires_at > ?2), 0) \
             FROM (SELECT * FROM sessions ORDER BY id DESC LIMIT ?1) s JOIN users u ON u.id = s.user",
        )?
        .query_row([most, now.as_millis()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let complete = users < most && seen < most;
    Ok(Census { schema, users: users.unsigned_abs(), sessions: live.unsigned_abs(), complete })
}

pub(super) fn counter(sql: &Connection, key: &ThrottleKey) -> Read<Option<Counter>> {
    sql.prepare_cached("SELECT count, last, blocked_until, forget_at FROM throttle WHERE key = ?1")?
        .query_row([key], rows::counter)
        .optional()
}

pub(super) fn blocked(sql: &Connection, charges: &[Charge], now: Timestamp) -> Read<Charged> {
    let counters: Vec<_> = charges.iter().map(|charge| counter(sql, &charge.key)).collect::<Read<_>>()?;
    Ok(rules::blocked(counters, now))
}

/// A part of the sessions' table, looked through for rows that may go.
pub(super) struct Slice {
    pub(super) over: Vec<Uuid>,
    /// Where the next one begins.
    pub(super) next: Option<Uuid>,
}

impl Default for Slice {
    fn default() -> Self {
        Self { over: Vec::new(), next: Some(Uuid::nil()) }
    }
}

/// Sessions behind `from` whose row may go ([`rules::over`]), at most `limit`.
pub(super) fn over(sql: &Connection, before: Timestamp, from: Uuid, limit: usize) -> Read<Slice> {
    // About a millisecond's worth; in tests few, so that several are needed.
    const ROWS: usize = if cfg!(test) { 3 } else { 2_000 };
    let mut statement = sql.prepare_cached(&format!(
        "SELECT s.id, {OVER} FROM sessions s WHERE s.id > ?2 ORDER BY s.id LIMIT {ROWS}"
    ))?;
    let mut found = statement.query(params![before.as_millis(), from.as_bytes()])?;
    let mut slice = Slice { over: Vec::new(), next: None };
    let mut seen = 0;
    while slice.over.len() < limit
        && let Some(row) = found.next()?
    {
        seen += 1;
        let id = row.get(0).map(Uuid::from_bytes)?;
        if row.get(1)? {
            slice.over.push(id);
        }
        slice.next = (seen == ROWS).then_some(id);
    }
    Ok(slice)
}

/// A counter that may go if it is still as it was: key, last charge, count.
pub(super) type Spare = (ThrottleKey, i64, u32);

/// Counters that are forgotten, then those that are too many, least recent first; at most `limit`.
pub(super) fn spare_counters(sql: &Connection, before: &PurgeBefore, limit: usize) -> Read<Vec<Spare>> {
    let now = before.now.as_millis();
    let spare = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let mut spares: Vec<Spare> = sql
        .prepare_cached("SELECT key, last, count FROM throttle WHERE forget_at <= ?1 ORDER BY key LIMIT ?2")?
        .query_map(params![now, stored(limit as u64)], spare)?
        .collect::<Read<_>>()?;
    let all: i64 = sql.prepare_cached("SELECT count(*) FROM throttle")?.query_row([], |row| row.get(0))?;
    let kept = all.saturating_sub_unsigned(spares.len() as u64);
    let excess =
        kept.saturating_sub(stored(before.throttle_most as u64)).min(stored((limit - spares.len()) as u64));
    if excess > 0 {
        let mut kept = sql.prepare_cached(
            "SELECT key, last, count FROM throttle WHERE forget_at > ?1 ORDER BY last, key LIMIT ?2",
        )?;
        for spare in kept.query_map(params![now, excess], spare)? {
            spares.push(spare?);
        }
    }
    Ok(spares)
}

#[cfg(test)]
pub(super) fn counters(sql: &Connection) -> Read<Vec<(ThrottleKey, Counter)>> {
    sql.prepare("SELECT count, last, blocked_until, forget_at, key FROM throttle ORDER BY key")?
        .query_map([], |row| Ok((row.get(4)?, rows::counter(row)?)))?
        .collect()
}
