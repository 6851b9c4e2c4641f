//! Guards without a store: they follow the log by `POST /v1/revocations` of a node.
//!
//! Asking with a number acknowledges everything up to it. The answer carries what is new, and a lease no longer than what is left of
//! the node's own (m4). Remaining lease and grant are settled in one critical section, and only then the entries are read (F6):
//! an entry that is missing from the answer belongs to an ending that finds the grant. The caller counts the lease from before it asked.

use std::time::Duration;

use symbolon_token::{Entry, Timestamp};
use uuid::Uuid;

use super::terms::margin;
use crate::{
    Symbolon,
    error::{Error, ErrorKind, Result},
    memory::Memory,
};

/// Most entries of one answer.
pub const MOST_ENTRIES: usize = 10_000;

/// What a guard asks.
#[derive(Clone, Copy, Debug)]
pub struct Poll {
    /// Random, of this start of its process.
    pub guard: Uuid,
    /// The log's epoch that `after` is a number of; `None` at first.
    pub epoch: Option<Uuid>,
    /// Everything up to here is applied.
    pub after: u64,
    /// How long to wait for something new; cut to a third of the lease.
    pub wait: Duration,
    /// Most entries to answer with.
    pub limit: usize,
}

/// What it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollAnswer {
    /// The log's epoch.
    pub epoch: Uuid,
    /// What to ask with next, once the entries are applied.
    pub next: u64,
    /// Whether there is more at once. Then there is no lease yet.
    pub more: bool,
    /// Whether the entries begin with the first: they replace everything.
    pub reset: bool,
    /// How long the guard may decide from memory, from before it asked.
    pub lease: Duration,
    /// In order of number.
    pub entries: Vec<Entry>,
    /// What time it is, by which the guard judges and forgets: its own wall clock may be set to anything.
    pub now: Timestamp,
}

impl Symbolon {
    /// Answers a guard, when there is something to say or it has waited long enough.
    ///
    /// # Errors
    /// `Unavailable`: the store cannot be reached, or this node has no lease to give from. `Overloaded`: too many guards.
    pub async fn poll(&self, poll: Poll) -> Result<PollAnswer> {
        let revocation = &self.0.revocation;
        let mut moved = revocation.moved();
        let memory = self.memory();
        if poll.epoch == Some(memory.epoch) {
            revocation.grants().acknowledge(memory.epoch, poll.guard, poll.after);
            self.acknowledged_more();
            self.wait_for_news(poll, &mut moved).await;
        }
        self.note_guards().await?;
        let answer = self.poll_answer(poll).await?;
        Ok(PollAnswer { now: self.now(), ..answer })
    }

    /// Something may have been acknowledged: a barrier here looks again, and the row that others look at is written where it says less.
    /// Most polls say what the one before said, and cost the store nothing.
    fn acknowledged_more(&self) {
        let revocation = &self.0.revocation;
        revocation.moves();
        if self.store().shared() && revocation.acknowledged() != (self.memory().epoch, self.published()) {
            revocation.wake();
        }
    }

    async fn wait_for_news(&self, poll: Poll, moved: &mut tokio::sync::watch::Receiver<()>) {
        let third = self.0.revocation.terms().lease(self.now()) / 3;
        let news = async {
            loop {
                moved.mark_unchanged();
                let memory = self.memory();
                if poll.epoch != Some(memory.epoch) || memory.view.last_seq() > poll.after {
                    return;
                }
                if moved.changed().await.is_err() {
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(poll.wait.min(third), news).await;
    }

    async fn poll_answer(&self, poll: Poll) -> Result<PollAnswer> {
        let memory = self.memory();
        let follows = poll.epoch == Some(memory.epoch);
        let after = if follows { poll.after } else { 0 };
        let nothing = |lease| PollAnswer {
            epoch: memory.epoch,
            next: after,
            more: false,
            reset: after == 0,
            lease,
            entries: Vec::new(),
            now: self.now(),
        };
        let mut answer = nothing(Duration::ZERO);
        if after != memory.view.last_seq() {
            answer = self.entries(&memory, after, poll.limit).await?;
            if answer.more {
                return Ok(answer);
            }
        }
        // The critical section: what is left, the grant, and how far entries must reach. A grant of which the guard never
        // hears only delays.
        let (lease, applied) = {
            let mut grants = self.0.revocation.grants();
            let lease = self.lease_to_give(&memory)?;
            let now = self.0.clock.monotonic();
            let acknowledged = if answer.reset { 0 } else { after };
            if !grants.grant(memory.epoch, poll.guard, acknowledged, now + lease + margin(lease), now) {
                return Err(Error::new(ErrorKind::Overloaded, "Too many guards follow this node."));
            }
            (lease, memory.view.last_seq())
        };
        if answer.next < applied {
            // Something was applied in between: read again, now that whoever ended it finds the grant.
            answer = self.entries(&memory, after, poll.limit).await?;
        }
        let lease = if answer.more { Duration::ZERO } else { lease };
        Ok(PollAnswer { lease, ..answer })
    }

    /// The log behind `after`, or all of it, without a lease.
    async fn entries(&self, memory: &Memory, after: u64, limit: usize) -> Result<PollAnswer> {
        let limit = limit.clamp(1, MOST_ENTRIES);
        let mut page = self.store().log_after(after, limit).await?;
        let reset = after == 0 || after > page.head || after < page.trimmed;
        if reset && after > 0 {
            page = self.store().log_after(0, limit).await?;
        }
        if page.epoch != memory.epoch {
            self.0.revocation.wake();
            return Err(Error::new(ErrorKind::Unavailable, "The log has just begun anew. Ask again."));
        }
        let last = page.entries.last().map(|entry| entry.seq);
        // A page that is not full ends with the head, whatever of the log is gone.
        let next = last.filter(|_| page.entries.len() == limit).unwrap_or(page.head);
        let (epoch, more) = (memory.epoch, next < page.head);
        let (lease, entries, now) = (Duration::ZERO, page.entries, self.now());
        Ok(PollAnswer { epoch, next, more, reset, lease, entries, now })
    }

    /// What a guard may be given: what is left of our own lease, or a whole one where memory is always fresh.
    fn lease_to_give(&self, memory: &Memory) -> Result<Duration> {
        let whole = self.0.revocation.terms().lease(self.now());
        let left = memory.freshness_left(&*self.0.clock).unwrap_or(whole);
        if left.is_zero() {
            return Err(Error::new(ErrorKind::Unavailable, "This node has no lease at the moment."));
        }
        Ok(left.min(whole))
    }

    /// Before the first grant it is stored that there are guards: a process after this one must wait for their leases.
    async fn note_guards(&self) -> Result<()> {
        let mut noted = self.0.revocation.guards_noted.lock().await;
        if !*noted {
            self.store().note_remote_guards().await?;
            *noted = true;
        }
        Ok(())
    }
}
