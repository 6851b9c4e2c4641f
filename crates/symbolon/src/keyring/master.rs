//! Replacing the master key, while everything goes on (`key rotate-master`), or at once and with all that it ever made (`--leaked`).
//!
//! | step | a process that dies behind it leaves | the next start |
//! |---|---|---|
//! | 1. the file has the new key in front, on the disk | a file with one key more | takes the new key over: steps 2 to 4 |
//! | 2. one transaction: the installation knows the new key, all is sealed by it; leaked: the old one is unknown, the epoch raised, every session ended and every signing key replaced | the same | goes on with it |
//! | 3. this process uses the new key | the same | |
//! | 4. leaked, or when no live session names the old one: the file without it | nothing more to do | |
//!
//! So each state is one that starts, with the file as it is. Where the keys come from the environment, step 1 and 4 are its keeper's.
//!
//! Nodes that share a store hold a key each by their own means, and one that does not hold the new key would take for made up what the
//! others make by it. So a rotation is refused while another node may decide; and one that comes (back) later finds in the log that it
//! must look, and does not get to decide before it holds the key that counts (`Keyring::reload`). Of two rotations at once one wins: the
//! transaction asks whether the installation is still what was read.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::Ordering::{Relaxed, SeqCst},
    },
    time::Duration,
};

use super::{
    KeyRow, Keyring, Learned, MasterKey, MasterKeys, Masters, Recognised, context, file, masters::recognise,
    no_master_key, unsealed,
};
use crate::{
    Symbolon,
    audit::{Actor, By, Event},
    clock::Randomness,
    error::{Error, ErrorKind, Result},
    revocation::Ending,
    store::{Outcome, Rekey},
};

/// How often it is looked whether a live session still names a previous master key.
const LOOK_EVERY: Duration = Duration::from_secs(60 * 60);

/// What came of a rotation of the master key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MasterRotation {
    /// It is done.
    Done {
        /// The new key's.
        fingerprint: String,
        /// Of previous keys that stay while a live session names them.
        kept: Vec<String>,
        /// Whether the keys are kept by somebody else, who must now take out those that count no more.
        by_hand: bool,
    },
    /// Nothing is: the keys are not in a file, and whoever keeps them must put a new one in front.
    ByHand,
}

impl Symbolon {
    /// Puts a new master key in the place of the current one; what the store holds sealed is sealed anew, and no request fails.
    ///
    /// `leaked`: the previous ones count no more, nor does anything that was made with them: every cookie, refresh token, access token and
    /// signing key. Everybody logs in again. Without a file, that takes a current key which this process was the first to see.
    ///
    /// # Errors
    /// `Forbidden` when the file does not hold what this process started with, or other nodes run on the store; `Unavailable` when file or
    /// store cannot be written. Repeating it is safe.
    pub async fn rotate_master_key(&self, leaked: bool, by: impl Into<By>) -> Result<MasterRotation> {
        let (by, ring) = (by.into(), &self.0.keyring);
        let _alone = ring.changing.lock().await;
        self.refuse_beside_others().await?;
        let Some(path) = &ring.file else {
            return self.without_file(leaked, &by).await;
        };
        let known = self.store().installation().await?;
        let mut given = MasterKeys::from_file(path, false, self.randomness())?.keys;
        let before = ring.masters();
        if given.first() == Some(&before.current().master) {
            given.insert(0, MasterKey::generate(self.randomness()));
            file::replace(path, &given)?;
        } else if !begun(&given, &before) {
            let text = format!(
                "The master key file {} does not hold what this server started with. Restart it first.",
                path.display()
            );
            return Err(Error::new(ErrorKind::Forbidden, text));
        }
        let Recognised { mut keys, mut installation, .. } = recognise(&known, &given)?;
        if leaked {
            keys.truncate(1);
            installation.master_keys.truncate(1);
            installation.epoch += 1;
        }
        let next = self.take_over(keys, (known, installation), leaked, rotated(&by, leaked)).await?;
        if leaked && let Some(current) = given.first() {
            self.shorten(path, std::slice::from_ref(current));
        }
        Ok(done(&next, false))
    }

