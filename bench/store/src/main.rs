//! What checks and the embedded store cost, in process. Prints rows as JSON.
//!
//! * `bench-store check DATA FILE`: cookies that memory knows.
//! * `bench-store miss DATA FILE`: cookies that memory does not know, each once: MAC, read of the row, its place in the cache.
//! * `bench-store create DATA SECONDS`: sessions minted as a login mints them, hashing left out: by 64 writers at once, and by one,
//!   whose every row is a commit of its own. Each is durable when it is answered.

mod check;
mod create;
mod miss;

use std::path::Path;

use anyhow::{Result, bail};
use serde_json::{Value, json};

#[tokio::main]
#[expect(clippy::print_stdout, reason = "rows are what this program is for")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let rows = match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["check", data, file] => check::rows(Path::new(data), Path::new(file)).await?,
        ["miss", data, file] => miss::rows(Path::new(data), Path::new(file)).await?,
        ["create", data, seconds] => create::rows(Path::new(data), seconds.parse()?).await?,
        _ => bail!("usage: bench-store check|miss DATA FILE, or bench-store create DATA SECONDS"),
    };
    println!("{}", serde_json::to_string_pretty(&rows)?);
    Ok(())
}

/// A row of the table.
fn row(name: &str, value: f64, unit: &str, against: Option<f64>, goal: &str, holds: bool) -> Value {
    let round = |value: f64| (value * 100.0).round() / 100.0;
    json!({
        "name": name, "value": round(value), "unit": unit, "against": against.map(round),
        "ratio": against.map(|against| round(value / against)), "goal": goal, "holds": holds,
    })
}
