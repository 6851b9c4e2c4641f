//! A PostgreSQL for as long as standard input is open. Says first where its database is, then answers each line it reads:
//! `sql DATABASE STATEMENTS`, `configure LINE` (it restarts), `away SECONDS` (at once and without a word, and back after so long).

use std::{
    io::{BufRead, stdin},
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use symbolon_cluster::Cluster;

#[expect(clippy::print_stdout, reason = "the answers are what it is asked for")]
pub(crate) fn serve() -> Result<()> {
    let mut cluster = Cluster::start().context("PostgreSQL is not installed")?;
    let [ours, usual] = [cluster.database(), cluster.database()].map(|database| database.name);
    println!(
        "{}",
        json!({ "name": ours, "url": cluster.tcp_url(&ours, ""), "usual": cluster.tcp_url(&usual, "") })
    );
    for line in stdin().lock().lines() {
        println!("{}", answer(&mut cluster, &line?)?);
    }
    Ok(())
}

fn answer(cluster: &mut Cluster, line: &str) -> Result<Value> {
    let (verb, rest) = line.split_once(' ').context("a verb and what it is about")?;
    Ok(match verb {
        "sql" => {
            let (database, statements) = rest.split_once(' ').context("a database and statements")?;
            json!(cluster.sql(database, statements))
        }
        "configure" => {
            cluster.configure(rest);
            cluster.restart("fast");
            json!(null)
        }
        "away" => {
            let gone = now();
            cluster.restart_after("immediate", Duration::from_secs_f64(rest.parse()?));
            json!({ "gone": gone, "back": now() })
        }
        _ => bail!("no such verb: {verb}"),
    })
}

/// Seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "a measurement is about the real clock")]
fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
