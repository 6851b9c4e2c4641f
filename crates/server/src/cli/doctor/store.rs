//! The store and the server over it: schema, keys, administrator, issuer, time.

use std::{collections::BTreeMap, path::Path};

use anyhow::Result;
use http::Method;
use serde::Deserialize;
use serde_json::Value;
use symbolon::{
    store::{
        postgres::PostgresStore,
        sqlite::{Schema, SqliteStore},
    },
    user::ADMIN,
};
use symbolon_token::Timestamp;

use super::{guards, issuer, master, report::Report};
use crate::{
    cli::{answer::read, node::Node, text::count, times},
    config::{Config, StoreUrl},
};

/// What the admin API says of the installation; members that a server of another version leaves out are not judged.
#[derive(Deserialize)]
struct Status {
    version: String,
    issuer: String,
    schema: Option<u64>,
    users: Option<u64>,
    sessions: Option<u64>,
    #[serde(default)]
    counted_all: Option<bool>,
    #[serde(default)]
    master_keys: Vec<MasterKey>,
    #[serde(default)]
    keys: Vec<Value>,
    guarding: Option<guards::Guarding>,
    #[serde(default)]
    log: Log,
    #[serde(default)]
    cached: BTreeMap<String, u64>,
    #[serde(default)]
    asked: BTreeMap<String, guards::Asked>,
    /// The address of an unlisted private peer that sends forwarding headers.
    #[serde(default)]
    unlisted_proxy: Option<String>,
}

#[derive(Default, Deserialize)]
struct Log {
    #[serde(default)]
    applied: u64,
}

#[derive(Deserialize)]
struct MasterKey {
    fingerprint: String,
}

/// Pages of users that are looked at for an administrator: who administers came early.
const PAGES: usize = 10;
/// A clock may be corrected by so much.
const DRIFT: i64 = 60;

/// The schema of a store that nobody holds. `false`: this program cannot open it, or would change it.
pub(super) async fn schema(report: &mut Report, config: &Config, data: &Path) -> bool {
    const CHECK: &str = "schema";
    let found = match &config.store.url {
        StoreUrl::Postgres(url) => PostgresStore::schema(config.store.postgres(url)).await,
        StoreUrl::Sqlite(_) | StoreUrl::Memory => {
            SqliteStore::schema(data, &format!("process {}, which looks at it", std::process::id()))
        }
    };
    match found {
        Err(error) => {
            report.fail(CHECK, crate::cli::sentence(&error.into()), "see the sentence before");
            false
        }
        Ok(Schema { at, known }) if at < known => {
            report.warn(
                CHECK,
                format!("version {at}, and this program knows {known}"),
                "the next start brings it up to date, or `symbolon migrate` now",
            );
            false
        }
        // One that is newer may still work: opening tells.
        Ok(Schema { at, known }) => {
            if at <= known {
                report.ok(CHECK, format!("version {at}"));
            }
            true
        }
    }
}

