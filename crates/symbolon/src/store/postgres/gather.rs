//! The one task that appends to the log: it gathers what waits into one transaction, tells the follower of it in the order of the
//! numbers, and only then answers. What one node appends is therefore told in the order in which it was committed. The other nodes
//! get a hint (`hint.rs`), for which nobody waits.
//!
//! A group that fails because of one of its jobs is done again job by job. A follower that panics stops the task for good: what this
//! process holds in memory is then no longer known to be true, and a store that answers nothing ends nothing falsely.

use std::{
    collections::VecDeque,
    sync::{Arc, OnceLock},
};

use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot,
};

use super::{
    attempt::{GivenUp, tried},
    hint::Announcer,
    pool::Connections,
    transact::{Answer, Group, Job, transact},
};
use crate::store::{Follower, Result, StoreError};

/// Jobs of one commit at most: bounds how long the first of them waits.
const GROUP: usize = 256;
/// Jobs that may wait. More means that the database cannot keep up, and then a fast refusal is better than a slow one.
const QUEUE: usize = 16_384;

struct Waiting {
    job: Job,
    answer: oneshot::Sender<Result<Answer>>,
}

pub(super) struct Appender {
    queue: mpsc::Sender<Waiting>,
    follower: Arc<OnceLock<Follower>>,
}

impl Appender {
    /// Starts the task; it ends with the store, when what waits is done.
    pub(super) fn start(connections: Arc<Connections>, others: Announcer) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let follower = Arc::<OnceLock<Follower>>::default();
        tokio::spawn(run(connections, jobs, Audience { follower: Arc::clone(&follower), others }));
        Self { queue, follower }
    }

    pub(super) fn follow(&self, follower: Follower) {
        self.follower.get_or_init(|| follower);
    }

    /// Whether the task is gone, and nothing will ever be appended again.
    pub(super) fn stopped(&self) -> bool {
        self.queue.is_closed()
    }

    /// Queues a job; resolves when it is committed and told. A caller that goes away changes nothing about it.
    pub(super) async fn append(&self, job: Job) -> Result<Answer> {
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(Waiting { job, answer }).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::new("too many writes are waiting"),
            TrySendError::Closed(_) => stopped(),
        })?;
        answered.await.map_err(|_| stopped())?
    }
}

pub(super) fn stopped() -> StoreError {
    StoreError::new("the store's writer has stopped; this process must be started anew")
}

async fn run(connections: Arc<Connections>, mut jobs: mpsc::Receiver<Waiting>, audience: Audience) {
    let mut waiting: VecDeque<Waiting> = VecDeque::new();
    loop {
        if waiting.is_empty() {
            match jobs.recv().await {
                Some(first) => waiting.push_back(first),
                None => return,
            }
        }
        while waiting.len() < GROUP
            && let Ok(next) = jobs.try_recv()
        {
            waiting.push_back(next);
        }
        let group: Vec<Waiting> = waiting.drain(..).collect();
        let asked: Vec<Job> = group.iter().map(|waiting| waiting.job.clone()).collect();
        match commit(&connections, asked).await {
            Ok(done) => {
                audience.hears(&done);
                for (one, answer) in group.into_iter().zip(done.answers) {
                    match answer {
                        // The caller may have gone; what was done stands all the same.
                        Some(answer) => drop(one.answer.send(answer)),
                        None => waiting.push_back(one),
                    }
                }
            }
            Err(GivenUp { error, for_its_rows: true }) if group.len() > 1 => {
                tracing::debug!(error = &error as &dyn std::error::Error, "a group is done again one by one");
                for one in group {
                    let answer = alone(&connections, &audience, one.job).await;
                    drop(one.answer.send(answer));
                }
            }
            Err(GivenUp { error, .. }) => {
                let error = Arc::new(error);
                for one in group {
                    let shared = StoreError::caused(error.to_string(), Arc::clone(&error));
                    drop(one.answer.send(Err(shared)));
                }
            }
        }
    }
}

async fn alone(connections: &Connections, audience: &Audience, job: Job) -> Result<Answer> {
    let done = commit(connections, vec![job]).await.map_err(|given_up| given_up.error)?;
    audience.hears(&done);
    done.answers.into_iter().next().flatten().ok_or_else(stopped)?
}

/// Who is told of what was committed.
struct Audience {
    follower: Arc<OnceLock<Follower>>,
    others: Announcer,
}

impl Audience {
    fn hears(&self, done: &Group) {
        if done.entries.is_empty() {
            return;
        }
        if let Some(follower) = self.follower.get() {
            follower(&done.entries);
        }
        self.others.appended();
    }
}

async fn commit(connections: &Connections, jobs: Vec<Job>) -> std::result::Result<Group, GivenUp> {
    tried(connections, &jobs, |sql, jobs| Box::pin(transact(sql, jobs))).await
}
