//! The router of Symbolon: JSON API and pages, to mount in any axum application.
//!
//! ```no_run
//! use axum::{Router, routing::get};
//! use symbolon_axum::{Auth, Identity};
//!
//! async fn hello(who: Option<Identity>) -> String {
//!     who.map_or("Hello, stranger".into(), |who| format!("Hello, user {}", who.user_id))
//! }
//!
//! # async fn app() -> Result<Router, Box<dyn std::error::Error>> {
//! let auth = Auth::open("http://127.0.0.1:3000", "./symbolon-data").await?;
//! let app = Router::new().route("/", get(hello)).merge(auth.router()).layer(auth.layer());
//! # Ok(app) }
//! ```
//!
//! This crate owns HTTP: the table of routes (`router.rs`), a handler per call (`api/`) and per page (`pages/`). Handlers are thin: the
//! engine decides, they answer. It refuses to hold a rule of its own about who may log in.
//!
//! Under a prefix: nest the router where the issuer's path says (`https://app.example/auth` → `nest("/auth", auth.router())`) and merge
//! [`Auth::well_known`] at the root.

mod address;
mod api;
mod at_once;
mod auth;
mod failure;
mod options;
mod pages;
mod parts;
mod router;

/// Every path of the API with its methods, for tests that hold documents and rights against the router.
#[doc(hidden)]
pub fn inventory() -> Vec<(&'static str, Vec<axum::http::Method>)> {
    router::inventory()
}

/// The same for what [`Auth::local_router`] has besides administration.
#[doc(hidden)]
pub fn operator_inventory() -> Vec<(&'static str, Vec<axum::http::Method>)> {
    router::operator_inventory()
}

/// Every path of the pages, those of the development mode and the start page included.
#[doc(hidden)]
pub fn pages_inventory() -> Vec<(&'static str, &'static [axum::http::Method])> {
    pages::inventory()
}

pub use auth::{Auth, OpenError};
pub use options::Options;
pub use symbolon_http::{
    AuthLayer, Bearer, BearerForm, Fresh, Identity, Refusal, Rejection, SameOrigin, Session, Via,
};
