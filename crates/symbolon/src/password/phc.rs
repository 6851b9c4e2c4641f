//! Argon2 hashes as text: `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>`, the PHC string format, read strictly.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use subtle::ConstantTimeEq;
use symbolon_argon2::{Argon2, Variant, Version};
use zeroize::Zeroizing;

use super::arena::{Arena, Uncomputable};
use super::foreign::Unsupported;
use super::params::{Argon2Params, ParamsError};

/// Bytes of a salt of ours (RFC 9106 §4).
pub(super) const SALT: usize = 16;
/// Bytes of a hash of ours.
pub(super) const OUTPUT: usize = 32;

/// An Argon2 hash of any variant: ours is `argon2id`, version 19.
#[derive(Clone)]
pub(super) struct Argon2Hash {
    variant: Variant,
    version: Version,
    params: Argon2Params,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl Argon2Hash {
    /// A hash of ours.
    pub(super) fn new(params: Argon2Params, salt: [u8; SALT], output: [u8; OUTPUT]) -> Self {
        let (variant, version) = (Variant::Id, Version::V19);
        Self { variant, version, params, salt: salt.to_vec(), output: output.to_vec() }
    }

    /// Hashes a password at the given cost.
    ///
    /// # Errors
    /// Out of memory.
    pub(super) fn make(
        params: Argon2Params,
        password: &[u8],
        salt: [u8; SALT],
        arena: &mut Arena,
    ) -> Result<Self, Uncomputable> {
        let mut hash = Self::new(params, salt, [0; OUTPUT]);
        hash.output = hash.compute(password, arena)?.to_vec();
        Ok(hash)
    }

    /// Reads a PHC string. A missing version is 16, as it was when versions began.
    ///
    /// # Errors
    /// Of another form, or at a cost above the ceiling.
    pub(super) fn parse(text: &str) -> Result<Self, Unsupported> {
        let mut fields = text.strip_prefix('$').unwrap_or_default().split('$');
        let variant = match fields.next() {
            Some("argon2d") => Variant::D,
            Some("argon2i") => Variant::I,
            Some("argon2id") => Variant::Id,
            _ => return Err(Unsupported::DAMAGED),
        };
        let mut params = fields.next();
        let version = match params.and_then(|field| field.strip_prefix("v=")) {
            None => Version::V16,
            Some(version) => {
                params = fields.next();
                match version {
                    "16" => Version::V16,
                    "19" => Version::V19,
                    _ => return Err(Unsupported::DAMAGED),
                }
            }
        };
        let params = params.and_then(costs).ok_or(Unsupported::DAMAGED)?;
        let salt = fields.next().and_then(|field| bytes(field, 8)).ok_or(Unsupported::DAMAGED)?;
        let output = fields.next().and_then(|field| bytes(field, 16)).ok_or(Unsupported::DAMAGED)?;
        if fields.next().is_some() {
            return Err(Unsupported::DAMAGED);
        }
        let [m, t, p] = params;
        let params = Argon2Params::dangerously_below_the_floor(m, t, p).map_err(|error| match error {
            ParamsError::TooCostly => Unsupported::TOO_COSTLY,
            _ => Unsupported::DAMAGED,
        })?;
        Ok(Self { variant, version, params, salt, output })
    }

    /// The PHC string of a hash of ours.
    pub(super) fn to_phc(&self) -> String {
        let params = self.params;
        format!(
            "$argon2id$v=19$m={},t={},p={}${}${}",
            params.m_kib(),
            params.t(),
            params.p(),
            STANDARD_NO_PAD.encode(&self.salt),
            STANDARD_NO_PAD.encode(&self.output),
        )
    }

    /// Whether this is the hash of `password`, in constant time but for the hashing itself. Out of memory is no match.
    pub(super) fn verify(&self, password: &[u8], arena: &mut Arena) -> bool {
        self.compute(password, arena).is_ok_and(|output| output.ct_eq(&self.output).into())
    }

    /// Whether the password should be hashed anew: not our variant, or at another cost than `today`'s. At a higher one too: a
    /// wrong password would go on taking another time than one for nobody (invariant 7).
    pub(super) fn outdated(&self, today: Argon2Params) -> bool {
        self.variant != Variant::Id
            || self.version != Version::V19
            || self.params != today
            || self.salt.len() < SALT
            || self.output.len() < OUTPUT
    }

    fn compute(&self, password: &[u8], arena: &mut Arena) -> Result<Zeroizing<Vec<u8>>, Uncomputable> {
        let mut output = Zeroizing::new(vec![0; self.output.len()]);
        let (m_kib, t, p) = (self.params.m_kib(), self.params.t(), self.params.p());
        let argon2 = Argon2::new(self.variant, self.version, m_kib, t, p).ok_or(Uncomputable)?;
        arena.argon2(argon2, password, &self.salt, &mut output)?;
        Ok(output)
    }
}

impl fmt::Debug for Argon2Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Argon2Hash").field("params", &self.params).finish_non_exhaustive()
    }
}

