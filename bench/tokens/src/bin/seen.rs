//! What a token costs that was proven before: `bench-seen [ROUNDS]` prints two rows of JSON, the time and the allocations of one check
//! with 100,000 tokens remembered and 100,000 entries in the revocation view.

use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::json;
use symbolon::{
    Symbolon,
    limits::Settings,
    login::{Attempt, Caller, Carrier},
    session::Issued,
    token::issue::Wish,
    user::NewAccount,
};
use tokio::task::JoinSet;

const TOKENS: usize = 100_000;
const ENTRIES: usize = 100_000;
/// Checks of one round.
const CHECKS: usize = 20_000;
/// The most that a check may take, µs.
const GOAL: f64 = 1.0;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "rows are what this program is for")]
async fn main() -> Result<()> {
    let rounds = std::env::args().nth(1).map_or(Ok(50), |rounds| rounds.parse::<usize>())?;
    let issuer = "https://id.example";
    let mut settings = Settings::new(issuer);
    // The usual 64 MiB hold somewhat fewer than the goal speaks of.
    settings.token_cache = 256 * 1024 * 1024;
    settings.token.access_life = std::time::Duration::from_secs(3600);
    let folder = tempfile::tempdir()?;
    let engine = Symbolon::builder(issuer).settings(settings).data(folder.path()).open().await?;
    let tokens = tokens(&engine).await?;
    for token in &tokens {
        engine.check_token(token).context("the first sight")?;
    }
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
        times.push(round(&engine, &mut next)?);
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
    let rows = [
        row("verify ES256, seen before", shown, "µs", "≤ 1 µs", median <= GOAL),
        row("allocations per check, seen before", allocations, "", "0", counted.count_total == 0),
    ];
    println!("{}", serde_json::to_string_pretty(&rows)?);
    Ok(())
}

/// Microseconds of one check, over a round.
#[expect(clippy::disallowed_methods, reason = "a measurement is about the real clock")]
fn round<'t>(engine: &Symbolon, next: &mut impl FnMut() -> &'t String) -> Result<f64> {
    let began = Instant::now();
    for _ in 0..CHECKS {
        std::hint::black_box(engine.check_token(std::hint::black_box(next()))?);
    }
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    Ok(began.elapsed().as_secs_f64() * 1e6 / CHECKS as f64)
}

/// Live tokens of one session, and as many endings as the view shall hold.
async fn tokens(engine: &Symbolon) -> Result<Vec<String>> {
    let caller = Caller::new([127, 0, 0, 1].into(), true, None);
    let password = "nine amber lanterns drift";
    let account = NewAccount {
        identifier: "bench".into(),
        password: password.into(),
        profile: serde_json::Map::new(),
        roles: Vec::new(),
    };
    let user = engine.register(account, &caller).await?;
    let attempt = Attempt {
        identifier: "bench",
        password,
        carrier: Carrier::Cookie { remember: true },
        presented: None,
        known: None,
        caller: &caller,
    };
    let Issued::Cookie { session, .. } = engine.login(attempt).await?.issued else {
        anyhow::bail!("a login by cookie answered otherwise");
    };
    // Many at a time, which share their commits.
    let mut endings = JoinSet::new();
    for _ in 0..ENTRIES {
        let (engine, caller) = (engine.clone(), caller.clone());
        endings.spawn(async move { engine.end_token(engine.new_id(), user.id, None, &caller).await });
        if endings.len() >= 500 {
            endings.join_next().await.transpose()?.transpose()?;
        }
    }
    while let Some(ended) = endings.join_next().await {
        ended??;
    }
    let mut tokens = Vec::with_capacity(TOKENS);
    for _ in 0..TOKENS {
        tokens.push(engine.exchange(session.id, &Wish::default()).await?.access_token);
    }
    Ok(tokens)
}
