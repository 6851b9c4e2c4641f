//! Hashing and checking passwords, off the reactor and never more at once than there are threads for (invariant 8).

use std::sync::Arc;
use std::time::Duration;

use super::Password;
use super::arena::Arena;
use super::foreign::recognise;
use super::params::Argon2Params;
use super::phc::{Argon2Hash, OUTPUT, SALT};
use super::pool::{self, Full, Plan, Pool};
use crate::clock::{Randomness, random};

/// KiB of memory that one thread passes over in a second: a cautious guess, only for `Retry-After`.
const KIB_A_SECOND: u64 = 2 * 1024 * 1024;
/// Nobody is told to wait longer.
const LONGEST_WAIT: u64 = 30;
/// Requests that may wait for each thread: at the default cost each waits a fifth of a second, or somewhat more when checks want the
/// cores.
const QUEUE: usize = 32;
/// How long a thread without work keeps what it hashed: not long, and long enough not to wipe between the logins of a busy hour.
const WIPE_AFTER: Duration = Duration::from_millis(100);
/// How long it keeps the memory then.
const RELEASE_AFTER: Duration = Duration::from_secs(10);

/// How much may be hashed at once, and at what cost.
#[derive(Clone, Debug)]
pub struct HasherSettings {
    /// Threads that hash. Each works in `params.m_kib` KiB, which it gives back some seconds after its last hash. They step back for
    /// whatever else the machine has to do.
    pub threads: usize,
    /// Requests that may wait for a thread, counted from [`Hasher::place`]; one more is [`HashError::Overloaded`].
    pub queue: usize,
    /// The cost of new hashes.
    pub params: Argon2Params,
}

impl HasherSettings {
    /// The defaults for a machine with so many cores: each may hash, and 32 requests wait for each.
    #[must_use]
    pub fn for_cores(cores: usize) -> Self {
        let threads = cores.max(1);
        Self { threads, queue: threads * QUEUE, params: Argon2Params::default() }
    }
}

impl Default for HasherSettings {
    /// For this machine.
    fn default() -> Self {
        Self::for_cores(std::thread::available_parallelism().map_or(1, std::num::NonZero::get))
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HashError {
    /// The queue is full; nothing was done.
    #[error("too many passwords wait to be hashed")]
    Overloaded {
        /// When a place should be free: whole seconds, at least one.
        retry_after: Duration,
    },
    /// No memory, a defect, or the hasher is being shut down.
    #[error("the password could not be hashed")]
    Failed,
}

/// The answer to "is this the password?".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// It is.
    pub matches: bool,
    /// It is, and the stored hash should be replaced by a new one (if it is still the one that was verified): it is alien, or
    /// not at today's cost.
    pub rehash: bool,
    /// There is a stored hash and it cannot be read, or costs too much to be tried: nobody will get in with it. Worth an alert.
    pub unreadable: bool,
}

/// A place in the hashing pool, so that nothing is done for a login that could not be hashed. Given up when dropped.
pub struct Place(pool::Place);

/// Hashes and verifies passwords in its own threads, which end when it is dropped.
pub struct Hasher {
    pool: Pool,
    settings: HasherSettings,
    randomness: Arc<dyn Randomness>,
    /// At today's cost, and nobody's.
    dummy: Arc<Argon2Hash>,
}

impl Hasher {
    /// Starts the threads. Zero threads or places are taken as one.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn new(mut settings: HasherSettings, randomness: Arc<dyn Randomness>) -> std::io::Result<Self> {
        settings.threads = settings.threads.max(1);
        settings.queue = settings.queue.max(1);
        // A random hash that no password was ever hashed to.
        let dummy =
            Argon2Hash::new(settings.params, random::<SALT>(&*randomness), random::<OUTPUT>(&*randomness));
        let pool = Pool::start(Plan {
            threads: settings.threads,
            queue: settings.queue,
            wipe_after: WIPE_AFTER,
            release_after: RELEASE_AFTER,
        })?;
        Ok(Self { pool, settings, randomness, dummy: Arc::new(dummy) })
    }

    /// Takes a place among those that hash or wait.
    ///
    /// # Errors
    /// [`HashError::Overloaded`].
    pub fn place(&self) -> Result<Place, HashError> {
        let retry_after = || HashError::Overloaded { retry_after: retry_after(&self.settings) };
        self.pool.place().map(Place).map_err(|Full| retry_after())
    }

