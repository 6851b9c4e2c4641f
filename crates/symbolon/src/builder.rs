//! Opening an engine: the parts that most applications leave as they are.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    Symbolon,
    clock::{Clock, Randomness, SystemClock, SystemRandomness},
    error::{Error, ErrorKind, Result},
    id::Ids,
    keyring::{MasterKeys, file},
    limits::Settings,
    store::{
        Store, StoreError,
        memory::MemoryStore,
        postgres::{self, PostgresStore},
        sqlite::{Folder, SqliteStore},
    },
};

/// What an engine is made of; see [`Symbolon::builder`].
pub struct Builder {
    settings: Settings,
    data: Option<PathBuf>,
    postgres: Option<postgres::Options>,
    owner: String,
    master: Option<MasterKeys>,
    master_file: Option<PathBuf>,
    clock: Arc<dyn Clock>,
    randomness: Arc<dyn Randomness>,
}

impl Symbolon {
    /// An engine for this issuer, with the defaults of the house.
    pub fn builder(issuer: impl Into<String>) -> Builder {
        Builder {
            settings: Settings::new(issuer),
            data: None,
            postgres: None,
            owner: format!("process {}", std::process::id()),
            master: None,
            master_file: None,
            clock: Arc::new(SystemClock),
            randomness: Arc::new(SystemRandomness),
        }
    }
}

impl Builder {
    /// Replaces all settings.
    #[must_use]
    pub fn settings(self, settings: Settings) -> Self {
        Self { settings, ..self }
    }

    /// Keeps rows and master key in this folder. Without one everything is in memory and gone with the process.
    #[must_use]
    pub fn data(self, folder: &Path) -> Self {
        Self { data: Some(folder.to_owned()), ..self }
    }

    /// Keeps rows in PostgreSQL, which many processes may share. The folder then holds the master key alone, and without either
    /// [`Builder::data`] or [`Builder::master_keys`] there is none.
    #[must_use]
    pub fn postgres(self, options: postgres::Options) -> Self {
        Self { postgres: Some(options), ..self }
    }

    /// What a second process that wants the folder is told of this one.
    #[must_use]
    pub fn owner(self, line: impl Into<String>) -> Self {
        Self { owner: line.into(), ..self }
    }

    /// The master keys, instead of those in the folder's file.
    #[must_use]
    pub fn master_keys(self, keys: MasterKeys) -> Self {
        Self { master: Some(keys), ..self }
    }

    /// The master key's file, instead of the one in the folder.
    #[must_use]
    pub fn master_key_file(self, path: &Path) -> Self {
        Self { master_file: Some(path.to_owned()), ..self }
    }

    /// Where the time comes from.
    #[must_use]
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Where unpredictable bytes come from.
    #[must_use]
    pub fn randomness(self, randomness: Arc<dyn Randomness>) -> Self {
        Self { randomness, ..self }
    }

    /// Opens the engine. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// When the folder belongs to another process, or store or master key cannot be used.
    pub async fn open(self) -> Result<Symbolon> {
        let Self { settings, data, postgres, owner, master, master_file, clock, randomness } = self;
        let log_epoch = Ids::default().next(clock.now(), &*randomness);
        let told = |error: StoreError| {
            let text = error.to_string();
            Error::caused(ErrorKind::Unavailable, text, error)
        };
        let shared = postgres.is_some();
        let store: Arc<dyn Store> = match (&data, postgres) {
            (folder, Some(options)) => {
                let folder = folder.as_ref().map(|folder| Folder::take(folder, &owner)).transpose();
                let folder = folder.map_err(told)?;
                Arc::new(PostgresStore::open(options, log_epoch).await.map_err(told)?.holding(folder))
            }
            (Some(folder), None) => Arc::new(SqliteStore::open(folder, &owner, log_epoch).map_err(told)?),
            (None, None) => Arc::new(MemoryStore::new(log_epoch)),
        };
        let master = match (master, &data) {
            (Some(keys), _) => keys,
            (None, Some(folder)) => {
                let path = master_file.unwrap_or_else(|| folder.join(file::FILE));
                let new = store.installation().await?.master_keys.is_empty();
                MasterKeys::from_file(&path, new, &*randomness)?
            }
            (None, None) if shared => {
                let text = "The rows are shared, and no master key is given: name the one that all their processes have.";
                return Err(Error::new(ErrorKind::Unavailable, text));
            }
            (None, None) => crate::keyring::MasterKey::generate(&*randomness).into(),
        };
        Symbolon::open(settings, store, master, clock, randomness).await
    }
}
