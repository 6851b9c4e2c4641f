//! The keyring: the keys that sign tokens, sealed by the master key, and the MAC keys derived from it.
//!
//! Owns which key signs at a moment and which ones verify. A key is published first, signs from `sign_from` on until a later
//! one does, and verifies until the last token it signed is dead. Refuses: signing with an unpublished key, verifying with one
//! that does not sign yet (KM-11), opening with a wrong master key (KM-05). Private keys are in the store only sealed.

pub mod file;
pub(crate) mod life;
pub mod master;
pub(crate) mod masters;
mod restored;
pub mod rotate;
pub mod seal;

use std::{
    ops::Range,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

use arc_swap::ArcSwap;
use symbolon_token::{AccessClaims, Algorithm, Compact, Jwks, Kid, SigningKey, Timestamp, Verifier};

use life::Life;
pub use master::MasterRotation;
pub use masters::MasterKeys;
use masters::{Masters, Recognised, in_order, recognise};
pub use seal::{MasterKey, NotAMasterKey};

use crate::{
    Symbolon,
    clock::Randomness,
    error::{Error, ErrorKind, Result},
    limits::Settings,
    store::{Installation, KeyRow, Store},
};

pub(crate) struct Keyring {
    loaded: ArcSwap<Loaded>,
    /// Where the master keys are kept, when that is a file.
    file: Option<PathBuf>,
    /// Whether the current master key was learned by this process.
    adopted: AtomicBool,
    issuer: String,
    audiences: Vec<String>,
    leeway: std::time::Duration,
    life: Life,
    /// Held from reading the keys to taking them into use: of two reloads at once the later read wins.
    reloading: tokio::sync::Mutex<()>,
    /// Held by whoever changes keys: none may be sealed by a master key that is being dropped meanwhile.
    changing: tokio::sync::Mutex<()>,
    /// When previous master keys are next looked at, milliseconds since 1970.
    next_look: AtomicI64,
    /// When keys that others made may next be looked for, milliseconds since 1970.
    next_search: AtomicI64,
    /// From when on the latest token counts that is known here, milliseconds since 1970: the clock may have been set back since.
    last_issued: AtomicI64,
}

/// How often a start looks at an installation that others change under its eyes.
const LOOKS: u32 = 20;

/// What the installation is, and what it shall be told.
pub(crate) type Learned = (Installation, Installation);

struct Key {
    row: KeyRow,
    signing: Arc<SigningKey>,
    /// When a later key began to sign; `None` for the latest.
    retired_at: Option<Timestamp>,
}

/// What counts at one moment: replaced as a whole, so that nobody signs by keys of one moment what those of another refuse.
struct Loaded {
    masters: Arc<Masters>,
    /// In order of `sign_from`.
    keys: Vec<Key>,
    /// `None` while there is no key at all.
    verifiers: Option<Verifiers>,
}

struct Verifiers {
    /// For tokens that are for us: `aud` holds the issuer.
    own: Verifier,
    /// For tokens of ours, whomever they are for.
    any: Verifier,
}

/// A key as administrators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyInfo {
    /// Key id.
    pub kid: Kid,
    /// What it signs with.
    pub algorithm: Algorithm,
    /// `next`, `current` or `retired`.
    pub state: &'static str,
    /// Published from here on.
    pub created_at: Timestamp,
    /// Signs from here on.
    pub sign_from: Timestamp,
    /// A later key signs from here on.
    pub retired_at: Option<Timestamp>,
}

impl Keyring {
    /// The keyring, and what the installation must still be told before anybody is answered, beside what it was: that it has a new master
    /// key.
    pub(crate) async fn open(
        settings: &Settings,
        store: &dyn Store,
        master: &MasterKeys,
        now: Timestamp,
        randomness: &dyn Randomness,
    ) -> Result<(Self, Option<Learned>)> {
        // Of several processes that start at once one tells the installation something, and the others look again (KM-06).
        for _ in 0..LOOKS {
            if let Some(opened) = Self::try_open(settings, store, master, now, randomness).await? {
                return Ok(opened);
            }
        }
        Err(Error::new(ErrorKind::Unavailable, "Other processes keep changing the installation."))
    }