    /// Hashes a password that is to be stored: a PHC string, Argon2id, with a salt of its own.
    ///
    /// Dropping the future calls the hashing off if it has not begun.
    ///
    /// # Errors
    /// See [`HashError`].
    pub async fn hash(&self, password: Password) -> Result<String, HashError> {
        self.hash_at(self.place()?, password).await
    }

    /// The same for whoever has a place already.
    ///
    /// # Errors
    /// [`HashError::Failed`].
    pub async fn hash_at(&self, place: Place, password: Password) -> Result<String, HashError> {
        let (params, salt) = (self.settings.params, random::<SALT>(&*self.randomness));
        let hash = self
            .in_pool(place, move |arena| {
                Argon2Hash::make(params, password.text().as_bytes(), salt, arena).map(|hash| hash.to_phc())
            })
            .await?;
        hash.map_err(|_| HashError::Failed)
    }

    /// Verifies a password against a stored hash, ours or alien. `None` is for a user who does not exist, or has no password:
    /// it takes the time of a wrong password, as does a stored hash that cannot be read.
    ///
    /// Dropping the future calls the verification off if it has not begun.
    ///
    /// # Errors
    /// See [`HashError`].
    pub async fn verify(&self, password: Password, stored: Option<String>) -> Result<Verdict, HashError> {
        self.verify_at(self.place()?, password, stored).await
    }

    /// The same for whoever has a place already. What had to be done between the two was then not done in vain.
    ///
    /// # Errors
    /// [`HashError::Failed`].
    pub async fn verify_at(
        &self,
        place: Place,
        password: Password,
        stored: Option<String>,
    ) -> Result<Verdict, HashError> {
        let (dummy, today) = (Arc::clone(&self.dummy), self.settings.params);
        self.in_pool(place, move |arena| decide(&password, stored.as_deref(), &dummy, today, arena)).await
    }

    /// Whether a password with this stored hash should be hashed anew when it is next known: alien, not at today's cost, or
    /// unreadable.
    pub fn outdated(&self, stored: &str) -> bool {
        recognise(stored).map_or(true, |hash| hash.outdated(self.settings.params))
    }

    /// Requests that wait for a thread: a gauge.
    pub fn waiting(&self) -> usize {
        self.pool.waiting()
    }

    async fn in_pool<T: Send + 'static>(
        &self,
        place: Place,
        work: impl FnOnce(&mut Arena) -> T + Send + 'static,
    ) -> Result<T, HashError> {
        self.pool.submit(place.0, work).await.map_err(|_| HashError::Failed)
    }
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hasher").field("settings", &self.settings).finish_non_exhaustive()
    }
}

fn decide(
    password: &Password,
    stored: Option<&str>,
    dummy: &Argon2Hash,
    today: Argon2Params,
    arena: &mut Arena,
) -> Verdict {
    let Some(hash) = stored.and_then(|stored| recognise(stored).ok()) else {
        // The answer is no, whatever comes out.
        let _ = std::hint::black_box(dummy.verify(password.text().as_bytes(), arena));
        return Verdict { matches: false, rehash: false, unreadable: stored.is_some() };
    };
    let matches = hash.verify_in(password, arena);
    Verdict { matches, rehash: matches && hash.outdated(today), unreadable: false }
}

