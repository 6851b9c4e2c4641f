//! What a token costs in the engine: `bench-seen [ROUNDS]` prints rows of JSON.
//!
//! - *seen before*: the time and the allocations of one check of an ES256 token, with 100,000 tokens remembered and 100,000 entries in
//!   the revocation view.
//! - *first sight, with cache and view*: the same check of tokens that nobody has seen (hash, memory, proof, view, time, and keeping it
//!   in memory), for each asymmetric algorithm, beside the signature alone over the same bytes.

mod fill;
mod first;

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use symbolon::{Symbolon, audit::Actor, limits::Settings};
use symbolon_token::Algorithm;

const ISSUER: &str = "https://id.example.com";
const TOKENS: usize = 100_000;
const ENTRIES: usize = 100_000;
/// Checks of one round.
const CHECKS: usize = 20_000;
/// Tokens that are brought near before the clock runs: the text of a request's own was read a moment ago, what is known of it was not.
const READ: usize = 50;
/// The most that a check may take, µs.
const GOAL: f64 = 1.0;
/// Tokens of each other algorithm: what is measured there are proofs, and RSA signs slowly.
const FEW: usize = 4_000;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "rows are what this program is for")]
async fn main() -> Result<()> {
    let rounds = std::env::args().nth(1).map_or(Ok(50), |rounds| rounds.parse::<usize>())?;
    let folder = tempfile::tempdir()?;
    let open = |algorithm| {
        let mut settings = Settings::new(ISSUER);
        // The usual 64 MiB hold somewhat fewer than the goal speaks of.
        settings.token_cache = 256 * 1024 * 1024;
        settings.token.access_life = Duration::from_secs(3600);
        settings.token.algorithm = algorithm;
        Symbolon::builder(ISSUER).settings(settings).data(folder.path()).open()
    };
    let engine = open(Algorithm::Es256).await?;
    let (session, user) = fill::login(&engine).await?;
    fill::endings(&engine, user, ENTRIES).await?;
    let tokens = fill::tokens(&engine, session, TOKENS).await?;
    let mut firsts = vec![first::row(&engine, Algorithm::Es256, &tokens)?];
    let mut rows = seen(&engine, &tokens, rounds)?;
    engine.close().await?;
    // One at a time over the folder.
    drop(engine);
    for algorithm in Algorithm::ALL {
        if algorithm.symmetric() || algorithm == Algorithm::Es256 {
            continue;
        }
        let engine = open(algorithm).await?;
        engine.rotate_keys(true, Actor::Cli).await?;
        let tokens = fill::tokens(&engine, session, FEW).await?;
        firsts.push(first::row(&engine, algorithm, &tokens)?);
        engine.close().await?;
    }
    firsts.append(&mut rows);
    println!("{}", serde_json::to_string_pretty(&firsts)?);
    Ok(())
}

/// Time and allocations of a check when all of them have been seen.
fn seen(engine: &Symbolon, tokens: &[String], rounds: usize) -> Result<Vec<Value>> {
    let remembered = engine.cached().tokens;
    anyhow::ensure!(remembered == TOKENS, "{remembered} of {TOKENS} are remembered");
    let mut times = Vec::new();
    // A stride that is prime to the number of tokens: each is met as if by chance, and none is in the processor's cache.
    let mut at = 0;
    let mut next = || {
        at = (at + 61_331) % TOKENS;
        &tokens[at]
    };
    for _ in 0..rounds {
        times.push(round(engine, &mut next)?);
    }
    times.sort_unstable_by(f64::total_cmp);
    let median = times.get(times.len() / 2).copied().unwrap_or(f64::NAN);
    let mut failed = false;
    let counted = allocation_counter::measure(|| {
        for _ in 0..1_000 {
            failed |= engine.check_token(next()).is_err();
        }
    });
    anyhow::ensure!(!failed, "a token was refused");
    let row = |name: &str, value: f64, unit: &str, goal: &str, holds: bool| {
        json!({
            "name": name, "beside": format!("{TOKENS} tokens, {ENTRIES} endings"), "value": value, "unit": unit,
            "against": "", "ratio": "", "goal": goal, "holds": holds,
        })
    };
    let shown = (median * 1e3).round() / 1e3;
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let allocations = counted.count_total as f64 / 1e3;
    Ok(vec![
        row("verify ES256, seen before", shown, "µs", "≤ 1 µs", median <= GOAL),
        row("allocations per check, seen before", allocations, "", "0", counted.count_total == 0),
    ])
}

/// Microseconds of one check, over a round.
#[expect(clippy::disallowed_methods, reason = "a measurement is about the real clock")]
fn round<'t>(engine: &Symbolon, next: &mut impl FnMut() -> &'t String) -> Result<f64> {
    let mut read = vec![String::new(); READ];
    let mut took = Duration::ZERO;
    for _ in 0..CHECKS / READ {
        read.iter_mut().for_each(|token| token.clone_from(next()));
        let began = Instant::now();
        for token in &read {
            std::hint::black_box(
                engine.check_token(std::hint::black_box(token)).context("a token seen before")?,
            );
        }
        took += began.elapsed();
    }
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    Ok(took.as_secs_f64() * 1e6 / CHECKS as f64)
}