    /// `None`: the installation was told something by another process meanwhile.
    async fn try_open(
        settings: &Settings,
        store: &dyn Store,
        master: &MasterKeys,
        now: Timestamp,
        randomness: &dyn Randomness,
    ) -> Result<Option<(Self, Option<Learned>)>> {
        let known = store.installation().await?;
        let mut recognised = recognise(&known, &master.keys)?;
        if store.shared() && !recognised.adopted && !known.master_keys.is_empty() {
            // Which key is current others have settled: only a new one can take its place.
            recognised.keys = in_order(&known, &master.keys)?;
            recognised.installation = known.clone();
        }
        let Recognised { keys, installation, adopted } = recognised;
        let told = life::told(&installation, settings.token.access_life, now);
        let masters = Masters::of(keys, &told).map(Arc::new).ok_or_else(no_master_key)?;
        let keyring = Self {
            loaded: ArcSwap::from_pointee(Loaded { masters, keys: Vec::new(), verifiers: None }),
            file: master.file.clone(),
            adopted: AtomicBool::new(adopted),
            issuer: settings.issuer.clone(),
            audiences: settings.token.audiences.clone(),
            leeway: settings.token.leeway,
            life: Life::of(&told),
            reloading: tokio::sync::Mutex::default(),
            changing: tokio::sync::Mutex::default(),
            next_look: AtomicI64::new(i64::MIN),
            next_search: AtomicI64::new(i64::MIN),
            last_issued: AtomicI64::new(i64::MIN),
        };
        // All that is sealed opens, or nothing is written (KM-05).
        keyring.replace(keyring.masters(), store, now).await?;
        // A new installation learns its key before the first is sealed with it, and every one the life of its tokens before the
        // first is issued. What changes hands is told with all that is sealed anew.
        let seals_anew = keyring.sealed_by_others();
        if told != known && !adopted && !store.change_installation(known.clone(), told.clone()).await? {
            return Ok(None);
        }
        let is = if adopted { known } else { told.clone() };
        if keyring.loaded.load().keys.is_empty() {
            let key = keyring.generate(settings.token.algorithm, now, now, randomness)?;
            // Unless another process made it first.
            store.add_key(key, Vec::new()).await?;
            keyring.replace(keyring.masters(), store, now).await?;
        }
        Ok(Some((keyring, (adopted || seals_anew).then_some((is, told)))))
    }

    /// Takes the store's keys into use, and the master keys that count by it: where the store is shared, another process may have
    /// replaced those.
    ///
    /// # Errors
    /// `Unavailable`, also when the current master key is none that this process was given. Then all stays as it is here, and who asks
    /// must not let memory decide.
    pub(crate) async fn reload(
        &self,
        store: &dyn Store,
        now: Timestamp,
        randomness: &dyn Randomness,
    ) -> Result<()> {
        let _alone = self.reloading.lock().await;
        // In this order: by what sealed these keys they can be opened still, or they are gone with it.
        let rows = store.keys().await?;
        let masters = if store.shared() {
            self.masters_of(&store.installation().await?, randomness)?
        } else {
            self.masters()
        };
        self.load(masters, rows, now)
    }

    /// The master keys of an installation as it is now.
    fn masters_of(&self, installation: &Installation, randomness: &dyn Randomness) -> Result<Arc<Masters>> {
        let masters = self.masters();
        if masters.are_of(installation) {
            return Ok(masters);
        }
        let given = match &self.file {
            // The new one may have been put there meanwhile.
            Some(path) => MasterKeys::from_file(path, false, randomness)?.keys,
            None => masters.all().map(|master| master.master.clone()).collect(),
        };
        let keys = in_order(installation, &given)?;
        Masters::of(keys, installation).map(Arc::new).ok_or_else(no_master_key)
    }

    /// Takes other master keys into use, with what they sealed, in one step.
    async fn replace(&self, masters: Arc<Masters>, store: &dyn Store, now: Timestamp) -> Result<()> {
        let _alone = self.reloading.lock().await;
        self.load(masters, store.keys().await?, now)
    }

    /// The longest life of a token that counts at `now`, whichever process issued it.
    pub(crate) fn longest_life(&self, now: Timestamp) -> std::time::Duration {
        self.life.longest(now)
    }

    /// There is a token that counts from `at` on.
    pub(crate) fn issues_at(&self, at: Timestamp) {
        self.last_issued.fetch_max(at.as_millis(), Ordering::SeqCst);
    }

    /// The latest time from which a token counts, of those that are known here.
    pub(crate) fn last_issued(&self) -> Timestamp {
        Timestamp::from_millis(self.last_issued.load(Ordering::SeqCst))
    }

    /// The master keys of this moment.
    pub(crate) fn masters(&self) -> Arc<Masters> {
        Arc::clone(&self.loaded.load().masters)
    }

    /// The epoch of the MACs that count at this moment.
    pub(crate) fn epoch(&self) -> u32 {
        self.loaded.load().masters.epoch()
    }

    fn generate(
        &self,
        algorithm: Algorithm,
        now: Timestamp,
        sign_from: Timestamp,
        randomness: &dyn Randomness,
    ) -> Result<KeyRow> {
        Self::generate_under(&self.masters(), algorithm, now, sign_from, randomness)
    }