/// The time in which a full queue empties, rounded up.
fn retry_after(settings: &HasherSettings) -> Duration {
    let rounds = settings.queue.div_ceil(settings.threads) as u64;
    let seconds = (rounds * settings.params.work_kib()).div_ceil(KIB_A_SECOND);
    Duration::from_secs(seconds.clamp(1, LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemRandomness;

    const WEAK: Argon2Params = Argon2Params::dangerously_weak_for_tests();

    fn hasher(params: Argon2Params) -> Hasher {
        Hasher::new(HasherSettings { threads: 2, queue: 8, params }, Arc::new(SystemRandomness)).unwrap()
    }

    fn password(text: &str) -> Password {
        Password::parse(text).unwrap()
    }

    const NO: Verdict = Verdict { matches: false, rehash: false, unreadable: false };
    const YES: Verdict = Verdict { matches: true, ..NO };

    #[tokio::test]
    async fn a_password_matches_its_own_hash_alone() {
        let hasher = hasher(WEAK);
        let stored = hasher.hash(password("correct horse battery staple")).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{stored}");
        assert_ne!(stored, hasher.hash(password("correct horse battery staple")).await.unwrap());
        assert_eq!(
            hasher.verify(password("correct horse battery staple"), Some(stored.clone())).await,
            Ok(YES)
        );
        for wrong in ["correct horse battery staplE", "correct horse battery staple ", ""] {
            assert_eq!(hasher.verify(password(wrong), Some(stored.clone())).await, Ok(NO));
        }
        assert_eq!(hasher.verify(password("correct horse battery staple"), None).await, Ok(NO));
    }

    #[tokio::test]
    async fn cr_18_passwords_of_every_length_work_end_to_end() {
        let hasher = hasher(WEAK);
        for length in [64, 128, 1024] {
            let stored = hasher.hash(password(&"x".repeat(length))).await.unwrap();
            assert_eq!(hasher.verify(password(&"x".repeat(length)), Some(stored.clone())).await, Ok(YES));
            assert_eq!(hasher.verify(password(&"x".repeat(length - 1)), Some(stored)).await, Ok(NO));
        }
    }

    #[tokio::test]
    async fn cr_19_every_byte_counts() {
        let hasher = hasher(WEAK);
        let stored = hasher.hash(password(&("a".repeat(72) + "one"))).await.unwrap();
        assert_eq!(hasher.verify(password(&("a".repeat(72) + "two")), Some(stored)).await, Ok(NO));
    }

    #[tokio::test]
    async fn cr_22_both_normal_forms_match() {
        let hasher = hasher(WEAK);
        let stored = hasher.hash(password("Zo\u{eb} mange un p\u{e2}t\u{e9}")).await.unwrap();
        let verify = async |text| hasher.verify(password(text), Some(stored.clone())).await;
        assert_eq!(verify("Zoe\u{308} mange un pa\u{302}te\u{301}").await, Ok(YES));
        assert_eq!(verify("Zo\u{eb} mange un p\u{e2}te").await, Ok(NO));
    }

    #[tokio::test]
    async fn cr_02_a_hash_at_another_cost_or_an_alien_one_is_to_be_replaced() {
        let (today, past) = (Argon2Params::dangerously_below_the_floor(16, 2, 1).unwrap(), WEAK);
        let hasher_of = |params| hasher(params);
        let (now, then) = (hasher_of(today), hasher_of(past));
        let old = then.hash(password("pass phrase")).await.unwrap();
        assert!(now.outdated(&old) && !then.outdated(&old));
        assert_eq!(
            now.verify(password("pass phrase"), Some(old.clone())).await,
            Ok(Verdict { rehash: true, ..YES })
        );
        assert_eq!(now.verify(password("pass phrasE"), Some(old)).await, Ok(NO));
        let new = now.hash(password("pass phrase")).await.unwrap();
        assert!(!now.outdated(&new) && then.outdated(&new), "a costlier one would tell who has it");
        // openssl passwd -apr1 -salt ab x
        let alien = "$apr1$ab$eIePjsejfBGR8ITtu2z0U1".to_owned();
        assert_eq!(now.verify(password("x"), Some(alien.clone())).await, Ok(Verdict { rehash: true, ..YES }));
        assert_eq!(now.verify(password("y"), Some(alien.clone())).await, Ok(NO));
        assert!(now.outdated(&alien) && now.outdated("nonsense"));
    }

    #[tokio::test]
    async fn cr_31_hostile_hashes_match_nothing_and_say_so() {
        let hasher = hasher(WEAK);
        for stored in [
            "",
            "$argon2id$v=19$m=4294967295,t=1,p=1$c2FsdHNhbHRzYWx0MTIzNA$BMX+zgY6SL9NpeLtKzxVKG8d/nJ2VaarXT12zilVJXA",
            "$argon2id$v=19$m=64,t=0,p=1$c2FsdHNhbHRzYWx0MTIzNA$BMX+zgY6SL9NpeLtKzxVKG8d/nJ2VaarXT12zilVJXA",
            "$argon2id$v=19$m=64,t=2,p=1$$BMX+zgY6SL9NpeLtKzxVKG8d/nJ2VaarXT12zilVJXA",
            "$2b$04$ééééééééééééééééééééééééééa",
            "$2b$31$tuz2zCp71l.PaU9XTa/due/k3NvIlydTpNleI0xdOVKZQJ2.CCqpa",
            "\u{0}\u{10ffff}",
        ] {
            for text in ["", "password", "correct horse battery stäple"] {
                let verdict = hasher.verify(password(text), Some(stored.to_owned())).await;
                assert_eq!(verdict, Ok(Verdict { unreadable: true, ..NO }), "{stored}");
            }
        }
        // The dummy answers no to whatever it is asked.
        assert_eq!(hasher.verify(password("password"), None).await, Ok(NO));
    }

    #[tokio::test]
    async fn cr_02_missing_and_damaged_cost_what_wrong_costs() {
        let today = Argon2Params::dangerously_below_the_floor(64, 3, 1).unwrap();
        let hasher = hasher(today);
        let stored = hasher.hash(password("correct horse battery staple")).await.unwrap();
        let cost = |stored: Option<&str>| {
            let mut arena = Arena::default();
            let verdict = decide(&password("wrong"), stored, &hasher.dummy, today, &mut arena);
            (verdict.matches, arena.touched)
        };
        for stored in [Some(stored.as_str()), None, Some("damaged"), Some("")] {
            assert_eq!(cost(stored), (false, today.work_kib()), "{stored:?}");
        }
    }

    #[tokio::test]
    async fn jd_11_more_than_the_queue_holds_is_refused_before_any_work() {
        let settings = HasherSettings { threads: 1, queue: 4, params: Argon2Params::default() };
        let hasher = Arc::new(Hasher::new(settings, Arc::new(SystemRandomness)).unwrap());
        let mut logins = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let hasher = Arc::clone(&hasher);
            logins.spawn(async move { hasher.verify(password("wrong"), None).await });
        }
        let answers = logins.join_all().await;
        let overloaded = Err(HashError::Overloaded { retry_after: Duration::from_secs(1) });
        let refused = answers.iter().filter(|answer| **answer == overloaded).count();
        // One may have begun, and some may have ended, while the others asked.
        assert!((1..=46).contains(&refused), "{refused}");
        assert_eq!(answers.iter().filter(|answer| **answer == Ok(NO)).count(), 50 - refused);
    }

    #[tokio::test]
    async fn em_07_a_reactor_of_one_thread_goes_on_while_passwords_hash() {
        // One hash takes longer than a gap may be. The time is the thread's own, so that a busy machine makes no gap.
        let params = Argon2Params::new(65_536, 2, 1).unwrap();
        let most = Duration::from_millis(20);
        let worked = || {
            let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
            Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap())
        };
        let began = worked();
        let stored =
            Argon2Hash::make(params, password("right").text().as_bytes(), [7; 16], &mut Arena::default());
        assert!(worked() - began > most, "a hash on this thread would be seen: {:?}", worked() - began);

        let stored = stored.unwrap().to_phc();
        let settings = HasherSettings { threads: 2, queue: 50, params };
        let hasher = Arc::new(Hasher::new(settings, Arc::new(SystemRandomness)).unwrap());
        let mut logins = tokio::task::JoinSet::new();
        for login in 0..50 {
            let (hasher, stored) = (Arc::clone(&hasher), stored.clone());
            logins.spawn(async move {
                match login % 3 {
                    0 => hasher.verify(password("right"), Some(stored)).await.map(drop),
                    1 => hasher.verify(password("wrong"), None).await.map(drop),
                    _ => hasher.hash(password("new")).await.map(drop),
                }
            });
        }
        let (mut beat, mut longest) = (worked(), Duration::ZERO);
        while !logins.is_empty() {
            tokio::task::yield_now().await;
            while let Some(login) = logins.try_join_next() {
                login.unwrap().unwrap();
            }
            longest = longest.max(worked() - beat);
            beat = worked();
        }
        assert!(longest < most, "{longest:?}");
    }

    #[test]
    fn the_defaults_use_every_core() {
        for (cores, threads) in [(0, 1), (1, 1), (2, 2), (8, 8)] {
            let settings = HasherSettings::for_cores(cores);
            assert_eq!((settings.threads, settings.queue), (threads, threads * 32));
        }
        assert_eq!(retry_after(&HasherSettings::for_cores(8)), Duration::from_secs(1));
        let slow =
            HasherSettings { threads: 1, queue: 64, params: Argon2Params::new(262_144, 8, 1).unwrap() };
        assert_eq!(retry_after(&slow), Duration::from_secs(LONGEST_WAIT));
    }
}