/// `m=…,t=…,p=…`, in this order, without key id or associated data.
fn costs(field: &str) -> Option<[u32; 3]> {
    let mut params = field.split(',');
    let mut cost = |name: &str| params.next()?.strip_prefix(name).and_then(decimal);
    let costs = [cost("m=")?, cost("t=")?, cost("p=")?];
    params.next().is_none().then_some(costs)
}

/// A decimal number without sign or leading zeros.
pub(super) fn decimal(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

/// Unpadded base64 of `least` to 64 bytes.
pub(super) fn bytes(text: &str, least: usize) -> Option<Vec<u8>> {
    if text.len() > 86 {
        return None;
    }
    STANDARD_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() >= least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let params = Argon2Params::dangerously_weak_for_tests();
        let mut arena = Arena::default();
        let text = Argon2Hash::make(params, b"password", [7; SALT], &mut arena).unwrap().to_phc();
        assert!(text.starts_with("$argon2id$v=19$m=8,t=1,p=1$BwcHBwcHBwcHBwcHBwcHBw$"), "{text}");
        let hash = Argon2Hash::parse(&text).unwrap();
        assert_eq!(hash.to_phc(), text);
        assert!(hash.verify(b"password", &mut arena) && !hash.verify(b"passworD", &mut arena));
        assert!(!hash.outdated(params) && hash.outdated(Argon2Params::default()));
    }

    #[test]
    fn cr_31_damaged_strings_are_refused() {
        let salt = "c2FsdHNhbHRzYWx0MTIzNA";
        let output = "BMX+zgY6SL9NpeLtKzxVKG8d/nJ2VaarXT12zilVJXA";
        let whole = |head: &str| format!("{head}${salt}${output}");
        assert!(Argon2Hash::parse(&whole("$argon2id$v=19$m=64,t=2,p=1")).is_ok());
        for head in [
            "argon2id$v=19$m=64,t=2,p=1",
            "$argon2$v=19$m=64,t=2,p=1",
            "$argon2id$v=20$m=64,t=2,p=1",
            "$argon2id$v=19$v=19$m=64,t=2,p=1",
            "$argon2id$v=19",
            "$argon2id$v=19$",
            "$argon2id$v=19$m=64,t=2",
            "$argon2id$v=19$t=2,m=64,p=1",
            "$argon2id$v=19$m=64,t=2,p=1,data=AAAA",
            "$argon2id$v=19$m=64,t=0,p=1",
            "$argon2id$v=19$m=64,t=2,p=0",
            "$argon2id$v=19$m=7,t=2,p=1",
            "$argon2id$v=19$m=064,t=2,p=1",
            "$argon2id$v=19$m=+64,t=2,p=1",
            "$argon2id$v=19$m=64,t=-2,p=1",
            "$argon2id$v=19$m=,t=2,p=1",
            "$argon2id$v=19$m=99999999999,t=2,p=1",
            "$argon2id$v=19$m=６４,t=2,p=1",
        ] {
            assert_eq!(Argon2Hash::parse(&whole(head)).unwrap_err(), Unsupported::DAMAGED, "{head}");
        }
        for head in [
            "$argon2id$v=19$m=4294967295,t=2,p=1",
            "$argon2id$v=19$m=64,t=4294967295,p=1",
            "$argon2id$v=19$m=262145,t=1,p=1",
            "$argon2id$v=19$m=262144,t=9,p=1",
            "$argon2id$v=19$m=65536,t=2,p=16777215",
        ] {
            assert_eq!(Argon2Hash::parse(&whole(head)).unwrap_err(), Unsupported::TOO_COSTLY, "{head}");
        }
        let head = "$argon2id$v=19$m=64,t=2,p=1";
        for tail in [
            String::new(),
            format!("${salt}"),
            format!("$${output}"),
            format!("${salt}$"),
            format!("$c2FsdA${output}"),
            format!("${salt}=${output}"),
            format!("${salt}${output}$"),
            format!("${salt}$ünïcödé{output}"),
            format!("${salt}${}", &output[..20]),
            format!("${salt}${}", "A".repeat(100_000)),
        ] {
            assert_eq!(
                Argon2Hash::parse(&format!("{head}{tail}")).unwrap_err(),
                Unsupported::DAMAGED,
                "{tail}"
            );
        }
    }
}
