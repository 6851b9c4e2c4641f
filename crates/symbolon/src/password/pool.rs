//! A bounded pool of plain threads: the only place where passwords are hashed.
//!
//! Places are bounded, and asked for before anything is done for a login: without one it is refused at once (ATTACKS JD-11). A job
//! whose asker has gone away is skipped when its turn comes, and gives up its place when the place is needed. A job that panics
//! takes nothing with it but its answer.
//!
//! The threads may use every core, and step back when the core is wanted by somebody else, which is a check: they run at a lower
//! priority ([`NICE`]), and Argon2 yields after each segment of a hash, half a millisecond or so. Who is waiting for a core is for
//! the scheduler to know: a count of requests kept by us would know of those that have begun, and not of those that wait for one.
//! A priority is a share, not a rank, so logins go on under any load of checks.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::arena::Arena;

/// By how much the threads are nicer than the rest of the process.
const NICE: i32 = 5;

/// What a pool is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// At least one is started.
    pub(super) threads: usize,
    /// Jobs that may wait beside those that run: at least one.
    pub(super) queue: usize,
    /// A thread without work wipes its arena after this time,
    pub(super) wipe_after: Duration,
    /// and after this one gives its memory back.
    pub(super) release_after: Duration,
}

/// Threads that wait for jobs until this is dropped. What is still queued then is never done.
pub(super) struct Pool(Arc<Shared>);

/// All places are taken.
#[derive(Debug)]
pub(super) struct Full;

/// A place in the pool, from before the job is known until it is done. Given up when dropped.
pub(super) struct Place(Arc<Shared>);

struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
    taken: AtomicUsize,
    plan: Plan,
}

struct Queue {
    jobs: VecDeque<Box<dyn Job>>,
    closed: bool,
}

trait Job: Send {
    /// Whether somebody still waits for the answer.
    fn wanted(&self) -> bool;
    fn run(self: Box<Self>, arena: &mut Arena);
}

struct Asked<W, T> {
    work: W,
    answer: oneshot::Sender<T>,
    place: Place,
}

impl<W: FnOnce(&mut Arena) -> T + Send, T: Send> Job for Asked<W, T> {
    fn wanted(&self) -> bool {
        !self.answer.is_closed()
    }

    fn run(self: Box<Self>, arena: &mut Arena) {
        let Self { work, answer, place } = *self;
        let result = work(arena);
        drop(place);
        // Who asked may have left in the meantime.
        let _ = answer.send(result);
    }
}

