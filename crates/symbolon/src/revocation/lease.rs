//! The lease of a node that shares its store: how it comes by the right to decide from memory, and loses it.
//!
//! The order of a renewal is the protocol (model, step 3 and rule 1): the time is noted, the row is written and committed, and only
//! then, in a transaction of its own, the log is read; when that is applied, memory may decide until the noted time plus the lease less
//! the margin. Whoever revoked before the row was committed is found in the log; whoever revokes after waits for the row. The time is of
//! a clock that counts suspend (rule 9): a machine that slept does not wake up fresh.
//!
//! Shutting down (F4): first nothing may make memory fresh any more, and no renewal be under way, then the row may go; with guards that
//! still may decide by this node's grants it stays, and lapses by itself.

use std::{
    sync::{Weak, atomic::Ordering},
    time::Duration,
};

use symbolon_token::Timestamp;

use crate::{
    Engine, Symbolon,
    error::{Error, ErrorKind, Result},
    store::GuardLease,
};

use super::{
    Revocation,
    terms::{STORE_STEP, margin},
};

impl Symbolon {
    /// Renews the lease: afterwards memory is fresh, unless it took too long.
    pub(crate) async fn renew_lease(&self) -> Result<()> {
        let revocation = &self.0.revocation;
        let _alone = revocation.renewing.lock().await;
        let lease = revocation.lease(self.now())?;
        let began = self.0.clock.monotonic();
        let (epoch, applied) = (self.memory().epoch, self.published());
        let row = GuardLease { id: revocation.id, epoch, applied, lease };
        let asked = self.0.clock.wall();
        let told = in_time(lease, self.store().renew_guard(row, asked)).await?;
        self.note_clocks(asked, told, self.0.clock.wall());
        revocation.set_acknowledged((epoch, applied));
        let memory = self.read_log().await?;
        revocation.unless_closed(|| memory.fresh_until(began + lease - margin(lease)));
        revocation.seen.renewed(began);
        self.acknowledge(applied).await
    }

    /// The store's time was `told` between `asked` and `answered` of this machine's wall clock. Nothing is decided by that, but somebody
    /// should set it right.
    fn note_clocks(&self, asked: Timestamp, told: Timestamp, answered: Timestamp) {
        let apart = asked.since(told).max(told.since(answered));
        let millis = u64::try_from(apart.as_millis()).unwrap_or(u64::MAX);
        let before = Duration::from_millis(self.0.revocation.clocks_apart.swap(millis, Ordering::Relaxed));
        let most = self.settings().token.leeway;
        if apart > most && before <= most {
            tracing::warn!(
                seconds = apart.as_secs(),
                "the clock of this machine and the database's are too far apart: this node is not ready until they agree"
            );
        }
    }

    /// Whether this machine's wall clock is that of the installation, as far as tokens ask for it.
    pub(crate) fn clocks_agree(&self) -> bool {
        self.clocks_apart() <= self.settings().token.leeway
    }

    pub(crate) fn clocks_apart(&self) -> Duration {
        Duration::from_millis(self.0.revocation.clocks_apart.load(Ordering::Relaxed))
    }

    /// Reads the log out of turn, and tells that it is applied: what others wait for. The lease stays as it is.
    async fn catch_up(&self) -> Result<()> {
        self.read_log().await?;
        self.acknowledge(0).await
    }

    /// Tells what is applied, when that is more than `known` and than was told before.
    async fn acknowledge(&self, known: u64) -> Result<()> {
        let revocation = &self.0.revocation;
        let (epoch, applied) = (self.memory().epoch, self.published());
        if applied > known && revocation.acknowledged() != (epoch, applied) {
            let lease = revocation.lease(self.now())?;
            in_time(lease, self.store().acknowledge(revocation.id, epoch, applied)).await?;
            revocation.set_acknowledged((epoch, applied));
        }
        Ok(())
    }

    /// Gives the lease up for good; see the module.
    pub(crate) async fn give_up_lease(&self) -> Result<()> {
        if !self.store().shared() {
            return Ok(());
        }
        self.0.revocation.close();
        self.memory().fresh_until(Duration::ZERO);
        let _alone = self.0.revocation.renewing.lock().await;
        if self.0.revocation.grants().live(self.0.clock.monotonic()) == 0 {
            self.store().remove_guard(self.0.revocation.id).await?;
        }
        Ok(())
    }
}

