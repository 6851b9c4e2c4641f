//! Many nodes and guards over one store, in simulated time: clocks drift, messages are late or lost, nodes are cut off, killed and
//! restarted, and the database's clock steps. Whatever happens, a check that begins after its revoke has returned is refused.
//!
//! The engines are real; the store is the reference store behind links that misbehave ([`database`]), and time is the runtime's own,
//! which passes only when nobody has anything to do. A seed decides everything that happens, so a failure names one.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking"
)]

mod clocks;
mod database;
mod guard;
mod held;
mod history;
mod margins;
mod master;
mod node;
mod order;
mod restore;
mod rules;
mod seed;
mod suspend;
