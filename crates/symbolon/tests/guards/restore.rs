//! A store that was put back while somebody may still decide by what it was before (ST-19, invariant 1): nobody does any more when the
//! restore says that it is done.

use std::{sync::atomic::Ordering, time::Duration};

use symbolon::{ErrorKind, audit::Actor, store::Store};

use crate::{
    history::Simulation,
    node::{Node, check_token},
    seed::day,
};

const LEASE: Duration = Duration::from_secs(3);

impl Simulation {
    /// An engine over the same store, which puts it back.
    async fn restorer(&self) -> Node {
        Node::start(&self.database, &self.chance, &self.master, self.since).await
    }
}

#[tokio::test(start_paused = true)]
async fn st_19_a_restore_is_refused_beside_a_node() {
    let simulation = Simulation::new(71, 1, 0, 1).await;
    let before = simulation.database.rows.installation().await.unwrap();
    let refused = simulation.restorer().await.engine.restored(0, None, Actor::Cli).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Forbidden);
    assert!(refused.to_string().contains("Stop them first"), "{refused}");
    assert_eq!(simulation.database.rows.installation().await.unwrap(), before);
    assert_eq!(check_token(&simulation.engine(0), &simulation.subjects[0].token).await, Some(true));
}

#[tokio::test(start_paused = true)]
async fn st_19_a_restore_returns_when_no_lease_of_before_lives() {
    let simulation = Simulation::new(72, 1, 1, 1).await;
    let (subject, guard) = (&simulation.subjects[0], &simulation.guards[0]);
    for _ in 0..1_000 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if guard.accepts(&subject.claims, &subject.kid) == Some(true) {
            break;
        }
    }
    assert_eq!(guard.accepts(&subject.claims, &subject.kid), Some(true));
    // The node is cut off, and what was put back knows of no lease that it gave or had.
    simulation.nodes.lock().unwrap()[0].link.cut.store(true, Ordering::SeqCst);
    let rows = &simulation.database.rows;
    for row in rows.guards(Duration::ZERO, day()).await.unwrap() {
        rows.remove_guard(row.id).await.unwrap();
    }
    let restorer = simulation.restorer().await;
    let restoring = restorer.engine.restored(0, Some(LEASE), Actor::Cli);
    tokio::pin!(restoring);
    let soon = tokio::time::timeout(Duration::from_millis(500), &mut restoring).await;
    assert!(soon.is_err(), "somebody decides by the old history still");
    assert_eq!(check_token(&simulation.engine(0), &subject.token).await, Some(true));
    let (took, restored) = simulation.takes(restoring).await;
    restored.unwrap();
    assert!(took < LEASE, "{took:?}");
    assert_ne!(guard.accepts(&subject.claims, &subject.kid), Some(true));
    assert_ne!(check_token(&simulation.engine(0), &subject.token).await, Some(true));

    // The node that was cut off comes back, and its guard to it: to the new history, without a restart.
    simulation.nodes.lock().unwrap()[0].link.heal();
    tokio::time::sleep(2 * LEASE).await;
    simulation.engine(0).ready().await.unwrap();
    assert_eq!(guard.accepts(&subject.claims, &subject.kid), Some(false), "its key was removed");
    assert_eq!(check_token(&simulation.engine(0), &subject.token).await, Some(false));
    let cookie = subject.cookie.as_ref().unwrap();
    assert_eq!(crate::node::check_cookie(&simulation.engine(0), cookie).await, Some(false));
}

#[tokio::test(start_paused = true)]
async fn st_19_a_longer_lease_of_before_is_waited_out_too() {
    let simulation = Simulation::new(73, 1, 0, 1).await;
    simulation.engine(0).close().await.unwrap();
    let restorer = simulation.restorer().await;
    let long = Duration::from_secs(20);
    let (took, restored) = simulation.takes(restorer.engine.restored(0, Some(long), Actor::Cli)).await;
    restored.unwrap();
    assert!(took > long - LEASE && took < long + LEASE, "{took:?}");
}
