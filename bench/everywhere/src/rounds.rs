//! Revoked is revoked, as often as one likes: log in, be accepted at both nodes and the guard, revoke, be refused at all of them by
//! checks that begin when the call has returned. Cookies and tokens in turns, revoked at one node and the other.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{
    login::{self, Login, Place},
    spread,
};

#[expect(clippy::disallowed_methods, reason = "a measurement is about the real clock")]
pub(crate) async fn measure(count: usize, addresses: [SocketAddr; 3]) -> Result<Value> {
    let [mut one, mut two, mut guard] = Place::all(addresses);
    login::register(&mut one).await?;
    let (mut times, mut accepted, mut unanswered) = (Vec::with_capacity(count), 0, 0);
    for round in 0..count {
        let login = if round % 4 < 2 { &mut two } else { &mut one }.must_log_in(round).await?;
        let before = everywhere(&mut one, &mut two, &mut guard, &login).await?;
        ensure!(before == [200; 3], "before a revoke, checks were answered {before:?}");
        let began = Instant::now();
        let (status, done) = if round % 3 == 0 { &mut two } else { &mut one }.revoke(&login).await?;
        times.push(began.elapsed());
        ensure!(done, "a revoke was answered {status}");
        for status in everywhere(&mut one, &mut two, &mut guard, &login).await? {
            match status {
                401 => {}
                200 => accepted += 1,
                _ => unanswered += 1,
            }
        }
    }
    let total = times.iter().sum::<Duration>().as_secs_f64();
    let spread = spread::milliseconds(times);
    Ok(json!({ "revoke": spread, "accepted": accepted, "unanswered": unanswered, "seconds": total }))
}

async fn everywhere(one: &mut Place, two: &mut Place, guard: &mut Place, login: &Login) -> Result<[u16; 3]> {
    let (one, two, guard) = tokio::join!(one.check(login), two.check(login), guard.check(login));
    Ok([one?, two?, guard?])
}
