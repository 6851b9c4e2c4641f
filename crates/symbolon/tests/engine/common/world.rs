//! An engine over a store with nobody in it, and hands to fill it.

use std::{path::Path, sync::Arc, time::Duration};

use symbolon::{
    Error, ErrorKind, Symbolon,
    audit::Actor,
    keyring::{MasterKey, MasterKeys},
    limits::Settings,
    login::{Attempt, Caller, Carrier, LoggedIn},
    password::{hasher::HasherSettings, params::Argon2Params},
    session::{CheckedSession, Issued, Recalled, Via, renew::Holder},
    store::{AuditRow, Object, SessionRow, Store, memory::MemoryStore, sqlite::SqliteStore},
    token::{
        grant::{Given, Giver},
        issue::{TokenAnswer, Wish},
    },
    user::NewAccount,
};
use symbolon_token::{Entry, KnownBrowser, SessionCookie, Timestamp};
use tempfile::TempDir;
use uuid::Uuid;

use super::{Probe, TestClock, TestRandomness};

/// Where the rows are.
enum Backing {
    /// The rows live as long as this, whichever engine is over them.
    Memory(Arc<Probe>),
    Sqlite(TempDir),
}

/// An engine and all that it stands on.
pub(crate) struct World {
    pub(crate) engine: Symbolon,
    pub(crate) store: Arc<Probe>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) randomness: Arc<TestRandomness>,
    pub(crate) master: MasterKey,
    backing: Backing,
}

/// A registered user.
#[derive(Clone, Debug)]
pub(crate) struct Someone {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) password: String,
}

/// A login by cookie.
#[derive(Clone)]
pub(crate) struct Browser {
    pub(crate) session: SessionRow,
    pub(crate) cookie: SessionCookie,
    pub(crate) known: KnownBrowser,
}

/// Who calls, when it does not matter.
pub(crate) fn caller() -> Caller {
    caller_at("192.0.2.1")
}

/// Who calls, by address.
pub(crate) fn caller_at(address: &str) -> Caller {
    Caller::new(address.parse().unwrap(), false, Some("curl/8.9.1"))
}

/// What kind of error it is.
pub(crate) fn kind<T>(answer: &Result<T, Error>) -> Option<ErrorKind> {
    answer.as_ref().err().map(Error::kind)
}

/// Everything that a client could tell errors apart by.
pub(crate) fn verdict<T>(
    answer: Result<T, Error>,
) -> (ErrorKind, String, Vec<&'static str>, Option<Duration>) {
    let error = answer.err().unwrap();
    (error.kind(), error.detail().to_owned(), error.reasons().to_vec(), error.retry_after())
}

impl World {
    pub(crate) async fn memory() -> Self {
        let store = Arc::new(MemoryStore::new(Uuid::from_u128(1)));
        Self::found(Backing::Memory(Arc::new(Probe::new(store)))).await
    }

    pub(crate) async fn sqlite() -> Self {
        Self::found(Backing::Sqlite(tempfile::tempdir().unwrap())).await
    }

    /// Cheap hashes, and room for a hundred of them to wait.
    pub(crate) fn settings() -> Settings {
        let params = Argon2Params::dangerously_weak_for_tests();
        Settings {
            hashing: HasherSettings { threads: 2, queue: 200, params },
            ..Settings::new("https://id.example")
        }
    }

    async fn found(backing: Backing) -> Self {
        let randomness = Arc::new(TestRandomness::new(7));
        let master = MasterKey::generate(&*randomness);
        Self::open(backing, Self::settings(), Arc::new(TestClock::new()), randomness, master).await
    }

    async fn open(
        backing: Backing,
        settings: Settings,
        clock: Arc<TestClock>,
        randomness: Arc<TestRandomness>,
        master: MasterKey,
    ) -> Self {
        let keys = master.clone().into();
        Self::open_with(backing, settings, clock, randomness, master, keys).await.unwrap()
    }

