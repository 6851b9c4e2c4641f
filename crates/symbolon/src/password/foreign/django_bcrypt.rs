//! Django's `BCryptPasswordHasher` and `BCryptSHA256PasswordHasher`: bcrypt after the hasher's name, of the password itself or
//! of its SHA-256 in lower-case hexadecimal.

use aws_lc_rs::digest::{SHA256, digest};
use zeroize::Zeroizing;

use super::Unsupported;
use super::bcrypt::Bcrypt;

#[derive(Clone)]
pub(super) struct DjangoBcrypt {
    prehashed: bool,
    bcrypt: Bcrypt,
}

impl DjangoBcrypt {
    /// Reads `bcrypt_sha256$$2b$12$…` and `bcrypt$$2b$12$…`.
    pub(super) fn parse(stored: &str) -> Result<Self, Unsupported> {
        let (prehashed, bcrypt) = match stored.split_once('$') {
            Some(("bcrypt_sha256", bcrypt)) => (true, bcrypt),
            Some(("bcrypt", bcrypt)) => (false, bcrypt),
            _ => return Err(Unsupported::DAMAGED),
        };
        Ok(Self { prehashed, bcrypt: Bcrypt::parse(bcrypt)? })
    }

    pub(super) fn verify(&self, password: &[u8]) -> bool {
        if !self.prehashed {
            return self.bcrypt.verify(password);
        }
        let mut hexadecimal = Zeroizing::new([0; 64]);
        for (pair, byte) in hexadecimal.chunks_exact_mut(2).zip(digest(&SHA256, password).as_ref()) {
            pair.copy_from_slice(&[nibble(byte >> 4), nibble(byte & 15)]);
        }
        self.bcrypt.verify(&*hexadecimal)
    }
}

fn nibble(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' + value - 10 }
}
