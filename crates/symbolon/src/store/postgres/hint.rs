//! Hints between nodes: who appended to the log says so by NOTIFY, and every node listens on a connection of its own. It is what makes
//! an ending quick, and nothing else: whoever hears nothing finds the entry when it renews its lease.
//!
//! A hint is a transaction of its own, sent when the entries are committed. Within theirs it would take a lock of the whole instance
//! while that commit reaches the disk and the standby, and a queue that is full, because some listener stands still, would fail
//! endings. Nor does it wait for the disk itself: there is nothing in it that could be lost. Those that are due while one is under way
//! are one.
//!
//! What is said while a listener is away is lost. So it takes its own return for a hint.

use std::{convert::Infallible, future::poll_fn, sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    task::AbortHandle,
    time::{sleep, timeout},
};
use tokio_postgres::AsyncMessage;

use super::{
    attempt::{Attempt, attempts},
    batch::{Batch, params},
    pool::{Connection, Connections, refused},
};
use crate::store::{Result, StoreError, Waker};

/// Before a listener that was cut off tries again; twice as long each time that it comes to nothing, up to the longest.
const PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Tells the other nodes that there is something to read.
pub(super) struct Announcer(mpsc::Sender<()>);

impl Announcer {
    /// Starts the task; it ends with the announcer, when what is due is said.
    pub(super) fn start(connections: Arc<Connections>) -> Self {
        // One is due or none: the next to be sent covers all that was committed before it.
        let (due, mut dues) = mpsc::channel(1);
        tokio::spawn(async move {
            while dues.recv().await.is_some() {
                if let Err(error) = attempts(&connections, &(), |sql, ()| Box::pin(announce(sql))).await {
                    tracing::debug!(
                        error = &error as &dyn std::error::Error,
                        "the other nodes could not be told of an ending; they find it when they renew"
                    );
                }
            }
        });
        Self(due)
    }

    /// Entries were committed. Holds nobody up.
    pub(super) fn appended(&self) {
        let _ = self.0.try_send(());
    }
}

async fn announce(sql: &Connection) -> Attempt<()> {
    let mut batch = Batch::begin(sql);
    batch.add("SET LOCAL synchronous_commit = off", params![]);
    batch.add("NOTIFY symbolon_log", params![]);
    batch.commit().await.map(drop)
}

/// Listens for as long as it is there.
pub(super) struct Listener(AbortHandle);

impl Listener {
    /// Starts the task. The waker is called when a node says something, this one among them, and whenever listening begins.
    pub(super) fn start(connections: Arc<Connections>, waker: Waker) -> Self {
        Self(tokio::spawn(keep_listening(connections, waker)).abort_handle())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn keep_listening(connections: Arc<Connections>, waker: Waker) {
    let mut pause = PAUSE;
    loop {
        let mut listened = false;
        let Err(error) = listen(&connections, &waker, &mut listened).await;
        if listened {
            pause = PAUSE;
        }
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            retry_ms = pause.as_millis(),
            "this node does not hear of endings elsewhere at once; until it does they take longer"
        );
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Listens until the connection breaks.
async fn listen(connections: &Connections, waker: &Waker, listened: &mut bool) -> Result<Infallible> {
    let (client, mut connection) = connections.beside().await?;
    let begins = timeout(connections.options().patience(), client.batch_execute("LISTEN symbolon_log"));
    tokio::pin!(begins);
    loop {
        let message = tokio::select! {
            begun = &mut begins, if !*listened => {
                begun.map_err(|_| StoreError::new("the database does not say whether it listens"))?.map_err(refused)?;
                *listened = true;
                waker();
                continue;
            }
            message = poll_fn(|context| connection.poll_message(context)) => message,
        };
        match message {
            Some(Ok(AsyncMessage::Notification(_))) => waker(),
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(refused(error)),
            None => return Err(StoreError::new("the connection was closed")),
        }
    }
}
