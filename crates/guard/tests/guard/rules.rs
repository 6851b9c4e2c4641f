//! What the protocol of revocation asks of a guard: whence its lease counts, and that each start is another one.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use serde_json::json;
use symbolon_guard::clock::{Clock, SystemClock};

use crate::server::{Ahead, Server};

/// Three seconds, less a fiftieth, from before the question; however long the answer took.
#[tokio::test]
async fn rule_8_rule_10_m17_a_lease_counts_from_before_its_own_question_less_the_margin() {
    let server = Server::start().await;
    let clock = Arc::new(Ahead::default());
    let guard = server.guard().clock(Arc::clone(&clock) as _).open().await.unwrap();
    assert!(guard.standing().lease_left <= Duration::from_millis(2_940), "{:?}", guard.standing());
    server.gate.close();
    server.gate.next().await;
    clock.0.store(2_000, Ordering::SeqCst);
    server.gate.answers.add_permits(1);
    server.gate.next().await;
    let left = guard.standing().lease_left;
    assert!(left <= Duration::from_millis(940), "{left:?}: the answer took two seconds");
}

#[tokio::test]
async fn a_page_that_is_not_all_gives_no_lease_and_a_reset_takes_it_away() {
    let server = Server::start().await;
    let guard = server.guard().open().await.unwrap();
    assert!(guard.standing().fresh);
    *server.gate.says.lock().unwrap() = json!({ "reset": true, "more": true, "lease_ms": 3000 });
    server.gate.close();
    server.gate.next().await;
    server.gate.answers.add_permits(1);
    server.gate.next().await;
    assert!(!guard.standing().fresh);
    *server.gate.says.lock().unwrap() = json!({});
    server.gate.answers.add_permits(1);
    server.gate.next().await;
    assert!(guard.standing().fresh);
}

#[tokio::test]
async fn rule_10_every_start_of_a_guard_is_a_new_one() {
    let server = Server::start().await;
    let guards = [server.guard().open().await.unwrap(), server.guard().open().await.unwrap()];
    let known = server.engine.guarding().remote;
    assert_eq!(known.len(), guards.len(), "one acknowledges nothing for another");
    assert!(known.iter().all(|guard| guard.id.get_version_num() == 4), "random, not counted");
}

/// A process in a namespace in which the machine has slept for a day.
#[test]
fn rule_9_the_clock_counts_the_time_that_the_machine_slept() {
    const DAY: u64 = 24 * 60 * 60;
    let before = SystemClock.monotonic().as_secs();
    let after = [&[][..], &["--user", "--map-root-user"]].into_iter().find_map(|more| {
        let output = std::process::Command::new("unshare")
            .args(more)
            .args(["--time", "--boottime", &DAY.to_string(), "--"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "rules::the_other_side", "--ignored", "--nocapture"])
            .output();
        output.ok().filter(|output| output.status.success())
    });
    let Some(output) = after else {
        let _ = std::io::Write::write_all(
            &mut std::io::stderr(),
            b"skipped: no namespace of time can be made here\n",
        );
        return;
    };
    let said = String::from_utf8(output.stdout).unwrap();
    let shown = said.lines().find_map(|line| line.split("clock: ").nth(1)).unwrap();
    assert!(shown.trim().parse::<u64>().unwrap() + 1 >= before + DAY, "{shown}, and {before} here");
}

#[test]
#[ignore = "the other side of rule 9"]
#[allow(clippy::print_stdout, reason = "its output is its answer")]
fn the_other_side() {
    println!("clock: {}", SystemClock.monotonic().as_secs());
}
