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
mod cache;
pub mod client;
pub mod clock;
mod error;
pub mod explore;
mod id;
pub mod keyring;
pub mod limits;
pub mod login;
mod memory;
pub mod password;
pub mod revocation;
pub mod session;
pub mod status;
pub mod store;
pub mod token;
pub mod user;

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use symbolon_token::{Timestamp, claims::RESERVED_CLAIMS};

pub use builder::Builder;
pub use cache::Asked;
pub use error::{Error, ErrorKind, Result};

use client::Clients;
use clock::{Clock, EngineClock, Randomness};
use id::Ids;
use keyring::{Keyring, MasterKeys};
use limits::Settings;
use login::failures::Failures;
use memory::Memory;
use password::{hasher::Hasher, policy::Policy};
use revocation::{Revocation, terms};
use session::{misses::Misses, touch::Touches};
use store::{PurgeBefore, Store};
use token::dpop::Dpop;

/// The engine. Cloning it is cheap and gives the same one.
#[derive(Clone)]
pub struct Symbolon(Arc<Engine>);

struct Engine {
    settings: Settings,
    store: Arc<dyn Store>,
    clock: Arc<EngineClock>,
    randomness: Arc<dyn Randomness>,
    ids: Ids,
    dpop: Dpop,
    hasher: Hasher,
    policy: Policy,
    keyring: Keyring,
    clients: Clients,
    /// Replaced as a whole when the log begins anew.
    memory: Arc<ArcSwap<Memory>>,
    revocation: Arc<Revocation>,
    touches: Touches,
    failures: Failures,
    leaving: AtomicBool,
    misses: Misses,
    /// Held by whoever may be taking the last administrator away.
    admins: tokio::sync::Mutex<()>,
}

