//! What a check costs in process: `cargo test --release -p symbolon --lib session::measure -- --ignored --nocapture` prints the rows.
//! Counted is the processor's time of each thread: whatever else runs on the machine is not in it. That a check asks no allocator is held by every run.

use std::sync::Barrier;

use rustix::time::{ClockId, clock_gettime};

use symbolon_token::SessionCookie;

use super::{Recalled, cache::CachedSession};
use crate::{Symbolon, store::contract::session_row};

/// Checks that each thread does in one round.
const CHECKS: usize = 200_000;
const ROUNDS: usize = 15;

/// An engine that has so many sessions in memory, and their cookies in an order that no cache of the processor can foresee.
async fn filled(sessions: usize) -> (Symbolon, Vec<SessionCookie>) {
    let engine = Symbolon::builder("https://id.example").open().await.unwrap();
    let now = engine.now();
    let masters = engine.0.keyring.masters();
    let (key, _) = masters.cookie();
    let user = engine.new_id();
    let mut cookies: Vec<_> = (0..sessions)
        .map(|_| {
            let id = engine.new_id();
            let cookie = SessionCookie::mint(id, crate::clock::random(engine.randomness()), key);
            let row = session_row(id, user, now);
            let session = CachedSession::of(&row, cookie.hash(), masters.epoch());
            engine.memory().sessions.insert(id, session);
            cookie
        })
        .collect();
    cookies.sort_by_key(|cookie| cookie.id().as_u64_pair().1);
    (engine, cookies)
}

fn accepts(engine: &Symbolon, cookie: &SessionCookie) -> bool {
    matches!(engine.recall_session(cookie), Recalled::Known(Ok(_)))
}

#[tokio::test]
async fn a_check_asks_no_allocator() {
    let (engine, cookies) = filled(5_000).await;
    assert!(cookies.iter().all(|cookie| accepts(&engine, cookie)));
    let mut refused = 0;
    let counted = allocation_counter::measure(|| {
        refused = cookies.iter().filter(|cookie| !accepts(&engine, cookie)).count();
    });
    assert_eq!((refused, counted.count_total), (0, 0));
}

#[tokio::test]
#[ignore = "a measurement"]
async fn checks_in_process() {
    const SESSIONS: usize = 1_000_000;
    let (engine, cookies) = filled(SESSIONS).await;
    let known = engine.cached().sessions;
    // Of a full cache every shard holds its part, and chance fills some of them sooner.
    let cookies: Vec<_> = cookies.into_iter().filter(|cookie| accepts(&engine, cookie)).collect();
    for (name, in_use) in [("all in turn", cookies.len()), ("10000 in use", 10_000)] {
        for threads in [1, 2] {
            let round = |round| round_of(&engine, &cookies[..in_use], threads, round);
            let mut times: Vec<f64> = (0..ROUNDS).map(round).collect();
            times.sort_by(f64::total_cmp);
            let each = times[ROUNDS / 2];
            println!(
                "{{\"name\": \"check in process, {threads} thread(s)\", \"beside\": \"{known} sessions, {name}\", \"value\": {each:.3}, \
                 \"unit\": \"µs\", \"against\": \"\", \"ratio\": \"\", \"goal\": \"≤ 0.5 µs\", \"holds\": {}}}",
                each <= 0.5
            );
        }
    }
}

/// Microseconds of the processor that a check takes, all threads at once.
fn round_of(engine: &Symbolon, cookies: &[SessionCookie], threads: usize, round: usize) -> f64 {
    let start = Barrier::new(threads);
    let one = |thread: usize| {
        start.wait();
        let began = spent();
        let mut at = (round * threads + thread) * 104_729;
        for _ in 0..CHECKS {
            at += 61_331;
            assert!(std::hint::black_box(accepts(engine, &cookies[at % cookies.len()])));
        }
        (spent() - began) * 1e6 / CHECKS as f64
    };
    let times: Vec<f64> = std::thread::scope(|scope| {
        let one = &one;
        let running: Vec<_> = (0..threads).map(|thread| scope.spawn(move || one(thread))).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    times.iter().sum::<f64>() / threads as f64
}

/// Seconds of the processor that this thread has used.
fn spent() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
