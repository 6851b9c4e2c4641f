//! What a call wrote: an account's rows before and after it, and the difference.
//!
//! Left out are the journal (`audit`) and the counters of the throttle, which every login touches, whatever carries it.

use serde::{Serialize, Serializer};
use serde_json::Value;
use symbolon::{
    Result, Symbolon,
    clock::rfc3339,
    explore::Rows,
    store::{CredentialRow, SessionRow, UserRow},
    user::identifier::Identifier,
};
use symbolon_token::{Ended, Timestamp, view::Entry};
use uuid::Uuid;

/// One row's columns, in the order in which they are read best.
type Columns = Vec<(&'static str, Value)>;

struct Row {
    table: &'static str,
    key: String,
    columns: Columns,
}

/// The rows of an account at a moment.
pub(super) struct Snapshot {
    rows: Vec<Row>,
    user: Option<Uuid>,
    sessions: Vec<Uuid>,
    log: Vec<Entry>,
    head: u64,
}

/// A row that a call wrote, as the page shows it.
#[derive(Serialize)]
pub(super) struct Stored {
    table: &'static str,
    change: &'static str,
    #[serde(serialize_with = "in_order")]
    row: Columns,
}

impl Snapshot {
    /// Reads the rows of whoever has this identifier; `before` is the snapshot to compare with.
    pub(super) async fn take(engine: &Symbolon, account: &str, before: Option<&Self>) -> Result<Self> {
        let known = before.map_or(&[][..], |before| &before.sessions);
        let Rows { login, sessions, log, head } =
            engine.dangerously_read_rows(account, known, before.map(|before| before.head)).await?;
        let user = login.as_ref().map(|login| login.user.id).or(before.and_then(|before| before.user));
        let mut rows = Vec::new();
        if let Some(login) = &login {
            rows.push(of_user(&login.user));
            rows.extend(of_identifier(&login.user));
            rows.extend(login.credential.as_ref().map(of_credential));
        }
        rows.extend(sessions.iter().map(of_session));
        Ok(Self { rows, user, sessions: sessions.iter().map(|session| session.id).collect(), log, head })
    }

    /// What was written since.
    pub(super) fn since(&self, before: &Self) -> Vec<Stored> {
        let mut stored = Vec::new();
        for row in &self.rows {
            let (change, columns) = match before.find(row) {
                None => {
                    ("inserted", row.columns.iter().filter(|(_, value)| !value.is_null()).cloned().collect())
                }
                Some(old) if old.columns == row.columns => continue,
                Some(old) => {
                    // The first column says which row it is.
                    let changed = |at: usize| at == 0 || row.columns[at] != old.columns[at];
                    let columns = row.columns.iter().enumerate().filter(|(at, _)| changed(*at));
                    ("changed", columns.map(|(_, column)| column.clone()).collect())
                }
            };
            stored.push(Stored { table: row.table, change, row: columns });
        }
        for row in before.rows.iter().filter(|row| self.find(row).is_none()) {
            stored.push(Stored {
                table: row.table,
                change: "deleted",
                row: row.columns.iter().take(1).cloned().collect(),
            });
        }
        let ours = self.log.iter().filter(|entry| self.concerns(entry));
        stored.extend(ours.map(|entry| Stored { table: "log", change: "inserted", row: of_entry(entry) }));
        stored
    }

    fn find(&self, row: &Row) -> Option<&Row> {
        self.rows.iter().find(|other| other.table == row.table && other.key == row.key)
    }

    /// Whether a log entry is about this account. Of a single token the log does not say whose it is.
    fn concerns(&self, entry: &Entry) -> bool {
        match &entry.what {
            Ended::Session(id) => self.sessions.contains(id),
            Ended::User { id, .. } | Ended::Changed(id) => self.user == Some(*id),
            Ended::Token(_) => true,
            Ended::Key(_) => false,
        }
    }
}

fn of_user(user: &UserRow) -> Row {
    let columns = vec![
        ("id", user.id.to_string().into()),
        ("generation", user.generation.into()),
        ("disabled", user.disabled.into()),
        ("roles", user.roles.clone().into()),
        ("profile", user.profile.clone().into()),
        ("created_at", at(user.created_at)),
        ("updated_at", at(user.updated_at)),
    ];
    Row { table: "users", key: user.id.to_string(), columns }
}

fn of_identifier(user: &UserRow) -> Option<Row> {
    let identifier = Identifier::parse(&user.identifier).ok()?;
    let columns = vec![
        ("canonical", identifier.canonical().into()),
        ("shown", identifier.shown().into()),
        ("kind", identifier.kind().as_str().into()),
        ("user", user.id.to_string().into()),
        ("verified_at", Value::Null),
    ];
    Some(Row { table: "identifiers", key: identifier.canonical().into(), columns })
}

fn of_credential(credential: &CredentialRow) -> Row {
    let columns = vec![
        ("id", credential.id.to_string().into()),
        ("kind", "password".into()),
        ("data", shortened(&credential.data).into()),
        ("version", credential.version.into()),
    ];
    Row { table: "credentials", key: credential.id.to_string(), columns }
}

fn of_session(session: &SessionRow) -> Row {
    let hash = session.secret_hash.map(|hash| {
        let start: String = hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        format!("SHA-256 {start}…")
    });
    let is_chain = session.secret_hash.is_none();
    let columns = vec![
        ("id", session.id.to_string().into()),
        ("user", session.user.to_string().into()),
        ("generation", session.generation.into()),
        ("kind", session.kind.as_str().into()),
        ("secret_hash", hash.into()),
        ("client_id", session.client_id.clone().into()),
        ("audience", if is_chain { session.audience.clone().into() } else { Value::Null }),
        ("scope", session.scope.clone().into()),
        ("refresh_counter", if is_chain { session.refresh_counter.into() } else { Value::Null }),
        ("refresh_moved_at", session.refresh_moved_at.map(at).into()),
        ("amr", session.amr.iter().map(|amr| amr.method.clone()).collect::<Vec<_>>().into()),
        ("auth_time", at(session.auth_time)),
        ("last_seen", at(session.last_seen)),
        ("idle_expires_at", at(session.idle_expires_at)),
        ("expires_at", at(session.expires_at)),
        ("ended_at", session.ended_at.map(at).into()),
        ("device", session.device.clone().into()),
        ("address", session.address.clone().into()),
    ];
    Row { table: "sessions", key: session.id.to_string(), columns }
}

fn of_entry(entry: &Entry) -> Columns {
    let (kind, id, generation) = match &entry.what {
        Ended::Token(id) => ("token", id.to_string(), None),
        Ended::Session(id) => ("session", id.to_string(), None),
        Ended::User { id, generation } => ("user", id.to_string(), Some(*generation)),
        Ended::Key(kid) => ("key", kid.to_string(), None),
        Ended::Changed(id) => ("changed", id.to_string(), None),
    };
    let mut columns = vec![("seq", entry.seq.into()), ("kind", kind.into()), ("id", id.into())];
    columns.extend(generation.map(|generation| ("generation", generation.into())));
    let forget = entry.forget_at.map(|seconds| at(Timestamp::from_secs(seconds)));
    columns.extend(forget.map(|forget| ("forget_at", forget)));
    columns
}

fn at(time: Timestamp) -> Value {
    rfc3339(time).into()
}

/// A password hash of which algorithm and cost can be read, and salt and hash cannot.
fn shortened(hash: &str) -> String {
    let is_cost = |part: &str| part.split(',').all(|one| one.get(1..2) == Some("="));
    let parts = hash.split('$').map(|part| match part.char_indices().nth(8) {
        Some((end, _)) if part.len() > 12 && !is_cost(part) => format!("{}…", &part[..end]),
        _ => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("$")
}

fn in_order<S: Serializer>(columns: &Columns, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_map(columns.iter().map(|(name, value)| (name, value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lg_a_shown_hash_says_how_and_not_what() {
        let phc = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g";
        assert_eq!(shortened(phc), "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNh…$aGFzaGhh…");
        assert_eq!(shortened("{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g="), "{SHA}W6p…");
    }
}
