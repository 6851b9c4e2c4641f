//! Two stores, one random history: after every step both have answered the same and look the same, and what was ended stays so.

mod apply;

use std::{
    collections::BTreeSet,
    fmt::Debug,
    path::Path,
    pin::Pin,
    sync::{Arc, Mutex},
};

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use symbolon_token::{Timestamp, view::Entry};
use uuid::Uuid;

use super::{
    operations::{Operation, history},
    visible::{Known, Seen, Visible},
};
use crate::store::{
    memory::MemoryStore,
    postgres::{self, PostgresStore},
    sqlite::SqliteStore,
    *,
};
use apply::name;

type Told = Arc<Mutex<Vec<Entry>>>;
type Checked<T = ()> = std::result::Result<T, TestCaseError>;
/// Opens the store, with what it held when it was last open.
type Open = Box<dyn Fn() -> Opening>;
type Opening = Pin<Box<dyn Future<Output = Arc<dyn Seen>>>>;

#[test]
fn sqlite_does_what_memory_does() {
    // Thousands of commits: in memory where there is such a folder, as this is not about disks.
    let folder = tempfile::tempdir_in(Path::new("/dev/shm")).or_else(|_| tempfile::tempdir()).unwrap();
    let histories = std::cell::Cell::new(0);
    run(64, async || {
        histories.set(histories.get() + 1);
        let folder = folder.path().join(histories.get().to_string());
        Some(Box::new(move || -> Opening {
            let store = SqliteStore::open(&folder, "the state machine", Uuid::from_u128(1)).unwrap();
            Box::pin(async { Arc::new(store) as Arc<dyn Seen> })
        }) as Open)
    });
}

#[test]
fn postgres_does_what_memory_does() {
    run(12, async || {
        let database = postgres::tests::fresh().await?;
        Some(Box::new(move || -> Opening {
            let options = database.options();
            Box::pin(async {
                let store = PostgresStore::open(options, Uuid::from_u128(1)).await.unwrap();
                Arc::new(store) as Arc<dyn Seen>
            })
        }) as Open)
    });
}

/// So many histories in an ordinary run, some seconds; `PROPTEST_CASES` asks for more.
fn run(histories: u32, fresh: impl AsyncFn() -> Option<Open>) {
    let ordinary = Config::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { ordinary.cases } else { histories };
    let config = Config { cases, failure_persistence: None, max_shrink_time: 60_000, ..ordinary };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let run = |history| {
        runtime.block_on(async {
            match fresh().await {
                Some(open) => Machine::new(open).await.run(history).await,
                // It has said so.
                None => Ok(()),
            }
        })
    };
    if let Err(failure) = TestRunner::new(config).run(&history(), run) {
        panic!("{failure}");
    }
}

struct Machine {
    memory: Arc<dyn Seen>,
    memory_told: Told,
    other: Option<Arc<dyn Seen>>,
    other_told: Told,
    open: Open,
    now: Timestamp,
    ids: u64,
    known: Known,
    /// Of those, who is registered, and which live.
    users: Vec<Uuid>,
    live: Vec<Uuid>,
    ended: BTreeSet<Uuid>,
}

fn following(store: Arc<dyn Seen>, told: &Told) -> Arc<dyn Seen> {
    let hears = Arc::clone(told);
    store.follow(Arc::new(move |entries| hears.lock().unwrap().extend_from_slice(entries)));
    store
}

impl Machine {
    async fn new(open: Open) -> Self {
        let (memory_told, other_told) = (Told::default(), Told::default());
        Self {
            memory: following(Arc::new(MemoryStore::new(Uuid::from_u128(1))), &memory_told),
            memory_told,
            other: Some(following(open().await, &other_told)),
            other_told,
            open,
            now: Timestamp::from_secs(1_700_000_000),
            ids: 0,
            known: Known { names: (0..4).map(name).collect(), ..Known::default() },
            users: Vec::new(),
            live: Vec::new(),
            ended: BTreeSet::new(),
        }
    }

    async fn run(mut self, history: Vec<Operation>) -> Checked {
        for number in 0..2 {
            self.register(number, true).await?;
        }
        self.compare().await?;
        for operation in history {
            self.apply(operation).await?;
            self.compare().await?;
        }
        Ok(())
    }

    fn other(&self) -> &dyn Seen {
        &**self.other.as_ref().unwrap()
    }

    /// The process ends, and another starts.
    async fn reopen(&mut self) {
        self.other = None;
        self.other = Some(following((self.open)().await, &self.other_told));
    }

    /// Asks both, and takes the one answer. Two errors are the same answer.
    async fn same<T: PartialEq + Debug>(
        &self,
        ask: impl AsyncFn(&dyn Seen) -> Result<T>,
    ) -> Checked<Option<T>> {
        let expected = ask(&*self.memory).await.ok();
        let answer = ask(self.other()).await.ok();
        prop_assert_eq!(&answer, &expected, "this store, memory");
        Ok(answer)
    }

    async fn compare(&mut self) -> Checked {
        let expected = Visible::of(&*self.memory, &self.known, self.now).await;
        let seen = Visible::of(self.other(), &self.known, self.now).await;
        prop_assert_eq!(seen, expected, "this store, memory");
        prop_assert_eq!(&*self.other_told.lock().unwrap(), &*self.memory_told.lock().unwrap());
        self.users = self.memory.users(None, None, 99).await.unwrap().iter().map(|user| user.id).collect();
        self.live.clear();
        for id in &self.known.sessions {
            let row = self.memory.session(*id).await.unwrap();
            let standing = self.other().standing_session(*id).await.unwrap();
            prop_assert_eq!(standing, row.clone().map(Into::into), "what a check reads");
            if let Some(row) = row {
                if row.live(self.now) {
                    self.live.push(*id);
                }
                if rules::ended(&row) {
                    self.ended.insert(*id);
                }
                prop_assert!(!self.ended.contains(id) || rules::ended(&row), "{id} came back");
            }
        }
        Ok(())
    }
}
