//! Connections: how each one is set, and the ones that reads run on.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior, config::DbConfig};

use crate::store::{Result, StoreError};

/// Statements that a connection keeps prepared; more than there are.
const STATEMENTS: usize = 64;

/// Opens the database as everybody does: a write-ahead log, fsynced at every commit, so that what was answered survives power loss.
pub(super) fn connect(path: &Path) -> Result<Connection> {
    let failed =
        |error| StoreError::caused(format!("{} could not be opened as a database", path.display()), error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW
        | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    // A plan never depends on a parameter's value. Without this SQLite looks at it where a table has a partial index, and prepares the statement
    // anew for each value: a look-up of a session took twice as long.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(failed)?;
    connection.execute_batch("PRAGMA busy_timeout = 5000; PRAGMA trusted_schema = OFF;").map_err(failed)?;
    let journal: String =
        connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(failed)?;
    if journal != "wal" {
        return Err(StoreError::new(format!(
            "{} cannot have a write-ahead log (journal mode {journal}); is it on a network file system?",
            path.display()
        )));
    }
    connection
        .execute_batch(
            "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY; \
             PRAGMA cache_size = -16384; PRAGMA journal_size_limit = 67108864;",
        )
        .map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// Connections that read, as many as there were readers at once. A read runs on its caller's thread: it takes microseconds,
/// less than handing it over would.
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, idle: Mutex::default() }
    }

    /// Runs one statement, or several that need not agree.
    pub(super) fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        let mut connection = self.take()?;
        let answer = work(&mut connection);
        self.give_back(connection);
        answer.map_err(|error| StoreError::caused("a read failed", error))
    }

    /// Runs several statements over one snapshot.
    pub(super) fn snapshot<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        self.read(|connection| {
            // Dropped, it rolls back; there is nothing to commit.
            let snapshot = Transaction::new_unchecked(connection, TransactionBehavior::Deferred)?;
            work(&snapshot)
        })
    }

    fn take(&self) -> Result<Connection> {
        if let Some(connection) = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop() {
            return Ok(connection);
        }
        let connection = connect(&self.path)?;
        connection
            .execute_batch("PRAGMA query_only = ON")
            .map_err(|error| StoreError::caused("a reader could not be set up", error))?;
        Ok(connection)
    }

    fn give_back(&self, connection: Connection) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }
}
