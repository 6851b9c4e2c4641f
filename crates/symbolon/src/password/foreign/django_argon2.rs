//! Django's `Argon2PasswordHasher`: a PHC string after the hasher's name.

use super::Unsupported;
use crate::password::phc::Argon2Hash;

/// Reads `argon2$argon2id$v=19$m=102400,t=2,p=8$<salt>$<hash>`.
pub(super) fn parse(stored: &str) -> Result<Argon2Hash, Unsupported> {
    Argon2Hash::parse(stored.strip_prefix("argon2").unwrap_or_default())
}
