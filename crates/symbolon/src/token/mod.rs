//! Tokens: access tokens that name their session, and the refresh chain beside them.
//!
//! Owns what goes into an access token, the refresh journey, grants to jobs, revocation of single tokens and introspection. Refuses: a token without
//! a live session or generation, an audience or scope that is not configured. Nothing is stored per token.

pub mod cache;
pub mod check;
pub mod dpop;
pub mod grant;
pub mod inspect;
pub mod introspect;
pub mod issue;
pub mod refresh;
