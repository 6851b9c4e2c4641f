//! Keys, parsed once. This room owns what a key may be (kind, strength, provenance) and the one algorithm it
//! is for; it refuses everything weak, published or ambiguous when the key is loaded, never at first use.
//! Signing keys come from the keyring, verifying keys from a signing key or a JWK set; the verifier and the
//! issuer call it.
//!
//! Invariant: a key knows exactly one algorithm, and nothing that comes with a token can change it (RFC 8725
//! §3.1).

mod algorithm;
mod der;
mod ed25519;
mod es;
mod hs;
mod jwk;
mod kid;
mod known;
mod pem;
mod rs;
mod signing;
mod verifying;

pub use algorithm::Algorithm;
pub use jwk::{Jwk, Jwks};
pub use kid::Kid;
pub use signing::{PrivateKeyBytes, SigningKey};
pub use verifying::VerifyingKey;

pub(crate) use verifying::Checker;
