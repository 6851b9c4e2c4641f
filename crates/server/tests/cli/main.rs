//! The command line, from outside: the built binary, in folders of its own, with a server running and without.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]
#![allow(clippy::print_stdout, reason = "a test that is skipped says so")]
#![allow(clippy::needless_pass_by_value, reason = "bodies are written where they are sent")]

mod backup;
mod clients;
mod config;
mod doctor;
mod import;
mod keys;
mod place;
mod secrets;
mod sessions;
mod tokens;
mod users;
mod watch;
