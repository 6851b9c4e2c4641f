//! The rows of ATTACKS.md, group RT, as DESIGN decides them (grace and successor rule).

use std::{sync::Arc, time::Duration};

use symbolon::{ErrorKind, audit::Actor, session::Via, store::Store};
use symbolon_token::{MacKey, RefreshToken};
use tokio::{sync::Barrier, task::JoinSet};

use super::{
    counter,
    refresh::{first, next, refresh},
};
use crate::common::{Call, Someone, World, caller, kind, over_every_store};

over_every_store! {
    rt_01_a_used_token_after_the_grace_time_ends_its_session_and_no_other,
    rt_02_a_used_token_within_the_grace_time_gives_the_identical_successor,
    rt_03_fifty_parallel_calls_make_one_successor,
    rt_05_a_used_token_is_used_after_a_kill_too,
    rt_07_more_scope_is_refused_and_moves_nothing,
    rt_09_the_absolute_end_is_the_end,
    rt_09_an_idle_chain_ends,
    rt_10_every_ending_ends_the_chain,
    rt_13_a_client_that_goes_away_at_any_await_has_the_old_or_the_new,
    rt_14_a_store_error_leaves_the_old_token_valid,
    rt_17_what_is_stored_is_no_token,
    rt_18_a_token_three_steps_old_is_theft,
    rt_19_many_rotations_leave_one_row,
    rt_23_a_job_whose_user_was_disabled_refreshes_no_more,
    rt_25_tokens_of_two_chains_do_not_mix,
}

const GRACE: Duration = Duration::from_secs(30);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

async fn refused(world: &World, token: &str) {
    assert_eq!(kind(&refresh(world, token).await), Some(ErrorKind::InvalidGrant));
}

async fn rt_01_a_used_token_after_the_grace_time_ends_its_session_and_no_other(world: World) {
    let (ann, answer, used) = first(&world).await;
    let (other, browser) = (world.tokens(&ann).await, world.browser(&ann).await);
    let current = next(&world, &used).await;
    world.clock.advance(GRACE);
    let access = refresh(&world, &current).await.unwrap();
    refused(&world, &used).await;
    refused(&world, &current).await;
    refused(&world, &access.refresh_token.unwrap()).await;
    assert!(world.engine.check_token(&access.access_token).is_err(), "its access tokens are dead too");
    assert!(world.accepts(&browser.cookie).await);
    next(&world, &other.refresh_token.unwrap()).await;
    let rows = world.audited("refresh_reused").await;
    assert_eq!(rows.len(), 1, "one event");
    assert_eq!((rows[0].user, rows[0].session), (Some(ann.id), answer.session_id));
    let world = world.kill().await;
    refused(&world, &current).await;
}

async fn rt_02_a_used_token_within_the_grace_time_gives_the_identical_successor(world: World) {
    let (_, _, used) = first(&world).await;
    let current = next(&world, &used).await;
    world.clock.advance(GRACE - Duration::from_millis(1));
    assert_eq!(next(&world, &used).await, current);
    assert_eq!(next(&world, &current).await, current, "and it does not move twice in one grace time");
    world.clock.advance(Duration::from_millis(1));
    // From here on the successor moves, and the used one is theft.
    assert_eq!(counter(&next(&world, &current).await), 2);
    refused(&world, &used).await;
}

async fn rt_03_fifty_parallel_calls_make_one_successor(world: World) {
    let (_, answer, token) = first(&world).await;
    let barrier = Arc::new(Barrier::new(50));
    let mut calls = JoinSet::new();
    for _ in 0..50 {
        let (engine, barrier, token) = (world.engine.clone(), Arc::clone(&barrier), token.clone());
        calls.spawn(async move {
            barrier.wait().await;
            engine.refresh(&token, None, &caller()).await.unwrap().refresh_token.unwrap()
        });
    }
    let successors = calls.join_all().await;
    assert!(successors.iter().all(|token| *token == successors[0] && counter(token) == 1));
    let row = world.store.session(answer.session_id.unwrap()).await.unwrap().unwrap().session;
    assert_eq!(row.refresh_counter, 1);
}

