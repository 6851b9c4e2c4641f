//! Revoked is revoked, everywhere: several nodes over one PostgreSQL and a guard in a process of its own, real ones, while nodes are killed
//! and paused, wires are cut, wall clocks are set, and the database restarts, is full, slow, or taken over by its standby. Every history is
//! held against two rules (`ledger.rs`) as it happens.
//!
//! `SYMBOLON_TEST_SECONDS` says how long the storm lasts (a short run is part of the test command; `tests/everywhere/run` is the long one),
//! `SYMBOLON_TEST_SEED` repeats a run's choices. Without PostgreSQL's binaries the tests say that they are skipped.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]
#![allow(clippy::print_stdout, reason = "a run tells what happened in it")]

#[path = "../http/chance.rs"]
#[allow(dead_code, reason = "a part of it is used here")]
mod chance;
#[path = "../http/time.rs"]
#[allow(dead_code, reason = "a part of it is used here")]
mod time;

mod database;
mod failover;
mod family;
mod faults;
mod guard;
mod ledger;
mod node;
mod proxy;
mod storm;
mod wall;
