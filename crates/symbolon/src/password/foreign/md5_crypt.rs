//! MD5-crypt: Apache's `$apr1$` (htpasswd's default for long) and the `$1$` of old Unix systems. Weak, and so cheap that it is
//! only ever a way in: the first login replaces it.

use md5::{Digest, Md5};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::Unsupported;

const ROUNDS: usize = 1000;
const MAX_SALT: usize = 8;
/// crypt(3)'s base64: its own order, least significant bits first.
const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Characters of a hash.
const WRITTEN: usize = 22;
/// Which bytes of the digest are written together; the twelfth is written alone.
const TRIPLES: [[usize; 3]; 5] = [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]];

#[derive(Clone)]
pub(super) struct Md5Crypt {
    magic: &'static str,
    salt: String,
    written: [u8; WRITTEN],
}

impl Md5Crypt {
    /// Reads `$apr1$<salt>$<22 characters>`, also with `$1$`.
    pub(super) fn parse(stored: &str) -> Result<Self, Unsupported> {
        let magic = if stored.starts_with("$apr1$") { "$apr1$" } else { "$1$" };
        let fields = stored.strip_prefix(magic).and_then(|rest| rest.split_once('$'));
        let (salt, written) = fields.ok_or(Unsupported::DAMAGED)?;
        if !salt.is_ascii()
            || !(1..=MAX_SALT).contains(&salt.len())
            || !written.bytes().all(|byte| ALPHABET.contains(&byte))
        {
            return Err(Unsupported::DAMAGED);
        }
        let written = written.as_bytes().try_into().map_err(|_| Unsupported::DAMAGED)?;
        Ok(Self { magic, salt: salt.to_owned(), written })
    }

    pub(super) fn verify(&self, password: &[u8]) -> bool {
        write(&self.digest(password)).ct_eq(&self.written).into()
    }

    /// Poul-Henning Kamp's algorithm of 1994, oddities and all.
    fn digest(&self, password: &[u8]) -> Zeroizing<[u8; 16]> {
        let salt = self.salt.as_bytes();
        let inner = md5(&[password, salt, password]);
        let mut parts = vec![password, self.magic.as_bytes(), salt];
        let mut left = password.len();
        while left > 0 {
            parts.push(&inner[..left.min(16)]);
            left = left.saturating_sub(16);
        }
        let mut bits = password.len();
        while bits > 0 {
            parts.push(if bits & 1 == 1 { &[0] } else { &password[..1] });
            bits >>= 1;
        }
        let mut digest = md5(&parts);
        for round in 0..ROUNDS {
            let (first, last): (&[u8], &[u8]) =
                if round & 1 == 1 { (password, &*digest) } else { (&*digest, password) };
            let salt = if round % 3 == 0 { &[] } else { salt };
            let again = if round % 7 == 0 { &[] } else { password };
            digest = md5(&[first, salt, again, last]);
        }
        digest
    }
}

fn md5(parts: &[&[u8]]) -> Zeroizing<[u8; 16]> {
    let mut hasher = Md5::new();
    parts.iter().for_each(|part| hasher.update(part));
    Zeroizing::new(hasher.finalize().into())
}

fn write(digest: &[u8; 16]) -> [u8; WRITTEN] {
    let mut written = [0; WRITTEN];
    let triples =
        TRIPLES.iter().map(|[a, b, c]| (digest[*a], digest[*b], digest[*c])).chain([(0, 0, digest[11])]);
    for (characters, (a, b, c)) in written.chunks_mut(4).zip(triples) {
        let mut value = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        for character in characters {
            *character = ALPHABET[value & 63];
            value >>= 6;
        }
    }
    written
}
