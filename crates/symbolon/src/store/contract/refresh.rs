//! The refresh chain: what a presented counter gets.

use super::{Someone, World, at, promises};
use crate::store::*;
use symbolon_token::Timestamp;

promises! {
    the_first_refresh_moves_the_counter,
    a_repeat_within_the_grace_time_gets_the_same_token,
    a_used_up_counter_is_theft,
    a_bound_chain_may_repeat_its_last_step_at_any_time,
    a_counter_never_issued_is_told,
    a_clock_that_steps_back_makes_no_thief,
    a_dead_session_is_not_refreshed,
    a_refresh_never_passes_the_absolute_end,
}

const GRACE: i64 = 30;

fn request(session: &SessionRow, presented: u64, now: Timestamp) -> RefreshRequest {
    let idle_expires_at = Timestamp::from_millis(now.as_millis() + 3_600_000);
    RefreshRequest { session: session.id, presented, now, grace_ms: GRACE * 1000, idle_expires_at }
}

async fn chain(world: &World) -> (Someone, SessionRow) {
    let ann = world.user("ann").await;
    let row = SessionRow { kind: Kind::Token, secret_hash: None, ..world.new_session(&ann, at(0)) };
    let row = world.mint_row(&ann, row).await;
    (ann, row)
}

/// Presents `presented` at `now`; the counter to issue.
async fn issued(world: &World, session: &SessionRow, presented: u64, now: i64) -> Option<u64> {
    match world.store.refresh(request(session, presented, at(now))).await.unwrap() {
        Refreshed::Issue(row) => {
            assert_eq!(world.store.session(session.id).await.unwrap(), Some(row.clone()), "as it is stored");
            Some(row.session.refresh_counter)
        }
        _ => None,
    }
}

async fn refused(world: &World, request: RefreshRequest) -> Refreshed {
    let before = world.visible().await;
    let answer = world.store.refresh(request).await.unwrap();
    assert_eq!(world.visible().await, before);
    answer
}

async fn the_first_refresh_moves_the_counter(world: World) {
    let (_, session) = chain(&world).await;
    assert_eq!(issued(&world, &session, 0, 5).await, Some(1));
    let moved = world.store.session(session.id).await.unwrap().unwrap().session;
    let expected = SessionRow {
        refresh_counter: 1,
        refresh_moved_at: Some(at(5)),
        last_seen: at(5),
        idle_expires_at: at(3_605),
        ..session
    };
    assert_eq!(moved, expected);
    assert_eq!(world.told(), []);
}

async fn a_repeat_within_the_grace_time_gets_the_same_token(world: World) {
    let (_, session) = chain(&world).await;
    assert_eq!(issued(&world, &session, 0, 5).await, Some(1));
    for (presented, now) in [(0, 5), (0, 5 + GRACE - 1), (1, 6), (1, 5 + GRACE - 1)] {
        let before = world.visible().await;
        assert_eq!(issued(&world, &session, presented, now).await, Some(1), "{presented} at {now}");
        assert_eq!(world.visible().await, before, "at most one move per grace time");
    }
    assert_eq!(issued(&world, &session, 1, 5 + GRACE).await, Some(2));
    assert_eq!(issued(&world, &session, 1, 6 + GRACE).await, Some(2));
}

async fn a_used_up_counter_is_theft(world: World) {
    let (_, session) = chain(&world).await;
    issued(&world, &session, 0, 5).await.unwrap();
    let late = refused(&world, request(&session, 0, at(5 + GRACE))).await;
    assert!(matches!(&late, Refreshed::Reused(row) if row.session.refresh_counter == 1), "{late:?}");
    issued(&world, &session, 1, 40).await.unwrap();
    let two_behind = refused(&world, request(&session, 0, at(41))).await;
    assert!(matches!(two_behind, Refreshed::Reused(_)), "the grace time is for the last step only");
}

async fn a_bound_chain_may_repeat_its_last_step_at_any_time(world: World) {
    let (ann, _) = chain(&world).await;
    let row = SessionRow { jkt: Some("thumb".into()), ..world.new_session(&ann, at(0)) };
    let session = world.mint_row(&ann, row).await;
    for (counter, now) in [(0, 5), (1, 40), (2, 80)] {
        assert_eq!(issued(&world, &session, counter, now).await, Some(counter + 1));
    }
    assert_eq!(issued(&world, &session, 2, 3_000).await, Some(3));
    let older = refused(&world, request(&session, 1, at(81))).await;
    assert!(matches!(older, Refreshed::Reused(_)), "{older:?}");
}

async fn a_counter_never_issued_is_told(world: World) {
    let (_, session) = chain(&world).await;
    for presented in [1, 2, u64::MAX] {
        let ahead = refused(&world, request(&session, presented, at(5))).await;
        assert!(matches!(&ahead, Refreshed::Ahead(row) if row.session == session), "{ahead:?}");
    }
}

async fn a_clock_that_steps_back_makes_no_thief(world: World) {
    let (_, session) = chain(&world).await;
    issued(&world, &session, 0, 1_000).await.unwrap();
    for now in [999, 500, 1] {
        assert_eq!(issued(&world, &session, 0, now).await, Some(1), "the lost reply, asked for again");
        assert_eq!(issued(&world, &session, 1, now).await, Some(1));
    }
    assert_eq!(issued(&world, &session, 1, 1_000 + GRACE).await, Some(2));
}

async fn a_dead_session_is_not_refreshed(world: World) {
    let (ann, session) = chain(&world).await;
    let mut unknown = request(&session, 0, at(5));
    unknown.session = world.id();
    assert_eq!(refused(&world, unknown).await, Refreshed::Dead);
    assert_eq!(refused(&world, request(&session, 0, at(3_600))).await, Refreshed::Dead, "idle");
    assert!(issued(&world, &session, 0, 3_599).await.is_some());

    world.end(End::Session { id: session.id, owner: None }, at(6)).await;
    assert_eq!(refused(&world, request(&session, 1, at(6))).await, Refreshed::Dead, "ended");
    let next = world.mint(&ann).await;
    world.end(End::User(ann.id), at(6)).await;
    assert_eq!(refused(&world, request(&next, 0, at(6))).await, Refreshed::Dead, "of an old generation");
    let next = world.mint(&ann).await;
    world.end(End::DisableUser(ann.id), at(6)).await;
    assert_eq!(refused(&world, request(&next, 0, at(6))).await, Refreshed::Dead, "of a disabled user");
    world.end(End::DeleteUser(ann.id), at(6)).await;
    assert_eq!(refused(&world, request(&next, 0, at(6))).await, Refreshed::Dead, "of nobody");
}

async fn a_refresh_never_passes_the_absolute_end(world: World) {
    let (ann, _) = chain(&world).await;
    let row = SessionRow { expires_at: at(60), idle_expires_at: at(50), ..world.new_session(&ann, at(0)) };
    let session = world.mint_row(&ann, row).await;
    issued(&world, &session, 0, 40).await.unwrap();
    let row = world.store.session(session.id).await.unwrap().unwrap();
    assert_eq!(row.session.idle_expires_at, at(60));
    assert_eq!(refused(&world, request(&session, 1, at(60))).await, Refreshed::Dead);
}