    async fn open_with(
        backing: Backing,
        settings: Settings,
        clock: Arc<TestClock>,
        randomness: Arc<TestRandomness>,
        master: MasterKey,
        keys: MasterKeys,
    ) -> Result<Self, Error> {
        let store = match &backing {
            Backing::Memory(store) => Arc::clone(store),
            Backing::Sqlite(folder) => {
                let store = SqliteStore::open(folder.path(), "a test of the engine", Uuid::from_u128(1));
                Arc::new(Probe::new(Arc::new(store.unwrap())))
            }
        };
        let (port, time) = (Arc::clone(&store), Arc::clone(&clock));
        let engine = Symbolon::open(settings, port, keys, time, Arc::clone(&randomness) as _).await?;
        Ok(Self { engine, store, clock, randomness, master, backing })
    }

    /// The process is killed, and another one begins with these master keys.
    pub(crate) async fn reopen_with(self, keys: MasterKeys) -> Result<Self, Error> {
        let Self { engine, store, clock, randomness, master, backing } = self;
        let settings = engine.settings().clone();
        drop((engine, store));
        Self::open_with(backing, settings, clock, randomness, master, keys).await
    }

    /// The process ends in good order and another one begins.
    pub(crate) async fn restart(self) -> Self {
        self.restart_with(|_| ()).await
    }

    /// The same, with other settings.
    pub(crate) async fn restart_with(self, change: impl FnOnce(&mut Settings)) -> Self {
        self.engine.close().await.unwrap();
        self.reopen(change).await
    }

    /// The process is killed: what waits in memory is lost, and of the store there is what its files hold at this moment.
    pub(crate) async fn kill(mut self) -> Self {
        if let Backing::Sqlite(folder) = &self.backing {
            let left = tempfile::tempdir().unwrap();
            for file in ["symbolon.db", "symbolon.db-wal"] {
                std::fs::copy(folder.path().join(file), left.path().join(file)).unwrap();
                let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
                std::fs::set_permissions(left.path().join(file), private).unwrap();
            }
            let died = std::mem::replace(&mut self.backing, Backing::Sqlite(left));
            let next = self.reopen(|_| ()).await;
            drop(died);
            return next;
        }
        self.reopen(|_| ()).await
    }

    async fn reopen(self, change: impl FnOnce(&mut Settings)) -> Self {
        let Self { engine, store, clock, randomness, master, backing } = self;
        let mut settings = engine.settings().clone();
        change(&mut settings);
        drop((engine, store));
        Self::open(backing, settings, clock, randomness, master).await
    }

    /// Another installation: nothing is known of this one's keys.
    pub(crate) async fn elsewhere() -> Self {
        let randomness = Arc::new(TestRandomness::new(70_000));
        let master = MasterKey::generate(&*randomness);
        let store = Arc::new(Probe::new(Arc::new(MemoryStore::new(Uuid::from_u128(2)))));
        let clock = Arc::new(TestClock::new());
        Self::open(Backing::Memory(store), Self::settings(), clock, randomness, master).await
    }

    /// An empty store with the keys of `world`, as after a restore of what was before everything.
    pub(crate) async fn elsewhere_with(world: &Self) -> Self {
        let store = Arc::new(Probe::new(Arc::new(MemoryStore::new(Uuid::from_u128(3)))));
        let randomness = Arc::new(TestRandomness::new(90_000));
        let (settings, master) = (world.engine.settings().clone(), world.master.clone());
        Self::open(Backing::Memory(store), settings, Arc::clone(&world.clock), randomness, master).await
    }

    /// What the log still holds.
    pub(crate) async fn store_log(&self) -> Vec<Entry> {
        self.store.log_after(0, usize::MAX).await.unwrap().entries
    }

