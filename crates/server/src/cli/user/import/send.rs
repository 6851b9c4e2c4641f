//! Sending what was read: many requests on their way at once, since the store commits what waits in one go.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Result, anyhow};
use http::Method;
use tokio::{
    sync::{Mutex, Semaphore, mpsc::Receiver},
    task::JoinSet,
};

use super::record::{Entry, Proof, Record, What};
use crate::cli::{
    node::{Lane, Node},
    progress::Progress,
};

/// Requests on their way at once.
const LANES: usize = 64;
/// The call that takes one user in.
const PATH: &str = "/v1/admin/users/import";
/// How long a full hashing queue is waited for, at first and at most; it doubles between.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// How often, before the import gives up.
const TRIES: u32 = 100;

/// What became of the entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Users that are new.
    pub(super) added: u64,
    /// Users that were there already, and are as they were.
    pub(super) existing: u64,
    /// Entries that could not be taken.
    pub(super) refused: u64,
    /// Entries that are no users.
    pub(super) other: u64,
}

#[derive(Default)]
struct Counters {
    added: AtomicU64,
    existing: AtomicU64,
    refused: AtomicU64,
    other: AtomicU64,
}

/// What the lanes share.
struct Shared {
    entries: Mutex<Receiver<Entry>>,
    /// Passwords are hashed by the server: no more of them at once than it has threads, so that logins go on meanwhile.
    hashing: Semaphore,
    counters: Counters,
    progress: Arc<Progress>,
}

/// Sends everything. Answers what became of it, also when the server went away in the middle.
pub(super) async fn all(
    node: &Node,
    entries: Receiver<Entry>,
    hashing_threads: usize,
    progress: &Arc<Progress>,
) -> (Tally, Result<()>) {
    let shared = Arc::new(Shared {
        entries: Mutex::new(entries),
        hashing: Semaphore::new(hashing_threads.max(1)),
        counters: Counters::default(),
        progress: Arc::clone(progress),
    });
    let outcome = lanes(node, &shared).await;
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let Counters { added, existing, refused, other } = &shared.counters;
    (
        Tally { added: read(added), existing: read(existing), refused: read(refused), other: read(other) },
        outcome,
    )
}

async fn lanes(node: &Node, shared: &Arc<Shared>) -> Result<()> {
    // Dropped with an error, it ends the lanes that are left.
    let mut lanes = JoinSet::new();
    for _ in 0..LANES {
        let (shared, lane) = (Arc::clone(shared), node.lane().await?);
        lanes.spawn(async move { shared.run(lane).await });
    }
    while let Some(ended) = lanes.join_next().await {
        ended??;
    }
    Ok(())
}

impl Shared {
    async fn run(&self, mut lane: Lane) -> Result<()> {
        loop {
            let next = self.entries.lock().await.recv().await;
            let Some(Entry { place, what }) = next else { return Ok(()) };
            let refusal = match what {
                What::Other => {
                    self.counters.other.fetch_add(1, Ordering::Relaxed);
                    None
                }
                What::Refused(why) => Some(why),
                What::User(record) => self.take_in(&mut lane, &record).await?,
            };
            self.progress.done();
            if let Some(why) = refusal {
                self.counters.refused.fetch_add(1, Ordering::Relaxed);
                self.progress.remark(&format!("{place}: {why}"));
            }
        }
    }

    /// Sends one user; answers why it was refused, if it was.
    async fn take_in(&self, lane: &mut Lane, record: &Record) -> Result<Option<String>> {
        let _turn = match record.proof {
            Proof::Password(_) => Some(self.hashing.acquire().await?),
            Proof::Hash(_) => None,
        };
        let (mut pause, longest) = PAUSE;
        for _ in 0..TRIES {
            let answer = lane.send(&Method::POST, PATH, Some(record.body()?)).await?;
            let Err(refused) = answer.value() else {
                self.counters.added.fetch_add(1, Ordering::Relaxed);
                return Ok(None);
            };
            match refused.code.as_str() {
                "identifier_taken" => {
                    self.counters.existing.fetch_add(1, Ordering::Relaxed);
                    return Ok(None);
                }
                "overloaded" => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(longest);
                }
                "invalid_request" | "password_rejected" => {
                    let why = refused.to_string();
                    return Ok(Some(why.trim_end_matches('.').to_owned()));
                }
                _ => {
                    return Err(anyhow::Error::from(refused)
                        .context("the import stopped; running it again passes over what is in already"));
                }
            }
        }
        Err(anyhow!(
            "the server has been too busy for minutes; run the import again later, it passes over what is in already"
        ))
    }
}
