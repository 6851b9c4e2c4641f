//! Password hashes that other systems made, so that their users can move in without new passwords.
//!
//! Each file knows one form; [`recognise`] tells them apart. They are verified in the hasher's pool and replaced at the first
//! login. Nothing here makes a hash. A stored string is hostile until parsed: costs that stand in it are capped before any
//! work (ATTACKS CR-31), and the import refuses what is above a cap.
//!
//! Passwords are compared in NFC. Systems that hashed what came may have hashed another form: such a user sets a new password.

use std::fmt;

use super::arena::Arena;
use super::params::Argon2Params;
use super::{Password, phc};

mod argon2;
mod bcrypt;
mod django_argon2;
mod django_bcrypt;
mod django_pbkdf2;
mod django_scrypt;
mod md5_crypt;
mod scrypt;
mod sha1;

/// A hash in a form that can be verified: alien, or the hasher's own.
#[derive(Clone)]
pub struct Foreign(Kind);

#[derive(Clone)]
enum Kind {
    Argon2(phc::Argon2Hash),
    Bcrypt(bcrypt::Bcrypt),
    DjangoBcrypt(django_bcrypt::DjangoBcrypt),
    DjangoPbkdf2(django_pbkdf2::DjangoPbkdf2),
    Md5Crypt(md5_crypt::Md5Crypt),
    Scrypt(scrypt::Scrypt),
    Sha1(sha1::Sha1),
}

/// The hash cannot be verified here. An import says so and leaves the user without a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unsupported {
    /// For the operator; holds nothing of the hash.
    pub reason: &'static str,
}

impl Unsupported {
    pub(super) const DAMAGED: Self = Self { reason: "the hash is damaged" };
    pub(super) const TOO_COSTLY: Self =
        Self { reason: "the cost that stands in the hash is above the ceiling" };
    const UNKNOWN: Self = Self { reason: "the form of the hash is not known" };
}

/// Beginnings of forms that are known and not supported.
const REFUSED: [(&str, &str); 14] = [
    ("!", "the account has no usable password"),
    ("*", "the account has no usable password"),
    ("$2x$", "bcrypt hashes of the broken `2x` kind are not supported"),
    ("$5$", "SHA-crypt hashes are not supported"),
    ("$6$", "SHA-crypt hashes are not supported"),
    ("$y$", "yescrypt hashes are not supported"),
    ("$7$", "scrypt hashes of the `$7$` form are not supported"),
    ("$P$", "phpass hashes are not supported"),
    ("$H$", "phpass hashes are not supported"),
    ("$pbkdf2", "PBKDF2 hashes of passlib's form are not supported"),
    ("{SSHA", "LDAP's salted SHA hashes are not supported"),
    ("md5$", "Django's MD5 hashes are not supported"),
    ("sha1$", "Django's SHA-1 hashes are not supported"),
    ("pbkdf2_sha512$", "PBKDF2 hashes with SHA-512 are not supported"),
];

/// Tells what kind of hash a stored string is, and reads it.
///
/// # Errors
/// Of no known form, damaged, or at a cost above the ceiling.
pub fn recognise(stored: &str) -> Result<Foreign, Unsupported> {
    let kind = if stored.starts_with("$argon2") {
        Kind::Argon2(argon2::parse(stored)?)
    } else if stored.starts_with("argon2$") {
        Kind::Argon2(django_argon2::parse(stored)?)
    } else if bcrypt::Bcrypt::recognises(stored) {
        Kind::Bcrypt(bcrypt::Bcrypt::parse(stored)?)
    } else if stored.starts_with("bcrypt$") || stored.starts_with("bcrypt_sha256$") {
        Kind::DjangoBcrypt(django_bcrypt::DjangoBcrypt::parse(stored)?)
    } else if stored.starts_with("pbkdf2_sha256$") || stored.starts_with("pbkdf2_sha1$") {
        Kind::DjangoPbkdf2(django_pbkdf2::DjangoPbkdf2::parse(stored)?)
    } else if stored.starts_with("$apr1$") || stored.starts_with("$1$") {
        Kind::Md5Crypt(md5_crypt::Md5Crypt::parse(stored)?)
    } else if stored.starts_with("$scrypt$") {
        Kind::Scrypt(scrypt::Scrypt::parse(stored)?)
    } else if stored.starts_with("scrypt$") {
        Kind::Scrypt(django_scrypt::parse(stored)?)
    } else if stored.starts_with("{SHA}") {
        Kind::Sha1(sha1::Sha1::parse(stored)?)
    } else {
        let known = REFUSED.iter().find(|(beginning, _)| stored.starts_with(beginning));
        return Err(known.map_or(Unsupported::UNKNOWN, |(_, reason)| Unsupported { reason }));
    };
    Ok(Foreign(kind))
}

impl Foreign {
    /// Whether this is the hash of `password`. Takes the time its maker chose, up to a second or so: call it in a thread of its
    /// own (the hasher's pool does).
    pub fn verify(&self, password: &Password) -> bool {
        self.verify_in(password, &mut Arena::default())
    }

    /// The same with the memory of a hashing thread.
    pub(super) fn verify_in(&self, password: &Password, arena: &mut Arena) -> bool {
        let password = password.text().as_bytes();
        match &self.0 {
            Kind::Argon2(hash) => hash.verify(password, arena),
            Kind::Bcrypt(hash) => hash.verify(password),
            Kind::DjangoBcrypt(hash) => hash.verify(password),
            Kind::DjangoPbkdf2(hash) => hash.verify(password),
            Kind::Md5Crypt(hash) => hash.verify(password),
            Kind::Scrypt(hash) => hash.verify(password),
            Kind::Sha1(hash) => hash.verify(password),
        }
    }

    /// Whether the password should be hashed anew at `today`'s cost: every alien hash, and one of ours at another.
    pub(super) fn outdated(&self, today: Argon2Params) -> bool {
        match &self.0 {
            Kind::Argon2(hash) => hash.outdated(today),
            _ => true,
        }
    }
}

impl fmt::Debug for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Foreign(…)")
    }
}

/// Base64 whose unused bits may be anything: makers of hashes were not always careful with them.
fn sloppy(alphabet: &base64::alphabet::Alphabet) -> base64::engine::GeneralPurpose {
    let config = base64::engine::general_purpose::NO_PAD.with_decode_allow_trailing_bits(true);
    base64::engine::GeneralPurpose::new(alphabet, config)
}

#[cfg(test)]
mod tests;
