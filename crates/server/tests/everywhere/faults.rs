//! What goes wrong, one thing after the other, and that service comes back by itself each time.

use std::{sync::Arc, time::Duration};

use crate::{chance::Chance, database::Harm, guard::GuardProcess, node::Node, proxy::Wire, time};

/// What can go wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// A node is killed and started again.
    Killed,
    /// A node is stopped with SIGTERM and started again: a rolling upgrade.
    Restarted,
    /// A node stands still for longer than its lease, and goes on as if nothing had been.
    Paused,
    /// A node's wire to the database is cut.
    Cut,
    /// The same, but nobody is told.
    Stalled,
    /// It is slow.
    Slow,
    /// The database is restarted at once, without asking anybody.
    Database,
    /// The database has no room: it refuses whatever is written.
    Full,
    /// It takes long over whatever is written, and holds its locks meanwhile.
    Sluggish,
    /// Nobody hears of endings elsewhere: wake-ups are lost.
    Deaf,
    /// The other machine takes over.
    FailedOver,
    /// The wall clock of a node is set, minutes off, and right again; sometimes it is restarted in between.
    Clock,
    /// The guard's, which stays so.
    GuardClock,
    /// The guard loses the nodes.
    GuardCut,
    /// Nobody tells the guard.
    GuardStalled,
    /// The guard stands still for longer than its lease.
    GuardPaused,
}

pub(crate) const ALL: [Fault; 15] = [
    Fault::Killed,
    Fault::Restarted,
    Fault::Paused,
    Fault::Cut,
    Fault::Stalled,
    Fault::Slow,
    Fault::Database,
    Fault::Full,
    Fault::Sluggish,
    Fault::Deaf,
    Fault::Clock,
    Fault::GuardClock,
    Fault::GuardCut,
    Fault::GuardStalled,
    Fault::GuardPaused,
];

/// How long a node may take to come back once all is whole.
const PATIENCE: Duration = Duration::from_secs(18);
/// How long a guard may take to come back once all nodes have. (A shared machine is slow at times.)
const BACK: Duration = Duration::from_secs(10);

/// What can be broken.
pub(crate) struct Breakable {
    pub(crate) nodes: Arc<Vec<Node>>,
    pub(crate) guard: GuardProcess,
    pub(crate) database: Box<dyn Fn(Harm) + Send + Sync>,
    /// What the database is doing.
    pub(crate) doing: Box<dyn Fn() -> String + Send + Sync>,
    pub(crate) lease: Duration,
}

impl Breakable {
    /// Breaks something, waits, mends it, waits until all nodes are ready; until `over`, and each at least once. Says how often each was broken.
    pub(crate) async fn storm(
        &self,
        faults: &[Fault],
        chance: &mut Chance,
        over: Duration,
    ) -> Vec<(String, u32)> {
        let began = time::now();
        let mut counts = vec![0_u32; faults.len()];
        let mut round = 0;
        while began.elapsed() < over || round < faults.len() {
            let at = if round < faults.len() {
                round
            } else {
                usize::try_from(chance.below(faults.len() as u64)).unwrap()
            };
            round += 1;
            counts[at] += 1;
            self.one(faults[at], chance).await;
            self.comes_back().await;
            tokio::time::sleep(Duration::from_millis(100 + chance.below(400))).await;
        }
        faults.iter().map(|fault| format!("{fault:?}").to_lowercase()).zip(counts).collect()
    }

    /// Service comes back by itself: nodes first, and the guard within a lease and the longest pause between two tries.
    pub(crate) async fn comes_back(&self) {
        for node in &*self.nodes {
            if tokio::time::timeout(PATIENCE, node.ready()).await.is_err() {
                let doing = tokio::task::block_in_place(|| (self.doing)());
                panic!("{} does not get ready:\n{}\nthe database:\n{doing}", node.name, node.log_end());
            }
        }
        self.guard.ready(BACK).await;
    }

    async fn one(&self, fault: Fault, chance: &mut Chance) {
        let node = chance.pick(&self.nodes).unwrap();
        let lease = u64::try_from(self.lease.as_millis()).unwrap();
        // From less than a lease to some of them.
        let hold = Duration::from_millis(lease / 2 + chance.below(lease * 2));
        match fault {
            Fault::Killed => {
                node.kill();
                tokio::time::sleep(hold / 2).await;
                node.up();
            }
            Fault::Restarted => {
                tokio::task::block_in_place(|| node.stop());
                node.up();
            }
            Fault::Paused => {
                node.pause();
                tokio::time::sleep(hold).await;
                node.resume();
            }
            Fault::Cut | Fault::Stalled | Fault::Slow => {
                let wire = match fault {
                    Fault::Cut => Wire::Cut,
                    Fault::Stalled => Wire::Stalled,
                    _ => Wire::Slow,
                };
                node.wire(wire);
                tokio::time::sleep(hold).await;
                node.wire(Wire::Whole);
            }
            Fault::GuardPaused => {
                self.guard.pause();
                tokio::time::sleep(hold).await;
                self.guard.resume();
            }
            Fault::Database => self.harm(Harm::Restarted),
            Fault::FailedOver => self.harm(Harm::FailedOver),
            Fault::Full | Fault::Sluggish => {
                self.harm(if matches!(fault, Fault::Full) { Harm::Full } else { Harm::Sluggish });
                tokio::time::sleep(hold).await;
                self.harm(Harm::Whole);
            }
            Fault::Deaf => {
                let began = time::now();
                while began.elapsed() < hold {
                    self.harm(Harm::Deaf);
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
            Fault::Clock => {
                node.clock.set(off(chance));
                if chance.below(2) == 0 {
                    node.kill();
                    node.up();
                }
                tokio::time::sleep(hold).await;
                // It serves meanwhile, and is not ready until that is right.
                node.clock.set(0);
            }
            Fault::GuardClock => {
                self.guard.clock.set(off(chance));
                tokio::time::sleep(hold).await;
            }
            Fault::GuardCut | Fault::GuardStalled => {
                let wire = if matches!(fault, Fault::GuardCut) { Wire::Cut } else { Wire::Stalled };
                self.guard.wires.iter().for_each(|one| one.set(wire));
                tokio::time::sleep(hold).await;
                self.guard.wires.iter().for_each(|one| one.set(Wire::Whole));
            }
        }
    }

    fn harm(&self, harm: Harm) {
        tokio::task::block_in_place(|| (self.database)(harm));
    }
}

/// Seconds that a wall clock is off, a quarter of an hour at most; right again now and then.
fn off(chance: &mut Chance) -> i64 {
    const MOST: u64 = 15 * 60;
    if chance.below(4) == 0 {
        return 0;
    }
    i64::try_from(chance.below(2 * MOST + 1)).unwrap() - i64::try_from(MOST).unwrap()
}
