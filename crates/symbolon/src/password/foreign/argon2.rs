//! Argon2 of every variant in the PHC string format: libargon2, PHP's `password_hash`, argon2-cffi, Spring, and our own.

use super::Unsupported;
use crate::password::phc::Argon2Hash;

/// Reads `$argon2id$v=19$m=65536,t=3,p=4$<salt>$<hash>`.
pub(super) fn parse(stored: &str) -> Result<Argon2Hash, Unsupported> {
    Argon2Hash::parse(stored)
}
