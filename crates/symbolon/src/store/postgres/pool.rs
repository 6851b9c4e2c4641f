//! Connections: how each one is set, how many there are, and in what state one goes back to the others.

use std::sync::atomic::{AtomicBool, Ordering};

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, TimeoutType,
};
use tokio::time::timeout;
use tokio_postgres::{Client, Error, Row, Socket, Statement, error::SqlState};

use super::{
    attempt::{Attempt, Verdict},
    batch::{Batch, Params},
    options::Options,
    tls::{Stream, Tls},
};
use crate::store::{Result, StoreError};

/// The connections of one process.
pub(super) struct Connections {
    pool: Pool,
    options: Options,
}

impl Connections {
    /// Sets the pool up; connects nobody.
    pub(super) fn new(options: Options) -> Result<Self> {
        let statement = options.statement_timeout.as_millis();
        Self::set_up(options, statement)
    }

    /// The few for leases. Renewals are single statements, which the database must not give up while they wait for a standby: it
    /// would say that they are done. This side gives them up, and knows nothing then.
    pub(super) fn for_leases(options: Options) -> Result<Self> {
        Self::set_up(Options { connections: 3, ..options }, 0)
    }

    fn set_up(options: Options, statement_timeout: u128) -> Result<Self> {
        let (config, trust) = options.parse()?;
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(config, Tls::of(&trust)?, recycling);
        let setup = setup(&options, statement_timeout);
        let pool = Pool::builder(manager)
            .max_size(options.connections)
            .wait_timeout(Some(options.connect_timeout))
            .create_timeout(Some(options.connect_timeout))
            .runtime(Runtime::Tokio1)
            .post_create(Hook::async_fn(move |client, _| {
                let setup = setup.clone();
                Box::pin(async move { client.batch_execute(&setup).await.map_err(HookError::Backend) })
            }))
            .build()
            .map_err(|error| StoreError::caused("the connections could not be set up", error))?;
        Ok(Self { pool, options })
    }

    pub(super) fn options(&self) -> &Options {
        &self.options
    }

    /// Closes what nobody uses: it leads to where the database was.
    pub(super) fn forget(&self) {
        self.pool.retain(|_, _| false);
    }

    /// A new connection that belongs to none of the pool's, and which the caller drives.
    ///
    /// # Errors
    /// As [`Connections::take`].
    pub(super) async fn beside(&self) -> Result<(Client, Wire)> {
        let (config, trust) = self.options.parse()?;
        let connected = timeout(self.options.connect_timeout, config.connect(Tls::of(&trust)?)).await;
        connected.map_err(|_| silent(&self.options))?.map_err(refused)
    }

    /// A connection that is free, or a new one. That comes about in a task of its own: whoever has less patience than connecting takes, as
    /// the renewal of a lease may, finds it the next time, where each would begin anew otherwise and none get through.
    ///
    /// # Errors
    /// A sentence that says what to do about it.
    pub(super) async fn take(&self) -> Result<Connection> {
        let pool = self.pool.clone();
        let got = tokio::spawn(async move { pool.get().await }).await;
        match got.map_err(|error| StoreError::caused("the store is going away", error))? {
            Ok(object) => Ok(Connection {
                object: Some(object),
                open: AtomicBool::new(false),
                late: AtomicBool::new(false),
            }),
            Err(error) => Err(unreachable(error, &self.options)),
        }
    }
}

/// What drives a connection, and hears what the database says unasked.
pub(super) type Wire = tokio_postgres::Connection<Socket, Stream<Socket>>;

/// What every connection is told first. Each statement sees what was committed before it began: locks are taken first, and what they
/// guard is read after. A transaction whose process stands still is ended, for others wait for its locks. Nothing is compiled (`jit`): all
/// statements are small, and where a table was not analysed yet PostgreSQL takes one for large and compiles for half a second, each time.
/// (A database without such a setting is left alone.)
fn setup(options: &Options, statement_timeout: u128) -> String {
    let idle = options.statement_timeout.as_millis();
    format!(
        "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED; \
         SET statement_timeout = {statement_timeout}; \
         SET idle_in_transaction_session_timeout = {idle}; \
         SELECT set_config('synchronous_commit', 'on', false) \
         WHERE current_setting('synchronous_commit', true) IN ('off', 'local'); \
         SELECT set_config('jit', 'off', false) WHERE current_setting('jit', true) = 'on'"
    )
}

