//! The one writer: a thread that gathers what waits into one transaction and one fsync, tells the follower in commit order,
//! and only then answers. Each job runs in a savepoint of its own, so that a refused one leaves no trace in the others' commit.
//!
//! A job that panics is a job that failed. A follower that panics stops the writer for good: what this process holds in memory
//! is then no longer known to be true, and a store that answers nothing ends nothing falsely.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, TrySendError},
    },
};

use rusqlite::Connection;
use symbolon_token::view::Entry;
use tokio::sync::oneshot;

use crate::store::{Follower, Result, StoreError};

/// Jobs of one commit at most: bounds how long the first of them waits.
const GROUP: usize = 256;
/// Jobs that may wait. More means that the disk cannot keep up, and then a fast refusal is better than a slow one.
const QUEUE: usize = 16_384;

/// What a job wants done with its savepoint.
pub(super) enum Verdict {
    Commit,
    RollBack,
}

type Job = Box<dyn FnOnce(&Connection, &mut Vec<Entry>) -> (Verdict, Finish) + Send>;
/// Answers the caller, given why the commit failed when it did.
type Finish = Box<dyn FnOnce(Option<&Arc<rusqlite::Error>>) + Send>;

pub(super) struct Writer {
    queue: Option<mpsc::SyncSender<Job>>,
    thread: Option<std::thread::JoinHandle<()>>,
    follower: Arc<OnceLock<Follower>>,
    #[cfg(test)]
    commits: Arc<AtomicU64>,
}

impl Writer {
    pub(super) fn start(connection: Connection) -> Result<Self> {
        let (queue, jobs) = mpsc::sync_channel(QUEUE);
        let (follower, commits) = (Arc::<OnceLock<Follower>>::default(), Arc::<AtomicU64>::default());
        let (told, counted) = (Arc::clone(&follower), Arc::clone(&commits));
        let thread = std::thread::Builder::new()
            .name("symbolon-writer".into())
            .spawn(move || run(&connection, &jobs, &told, &counted))
            .map_err(|error| StoreError::caused("the writer thread could not be started", error))?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
            follower,
            #[cfg(test)]
            commits,
        })
    }

    pub(super) fn follow(&self, follower: Follower) {
        self.follower.get_or_init(|| follower);
    }

    /// How many commits succeeded.
    #[cfg(test)]
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Whether the thread is gone, and no write will ever succeed again.
    pub(super) fn stopped(&self) -> bool {
        self.thread.as_ref().is_none_or(std::thread::JoinHandle::is_finished)
    }

    /// Queues `work`; resolves when its commit is on the disk. A caller that goes away changes nothing about the write.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection, &mut Vec<Entry>) -> rusqlite::Result<(Verdict, T)> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection, entries| {
            // What a panic leaves behind is rolled back with the savepoint, and `entries` are cut to where they were.
            let (verdict, result) = match catch_unwind(AssertUnwindSafe(|| work(connection, entries))) {
                Ok(Ok((verdict, value))) => (verdict, Ok(value)),
                Ok(Err(error)) => (Verdict::RollBack, Err(StoreError::caused("a write failed", error))),
                Err(_) => (Verdict::RollBack, Err(StoreError::new("a write panicked"))),
            };
            let finish: Finish = Box::new(move |failure| {
                let result = match failure {
                    Some(error) => result.and(Err(StoreError::caused("a commit failed", Arc::clone(error)))),
                    None => result,
                };
                // The caller may have gone; the write stands all the same.
                let _ = answer.send(result);
            });
            (verdict, finish)
        });
        self.queue.as_ref().ok_or_else(stopped)?.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::new("too many writes are waiting"),
            TrySendError::Disconnected(_) => stopped(),
        })?;
        // A job that the writer dropped unanswered was in a group whose transaction broke before its turn.
        answered
            .await
            .map_err(|_| StoreError::new("a write was given up before its turn; the log says why"))?
    }
}

pub(super) fn stopped() -> StoreError {
    StoreError::new("the store's writer has stopped; this process must be started anew")
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            // A writer that panicked has nothing left to finish.
            let _ = thread.join();
        }
    }
}

fn run(
    connection: &Connection,
    jobs: &mpsc::Receiver<Job>,
    follower: &OnceLock<Follower>,
    commits: &AtomicU64,
) {
    while let Ok(first) = jobs.recv() {
        let mut finishes = Vec::new();
        let mut entries = Vec::new();
        // Taken one by one: what arrives while the others run still comes along.
        let group = std::iter::once(first).chain(jobs.try_iter().take(GROUP - 1));
        let failure = commit(connection, group, &mut finishes, &mut entries).err().map(Arc::new);
        if let Some(error) = &failure {
            tracing::error!(%error, "a commit failed");
            if !connection.is_autocommit() {
                // Nothing more can be done here than to try; the next BEGIN tells if it did not work.
                let _ = connection.execute_batch("ROLLBACK");
            }
        } else {
            commits.fetch_add(1, Ordering::Relaxed);
            if let (false, Some(follower)) = (entries.is_empty(), follower.get()) {
                follower(&entries);
            }
        }
        for finish in finishes {
            finish(failure.as_ref());
        }
    }
}

fn commit(
    connection: &Connection,
    group: impl Iterator<Item = Job>,
    finishes: &mut Vec<Finish>,
    entries: &mut Vec<Entry>,
) -> rusqlite::Result<()> {
    let step = |sql: &str| connection.prepare_cached(sql)?.execute([]).map(drop);
    step("BEGIN IMMEDIATE")?;
    for job in group {
        let before = entries.len();
        step("SAVEPOINT job")?;
        let (verdict, finish) = job(connection, entries);
        finishes.push(finish);
        if matches!(verdict, Verdict::RollBack) {
            entries.truncate(before);
            step("ROLLBACK TO job")?;
        }
        step("RELEASE job")?;
    }
    step("COMMIT")
}
