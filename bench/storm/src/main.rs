//! What hashing a password costs: `bench-hash [ROUNDS]` prints one JSON object; `bench/run storm` starts it.
//!
//! Argon2id m=19456 t=2 p=1, in turns: the pool as a login meets it, with one thread; and the crate `argon2` in memory that it is
//! given once. The pool is then given work for every core at once. Both are told in CPU time as well, which other processes on the
//! machine disturb less.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use symbolon::clock::SystemRandomness;
use symbolon::password::Password;
use symbolon::password::hasher::{Hasher, HasherSettings};

const PASSWORD: &str = "nine amber lanterns drift";

/// Seconds by one of the system's clocks.
fn seconds(clock: ClockId) -> f64 {
    let now = clock_gettime(clock);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs().try_into().unwrap_or(0)).as_secs_f64()
}

/// Milliseconds of wall and of CPU.
#[derive(Default)]
struct Times {
    wall: Vec<f64>,
    cpu: Vec<f64>,
}

impl Times {
    fn take(&mut self, since: (f64, f64)) {
        self.wall.push((seconds(ClockId::Monotonic) - since.0) * 1000.0);
        self.cpu.push((seconds(ClockId::ProcessCPUTime) - since.1) * 1000.0);
    }

    fn medians(mut self) -> Result<serde_json::Value> {
        let [wall, cpu] = [&mut self.wall, &mut self.cpu].map(|times| {
            times.sort_by(f64::total_cmp);
            times.get(times.len() / 2).copied()
        });
        Ok(json!({ "wall": wall.context("no round")?, "cpu": cpu.context("no round")? }))
    }
}

fn now() -> (f64, f64) {
    (seconds(ClockId::Monotonic), seconds(ClockId::ProcessCPUTime))
}

fn hasher(threads: usize) -> Result<Hasher> {
    let settings = HasherSettings { threads, queue: 64, ..HasherSettings::default() };
    Ok(Hasher::new(settings, Arc::new(SystemRandomness))?)
}

#[expect(clippy::print_stdout, reason = "what it measured is what it is for")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let rounds = std::env::args().nth(1).map_or(Ok(200), |rounds| rounds.parse::<usize>())?;
    let password = Password::parse(PASSWORD)?;
    let one = hasher(1)?;
    let params = argon2::Params::new(19_456, 2, 1, None).map_err(|error| anyhow::anyhow!("{error}"))?;
    let mut blocks = vec![argon2::Block::new(); params.block_count()];
    let theirs = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    let (mut ours, mut beside) = (Times::default(), Times::default());
    for round in 0..=rounds {
        let began = now();
        one.hash(password.clone()).await?;
        if round > 0 {
            ours.take(began);
        }
        let began = now();
        let mut tag = [0; 32];
        theirs
            .hash_password_into_with_memory(PASSWORD.as_bytes(), b"0123456789abcdef", &mut tag, &mut blocks)
            .map_err(|error| anyhow::anyhow!("{error}"))?;
        if round > 0 {
            beside.take(began);
        }
    }
    let cores = std::thread::available_parallelism()?.get();
    let all = Arc::new(hasher(cores)?);
    let began = now();
    let mut jobs = tokio::task::JoinSet::new();
    for _ in 0..cores {
        let (all, password) = (Arc::clone(&all), password.clone());
        jobs.spawn(async move {
            for _ in 0..rounds {
                all.hash(password.clone()).await?;
            }
            Ok::<(), symbolon::password::hasher::HashError>(())
        });
    }
    while let Some(done) = jobs.join_next().await {
        done??;
    }
    let took = now().0 - began.0;
    let rate = (cores * rounds) as f64 / took;
    println!(
        "{}",
        json!({ "ours": ours.medians()?, "argon2": beside.medians()?, "every_core": rate, "cores": cores })
    );
    Ok(())
}
