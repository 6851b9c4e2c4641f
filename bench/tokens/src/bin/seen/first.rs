//! The first sight of a token in the engine, beside its signature alone.

use std::{hint::black_box, time::Instant};

use anyhow::{Context, Result};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use symbolon::Symbolon;
use symbolon_token::{Algorithm, VerifyingKey};

/// Tokens of one round: long beside reading a clock, short beside a time slice.
const BATCH: usize = 25;
/// The most that a check may take, in signatures alone.
const GOAL: f64 = 1.12;

/// Checks each token once. The last of them are none of a round.
pub(crate) fn row(engine: &Symbolon, algorithm: Algorithm, tokens: &[String]) -> Result<Value> {
    let kid = engine.keys().first().context("a key")?.kid;
    let jwk = engine.jwks().keys.into_iter().find(|jwk| jwk.kid.as_deref() == Some(kid.as_str()));
    let key = VerifyingKey::from_jwk(&jwk.context("a public key")?)?;
    anyhow::ensure!(key.algorithm() == algorithm, "{algorithm} was to be measured");
    let mut parts = Vec::with_capacity(tokens.len());
    for token in tokens {
        let (signed, signature) = token.rsplit_once('.').context("a token")?;
        parts.push((signed.as_bytes(), URL_SAFE_NO_PAD.decode(signature)?));
    }
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for (number, (batch, parts)) in tokens.chunks_exact(BATCH).zip(parts.chunks_exact(BATCH)).enumerate() {
        let check = || batch.iter().all(|token| black_box(engine.check_token(black_box(token))).is_ok());
        let prove = || parts.iter().all(|(signed, signature)| black_box(key.verify(signed, signature)));
        // Nobody is always first.
        let (one, other) = if number % 2 == 0 {
            (time(check)?, time(prove)?)
        } else {
            let proved = time(prove)?;
            (time(check)?, proved)
        };
        ours.push(one);
        bare.push(other);
    }
    for token in tokens.chunks_exact(BATCH).remainder() {
        engine.check_token(token)?;
    }
    let (value, against) = (median(&mut ours), median(&mut bare));
    let ratio = value / against;
    let round = |number: f64| (number * 1e3).round() / 1e3;
    Ok(json!({
        "name": format!("verify {algorithm}, first sight, with cache and view"), "beside": "AWS-LC alone",
        "value": round(value), "unit": "µs", "against": round(against), "ratio": round(ratio),
        "goal": format!("≤ {GOAL} ×"), "holds": ratio <= GOAL,
    }))
}

/// Microseconds of one of a batch.
#[expect(clippy::disallowed_methods, reason = "a measurement is about the real clock")]
fn time(work: impl FnOnce() -> bool) -> Result<f64> {
    let began = Instant::now();
    anyhow::ensure!(work(), "a token was refused");
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    Ok(began.elapsed().as_secs_f64() * 1e6 / BATCH as f64)
}

fn median(column: &mut [f64]) -> f64 {
    column.sort_unstable_by(f64::total_cmp);
    column.get(column.len() / 2).copied().unwrap_or(f64::NAN)
}
