//! Taking time: short batches in turns, so that whatever else the machine does falls on all alike; then
//! medians.

use std::time::Instant;

/// One thing to be measured; false says that it failed, and ends the run.
pub(crate) type Work<'a> = Box<dyn FnMut() -> bool + 'a>;

/// Aimed at for one batch, in nanoseconds: long beside reading a clock, short beside a time slice.
const BATCH: f64 = 400_000.0;

#[expect(clippy::disallowed_methods, reason = "a measurement is about the real clock")]
fn batch(work: &mut Work<'_>, times: u32) -> Option<f64> {
    let began = Instant::now();
    for _ in 0..times {
        if !std::hint::black_box(work()) {
            return None;
        }
    }
    Some(began.elapsed().as_secs_f64() * 1e9 / f64::from(times))
}

/// Nanoseconds of each, as medians over interleaved rounds; `None` when one of them failed.
pub(crate) fn medians(works: &mut [Work<'_>], rounds: usize) -> Option<Vec<f64>> {
    let mut times = Vec::new();
    for work in works.iter_mut() {
        // Warm, and to know how often a batch holds it.
        batch(work, 20)?;
        let once = batch(work, 50)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small positive number"
        )]
        times.push((BATCH / once).clamp(1.0, 4000.0) as u32);
    }
    let mut seen = vec![Vec::with_capacity(rounds); works.len()];
    for round in 0..rounds {
        for turn in 0..works.len() {
            // Nobody is always behind the same neighbour.
            let one = (turn + round) % works.len();
            seen[one].push(batch(&mut works[one], times[one])?);
        }
    }
    Some(seen.iter_mut().map(|column| median(column)).collect())
}

fn median(column: &mut [f64]) -> f64 {
    column.sort_unstable_by(f64::total_cmp);
    column.get(column.len() / 2).copied().unwrap_or(f64::NAN)
}
