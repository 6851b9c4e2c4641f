//! Sessions revoked by several callers at once, each on a connection of its own, one call after the other.

use std::{net::SocketAddr, time::Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    login::{self, Login, Place},
    spread,
};

#[expect(clippy::disallowed_methods, reason = "a measurement is about the real clock")]
pub(crate) async fn measure(sessions: usize, callers: usize, node: SocketAddr) -> Result<Value> {
    login::register(&mut Place::node(node)).await?;
    let mut logging_in = JoinSet::new();
    for caller in 0..callers {
        logging_in.spawn(async move {
            let mut place = Place::node(node);
            let mut mine = Vec::new();
            for number in (caller..sessions).step_by(callers) {
                // By token, all of them; a cookie's logout is the same transition.
                mine.push(place.must_log_in(2 * number + 1).await?);
            }
            anyhow::Ok((place, mine))
        });
    }
    let ready: Vec<(Place, Vec<Login>)> =
        logging_in.join_all().await.into_iter().collect::<Result<Vec<_>>>()?;
    let mut revoking = JoinSet::new();
    let began = Instant::now();
    for (mut place, logins) in ready {
        revoking.spawn(async move {
            let mut times = Vec::with_capacity(logins.len());
            for login in &logins {
                let began = Instant::now();
                let (status, done) = place.revoke(login).await?;
                ensure!(done, "a revoke was answered {status}");
                times.push(began.elapsed());
            }
            Ok(times)
        });
    }
    let times: Vec<_> = revoking.join_all().await.into_iter().collect::<Result<Vec<_>>>()?;
    let took = began.elapsed().as_secs_f64();
    let times: Vec<_> = times.into_iter().flatten().collect();
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let rate = times.len() as f64 / took;
    Ok(json!({ "rate": rate, "revoke": spread::milliseconds(times) }))
}
