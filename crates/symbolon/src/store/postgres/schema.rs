//! Numbered migrations, each once and in order, known by checksum, all in one transaction under a lock that one process at a time
//! has: ten nodes may start at once, and a migration that fails leaves nothing behind. A migration's first line states the oldest
//! binary that can still run the schema after it: only an older one is refused, so that nodes of two versions may run side by side.

use aws_lc_rs::digest;
use tokio_postgres::{Client, error::SqlState};

use super::pool::Connections;
use crate::store::{Result, StoreError, sqlite::Schema};

struct Migration {
    number: u32,
    name: &'static str,
    sql: &'static str,
}

const MIGRATIONS: &[Migration] =
    &[Migration { number: 1, name: "rows", sql: include_str!("migrations/0001_rows.sql") }];

const THIS_BINARY: &str = env!("CARGO_PKG_VERSION");
const OLDEST_BINARY: &str = "-- Oldest binary that can still run this schema: ";
/// The lock's number: `symbolon` in ASCII.
const LOCK: i64 = 0x7379_6d62_6f6c_6f6e;
/// Below it a statement here is not known. (13)
const OLDEST_SERVER: i32 = 130_000;

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

/// Brings the schema to what this binary knows. Answers how far it had come before.
///
/// # Errors
/// When the database is none that Symbolon can live in, holds what is not ours, or is too new for this binary. Nothing has changed then.
pub(super) async fn migrate(connections: &Connections) -> Result<Schema> {
    migrate_with(connections, MIGRATIONS, THIS_BINARY).await
}

/// How far the schema has come; changes nothing.
pub(super) async fn at(connections: &Connections) -> Result<Schema> {
    let sql = connections.take().await?;
    usable(sql.client()).await?;
    Ok(Schema { at: highest(sql.client()).await?, known: newest(MIGRATIONS) })
}

async fn migrate_with(connections: &Connections, known: &[Migration], binary: &str) -> Result<Schema> {
    let sql = connections.take().await?;
    usable(sql.client()).await?;
    sql.begins();
    let client = sql.client();
    let begin = format!(
        "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; \
         SELECT pg_advisory_xact_lock({LOCK})"
    );
    client.batch_execute(&begin).await.map_err(failed)?;
    let before = brought_up(client, known, binary).await?;
    client.batch_execute("COMMIT").await.map_err(failed)?;
    sql.committed();
    Ok(Schema { at: before, known: newest(known) })
}

/// Within the transaction, alone.
async fn brought_up(client: &Client, known: &[Migration], binary: &str) -> Result<u32> {
    if !ours(client).await? {
        let foreign = client
            .query("SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = current_schema() ORDER BY 1 LIMIT 3", &[])
            .await
            .map_err(failed)?;
        if !foreign.is_empty() {
            let names: Vec<&str> = foreign.iter().map(|row| row.get(0)).collect();
            return Err(StoreError::new(format!(
                "the database holds tables that are not Symbolon's ({}); give it a database of its own. Nothing was changed",
                names.join(", ")
            )));
        }
        client
            .batch_execute(
                "CREATE TABLE symbolon_migrations (number BIGINT PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, \
                 oldest_binary TEXT NOT NULL)",
            )
            .await
            .map_err(failed)?;
    }
    refuse_newer(client, known, binary).await?;
    let before = highest(client).await?;
    for migration in known {
        let number = i64::from(migration.number);
        let stored = client
            .query_opt("SELECT checksum FROM symbolon_migrations WHERE number = $1", &[&number])
            .await
            .map_err(failed)?;
        match stored.map(|row| row.get::<_, String>(0)) {
            Some(checksum) if checksum == migration.checksum() => {}
            Some(_) => {
                return Err(StoreError::new(format!(
                    "migration {} ({}) of this database is not the one this binary knows; nothing was changed",
                    migration.number, migration.name
                )));
            }
            None => {
                client.batch_execute(migration.sql).await.map_err(failed)?;
                client
                    .execute(
                        "INSERT INTO symbolon_migrations (number, name, checksum, oldest_binary) VALUES ($1, $2, $3, $4)",
                        &[&number, &migration.name, &migration.checksum(), &migration.oldest_binary()],
                    )
                    .await
                    .map_err(failed)?;
            }
        }
    }
    Ok(before)
}

/// Whether this is a server and a database that Symbolon can live in.
async fn usable(client: &Client) -> Result<()> {
    let row = client
        .query_one(
            "SELECT current_setting('server_version_num')::int, current_setting('server_version'), \
             current_setting('server_encoding'), current_schema()::text, current_setting('fsync', true)",
            &[],
        )
        .await
        .map_err(failed)?;
    let (number, version, encoding): (i32, String, String) = (row.get(0), row.get(1), row.get(2));
    let (schema, fsync): (Option<String>, Option<String>) = (row.get(3), row.get(4));
    refuse_old(number, &version)?;
    if encoding != "UTF8" {
        return Err(StoreError::new(format!(
            "the database's encoding is {encoding}, which has no room for every name; make one with \
             createdb --encoding=UTF8 --template=template0"
        )));
    }
    if schema.is_none() {
        return Err(StoreError::new(
            "the user of store.url has no schema to make tables in: none of its search_path is there, or open to it",
        ));
    }
    if fsync.as_deref() == Some("off") {
        tracing::warn!(
            "the database runs with fsync off: what was answered may be lost when its machine fails"
        );
    }
    Ok(())
}

fn refuse_old(number: i32, version: &str) -> Result<()> {
    if number < OLDEST_SERVER {
        return Err(StoreError::new(format!(
            "the database is PostgreSQL {version}; Symbolon needs 13 or newer"
        )));
    }
    Ok(())
}

