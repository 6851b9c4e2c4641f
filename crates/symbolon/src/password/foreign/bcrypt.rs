//! bcrypt (`$2a$`, `$2b$`, `$2y$`): htpasswd -B, PHP, Ruby, Node.
//!
//! bcrypt reads 72 bytes of a password and stops at a zero byte. So that two passwords which differ only behind that never
//! open the same account, a longer one is refused (ATTACKS CR-19), after the same work.

use base64::Engine;
use base64::alphabet::BCRYPT;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{Unsupported, sloppy};

/// Twice the work for each step: 15 is two seconds or so.
const MAX_COST: u32 = 15;
const MIN_COST: u32 = 4;
/// Bytes of a password that bcrypt looks at.
const READ: usize = 72;
/// Bytes of a hash that are written: the last of 24 is left out.
const OUTPUT: usize = 23;

#[derive(Clone)]
pub(super) struct Bcrypt {
    cost: u32,
    salt: [u8; 16],
    output: [u8; OUTPUT],
}

impl Bcrypt {
    pub(super) fn recognises(stored: &str) -> bool {
        ["$2a$", "$2b$", "$2y$"].iter().any(|prefix| stored.starts_with(prefix))
    }

    /// Reads `$2b$12$<22 characters of salt><31 of hash>`, 60 characters in all.
    pub(super) fn parse(stored: &str) -> Result<Self, Unsupported> {
        if stored.len() != 60 || !stored.is_ascii() || !Self::recognises(stored) {
            return Err(Unsupported::DAMAGED);
        }
        let (cost, rest) = stored[4..].split_once('$').ok_or(Unsupported::DAMAGED)?;
        let cost = match cost.as_bytes() {
            [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => u32::from(tens - b'0') * 10 + u32::from(ones - b'0'),
            _ => return Err(Unsupported::DAMAGED),
        };
        match cost {
            MIN_COST..=MAX_COST => {}
            16..=31 => return Err(Unsupported::TOO_COSTLY),
            _ => return Err(Unsupported::DAMAGED),
        }
        let (mut salt, mut output) = ([0; 16], [0; OUTPUT]);
        let (salt_text, output_text) = rest.split_at(22);
        sloppy(&BCRYPT).decode_slice(salt_text, &mut salt).map_err(|_| Unsupported::DAMAGED)?;
        sloppy(&BCRYPT).decode_slice(output_text, &mut output).map_err(|_| Unsupported::DAMAGED)?;
        Ok(Self { cost, salt, output })
    }

    pub(super) fn verify(&self, password: &[u8]) -> bool {
        let whole = password.len() <= READ && !password.contains(&0);
        let mut key = Zeroizing::new([0; READ]);
        let read = password.len().min(READ);
        key[..read].copy_from_slice(&password[..read]);
        // With the zero byte at the end of a C string, if there is room for it.
        let output = Zeroizing::new(::bcrypt::bcrypt(self.cost, self.salt, &key[..(read + 1).min(READ)]));
        bool::from(output[..OUTPUT].ct_eq(&self.output)) && whole
    }
}
