//! The pages over the router of this process: what each form does, where it leads, and what it refuses.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking"
)]

#[path = "pages/browser.rs"]
mod browser;
#[path = "pages/confirm.rs"]
mod confirm;
#[path = "pages/elsewhere.rs"]
mod elsewhere;
#[path = "pages/explore.rs"]
mod explore;
#[path = "pages/grants.rs"]
mod grants;
#[path = "pages/headers.rs"]
mod headers;
#[path = "pages/journeys.rs"]
mod journeys;
#[path = "pages/refusals.rs"]
mod refusals;

use axum::Router;
use symbolon_axum::{Auth, Options};

use browser::{Browser, ORIGIN, settings, site};

/// The options of a process that is only Symbolon.
fn options() -> Options {
    Options { home: true, ..Options::default() }
}

async fn usual() -> (Auth, Router) {
    site(settings(ORIGIN), options()).await
}

/// Somebody who has just registered.
async fn ada(router: &Router) -> Browser {
    let mut ada = Browser::new(router);
    assert_eq!(ada.register("", "ada").await.leads_to(), "/account?done=registered");
    ada
}
