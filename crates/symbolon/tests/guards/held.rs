//! Who is gone and what hangs: whom that holds up, and for how long.

use std::sync::{Arc, atomic::Ordering};

use symbolon::{
    audit::Actor,
    store::{Installation, Store},
};
use uuid::Uuid;

use crate::{
    database::Message,
    history::Simulation,
    node::check_cookie,
    rules::{LEASE, SOON, TIMER, cookie, end},
    seed::begin,
};

#[tokio::test(start_paused = true)]
async fn a_dead_node_holds_up_one_ending_for_a_lease_and_no_other() {
    let simulation = Simulation::new(2, 3, 0, 4).await;
    simulation.nodes.lock().unwrap().pop();
    let engine = simulation.engine(0);
    let (took, ()) = simulation.takes(end(&engine, &simulation, 0)).await;
    assert!(took > LEASE / 2 && took <= TIMER, "{took:?}");
    // Its row counts for a second longer than it says, for the clock of a new primary may be ahead by so much (F7). Whoever has seen it say the
    // same for as long as the timer knows better.
    let (took, ()) = simulation.takes(end(&engine, &simulation, 1)).await;
    assert!(took < SOON, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn rule_7_a_node_that_was_seen_dead_is_waited_for_again_once_it_renews() {
    let simulation = Simulation::new(19, 2, 0, 2).await;
    let engine = simulation.engine(0);
    let link = Arc::clone(&simulation.nodes.lock().unwrap()[1].link);
    for round in 0..2 {
        link.cut.store(true, Ordering::SeqCst);
        let (took, ()) = simulation.takes(end(&engine, &simulation, round * 2)).await;
        assert!(took > LEASE / 2, "{took:?}: node 1 may decide still");
        let (took, ()) = simulation.takes(end(&engine, &simulation, round * 2 + 1)).await;
        assert!(took < SOON, "{took:?}: it may not");
        link.heal();
        tokio::time::sleep(LEASE).await;
        simulation.engine(1).ready().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn rule_7_a_row_counts_from_when_it_was_there_and_not_from_when_it_was_asked_for() {
    let simulation = Simulation::new(22, 2, 0, 2).await;
    let (engine, there) = (simulation.engine(0), simulation.engine(1));
    let links: Vec<_> = simulation.nodes.lock().unwrap().iter().map(|node| Arc::clone(&node.link)).collect();
    let shown = cookie(&simulation, 1);
    assert_eq!(check_cookie(&there, &shown).await, Some(true));
    let look = links[0].hold(Message::Look, true);
    let began = begin();
    let first = tokio::spawn({
        let (engine, id) = (engine.clone(), simulation.subjects[0].session.unwrap());
        async move { engine.end_session(id, None, Actor::Cli, None).await }
    });
    look.reached().await;
    // The other node renews while the question is on its way, and is not heard of again.
    tokio::time::sleep(LEASE / 2).await;
    while there.guarding().lease.unwrap().left < LEASE * 9 / 10 {
        tokio::time::sleep(SOON / 10).await;
    }
    links[1].cut.store(true, Ordering::SeqCst);
    look.release();
    first.await.unwrap().unwrap();
    tokio::time::sleep_until(began + TIMER + SOON).await;
    let (took, ()) = simulation.takes(end(&engine, &simulation, 1)).await;
    assert!(took > LEASE / 2, "{took:?}");
    assert_ne!(check_cookie(&there, &shown).await, Some(true));
}

#[tokio::test(start_paused = true)]
async fn who_else_reads_the_keys_and_hears_nothing_keeps_no_node_from_its_lease() {
    let simulation = Simulation::new(23, 2, 0, 1).await;
    let (here, there) = (simulation.engine(0), simulation.engine(1));
    let link = Arc::clone(&simulation.nodes.lock().unwrap()[1].link);
    let keys = link.hold(Message::Keys, true);
    let waits = tokio::spawn({
        let there = there.clone();
        async move { there.rotate_keys(true, Actor::Cli).await }
    });
    keys.reached().await;
    // From now on that node must have read them, too, before it may decide.
    here.remove_key(here.keys()[0].kid, Actor::Cli).await.unwrap();
    tokio::time::sleep(LEASE * 2).await;
    there.ready().await.unwrap();
    keys.release();
    assert!(waits.await.unwrap().is_err(), "it was told to try again");
}

#[tokio::test(start_paused = true)]
async fn a_log_that_takes_longer_than_a_lease_to_read_is_read_all_the_same() {
    let simulation = Simulation::new(20, 2, 0, 1).await;
    let (engine, shown) = (simulation.engine(1), cookie(&simulation, 0));
    let link = Arc::clone(&simulation.nodes.lock().unwrap()[1].link);
    let known = simulation.database.rows.installation().await.unwrap();
    let epoch = Uuid::from_u128(77);
    simulation.database.rows.set_installation(Installation { log_epoch: epoch, ..known }).await.unwrap();
    // One page that says that it is another log, and one of that, are more than a lease; then there is one that is all.
    *link.page.lock().unwrap() = Some(LEASE * 2 / 3);
    tokio::time::sleep(LEASE).await;
    for _ in 0..100 {
        if engine.ready().await.is_ok() {
            assert_eq!(check_cookie(&engine, &shown).await, Some(true));
            return;
        }
        tokio::time::sleep(SOON).await;
    }
    panic!("begun anew each time");
}
