//! The refresh journey of DESIGN: a counter and a MAC; whoever is honest is never logged out (invariant 6), whoever comes too late with
//! a used token ends the session.

use std::{sync::Arc, time::Duration};

use symbolon::{
    Error, ErrorKind,
    login::{Attempt, Carrier},
    store::Store,
    token::issue::{TokenAnswer, Wish},
};
use tokio::{sync::Barrier, task::JoinSet};

use super::{Holder, counter, payload};
use crate::common::{Call, World, caller, kind, over_every_store};

over_every_store! {
    invariant_6_repeated_and_parallel_use_gives_the_same_successor,
    invariant_6_an_honest_client_is_never_two_behind,
    invariant_6_a_lost_answer_costs_nothing_within_the_grace_time,
    invariant_6_clocks_that_step_by_ten_seconds_make_no_thief,
    invariant_6_a_refresh_that_takes_long_is_no_theft,
    within_the_grace_time_of_the_login_too_the_first_token_moves,
    a_bound_chain_may_repeat_its_last_step_at_any_time,
    dp_23_one_key_has_room_for_so_many_proofs_and_no_stranger_has_any,
    a_counter_that_was_never_issued_ends_the_session,
    a_refreshed_token_says_what_the_session_has,
    a_refresh_after_a_role_change_carries_the_new_profile,
    a_refresh_is_not_held_against_an_ending,
}

const GRACE: Duration = Duration::from_secs(30);
const SECOND: Duration = Duration::from_secs(1);

pub(super) async fn refresh(world: &World, token: &str) -> Result<TokenAnswer, Error> {
    world.engine.refresh(token, None, &caller()).await
}

/// The successor, which must be had.
pub(super) async fn next(world: &World, token: &str) -> String {
    refresh(world, token).await.unwrap().refresh_token.unwrap()
}

pub(super) async fn first(world: &World) -> (crate::common::Someone, TokenAnswer, String) {
    let ann = world.user("ann").await;
    let answer = world.tokens(&ann).await;
    let token = answer.refresh_token.clone().unwrap();
    (ann, answer, token)
}

async fn invariant_6_repeated_and_parallel_use_gives_the_same_successor(world: World) {
    let (_, _, mut token) = first(&world).await;
    for round in 0..4 {
        let barrier = Arc::new(Barrier::new(20));
        let mut tabs = JoinSet::new();
        for _ in 0..20 {
            let (engine, barrier, token) = (world.engine.clone(), Arc::clone(&barrier), token.clone());
            tabs.spawn(async move {
                barrier.wait().await;
                engine.refresh(&token, None, &caller()).await.unwrap()
            });
        }
        let answers = tabs.join_all().await;
        let successors: Vec<_> = answers.iter().map(|answer| answer.refresh_token.clone().unwrap()).collect();
        assert!(successors.iter().all(|next| *next == successors[0]), "round {round}");
        assert_eq!(counter(&successors[0]), round + 1);
        assert!(answers.iter().all(|answer| world.engine.check_token(&answer.access_token).is_ok()));
        for pause in [0, 10, 19] {
            world.clock.advance(pause * SECOND);
            assert_eq!(next(&world, &token).await, successors[0], "repeated in time");
            assert_eq!(
                next(&world, &successors[0]).await,
                successors[0],
                "and the successor, too early, is itself"
            );
        }
        token = successors.into_iter().next().unwrap();
        world.clock.advance(GRACE);
    }
}

/// Two tabs of one client that share nothing but the last token each of them saw, at every pace.
async fn invariant_6_an_honest_client_is_never_two_behind(world: World) {
    let (_, _, token) = first(&world).await;
    let mut tabs = [token.clone(), token];
    let mut seed: u64 = 11;
    for _ in 0..300 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Within a grace time both tabs come by: that is what the grace time is for.
        world.clock.advance(Duration::from_millis(seed >> 50));
        let tab = usize::try_from(seed >> 40 & 1).unwrap();
        for tab in [tab, 1 - tab] {
            tabs[tab] = next(&world, &tabs[tab]).await;
        }
        assert!(counter(&tabs[0]).abs_diff(counter(&tabs[1])) <= 1);
    }
    assert!(counter(&tabs[0]) > 20, "it did move: {}", counter(&tabs[0]));
}

async fn invariant_6_a_lost_answer_costs_nothing_within_the_grace_time(world: World) {
    let (_, _, token) = first(&world).await;
    world.store.fail_after(Call::Refresh);
    assert_eq!(kind(&refresh(&world, &token).await), Some(ErrorKind::Unavailable));
    world.clock.advance(29 * SECOND);
    let second = next(&world, &token).await;
    assert_eq!(counter(&second), 1, "moved once, by the call whose answer was lost");
    world.clock.advance(GRACE);
    assert_eq!(counter(&next(&world, &second).await), 2);
}

async fn invariant_6_clocks_that_step_by_ten_seconds_make_no_thief(world: World) {
    let (_, _, mut token) = first(&world).await;
    for back in [true, false, true, true, false] {
        let used = token.clone();
        token = next(&world, &used).await;
        if back {
            world.clock.set_back(10 * SECOND);
        } else {
            world.clock.advance(10 * SECOND);
        }
        assert_eq!(next(&world, &used).await, token, "back={back}");
        assert_eq!(next(&world, &token).await, token, "back={back}");
        world.clock.advance(2 * GRACE);
    }
    next(&world, &token).await;
}

