//! Django's `ScryptPasswordHasher`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Unsupported;
use super::scrypt::Scrypt;
use crate::password::phc::decimal;

const MAX_SALT: usize = 256;

/// Reads `scrypt$<N>$<salt>$<r>$<p>$<padded base64>`; the salt is its own text, N a power of two.
pub(super) fn parse(stored: &str) -> Result<Scrypt, Unsupported> {
    let ["scrypt", n, salt, r, p, output] = *stored.split('$').collect::<Vec<_>>() else {
        return Err(Unsupported::DAMAGED);
    };
    let (Some(n), Some(r), Some(p)) = (decimal(n), decimal(r), decimal(p)) else {
        return Err(Unsupported::DAMAGED);
    };
    if !n.is_power_of_two() || salt.is_empty() || salt.len() > MAX_SALT || output.len() > 88 {
        return Err(Unsupported::DAMAGED);
    }
    let output =
        STANDARD.decode(output).ok().filter(|output| output.len() >= 16).ok_or(Unsupported::DAMAGED)?;
    Scrypt::new(n.trailing_zeros(), r, p, salt.as_bytes().to_vec(), output)
}