fn unreachable(error: PoolError, options: &Options) -> StoreError {
    let seconds = options.connect_timeout.as_secs_f64();
    match error {
        PoolError::Timeout(TimeoutType::Wait) => StoreError::new(format!(
            "all {} connections to the database were busy for {seconds} s; store.connections sets how many there are",
            options.connections
        )),
        PoolError::Timeout(_) => silent(options),
        PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => refused(error),
        other => StoreError::caused("there is no connection to the database", other),
    }
}

fn silent(options: &Options) -> StoreError {
    let seconds = options.connect_timeout.as_secs_f64();
    StoreError::new(format!(
        "the database did not answer within {seconds} s; look whether it runs, and at what is between"
    ))
}

/// Why a database takes no connection, and what to do.
pub(super) fn refused(error: Error) -> StoreError {
    let told = cause(&error);
    let what = match error.code() {
        Some(&SqlState::INVALID_PASSWORD | &SqlState::INVALID_AUTHORIZATION_SPECIFICATION) => {
            format!("the database refuses the user or the password of store.url ({told})")
        }
        Some(&SqlState::INVALID_CATALOG_NAME) => {
            format!("the database that store.url names does not exist ({told}); make it with createdb")
        }
        Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
            format!("the user of store.url may not connect to the database ({told}); GRANT CONNECT lets it")
        }
        Some(&SqlState::TOO_MANY_CONNECTIONS) => format!(
            "the database has no connection left ({told}); lower store.connections, or raise max_connections there"
        ),
        Some(_) => format!("the database takes no connection ({told})"),
        None if told.contains("does not allow writes") => {
            "the database takes no writes: it is a standby or set read-only; name the primary in store.url, or all hosts by comma"
                .to_owned()
        }
        None if told.contains("certificate") || told.contains("TLS") => format!(
            "TLS with the database failed ({told}); the CA file must vouch for its certificate, and that name the host of store.url"
        ),
        None => format!("the database cannot be reached ({told})"),
    };
    StoreError::caused(what, error)
}

/// The innermost words of an error: the driver's own are about itself.
fn cause(error: &Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let own = error.to_string();
    let inner = innermost.to_string();
    if own.contains(&inner) { own } else { format!("{own}: {inner}") }
}

/// A connection in use. Dropped in the middle of a transaction, or while it keeps somebody waiting, it is closed, never given to
/// somebody else.
pub(super) struct Connection {
    object: Option<Object>,
    open: AtomicBool,
    late: AtomicBool,
}

impl Connection {
    // `object` is there until `drop`.
    #[expect(clippy::expect_used, reason = "only `drop` takes it away")]
    fn object(&self) -> &Object {
        self.object.as_ref().expect("a connection is there until it is dropped")
    }

    pub(super) fn client(&self) -> &Client {
        self.object()
    }

    pub(super) async fn prepare(&self, text: &str) -> std::result::Result<Statement, Error> {
        self.object().prepare_cached(text).await
    }

    /// One statement by itself.
    pub(super) async fn query(&self, statement: &'static str, params: Params) -> Attempt<Vec<Row>> {
        let mut batch = Batch::on(self);
        let place = batch.add(statement, params);
        Ok(batch.run().await?.take(place))
    }

    /// A transaction is about to begin.
    pub(super) fn begins(&self) {
        self.open.store(true, Ordering::Relaxed);
    }

    /// It was committed.
    pub(super) fn committed(&self) {
        self.open.store(false, Ordering::Relaxed);
    }

    /// Whether what was asked over it keeps somebody waiting: it may lead nowhere any more.
    pub(super) fn is_late(&self, late: bool) {
        self.late.store(late, Ordering::Relaxed);
    }

    /// Takes a transaction back whose work turned out to be none.
    pub(super) async fn roll_back(&self) -> Attempt<()> {
        self.query("ROLLBACK", Vec::new()).await?;
        self.committed();
        Ok(())
    }

    /// Brings the connection into a state in which somebody else can use it, where that is possible.
    pub(super) async fn settle(self, verdict: Verdict) {
        let sound = matches!(verdict, Verdict::Again | Verdict::Never) && !self.client().is_closed();
        if !sound {
            self.begins();
        } else if self.open.load(Ordering::Relaxed) {
            // Where that fails too, it stays open, and is closed.
            let _ = self.roll_back().await;
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(object) = self.object.take()
            && (self.open.load(Ordering::Relaxed) || self.late.load(Ordering::Relaxed))
        {
            drop(Object::take(object));
        }
    }
}