async fn rt_05_a_used_token_is_used_after_a_kill_too(world: World) {
    let (_, _, used) = first(&world).await;
    let current = next(&world, &used).await;
    let world = world.kill().await;
    assert_eq!(next(&world, &used).await, current, "within the grace time");
    world.clock.advance(GRACE);
    refused(&world, &used).await;
    refused(&world, &current).await;
}

async fn rt_07_more_scope_is_refused_and_moves_nothing(world: World) {
    let world =
        world.restart_with(|settings| settings.token.scopes = vec!["read".into(), "write".into()]).await;
    let ann = world.user("ann").await;
    let wish = symbolon::token::issue::Wish { audience: Vec::new(), scope: Some("read".into()) };
    let token = world.tokens_with(&ann, wish).await.refresh_token.unwrap();
    for scope in ["read write", "write", "admin", "READ", "read,write"] {
        let before = world.store.calls(Call::Refresh);
        let answer = world.engine.refresh(&token, Some(scope), &caller()).await;
        assert_eq!(kind(&answer), Some(ErrorKind::InvalidScope), "{scope}");
        assert_eq!(world.store.calls(Call::Refresh), before);
    }
    let answer = world.engine.refresh(&token, Some("read"), &caller()).await.unwrap();
    assert_eq!(counter(&answer.refresh_token.unwrap()), 1);
}

async fn rt_09_the_absolute_end_is_the_end(world: World) {
    world.clock.advance(Duration::from_millis(300));
    let (ann, _, mut token) = first(&world).await;
    for _ in 0..29 {
        token = next(&world, &token).await;
        world.clock.advance(DAY);
    }
    token = next(&world, &token).await;
    // In the last second, when no whole one is left for a token, and then.
    world.clock.advance(DAY - Duration::from_millis(200));
    refused(&world, &token).await;
    assert_eq!(world.live(ann.id).await.len(), 1);
    world.clock.advance(Duration::from_millis(200));
    refused(&world, &token).await;
    assert!(world.audited("refresh_reused").await.is_empty(), "late is no theft");
}

async fn rt_09_an_idle_chain_ends(world: World) {
    let (_, _, token) = first(&world).await;
    world.clock.advance(14 * DAY - Duration::from_millis(1));
    let token = next(&world, &token).await;
    world.clock.advance(14 * DAY);
    refused(&world, &token).await;
}

async fn rt_10_every_ending_ends_the_chain(world: World) {
    for number in 0..8 {
        let ann = world.user(&format!("ann.{number}")).await;
        let tokens = world.tokens(&ann).await;
        let (session, token) = (tokens.session_id.unwrap(), tokens.refresh_token.unwrap());
        let (engine, by, caller) = (&world.engine, Actor::Cli, caller());
        match number {
            0 => engine.logout(session, ann.id, &caller).await.unwrap(),
            1 => engine.end_session(session, Some(ann.id), by, None).await.unwrap(),
            2 => engine.end_all(ann.id, by, None).await.unwrap(),
            3 => drop(engine.set_disabled(ann.id, true, by).await.unwrap()),
            4 => engine.delete_user(ann.id, by).await.unwrap(),
            5 => engine.reset_password(ann.id, "walnut ferry beneath orange", by).await.unwrap(),
            6 => engine.revoke(&token, None, &caller).await.unwrap(),
            _ => {
                let holder = world.holder(session, Via::Bearer, &caller);
                engine.confirm(&holder, &ann.password, false).await.map(drop).unwrap();
            }
        }
        refused(&world, &token).await;
    }
}

async fn rt_13_a_client_that_goes_away_at_any_await_has_the_old_or_the_new(world: World) {
    let (_, _, mut token) = first(&world).await;
    for (call, after) in
        [(Call::Session, false), (Call::Session, true), (Call::Refresh, false), (Call::Refresh, true)]
    {
        let mut hold = if after { world.store.hold_after(call) } else { world.store.hold_before(call) };
        let (engine, shown) = (world.engine.clone(), token.clone());
        let gone = tokio::spawn(async move { engine.refresh(&shown, None, &caller()).await });
        hold.reached().await;
        gone.abort();
        assert!(gone.await.err().unwrap().is_cancelled());
        hold.release();
        let successor = next(&world, &token).await;
        assert_eq!(counter(&successor), counter(&token) + 1, "{call:?} after={after}");
        token = successor;
        world.clock.advance(GRACE);
    }
}

