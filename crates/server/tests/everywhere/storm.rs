//! The storm: many histories at once, while one thing after the other breaks and is mended.

use std::{
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use crate::{
    chance::Chance,
    database::Machines,
    family::{Family, Place, Tally, World},
    faults::{ALL, Breakable, Fault},
    guard::GuardProcess,
    node::{Installation, Node},
    time,
};

/// Seconds of an ordinary run: each fault comes once or twice.
const SECONDS: u64 = 25;
const FAMILIES: u64 = 10;
const LEASE: Duration = Duration::from_secs(1);

fn seconds() -> Duration {
    let given = std::env::var("SYMBOLON_TEST_SECONDS").ok().map(|text| text.parse().expect("a number"));
    Duration::from_secs(given.unwrap_or(SECONDS))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn invariant_1_revoked_is_revoked_everywhere_whatever_fails() {
    let Some(machines) = Machines::one() else { return };
    storm(machines, 3, &ALL, seconds()).await;
}

/// Nodes over these machines, and a guard that follows the nodes; at the end every ledger must be right.
pub(crate) async fn storm(machines: Machines, nodes: usize, faults: &[Fault], over: Duration) {
    let seed = Chance::seed();
    println!("SYMBOLON_TEST_SEED={seed}");
    let installation = Installation {
        store: machines.url(),
        master_key: "8d1f62c47ab09e35d6f8013b5ce7492a90b4d3e61f7a285cc0de137b84f6a95e".into(),
        lease: LEASE,
    };
    let addresses = machines.addresses();
    let mut started = Vec::new();
    for number in 0..nodes {
        started.push(Node::start(&format!("node {number}"), &installation, &addresses).await);
    }
    machines.prepare();
    let nodes = Arc::new(started);
    let guard = GuardProcess::start(&nodes).await;
    if !guard.clock.can_be_set() {
        println!("skipped: wall clocks that are set (apt-get install faketime)");
    }
    let at_nodes: Vec<Place> = nodes
        .iter()
        .map(|node| Place { name: node.name.clone(), base: node.url(""), door: "/v1/me" })
        .collect();
    let mut places = at_nodes.clone();
    places.push(Place { name: "the guard".into(), base: format!("http://{}", guard.address), door: "/door" });
    let world = Arc::new(World {
        nodes: at_nodes,
        places,
        client: reqwest::Client::builder().timeout(Duration::from_secs(6)).build().unwrap(),
        over: false.into(),
        tally: Tally::default(),
        faults: Mutex::default(),
    });
    let mut families = Vec::new();
    for number in 0..FAMILIES {
        families.push(Family::register(&format!("family{number}"), &world).await);
    }
    let mut tasks = tokio::task::JoinSet::new();
    for (number, family) in (0..).zip(&families) {
        for task in 0..2 {
            tasks.spawn(Arc::clone(family).live(Chance::new(seed, number * 100 + task)));
            tasks.spawn(Arc::clone(family).check(Chance::new(seed, number * 100 + 50 + task)));
        }
    }
    let machines = Arc::new(Mutex::new(machines));
    let harmed = Arc::clone(&machines);
    let breakable = Breakable {
        nodes: Arc::clone(&nodes),
        guard,
        database: Box::new(move |harm| harmed.lock().unwrap().suffers(harm)),
        doing: Box::new(move || machines.lock().unwrap().doing()),
        lease: LEASE,
    };
    let began = time::now();
    let broken = breakable.storm(faults, &mut Chance::new(seed, 7), over).await;
    world.over.store(true, Ordering::Relaxed);
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    // What hung on a stalled wire may still have happened a moment ago.
    breakable.comes_back().await;
    let (mut dead, mut live) = (0, 0);
    for family in &families {
        let (refused, accepted) = family.settle().await;
        dead += refused;
        live += accepted;
    }
    let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    let tally = &world.tally;
    println!(
        "{:?}: {} logins, {} refreshes, {} endings ({} without an answer); {} checks accepted, {} refused, {} answered by nobody",
        began.elapsed(),
        count(&tally.logins),
        count(&tally.refreshes),
        count(&tally.endings),
        count(&tally.lost),
        count(&tally.accepted),
        count(&tally.refused),
        count(&tally.nobody),
    );
    println!("broken: {broken:?}; at the end {dead} refusals and {live} acceptances were as they should be");
    let faults = world.faults.lock().unwrap();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults[..faults.len().min(20)].join("\n"));
    for node in &*nodes {
        assert!(node.defects().is_empty(), "{}: {:?}", node.name, node.defects());
    }
    assert!(count(&tally.endings) > 50 && count(&tally.accepted) > 500, "the run did something");
    assert!(dead > 0 && live > 0, "and its end was looked at");
}
