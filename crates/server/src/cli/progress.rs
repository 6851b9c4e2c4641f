//! How far a verb is: a bar on a terminal, when it takes longer than a second.

use std::{
    io::{self, IsTerminal},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::JoinHandle;

use super::text;

const PATIENCE: Duration = Duration::from_secs(1);
const EVERY: Duration = Duration::from_millis(100);

/// What is told meanwhile.
pub(super) struct Progress {
    bar: Arc<Mutex<Option<ProgressBar>>>,
    done: Arc<AtomicU64>,
    drawing: Option<JoinHandle<()>>,
}

impl Progress {
    /// Begins; nothing is drawn in the first second, or where nobody sees it. `at` is how far it has come of `all` (0 while that is not
    /// known), in any unit; where it is never known, in bytes.
    pub(super) fn begin(all: Arc<AtomicU64>, at: Arc<AtomicU64>) -> Self {
        let bar = Arc::new(Mutex::new(None));
        let done = Arc::new(AtomicU64::new(0));
        let drawing = io::stderr().is_terminal().then(|| {
            let (bar, done) = (Arc::clone(&bar), Arc::clone(&done));
            tokio::spawn(async move {
                tokio::time::sleep(PATIENCE).await;
                *lock(&bar) = Some(new_bar(all.load(Ordering::Relaxed)));
                loop {
                    if let Some(bar) = &*lock(&bar) {
                        bar.set_position(at.load(Ordering::Relaxed));
                        match done.load(Ordering::Relaxed) {
                            0 => {}
                            done => bar.set_message(text::count(done, "entry, ", "entries, ")),
                        }
                    }
                    tokio::time::sleep(EVERY).await;
                }
            })
        });
        Self { bar, done, drawing }
    }

    /// An entry is done with, whatever became of it.
    pub(super) fn done(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    /// Says something above the bar.
    pub(super) fn remark(&self, line: &str) {
        match &*lock(&self.bar) {
            Some(bar) => bar.suspend(|| text::remark(line)),
            None => text::remark(line),
        }
    }

    /// Removes the bar.
    pub(super) fn end(&self) {
        if let Some(drawing) = &self.drawing {
            drawing.abort();
        }
        if let Some(bar) = lock(&self.bar).take() {
            bar.finish_and_clear();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn new_bar(all: u64) -> ProgressBar {
    let (bar, template) = match all {
        0 => (ProgressBar::new_spinner(), "{spinner} {msg}{bytes} read"),
        all => (ProgressBar::new(all), "{wide_bar} {percent:>3} %  {msg}{eta} left"),
    };
    // The template is a constant; should it not parse, the plain bar does as well.
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
