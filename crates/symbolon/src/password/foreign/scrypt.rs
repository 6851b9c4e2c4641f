//! scrypt (RFC 7914) in the PHC string format, as passlib writes it.

use ::scrypt::{Params, scrypt};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::Unsupported;
use crate::password::params::{MAX_M_KIB, MAX_WORK_KIB};
use crate::password::phc::{bytes, decimal};

#[derive(Clone)]
pub(super) struct Scrypt {
    params: Params,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl Scrypt {
    /// Reads `$scrypt$ln=16,r=8,p=1$<salt>$<hash>`, both unpadded base64.
    pub(super) fn parse(stored: &str) -> Result<Self, Unsupported> {
        let ["", "scrypt", params, salt, output] = *stored.split('$').collect::<Vec<_>>() else {
            return Err(Unsupported::DAMAGED);
        };
        let mut params = params.split(',');
        let mut cost = |name: &str| params.next()?.strip_prefix(name).and_then(decimal);
        let (Some(log_n), Some(r), Some(p)) = (cost("ln="), cost("r="), cost("p=")) else {
            return Err(Unsupported::DAMAGED);
        };
        let (salt, output) = (bytes(salt, 1), bytes(output, 16));
        match (params.next(), salt, output) {
            (None, Some(salt), Some(output)) => Self::new(log_n, r, p, salt, output),
            _ => Err(Unsupported::DAMAGED),
        }
    }

    /// Of N = 2^`log_n`.
    pub(super) fn new(
        log_n: u32,
        r: u32,
        p: u32,
        salt: Vec<u8>,
        output: Vec<u8>,
    ) -> Result<Self, Unsupported> {
        if log_n == 0 || r == 0 || p == 0 {
            return Err(Unsupported::DAMAGED);
        }
        // V takes 128 N r bytes and is passed over twice for each of p; B takes 128 r p.
        let bytes = |n: u64| n.checked_mul(128)?.checked_mul(u64::from(r));
        let memory = 1_u64.checked_shl(log_n).and_then(bytes).ok_or(Unsupported::TOO_COSTLY)? / 1024;
        let lanes = bytes(u64::from(p)).ok_or(Unsupported::TOO_COSTLY)? / 1024;
        let work = memory.checked_mul(2 * u64::from(p)).ok_or(Unsupported::TOO_COSTLY)?;
        let most = u64::from(MAX_M_KIB);
        if memory > most || lanes > most || work > MAX_WORK_KIB {
            return Err(Unsupported::TOO_COSTLY);
        }
        let log_n = u8::try_from(log_n).map_err(|_| Unsupported::TOO_COSTLY)?;
        let params = Params::new(log_n, r, p).map_err(|_| Unsupported::DAMAGED)?;
        Ok(Self { params, salt, output })
    }

    pub(super) fn verify(&self, password: &[u8]) -> bool {
        let mut output = Zeroizing::new(vec![0; self.output.len()]);
        scrypt(password, &self.salt, &self.params, &mut output).is_ok() && output.ct_eq(&self.output).into()
    }
}
