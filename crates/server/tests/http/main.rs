//! Black-box tests of the HTTP contract: the real binary, a folder of its own for each test, and what a client sees.
//!
//! A file is named after the path it tests (`v1/sessions.rs` is `/v1/sessions`), or, under `rules/`, after what holds for all
//! paths. The harness is `server.rs`, what it sends and reads `client.rs`. Every server, when its test is done, is asked two
//! things more: that its log holds no secret which went over the wire (LG-01), and that nothing failed inside (no 500, no panic).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod chance;
mod client;
mod people;
mod raw;
mod server;
mod time;

mod dpop;
mod endings;
mod guessing;
mod health;
mod journeys;
mod oauth;
mod process;
mod rules;
mod v1;
mod well_known;
