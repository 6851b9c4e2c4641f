//! The engine of Symbolon: users, passwords, sessions, tokens, revocation, keyring, stores. It knows no HTTP: `symbolon-axum`
//! gives it a router, and the binary `symbolon` a process.
//!
//! A login is one record, carried by a cookie or by a signed token. Both are checked in memory without I/O, and both are refused
//! from the moment on at which the call that ended them returned.
//!
//! Rooms, each opening with what it owns and refuses: [`user`], [`password`], [`login`], [`session`], [`token`], [`revocation`],
//! [`keyring`], [`store`].

pub mod audit;
mod builder;
pub mod client;
pub mod clock;
mod error;
pub mod explore;
mod id;
pub mod keyring;
pub mod limits;
pub mod login;
pub mod password;
pub mod revocation;
pub mod session;
pub mod status;
pub mod store;
pub mod token;
pub mod user;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use symbolon_token::{Ended, Entry, Timestamp, View, claims::RESERVED_CLAIMS};

pub use builder::Builder;
pub use error::{Error, ErrorKind, Result};

use client::Clients;
use clock::{Clock, Randomness};
use id::Ids;
use keyring::{Keyring, MasterKeys};
use limits::Settings;
use password::{hasher::Hasher, policy::Policy};
use session::{cache::SessionCache, misses::Misses, touch::Touches};
use store::{PurgeBefore, Store};
use token::{cache::TokenCache, dpop::Dpop};
use user::cache::UserCache;

/// The engine. Cloning it is cheap and gives the same one.
#[derive(Clone)]
pub struct Symbolon(Arc<Engine>);

struct Engine {
    settings: Settings,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    randomness: Arc<dyn Randomness>,
    ids: Ids,
    dpop: Dpop,
    hasher: Hasher,
    policy: Policy,
    keyring: Keyring,
    clients: Clients,
    memory: Arc<Memory>,
    touches: Touches,
    misses: Misses,
    /// Held by whoever may be taking the last administrator away.
    admins: tokio::sync::Mutex<()>,
}

/// What the log speaks about and this process holds in memory: the view, and the caches that it purges.
struct Memory {
    view: View,
    sessions: SessionCache,
    users: UserCache,
    tokens: TokenCache,
    /// Users of whom a generation ended since the session cache was last swept for them. Held while entries are applied and
    /// while they are forgotten.
    ended_users: Mutex<Vec<(uuid::Uuid, u64)>>,
}

/// How often activity is written, and how often what is over is swept.
const FLUSH_EVERY: Duration = Duration::from_secs(5);
const SWEEP_EVERY: Duration = Duration::from_secs(60);
const LOG_PAGE: usize = 10_000;
const PURGE_BATCH: usize = 1_000;

impl Symbolon {
    /// Opens the engine over a store: reads the log, opens the keyring (making the first key of a new installation), and starts the
    /// background work, which ends with the last clone.
    ///
    /// Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// When the store cannot be reached, its secrets belong to another master key, or a profile field is mapped onto a claim that
    /// has its own meaning (JC-26).
    pub async fn open(
        settings: Settings,
        store: Arc<dyn Store>,
        master: MasterKeys,
        clock: Arc<dyn Clock>,
        randomness: Arc<dyn Randomness>,
    ) -> Result<Self> {
        let reserved =
            settings.token.claims.iter().find(|(claim, _)| RESERVED_CLAIMS.contains(&claim.as_str()));
        if let Some((claim, _)) = reserved {
            let text =
                format!("The claim {claim} means something to verifiers; a profile must not speak in it.");
            return Err(Error::new(ErrorKind::InvalidRequest, text));
        }
        let memory = Arc::new(Memory {
            view: View::new(),
            sessions: SessionCache::new(settings.session_cache),
            users: UserCache::new(settings.user_cache),
            tokens: TokenCache::new(settings.token_cache),
            ended_users: Mutex::default(),
        });
        let told = Arc::clone(&memory);
        store.follow(Arc::new(move |entries| told.apply(entries)));
        loop {
            let page = store.log_after(memory.view.last_seq(), LOG_PAGE).await?;
            if page.entries.is_empty() {
                // The last numbers may be of entries that were forgotten: the log was read up to there all the same, and an
                // ending that waited for them would wait in vain.
                memory.view.raise_floor(page.trimmed);
                break;
            }
            memory.view.apply_log(&page.entries);
        }
        let hasher = Hasher::new(settings.hashing.clone(), Arc::clone(&randomness)).map_err(|error| {
            Error::caused(ErrorKind::Internal, "The hashing pool could not be started.", error)
        })?;
        let policy = Policy {
            min_code_points: settings.password_min_length,
            service_words: settings.service_words.clone(),
        };
        let dpop = Dpop::new(settings.dpop.nonces, settings.dpop.nonce_key.as_ref(), &*randomness);
        let (keyring, learned) = Keyring::open(&settings, &*store, master, clock.now(), &*randomness).await?;
        let engine = Self(Arc::new(Engine {
            misses: Misses::new(&settings.throttle),
            touches: Touches::default(),
            admins: tokio::sync::Mutex::default(),
            settings,
            store,
            clock,
            randomness,
            ids: Ids::default(),
            dpop,
            hasher,
            policy,
            keyring,
            clients: Clients::default(),
            memory,
        }));
        engine.0.clients.load(engine.store()).await?;
        if let Some(installation) = learned {
            engine.settle_master_key(installation).await?;
        }
        engine.tend_keys().await?;
        tokio::spawn(flush(Arc::downgrade(&engine.0)));
        tokio::spawn(sweep(Arc::downgrade(&engine.0)));
        Ok(engine)
    }

