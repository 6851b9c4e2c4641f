//! The engine from outside, over every store: each test is named after the invariant (DESIGN.md) or the row of ATTACKS.md that it
//! guards, or says what it guards. Rooms of the engine are modules here.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, outside `#[test]` functions")]

mod client;
mod common;
mod keyring;
mod login;
mod master;
mod master_races;
mod revocation;
mod secrets;
mod session;
mod token;
mod user;