    fn generate_under(
        masters: &Masters,
        algorithm: Algorithm,
        now: Timestamp,
        sign_from: Timestamp,
        randomness: &dyn Randomness,
    ) -> Result<KeyRow> {
        let (key, private) = SigningKey::generate(algorithm)
            .map_err(|error| Error::caused(ErrorKind::Internal, "A signing key could not be made.", error))?;
        let current = masters.current();
        let kid = *key.kid();
        let sealed = current.master.seal(private.as_ref(), &context(&kid), randomness);
        Ok(KeyRow {
            kid,
            algorithm: algorithm.name().into(),
            sealed,
            key_version: current.version,
            created_at: now,
            sign_from,
        })
    }

    /// Opens the rows and takes them into use, all or none.
    fn load(&self, masters: Arc<Masters>, mut rows: Vec<KeyRow>, now: Timestamp) -> Result<()> {
        rows.sort_by_key(|row| (row.sign_from, row.created_at, row.kid.to_string()));
        let starts: Vec<Timestamp> = rows.iter().map(|row| row.sign_from).collect();
        let keys = rows
            .into_iter()
            .enumerate()
            .map(|(index, row)| {
                Ok(Key {
                    signing: self.parsed(&masters, &row)?,
                    row,
                    retired_at: starts.get(index + 1).copied(),
                })
            })
            .collect::<Result<Vec<Key>>>()?;
        let verifiers = if keys.is_empty() {
            None
        } else {
            let life = self.life.longest(now);
            Some(Verifiers {
                own: self.verifier(&keys, &[], life)?,
                any: self.verifier(&keys, &self.audiences, life)?,
            })
        };
        self.loaded.store(Arc::new(Loaded { masters, keys, verifiers }));
        Ok(())
    }

    fn parsed(&self, masters: &Masters, row: &KeyRow) -> Result<Arc<SigningKey>> {
        // A key once parsed is kept: reloading the ring must not parse RSA keys again.
        if let Some(key) = self.loaded.load().keys.iter().find(|key| key.row.kid == row.kid) {
            return Ok(Arc::clone(&key.signing));
        }
        let private = unsealed(masters, row)?;
        let algorithm = row.algorithm.parse().map_err(|_| damaged(row))?;
        let key = SigningKey::from_private_bytes(algorithm, &private).map_err(|error| {
            Error::caused(ErrorKind::Internal, format!("The signing key {} is not usable.", row.kid), error)
        })?;
        if *key.kid() == row.kid { Ok(Arc::new(key)) } else { Err(damaged(row)) }
    }

    fn verifier(
        &self,
        keys: &[Key],
        audiences: &[String],
        longest_life: std::time::Duration,
    ) -> Result<Verifier> {
        let builder = Verifier::builder().issuer(self.issuer.as_str()).audience(self.issuer.as_str());
        audiences
            .iter()
            .fold(builder, |builder, audience| builder.audience(audience.as_str()))
            .typ("at+jwt")
            .leeway(self.leeway)
            // The log keeps an ending for as long as this: what lives longer could outlive it (JC-06). The ceiling is the
            // configuration's to hold.
            .unsafe_max_life(longest_life)
            .keys(keys.iter().map(|key| key.signing.verifying()))
            .build()
            .map_err(|error| Error::caused(ErrorKind::Internal, "The keys do not make a verifier.", error))
    }

    /// The key that signs at `now`.
    pub(crate) fn signing(&self, now: Timestamp) -> Result<Arc<SigningKey>> {
        Self::signer(&self.loaded.load(), now)
    }

    /// The key that signs at `now` for a session that names this version of the master key. Of one moment: a session whose master key
    /// was dropped as leaked must not get a token of a key that was made after it.
    pub(crate) fn signing_for(&self, now: Timestamp, version: Option<u32>) -> Result<Arc<SigningKey>> {
        let loaded = self.loaded.load();
        match version {
            Some(version) if !loaded.masters.knows(version) => Err(Error::no_session()),
            _ => Self::signer(&loaded, now),
        }
    }

    fn signer(loaded: &Loaded, now: Timestamp) -> Result<Arc<SigningKey>> {
        let current = loaded.keys.iter().rev().find(|key| key.row.sign_from <= now);
        // Before all of them only a clock that was set back can be: the first has signed already.
        current
            .or(loaded.keys.first())
            .map(|key| Arc::clone(&key.signing))
            .ok_or_else(|| Error::new(ErrorKind::Unavailable, "There is no key to sign with at the moment."))
    }

    /// Signature, form, issuer, audience and the key's own time; not the token's times, which come last (model rule 2).
    pub(crate) fn authenticate(&self, token: &str, now: Timestamp) -> Option<(AccessClaims, Kid)> {
        let loaded = self.loaded.load();
        let (claims, kid) = loaded.verifiers.as_ref()?.own.authenticate(token).ok()?;
        loaded.counts(&kid, now, self).then_some((claims, kid))
    }

