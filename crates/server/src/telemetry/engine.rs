//! What the engine counts, as Prometheus reads it. The engine hands out plain numbers and knows no metrics.
//!
//! Nothing is recorded here: the numbers are read when the page is asked for. Which nodes there are only the store knows; it is given a
//! moment to say so, and where it does not, those numbers are absent, and the page comes all the same. No guard is named: its id is its
//! own to choose (LG-06), and another at every start.

use std::{
    fmt::{Display, Write},
    time::Duration,
};

use symbolon::{
    Symbolon,
    revocation::Barriers,
    status::{Cached, Guarding, Lease},
};

/// How long the store may take.
const PATIENCE: Duration = Duration::from_secs(1);

const GUARDS: &str = "symbolon_guards";
const BEHIND: &str = "symbolon_guards_behind_entries";
const WAITS: &str = "symbolon_revocation_wait_seconds";
const CACHED: &str = "symbolon_cache_entries";
const HITS: &str = "symbolon_cache_hits_total";
const MISSES: &str = "symbolon_cache_misses_total";

/// The lines about an engine.
pub(super) async fn page(engine: &Symbolon) -> String {
    let guarding = engine.guarding();
    let remote = guarding.remote.iter().map(|guard| (guard.acknowledged, guard.left.is_zero()));
    let mut guards = vec![("remote", Kind::of(&remote.collect::<Vec<_>>(), guarding.applied))];
    if guarding.lease.is_some()
        && let Ok(Ok(nodes)) = tokio::time::timeout(PATIENCE, engine.nodes()).await
    {
        let nodes: Vec<_> = nodes.iter().map(|node| (node.applied, node.lapsed)).collect();
        let head = nodes.iter().map(|(applied, _)| *applied).max().unwrap_or_default();
        guards.push(("node", Kind::of(&nodes, head)));
    }
    let mut page = Page::default();
    page.guarding(&guarding);
    page.barriers(&guarding.barriers);
    page.guards(&guards);
    page.cached(&engine.cached());
    page.0
}

/// Guards of one kind.
struct Kind {
    live: usize,
    lapsed: usize,
    /// How many entries the live one that is furthest behind has not applied.
    behind: u64,
}

impl Kind {
    /// Of what each has applied and whether its lease is over, when the log is at `head`.
    fn of(guards: &[(u64, bool)], head: u64) -> Self {
        let live = || guards.iter().filter(|(_, lapsed)| !lapsed);
        let behind = live().map(|(applied, _)| head.saturating_sub(*applied)).max().unwrap_or_default();
        Self { live: live().count(), lapsed: guards.len() - live().count(), behind }
    }
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to memory cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &str, value: impl Display) {
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.sample(name, "", value);
    }

    fn guarding(&mut self, guarding: &Guarding) {
        let help = "Whether this node may decide from memory.";
        self.one("symbolon_fresh", "gauge", help, u8::from(guarding.fresh));
        let help = "The number up to which this node has applied the revocation log.";
        self.one("symbolon_log_applied", "gauge", help, guarding.applied);
        let Some(Lease { length, age, lag, failures, clocks_apart, .. }) = guarding.lease else { return };
        for (name, help, value) in [
            ("symbolon_lease_seconds", "How long a lease is.", length),
            (
                "symbolon_clocks_apart_seconds",
                "How far the clock of this machine and the store's are apart, at least.",
                clocks_apart,
            ),
            ("symbolon_lease_age_seconds", "How long ago this node renewed its lease.", age),
            (
                "symbolon_revocation_lag_seconds",
                "How long ago this node knew all of the revocation log.",
                lag,
            ),
        ] {
            self.one(name, "gauge", help, value.as_secs_f64());
        }
        let help = "Renewals of the lease, and readings of the log, that failed.";
        self.one("symbolon_lease_failures_total", "counter", help, failures);
    }

    fn barriers(&mut self, barriers: &Barriers) {
        self.family(WAITS, "histogram", "What endings waited for guards.");
        for (bound, count) in &barriers.within {
            self.sample(&format!("{WAITS}_bucket"), &format!("{{le=\"{}\"}}", bound.as_secs_f64()), count);
        }
        self.sample(&format!("{WAITS}_bucket"), "{le=\"+Inf\"}", barriers.count);
        self.sample(&format!("{WAITS}_sum"), "", barriers.waited.as_secs_f64());
        self.sample(&format!("{WAITS}_count"), "", barriers.count);
        let help = "Endings that waited until the lease of a guard that did not answer was over.";
        self.one("symbolon_revocation_timeouts_total", "counter", help, barriers.timed_out);
    }

    fn guards(&mut self, guards: &[(&str, Kind)]) {
        let help = "Who decides from memory: nodes of the store, and guards without one that follow this node. The lease of the \
                    lapsed is over.";
        self.family(GUARDS, "gauge", help);
        for (kind, Kind { live, lapsed, .. }) in guards {
            self.sample(GUARDS, &format!("{{kind=\"{kind}\",state=\"live\"}}"), live);
            self.sample(GUARDS, &format!("{{kind=\"{kind}\",state=\"lapsed\"}}"), lapsed);
        }
        self.family(
            BEHIND,
            "gauge",
            "Entries of the log that the live guard which is furthest behind has not applied.",
        );
        for (kind, Kind { behind, .. }) in guards {
            self.sample(BEHIND, &format!("{{kind=\"{kind}\"}}"), behind);
        }
    }

    fn cached(&mut self, cached: &Cached) {
        let caches = [
            ("sessions", cached.sessions, cached.sessions_asked),
            ("users", cached.users, cached.users_asked),
            ("tokens", cached.tokens, cached.tokens_asked),
        ];
        self.family(CACHED, "gauge", "How much is kept in memory.");
        for (cache, entries, _) in &caches {
            self.sample(CACHED, &format!("{{cache=\"{cache}\"}}"), entries);
        }
        self.family(HITS, "counter", "What was asked of memory and found there.");
        for (cache, _, asked) in &caches {
            self.sample(HITS, &format!("{{cache=\"{cache}\"}}"), asked.hits);
        }
        self.family(MISSES, "counter", "What was asked of memory and not found there.");
        for (cache, _, asked) in &caches {
            self.sample(MISSES, &format!("{{cache=\"{cache}\"}}"), asked.misses);
        }
    }
}
