//! Rows to and from columns. A column that does not hold what it should is an error, never a default.

use rusqlite::{Row, types::Type};
use symbolon_token::{
    Timestamp,
    key::Kid,
    view::{Ended, Entry},
};
use uuid::Uuid;

use crate::store::{AuditRow, ClientRow, Counter, CredentialRow, KeyRow, Kind, SessionRow, UserRow};

pub(super) const USER: &str = "u.id, u.generation, u.disabled, u.roles, u.profile, u.created_at, u.updated_at, \
     (SELECT shown FROM identifiers i WHERE i.user = u.id ORDER BY canonical LIMIT 1)";
pub(super) const SESSION: &str = "s.id, s.user, s.generation, s.kind, s.client_id, s.parent, s.secret_hash, s.refresh_counter, \
     s.refresh_moved_at, s.auth_time, s.amr, s.scope, s.audience, s.jkt, s.remember, s.created_at, s.last_seen, s.idle_expires_at, \
     s.expires_at, s.ended_at, s.device, s.address, s.label, s.key_version";
pub(super) const SESSION_COLUMNS: usize = 24;
/// [`crate::store::rules::over`] of a session `s`, given the time as the first parameter.
pub(super) const OVER: &str = "(coalesce(s.ended_at < ?1, 0) OR min(s.expires_at, s.idle_expires_at) < ?1 \
     OR s.last_seen < ?1 AND s.generation <> (SELECT u.generation FROM users u WHERE u.id = s.user))";

type Read<T> = rusqlite::Result<T>;

pub(super) fn damaged(column: usize, what: &'static str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, what.into())
}

/// Counters and generations stay far below 2^63; the column's type is signed.
pub(super) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn number(row: &Row<'_>, column: usize) -> Read<u64> {
    u64::try_from(row.get::<_, i64>(column)?).map_err(|_| damaged(column, "a number below zero"))
}

fn id(row: &Row<'_>, column: usize) -> Read<Uuid> {
    row.get::<_, [u8; 16]>(column).map(Uuid::from_bytes)
}

fn optional_id(row: &Row<'_>, column: usize) -> Read<Option<Uuid>> {
    row.get::<_, Option<[u8; 16]>>(column).map(|bytes| bytes.map(Uuid::from_bytes))
}

fn time(row: &Row<'_>, column: usize) -> Read<Timestamp> {
    row.get(column).map(Timestamp::from_millis)
}

fn optional_time(row: &Row<'_>, column: usize) -> Read<Option<Timestamp>> {
    row.get::<_, Option<i64>>(column).map(|millis| millis.map(Timestamp::from_millis))
}

fn json<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: usize) -> Read<T> {
    serde_json::from_str(row.get_ref(column)?.as_str()?)
        .map_err(|_| damaged(column, "not the JSON that belongs there"))
}

pub(super) fn to_json(value: &impl serde::Serialize) -> Read<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

pub(super) fn user(row: &Row<'_>) -> Read<UserRow> {
    user_at(row, 0)
}

pub(super) fn user_at(row: &Row<'_>, at: usize) -> Read<UserRow> {
    Ok(UserRow {
        id: id(row, at)?,
        generation: number(row, at + 1)?,
        disabled: row.get(at + 2)?,
        roles: json(row, at + 3)?,
        profile: json(row, at + 4)?,
        created_at: time(row, at + 5)?,
        updated_at: time(row, at + 6)?,
        identifier: row.get::<_, Option<String>>(at + 7)?.unwrap_or_default(),
    })
}

pub(super) fn credential(row: &Row<'_>) -> Read<CredentialRow> {
    Ok(CredentialRow { id: id(row, 0)?, data: row.get(1)?, version: number(row, 2)? })
}

pub(super) fn session(row: &Row<'_>) -> Read<SessionRow> {
    let kind: String = row.get(3)?;
    Ok(SessionRow {
        id: id(row, 0)?,
        user: id(row, 1)?,
        generation: number(row, 2)?,
        kind: Kind::parse(&kind).ok_or_else(|| damaged(3, "no kind of session"))?,
        client_id: row.get(4)?,
        parent: optional_id(row, 5)?,
        secret_hash: row.get(6)?,
        refresh_counter: number(row, 7)?,
        refresh_moved_at: optional_time(row, 8)?,
        auth_time: time(row, 9)?,
        amr: json(row, 10)?,
        scope: row.get(11)?,
        audience: json(row, 12)?,
        jkt: row.get(13)?,
        remember: row.get(14)?,
        created_at: time(row, 15)?,
        last_seen: time(row, 16)?,
        idle_expires_at: time(row, 17)?,
        expires_at: time(row, 18)?,
        ended_at: optional_time(row, 19)?,
        device: row.get(20)?,
        address: row.get(21)?,
        label: row.get(22)?,
        key_version: row.get(23)?,
    })
}

pub(super) fn key(row: &Row<'_>) -> Read<KeyRow> {
    let kid: String = row.get(0)?;
    Ok(KeyRow {
        kid: kid.parse().map_err(|_| damaged(0, "no key id"))?,
        algorithm: row.get(1)?,
        sealed: row.get(2)?,
        key_version: row.get(3)?,
        created_at: time(row, 4)?,
        sign_from: time(row, 5)?,
    })
}

pub(super) fn client(row: &Row<'_>) -> Read<ClientRow> {
    let current: [u8; 32] = row.get(3)?;
    let previous: Option<[u8; 32]> = row.get(4)?;
    Ok(ClientRow {
        id: id(row, 0)?,
        name: row.get(1)?,
        scopes: json(row, 2)?,
        secrets: std::iter::once(current).chain(previous).collect(),
        created_at: time(row, 5)?,
    })
}

pub(super) fn audit(row: &Row<'_>) -> Read<AuditRow> {
    Ok(AuditRow {
        id: id(row, 0)?,
        at: time(row, 1)?,
        event: row.get(2)?,
        actor: row.get(3)?,
        user: optional_id(row, 4)?,
        session: optional_id(row, 5)?,
        address: row.get(6)?,
        detail: json(row, 7)?,
    })
}

pub(super) fn counter(row: &Row<'_>) -> Read<Counter> {
    Ok(Counter {
        count: row.get(0)?,
        last: time(row, 1)?,
        blocked_until: optional_time(row, 2)?,
        forget_at: time(row, 3)?,
    })
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

pub(super) fn entry(row: &Row<'_>) -> Read<Entry> {
    let (kind, name): (String, String) = (row.get(1)?, row.get(2)?);
    let uuid = || Uuid::parse_str(&name).map_err(|_| damaged(2, "no id"));
    let what = match kind.as_str() {
        "token" => Ended::Token(uuid()?),
        "session" => Ended::Session(uuid()?),
        "user" => {
            Ended::User { id: uuid()?, generation: u64::try_from(row.get::<_, i64>(3)?).unwrap_or(u64::MAX) }
        }
        "key" => Ended::Key(name.parse::<Kid>().map_err(|_| damaged(2, "no key id"))?),
        "changed" => Ended::Changed(uuid()?),
        _ => return Err(damaged(1, "no kind of entry")),
    };
    Ok(Entry { seq: number(row, 0)?, what, forget_at: row.get(4)? })
}
