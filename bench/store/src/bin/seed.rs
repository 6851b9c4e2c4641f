//! Fills the store of an installation that is stopped: `bench-seed DATA USERS SESSIONS COOKIES IN_USE FILE`. Rows go straight in by SQL, a
//! thousand times faster than logins would; their cookies are genuine, because the master key in the folder makes their MACs. `FILE` gets
//! the cookies of `COOKIES` sessions, spread evenly, a line each. The next check of `IN_USE` of them, spread evenly too, is activity to
//! be written; the others were seen a moment ago, so that what waits to be written is not measured with what it is not about.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

use anyhow::{Context, Result, bail, ensure};
use aws_lc_rs::hkdf;
use rusqlite::{Connection, params};
use symbolon::clock::{Clock, SystemClock};
use symbolon_token::{MacKey, SessionCookie};
use uuid::Uuid;

/// Rows of one transaction.
const GROUP: u64 = 100_000;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const INDEX: &str = "sessions_by_user";

/// Numbers that look like chance and are the same each time (xorshift64*).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        for part in bytes.chunks_mut(8) {
            part.copy_from_slice(&self.next().to_le_bytes()[..part.len()]);
        }
        bytes
    }

    /// A UUIDv7 of this millisecond.
    fn id(&mut self, at_ms: i64) -> Uuid {
        uuid::Builder::from_unix_timestamp_millis(at_ms.unsigned_abs(), &self.bytes()).into_uuid()
    }
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [data, users, sessions, cookies, in_use, file] = &arguments[..] else {
        bail!("usage: bench-seed DATA USERS SESSIONS COOKIES IN_USE FILE");
    };
    let (users, sessions): (u64, u64) = (users.parse()?, sessions.parse()?);
    let (cookies, in_use): (u64, u64) = (cookies.parse()?, in_use.parse()?);
    let fits = |part: u64| part > 0 && part <= sessions;
    ensure!(fits(cookies) && fits(in_use) && users > 0, "numbers that do not fit each other");
    let data = Path::new(data);
    let key = cookie_key(data)?;
    let mut sql = Connection::open(data.join("symbolon.db"))?;
    sql.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -262144; PRAGMA foreign_keys = OFF;")?;
    let mut chance = Chance(0x5eed);
    let now = SystemClock.now().as_millis();
    let ids = insert_users(&mut sql, &mut chance, users, now - 2 * DAY_MS)?;
    // Made at the end it is sorted once, instead of being scattered by every row.
    let index: String =
        sql.query_row("SELECT sql FROM sqlite_schema WHERE name = ?1", [INDEX], |row| row.get(0))?;
    sql.execute_batch(&format!("DROP INDEX {INDEX}"))?;
    let mut out = BufWriter::new(File::create(file)?);
    let every = sessions / cookies;
    let recently = Recently { every: sessions / in_use, at: now + 600_000 };
    let mut seeds = Sessions { sql: &mut sql, chance, key, users: ids, recently };
    let mut from = 0;
    while from < sessions {
        let to = sessions.min(from + GROUP);
        // Over the last hour, so that none was seen within the minute and none is about to end.
        let at = |number: u64| now - 3_600_000 + i64::try_from(number * 3_500_000 / sessions).unwrap_or(0);
        seeds.insert(from..to, at, |number, cookie| {
            if number % every == 0 {
                writeln!(out, "{}", cookie.reveal()).map_err(Into::into)
            } else {
                Ok(())
            }
        })?;
        from = to;
    }
    out.flush()?;
    sql.execute_batch(&index)?;
    sql.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
    Ok(())
}

/// The MAC key of cookies, as the engine derives it for the first epoch of an installation.
fn cookie_key(data: &Path) -> Result<MacKey> {
    struct Length;
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            32
        }
    }
    let text = std::fs::read_to_string(data.join("master.key")).context("start the server once before")?;
    let line = text.lines().next().unwrap_or_default();
    let master: Vec<u8> = (0..line.len() / 2)
        .map(|at| u8::from_str_radix(&line[2 * at..2 * at + 2], 16))
        .collect::<Result<_, _>>()?;
    let failed = |_| anyhow::anyhow!("HKDF fails");
    let mut key = [0; 32];
    hkdf::Salt::new(hkdf::HKDF_SHA256, b"symbolon v1")
        .extract(&master)
        .expand(&[b"session cookie", &[0], &1_u32.to_be_bytes()], Length)
        .and_then(|material| material.fill(&mut key))
        .map_err(failed)?;
    Ok(MacKey::new(key))
}

fn insert_users(sql: &mut Connection, chance: &mut Chance, users: u64, at: i64) -> Result<Vec<Uuid>> {
    let mut ids = Vec::new();
    let mut number = 0;
    while number < users {
        let all = sql.transaction()?;
        {
            let mut user = all.prepare(
                "INSERT INTO users (id, generation, disabled, roles, profile, created_at, updated_at) \
                 VALUES (?1, 0, 0, '[]', '{}', ?2, ?2)",
            )?;
            let mut identifier = all.prepare(
                "INSERT INTO identifiers (canonical, user, kind, shown) VALUES (?1, ?2, 'email', ?1)",
            )?;
            for _ in 0..GROUP.min(users - number) {
                let at = at + i64::try_from(number / 1000)?;
                let id = chance.id(at);
                user.execute(params![id.as_bytes(), at])?;
                identifier.execute(params![format!("user-{number:08}@example.org"), id.as_bytes()])?;
                ids.push(id);
                number += 1;
            }
        }
        all.commit()?;
    }
    Ok(ids)
}

/// When the sessions that are not in use were seen: late enough that no check of a measurement is activity.
struct Recently {
    every: u64,
    at: i64,
}

struct Sessions<'a> {
    sql: &'a mut Connection,
    chance: Chance,
    key: MacKey,
    users: Vec<Uuid>,
    recently: Recently,
}

impl Sessions<'_> {
    fn insert(
        &mut self,
        numbers: std::ops::Range<u64>,
        at: impl Fn(u64) -> i64,
        mut minted: impl FnMut(u64, &SessionCookie) -> Result<()>,
    ) -> Result<()> {
        let all = self.sql.transaction()?;
        {
            let mut session = all.prepare(
                "INSERT INTO sessions (id, user, generation, kind, secret_hash, refresh_counter, auth_time, amr, audience, remember, \
                 created_at, last_seen, idle_expires_at, expires_at, device, address, key_version) \
                 VALUES (?1, ?2, 0, 'browser', ?3, 0, ?4, ?5, '[]', 1, ?4, ?8, ?6, ?7, 'Firefox on Linux', '203.0.113.7', 1)",
            )?;
            for number in numbers {
                let at = at(number);
                let id = self.chance.id(at);
                let user = usize::try_from(self.chance.next() % self.users.len() as u64)?;
                let cookie = SessionCookie::mint(id, self.chance.bytes(), &self.key);
                session.execute(params![
                    id.as_bytes(),
                    self.users[user].as_bytes(),
                    cookie.hash(),
                    at,
                    format!("[{{\"method\":\"pwd\",\"at\":{at}}}]"),
                    at + 7 * DAY_MS,
                    at + 30 * DAY_MS,
                    if number % self.recently.every == 0 { at } else { self.recently.at },
                ])?;
                minted(number, &cookie)?;
            }
        }
        all.commit()?;
        Ok(())
    }
}
