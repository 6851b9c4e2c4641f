//! Credentials on HTTP: what a request presents, whether it may be believed, and how it is refused.
//!
//! This crate owns everything about a login that is visible in a request or an answer: the `Authorization` header, the
//! session cookie, the CSRF and CORS rules, security headers, problem documents, and the extractors a handler takes.
//! It refuses to know whether a credential is *good*: that is asked of a [`Check`], which the engine implements
//! (`symbolon-axum`) and a remote guard implements differently.
//!
//! Invariants:
//!
//! - A route that takes an extractor and has no [`AuthLayer`] answers 500, never as for an anonymous caller.
//! - A bearer token outranks a cookie; a bad one is refused, never passed over in favour of the cookie.
//! - Two ways of carrying a token in one request are refused, and two session cookies count as none.
//! - Whoever reads the cookie in an unsafe method has passed the CSRF rule: the extractors apply it themselves.
//! - Nothing a client sent is repeated in a refusal, and a refusal is never cached.
//!
//! In an application:
//!
//! ```
//! use symbolon_http::{AuthLayer, Check, Identity};
//! use axum::{Router, routing::get};
//! use std::sync::Arc;
//!
//! async fn hello(caller: Option<Identity>) -> String {
//!     caller.map_or("Hello, stranger".into(), |caller| format!("Hello, {}", caller.user_id))
//! }
//!
//! fn app(check: Arc<dyn Check>) -> Router {
//!     Router::new().route("/", get(hello)).layer(AuthLayer::new(check))
//! }
//! ```

mod bearer_form;
mod check;
mod error;
mod extract;
mod refusal;

pub mod bearer;
pub mod client;
pub mod cookie;
pub mod cors;
pub mod credential;
pub mod csrf;
pub mod dpop;
pub mod form;
pub mod headers;
pub mod identity;
pub mod layer;
pub mod origin;
pub mod problem;

pub use bearer::form_token;
pub use bearer_form::BearerForm;
pub use check::{Check, ClientAddress, RequestId, Settings};
pub use client::ClientCredential;
pub use cookie::CookieNames;
pub use cors::Cors;
pub use credential::{Credential, Presented};
pub use csrf::Csrf;
pub use dpop::{DpopRefusal, Nonce, ShownProof};
pub use error::SettingError;
pub use extract::{Bearer, Fresh, IdentityOrGrant, SameOrigin, Session, recall};
pub use identity::{Amr, Identity, SessionKind, Via};
pub use layer::AuthLayer;
pub use origin::Origin;
pub use problem::{OAuthError, Problem};
pub use refusal::{Refusal, Rejection};