    /// Writes what waits in memory. Call it last, when no request is in flight any more.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`].
    pub async fn close(&self) -> Result<()> {
        self.flush_touches().await
    }

    /// How the engine was set up.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Whether the store answers, there is a key to sign with and the clock can be right. The sentence says what is missing.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`].
    pub async fn ready(&self) -> Result<()> {
        self.store().installation().await?;
        if !clock::plausible(self.now()) {
            return Err(Error::wrong_clock());
        }
        self.0.keyring.signing(self.now()).map(drop)
    }

    /// The time as the engine sees it.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    fn store(&self) -> &dyn Store {
        &*self.0.store
    }

    fn randomness(&self) -> &dyn Randomness {
        &*self.0.randomness
    }

    fn id_at(&self, at: Timestamp) -> uuid::Uuid {
        self.0.ids.next(at, self.randomness())
    }

    fn view(&self) -> &View {
        &self.0.memory.view
    }

    /// What the background does every minute: forgets what is over, in memory and in the store, and looks after the keys.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`]; the next minute tries again.
    pub async fn tend(&self) -> Result<()> {
        let now = self.now();
        self.0.memory.sweep(now);
        self.0.memory.tokens.retain(|token| self.still_counts(token.claims(), token.kid()));
        self.tend_keys().await?;
        self.tend_master_keys().await?;
        let day = Duration::from_secs(24 * 60 * 60);
        let before = PurgeBefore {
            now,
            sessions: now.minus(day),
            audit: now.minus(self.settings().audit_keep),
            throttle_most: self.settings().throttle.most,
        };
        // Small batches: each is one short transaction between those of callers. A full batch leaves more to the next round.
        for _ in 0..10 {
            if self.store().purge(before, PURGE_BATCH).await? < PURGE_BATCH {
                break;
            }
        }
        Ok(())
    }
}

impl Memory {
    /// Applies log entries as they are committed: first the view, then the caches.
    fn apply(&self, entries: &[Entry]) {
        let mut ended = self.ended_users();
        self.view.apply_log(entries);
        for entry in entries {
            match &entry.what {
                Ended::Session(id) => self.sessions.remove(*id),
                Ended::User { id, generation } => {
                    self.users.remove(*id);
                    // Found by a look through the whole cache: that waits for the sweep, and until then the view refuses them.
                    ended.push((*id, *generation));
                }
                Ended::Changed(id) => self.users.remove(*id),
                // The keyring itself drops a removed key when it is told (`Symbolon::end`).
                Ended::Key(_) => self.tokens.clear(),
                // The view refuses it, and it leaves when it is shown or swept.
                Ended::Token(_) => {}
            }
        }
    }

    /// Removes from the caches what the view ended, and only then lets the view forget it: a cached session must never outlive
    /// the entry that ended it.
    fn sweep(&self, now: Timestamp) {
        loop {
            let mut ended = self.ended_users();
            if ended.is_empty() {
                // Nobody applies an entry now, so none is forgotten that the cache was not swept for.
                return self.view.forget(now);
            }
            let swept = std::mem::take(&mut *ended);
            drop(ended);
            self.sessions.remove_users(&swept.into_iter().collect());
        }
    }

    fn ended_users(&self) -> MutexGuard<'_, Vec<(uuid::Uuid, u64)>> {
        self.ended_users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn flush(engine: Weak<Engine>) {
    loop {
        tokio::time::sleep(FLUSH_EVERY).await;
        let Some(engine) = engine.upgrade().map(Symbolon) else { return };
        if let Err(error) = engine.flush_touches().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "activity could not be written; it is kept for the next try"
            );
        }
    }
}

async fn sweep(engine: Weak<Engine>) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        let Some(engine) = engine.upgrade().map(Symbolon) else { return };
        if let Err(error) = engine.tend().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the sweep failed; it is tried again in a minute"
            );
        }
    }
}
