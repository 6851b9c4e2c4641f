//! The leaf of Symbolon: what a login looks like on the wire, and how one is refused. It stands on its own,
//! too:
#![doc = include_str!("../README.md")]
//!
//! # Rooms
//!
//! No I/O, no async, no clock and no hidden randomness (but one documented exception,
//! [`SigningKey::generate`]).
//!
//! | module | owns |
//! |---|---|
//! | [`opaque`] | cookies, refresh tokens and client secrets: forms, MACs, hashes |
//! | [`jws`] | the compact serialization, strictly |
//! | [`key`] | algorithms, keys parsed once, JWKs, thumbprints |
//! | [`claims`] | what an access token says |
//! | [`dpop`] | proofs of possession, RFC 9449 |
//! | [`verifier`] | everything a token must satisfy |
//! | [`view`] | the revocation log, in memory, as a set |
//! | [`json`] | JSON read strictly, here and for the bodies of requests |
//! | [`time`], [`amr`], [`error`] | a point in time; a proof of a login; the errors |

pub mod amr;
mod base64url;
pub mod claims;
pub mod dpop;
pub mod error;
pub mod json;
pub mod jws;
pub mod key;
mod marks;
pub mod opaque;
pub mod time;
pub mod verifier;
pub mod view;

/// What the view's locks are made of: `tests/race.rs` puts a scheduler's in their place.
mod sync {
    pub(crate) use arc_swap::ArcSwap;
    pub(crate) use std::sync::atomic::{AtomicU64, Ordering};
    pub(crate) use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
}

pub use claims::{AccessClaims, Audience};
pub use error::{BuildError, KeyError, TokenError};
pub use key::{Algorithm, Jwk, Jwks, Kid, SigningKey, VerifyingKey};
pub use time::Timestamp;
pub use verifier::{Verifier, VerifierBuilder};

// Short names for the crates of Symbolon; the documentation shows them in their rooms.
#[doc(hidden)]
pub use {
    amr::Amr,
    claims::{Confirmation, SessionMark},
    dpop::{Proof, ProofError},
    error::{KeyErrorKind, TokenErrorKind},
    jws::{Compact, Header},
    key::PrivateKeyBytes,
    opaque::{ClientSecret, KnownBrowser, MacKey, RefreshToken, SessionCookie},
    time::ToldTime,
    view::{Ended, Entry, TokenRef, View},
};