    /// Keys from the environment: what is new there was put there by its keeper. That a key is new this process can tell only when it saw it
    /// for the first time; one that was in use before may be the very one that leaked.
    async fn without_file(&self, leaked: bool, by: &By) -> Result<MasterRotation> {
        let ring = &self.0.keyring;
        let before = ring.masters();
        if !leaked || !ring.adopted.load(SeqCst) || before.previous().is_empty() {
            return Ok(MasterRotation::ByHand);
        }
        let known = self.store().installation().await?;
        let mut installation = known.clone();
        let gone: Vec<u32> = before.previous().iter().map(|master| master.version).collect();
        installation.master_keys.truncate(1);
        installation.epoch += 1;
        let next =
            self.take_over(before.without(&gone), (known, installation), true, rotated(by, true)).await?;
        Ok(done(&next, true))
    }

    /// The store first, then this process: one transaction, and one step. With `ends_all` nothing that was issued before counts any more.
    pub(super) async fn take_over(
        &self,
        keys: Vec<(u32, MasterKey)>,
        (was, installation): Learned,
        ends_all: bool,
        event: Event<'_>,
    ) -> Result<Arc<Masters>> {
        let (ring, now) = (&self.0.keyring, self.now());
        let next = Masters::of(keys, &installation).map(Arc::new).ok_or_else(no_master_key)?;
        let rows = self.store().keys().await?;
        let (keys, removed) = if ends_all {
            let youngest = rows.iter().map(|row| row.created_at).max();
            let made = youngest.map_or(now, |youngest| now.max(youngest.plus(Duration::from_millis(1))));
            let algorithm = self.settings().token.algorithm;
            let fresh = Keyring::generate_under(&next, algorithm, made, now, self.randomness())?;
            (vec![fresh], rows.iter().map(|row| row.kid).collect())
        } else {
            (sealed_anew(&rows, &next, self.randomness())?, Vec::new())
        };
        let event = event.with("fingerprint", next.current().master.fingerprint());
        self.rekey(Rekey { was, installation, keys, removed, ends_sessions: ends_all }, event).await?;
        ring.replace(Arc::clone(&next), self.store(), self.now()).await?;
        ring.adopted.store(false, SeqCst);
        // A mint that is under way may name the key before: it is looked for when that is over.
        ring.next_look.store(now.plus(LOOK_EVERY).as_millis(), Relaxed);
        Ok(next)
    }

    async fn rekey(&self, rekey: Rekey, event: Event<'_>) -> Result<()> {
        match self.transition(Ending::nothing(event).rekeying(rekey), self.now()).await? {
            Outcome::Done(_) => Ok(()),
            Outcome::Stale | Outcome::NotFound => Err(Error::new(
                ErrorKind::Forbidden,
                "Another process has just changed what the installation knows of its master keys and settings. Nothing was changed here; \
                 look at what it did before you repeat this.",
            )),
        }
    }

    async fn refuse_beside_others(&self) -> Result<()> {
        if self.alone().await? {
            return Ok(());
        }
        let text = "Other nodes run on this database, and would not know the new master key. Stop all nodes but one and run this there; \
                    then give the others its master key file, and start them. Nothing was changed.";
        Err(Error::new(ErrorKind::Forbidden, text))
    }

    /// What a start finds to do: the installation learns the key that stands in front, and all is sealed by it.
    pub(crate) async fn settle_master_key(&self, learned: Learned) -> Result<()> {
        let ring = &self.0.keyring;
        let _alone = ring.changing.lock().await;
        if learned.0.master_keys != learned.1.master_keys {
            self.refuse_beside_others().await?;
        }
        let was_new = ring.adopted.load(SeqCst);
        let keys = ring.masters().without(&[]);
        self.take_over(keys, learned, false, rotated(&Actor::System.into(), false)).await?;
        ring.adopted.store(was_new, SeqCst);
        Ok(())
    }