async fn ours(client: &Client) -> Result<bool> {
    let sql = "SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = current_schema() AND tablename = 'symbolon_migrations'";
    Ok(client.query_opt(sql, &[]).await.map_err(failed)?.is_some())
}

async fn highest(client: &Client) -> Result<u32> {
    if !ours(client).await? {
        return Ok(0);
    }
    let sql = "SELECT coalesce(max(number), 0) FROM symbolon_migrations";
    let number: i64 = client.query_one(sql, &[]).await.map_err(failed)?.get(0);
    u32::try_from(number).map_err(|_| StoreError::new("the database's migrations could not be read"))
}

fn newest(known: &[Migration]) -> u32 {
    known.last().map_or(0, |migration| migration.number)
}

async fn refuse_newer(client: &Client, known: &[Migration], binary: &str) -> Result<()> {
    let newer = client
        .query(
            "SELECT number, oldest_binary FROM symbolon_migrations WHERE number > $1",
            &[&i64::from(newest(known))],
        )
        .await
        .map_err(failed)?;
    let newer = newer.iter().map(|row| (row.get::<_, i64>(0), row.get::<_, String>(1)));
    match newer.max_by_key(|(_, oldest)| version(oldest)) {
        Some((number, oldest)) if version(&oldest) > version(binary) => Err(StoreError::new(format!(
            "the database is at schema {number}, which needs Symbolon {oldest} or newer; this is {binary}"
        ))),
        _ => Ok(()),
    }
}

fn version(text: &str) -> Vec<u64> {
    text.split('.').map(|part| part.parse().unwrap_or(0)).collect()
}

fn failed(error: tokio_postgres::Error) -> StoreError {
    let told = error.as_db_error().map(|error| error.message().to_owned());
    let sentence = match (error.code(), told) {
        (Some(&SqlState::INSUFFICIENT_PRIVILEGE), Some(told)) => format!(
            "the user of store.url may not set the database up ({told}); make it the owner, of the tables in it too: \
             ALTER DATABASE … OWNER TO …, ALTER TABLE … OWNER TO …. Nothing was changed"
        ),
        (_, Some(told)) => {
            format!("the database's schema could not be brought up to date ({told}); nothing was changed")
        }
        (_, None) => "the database's schema could not be brought up to date; nothing was changed".to_owned(),
    };
    StoreError::caused(sentence, error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::postgres::tests::fresh;

    const NEXT: Migration = Migration {
        number: 2,
        name: "next",
        sql: "-- Oldest binary that can still run this schema: 0.10.0\nCREATE TABLE next (id BIGINT)",
    };

    fn first() -> Migration {
        Migration { number: 1, name: "rows", sql: MIGRATIONS[0].sql }
    }

    async fn tables(connections: &Connections) -> i64 {
        let sql = connections.take().await.unwrap();
        let count = "SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = current_schema()";
        sql.client().query_one(count, &[]).await.unwrap().get(0)
    }

    #[tokio::test]
    async fn each_migration_runs_once() {
        let Some(database) = fresh().await else { return };
        let connections = database.connections();
        let known = newest(MIGRATIONS);
        assert_eq!(at(&connections).await.unwrap(), Schema { at: 0, known });
        assert_eq!(migrate(&connections).await.unwrap().at, 0);
        assert_eq!(migrate(&connections).await.unwrap().at, known);
        assert_eq!(at(&connections).await.unwrap(), Schema { at: known, known });
    }

    #[tokio::test]
    async fn a_migration_that_fails_leaves_nothing_half_done() {
        let Some(database) = fresh().await else { return };
        let connections = database.connections();
        let bad =
            Migration { sql: "CREATE TABLE second (id BIGINT); CREATE TABLE users (id BIGINT)", ..NEXT };
        let told = migrate_with(&connections, &[first(), bad], "9.0.0").await.unwrap_err().to_string();
        assert!(told.contains("\"users\" already exists") && told.contains("nothing was changed"), "{told}");
        assert_eq!(tables(&connections).await, 0);
    }

    #[tokio::test]
    async fn a_changed_migration_is_refused() {
        let Some(database) = fresh().await else { return };
        let connections = database.connections();
        migrate(&connections).await.unwrap();
        let changed = Migration { sql: "CREATE TABLE other (id BIGINT)", ..first() };
        let told = migrate_with(&connections, &[changed], "0.1.0").await.unwrap_err().to_string();
        assert!(told.contains("not the one"), "{told}");
    }

    #[tokio::test]
    async fn an_older_binary_runs_until_the_schema_says_no() {
        let Some(database) = fresh().await else { return };
        let connections = database.connections();
        migrate_with(&connections, &[first(), NEXT], "0.10.0").await.unwrap();
        assert!(migrate_with(&connections, &[first()], "0.10.1").await.is_ok());
        let refused = migrate_with(&connections, &[first()], "0.9.9").await.unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the database is at schema 2, which needs Symbolon 0.10.0 or newer; this is 0.9.9"
        );
    }

    #[test]
    fn every_migration_names_the_oldest_binary() {
        for migration in MIGRATIONS {
            assert!(migration.sql.starts_with(OLDEST_BINARY), "{}", migration.name);
        }
    }

    #[test]
    fn an_old_server_is_refused_with_its_version() {
        assert!(refuse_old(130_000, "13.0").is_ok());
        let told = refuse_old(120_022, "12.22").unwrap_err().to_string();
        assert_eq!(told, "the database is PostgreSQL 12.22; Symbolon needs 13 or newer");
    }
}
