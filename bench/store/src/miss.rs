//! Cookies that memory does not know.

use std::{path::Path, time::Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use symbolon::{Symbolon, limits::Settings, session::Recalled};
use symbolon_token::SessionCookie;

/// Checks of one measured round.
const ROUND: usize = 1_000;
/// The most that a miss may take, µs.
const GOAL: f64 = 15.0;

#[expect(clippy::disallowed_methods, reason = "a measurement is about the real clock")]
pub(crate) async fn rows(data: &Path, file: &Path) -> Result<Vec<Value>> {
    let text = std::fs::read_to_string(file)?;
    let cookies: Vec<SessionCookie> = text.lines().filter_map(SessionCookie::parse).collect();
    ensure!(cookies.len() >= 20 * ROUND, "too few cookies");
    let issuer = "http://127.0.0.1:7117";
    let engine = Symbolon::builder(issuer).settings(Settings::new(issuer)).data(data).open().await?;
    // A stride that is prime to their number: neighbours in the file are neighbours in the store, and would share its pages.
    let stride = 61_331 % cookies.len();
    let (mut at, mut times) = (0, Vec::new());
    for _ in 0..cookies.len() / ROUND {
        let began = Instant::now();
        for _ in 0..ROUND {
            at = (at + stride) % cookies.len();
            let cookie = &cookies[at];
            ensure!(matches!(engine.recall_session(cookie), Recalled::Unknown), "memory knew it");
            engine.ask_session(cookie, None).await.context("a genuine cookie was refused")?;
        }
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        times.push(began.elapsed().as_secs_f64() * 1e6 / ROUND as f64);
    }
    // The first half fills what the system keeps of the file in memory.
    let mut times = times.split_off(times.len() / 2);
    times.sort_unstable_by(f64::total_cmp);
    let median = times.get(times.len() / 2).copied().unwrap_or(f64::NAN);
    Ok(vec![crate::row("check by cookie, not in memory", median, "µs", None, "≤ 15 µs", median <= GOAL)])
}