    /// Drops previous master keys that no live session names any more, from the installation, from memory, and from the file.
    pub(crate) async fn tend_master_keys(&self) -> Result<()> {
        let (ring, now) = (&self.0.keyring, self.now());
        if ring.masters().previous().is_empty() || now.as_millis() < ring.next_look.load(Relaxed) {
            return Ok(());
        }
        ring.next_look.store(now.plus(LOOK_EVERY).as_millis(), Relaxed);
        let _alone = ring.changing.lock().await;
        let before = ring.masters();
        let sealed = self.store().keys().await?;
        let mut gone = Vec::new();
        for master in before.previous() {
            // Another process may have sealed a key by it after the others were sealed anew; a start seals it anew too.
            let seals = sealed.iter().any(|key| key.key_version == master.version);
            if !seals && !self.store().names_master_key(master.version, now).await? {
                gone.push(master.version);
            }
        }
        if gone.is_empty() {
            return Ok(());
        }
        let was = self.store().installation().await?;
        let mut installation = was.clone();
        installation.master_keys.retain(|(version, _)| !gone.contains(version));
        let event = Event::new("master_key_dropped", Actor::System, None).with("versions", gone.clone());
        let next =
            Masters::of(before.without(&gone), &installation).map(Arc::new).ok_or_else(no_master_key)?;
        let rekey = Rekey { was, installation, keys: Vec::new(), removed: Vec::new(), ends_sessions: false };
        self.rekey(rekey, event).await?;
        ring.replace(Arc::clone(&next), self.store(), now).await?;
        if let Some(path) = &ring.file {
            // Of what stands there, all but what was dropped: a key that is not known here may be somebody's yet.
            let dropped: Vec<&MasterKey> =
                gone.iter().filter_map(|version| before.version(*version)).map(|gone| &gone.master).collect();
            match MasterKeys::from_file(path, false, self.randomness()) {
                Ok(MasterKeys { keys, .. }) => {
                    let left: Vec<MasterKey> =
                        keys.into_iter().filter(|key| !dropped.contains(&key)).collect();
                    self.shorten(path, &left);
                }
                Err(error) => tell(&error),
            }
        }
        Ok(())
    }

    /// Writes the file without what counts no more. What it says then counts already: a failure costs tidiness alone.
    fn shorten(&self, path: &Path, keys: &[MasterKey]) {
        if let Err(error) = file::replace(path, keys) {
            tell(&error);
        }
    }
}

fn rotated(by: &By, leaked: bool) -> Event<'_> {
    Event::by("master_key_rotated", by).with("leaked", leaked)
}

fn tell(error: &Error) {
    tracing::warn!(
        error = error as &dyn std::error::Error,
        "the master key file still holds keys that count no more; take them out by hand"
    );
}

fn done(next: &Masters, by_hand: bool) -> MasterRotation {
    let kept = next.previous().iter().map(|master| master.master.fingerprint()).collect();
    MasterRotation::Done { fingerprint: next.current().master.fingerprint(), kept, by_hand }
}

/// Whether the file holds a rotation that was begun and came no further in this process: a key that it does not use, in front of the one
/// that it does.
fn begun(given: &[MasterKey], before: &Masters) -> bool {
    let used = |key: &MasterKey| before.all().any(|master| master.master == *key);
    given.first().is_some_and(|key| !used(key)) && given.contains(&before.current().master)
}

/// The rows that another than the current key sealed, sealed by it.
fn sealed_anew(rows: &[KeyRow], masters: &Masters, randomness: &dyn Randomness) -> Result<Vec<KeyRow>> {
    let current = masters.current();
    let others = rows.iter().filter(|row| row.key_version != current.version);
    let seal = |row: &KeyRow| {
        let private = unsealed(masters, row)?;
        let sealed = current.master.seal(&private, &context(&row.kid), randomness);
        Ok(KeyRow { sealed, key_version: current.version, ..row.clone() })
    };
    others.map(seal).collect()
}

impl Keyring {
    /// Whether a signing key is sealed by another than the current master key.
    pub(super) fn sealed_by_others(&self) -> bool {
        let loaded = self.loaded.load();
        let current = loaded.masters.current().version;
        loaded.keys.iter().any(|key| key.row.key_version != current)
    }
}
