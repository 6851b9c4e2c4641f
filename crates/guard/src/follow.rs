//! Following the log: one long poll after the other. Asking acknowledges what was applied, and the answer is the lease.
//!
//! A lease counts from before its own question was sent (model rule 10), less the margin. While there is more to come there is none. A
//! reset is another memory, which decides nothing until it has everything.

use std::{
    sync::{Arc, Weak, atomic::Ordering},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use symbolon_token::{Ended, Entry};
use uuid::Uuid;

use crate::{
    Inner,
    check::At,
    error::{Error, Result},
    memory::Memory,
};

/// For the first answer; later ones are waited for as long as a lease: a node that has not answered by then stands still, or the way to
/// it does, and another may do better.
const PATIENCE: Duration = Duration::from_secs(5);
/// No lease is so short that an answer could not be on its way so long.
const LEAST_PATIENCE: Duration = Duration::from_millis(500);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
const SWEEP_EVERY: Duration = Duration::from_secs(60);

#[derive(Serialize)]
struct Question {
    guard: Uuid,
    epoch: Option<Uuid>,
    after: u64,
    wait: f64,
}

#[derive(Deserialize)]
struct Page {
    epoch: Uuid,
    next: u64,
    more: bool,
    reset: bool,
    lease_ms: u64,
    /// Not said by a node of an older version.
    now: Option<At>,
    entries: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    seq: u64,
    kind: String,
    id: String,
    generation: Option<u64>,
    forget_at: Option<i64>,
}

impl Line {
    /// An entry that cannot be read stops everything: nothing that was ended may be passed over.
    fn entry(self) -> Result<Entry> {
        let unreadable = || Error::new(format!("an entry of kind `{}` cannot be read", self.kind));
        let uuid = || Uuid::parse_str(&self.id).map_err(|_| unreadable());
        let what = match self.kind.as_str() {
            "token" => Ended::Token(uuid()?),
            "session" => Ended::Session(uuid()?),
            "user" => Ended::User { id: uuid()?, generation: self.generation.ok_or_else(unreadable)? },
            "key" => Ended::Key(self.id.parse().map_err(|_| unreadable())?),
            "changed" => Ended::Changed(uuid()?),
            _ => return Err(unreadable()),
        };
        Ok(Entry { seq: self.seq, what, forget_at: self.forget_at })
    }
}

impl Inner {
    /// Seconds that a poll may be held. What is left of a node's own lease is two thirds of one at the least, and counts from when the poll
    /// was sent: two polls held for a third each would come back too late for it. Of a sixth each there is as much time to spare.
    fn wait(&self) -> f64 {
        Duration::from_millis(self.lease_ms.load(Ordering::Relaxed)).as_secs_f64() / 6.0
    }

    /// Asks once; `true` when everything is applied, and the lease is there.
    pub(crate) async fn follow_once(&self, wait: f64) -> Result<bool> {
        let began = self.clock.monotonic();
        let mut memory = self.memory.load_full();
        let (epoch, after) = memory.place();
        let question = Question { guard: self.id, epoch, after, wait };
        let place = self.nodes.current();
        let patience = match self.lease_ms.load(Ordering::Relaxed) {
            0 => PATIENCE,
            lease => Duration::from_millis(lease).clamp(LEAST_PATIENCE, PATIENCE),
        };
        let answer = self.nodes.ask_one(place, "/v1/revocations", &question, patience).await;
        let body = answer.inspect_err(|_| self.nodes.leave(place))?;
        let page: Page = serde_json::from_slice(&body)
            .map_err(|error| Error::caused("a page of the log cannot be read", error))?;
        if let Some(At(now)) = page.now {
            self.time.tell(now, began, self.clock.monotonic(), || self.clock.now());
        }
        let entries = page.entries.into_iter().map(Line::entry).collect::<Result<Vec<_>>>()?;
        if page.reset {
            memory = Arc::new(Memory::new());
            self.memory.store(Arc::clone(&memory));
        }
        memory.apply(page.epoch, &entries, page.next);
        if entries.iter().any(|entry| matches!(entry.what, Ended::Key(_))) {
            self.tokens.clear();
        }
        let lease = Duration::from_millis(page.lease_ms);
        if !page.more {
            self.lease_ms.fetch_max(page.lease_ms, Ordering::Relaxed);
            memory.fresh_until(began + (lease - lease / 50));
        }
        Ok(!page.more)
    }
}

/// Follows until the last handle of the guard is gone.
pub(crate) async fn follow(guard: Weak<Inner>) {
    let mut pause = FIRST_PAUSE;
    while let Some(inner) = guard.upgrade() {
        match inner.follow_once(inner.wait()).await {
            Ok(_) => pause = FIRST_PAUSE,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the revocation log could not be followed; it is tried again"
                );
                drop(inner);
                tokio::time::sleep(pause).await;
                pause = (2 * pause).min(LONGEST_PAUSE);
            }
        }
    }
}

/// Forgets what is over every minute, and fetches the keys every quarter of an hour.
pub(crate) async fn tend(guard: Weak<Inner>) {
    let mut fetched = Duration::ZERO;
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        let Some(inner) = guard.upgrade() else { return };
        inner.memory.load().sweep(inner.now());
        fetched += SWEEP_EVERY;
        if fetched >= crate::jwks::EVERY {
            match inner.keys.refresh(&inner.nodes).await {
                Ok(()) => fetched = Duration::ZERO,
                Err(error) => tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the server's keys could not be fetched"
                ),
            }
        }
    }
}
