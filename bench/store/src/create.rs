//! Sessions created, each durable when it is answered.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use symbolon::{
    clock::{Clock, Randomness, SystemClock, SystemRandomness},
    store::{Amr, Condition, Kind, Outcome, SessionRow, Store, Transition, sqlite::SqliteStore},
};
use tokio::task::JoinSet;
use uuid::Uuid;

const WRITERS: usize = 64;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How many times as many as one commit per row.
const GOAL: f64 = 5.0;
/// Rounds of each, in turns.
const ROUNDS: u32 = 3;

pub(crate) async fn rows(data: &Path, seconds: u32) -> Result<Vec<Value>> {
    let store = Arc::new(SqliteStore::open(data, "a measurement", Uuid::nil())?);
    let users: Vec<Uuid> =
        store.users(None, None, usize::MAX >> 1).await?.iter().map(|user| user.id).collect();
    ensure!(!users.is_empty(), "there are no users");
    let users = Arc::new(users);
    let length = Duration::from_secs(u64::from(seconds)) / ROUNDS;
    let (mut alone, mut together) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        alone.push(rate(&store, &users, 1, length).await?);
        together.push(rate(&store, &users, WRITERS, length).await?);
    }
    let (alone, together) = (median(alone), median(together));
    let name = format!("sessions created, {WRITERS} writers, {} users", users.len());
    let holds = together >= GOAL * alone;
    Ok(vec![crate::row(&name, together, "rows/s", Some(alone), "≥ 5 × one commit per row", holds)])
}

/// Sessions per second.
#[expect(clippy::disallowed_methods, reason = "a measurement is about the real clock")]
async fn rate(
    store: &Arc<SqliteStore>,
    users: &Arc<Vec<Uuid>>,
    writers: usize,
    length: Duration,
) -> Result<f64> {
    let made = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..writers {
        let (store, users, made) = (Arc::clone(store), Arc::clone(users), Arc::clone(&made));
        tasks.spawn(async move {
            while began.elapsed() < length {
                let outcome = store.transact(login(&users)?).await?;
                ensure!(matches!(outcome, Outcome::Done(_)), "a session was not minted");
                made.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    Ok(made.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64())
}

/// The transition of a login by cookie, without its audit row.
fn login(users: &[Uuid]) -> Result<Transition> {
    let mut bytes = [0; 64];
    SystemRandomness.fill(&mut bytes);
    let now = SystemClock.now();
    let chosen = u64::from_le_bytes(*bytes.first_chunk().context("8 bytes")?) % users.len() as u64;
    let user = users[usize::try_from(chosen)?];
    let tail: &[u8; 10] = bytes[8..].first_chunk().context("10 bytes")?;
    let id = uuid::Builder::from_unix_timestamp_millis(now.as_millis().unsigned_abs(), tail).into_uuid();
    let session = SessionRow {
        id,
        user,
        generation: 0,
        kind: Kind::Browser,
        client_id: None,
        parent: None,
        secret_hash: bytes.last_chunk().copied(),
        refresh_counter: 0,
        refresh_moved_at: None,
        auth_time: now,
        amr: vec![Amr { method: "pwd".into(), at: now.as_millis() }],
        scope: None,
        audience: Vec::new(),
        jkt: None,
        remember: true,
        created_at: now,
        last_seen: now,
        idle_expires_at: now.plus(7 * DAY),
        expires_at: now.plus(30 * DAY),
        ended_at: None,
        device: "Firefox on Linux".into(),
        address: "203.0.113.7".into(),
        label: None,
        key_version: 1,
    };
    Ok(Transition {
        condition: Some(Condition { user, generation: 0, credential: None, predecessor: None }),
        end: None,
        password: None,
        mint: Some(session),
        refunds: Vec::new(),
        rekey: None,
        limit: None,
        at: now,
        forget_at: now.as_secs() + 600,
        audit: Vec::new(),
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
