//! Numbered migrations, each once and in order, known by checksum. A migration's first line states the oldest binary that
//! can still run the schema after it: only an older one is refused, so that an upgrade can be taken back.

use aws_lc_rs::digest;
use rusqlite::{Connection, OptionalExtension, params};

use super::Schema;
use crate::store::{Result, StoreError};

struct Migration {
    number: u32,
    name: &'static str,
    sql: &'static str,
}

const MIGRATIONS: &[Migration] =
    &[Migration { number: 1, name: "rows", sql: include_str!("migrations/0001_rows.sql") }];

const THIS_BINARY: &str = env!("CARGO_PKG_VERSION");
const OLDEST_BINARY: &str = "-- Oldest binary that can still run this schema: ";

impl Migration {
    fn checksum(&self) -> String {
        let digest = digest::digest(&digest::SHA256, self.sql.as_bytes());
        digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn oldest_binary(&self) -> &'static str {
        self.sql
            .lines()
            .next()
            .and_then(|line| line.strip_prefix(OLDEST_BINARY))
            .unwrap_or(THIS_BINARY)
            .trim()
    }
}

/// Brings the schema to what this binary knows, in one transaction. Answers how many migrations ran.
///
/// # Errors
/// When the schema is not ours, a past migration was another one, or the schema is too new for this binary.
pub(super) fn migrate(connection: &mut Connection) -> Result<usize> {
    migrate_with(connection, MIGRATIONS, THIS_BINARY)
}

/// How far the schema has come.
///
/// # Errors
/// When the database cannot be read.
pub(super) fn at(connection: &Connection) -> Result<Schema> {
    let read = || -> rusqlite::Result<u32> {
        let ours = "SELECT count(*) FROM sqlite_schema WHERE name = 'migrations'";
        if connection.query_row(ours, [], |row| row.get::<_, bool>(0))? {
            connection.query_row("SELECT coalesce(max(number), 0) FROM migrations", [], |row| row.get(0))
        } else {
            Ok(0)
        }
    };
    let at =
        read().map_err(|error| StoreError::caused("the database's migrations could not be read", error))?;
    Ok(Schema { at, known: MIGRATIONS.last().map_or(0, |migration| migration.number) })
}

fn migrate_with(connection: &mut Connection, known: &[Migration], binary: &str) -> Result<usize> {
    let failed = |error| StoreError::caused("the database's schema could not be brought up to date", error);
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(failed)?;
    let ours: bool = transaction
        .query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'migrations'", [], |row| row.get(0))
        .map_err(failed)?;
    let empty: bool = transaction
        .query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))
        .map_err(failed)?;
    if !ours && !empty {
        return Err(StoreError::new(
            "the database holds tables that are not Symbolon's; nothing was changed",
        ));
    }
    transaction
        .execute_batch(
            "CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, \
             oldest_binary TEXT NOT NULL) STRICT",
        )
        .map_err(failed)?;
    refuse_newer(&transaction, known, binary)?;
    let mut ran = 0;
    for migration in known {
        let stored: Option<String> = transaction
            .query_row("SELECT checksum FROM migrations WHERE number = ?1", [migration.number], |row| {
                row.get(0)
            })
            .optional()
            .map_err(failed)?;
        match stored {
            Some(checksum) if checksum == migration.checksum() => {}
            Some(_) => {
                return Err(StoreError::new(format!(
                    "migration {} ({}) of this database is not the one this binary knows; nothing was changed",
                    migration.number, migration.name
                )));
            }
            None => {
                transaction.execute_batch(migration.sql).map_err(failed)?;
                transaction
                    .execute(
                        "INSERT INTO migrations (number, name, checksum, oldest_binary) VALUES (?1, ?2, ?3, ?4)",
                        params![migration.number, migration.name, migration.checksum(), migration.oldest_binary()],
                    )
                    .map_err(failed)?;
                ran += 1;
            }
        }
    }
    transaction.commit().map_err(failed)?;
    Ok(ran)
}

fn refuse_newer(connection: &Connection, known: &[Migration], binary: &str) -> Result<()> {
    let failed = |error| StoreError::caused("the database's migrations could not be read", error);
    let highest = known.last().map_or(0, |migration| migration.number);
    let mut newer = connection
        .prepare("SELECT number, oldest_binary FROM migrations WHERE number > ?1 ORDER BY number")
        .map_err(failed)?;
    let newer = newer.query_map([highest], |row| Ok((row.get(0)?, row.get(1)?))).map_err(failed)?;
    let newer: Vec<(u32, String)> = newer.collect::<rusqlite::Result<_>>().map_err(failed)?;
    match newer.iter().max_by_key(|(_, oldest)| version(oldest)) {
        Some((number, oldest)) if version(oldest) > version(binary) => Err(StoreError::new(format!(
            "the database is at schema {number}, which needs Symbolon {oldest} or newer; this is {binary}"
        ))),
        _ => Ok(()),
    }
}

fn version(text: &str) -> Vec<u64> {
    text.split('.').map(|part| part.parse().unwrap_or(0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEXT: Migration = Migration {
        number: 2,
        name: "next",
        sql: "-- Oldest binary that can still run this schema: 0.10.0\nCREATE TABLE next (id INTEGER)",
    };

    fn first() -> Migration {
        Migration { number: 1, name: "rows", sql: MIGRATIONS[0].sql }
    }

    #[test]
    fn each_migration_runs_once() {
        let mut connection = Connection::open_in_memory().unwrap();
        let known = MIGRATIONS.last().unwrap().number;
        assert_eq!(at(&connection).unwrap(), Schema { at: 0, known });
        assert_eq!(migrate(&mut connection).unwrap(), MIGRATIONS.len());
        assert_eq!(migrate(&mut connection).unwrap(), 0);
        assert_eq!(at(&connection).unwrap(), Schema { at: known, known });
    }

    #[test]
    fn a_changed_migration_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        let changed = Migration { sql: "CREATE TABLE other (id INTEGER)", ..first() };
        assert!(
            migrate_with(&mut connection, &[changed], "0.1.0")
                .unwrap_err()
                .to_string()
                .contains("not the one")
        );
    }

    #[test]
    fn an_older_binary_runs_until_the_schema_says_no() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate_with(&mut connection, &[first(), NEXT], "0.10.0").unwrap();
        assert!(migrate_with(&mut connection, &[first()], "0.10.1").is_ok());
        let refused = migrate_with(&mut connection, &[first()], "0.9.9").unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the database is at schema 2, which needs Symbolon 0.10.0 or newer; this is 0.9.9"
        );
    }

    #[test]
    fn foreign_tables_are_left_alone() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE theirs (id INTEGER)").unwrap();
        assert!(migrate(&mut connection).unwrap_err().to_string().contains("not Symbolon's"));
    }

    #[test]
    fn every_migration_names_the_oldest_binary() {
        for migration in MIGRATIONS {
            assert!(migration.sql.starts_with(OLDEST_BINARY), "{}", migration.name);
        }
    }
}