impl Pool {
    /// Starts the threads.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub(super) fn start(plan: Plan) -> std::io::Result<Self> {
        let queue = Mutex::new(Queue { jobs: VecDeque::new(), closed: false });
        let taken = AtomicUsize::new(0);
        let pool = Self(Arc::new(Shared { queue, filled: Condvar::new(), taken, plan }));
        for number in 0..plan.threads.max(1) {
            let shared = Arc::clone(&pool.0);
            // Thread names are cut at 15 bytes.
            std::thread::Builder::new().name(format!("symbolon-hash{number}")).spawn(move || {
                step_back();
                shared.work(Arena::default());
            })?;
        }
        Ok(pool)
    }

    /// Takes a place for a job.
    ///
    /// # Errors
    /// [`Full`].
    pub(super) fn place(&self) -> Result<Place, Full> {
        self.0
            .take_place()
            .or_else(|| {
                self.0.forget_unwanted();
                self.0.take_place()
            })
            .map(|()| Place(Arc::clone(&self.0)))
            .ok_or(Full)
    }

    /// Queues `work`. The receiver errs when the pool is dropped first or the job panics; dropping it calls the job off.
    pub(super) fn submit<T: Send + 'static>(
        &self,
        place: Place,
        work: impl FnOnce(&mut Arena) -> T + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (answer, receiver) = oneshot::channel();
        self.0.lock().jobs.push_back(Box::new(Asked { work, answer, place }));
        self.0.filled.notify_one();
        receiver
    }

    /// Jobs that have not begun.
    pub(super) fn waiting(&self) -> usize {
        self.0.lock().jobs.len()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut queue = self.0.lock();
        queue.closed = true;
        let jobs = std::mem::take(&mut queue.jobs);
        drop(queue);
        self.0.filled.notify_all();
        // Wakes whoever waits for them: not under the lock.
        drop(jobs);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // No job runs under the lock, and a queue is whole between any two of its calls.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_place(&self) -> Option<()> {
        let most = self.plan.threads.max(1) + self.plan.queue.max(1);
        let more = |taken| (taken < most).then_some(taken + 1);
        self.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok().map(drop)
    }

    /// Drops the jobs that nobody waits for any more, and with them their places.
    fn forget_unwanted(&self) {
        let mut queue = self.lock();
        let (wanted, unwanted) = std::mem::take(&mut queue.jobs).into_iter().partition(|job| job.wanted());
        queue.jobs = wanted;
        drop(queue);
        // What a job holds is not ours to know: not under the lock.
        drop::<VecDeque<_>>(unwanted);
    }

    /// The life of a thread.
    fn work(&self, mut arena: Arena) {
        while let Some(job) = self.next(&mut arena) {
            if job.wanted() {
                // The arena may hold half a hash afterwards; the next one overwrites it.
                let _ = catch_unwind(AssertUnwindSafe(|| job.run(&mut arena)));
            }
        }
    }

    /// The next job; none when the pool is closed. A thread that waits for long keeps no secrets, and then no memory.
    fn next(&self, arena: &mut Arena) -> Option<Box<dyn Job>> {
        let Plan { wipe_after, release_after, .. } = self.plan;
        for (patience, rest) in [
            (Some(wipe_after), Arena::wipe as fn(&mut Arena)),
            (Some(release_after), Arena::release),
            (None, |_| {}),
        ] {
            match self.wait(patience) {
                Waited::Job(job) => return Some(job),
                Waited::Closed => return None,
                Waited::InVain => rest(arena),
            }
        }
        None
    }

    fn wait(&self, patience: Option<Duration>) -> Waited {
        let nothing = |queue: &mut Queue| queue.jobs.is_empty() && !queue.closed;
        let queue = self.lock();
        let mut queue = match patience {
            Some(patience) => match self.filled.wait_timeout_while(queue, patience, nothing) {
                Ok((queue, _)) => queue,
                Err(poisoned) => poisoned.into_inner().0,
            },
            None => self.filled.wait_while(queue, nothing).unwrap_or_else(PoisonError::into_inner),
        };
        match queue.jobs.pop_front() {
            Some(job) => Waited::Job(job),
            None if queue.closed => Waited::Closed,
            None => Waited::InVain,
        }
    }
}

/// How waiting for a job ended.
enum Waited {
    Job(Box<dyn Job>),
    Closed,
    InVain,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Lowers the priority of the calling thread. Where this is not allowed, or is the process's and not the thread's, the yielding alone
/// must do.
fn step_back() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{getpriority_process, setpriority_process};
        let _ = getpriority_process(None).and_then(|nice| setpriority_process(None, nice + NICE));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;
    use std::sync::mpsc;

    const PLAN: Plan = Plan {
        threads: 1,
        queue: 2,
        wipe_after: Duration::from_millis(100),
        release_after: Duration::from_secs(10),
    };

