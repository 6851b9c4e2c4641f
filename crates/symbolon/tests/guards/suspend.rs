//! A machine that slept must not wake up with its lease (rule 9): the clock counts the time. No test can put a machine to sleep; but a
//! process can begin in a namespace in which the clock that counts suspend shows a day more, and the one that does not shows the same.

use std::{
    io::Write,
    process::{Command, Output},
    time::Duration,
};

use symbolon::clock::{Clock, SystemClock};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Runs the test below where the machine has slept for a day. Whoever is not root becomes it in a namespace of users first.
fn after_a_day() -> Option<Output> {
    [&[][..], &["--user", "--map-root-user"]].into_iter().find_map(|more| {
        let output = Command::new("unshare")
            .args(more)
            .args(["--time", "--boottime", &DAY.as_secs().to_string(), "--"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "suspend::the_other_side", "--ignored", "--nocapture"])
            .output();
        output.ok().filter(|output| output.status.success())
    })
}

#[test]
fn rule_9_the_clock_counts_the_time_that_the_machine_slept() {
    let before = SystemClock.monotonic();
    let Some(output) = after_a_day() else {
        let _ = std::io::stderr().write_all(b"skipped: no namespace of time can be made here\n");
        return;
    };
    let said = String::from_utf8(output.stdout).unwrap();
    let shown = said.lines().find_map(|line| line.split("clock: ").nth(1)).unwrap();
    let shown = Duration::from_secs(shown.trim().parse().unwrap());
    assert!(shown + Duration::from_secs(1) >= before + DAY, "{shown:?}, and {before:?} here");
}

#[test]
#[ignore = "the other side of rule 9"]
#[allow(clippy::print_stdout, reason = "its output is its answer")]
fn the_other_side() {
    println!("clock: {}", SystemClock.monotonic().as_secs());
}
