//! A bounded pool of plain threads: the only place where passwords are hashed.
//!
//! The queue is bounded and a full one answers at once (ATTACKS JD-11). A job whose asker has gone away is skipped when its
//! turn comes, and gives up its place when the place is needed. A job that panics takes nothing with it but its answer.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::arena::Arena;

/// Threads that wait for jobs until this is dropped. What is still queued then is never done.
pub(super) struct Pool(Arc<Shared>);

/// The queue has no place left.
#[derive(Debug)]
pub(super) struct Full;

struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
    places: usize,
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
}

impl<W: FnOnce(&mut Arena) -> T + Send, T: Send> Job for Asked<W, T> {
    fn wanted(&self) -> bool {
        !self.answer.is_closed()
    }

    fn run(self: Box<Self>, arena: &mut Arena) {
        // Who asked may have left in the meantime.
        let _ = self.answer.send((self.work)(arena));
    }
}

impl Pool {
    /// Starts the threads, each with an arena that keeps `keep` blocks. At least one thread and one place.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub(super) fn start(threads: usize, places: usize, keep: usize) -> std::io::Result<Self> {
        let queue = Mutex::new(Queue { jobs: VecDeque::new(), closed: false });
        let pool = Self(Arc::new(Shared { queue, filled: Condvar::new(), places: places.max(1) }));
        for number in 0..threads.max(1) {
            let shared = Arc::clone(&pool.0);
            // Thread names are cut at 15 bytes.
            std::thread::Builder::new()
                .name(format!("symbolon-hash{number}"))
                .spawn(move || shared.work(Arena::new(keep)))?;
        }
        Ok(pool)
    }

    /// Queues `work`. The receiver errs when the pool is dropped first or the job panics; dropping it calls the job off.
    ///
    /// # Errors
    /// [`Full`], before anything is done.
    pub(super) fn submit<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Arena) -> T + Send + 'static,
    ) -> Result<oneshot::Receiver<T>, Full> {
        let (answer, receiver) = oneshot::channel();
        let mut queue = self.0.lock();
        if queue.jobs.len() >= self.0.places {
            queue.jobs.retain(|job| job.wanted());
        }
        if queue.jobs.len() >= self.0.places {
            return Err(Full);
        }
        queue.jobs.push_back(Box::new(Asked { work, answer }));
        drop(queue);
        self.0.filled.notify_one();
        Ok(receiver)
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

    /// The life of a thread.
    fn work(&self, mut arena: Arena) {
        while let Some(job) = self.next(&mut arena) {
            if job.wanted() {
                // The arena may hold half a hash afterwards; the next one overwrites it.
                let _ = catch_unwind(AssertUnwindSafe(|| job.run(&mut arena)));
            }
        }
    }

    /// The next job; none when the pool is closed. Wipes the arena before it waits, so that wiping delays nobody.
    fn next(&self, arena: &mut Arena) -> Option<Box<dyn Job>> {
        if let Some(job) = self.lock().jobs.pop_front() {
            return Some(job);
        }
        arena.rest();
        let mut queue = self.lock();
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                return Some(job);
            }
            if queue.closed {
                return None;
            }
            queue = self.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc;

    /// Keeps a thread busy until the sender is dropped; returns once the thread has begun.
    fn busy(pool: &Pool) -> (mpsc::Sender<()>, oneshot::Receiver<()>) {
        let (release, wait) = mpsc::channel::<()>();
        let (begun, begins) = mpsc::channel();
        let done = pool
            .submit(move |_| {
                begun.send(()).unwrap();
                let _ = wait.recv();
            })
            .unwrap();
        begins.recv().unwrap();
        (release, done)
    }

    #[tokio::test]
    async fn jd_11_a_full_queue_answers_at_once() {
        let pool = Pool::start(1, 2, 0).unwrap();
        let (release, _done) = busy(&pool);
        let queued = [pool.submit(|_| 1).unwrap(), pool.submit(|_| 2).unwrap()];
        assert!(pool.submit(|_| 3).is_err());
        assert_eq!(pool.waiting(), 2);
        drop(release);
        let [first, second] = queued;
        assert_eq!((first.await, second.await), (Ok(1), Ok(2)));
        assert_eq!(pool.submit(|_| 4).unwrap().await, Ok(4));
    }

    #[tokio::test]
    async fn a_job_nobody_waits_for_is_skipped_and_gives_up_its_place() {
        static RAN: AtomicBool = AtomicBool::new(false);
        let pool = Pool::start(1, 2, 0).unwrap();
        let (release, _done) = busy(&pool);
        drop(pool.submit(|_| RAN.store(true, Ordering::SeqCst)).unwrap());
        let second = pool.submit(|_| 2).unwrap();
        let third = pool.submit(|_| 3).unwrap();
        assert!(pool.submit(|_| 4).is_err());
        drop(third);
        drop(release);
        assert_eq!(second.await, Ok(2));
        assert_eq!(pool.submit(|_| 5).unwrap().await, Ok(5));
        assert!(!RAN.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn a_panic_costs_one_answer() {
        let pool = Pool::start(1, 4, 0).unwrap();
        let answer = pool.submit(|_| -> u8 { panic!("on purpose") }).unwrap();
        assert!(answer.await.is_err());
        assert_eq!(pool.submit(|_| 1).unwrap().await, Ok(1));
    }

    #[tokio::test]
    async fn jobs_run_on_threads_of_their_own() {
        let pool = Pool::start(2, 4, 0).unwrap();
        let (release, done) = busy(&pool);
        let name = pool.submit(|_| std::thread::current().name().map(str::to_owned)).unwrap().await.unwrap();
        assert!(name.is_some_and(|name| name.starts_with("symbolon-hash")));
        drop(release);
        done.await.unwrap();
    }

    #[tokio::test]
    async fn dropping_the_pool_ends_what_waits() {
        let pool = Pool::start(1, 2, 0).unwrap();
        let (release, done) = busy(&pool);
        let queued = pool.submit(|_| 1).unwrap();
        drop(pool);
        assert!(queued.await.is_err());
        drop(release);
        done.await.unwrap();
    }
}
