//! Django's `PBKDF2PasswordHasher` (its default) and `PBKDF2SHA1PasswordHasher`.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2::{self, PBKDF2_HMAC_SHA1, PBKDF2_HMAC_SHA256};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Unsupported;
use crate::password::phc::decimal;

/// Django 5.2 makes a million.
const MAX_ITERATIONS: u32 = 5_000_000;
const MAX_SALT: usize = 256;

#[derive(Clone)]
pub(super) struct DjangoPbkdf2 {
    algorithm: pbkdf2::Algorithm,
    iterations: NonZeroU32,
    salt: String,
    output: Vec<u8>,
}

impl DjangoPbkdf2 {
    /// Reads `pbkdf2_sha256$<iterations>$<salt>$<padded base64>`; the salt is its own text.
    pub(super) fn parse(stored: &str) -> Result<Self, Unsupported> {
        let [name, iterations, salt, output] = *stored.split('$').collect::<Vec<_>>() else {
            return Err(Unsupported::DAMAGED);
        };
        let (algorithm, length) = match name {
            "pbkdf2_sha256" => (PBKDF2_HMAC_SHA256, 32),
            "pbkdf2_sha1" => (PBKDF2_HMAC_SHA1, 20),
            _ => return Err(Unsupported::DAMAGED),
        };
        let iterations = decimal(iterations).and_then(NonZeroU32::new).ok_or(Unsupported::DAMAGED)?;
        if iterations.get() > MAX_ITERATIONS {
            return Err(Unsupported::TOO_COSTLY);
        }
        if salt.is_empty() || salt.len() > MAX_SALT || output.len() > 44 {
            return Err(Unsupported::DAMAGED);
        }
        let output = STANDARD.decode(output).map_err(|_| Unsupported::DAMAGED)?;
        if output.len() != length {
            return Err(Unsupported::DAMAGED);
        }
        Ok(Self { algorithm, iterations, salt: salt.to_owned(), output })
    }

    pub(super) fn verify(&self, password: &[u8]) -> bool {
        // Compares in constant time.
        pbkdf2::verify(self.algorithm, self.iterations, self.salt.as_bytes(), password, &self.output).is_ok()
    }
}
