//! The margins (rule 8), at their edge: clocks that drift as much as one may, in the direction that hurts, and a lease that was renewed at
//! the very moment of the commit.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use crate::{
    database::Message,
    history::Simulation,
    node::check_cookie,
    rules::{LEASE, SOON, ask, cookie, end},
    seed::MOST_DRIFT,
};

/// The clock of whoever ends is fast and its timer early; the other one's is slow, and its lease long.
fn drifts() -> (i32, i32) {
    let most = i32::try_from(MOST_DRIFT).unwrap();
    (most, -most)
}

#[tokio::test(start_paused = true)]
async fn rule_8_a_timer_outlasts_every_lease_from_before_the_commit() {
    let mut simulation = Simulation::new(30, 1, 0, 2).await;
    let (fast, slow) = drifts();
    simulation.restart_with_drift(0, fast).await;
    simulation.add_with_drift(slow).await;
    let (here, there) = (simulation.engine(0), simulation.engine(1));
    let shown = cookie(&simulation, 0);
    assert_eq!(check_cookie(&there, &shown).await, Some(true));
    let link = Arc::clone(&simulation.nodes.lock().unwrap()[1].link);
    // The next renewal is whole, and then nothing is heard of it any more: the ending commits at that moment.
    let page = link.hold(Message::Page, true);
    page.reached().await;
    page.release();
    while there.guarding().lease.unwrap().left < LEASE - SOON {
        tokio::task::yield_now().await;
    }
    link.cut.store(true, Ordering::SeqCst);
    // Rows say no more than the timer: they would be waited for longer.
    let (took, ()) = simulation.takes(end(&here, &simulation, 0)).await;
    assert!(took > LEASE - SOON, "{took:?}");
    assert_ne!(check_cookie(&there, &shown).await, Some(true));
    assert!(there.check_token(&simulation.subjects[0].token).is_err());
}

#[tokio::test(start_paused = true)]
async fn rule_8_a_grant_is_remembered_for_longer_than_its_holder_uses_it() {
    let mut simulation = Simulation::new(31, 1, 0, 2).await;
    let (fast, slow) = drifts();
    simulation.restart_with_drift(0, fast).await;
    let engine = simulation.engine(0);
    let answer = ask(&engine, uuid::Uuid::from_u128(1), None, 0).await.unwrap();
    let least = answer.lease + answer.lease / 50;
    let remembered = engine.guarding().remote[0].left;
    assert!(remembered >= least, "{remembered:?} for a lease of {:?}", answer.lease);
    // What the holder makes of it, by its own clock: less a fiftieth, and both in the time that passes.
    let real = |time: Duration, drift: i32| time.div_f64(1.0 + f64::from(drift) / 1000.0);
    assert!(real(answer.lease - answer.lease / 50, slow) < real(remembered, fast));
}
