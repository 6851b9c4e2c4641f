//! Reads. Each is one statement, so that what it answers was so at one moment.

use std::time::Duration;

use symbolon_token::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    attempt::Attempt,
    batch::{Batch, params},
    pool::Connection,
    rows::{self, column, damaged, millis, session_columns, stored, typed, user_columns},
    write::now,
};
use crate::store::*;

/// Users by id, each with its password.
pub(super) const LOGINS: &str = concat!(
    "SELECT ",
    user_columns!(),
    ", c.id, c.data, c.version FROM users u LEFT JOIN credentials c ON c.user_id = u.id AND c.kind = 'password' \
     WHERE u.id = ANY($1)"
);
/// Sessions by id, each with its user.
pub(super) const SESSIONS: &str = concat!(
    "SELECT ",
    session_columns!(),
    ", ",
    user_columns!(),
    " FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = ANY($1)"
);

fn each<T>(rows: &[Row], read: impl Fn(&Row) -> Result<T>) -> Attempt<Vec<T>> {
    Ok(rows.iter().map(read).collect::<Result<_>>()?)
}

fn one<T>(rows: &[Row], read: impl Fn(&Row) -> Result<T>) -> Attempt<Option<T>> {
    Ok(rows.first().map(read).transpose()?)
}

pub(super) async fn installation(sql: &Connection, (): &()) -> Attempt<Installation> {
    let rows = sql.query("SELECT key, value FROM meta", params![]).await?;
    let facts = rows
        .iter()
        .map(|row| Ok((column(row, 0)?, column(row, 1)?)))
        .collect::<Result<std::collections::HashMap<String, String>>>()?;
    Ok(installation_of(|key| facts.get(key).map(String::as_str))?)
}

fn installation_of<'a>(fact: impl Fn(&str) -> Option<&'a str>) -> Result<Installation> {
    fn parsed<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
        serde_json::from_str(text).map_err(|_| damaged("no fact of an installation"))
    }
    let needed = |key| fact(key).ok_or_else(|| damaged("a fact of the installation is missing"));
    let number = |key| fact(key).map_or(Ok(0), parsed);
    let longer = |key| -> Result<Option<(u64, Timestamp)>> {
        let written: Option<(u64, i64)> = fact(key).map(parsed).transpose()?.flatten();
        Ok(written.map(|(length, until)| (length, Timestamp::from_millis(until))))
    };
    Ok(Installation {
        log_epoch: Uuid::parse_str(needed("log_epoch")?).map_err(|_| damaged("no id"))?,
        epoch: parsed(needed("epoch")?)?,
        master_keys: parsed(needed("master_keys")?)?,
        token_life: number("token_life")?,
        longer_life: longer("longer_life")?,
        lease_ms: number("lease_ms")?,
        other_lease: longer("other_lease")?,
    })
}

pub(super) async fn user(sql: &Connection, id: &Uuid) -> Attempt<Option<UserRow>> {
    const USER: &str = concat!("SELECT ", user_columns!(), " FROM users u WHERE u.id = $1");
    one(&sql.query(USER, params![*id]).await?, rows::user)
}

pub(super) async fn login(sql: &Connection, id: &Uuid) -> Attempt<Option<LoginRow>> {
    one(&sql.query(LOGINS, params![vec![*id]]).await?, rows::login)
}

pub(super) async fn login_of(sql: &Connection, canonical: &str) -> Attempt<Option<LoginRow>> {
    const NAMED: &str = concat!(
        "SELECT ",
        user_columns!(),
        ", c.id, c.data, c.version FROM identifiers n JOIN users u ON u.id = n.user_id \
         LEFT JOIN credentials c ON c.user_id = u.id AND c.kind = 'password' WHERE n.canonical = $1"
    );
    one(&sql.query(NAMED, params![typed(canonical)]).await?, rows::login)
}

/// A page of users: prefix, behind whom, how many.
pub(super) type Page = (Option<String>, Option<Uuid>, usize);

pub(super) async fn users(sql: &Connection, (prefix, after, limit): &Page) -> Attempt<Vec<UserRow>> {
    const ALL: &str =
        concat!("SELECT ", user_columns!(), " FROM users u WHERE u.id > $1 ORDER BY u.id LIMIT $2");
    const NAMED: &str = concat!(
        "SELECT ",
        user_columns!(),
        " FROM users u WHERE u.id > $1 AND u.id IN (SELECT n.user_id FROM identifiers n WHERE n.canonical >= $3 \
         AND n.canonical < $4) ORDER BY u.id LIMIT $2"
    );
    let (after, limit) = (after.unwrap_or(Uuid::nil()), stored(*limit as u64));
    let rows = match prefix.as_deref().filter(|prefix| !prefix.is_empty()) {
        None => sql.query(ALL, params![after, limit]).await?,
        Some(prefix) => {
            // UTF-8 has no byte 0xff: the last one raised is the end of all that begins so.
            let mut end = typed(prefix);
            if let Some(last) = end.last_mut() {
                *last = last.saturating_add(1);
            }
            sql.query(NAMED, params![after, limit, typed(prefix), end]).await?
        }
    };
    each(&rows, rows::user)
}

