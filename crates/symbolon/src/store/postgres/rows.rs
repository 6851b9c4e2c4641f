//! Rows to and from columns. A column that does not hold what it should is an error, never a default.

use std::time::Duration;

use symbolon_token::{
    Timestamp,
    key::Kid,
    view::{Ended, Entry},
};
use tokio_postgres::{Row, types::FromSql};
use uuid::Uuid;

use crate::store::{
    AuditRow, ClientRow, Counter, CredentialRow, KeyRow, Kind, LoginRow, Result, SessionRow, SessionWithUser,
    StoreError, ThrottleKey, UserRow,
};

/// The columns of a user `u`.
macro_rules! user_columns {
    () => {
        "u.id, u.generation, u.disabled, u.roles, u.profile, u.created_at, u.updated_at, \
         (SELECT i.shown FROM identifiers i WHERE i.user_id = u.id ORDER BY i.canonical LIMIT 1)"
    };
}
/// The columns of a session `s`.
macro_rules! session_columns {
    () => {
        "s.id, s.user_id, s.generation, s.kind, s.client_id, s.parent, s.secret_hash, s.refresh_counter, s.refresh_moved_at, \
         s.auth_time, s.amr, s.scope, s.audience, s.jkt, s.remember, s.created_at, s.last_seen, s.idle_expires_at, s.expires_at, \
         s.ended_at, s.device, s.address, s.label, s.key_version"
    };
}
pub(super) use {session_columns, user_columns};

const USER_COLUMNS: usize = 8;
const SESSION_COLUMNS: usize = 24;

pub(super) fn damaged(what: &'static str) -> StoreError {
    StoreError::new(format!("a row of the database is damaged: {what}"))
}

/// Counters and generations stay far below 2^63; the column's type is signed.
pub(super) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// What was typed, as bytes.
pub(super) fn typed(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

pub(super) fn column<'a, T: FromSql<'a>>(row: &'a Row, at: usize) -> Result<T> {
    row.try_get(at).map_err(|error| StoreError::caused("a row of the database is damaged", error))
}

fn number(row: &Row, at: usize) -> Result<u64> {
    u64::try_from(column::<i64>(row, at)?).map_err(|_| damaged("a number below zero"))
}

fn small(row: &Row, at: usize) -> Result<u32> {
    u32::try_from(column::<i64>(row, at)?).map_err(|_| damaged("a number out of its bounds"))
}

fn time(row: &Row, at: usize) -> Result<Timestamp> {
    column(row, at).map(Timestamp::from_millis)
}

fn optional_time(row: &Row, at: usize) -> Result<Option<Timestamp>> {
    column::<Option<i64>>(row, at).map(|millis| millis.map(Timestamp::from_millis))
}

fn text(row: &Row, at: usize) -> Result<String> {
    String::from_utf8(column(row, at)?).map_err(|_| damaged("no text"))
}

fn optional_text(row: &Row, at: usize) -> Result<Option<String>> {
    let bytes: Option<Vec<u8>> = column(row, at)?;
    bytes.map(String::from_utf8).transpose().map_err(|_| damaged("no text"))
}

fn hash<const N: usize>(bytes: Vec<u8>) -> Result<[u8; N]> {
    bytes.try_into().map_err(|_| damaged("no hash"))
}

fn json<T: serde::de::DeserializeOwned>(row: &Row, at: usize) -> Result<T> {
    serde_json::from_str(column(row, at)?).map_err(|_| damaged("not the JSON that belongs there"))
}

pub(super) fn to_json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|error| StoreError::caused("a value cannot be written as JSON", error))
}

pub(super) fn user(row: &Row) -> Result<UserRow> {
    user_at(row, 0)
}

fn user_at(row: &Row, at: usize) -> Result<UserRow> {
    Ok(UserRow {
        id: column(row, at)?,
        generation: number(row, at + 1)?,
        disabled: column(row, at + 2)?,
        roles: json(row, at + 3)?,
        profile: json(row, at + 4)?,
        created_at: time(row, at + 5)?,
        updated_at: time(row, at + 6)?,
        identifier: optional_text(row, at + 7)?.unwrap_or_default(),
    })
}

/// A user, and behind it the id, hash and version of a password.
pub(super) fn login(row: &Row) -> Result<LoginRow> {
    let credential = match column(row, USER_COLUMNS)? {
        None => None,
        Some(id) => Some(CredentialRow {
            id,
            data: text(row, USER_COLUMNS + 1)?,
            version: number(row, USER_COLUMNS + 2)?,
        }),
    };
    Ok(LoginRow { user: user(row)?, credential })
}