impl Revocation {
    /// The lease that may be taken at `now`.
    ///
    /// # Errors
    /// `Unavailable`, once there will be none any more.
    pub(super) fn lease(&self, now: Timestamp) -> Result<Duration> {
        if self.is_closed() {
            return Err(Error::new(ErrorKind::Unavailable, "The lease was given up for good."));
        }
        Ok(self.terms().lease(now))
    }
}

/// What the store answers to one question within a lease: one that hangs must not keep the next from being tried. All that belongs to a
/// renewal may take longer, where much of the log is to be read: begun anew each time it would never be done. What was given up may still
/// happen, any time later.
pub(crate) async fn in_time<T, E>(
    lease: Duration,
    asked: impl Future<Output = std::result::Result<T, E>>,
) -> Result<T>
where
    Error: From<E>,
{
    let late =
        |_| Error::new(ErrorKind::Unavailable, "The store did not answer within the length of a lease.");
    Ok(tokio::time::timeout(lease, asked).await.map_err(late)??)
}

/// How often it is looked whether a lease is over.
const LOOK: Duration = Duration::from_millis(50);
/// The longest that is waited for nodes that may be gone: whoever asked wants to hear, and can ask again.
const PATIENCE: Duration = Duration::from_secs(10);

impl Symbolon {
    /// Whether no other node decides by this store. One that is gone without a word is waited for, no longer than its lease can last, and
    /// ten seconds at most.
    pub(crate) async fn alone(&self) -> Result<bool> {
        let (store, clock) = (self.store(), &*self.0.clock);
        if !store.shared() {
            return Ok(true);
        }
        let longest = self.0.revocation.terms().barrier(self.now()) + STORE_STEP;
        let until = clock.monotonic() + longest.min(PATIENCE);
        loop {
            let rows = store.guards(STORE_STEP, self.now()).await?;
            if rows.iter().all(|row| row.lapsed || row.id == self.0.revocation.id) {
                return Ok(true);
            }
            if clock.monotonic() >= until {
                return Ok(false);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until no lease lives that was given before this process began: where the store is shared or says that there were guards, one
    /// as long as the installation's; and one of `lease`, where that is given.
    pub(crate) async fn outlast_leases_of_before(&self, lease: Option<Duration>) {
        let (revocation, clock) = (&self.0.revocation, &*self.0.clock);
        let may_be = self.store().shared() || revocation.after_guards;
        let known = may_be.then(|| revocation.terms().barrier(self.now()));
        let told = lease.map(|lease| lease + margin(lease));
        let Some(longest) = known.max(told) else { return };
        while clock.monotonic() < revocation.began + longest {
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// Renews the lease three times in its length, and reads the log whenever somebody says that there is something new. Ends with the
/// engine.
pub(crate) async fn keep(engine: Weak<Engine>) {
    let Some(wake) = engine.upgrade().map(|engine| engine.revocation.woken()) else { return };
    let mut pause = Duration::ZERO;
    let mut renewed = None;
    let mut failed = 0_u32;
    loop {
        // A hint ends the pause early.
        let _ = tokio::time::timeout(pause, wake.notified()).await;
        let Some(engine) = engine.upgrade().map(Symbolon) else { return };
        if engine.0.revocation.is_closed() {
            return;
        }
        let now = engine.0.clock.monotonic();
        let lease = engine.0.revocation.terms().lease(engine.now());
        let due = renewed.is_none_or(|renewed: Duration| renewed + lease / 3 <= now);
        match if due { engine.renew_lease().await } else { engine.catch_up().await } {
            Ok(()) => {
                if due {
                    renewed = Some(now);
                } else if !engine.memory().fresh(&*engine.0.clock) {
                    // The log was read anew, and what was read waits for a lease.
                    renewed = None;
                }
                failed = 0;
                let next = renewed.map_or(now, |renewed| renewed + lease / 3);
                pause = next.saturating_sub(engine.0.clock.monotonic());
            }
            Err(_) if engine.0.revocation.is_closed() => return,
            Err(error) => {
                failed = failed.saturating_add(1);
                engine.0.revocation.seen.failed();
                pause = (lease / 60 * failed.min(10)).min(lease / 6);
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    failed,
                    "the lease was not renewed; without one every check asks the store"
                );
            }
        }
    }
}
