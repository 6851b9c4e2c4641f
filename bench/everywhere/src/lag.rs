//! How long a revoke takes, over time: one is begun every 50 ms at the first node, whatever became of those before. Each is of a login
//! that was accepted a moment ago, and when it has returned, no place may accept that login; one that does not answer is passed over.

use std::{
    net::SocketAddr,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::MissedTickBehavior};

use crate::login::{self, Place};

const EVERY: Duration = Duration::from_millis(50);

/// When a revoke began, seconds since 1970; how many milliseconds it took; and by how many places its login was accepted after.
type Point = (f64, f64, usize);

#[expect(clippy::disallowed_methods, reason = "a measurement is about the real clock")]
pub(crate) async fn measure(seconds: u64, addresses: [SocketAddr; 3]) -> Result<Value> {
    login::register(&mut Place::node(addresses[0])).await?;
    let (mut revoking, mut spare, mut points) = (JoinSet::new(), Vec::new(), Vec::new());
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let began = Instant::now();
    let mut number = 0;
    while began.elapsed() < Duration::from_secs(seconds) {
        ticks.tick().await;
        while let Some(done) = revoking.try_join_next() {
            let (point, places) = done??;
            points.push(point);
            spare.push(places);
        }
        // A connection that waits for its answer is nobody else's.
        let places = spare.pop().unwrap_or_else(|| Place::all(addresses));
        revoking.spawn(point(number, places));
        number += 1;
    }
    while let Some(done) = revoking.join_next().await {
        points.push(done??.0);
    }
    points.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
    let accepted: usize = points.iter().map(|point| point.2).sum();
    Ok(
        json!({ "points": points.iter().map(|(at, took, _)| [at, took]).collect::<Vec<_>>(), "accepted": accepted }),
    )
}

#[expect(clippy::disallowed_methods, reason = "a measurement is about the real clock")]
async fn point(number: usize, mut places: [Place; 3]) -> Result<(Point, [Place; 3])> {
    let login = places[0].must_log_in(number).await?;
    let status = places[0].check(&login).await?;
    ensure!(status == 200, "before a revoke, a check was answered {status}");
    let at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs_f64();
    let began = Instant::now();
    let (status, done) = places[0].revoke(&login).await?;
    let took = began.elapsed().as_secs_f64() * 1e3;
    ensure!(done, "a revoke was answered {status}");
    let mut accepted = 0;
    for place in &mut places {
        accepted += usize::from(place.check(&login).await.is_ok_and(|status| status == 200));
    }
    Ok(((at, took, accepted), places))
}