pub(super) async fn session(sql: &Connection, id: &Uuid) -> Attempt<Option<SessionWithUser>> {
    one(&sql.query(SESSIONS, params![vec![*id]]).await?, rows::session_with_user)
}

pub(super) async fn sessions_of(
    sql: &Connection,
    (user, now): &(Uuid, Timestamp),
) -> Attempt<Vec<SessionRow>> {
    const OF_USER: &str = concat!(
        "SELECT ",
        session_columns!(),
        " FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.user_id = $1 AND s.generation = u.generation \
         AND NOT u.disabled AND s.ended_at IS NULL AND s.idle_expires_at > $2 AND s.expires_at > $2 ORDER BY s.id DESC"
    );
    each(&sql.query(OF_USER, params![*user, now.as_millis()]).await?, rows::session)
}

pub(super) async fn log_after(sql: &Connection, (after, limit): &(u64, usize)) -> Attempt<LogPage> {
    let rows = sql
        .query(
            concat!(
                "SELECT h.head, h.trimmed, l.seq, l.kind, l.id, l.generation, l.forget_at, m.value, ",
                now!(),
                " FROM log_head h JOIN meta m ON m.key = 'log_epoch' LEFT JOIN \
                 (SELECT * FROM log WHERE seq > $1 ORDER BY seq LIMIT $2) l ON true ORDER BY l.seq"
            ),
            params![stored(*after), stored(*limit as u64)],
        )
        .await?;
    let head = rows.first().ok_or_else(|| damaged("the head of the log is missing"))?;
    let (number, trimmed): (i64, i64) = (column(head, 0)?, column(head, 1)?);
    let mut entries = Vec::with_capacity(rows.len());
    for row in &rows {
        if column::<Option<i64>>(row, 2)?.is_some() {
            entries.push(rows::entry(row, 2)?);
        }
    }
    let epoch = Uuid::parse_str(column(head, 7)?).map_err(|_| damaged("no id"))?;
    let now = Some(Timestamp::from_millis(column(head, 8)?));
    Ok(LogPage { epoch, entries, head: number.unsigned_abs(), trimmed: trimmed.unsigned_abs(), now })
}

pub(super) async fn stands(sql: &Connection, token: &TokenRef) -> Attempt<bool> {
    let rows = sql
        .query(
            // [`rules::stands`], and what the key and the log say.
            "SELECT 1 FROM users u WHERE u.id = $1 AND u.generation = $2 AND NOT u.disabled \
             AND ($3::uuid IS NULL OR EXISTS (SELECT 1 FROM sessions s WHERE s.id = $3 AND s.user_id = u.id \
             AND s.ended_at IS NULL AND s.generation = u.generation)) \
             AND EXISTS (SELECT 1 FROM keys k WHERE k.kid = $4 AND k.removed_at IS NULL) \
             AND NOT EXISTS (SELECT 1 FROM log l WHERE l.kind = 'token' AND l.id = $5)",
            params![
                token.user,
                stored(token.generation),
                token.session,
                token.kid.to_string(),
                token.jti.to_string()
            ],
        )
        .await?;
    Ok(!rows.is_empty())
}

/// All guards; a lease counts for `step` longer than it says.
pub(super) async fn guards(sql: &Connection, step: &Duration) -> Attempt<Vec<GuardRow>> {
    const GUARDS: &str = concat!(
        "SELECT g.id, CASE WHEN g.epoch = m.value THEN g.applied ELSE 0 END, g.lease_until, g.lease_until + $1 <= ",
        now!(),
        " FROM guards g JOIN meta m ON m.key = 'log_epoch' ORDER BY g.id"
    );
    each(&sql.query(GUARDS, params![millis(*step)]).await?, |row| {
        let applied: i64 = column(row, 1)?;
        Ok(GuardRow {
            id: column(row, 0)?,
            applied: applied.unsigned_abs(),
            lease_until: Timestamp::from_millis(column(row, 2)?),
            lapsed: column(row, 3)?,
        })
    })
}

