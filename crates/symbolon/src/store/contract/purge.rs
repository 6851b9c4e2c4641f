//! What may go, and what must stay.

use symbolon_token::Timestamp;

use super::{World, at, promises};
use crate::store::*;

promises! {
    sessions_that_are_over_go_in_batches,
    a_live_session_stays,
    the_log_is_trimmed_from_its_start,
    old_audit_rows_go,
    counters_that_are_forgotten_or_too_many_go,
}

fn nothing_before(now: Timestamp) -> PurgeBefore {
    let never = Timestamp::from_millis(i64::MIN);
    PurgeBefore { now, sessions: never, audit: never, throttle_most: usize::MAX }
}

async fn sessions_that_are_over_go_in_batches(world: World) {
    let (ann, bob) = (world.user("ann").await, world.user("bob").await);
    let mut ended = Vec::new();
    for _ in 0..5 {
        let session = world.mint(&ann).await;
        world.end(End::Session { id: session.id, owner: None }, at(100)).await;
        ended.push(session.id);
    }
    let by_generation = world.mint(&bob).await;
    world.end(End::User(bob.id), at(100)).await;
    let live = world.mint(&ann).await;
    let row = SessionRow { expires_at: at(90), ..world.new_session(&ann, at(0)) };
    let ran_out = world.mint_row(&ann, row).await;

    let before = |secs| PurgeBefore { sessions: at(secs), ..nothing_before(at(0)) };
    assert_eq!(world.store.purge(before(0), 99).await.unwrap(), 0);
    assert_eq!(world.store.purge(before(0), 0).await.unwrap(), 0);
    assert_eq!(world.store.purge(before(90), 99).await.unwrap(), 1, "seen at 0, of an old generation");
    assert_eq!(world.store.session(by_generation.id).await.unwrap(), None);
    assert_eq!(world.store.purge(before(100), 99).await.unwrap(), 1, "ran out at 90");
    assert_eq!(world.store.session(ran_out.id).await.unwrap(), None);
    for left in [2, 2, 1, 0] {
        assert_eq!(world.store.purge(before(101), 2).await.unwrap(), left);
    }
    for id in ended {
        assert_eq!(world.store.session(id).await.unwrap(), None);
    }
    assert!(world.lives(&live, at(0)).await);
    let log = world.store.log_after(0, 99).await.unwrap();
    assert_eq!((log.entries.len(), log.trimmed), (6, 0), "the log has a time of its own");
}

async fn a_live_session_stays(world: World) {
    let ann = world.user("ann").await;
    let session = world.mint(&ann).await;
    let touch = Touch { session: session.id, since: at(1_000), seen: at(1_000), idle_expires_at: at(4_600) };
    world.store.touch(vec![touch]).await.unwrap();
    let before = PurgeBefore { sessions: at(4_600), ..nothing_before(at(4_600)) };
    assert_eq!(world.store.purge(before, 99).await.unwrap(), 0);
    assert!(world.lives(&session, at(4_599)).await);
}

async fn the_log_is_trimmed_from_its_start(world: World) {
    for secs in 0..5 {
        world.end(End::Token { jti: world.id() }, at(secs)).await;
    }
    let forgettable_from = at(super::world::FORGET_AFTER + 1);
    let purge = async |secs: i64, limit| {
        let now = Timestamp::from_millis(forgettable_from.as_millis() + secs * 1000);
        world.store.purge(nothing_before(now), limit).await.unwrap()
    };
    let log = async || {
        let page = world.store.log_after(0, 99).await.unwrap();
        assert_eq!(page.head, 5);
        (page.trimmed, page.entries.iter().map(|entry| entry.seq).collect::<Vec<_>>())
    };
    assert_eq!(purge(-1, 99).await, 0);
    assert_eq!(log().await, (0, vec![1, 2, 3, 4, 5]));
    assert_eq!(purge(0, 99).await, 1);
    assert_eq!(log().await, (1, vec![2, 3, 4, 5]));
    assert_eq!(purge(9, 2).await, 2);
    assert_eq!(log().await, (3, vec![4, 5]));
    assert_eq!(purge(9, 99).await, 2);
    assert_eq!(log().await, (5, vec![]));
    assert_eq!(world.end(End::Token { jti: world.id() }, at(0)).await.head, 6, "numbers go on");
}

async fn old_audit_rows_go(world: World) {
    let rows: Vec<_> = (0..5).map(|secs| world.audit_row("login", at(secs))).collect();
    world.store.record(rows.clone()).await.unwrap();
    let before = |secs| PurgeBefore { audit: at(secs), ..nothing_before(at(0)) };
    assert_eq!(world.store.purge(before(0), 99).await.unwrap(), 0);
    assert_eq!(world.store.purge(before(3), 2).await.unwrap(), 2);
    assert_eq!(world.store.purge(before(3), 2).await.unwrap(), 1);
    let left: Vec<_> = rows[3..].iter().rev().cloned().collect();
    assert_eq!(world.store.audit(None, None, 99).await.unwrap(), left);
}

async fn counters_that_are_forgotten_or_too_many_go(world: World) {
    let rule = |forget_secs: i64| ThrottleRule {
        free: 9,
        block_ms: 1_000,
        max_block_ms: 1_000,
        forget_ms: forget_secs * 1_000,
    };
    for key in 0..8_u8 {
        let rule = rule(if key % 4 == 0 { 10 } else { 1_000 });
        // The higher the key, the longer ago.
        world.store.charge(vec![Charge { key: [key; 16], rule }], at(20 - i64::from(key))).await.unwrap();
    }
    let keys = || world.store.throttle().iter().map(|(key, _)| key[0]).collect::<Vec<_>>();
    let purge = async |now, throttle_most, limit| {
        let before = PurgeBefore { throttle_most, ..nothing_before(at(now)) };
        world.store.purge(before, limit).await.unwrap()
    };
    assert_eq!(purge(25, 8, 99).await, 0);
    assert_eq!(purge(30, 8, 1).await, 1);
    assert_eq!(keys(), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(purge(30, 4, 99).await, 3, "the other forgotten one, and the two least recent");
    assert_eq!(keys(), [1, 2, 3, 5]);
    assert_eq!(purge(30, 0, 3).await, 3);
    assert_eq!(purge(30, 0, 3).await, 1);
    assert!(keys().is_empty());
}