    /// The same for a token that is for somebody else: introspection and revocation know all of ours.
    pub(crate) fn authenticate_any_audience(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Option<(AccessClaims, Kid)> {
        let loaded = self.loaded.load();
        let (claims, kid) = loaded.verifiers.as_ref()?.any.authenticate(token).ok()?;
        loaded.counts(&kid, now, self).then_some((claims, kid))
    }

    /// Whether a token names a key that is not in this ring; once a second at most, so that made-up names cost the store little.
    pub(crate) fn misses_key_of(&self, token: &str, now: Timestamp) -> bool {
        let Ok(compact) = Compact::parse(token) else { return false };
        let kid = compact.header().kid.as_deref().and_then(|kid| kid.parse::<Kid>().ok());
        let unknown = kid.is_some_and(|kid| self.loaded.load().keys.iter().all(|key| key.row.kid != kid));
        let due = self.next_search.load(Ordering::Relaxed);
        unknown && due <= now.as_millis()
    }

    /// Keys are looked for now.
    fn searches(&self, now: Timestamp) {
        self.next_search.store(now.as_millis().saturating_add(1_000), Ordering::Relaxed);
    }

    /// Whether a key that counts signs with a private half. A symmetric proof is as cheap as remembering it.
    pub(crate) fn is_asymmetric(&self, kid: &Kid) -> bool {
        let loaded = self.loaded.load();
        loaded.keys.iter().any(|key| key.row.kid == *kid && !key.signing.algorithm().symmetric())
    }

    /// From when until when a token with these claims may count.
    pub(crate) fn life(&self, claims: &AccessClaims) -> Range<Timestamp> {
        let loaded = self.loaded.load();
        let never = Timestamp::default()..Timestamp::default();
        loaded.verifiers.as_ref().map_or(never, |verifiers| verifiers.own.life(claims))
    }

    /// Public keys that verify now or will: never symmetric ones, never those past their time.
    pub(crate) fn jwks(&self, now: Timestamp) -> Jwks {
        let loaded = self.loaded.load();
        let keys = loaded
            .keys
            .iter()
            .filter(|key| !key.over(now, self))
            .filter_map(|key| key.signing.verifying().jwk())
            .collect();
        Jwks { keys }
    }

    fn info(&self, now: Timestamp) -> Vec<KeyInfo> {
        let loaded = self.loaded.load();
        let info = |key: &Key| KeyInfo {
            kid: key.row.kid,
            algorithm: key.signing.algorithm(),
            state: match key.retired_at {
                _ if now < key.row.sign_from => "next",
                Some(at) if at <= now => "retired",
                _ => "current",
            },
            created_at: key.row.created_at,
            sign_from: key.row.sign_from,
            retired_at: key.retired_at,
        };
        loaded.keys.iter().rev().map(info).collect()
    }
}

impl Key {
    /// Whether the last token it signed is dead.
    fn over(&self, now: Timestamp, ring: &Keyring) -> bool {
        self.retired_at.is_some_and(|at| at.plus(ring.life.longest(now) + ring.leeway) <= now)
    }
}

impl Loaded {
    fn counts(&self, kid: &Kid, now: Timestamp, ring: &Keyring) -> bool {
        let Some(at) = self.keys.iter().position(|key| key.row.kid == *kid) else { return false };
        let key = &self.keys[at];
        // The first key never is a future one: see `signing`.
        let begun = at == 0 || key.row.sign_from <= now.plus(ring.leeway);
        begun && !key.over(now, ring)
    }
}

fn context(kid: &Kid) -> String {
    format!("signing key {kid}")
}

/// What a row seals.
fn unsealed(masters: &Masters, row: &KeyRow) -> Result<zeroize::Zeroizing<Vec<u8>>> {
    let master = masters.version(row.key_version).ok_or_else(|| damaged(row))?;
    master.master.open(&row.sealed, &context(&row.kid)).ok_or_else(|| damaged(row))
}

fn damaged(row: &KeyRow) -> Error {
    let text = format!("The signing key {} cannot be opened with the master key.", row.kid);
    Error::new(ErrorKind::Internal, text)
}

fn no_master_key() -> Error {
    Error::new(ErrorKind::Unavailable, "There is no master key.")
}

impl Symbolon {
    /// The public keys, for `/.well-known/jwks.json`.
    pub fn jwks(&self) -> Jwks {
        self.0.keyring.jwks(self.now())
    }

    /// Looks for a key that another process made, and a token that is shown here names.
    pub(crate) async fn search_keys(&self) -> Result<()> {
        let ring = &self.0.keyring;
        ring.searches(self.now());
        let found = self.reload_keys().await;
        if found.is_err() {
            // Nobody can say yet that there is no such key.
            ring.next_search.store(i64::MIN, Ordering::Relaxed);
        }
        found
    }

    /// All keys, newest first.
    pub fn keys(&self) -> Vec<KeyInfo> {
        self.0.keyring.info(self.now())
    }
}
