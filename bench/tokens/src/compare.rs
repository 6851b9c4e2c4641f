//! JA-33: whether the time of a refusal tells how many leading bytes of a forged MAC were right. Not a test,
//! as a busy machine could decide it; here it stands beside a comparison that does tell, measured in the same
//! rounds.

use anyhow::{Context, Result};
use aws_lc_rs::hmac;
use serde_json::{Value, json};
use symbolon_token::{Algorithm, SigningKey};

use crate::rounds::{Work, medians};

const BYTES: usize = 32;

/// Nanoseconds that a comparison takes longer when all bytes but the last match than when none does: the
/// slope of a line through all.
fn slope(times: &[f64]) -> f64 {
    let count = f64::from(u32::try_from(times.len()).unwrap_or(1));
    let middle = (count - 1.0) / 2.0;
    let mean = times.iter().sum::<f64>() / count;
    let (mut rise, mut run) = (0.0, 0.0);
    for (at, time) in (0_u32..).zip(times) {
        let from_middle = f64::from(at) - middle;
        rise += from_middle * (time - mean);
        run += from_middle * from_middle;
    }
    rise / run * (count - 1.0)
}

/// What leaks.
fn early(one: &[u8], other: &[u8]) -> bool {
    one.iter().zip(other).all(|(one, other)| std::hint::black_box(one) == other)
}

pub(crate) fn row(rounds: usize) -> Result<Value> {
    let (signer, private) = SigningKey::generate(Algorithm::Hs256)?;
    let (key, raw) = (signer.verifying(), hmac::Key::new(hmac::HMAC_SHA256, private.as_bytes()));
    let tag = hmac::sign(&raw, b"signed");
    let mut forged = [[0; BYTES]; BYTES];
    for (right, forged) in forged.iter_mut().enumerate() {
        forged.copy_from_slice(tag.as_ref());
        for byte in &mut forged[right..] {
            *byte ^= 0x55;
        }
    }
    let key = &key;
    let mut works: Vec<Work<'_>> = Vec::new();
    for forged in &forged {
        works.push(Box::new(move || !key.verify(b"signed", forged)));
    }
    for forged in &forged {
        works.push(Box::new(|| !early(hmac::sign(&raw, b"signed").as_ref(), forged)));
    }
    let times = medians(&mut works, rounds * 2).context("a forged MAC was accepted")?;
    let (ours, leaking) = times.split_at(BYTES);
    let (value, against) = (slope(ours).abs(), slope(leaking).abs());
    let round = |number: f64| (number * 1e3).round() / 1e3;
    Ok(json!({
        "name": "JA-33: refuse a forged HMAC, slope over 32 matching bytes", "beside": "a comparison that stops early",
        "value": round(value / 1e3), "unit": "µs", "against": round(against / 1e3), "ratio": round(value / against),
        "goal": "≤ 0.5 ×", "holds": value <= against / 2.0,
    }))
}