/// At every await, for longer than margin and grace time.
async fn invariant_6_a_refresh_that_takes_long_is_no_theft(world: World) {
    let (_, _, mut token) = first(&world).await;
    for (call, after) in
        [(Call::Session, false), (Call::Session, true), (Call::Refresh, false), (Call::Refresh, true)]
    {
        world.clock.advance(2 * GRACE);
        let mut hold = if after { world.store.hold_after(call) } else { world.store.hold_before(call) };
        let (engine, shown) = (world.engine.clone(), token.clone());
        let slow = tokio::spawn(async move { engine.refresh(&shown, None, &caller()).await });
        hold.reached().await;
        world.clock.advance(40 * SECOND);
        hold.release();
        let answer = slow.await.unwrap().unwrap();
        let successor = answer.refresh_token.unwrap();
        assert_eq!(counter(&successor), counter(&token) + 1, "{call:?} after={after}");
        assert!(world.engine.check_token(&answer.access_token).is_ok());
        token = successor;
    }
    assert!(world.audited("refresh_reused").await.is_empty());
}

async fn within_the_grace_time_of_the_login_too_the_first_token_moves(world: World) {
    let (_, answer, token) = first(&world).await;
    assert_eq!(counter(&token), 0);
    let row = world.store.session(answer.session_id.unwrap()).await.unwrap().unwrap().session;
    assert_eq!(row.refresh_moved_at, None, "null at login");
    assert_eq!(counter(&next(&world, &token).await), 1);
}

async fn a_bound_chain_may_repeat_its_last_step_at_any_time(world: World) {
    let ann = world.user("ann").await;
    let holder = Holder::new();
    let mut shown = 0;
    let mut bound = || {
        shown += 1;
        caller().with_proof(Some(holder.proof(&shown.to_string(), world.now())))
    };
    let attempt = Attempt {
        identifier: "ann",
        password: &ann.password,
        carrier: Carrier::Token(Wish::default()),
        presented: None,
        known: None,
        caller: &bound(),
    };
    let answer = crate::common::world::tokens(world.engine.login(attempt).await.unwrap().issued);
    assert!(answer.bound && payload(&answer.access_token)["cnf"]["jkt"].is_string());
    let zero = answer.refresh_token.unwrap();
    let one = world.engine.refresh(&zero, None, &bound()).await.unwrap().refresh_token.unwrap();
    world.clock.advance(100 * GRACE);
    let again = world.engine.refresh(&zero, None, &bound()).await.unwrap().refresh_token.unwrap();
    assert_eq!(again, one, "a thief lacks the key");
    let two = world.engine.refresh(&one, None, &bound()).await.unwrap().refresh_token.unwrap();
    assert_eq!(counter(&two), 2);
    // Without the key nothing moves and nothing ends, however old the token is.
    assert_eq!(kind(&refresh(&world, &zero).await), Some(ErrorKind::InvalidProof));
    let thief = caller().with_proof(Some(Holder::new().proof("x", world.now())));
    assert_eq!(kind(&world.engine.refresh(&two, None, &thief).await), Some(ErrorKind::InvalidGrant));
    let used = bound();
    assert!(world.engine.refresh(&two, None, &used).await.is_ok());
    assert_eq!(kind(&world.engine.refresh(&two, None, &used).await), Some(ErrorKind::InvalidProof));
    let late = world.engine.refresh(&zero, None, &bound()).await;
    assert_eq!(kind(&late), Some(ErrorKind::InvalidGrant), "two behind is two behind");
    assert_eq!(kind(&world.engine.refresh(&two, None, &bound()).await), Some(ErrorKind::InvalidGrant));
    // A chain without a key stays one; a proof beside it binds the access token alone.
    let open = world.tokens(&ann).await;
    let answer = world.engine.refresh(&open.refresh_token.unwrap(), None, &bound()).await.unwrap();
    assert!(answer.bound);
    let answer = world.engine.refresh(&answer.refresh_token.unwrap(), None, &caller()).await.unwrap();
    assert!(!answer.bound);
}

async fn dp_23_one_key_has_room_for_so_many_proofs_and_no_stranger_has_any(world: World) {
    let ann = world.user("ann").await;
    let token = world.tokens(&ann).await.refresh_token.unwrap();
    let (holder, other) = (Holder::new(), Holder::new());
    let with = |holder: &Holder, id: &str| caller().with_proof(Some(holder.proof(id, world.now())));
    // What is shown with a refresh token that is none takes no room.
    for id in 0..10 {
        let refused = world.engine.refresh("ref_x", None, &with(&holder, &id.to_string())).await;
        assert_eq!(kind(&refused), Some(ErrorKind::InvalidGrant));
    }
    let successor = world.engine.refresh(&token, None, &with(&holder, "first")).await.unwrap();
    let successor = successor.refresh_token.unwrap();
    let mut last = Ok(());
    for id in 0..10_000 {
        last = world.engine.refresh(&token, None, &with(&holder, &id.to_string())).await.map(drop);
    }
    let refused = last.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::TooManyAttempts);
    assert!(refused.retry_after().is_some_and(|wait| wait <= Duration::from_secs(180)));
    assert!(world.engine.refresh(&token, None, &with(&other, "x")).await.is_ok(), "another key has its own");
    world.clock.advance(Duration::from_secs(181));
    assert!(world.engine.refresh(&successor, None, &with(&holder, "later")).await.is_ok());
}

