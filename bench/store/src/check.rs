//! Cookies that memory knows: two threads at once over a million cached sessions, and what a check allocates.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use symbolon::{Symbolon, limits::Settings, session::Recalled};
use symbolon_token::SessionCookie;

const THREADS: usize = 2;
/// Checks of one thread in a round.
const CHECKS: usize = 200_000;
/// Cookies that are brought near before the clock runs: a request's own was read a moment ago, the session that it names was not.
const READ: usize = 200;
const ROUNDS: usize = 21;
/// The most that a check may take, µs.
const GOAL: f64 = 0.5;

pub(crate) async fn rows(data: &Path, file: &Path) -> Result<Vec<Value>> {
    let text = std::fs::read_to_string(file)?;
    let cookies: Vec<SessionCookie> = text.lines().filter_map(SessionCookie::parse).collect();
    let issuer = "http://127.0.0.1:7117";
    let engine = Symbolon::builder(issuer).settings(Settings::new(issuer)).data(data).open().await?;
    for cookie in &cookies {
        engine.ask_session(cookie, None).await.context("a genuine cookie was refused")?;
    }
    // Some room of a cache is a part's, and parts are filled by chance: nearly all of them are in it.
    let known = |cookie: &&SessionCookie| matches!(engine.recall_session(cookie), Recalled::Known(Ok(_)));
    let cached: Vec<&SessionCookie> = cookies.iter().filter(known).collect();
    ensure!(cached.len() * 100 > cookies.len() * 95, "{} of {} are in memory", cached.len(), cookies.len());
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let took: Vec<f64> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|thread| {
                    scope.spawn({
                        let (engine, cached) = (&engine, &cached);
                        move || round(engine, cached, thread)
                    })
                })
                .collect();
            threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
        });
        ensure!(took.len() == THREADS, "a thread failed");
        times.extend(took.into_iter().reduce(f64::max));
    }
    times.sort_unstable_by(f64::total_cmp);
    let median = times.get(times.len() / 2).copied().unwrap_or(f64::NAN);
    let counted = allocation_counter::measure(|| {
        for cookie in cached.iter().step_by(1_000) {
            std::hint::black_box(known(cookie));
        }
    });
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let allocations = counted.count_total as f64 / cached.len().div_ceil(1_000) as f64;
    let name = format!(
        "check by cookie, in process, {THREADS} threads at once, {} sessions in memory",
        cached.len()
    );
    Ok(vec![
        crate::row(&name, median, "µs", None, "≤ 0.5 µs", median <= GOAL),
        crate::row("the same: allocations", allocations, "", None, "0", counted.count_total == 0),
    ])
}

/// Microseconds of one check, over a round.
#[expect(clippy::disallowed_methods, reason = "a measurement is about the real clock")]
fn round(engine: &Symbolon, cached: &[&SessionCookie], thread: usize) -> f64 {
    // A stride that is prime to their number, and another place for each: each is met as if by chance.
    let mut at = thread * cached.len() / THREADS;
    let mut took = Duration::ZERO;
    for _ in 0..CHECKS / READ {
        let read: [SessionCookie; READ] = std::array::from_fn(|_| {
            at = (at + 61_331) % cached.len();
            cached[at].clone()
        });
        let began = Instant::now();
        for cookie in &read {
            let known = matches!(engine.recall_session(std::hint::black_box(cookie)), Recalled::Known(Ok(_)));
            assert!(std::hint::black_box(known), "a session left memory");
        }
        took += began.elapsed();
    }
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let each = took.as_secs_f64() * 1e6 / CHECKS as f64;
    each
}
