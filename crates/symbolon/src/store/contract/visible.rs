//! Everything that can be seen of a store.

use std::time::Duration;

use symbolon_token::Timestamp;
use uuid::Uuid;

use crate::store::{memory::MemoryStore, postgres::PostgresStore, sqlite::SqliteStore, *};

/// A store that also shows its throttle counters, as the port never does.
pub(super) trait Seen: Store {
    fn throttle(&self) -> Vec<(ThrottleKey, Counter)>;
}

impl Seen for MemoryStore {
    fn throttle(&self) -> Vec<(ThrottleKey, Counter)> {
        self.counters()
    }
}

impl Seen for SqliteStore {
    fn throttle(&self) -> Vec<(ThrottleKey, Counter)> {
        self.counters()
    }
}

impl Seen for PostgresStore {
    fn throttle(&self) -> Vec<(ThrottleKey, Counter)> {
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(self.counters()))
    }
}

/// What to ask for one by one.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) names: Vec<String>,
    pub(super) users: Vec<Uuid>,
    pub(super) sessions: Vec<Uuid>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Visible {
    installation: Installation,
    users: Vec<UserRow>,
    by_name: Vec<Option<LoginRow>>,
    by_id: Vec<(Option<UserRow>, Option<LoginRow>)>,
    /// Hashes, which `LoginRow` compares but does not show.
    hashes: Vec<Option<String>>,
    sessions: Vec<Option<SessionWithUser>>,
    lists: Vec<Vec<SessionRow>>,
    log: LogPage,
    keys: Vec<KeyRow>,
    clients: Vec<ClientRow>,
    audit: Vec<AuditRow>,
    throttle: Vec<(ThrottleKey, Counter)>,
    /// Each with what it applied. Whose lease is over is a matter of the store's time.
    guards: Vec<(Uuid, u64)>,
}

impl Visible {
    pub(super) async fn of(store: &dyn Seen, known: &Known, now: Timestamp) -> Self {
        let mut seen = Self {
            installation: store.installation().await.unwrap(),
            users: store.users(None, None, usize::MAX).await.unwrap(),
            by_name: Vec::new(),
            by_id: Vec::new(),
            hashes: Vec::new(),
            sessions: Vec::new(),
            lists: Vec::new(),
            log: LogPage { now: None, ..store.log_after(0, usize::MAX).await.unwrap() },
            keys: store.keys().await.unwrap(),
            clients: store.clients().await.unwrap(),
            audit: store.audit(None, None, usize::MAX).await.unwrap(),
            throttle: store.throttle(),
            guards: Vec::new(),
        };
        let guards = store.guards(Duration::ZERO, now).await.unwrap();
        seen.guards = guards.into_iter().map(|guard| (guard.id, guard.applied)).collect();
        for name in &known.names {
            seen.by_name.push(store.login_by_identifier(name).await.unwrap());
        }
        for id in &known.users {
            let login = store.login_by_user(*id).await.unwrap();
            seen.hashes.push(login.as_ref().and_then(|login| Some(login.credential.as_ref()?.data.clone())));
            seen.by_id.push((store.user(*id).await.unwrap(), login));
            seen.lists.push(store.sessions_of(*id, now).await.unwrap());
        }
        for id in &known.sessions {
            seen.sessions.push(store.session(*id).await.unwrap());
        }
        seen
    }
}