/// The store was set back behind the holder's back: it lost a commit.
async fn a_counter_that_was_never_issued_ends_the_session(world: World) {
    let (ann, answer, token) = first(&world).await;
    // Ten steps on a copy of the chain that the store then forgets.
    let row = world.store.session(answer.session_id.unwrap()).await.unwrap().unwrap().session;
    let mut ahead = token.clone();
    for _ in 0..2 {
        ahead = next(&world, &ahead).await;
        world.clock.advance(GRACE);
    }
    let lost = World::elsewhere_with(&world).await;
    let user = lost.user("ann").await;
    let condition =
        symbolon::store::Condition { user: user.id, generation: 1, credential: None, predecessor: None };
    crate::session::plant(&lost, condition, symbolon::store::SessionRow { user: user.id, ..row }).await;
    assert_eq!(kind(&refresh(&lost, &ahead).await), Some(ErrorKind::InvalidGrant));
    let rows = lost.audited("refresh_ahead").await;
    assert_eq!((rows.len(), rows[0].user, rows[0].session), (1, Some(user.id), answer.session_id));
    assert!(lost.live(user.id).await.is_empty());
    assert_eq!(world.live(ann.id).await.len(), 1);
}

async fn a_refreshed_token_says_what_the_session_has(world: World) {
    let world = world
        .restart_with(|settings| {
            settings.token.audiences = vec!["https://api.example".into()];
            settings.token.scopes = vec!["read".into(), "write".into()];
        })
        .await;
    let ann = world.user("ann").await;
    let wish = Wish { audience: vec!["https://api.example".into()], scope: Some("read write".into()) };
    let answer = world.tokens_with(&ann, wish).await;
    world.clock.advance(100 * SECOND);
    let token = answer.refresh_token.unwrap();
    let narrowed = world.engine.refresh(&token, Some("read"), &caller()).await.unwrap();
    let (old, new) = (payload(&answer.access_token), payload(&narrowed.access_token));
    for claim in ["iss", "sub", "aud", "client_id", "sid", "gen", "amr", "auth_time"] {
        assert_eq!(old[claim], new[claim], "{claim}");
    }
    assert_ne!(old["jti"], new["jti"]);
    assert_eq!(new["scope"], "read");
    assert_eq!(narrowed.scope.as_deref(), Some("read"));
    assert_eq!(new["iat"].as_i64(), Some(world.now().as_secs()));
    let whole = refresh(&world, &token).await.unwrap();
    assert_eq!(
        payload(&whole.access_token)["scope"],
        "read write",
        "narrowing is of one answer, not of the chain"
    );
    assert_eq!(whole.refresh_token, narrowed.refresh_token);
}

async fn a_refresh_after_a_role_change_carries_the_new_profile(world: World) {
    let world =
        world.restart_with(|settings| settings.token.claims = vec![("plan".into(), "plan".into())]).await;
    let profile = |plan: &str| serde_json::json!({ "plan": plan }).as_object().unwrap().clone();
    let ann = world.user_with("ann", profile("free")).await;
    let answer = world.tokens(&ann).await;
    assert_eq!(payload(&answer.access_token)["plan"], "free");
    world.engine.set_profile(ann.id, profile("paid")).await.unwrap();
    let refreshed = refresh(&world, &answer.refresh_token.unwrap()).await.unwrap();
    assert_eq!(payload(&refreshed.access_token)["plan"], "paid");
}

/// The session ends between the engine's read and the store's move, and between the move and the answer.
async fn a_refresh_is_not_held_against_an_ending(world: World) {
    for after in [false, true] {
        let ann = world.user(&format!("ann.{after}")).await;
        let answer = world.tokens(&ann).await;
        let (session, token) = (answer.session_id.unwrap(), answer.refresh_token.unwrap());
        let mut hold = if after {
            world.store.hold_after(Call::Refresh)
        } else {
            world.store.hold_before(Call::Refresh)
        };
        let engine = world.engine.clone();
        let refreshing = tokio::spawn(async move { engine.refresh(&token, None, &caller()).await });
        hold.reached().await;
        world.engine.logout(session, ann.id, &caller()).await.unwrap();
        hold.release();
        match refreshing.await.unwrap() {
            Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidGrant),
            Ok(answer) => {
                assert!(after);
                assert!(world.engine.check_token(&answer.access_token).is_err());
                let again = refresh(&world, &answer.refresh_token.unwrap()).await;
                assert_eq!(kind(&again), Some(ErrorKind::InvalidGrant));
            }
        }
        assert!(world.live(ann.id).await.is_empty());
    }
}