/// How often activity is written, and how often what is over is swept.
const FLUSH_EVERY: Duration = Duration::from_secs(5);
const SWEEP_EVERY: Duration = Duration::from_secs(60);
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
        if settings.hashing.params.below_the_floor() {
            tracing::warn!(
                m_kib = settings.hashing.params.m_kib(),
                t = settings.hashing.params.t(),
                "passwords are hashed at a cost that is for tests: a stolen store gives them away"
            );
        }
        let (shared, clock) = (store.shared(), Arc::new(EngineClock::new(clock)));
        // As long as the store itself waits: there is no lease yet.
        let memory = revocation::log::load(&*store, &settings, &clock, Duration::MAX).await?;
        let memory = Arc::new(ArcSwap::from_pointee(memory));
        let guard = uuid::Builder::from_random_bytes(clock::random(&*randomness)).into_uuid();
        let guards_noted = store.remote_guards().await?;
        let terms_before = terms::Terms::of(&store.installation().await?);
        let revocation =
            Arc::new(Revocation::new(guard, terms_before, guards_noted, shared, clock.monotonic()));
        let (told, moved) = (Arc::clone(&memory), Arc::clone(&revocation));
        store.follow(Arc::new(move |entries| {
            let memory = told.load();
            if shared {
                memory.apply_own(entries);
            } else {
                memory.apply_log(entries);
            }
            moved.moves();
        }));
        let hasher = Hasher::new(settings.hashing.clone(), Arc::clone(&randomness)).map_err(|error| {
            Error::caused(ErrorKind::Internal, "The hashing pool could not be started.", error)
        })?;
        let policy = Policy {
            min_code_points: settings.password_min_length,
            service_words: settings.service_words.clone(),
        };
        let dpop = Dpop::new(settings.dpop.nonces || shared, settings.dpop.nonce_key.as_ref(), &*randomness);
        let (keyring, learned) =
            Keyring::open(&settings, &*store, &master, clock.now(), &*randomness).await?;
        let engine = Self(Arc::new(Engine {
            misses: Misses::new(&settings.throttle),
            touches: Touches::new(settings.session_cache),
            failures: Failures::default(),
            leaving: AtomicBool::new(false),
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
            revocation,
        }));
        engine.0.clients.load(engine.store()).await?;
        engine.settle_installation(learned).await?;
        engine.tend_keys().await?;
        engine.begin_to_decide().await?;
        tokio::spawn(flush(Arc::downgrade(&engine.0)));
        tokio::spawn(sweep(Arc::downgrade(&engine.0)));
        Ok(engine)
    }

    /// Writes what waits in memory. Call it last, when no request is in flight any more.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`].
    pub async fn close(&self) -> Result<()> {
        let flushed = self.flush_touches().await;
        let told = self.tell_failures(true).await;
        self.give_up_lease().await?;
        flushed.and(told)
    }

    /// Tells the installation what this process asks of it: a master key that it learned, and the lease of guards.
    async fn settle_installation(&self, learned: Option<keyring::Learned>) -> Result<()> {
        let told = |known: &store::Installation| {
            let told = terms::told(known, self.settings().lease, self.now());
            self.0.revocation.set_terms(terms::Terms::of(&told));
            told
        };
        if let Some((is, learned)) = learned {
            return self.settle_master_key((is, told(&learned))).await;
        }
        // Another process may be telling it something too, and neither may undo what the other said.
        loop {
            let known = self.store().installation().await?;
            let told = told(&known);
            if told == known || self.store().change_installation(known, told).await? {
                return Ok(());
            }
        }
    }

    /// Lets memory decide: for good where the store is held alone, else as long as a lease lasts.
    async fn begin_to_decide(&self) -> Result<()> {
        if !self.store().shared() {
            self.memory().always_fresh();
            return Ok(());
        }
        let revocation = Arc::clone(&self.0.revocation);
        self.store().on_hint(Arc::new(move || revocation.wake()));
        self.renew_lease().await?;
        tokio::spawn(revocation::lease::keep(Arc::downgrade(&self.0)));
        Ok(())
    }

    /// How the engine was set up.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// From here on [`Symbolon::ready`] says no, and everything else is as it was: whoever shares requests out among nodes stops
    /// sending any, before this one stops answering.
    pub fn leave(&self) {
        self.0.leaving.store(true, Ordering::Relaxed);
    }

    /// Whether it is.
    pub fn is_leaving(&self) -> bool {
        self.0.leaving.load(Ordering::Relaxed)
    }

    /// Whether the store answers, memory may decide, there is a key to sign with and the clock can be right, and is that of the
    /// other nodes. The sentence says what is missing.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`].
    pub async fn ready(&self) -> Result<()> {
        if self.is_leaving() {
            return Err(Error::new(ErrorKind::Unavailable, "This node is about to stop."));
        }
        if !clock::plausible(self.now()) {
            return Err(Error::wrong_clock());
        }
        if !self.clocks_agree() {
            return Err(Error::clocks_apart());
        }
        // Before the store is asked, which may take its time to say nothing.
        if !self.memory().fresh(&*self.0.clock) {
            return Err(Error::new(ErrorKind::Unavailable, "This node holds no lease at the moment."));
        }
        self.store().installation().await?;
        self.0.keyring.signing(self.now()).map(drop)
    }

    /// The time as the engine sees it: the store's, where several processes share one.
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

    /// What the log's entries are applied to. Whoever checks takes it once.
    fn memory(&self) -> Arc<Memory> {
        self.0.memory.load_full()
    }

    /// What the background does every minute: forgets what is over, in memory and in the store, and looks after the keys.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`]; the next minute tries again.
    pub async fn tend(&self) -> Result<()> {
        let now = self.now();
        let memory = self.memory();
        memory.sweep(now);
        self.0.revocation.sweep(self.0.clock.monotonic());
        memory.tokens.retain(|token| self.still_counts(&memory, token.gist()));
        self.0.revocation.set_terms(terms::Terms::of(&self.store().installation().await?));
        if self.store().shared() {
            self.0.clients.load(self.store()).await?;
        }
        self.tend_keys().await?;
        self.tend_master_keys().await?;
        self.tell_failures(false).await?;
        let day = Duration::from_secs(24 * 60 * 60);
        let before = PurgeBefore {
            now,
            sessions: now.minus(day),
            audit: now.minus(self.settings().audit_keep),
            throttle_most: self.settings().throttle.most,
        };
        // Whose activity waits is not over, whatever its row says. Where it cannot be written nothing else can.
        self.flush_touches().await?;
        // Small batches: each is one short transaction between those of callers. A full batch leaves more to the next round.
        for _ in 0..10 {
            if self.store().purge(before, PURGE_BATCH).await? < PURGE_BATCH {
                break;
            }
        }
        Ok(())
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
