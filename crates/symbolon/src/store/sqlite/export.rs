//! Reading everything, to carry it elsewhere. The folder is held meanwhile: nobody writes.

use std::path::Path;

use rusqlite::{Connection, types::ValueRef};

use super::{folder::Folder, readers, schema};
use crate::store::{
    Result, StoreError,
    transfer::{Cell, Table},
};

/// An installation that nobody runs.
pub(in crate::store) struct Export {
    connection: Connection,
    _folder: Folder,
}

impl Export {
    /// Takes the folder and brings its schema up to date.
    ///
    /// # Errors
    /// When there is no installation in it, somebody holds it, or it cannot be read.
    pub(in crate::store) fn open(folder: &Path, owner: &str) -> Result<Self> {
        if !folder.join(super::SqliteStore::FILE).exists() {
            return Err(StoreError::new(format!("there is no installation in {}", folder.display())));
        }
        let folder = Folder::take(folder, owner)?;
        let mut connection = readers::connect(&folder.database()?)?;
        schema::migrate(&mut connection)?;
        Ok(Self { connection, _folder: folder })
    }

    /// Gives every row of a table to `each`, until that fails.
    pub(in crate::store) fn rows(
        &self,
        table: &Table,
        mut each: impl FnMut(Vec<Cell>) -> Result<()>,
    ) -> Result<()> {
        let failed = |error| StoreError::caused(format!("the table {} could not be read", table.name), error);
        let columns: Vec<String> = table.columns.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        let sql = format!("SELECT {} FROM {}", columns.join(", "), table.name);
        let mut statement = self.connection.prepare(&sql).map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let cells = (0..columns.len()).map(|at| match row.get_ref(at)? {
                ValueRef::Null => Ok(Cell::Null),
                ValueRef::Integer(number) => Ok(Cell::Number(number)),
                ValueRef::Text(text) => Ok(Cell::Text(String::from_utf8_lossy(text).into_owned())),
                ValueRef::Blob(bytes) => Ok(Cell::Bytes(bytes.to_vec())),
                ValueRef::Real(_) => Err(rusqlite::Error::InvalidColumnType(
                    at,
                    table.name.to_owned(),
                    rusqlite::types::Type::Real,
                )),
            });
            each(cells.collect::<rusqlite::Result<_>>().map_err(failed)?)?;
        }
        Ok(())
    }
}
