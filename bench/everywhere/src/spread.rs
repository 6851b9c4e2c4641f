//! Times in order: what half of the calls took at most, and nearly all, and all.

use std::time::Duration;

use serde_json::{Value, json};

/// Milliseconds: `p50`, `p99`, `max`.
pub(crate) fn milliseconds(mut times: Vec<Duration>) -> Value {
    times.sort_unstable();
    let at = |part: usize| times.get((times.len() * part / 100).min(times.len().saturating_sub(1)));
    let shown = |time: Option<&Duration>| time.map_or(f64::NAN, |time| time.as_secs_f64() * 1e3);
    json!({ "count": times.len(), "p50": shown(at(50)), "p99": shown(at(99)), "max": shown(times.last()) })
}