pub(super) async fn remote_guards(sql: &Connection, (): &()) -> Attempt<bool> {
    Ok(!sql.query("SELECT 1 FROM meta WHERE key = 'remote_guards'", params![]).await?.is_empty())
}

pub(super) async fn keys(sql: &Connection, (): &()) -> Attempt<Vec<KeyRow>> {
    let rows = sql
        .query(
            "SELECT kid, algorithm, sealed, key_version, created_at, sign_from FROM keys WHERE removed_at IS NULL",
            params![],
        )
        .await?;
    let mut keys = each(&rows, rows::key)?;
    // Here, not there: what order text has is each database's own affair.
    keys.sort_by_key(|key| key.kid);
    Ok(keys)
}

pub(super) async fn names_master_key(sql: &Connection, (version, now): &(u32, Timestamp)) -> Attempt<bool> {
    let mut batch = Batch::begin(sql);
    // It may look at all sessions.
    batch.add("SET LOCAL statement_timeout = 0", params![]);
    let found = batch.add(
        "SELECT 1 FROM sessions WHERE key_version = $1 AND ended_at IS NULL AND expires_at > $2 LIMIT 1",
        params![i64::from(*version), now.as_millis()],
    );
    Ok(!batch.commit().await?.take(found).is_empty())
}

pub(super) async fn clients(sql: &Connection, (): &()) -> Attempt<Vec<ClientRow>> {
    let rows = sql
        .query("SELECT id, name, scopes, secret, previous, created_at FROM clients ORDER BY id", params![])
        .await?;
    each(&rows, rows::client)
}

/// A page of the audit: of whom, before which, how many.
pub(super) type AuditPage = (Option<Uuid>, Option<Uuid>, usize);

pub(super) async fn audit(sql: &Connection, (user, before, limit): &AuditPage) -> Attempt<Vec<AuditRow>> {
    const ALL: &str = "SELECT id, at, event, actor, user_id, session_id, address, detail FROM audit \
         WHERE id < $1 ORDER BY id DESC LIMIT $2";
    const OF_USER: &str = "SELECT id, at, event, actor, user_id, session_id, address, detail FROM audit \
         WHERE user_id = $3 AND id < $1 ORDER BY id DESC LIMIT $2";
    let (before, limit) = (before.unwrap_or(Uuid::max()), stored(*limit as u64));
    let rows = match user {
        None => sql.query(ALL, params![before, limit]).await?,
        Some(user) => sql.query(OF_USER, params![before, limit, *user]).await?,
    };
    each(&rows, rows::audit)
}

pub(super) async fn census(sql: &Connection, now: &Timestamp) -> Attempt<Census> {
    let most = stored(Census::MOST);
    let rows = sql
        .query(
            // Of sessions the newest rows, not the newest live ones: however many dead ones there are, this ends.
            "SELECT (SELECT max(number) FROM symbolon_migrations), \
             (SELECT count(*) FROM (SELECT 1 FROM users LIMIT $1) x), count(*), \
             count(*) FILTER (WHERE s.generation = u.generation AND NOT u.disabled AND s.ended_at IS NULL \
             AND s.idle_expires_at > $2 AND s.expires_at > $2) \
             FROM (SELECT * FROM sessions ORDER BY id DESC LIMIT $1) s JOIN users u ON u.id = s.user_id",
            params![most, now.as_millis()],
        )
        .await?;
    let row = rows.first().ok_or_else(|| damaged("nothing was counted"))?;
    let (schema, users, seen, live): (Option<i64>, i64, i64, i64) =
        (column(row, 0)?, column(row, 1)?, column(row, 2)?, column(row, 3)?);
    Ok(Census {
        schema: schema.and_then(|number| u32::try_from(number).ok()),
        users: users.unsigned_abs(),
        sessions: live.unsigned_abs(),
        complete: users < most && seen < most,
    })
}

/// Counters by key, as they are.
pub(super) async fn counters(sql: &Connection, keys: &[ThrottleKey]) -> Attempt<Vec<(ThrottleKey, Counter)>> {
    let keys: Vec<Vec<u8>> = keys.iter().map(|key| key.to_vec()).collect();
    let rows = sql
        .query(
            "SELECT key, count, last, blocked_until, forget_at FROM throttle WHERE key = ANY($1)",
            params![keys],
        )
        .await?;
    each(&rows, rows::counter)
}

#[cfg(test)]
pub(super) async fn all_counters(sql: &Connection, (): &()) -> Attempt<Vec<(ThrottleKey, Counter)>> {
    let rows = sql
        .query("SELECT key, count, last, blocked_until, forget_at FROM throttle ORDER BY key", params![])
        .await?;
    each(&rows, rows::counter)
}