async fn rt_14_a_store_error_leaves_the_old_token_valid(world: World) {
    let (_, _, token) = first(&world).await;
    for call in [Call::Session, Call::Refresh] {
        world.store.fail_before(call);
        assert_eq!(kind(&refresh(&world, &token).await), Some(ErrorKind::Unavailable));
    }
    assert_eq!(counter(&next(&world, &token).await), 1);
}

/// Counter and time are all there is; what else lies about in the row makes no token either.
async fn rt_17_what_is_stored_is_no_token(world: World) {
    let (_, answer, token) = first(&world).await;
    let session = answer.session_id.unwrap();
    for key in [[0; 32], [0xff; 32]] {
        for counter in [0, 1, 2] {
            let made_up = RefreshToken::mint(session, counter, &MacKey::new(key));
            let reads = world.store.calls(Call::Session);
            refused(&world, &made_up.reveal()).await;
            assert_eq!(world.store.calls(Call::Session), reads, "refused by arithmetic");
        }
    }
    let text = token.clone();
    for at in 4..text.len() {
        let other = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
        refused(&world, &format!("{}{other}{}", &text[..at], &text[at + 1..])).await;
    }
    for bad in ["", "ref_", &token[..67], &format!("{token}A"), &token.to_uppercase(), &token[4..]] {
        refused(&world, bad).await;
    }
    assert_eq!(counter(&next(&world, &token).await), 1, "nothing of it harmed the chain");
}

async fn rt_18_a_token_three_steps_old_is_theft(world: World) {
    let (ann, _, oldest) = first(&world).await;
    let mut token = oldest.clone();
    for _ in 0..3 {
        token = next(&world, &token).await;
        world.clock.advance(GRACE);
    }
    // Even while the last move is fresh.
    token = next(&world, &token).await;
    refused(&world, &oldest).await;
    refused(&world, &token).await;
    assert!(world.live(ann.id).await.is_empty());
}

async fn rt_19_many_rotations_leave_one_row(world: World) {
    let (ann, answer, oldest) = first(&world).await;
    let mut token = oldest.clone();
    let rows = world.engine.audit(None, None, usize::MAX).await.unwrap().len();
    for _ in 0..500 {
        token = next(&world, &token).await;
        world.clock.advance(GRACE);
    }
    assert_eq!(counter(&token), 500);
    assert_eq!(world.live(ann.id).await, [answer.session_id.unwrap()]);
    assert_eq!(world.engine.audit(None, None, usize::MAX).await.unwrap().len(), rows);
    assert!(world.store_log().await.is_empty());
    refused(&world, &oldest).await;
    refused(&world, &token).await;
}

/// For good: who is enabled again has to give the job a new grant.
async fn rt_23_a_job_whose_user_was_disabled_refreshes_no_more(world: World) {
    let ann = world.user("ann").await;
    let given = world.give(world.browser(&ann).await.session.id, "nightly").await.unwrap();
    let used = given.answer.refresh_token.unwrap();
    let job = refresh(&world, &used).await.unwrap();
    let (token, access) = (job.refresh_token.unwrap(), job.access_token);
    assert!(world.engine.check_token(&access).is_ok());
    world.engine.set_disabled(ann.id, true, Actor::Cli).await.unwrap();
    for enabled in [false, true] {
        if enabled {
            world.engine.set_disabled(ann.id, false, Actor::Cli).await.unwrap();
        }
        for token in [&used, &token] {
            refused(&world, token).await;
        }
        assert!(world.engine.check_token(&access).is_err(), "enabled={enabled}");
    }
    assert!(world.audited("refresh_reused").await.is_empty(), "late is no theft");
}

async fn rt_25_tokens_of_two_chains_do_not_mix(world: World) {
    let ann = world.user("ann").await;
    let bob: Someone = world.user("bob").await;
    let (hers, his) = (world.tokens(&ann).await, world.tokens(&bob).await);
    let (mut one, mut two) = (hers.refresh_token.unwrap(), his.refresh_token.unwrap());
    // Her id with the rest of his.
    let mixed = format!("{}{}", &one[..25], &two[25..]);
    refused(&world, &mixed).await;
    for _ in 0..3 {
        (one, two) = (next(&world, &one).await, next(&world, &two).await);
        world.clock.advance(GRACE);
    }
    assert_eq!((counter(&one), counter(&two)), (3, 3));
}