/// What the running server, or this process over the store, says.
pub(super) async fn check(
    report: &mut Report,
    node: &Node,
    config: &Config,
    fingerprints: Option<&[String]>,
) {
    let status = match status(node).await {
        Ok(status) => status,
        Err(error) => return report.fail("server", format!("{error:#}"), "see its log"),
    };
    let mine = env!("CARGO_PKG_VERSION");
    if node.runs() {
        if status.version == mine {
            report.ok("server", format!("it runs and answers, version {mine}"));
        } else {
            let text = format!("version {} runs, and this program is {mine}", status.version);
            report.warn("server", text, "restart the server after an upgrade");
        }
        if let Some(schema) = status.schema {
            report.ok("schema", format!("version {schema}"));
        }
        issuer::reach(report, &status.issuer).await;
        let set = config.issuer(config.server.listen);
        if config.server.listen.port() != 0 && status.issuer != set.as_str() {
            let text = format!(
                "the running server calls itself {}, and by these settings it is {set}",
                status.issuer
            );
            report.warn("issuer", text, "restart it, or give this command the settings that the server has");
        }
    }
    if let Some(given) = fingerprints {
        let known: Vec<String> = status.master_keys.iter().map(|key| key.fingerprint.clone()).collect();
        master::judge(report, given, &known);
    }
    keys(report, &status);
    if let Some(guarding) = &status.guarding {
        guards::check(report, guarding, status.log.applied, node.runs());
    }
    if node.runs() {
        guards::cached(report, &status.cached, &status.asked);
    }
    if let Some(peer) = &status.unlisted_proxy {
        report.warn(
            "proxy",
            format!("{peer} sends forwarding headers and is not in server.trusted_proxies: all its clients are throttled as one"),
            "name it there if it is your proxy",
        );
    }
    if let (Some(users), Some(sessions)) = (status.users, status.sessions) {
        let least = if status.counted_all == Some(false) { "at least " } else { "" };
        report.ok(
            "store",
            format!(
                "{least}{}, {}",
                count(users, "user", "users"),
                count(sessions, "live session", "live sessions")
            ),
        );
    }
    match administrator(node).await {
        Ok(Some(true)) => report.ok("administrator", "there is one"),
        Ok(Some(false)) => report.warn(
            "administrator",
            "nobody has the role admin",
            "make one: symbolon user add --role admin NAME",
        ),
        Ok(None) => report.warn(
            "administrator",
            "none of the first users has the role admin",
            "see whether somebody has: symbolon user role NAME",
        ),
        Err(error) => report.fail("administrator", format!("{error:#}"), "see the server's log"),
    }
    if let Err(error) = clock(report, node).await {
        report.fail("clock", format!("{error:#}"), "see the server's log");
    }
}

async fn status(node: &Node) -> Result<Status> {
    node.get("/v1/admin/status").await?.read()
}

fn keys(report: &mut Report, status: &Status) {
    let in_state = |state: &str| {
        status.keys.iter().filter(|key| key.get("state").and_then(Value::as_str) == Some(state)).count()
            as u64
    };
    let all = count(status.keys.len() as u64, "signing key", "signing keys");
    if in_state("current") == 0 {
        report.fail("keys", format!("{all}, none of which signs now"), "symbolon key rotate --now");
    } else {
        report.ok("keys", format!("{all}, one of them signs"));
    }
}

/// Whether somebody administers; `None`: nobody of those who were looked at.
pub(in crate::cli) async fn administrator(node: &Node) -> Result<Option<bool>> {
    #[derive(Deserialize)]
    struct Page {
        users: Vec<User>,
        next: Option<String>,
    }
    #[derive(Deserialize)]
    struct User {
        roles: Vec<String>,
        disabled: bool,
    }
    let mut lane = node.lane().await?;
    let mut path = "/v1/admin/users?limit=200".to_owned();
    for _ in 0..PAGES {
        let Page { users, next } = lane.send(&Method::GET, &path, None).await?.read()?;
        if users.iter().any(|user| !user.disabled && user.roles.iter().any(|role| role == ADMIN)) {
            return Ok(Some(true));
        }
        match next {
            None => return Ok(Some(false)),
            Some(next) => path = format!("/v1/admin/users?limit=200&after={next}"),
        }
    }
    Ok(None)
}

/// Whether the clock is behind what the store remembers.
async fn clock(report: &mut Report, node: &Node) -> Result<()> {
    let answer: Value = node.get("/v1/admin/audit?limit=1").await?.read()?;
    let newest: Vec<Value> = read(answer.get("audit").cloned().unwrap_or_default()).unwrap_or_default();
    let at = newest.first().and_then(|row| row.get("at")).and_then(Value::as_str).and_then(times::parse);
    let now = times::now();
    if let Some(at) = at.filter(|at: &Timestamp| at.as_secs() > now.as_secs() + DRIFT) {
        report.fail(
            "clock",
            format!(
                "it is behind: the store remembers something of {}, {}",
                times::date(at),
                times::distance(at, now)
            ),
            "set the clock: sessions and tokens would live too long",
        );
    }
    Ok(())
}
