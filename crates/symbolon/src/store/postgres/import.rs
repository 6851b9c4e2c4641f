//! Moving an installation in from an embedded store: every row as it stands, in one transaction. Nothing in it changes, so every
//! cookie, token, key and block goes on counting; a move that fails leaves the database as empty as it was.

use std::path::Path;

use tokio::sync::mpsc;
use tokio_postgres::{
    Client,
    binary_copy::BinaryCopyInWriter,
    types::{ToSql, Type as Column},
};
use uuid::Uuid;

use super::{Options, PostgresStore, pool::Connections, schema};
use crate::store::{
    Result, StoreError,
    sqlite::Export,
    transfer::{Cell, META, TABLES, Table, Type},
};

/// Rows on their way at most.
const UNDER_WAY: usize = 4_096;

impl PostgresStore {
    /// Moves the installation of the embedded store in `folder` here. `owner` is what a process is told that wants the folder
    /// meanwhile; `moved` hears of every row. Answers how many there were.
    ///
    /// # Errors
    /// When the folder holds none or is in use, or the database is not empty or cannot be used. Nothing has changed then.
    pub async fn move_in(
        folder: &Path,
        owner: &str,
        options: Options,
        mut moved: impl FnMut(u64) + Send,
    ) -> Result<u64> {
        let export = Export::open(folder, owner)?;
        let connections = Connections::new(options)?;
        schema::migrate(&connections).await?;
        let sql = connections.take().await?;
        sql.begins();
        let client = sql.client();
        client
            .batch_execute(
                "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; LOCK TABLE meta",
            )
            .await
            .map_err(failed)?;
        let facts: i64 = client.query_one("SELECT count(*) FROM meta", &[]).await.map_err(failed)?.get(0);
        if facts > 0 {
            return Err(StoreError::new(
                "the database holds an installation already; give it one with nothing in it. Nothing was changed",
            ));
        }
        let (rows, mut arriving) = mpsc::channel(UNDER_WAY);
        let reading = tokio::task::spawn_blocking(move || -> Result<Export> {
            for (at, table) in TABLES.iter().enumerate() {
                export.rows(table, |row| rows.blocking_send((at, row)).map_err(|_| given_up()))?;
            }
            Ok(export)
        });
        let copied = copy(client, &mut arriving, &mut moved).await;
        // Whoever still sends is told that nobody listens.
        drop(arriving);
        let read = reading.await.map_err(|_| given_up())?;
        let count = copied?;
        // Held until all is there.
        let _export = read?;
        client.batch_execute("COMMIT").await.map_err(failed)?;
        sql.committed();
        Ok(count)
    }
}

/// Copies what arrives, table after table.
async fn copy(
    client: &Client,
    arriving: &mut mpsc::Receiver<(usize, Vec<Cell>)>,
    moved: &mut (impl FnMut(u64) + Send),
) -> Result<u64> {
    let (mut head, mut trimmed, mut count) = (0, 0, 0);
    let mut next = arriving.recv().await;
    for (at, table) in TABLES.iter().enumerate() {
        let columns: Vec<&str> = table.columns.iter().map(|(name, _)| named(name)).collect();
        let types: Vec<Column> = table.columns.iter().map(|(_, kind)| column_type(*kind)).collect();
        let statement = format!("COPY {} ({}) FROM STDIN BINARY", table.name, columns.join(", "));
        let sink = client.copy_in(&statement).await.map_err(failed)?;
        let writer = BinaryCopyInWriter::new(sink, &types);
        let mut writer = std::pin::pin!(writer);
        while let Some((of, row)) = next.take_if(|(of, _)| *of == at) {
            debug_assert_eq!(of, at);
            // The head of the log has a table of its own here.
            match (table.name == META.name, &row[..]) {
                (true, [Cell::Text(key), Cell::Text(number)]) if key == "log_head" => head = parsed(number)?,
                (true, [Cell::Text(key), Cell::Text(number)]) if key == "log_trimmed" => {
                    trimmed = parsed(number)?;
                }
                _ => {
                    let values = values(table, row)?;
                    let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| &**value as _).collect();
                    writer.as_mut().write(&values).await.map_err(failed)?;
                }
            }
            count += 1;
            moved(count);
            next = arriving.recv().await;
        }
        writer.as_mut().finish().await.map_err(failed)?;
    }
    client
        .execute("INSERT INTO log_head (one, head, trimmed) VALUES (true, $1, $2)", &[&head, &trimmed])
        .await
        .map_err(failed)?;
    Ok(count)
}

fn parsed(number: &str) -> Result<i64> {
    number.parse().map_err(|_| StoreError::new("the head of the log is no number"))
}

/// Names that mean something in this dialect are longer here.
fn named(column: &'static str) -> &'static str {
    match column {
        "user" => "user_id",
        "session" => "session_id",
        other => other,
    }
}

fn column_type(kind: Type) -> Column {
    match kind {
        Type::Id => Column::UUID,
        Type::Number => Column::INT8,
        Type::Flag => Column::BOOL,
        Type::Text => Column::TEXT,
        Type::Typed | Type::Bytes => Column::BYTEA,
    }
}

type Value = Box<dyn ToSql + Sync + Send>;

fn values(table: &Table, row: Vec<Cell>) -> Result<Vec<Value>> {
    let damaged = || StoreError::new(format!("a row of the table {} is damaged", table.name));
    let value = |(cell, (_, kind)): (Cell, &(&str, Type))| -> Result<Value> {
        Ok(match (kind, cell) {
            (Type::Id, Cell::Null) => Box::new(None::<Uuid>),
            (Type::Id, Cell::Bytes(id)) => Box::new(Uuid::from_slice(&id).map_err(|_| damaged())?),
            (Type::Number, Cell::Null) => Box::new(None::<i64>),
            (Type::Number, Cell::Number(number)) => Box::new(number),
            (Type::Flag, Cell::Number(flag @ (0 | 1))) => Box::new(flag == 1),
            (Type::Text, Cell::Null) => Box::new(None::<String>),
            (Type::Text, Cell::Text(text)) => Box::new(text),
            (Type::Typed | Type::Bytes, Cell::Null) => Box::new(None::<Vec<u8>>),
            (Type::Typed, Cell::Text(text)) => Box::new(text.into_bytes()),
            (Type::Bytes, Cell::Bytes(bytes)) => Box::new(bytes),
            _ => return Err(damaged()),
        })
    };
    row.into_iter().zip(table.columns).map(value).collect()
}

fn failed(error: tokio_postgres::Error) -> StoreError {
    StoreError::caused("the rows could not be written to the database; nothing was changed", error)
}

fn given_up() -> StoreError {
    StoreError::new("the rows could not be read to the end; nothing was changed")
}
