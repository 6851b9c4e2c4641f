//! The tail: reading the log that several processes share, and applying it here.
//!
//! The order is the protocol's (model, rules 1 and 2): what the entries speak of is read anew where it is kept whole (keys, clients),
//! then the view, then the caches, and with the view the number up to which the log was read. Only reading the log moves that
//! number (rule 3): a local ending is applied at once and moves nothing. Nothing here makes memory fresh; `lease` does, after.

use std::{sync::Arc, time::Duration};

use symbolon_token::{Ended, Entry};

use crate::{
    Symbolon,
    clock::EngineClock,
    error::Result,
    limits::Settings,
    memory::Memory,
    store::{LogPage, Rekey, Store},
};

use super::lease::in_time;

const PAGE: usize = 10_000;

/// A memory with all that the log holds, not yet fresh. Each of its pages is waited for so long.
pub(crate) async fn load(
    store: &dyn Store,
    settings: &Settings,
    clock: &EngineClock,
    patience: Duration,
) -> Result<Memory> {
    let read = |after| in_time(patience, read(store, after, clock));
    'again: loop {
        let mut page = read(0).await?;
        let memory = Memory::new(page.epoch, settings);
        while !page.entries.is_empty() {
            memory.view.apply_log(&page.entries);
            page = read(memory.view.last_seq()).await?;
            if page.epoch != memory.epoch {
                continue 'again;
            }
        }
        // The last numbers may be of entries that were forgotten: the log was read up to there all the same, and an ending
        // that waited for them would wait in vain.
        memory.view.raise_floor(page.trimmed);
        return Ok(memory);
    }
}

/// What the log holds behind `after`, or the first of it; and the clock learns what time it is.
async fn read(store: &dyn Store, after: u64, clock: &EngineClock) -> Result<LogPage> {
    let asked = clock.monotonic();
    let page = store.log_after(after, PAGE).await?;
    if let Some(now) = page.now {
        clock.learn(now, asked);
    }
    Ok(page)
}

impl Symbolon {
    /// Reads what is new of the log and applies it; answers the memory that has it all.
    pub(crate) async fn read_log(&self) -> Result<Arc<Memory>> {
        loop {
            let lease = self.0.revocation.lease(self.now())?;
            let began = self.0.clock.monotonic();
            let memory = self.memory();
            let last = memory.view.last_seq();
            let page = in_time(lease, read(self.store(), last, &self.0.clock)).await?;
            // Another log, one that lost a commit, or one that was trimmed above what was read of it (F8).
            if page.epoch != memory.epoch || page.head < last || last < page.trimmed {
                tracing::warn!(read = last, head = page.head, trimmed = page.trimmed, "the log is read anew");
                let memory = load(self.store(), self.settings(), &self.0.clock, lease).await?;
                let memory = Arc::new(memory);
                in_time(lease, self.learn_keys_and_clients()).await?;
                self.0.memory.store(Arc::clone(&memory));
                self.0.revocation.seen().read(began);
                self.0.revocation.moves();
                return Ok(memory);
            }
            if page.entries.is_empty() {
                self.0.revocation.seen().read(began);
                return Ok(memory);
            }
            in_time(lease, self.prepare(&page.entries)).await?;
            memory.apply_log(&page.entries);
            self.0.revocation.moves();
        }
    }

    /// Reads anew what is kept here whole and the entries speak of: a key or client that is gone must be so before it counts as told.
    async fn prepare(&self, entries: &[Entry]) -> Result<()> {
        let of_keys = |entry: &Entry| matches!(entry.what, Ended::Key(_)) || entry.what == Rekey::ENTRY;
        if entries.iter().any(of_keys) {
            self.reload_keys().await?;
        }
        // Whether it is a user or a client that changed does not stand there. A client that is new is nobody we know.
        let users = &self.memory().users;
        let of_client = |entry: &Entry| {
            entry.what != Rekey::ENTRY && matches!(entry.what, Ended::Changed(id) if !users.holds(id))
        };
        if entries.iter().any(of_client) {
            self.0.clients.load(self.store()).await?;
        }
        Ok(())
    }

    async fn learn_keys_and_clients(&self) -> Result<()> {
        self.reload_keys().await?;
        self.0.clients.load(self.store()).await
    }
}
