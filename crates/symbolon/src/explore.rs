//! What the development page `/explore` shows of the store: one account's rows, as they are.
//!
//! Owns nothing and writes nothing. It reads outside of every rule (hashes and ended sessions come out), so it has a long name and one
//! caller, which exists in development mode only.

use symbolon_token::view::Entry;
use uuid::Uuid;

use crate::{
    Symbolon,
    error::Result,
    store::{LoginRow, SessionRow},
    user::identifier::Identifier,
};

/// Most log entries that one call can make, and more.
const ENTRIES: usize = 100;

/// The rows of one account.
pub struct Rows {
    /// The user and the password's hash; `None` when nobody has the identifier.
    pub login: Option<LoginRow>,
    /// Sessions that live, newest first, then those that were asked for and do not.
    pub sessions: Vec<SessionRow>,
    /// The log behind the number that was given, of everybody.
    pub log: Vec<Entry>,
    /// The number of the last log entry.
    pub head: u64,
}

impl Symbolon {
    /// Reads the rows of whoever has `identifier`: with `known` sessions even when they have ended, and the log behind `after` (nothing
    /// of it without). Activity that waits in memory is not written first.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Unavailable`].
    pub async fn dangerously_read_rows(
        &self,
        identifier: &str,
        known: &[Uuid],
        after: Option<u64>,
    ) -> Result<Rows> {
        let head = self.memory().view.last_seq();
        let log = match after {
            Some(after) => self.store().log_after(after, ENTRIES).await?.entries,
            None => Vec::new(),
        };
        let login = match Identifier::parse(identifier) {
            Ok(identifier) => self.store().login_by_identifier(identifier.canonical()).await?,
            Err(_) => None,
        };
        let mut sessions = match &login {
            Some(row) => self.store().sessions_of(row.user.id, self.now()).await?,
            None => Vec::new(),
        };
        for id in known {
            if sessions.iter().all(|session| session.id != *id) {
                sessions.extend(self.store().session(*id).await?.map(|row| row.session));
            }
        }
        Ok(Rows { login, sessions, log, head })
    }
}