    /// The files of the store, when it has any.
    pub(crate) fn folder(&self) -> Option<&Path> {
        match &self.backing {
            Backing::Memory(_) => None,
            Backing::Sqlite(folder) => Some(folder.path()),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.engine.now()
    }

    pub(crate) async fn user(&self, name: &str) -> Someone {
        self.user_with(name, Object::new()).await
    }

    pub(crate) async fn user_with(&self, name: &str, profile: Object) -> Someone {
        let password = format!("plum trolley under gravel {}", name.len());
        let account =
            NewAccount { identifier: name.into(), password: password.clone(), profile, roles: Vec::new() };
        let user = self.engine.add_user(account, Actor::Cli).await.unwrap();
        Someone { id: user.id, name: name.into(), password }
    }

    pub(crate) async fn attempt(
        &self,
        name: &str,
        password: &str,
        carrier: Carrier,
        caller: &Caller,
    ) -> Result<LoggedIn, Error> {
        let (presented, known) = (None, None);
        self.engine.login(Attempt { identifier: name, password, carrier, presented, known, caller }).await
    }

    /// A try by cookie from an address.
    pub(crate) async fn try_from(
        &self,
        name: &str,
        password: &str,
        address: &str,
    ) -> Result<LoggedIn, Error> {
        self.attempt(name, password, Carrier::Cookie { remember: true }, &caller_at(address)).await
    }

    pub(crate) async fn browser(&self, someone: &Someone) -> Browser {
        let carrier = Carrier::Cookie { remember: true };
        Browser::of(self.attempt(&someone.name, &someone.password, carrier, &caller()).await.unwrap())
    }

    pub(crate) async fn tokens(&self, someone: &Someone) -> TokenAnswer {
        self.tokens_with(someone, Wish::default()).await
    }

    pub(crate) async fn tokens_with(&self, someone: &Someone, wish: Wish) -> TokenAnswer {
        let login = self.attempt(&someone.name, &someone.password, Carrier::Token(wish), &caller()).await;
        tokens(login.unwrap().issued)
    }

    /// A grant that this session gives, by cookie.
    pub(crate) async fn give(&self, session: Uuid, label: &str) -> Result<Given, Error> {
        let offer = self.engine.offer(label, &Wish::default(), None)?;
        self.engine.give(&Giver { session, via: Via::Cookie, scope: None, caller: &caller() }, &offer).await
    }

    pub(crate) async fn stateless(&self, someone: &Someone) -> TokenAnswer {
        let carrier = Carrier::Stateless(Wish::default());
        tokens(self.attempt(&someone.name, &someone.password, carrier, &caller()).await.unwrap().issued)
    }

    /// A check as the extractors do it: memory first, then the store.
    pub(crate) async fn check(&self, cookie: &SessionCookie) -> Result<CheckedSession, Error> {
        match self.engine.recall_session(cookie) {
            Recalled::Known(answer) => answer,
            Recalled::Unknown => self.engine.ask_session(cookie, None).await,
        }
    }

    /// Whether a cookie is good now.
    pub(crate) async fn accepts(&self, cookie: &SessionCookie) -> bool {
        self.check(cookie).await.is_ok()
    }

    /// What memory alone says of a cookie: yes, no, or nothing.
    pub(crate) fn recalls(&self, cookie: &SessionCookie) -> Option<bool> {
        match self.engine.recall_session(cookie) {
            Recalled::Known(answer) => Some(answer.is_ok()),
            Recalled::Unknown => None,
        }
    }

    pub(crate) fn holder<'a>(&self, session: Uuid, via: Via, caller: &'a Caller) -> Holder<'a> {
        Holder { session, via, known: None, caller }
    }

    /// Ids of the user's live sessions, newest first.
    pub(crate) async fn live(&self, user: Uuid) -> Vec<Uuid> {
        self.engine.sessions(user).await.unwrap().into_iter().map(|session| session.id).collect()
    }

    /// Audit rows of this name, newest first.
    pub(crate) async fn audited(&self, event: &str) -> Vec<AuditRow> {
        let rows = self.engine.audit(None, None, usize::MAX).await.unwrap();
        rows.into_iter().filter(|row| row.event == event).collect()
    }
}

impl Browser {
    /// What a renewal made of it.
    pub(crate) fn succeeded(&self, issued: Issued) -> Self {
        match issued {
            Issued::Cookie { session, cookie } => {
                Self { session: *session, cookie, known: self.known.clone() }
            }
            Issued::Token(_) => panic!("a renewal by cookie answered with a token"),
        }
    }

    pub(crate) fn of(login: LoggedIn) -> Self {
        match login.issued {
            Issued::Cookie { session, cookie } => Self { session: *session, cookie, known: login.known },
            Issued::Token(_) => panic!("a login by cookie answered with a token"),
        }
    }
}

/// The tokens of a login or a renewal by token.
pub(crate) fn tokens(issued: Issued) -> TokenAnswer {
    match issued {
        Issued::Token(answer) => answer,
        Issued::Cookie { .. } => panic!("a login by token answered with a cookie"),
    }
}