    fn submit<T: Send + 'static>(
        pool: &Pool,
        work: impl FnOnce(&mut Arena) -> T + Send + 'static,
    ) -> oneshot::Receiver<T> {
        pool.submit(pool.place().unwrap(), work)
    }

    /// Keeps a thread busy until the sender is dropped; returns once the thread has begun.
    fn busy(pool: &Pool) -> (mpsc::Sender<()>, oneshot::Receiver<()>) {
        let (release, wait) = mpsc::channel::<()>();
        let (begun, begins) = mpsc::channel();
        let done = submit(pool, move |_| {
            begun.send(()).unwrap();
            let _ = wait.recv();
        });
        begins.recv().unwrap();
        (release, done)
    }

    #[tokio::test]
    async fn jd_11_without_a_place_nothing_is_begun() {
        let pool = Pool::start(PLAN).unwrap();
        let (release, _done) = busy(&pool);
        // One place is held by somebody who has no job yet.
        let (held, queued) = (pool.place().unwrap(), submit(&pool, |_| 1));
        assert!(pool.place().is_err());
        assert_eq!(pool.waiting(), 1);
        drop(held);
        let second = submit(&pool, |_| 2);
        assert!(pool.place().is_err());
        drop(release);
        assert_eq!((queued.await, second.await), (Ok(1), Ok(2)));
        let all: Vec<_> = (0..3).map(|_| pool.place().unwrap()).collect();
        assert!(pool.place().is_err());
        drop(all);
        assert_eq!(submit(&pool, |_| 4).await, Ok(4));
    }

    #[tokio::test]
    async fn a_job_nobody_waits_for_is_skipped_and_gives_up_its_place() {
        static RAN: AtomicBool = AtomicBool::new(false);
        let pool = Pool::start(PLAN).unwrap();
        let (release, _done) = busy(&pool);
        drop(submit(&pool, |_| RAN.store(true, Ordering::SeqCst)));
        let second = submit(&pool, |_| 2);
        let third = submit(&pool, |_| 3);
        assert!(pool.place().is_err());
        drop(third);
        drop(release);
        assert_eq!(second.await, Ok(2));
        assert_eq!(submit(&pool, |_| 5).await, Ok(5));
        assert!(!RAN.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn a_panic_costs_one_answer_and_no_place() {
        let pool = Pool::start(PLAN).unwrap();
        for _ in 0..5 {
            assert!(submit(&pool, |_| -> u8 { panic!("on purpose") }).await.is_err());
        }
        assert_eq!(submit(&pool, |_| 1).await, Ok(1));
    }

    #[tokio::test]
    async fn jobs_run_on_threads_of_their_own() {
        let pool = Pool::start(Plan { threads: 2, ..PLAN }).unwrap();
        let (release, done) = busy(&pool);
        let name = submit(&pool, |_| std::thread::current().name().map(str::to_owned)).await.unwrap();
        assert!(name.is_some_and(|name| name.starts_with("symbolon-hash")));
        drop(release);
        done.await.unwrap();
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn invariant_8_hashing_has_a_lower_priority_than_checking() {
        let nice = || rustix::process::getpriority_process(None).unwrap();
        let pool = Pool::start(Plan { threads: 2, ..PLAN }).unwrap();
        let (release, done) = busy(&pool);
        assert_eq!(submit(&pool, move |_| nice()).await.unwrap(), (nice() + NICE).min(19));
        drop(release);
        done.await.unwrap();
    }

    /// Without work the thread wipes, then gives back; asked for until seen.
    #[tokio::test]
    async fn an_idle_thread_gives_its_memory_back() {
        let at_once = Plan { wipe_after: Duration::ZERO, release_after: Duration::ZERO, ..PLAN };
        let pool = Pool::start(at_once).unwrap();
        submit(&pool, |arena| arena.fill_for_test(16)).await.unwrap();
        while submit(&pool, |arena| arena.kept()).await.unwrap() > 0 {}
        let never = Plan { wipe_after: Duration::MAX, ..PLAN };
        let pool = Pool::start(never).unwrap();
        submit(&pool, |arena| arena.fill_for_test(16)).await.unwrap();
        assert_eq!(submit(&pool, |arena| arena.kept()).await, Ok(16));
    }

    #[tokio::test]
    async fn dropping_the_pool_ends_what_waits() {
        let pool = Pool::start(PLAN).unwrap();
        let (release, done) = busy(&pool);
        let queued = submit(&pool, |_| 1);
        drop(pool);
        assert!(queued.await.is_err());
        drop(release);
        done.await.unwrap();
    }
}
