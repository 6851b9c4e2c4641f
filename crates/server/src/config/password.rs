//! `[password]`: how long a password must be and what hashing one costs.

use super::reader::Reader;

/// The effective `[password]`.
#[derive(Clone, Copy, Debug)]
pub struct Password {
    /// Fewest code points of a new password: at least 8.
    pub min_length: usize,
    /// Threads that hash.
    pub hashing_threads: usize,
    /// Attempts that may wait for one; beyond them the answer is 503.
    pub hashing_queue: usize,
    /// Argon2id memory in KiB.
    pub argon2_m: u32,
    /// Argon2id passes.
    pub argon2_t: u32,
    /// Argon2id lanes.
    pub argon2_p: u32,
}

/// The parameters OWASP holds equal, as (KiB, passes): each costs an attacker about the same.
const EQUALS: [(u32, u32); 5] = [(47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4), (7_168, 5)];

pub(super) fn read(reader: &mut Reader) -> Password {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut s = reader.section("password");
    // NIST SP 800-63B-4 wants 64 characters to be possible: a minimum above that forbids them.
    let min_length = s.setting("min_length", 15_usize).floor(8).within(1, 64).take();
    let hashing_threads = s.setting("hashing_threads", cores).within(1, 1024).take();
    let hashing_queue = s.setting("hashing_queue", hashing_threads * 32).within(1, 100_000).take();
    let (argon2_m, bold_m) =
        s.setting("argon2_m", 19_456_u32).within(8, 4 * 1024 * 1024).escapable().take_marked();
    let (argon2_t, bold_t) = s.setting("argon2_t", 2_u32).within(1, 100).escapable().take_marked();
    let argon2_p = s.setting("argon2_p", 1_u32).within(1, 16).take();
    if !EQUALS.iter().any(|(m, t)| argon2_m >= *m && argon2_t >= *t) && !bold_m && !bold_t {
        let equals = EQUALS.map(|(m, t)| format!("m={m} t={t}")).join(", ");
        reader.complain(format!(
            "password.argon2_m = {argon2_m} ({}) with password.argon2_t = {argon2_t} ({}) is below the floor: {equals}, or \
             more; whoever must have it and knows why writes password.unsafe_argon2_m or password.unsafe_argon2_t",
            reader.source("password.argon2_m"),
            reader.source("password.argon2_t")
        ));
    }
    if argon2_m < 8 * argon2_p {
        reader.complain(format!(
            "password.argon2_m must be at least 8 times password.argon2_p ({})",
            reader.source("password.argon2_p")
        ));
    }
    Password { min_length, hashing_threads, hashing_queue, argon2_m, argon2_t, argon2_p }
}
