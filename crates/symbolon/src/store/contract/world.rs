//! A store with nobody in it, and hands to fill it. Ids are counted and times are the tests' own.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use symbolon_token::{Timestamp, view::Entry};
use tempfile::TempDir;
use uuid::Uuid;

use super::visible::{Known, Seen, Visible};
use crate::store::{
    memory::MemoryStore,
    postgres::{self, PostgresStore},
    sqlite::SqliteStore,
    *,
};

/// A store and what the tests know about it.
pub(super) struct World {
    pub(super) store: Arc<dyn Seen>,
    told: Arc<Mutex<Vec<Entry>>>,
    known: Mutex<Known>,
    ids: AtomicU64,
    _folder: Option<TempDir>,
}

/// A registered user.
#[derive(Clone, Debug)]
pub(super) struct Someone {
    pub(super) id: Uuid,
    pub(super) credential: Uuid,
    pub(super) name: String,
}

/// `secs` after the day on which everything here happens began.
pub(super) fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000 + secs)
}

/// When the entries of [`transition`] may be forgotten.
pub(super) const FORGET_AFTER: i64 = 600;

pub(super) fn transition(now: Timestamp) -> Transition {
    Transition {
        condition: None,
        end: None,
        password: None,
        mint: None,
        limit: None,
        refunds: Vec::new(),
        rekey: None,
        at: now,
        forget_at: now.as_secs() + FORGET_AFTER,
        audit: Vec::new(),
    }
}

/// A browser's session of a day, idle after an hour.
pub(crate) fn session_row(id: Uuid, user: Uuid, now: Timestamp) -> SessionRow {
    let later = |secs: i64| Timestamp::from_millis(now.as_millis() + secs * 1000);
    SessionRow {
        id,
        user,
        generation: 0,
        kind: Kind::Browser,
        client_id: None,
        parent: None,
        secret_hash: Some([7; 32]),
        refresh_counter: 0,
        refresh_moved_at: None,
        auth_time: now,
        amr: vec![Amr { method: "pwd".into(), at: now.as_millis() }],
        scope: None,
        audience: Vec::new(),
        jkt: None,
        remember: true,
        created_at: now,
        last_seen: now,
        idle_expires_at: later(3_600),
        expires_at: later(86_400),
        ended_at: None,
        device: "Firefox on Linux".into(),
        address: "192.0.2.7".into(),
        label: None,
        key_version: 1,
    }
}

impl World {
    #[expect(clippy::unused_async, reason = "as the others")]
    pub(super) async fn memory() -> Option<Self> {
        Some(Self::over(Arc::new(MemoryStore::new(Uuid::from_u128(1))), None))
    }

    #[expect(clippy::unused_async, reason = "as the others")]
    pub(super) async fn sqlite() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path(), "a contract test", Uuid::from_u128(1)).unwrap();
        Some(Self::over(Arc::new(store), Some(folder)))
    }

    pub(super) async fn postgres() -> Option<Self> {
        let database = postgres::tests::fresh().await?;
        let store = PostgresStore::open(database.options(), Uuid::from_u128(1)).await.unwrap();
        Some(Self::over(Arc::new(store), None))
    }

    fn over(store: Arc<dyn Seen>, folder: Option<TempDir>) -> Self {
        let told: Arc<Mutex<Vec<Entry>>> = Arc::default();
        let hears = Arc::clone(&told);
        store.follow(Arc::new(move |entries| hears.lock().unwrap().extend_from_slice(entries)));
        Self { store, told, known: Mutex::default(), ids: AtomicU64::new(1), _folder: folder }
    }

    /// What the follower was told so far.
    pub(super) fn told(&self) -> Vec<Entry> {
        self.told.lock().unwrap().clone()
    }

    /// A fresh id, above all before it, as UUIDv7 is.
    pub(super) fn id(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.ids.fetch_add(1, Ordering::Relaxed)) << 64 | 0x8000_0000_0000_0000)
    }

    pub(super) fn audit_row(&self, event: &str, now: Timestamp) -> AuditRow {
        AuditRow {
            id: self.id(),
            at: now,
            event: event.into(),
            actor: Some("cli".into()),
            user: None,
            session: None,
            address: None,
            detail: Object::new(),
        }
    }

    pub(super) fn new_user(&self, canonical: &str) -> NewUser {
        let user = UserRow {
            id: self.id(),
            generation: 0,
            disabled: false,
            roles: Vec::new(),
            profile: Object::new(),
            identifier: canonical.to_uppercase(),
            created_at: at(0),
            updated_at: at(0),
        };
        let audit = AuditRow { user: Some(user.id), ..self.audit_row("registered", at(0)) };
        let credential =
            Some(CredentialRow { id: self.id(), data: format!("hash of {canonical}"), version: 0 });
        let mut known = self.known.lock().unwrap();
        known.names.push(canonical.to_owned());
        known.users.push(user.id);
        NewUser { user, canonical: canonical.to_owned(), identifier_kind: "username", credential, audit }
    }

    pub(super) async fn user(&self, name: &str) -> Someone {
        let new = self.new_user(name);
        let someone = Someone {
            id: new.user.id,
            credential: new.credential.as_ref().unwrap().id,
            name: name.to_owned(),
        };
        assert_eq!(self.store.register(new).await.unwrap(), Registered::Created);
        someone
    }

    /// The condition that holds now.
    pub(super) async fn condition(&self, someone: &Someone) -> Condition {
        let LoginRow { user, credential } = self.store.login_by_user(someone.id).await.unwrap().unwrap();
        let credential = credential.map(|row| (row.id, row.version));
        Condition { user: user.id, generation: user.generation, credential, predecessor: None }
    }

    /// A session row that is not minted yet.
    pub(super) fn new_session(&self, someone: &Someone, now: Timestamp) -> SessionRow {
        let session = session_row(self.id(), someone.id, now);
        self.known.lock().unwrap().sessions.push(session.id);
        session
    }

    /// Logs in at `at(0)`.
    pub(super) async fn mint(&self, someone: &Someone) -> SessionRow {
        self.mint_row(someone, self.new_session(someone, at(0))).await
    }

    pub(super) async fn mint_row(&self, someone: &Someone, session: SessionRow) -> SessionRow {
        let id = session.id;
        let condition = Some(self.condition(someone).await);
        self.done(Transition { condition, mint: Some(session), ..transition(at(0)) }).await;
        self.store.session(id).await.unwrap().unwrap().session
    }

    pub(super) async fn done(&self, transition: Transition) -> Done {
        match self.store.transact(transition).await.unwrap() {
            Outcome::Done(done) => done,
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn end(&self, end: End, now: Timestamp) -> Done {
        self.done(Transition { end: Some(end), ..transition(now) }).await
    }

    pub(super) async fn lives(&self, session: &SessionRow, now: Timestamp) -> bool {
        self.store.session(session.id).await.unwrap().is_some_and(|row| row.live(now))
    }

    /// Everything that can be seen of the store.
    pub(super) async fn visible(&self) -> Visible {
        let known = self.known.lock().unwrap().clone();
        Visible::of(&*self.store, &known, at(0)).await
    }

    /// Asserts that a transition is answered so and changes nothing.
    pub(super) async fn refuses(&self, transition: Transition, outcome: Outcome) {
        let before = self.visible().await;
        let told = self.told();
        let asked = format!("{transition:?}");
        assert_eq!(self.store.transact(transition).await.unwrap(), outcome, "{asked}");
        assert_eq!(self.visible().await, before, "{asked}");
        assert_eq!(self.told(), told, "{asked}");
    }
}
