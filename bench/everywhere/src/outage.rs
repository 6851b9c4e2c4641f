//! Checks, logins and revokes from several callers while the database goes away and comes back, every answer held against what is known of
//! the login: one that nobody began to end is accepted, one whose revoke returned is refused, and instead of either there may be 503.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    time::{Duration, Instant, SystemTime},
};

use anyhow::Result;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::login::{self, Login, Place};

const CALLERS: usize = 12;
/// Logins that a caller holds.
const HELD: usize = 6;

/// What one caller saw.
#[derive(Default)]
struct Seen {
    /// Answers by kind of call and status.
    answers: BTreeMap<String, u64>,
    wrong: Vec<String>,
    /// When there was a 503, seconds since 1970.
    refused: Vec<f64>,
}

impl Seen {
    /// Notes an answer; whether it is one of those that are right.
    fn note(&mut self, what: &str, at: SystemTime, status: u16, right: &[u16]) -> bool {
        *self.answers.entry(format!("{what} {status}")).or_default() += 1;
        if status == 503 {
            let at = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            self.refused.push(at.as_secs_f64());
        } else if !right.contains(&status) {
            self.wrong.push(format!("{what} was answered {status}"));
        }
        right.contains(&status)
    }
}

/// A login, and whether a call to end it was answered by 503: it may have ended.
struct Held {
    login: Login,
    doubtful: bool,
}

#[expect(clippy::disallowed_methods, reason = "a measurement is about the real clock")]
pub(crate) async fn measure(seconds: u64, addresses: [SocketAddr; 3]) -> Result<Value> {
    login::register(&mut Place::node(addresses[0])).await?;
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        callers.spawn(call(caller, addresses, until));
    }
    let mut all = Seen::default();
    for seen in callers.join_all().await {
        let seen = seen?;
        for (what, count) in seen.answers {
            *all.answers.entry(what).or_default() += count;
        }
        all.wrong.extend(seen.wrong);
        all.refused.extend(seen.refused);
    }
    all.refused.sort_unstable_by(f64::total_cmp);
    Ok(json!({
        "answers": all.answers, "wrong": all.wrong, "first_503": all.refused.first(), "last_503": all.refused.last(),
    }))
}

#[expect(clippy::disallowed_methods, reason = "a measurement is about the real clock")]
async fn call(caller: usize, addresses: [SocketAddr; 3], until: Instant) -> Result<Seen> {
    let mut places = Place::all(addresses);
    let (mut seen, mut held, mut number) = (Seen::default(), Vec::<Held>::new(), caller);
    while Instant::now() < until {
        number += 1;
        let at = SystemTime::now();
        let node = number / 8 % 2;
        let went_well = if held.len() < HELD {
            match places[node].log_in(number * CALLERS + caller).await? {
                Ok(login) => {
                    held.push(Held { login, doubtful: false });
                    seen.note("a login", at, 201, &[201])
                }
                Err(status) => seen.note("a login", at, status, &[201]),
            }
        } else if number % 8 == 0 {
            revoke(&mut seen, &mut places, node, &mut held).await?
        } else {
            let place = number % 3;
            let Held { login, doubtful } = &held[number / 3 % held.len()];
            let status = places[place].check(login).await?;
            let right: &[u16] = if *doubtful { &[200, 401] } else { &[200] };
            seen.note(
                if place == 2 { "a check at the guard" } else { "a check at a node" },
                at,
                status,
                right,
            )
        };
        if !went_well {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    Ok(seen)
}

/// Ends the oldest, and when that has returned shows it everywhere.
#[expect(clippy::disallowed_methods, reason = "a measurement is about the real clock")]
async fn revoke(seen: &mut Seen, places: &mut [Place; 3], node: usize, held: &mut Vec<Held>) -> Result<bool> {
    let at = SystemTime::now();
    let (status, mut done) = places[node].revoke(&held[0].login).await?;
    // Ended by the call before, whose answer was 503: this one has waited for it.
    done |= held[0].doubtful && status == 401;
    if !seen.note("a revoke", at, status, if done { std::slice::from_ref(&status) } else { &[] }) {
        held[0].doubtful = true;
        return Ok(false);
    }
    let ended = held.remove(0);
    for place in places {
        let at = SystemTime::now();
        let status = place.check(&ended.login).await?;
        seen.note("a check after the revoke", at, status, &[401]);
    }
    Ok(true)
}
