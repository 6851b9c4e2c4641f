//! Failures in the audit. Each is a row of its own, with whose it was and from where; but whoever fails is nobody yet, and a flood of
//! rows would fill the disk (JD-19). So of a minute only so many get one, and how many more there were is one row when it is over.
//!
//! Whether a name is somebody's makes no difference to that: what writes takes longer than what does not. What succeeds always has
//! its row. A crash loses the count of its last minute.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use symbolon_token::Timestamp;

use crate::{
    Symbolon,
    audit::{Actor, Event},
    clock::rfc3339,
    error::Result,
    store::AuditRow,
};

/// Rows of one minute.
const LISTED: u32 = 300;
const MINUTE: Duration = Duration::from_secs(60);

/// The failures of a minute.
#[derive(Clone, Copy)]
struct Minute {
    began: Timestamp,
    listed: u32,
    more: u64,
}

impl Minute {
    const NEVER: Self = Self { began: Timestamp::from_secs(0), listed: 0, more: 0 };

    /// Over, or of a time that the clock has since left backwards.
    fn over(&self, now: Timestamp) -> bool {
        now < self.began || now.since(self.began) >= MINUTE
    }
}

/// Those of the running minute.
pub(crate) struct Failures(Mutex<Minute>);

impl Default for Failures {
    fn default() -> Self {
        Self(Mutex::new(Minute::NEVER))
    }
}

impl Failures {
    /// Counts one, and says whether it gets a row; with what is to be told of a minute that is over.
    fn count(&self, now: Timestamp) -> (bool, Option<Minute>) {
        let mut minute = self.minute();
        let over =
            minute.over(now).then(|| std::mem::replace(&mut *minute, Minute { began: now, ..Minute::NEVER }));
        let listed = minute.listed < LISTED;
        if listed {
            minute.listed += 1;
        } else {
            minute.more += 1;
        }
        (listed, over.filter(|over| over.more > 0))
    }

    /// What is to be told of a minute that is over, or of any when it `ends` here.
    fn take(&self, now: Timestamp, ends: bool) -> Option<Minute> {
        let mut minute = self.minute();
        (minute.more > 0 && (ends || minute.over(now)))
            .then(|| std::mem::replace(&mut *minute, Minute::NEVER))
    }

    /// What could not be told is told with the next.
    fn give_back(&self, untold: Minute) {
        let mut minute = self.minute();
        minute.more += untold.more;
        minute.began = minute.began.min(untold.began);
    }

    fn minute(&self) -> MutexGuard<'_, Minute> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Symbolon {
    /// Writes a failure down, or counts it.
    pub(crate) async fn record_failure(&self, event: Event<'_>) -> Result<()> {
        let now = self.now();
        let (listed, over) = self.0.failures.count(now);
        let row = listed.then(|| self.audit_row(event, now));
        self.record_failures(row, over, now).await
    }

    /// Writes down how many failures got no row, when their minute is over or when it `ends` here.
    pub(crate) async fn tell_failures(&self, ends: bool) -> Result<()> {
        let now = self.now();
        let over = self.0.failures.take(now, ends);
        self.record_failures(None, over, now).await
    }

    async fn record_failures(
        &self,
        row: Option<AuditRow>,
        over: Option<Minute>,
        now: Timestamp,
    ) -> Result<()> {
        let summary = over.map(|minute| {
            let event = Event::new("login_failed_more", Actor::System, None)
                .with("count", minute.more)
                .with("since", rfc3339(minute.began));
            self.audit_row(event, now)
        });
        let rows: Vec<AuditRow> = summary.into_iter().chain(row).collect();
        if rows.is_empty() {
            return Ok(());
        }
        let written = self.store().record(rows).await;
        if let (Err(_), Some(untold)) = (&written, over) {
            self.0.failures.give_back(untold);
        }
        Ok(written?)
    }
}
