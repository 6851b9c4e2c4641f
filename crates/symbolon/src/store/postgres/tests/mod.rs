//! What holds of this store alone. What every store promises is in `store/contract/`.

mod bad;
mod commits;
mod feed;
mod hints;
mod tls;

use symbolon_cluster::Database;

use super::{Options, pool::Connections};

/// A database with nothing in it; `None`, said aloud, where PostgreSQL is not installed.
pub(in crate::store) struct Fresh(Database);

pub(in crate::store) async fn fresh() -> Option<Fresh> {
    // The first start takes seconds, and others wait for it.
    tokio::task::spawn_blocking(|| symbolon_cluster::database().map(Fresh)).await.unwrap()
}

impl Fresh {
    pub(in crate::store) fn options(&self) -> Options {
        Options { connections: 8, ..Options::new(&*self.0.url) }
    }

    /// Runs statements as the superuser.
    fn sql(&self, statements: &str) -> String {
        symbolon_cluster::cluster().unwrap().sql(&self.0.name, statements)
    }

    pub(in crate::store::postgres) fn connections(&self) -> Connections {
        Connections::new(self.options()).unwrap()
    }
}
