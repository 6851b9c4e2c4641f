//! The programs of `bench/run everywhere`, each a process of its own; `bench/measure/everywhere.py` puts them together. Results are JSON.
//!
//! * `database`: a PostgreSQL for as long as standard input is open, which obeys what it reads there.
//! * `guard ISSUER SECRET ADDRESS NODE…`: a service with a guard in front of its one door.
//! * `rounds COUNT NODE NODE GUARD`: login, checks, revoke, checks, one after the other.
//! * `rate SESSIONS CALLERS NODE`: sessions revoked by so many callers at once.
//! * `lag SECONDS NODE NODE GUARD`: a revoke begun every 50 ms, whatever became of those before.
//! * `outage SECONDS NODE NODE GUARD`: checks, logins and revokes while the database is away; every answer is judged.
//! * `check ISSUER SECRET NODE`: checks in process, of what a guard has seen before.
//! * `beside ISSUER SECRET NODE REDIS DATABASE`: a check by a guard, and the usual ways to make one.

mod beside;
mod check;
mod client;
mod database;
mod door;
mod lag;
mod login;
mod outage;
mod rate;
mod rounds;
mod spread;

use std::net::SocketAddr;

use anyhow::{Result, bail};

#[tokio::main]
#[expect(clippy::print_stdout, reason = "figures are what this program is for")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let found = match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["database"] => return tokio::task::spawn_blocking(database::serve).await?,
        ["guard", issuer, secret, address, nodes @ ..] => {
            return door::serve(issuer, secret, address, nodes).await;
        }
        ["rounds", count, places @ ..] => rounds::measure(count.parse()?, three(places)?).await?,
        ["rate", sessions, callers, node] => {
            rate::measure(sessions.parse()?, callers.parse()?, node.parse()?).await?
        }
        ["lag", seconds, places @ ..] => lag::measure(seconds.parse()?, three(places)?).await?,
        ["outage", seconds, places @ ..] => outage::measure(seconds.parse()?, three(places)?).await?,
        ["check", issuer, secret, node] => check::measure(issuer, secret, node.parse()?).await?,
        ["beside", issuer, secret, node, redis, database] => {
            beside::measure(issuer, secret, node.parse()?, redis.parse()?, database).await?
        }
        _ => bail!("usage: see the head of bench/everywhere/src/main.rs"),
    };
    println!("{found}");
    Ok(())
}

/// Two nodes and a guard.
fn three(addresses: &[&str]) -> Result<[SocketAddr; 3]> {
    let [one, two, guard] = addresses else { bail!("two nodes and a guard are needed") };
    Ok([one.parse()?, two.parse()?, guard.parse()?])
}
