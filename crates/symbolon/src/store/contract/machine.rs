//! Two stores, one random history: after every step both have answered the same and look the same, and what was ended stays so.

mod apply;

use std::{
    collections::BTreeSet,
    fmt::Debug,
    path::Path,
    sync::{Arc, Mutex},
};

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use symbolon_token::{Timestamp, view::Entry};
use tempfile::TempDir;
use uuid::Uuid;

use super::{
    operations::{Operation, history},
    visible::{Known, Seen, Visible},
};
use crate::store::{memory::MemoryStore, sqlite::SqliteStore, *};
use apply::name;

/// Histories of an ordinary run, some seconds; `PROPTEST_CASES` asks for more.
const HISTORIES: u32 = 64;

type Told = Arc<Mutex<Vec<Entry>>>;
type Checked<T = ()> = std::result::Result<T, TestCaseError>;

#[test]
fn sqlite_does_what_memory_does() {
    let ordinary = Config::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { ordinary.cases } else { HISTORIES };
    let config = Config { cases, failure_persistence: None, max_shrink_time: 60_000, ..ordinary };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let run = |history| runtime.block_on(async { Machine::new().run(history).await });
    if let Err(failure) = TestRunner::new(config).run(&history(), run) {
        panic!("{failure}");
    }
}

struct Machine {
    memory: Arc<dyn Seen>,
    memory_told: Told,
    sqlite: Option<Arc<dyn Seen>>,
    sqlite_told: Told,
    folder: TempDir,
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

fn open(folder: &Path) -> Arc<dyn Seen> {
    Arc::new(SqliteStore::open(folder, "the state machine", Uuid::from_u128(1)).unwrap())
}

impl Machine {
    fn new() -> Self {
        // Thousands of commits: in memory where there is such a folder, as this is not about disks.
        let shared_memory = Path::new("/dev/shm");
        let folder = tempfile::tempdir_in(shared_memory).or_else(|_| tempfile::tempdir()).unwrap();
        let (memory_told, sqlite_told) = (Told::default(), Told::default());
        Self {
            memory: following(Arc::new(MemoryStore::new(Uuid::from_u128(1))), &memory_told),
            memory_told,
            sqlite: Some(following(open(folder.path()), &sqlite_told)),
            sqlite_told,
            folder,
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

    fn sqlite(&self) -> &dyn Seen {
        &**self.sqlite.as_ref().unwrap()
    }

    /// Asks both, and takes the one answer. Two errors are the same answer.
    async fn same<T: PartialEq + Debug>(
        &self,
        ask: impl AsyncFn(&dyn Seen) -> Result<T>,
    ) -> Checked<Option<T>> {
        let expected = ask(&*self.memory).await.ok();
        let answer = ask(self.sqlite()).await.ok();
        prop_assert_eq!(&answer, &expected, "sqlite, memory");
        Ok(answer)
    }

    async fn compare(&mut self) -> Checked {
        let expected = Visible::of(&*self.memory, &self.known, self.now).await;
        let seen = Visible::of(self.sqlite(), &self.known, self.now).await;
        prop_assert_eq!(seen, expected, "sqlite, memory");
        prop_assert_eq!(&*self.sqlite_told.lock().unwrap(), &*self.memory_told.lock().unwrap());
        self.users = self.memory.users(None, None, 99).await.unwrap().iter().map(|user| user.id).collect();
        self.live.clear();
        for id in &self.known.sessions {
            if let Some(row) = self.memory.session(*id).await.unwrap() {
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
