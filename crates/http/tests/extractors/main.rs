//! The extractors in a small axum application, over a check that the test owns.
//!
//! `fake.rs` is the check and the application; the other files are named after what they hold the crate to.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, outside `#[test]` functions")]

mod carriers;
mod cookies;
mod cross_site;
mod embedding;
mod fake;
mod fresh;
mod grants;
mod transport;