pub(super) fn session(row: &Row) -> Result<SessionRow> {
    let kind: &str = column(row, 3)?;
    Ok(SessionRow {
        id: column(row, 0)?,
        user: column(row, 1)?,
        generation: number(row, 2)?,
        kind: Kind::parse(kind).ok_or_else(|| damaged("no kind of session"))?,
        client_id: column(row, 4)?,
        parent: column(row, 5)?,
        secret_hash: column::<Option<Vec<u8>>>(row, 6)?.map(hash).transpose()?,
        refresh_counter: number(row, 7)?,
        refresh_moved_at: optional_time(row, 8)?,
        auth_time: time(row, 9)?,
        amr: json(row, 10)?,
        scope: column(row, 11)?,
        audience: json(row, 12)?,
        jkt: column(row, 13)?,
        remember: column(row, 14)?,
        created_at: time(row, 15)?,
        last_seen: time(row, 16)?,
        idle_expires_at: time(row, 17)?,
        expires_at: time(row, 18)?,
        ended_at: optional_time(row, 19)?,
        device: column(row, 20)?,
        address: column(row, 21)?,
        label: optional_text(row, 22)?,
        key_version: small(row, 23)?,
    })
}

/// A session, and behind it its user.
pub(super) fn session_with_user(row: &Row) -> Result<SessionWithUser> {
    Ok(SessionWithUser { session: session(row)?, user: user_at(row, SESSION_COLUMNS)? })
}

pub(super) fn key(row: &Row) -> Result<KeyRow> {
    let kid: &str = column(row, 0)?;
    Ok(KeyRow {
        kid: kid.parse().map_err(|_| damaged("no key id"))?,
        algorithm: column(row, 1)?,
        sealed: column(row, 2)?,
        key_version: small(row, 3)?,
        created_at: time(row, 4)?,
        sign_from: time(row, 5)?,
    })
}

pub(super) fn client(row: &Row) -> Result<ClientRow> {
    let current: Vec<u8> = column(row, 3)?;
    let previous: Option<Vec<u8>> = column(row, 4)?;
    Ok(ClientRow {
        id: column(row, 0)?,
        name: text(row, 1)?,
        scopes: json(row, 2)?,
        secrets: std::iter::once(current).chain(previous).map(hash).collect::<Result<_>>()?,
        created_at: time(row, 5)?,
    })
}

pub(super) fn audit(row: &Row) -> Result<AuditRow> {
    Ok(AuditRow {
        id: column(row, 0)?,
        at: time(row, 1)?,
        event: column(row, 2)?,
        actor: column(row, 3)?,
        user: column(row, 4)?,
        session: column(row, 5)?,
        address: column(row, 6)?,
        detail: json(row, 7)?,
    })
}

/// A counter behind its key.
pub(super) fn counter(row: &Row) -> Result<(ThrottleKey, Counter)> {
    let counter = Counter {
        count: small(row, 1)?,
        last: time(row, 2)?,
        blocked_until: optional_time(row, 3)?,
        forget_at: time(row, 4)?,
    };
    Ok((hash(column(row, 0)?)?, counter))
}

/// The columns `kind`, `id`, `generation` of a log entry. Generation −1 stands for "all there will ever be".
pub(super) fn ended_columns(what: &Ended) -> (&'static str, String, Option<i64>) {
    match what {
        Ended::Token(jti) => ("token", jti.to_string(), None),
        Ended::Session(sid) => ("session", sid.to_string(), None),
        Ended::User { id, generation } => {
            ("user", id.to_string(), Some(i64::try_from(*generation).unwrap_or(-1)))
        }
        Ended::Key(kid) => ("key", kid.to_string(), None),
        Ended::Changed(user) => ("changed", user.to_string(), None),
    }
}

/// A log entry whose number stands in column `at`.
pub(super) fn entry(row: &Row, at: usize) -> Result<Entry> {
    let (kind, name): (&str, &str) = (column(row, at + 1)?, column(row, at + 2)?);
    let uuid = || Uuid::parse_str(name).map_err(|_| damaged("no id"));
    let what = match kind {
        "token" => Ended::Token(uuid()?),
        "session" => Ended::Session(uuid()?),
        "user" => Ended::User {
            id: uuid()?,
            generation: u64::try_from(column::<i64>(row, at + 3)?).unwrap_or(u64::MAX),
        },
        "key" => Ended::Key(name.parse::<Kid>().map_err(|_| damaged("no key id"))?),
        "changed" => Ended::Changed(uuid()?),
        _ => return Err(damaged("no kind of entry")),
    };
    Ok(Entry { seq: number(row, at)?, what, forget_at: column(row, at + 4)? })
}
