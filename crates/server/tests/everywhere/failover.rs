//! The storm over two machines: the primary dies, its synchronous standby takes its place, and so on to and fro. Nothing acknowledged is
//! lost (invariant 2), nothing ended comes back (invariant 1), and nodes that know both machines find the one that takes writes by themselves.

use std::time::Duration;

use crate::{database::Machines, faults::Fault, storm::storm};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn invariant_2_a_failover_to_a_synchronous_standby_loses_nothing_and_brings_nothing_back() {
    let Some(machines) = Machines::two() else { return };
    let given = std::env::var("SYMBOLON_TEST_SECONDS").ok().map(|text| text.parse().expect("a number"));
    // Three times at least, with other things between.
    let faults =
        [Fault::FailedOver, Fault::Killed, Fault::FailedOver, Fault::Stalled, Fault::Deaf, Fault::FailedOver];
    storm(machines, 2, &faults, Duration::from_secs(given.unwrap_or(0))).await;
}
