//! The machine: its clock, how long a password takes on it, how many files a process may have open.

use std::{path::Path, sync::Arc, time::Duration};

use rustix::process::{Resource, getrlimit};
use symbolon::{
    clock::{Clock, SystemClock, SystemRandomness},
    password::{Password, hasher::Hasher},
    store::sqlite::SqliteStore,
};
use symbolon_token::Timestamp;

use super::report::Report;
use crate::{assemble, cli::times, config::Config};

/// This program was not written before: 1 November 2026.
const WRITTEN: Timestamp = Timestamp::from_secs(1_793_491_200);
/// A login that takes longer feels slow, and one process hashes few of them.
const SLOW: Duration = Duration::from_millis(500);
/// Files that are open besides connections: the store's, the log, certificates.
const OTHER_FILES: u64 = 100;

pub(super) fn clock(report: &mut Report) {
    let now = times::now();
    let shown = times::date(now);
    if now < WRITTEN {
        report.fail(
            "clock",
            format!("it is set to {shown}, before this program was written: tokens would be refused by everybody else"),
            "set the clock, and keep it with NTP (`timedatectl set-ntp true`)",
        );
    } else {
        report.ok("clock", shown);
    }
}

/// Hashes as a login does.
pub(super) async fn hashing(report: &mut Report, config: &Config) {
    const CHECK: &str = "hashing";
    let (m, t, p) = (config.password.argon2_m, config.password.argon2_t, config.password.argon2_p);
    let took = match measure(config).await {
        Ok(took) => took,
        Err(error) => {
            return report.fail(
                CHECK,
                format!("Argon2id with m={m} t={t} p={p} does not work: {error:#}"),
                "set [password] right",
            );
        }
    };
    let threads = config.password.hashing_threads;
    let each_second = threads as f64 / took.as_secs_f64().max(0.000_1);
    let text = format!(
        "a password takes {:.1} ms (Argon2id m={m} t={t} p={p}); {} about {each_second:.0} logins a second",
        took.as_secs_f64() * 1000.0,
        if threads == 1 { "one thread does".to_owned() } else { format!("{threads} threads do") },
    );
    if took > SLOW {
        report.warn(
            CHECK,
            text,
            "lower password.argon2_m or argon2_t down to their floors, or use a faster machine",
        );
    } else {
        report.ok(CHECK, text);
    }
}

async fn measure(config: &Config) -> anyhow::Result<Duration> {
    let issuer = config.issuer(config.server.listen);
    let settings = symbolon::password::hasher::HasherSettings {
        threads: 1,
        queue: 1,
        ..assemble::settings(config, issuer.as_str())?.hashing
    };
    let hasher = Hasher::new(settings, Arc::new(SystemRandomness))?;
    let mut fastest = Duration::MAX;
    // The first one also asks for the memory.
    for _ in 0..3 {
        let began = SystemClock.monotonic();
        hasher.hash(Password::parse("correct horse battery staple")?).await?;
        fastest = fastest.min(SystemClock.monotonic().saturating_sub(began));
    }
    Ok(fastest)
}

/// The limit of the running server, or what one that is started from here could raise its own to.
pub(super) fn open_files(report: &mut Report, config: &Config, data: &Path, runs: bool) {
    let wanted = config.server.limits.connections as u64 + OTHER_FILES;
    let (limit, whose) = match runs.then(|| of_server(data)).flatten() {
        Some(limit) => (limit, "the running server"),
        None => (getrlimit(Resource::Nofile).maximum, "a process started from here"),
    };
    let Some(limit) = limit else { return report.ok("open files", format!("{whose} may open any number")) };
    let text = format!(
        "{whose} may open {limit} files, and {wanted} are needed for server.connections = {}",
        config.server.limits.connections
    );
    if limit < wanted {
        report.warn(
            "open files",
            text,
            "raise the limit (LimitNOFILE= of its unit, or ulimit -n), or lower server.connections",
        );
    } else {
        report.ok("open files", text);
    }
}

/// The soft limit of the process that holds the folder; `None` inside: no limit.
fn of_server(data: &Path) -> Option<Option<u64>> {
    let holder = SqliteStore::holder(data)?;
    let id: u32 = holder.strip_prefix("process ")?.split(',').next()?.parse().ok()?;
    let limits = std::fs::read_to_string(format!("/proc/{id}/limits")).ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let soft = line.split_whitespace().next()?;
    if soft == "unlimited" { Some(None) } else { soft.parse().ok().map(Some) }
}
