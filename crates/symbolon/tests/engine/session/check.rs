//! The check of a cookie: view, cache, comparison, times, in this order, and no store in the steady state (invariant 3).

use std::time::Duration;

use symbolon::{ErrorKind, audit::Actor, session::Via};
use symbolon_token::{MacKey, SessionCookie};

use crate::common::{Call, World, caller, kind, over_every_store};

over_every_store! {
    invariant_3_a_check_in_the_steady_state_reads_no_store,
    the_view_comes_before_the_cache_and_the_cache_before_the_store,
    ck_13_a_cookie_of_the_right_session_with_a_wrong_secret_is_refused_from_memory,
    ck_02_a_made_up_cookie_costs_no_store_read,
    ck_07_a_session_ends_at_its_absolute_end_however_active,
    ck_07_an_idle_session_ends_and_an_active_one_does_not,
    ck_06_a_logout_is_at_once_and_stays_after_a_kill,
    ck_17_every_ending_of_a_user_reaches_a_warm_cache,
    invariant_4_a_store_out_of_reach_refuses_nobody_and_lets_nobody_in,
    a_token_session_cannot_be_shown_as_a_cookie,
    sessions_beyond_the_cache_are_read_again_and_the_dead_stay_dead,
    em_06_a_cookie_of_another_installation_is_nobodys,
    st_17_a_clock_that_goes_back_brings_back_nothing_that_was_ended,
    ck_14_dead_cookies_take_no_room_in_memory,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

async fn invariant_3_a_check_in_the_steady_state_reads_no_store(world: World) {
    let ann = world.user("ann").await;
    let browser = world.browser(&ann).await;
    let token = world.tokens(&ann).await.access_token;
    assert!(world.accepts(&browser.cookie).await);
    let before = world.store.all_calls();
    for _ in 0..50 {
        assert_eq!(world.recalls(&browser.cookie), Some(true));
        assert!(world.engine.check_token(&token).is_ok());
    }
    assert_eq!(world.store.all_calls(), before);
}

async fn the_view_comes_before_the_cache_and_the_cache_before_the_store(world: World) {
    let ann = world.user("ann").await;
    let (ended, other) = (world.browser(&ann).await, world.browser(&ann).await);
    assert!(world.accepts(&ended.cookie).await && world.accepts(&other.cookie).await);
    world.engine.logout(ended.session.id, ann.id, &caller()).await.unwrap();
    let before = world.store.all_calls();
    assert_eq!(world.recalls(&ended.cookie), Some(false), "the view says so");
    assert_eq!(world.recalls(&other.cookie), Some(true), "the cache says so");
    assert_eq!(world.store.all_calls(), before);
}

async fn ck_13_a_cookie_of_the_right_session_with_a_wrong_secret_is_refused_from_memory(world: World) {
    let ann = world.user("ann").await;
    let browser = world.browser(&ann).await;
    assert!(world.accepts(&browser.cookie).await);
    let forged = SessionCookie::mint(browser.session.id, [3; 24], &MacKey::new([3; 32]));
    let before = world.store.all_calls();
    assert_eq!(world.recalls(&forged), Some(false));
    assert_eq!(kind(&world.check(&forged).await), Some(ErrorKind::NoSession));
    assert_eq!(world.store.all_calls(), before);
    assert!(world.accepts(&browser.cookie).await, "and nothing happens to the real one");
    // Any bit flipped, with a cold cache: the MAC does not fit.
    let world = world.restart().await;
    let reads = world.store.calls(Call::Session);
    let text = browser.cookie.reveal();
    for at in 4..text.len() {
        let other = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
        let flipped = format!("{}{other}{}", &text[..at], &text[at + 1..]);
        assert!(!world.accepts(&SessionCookie::parse(&flipped).unwrap()).await, "{at}");
    }
    assert_eq!(world.store.calls(Call::Session), reads);
    assert!(world.accepts(&browser.cookie).await);
}

async fn ck_02_a_made_up_cookie_costs_no_store_read(world: World) {
    let before = world.store.all_calls();
    for number in 0..50_u8 {
        let id = world.engine.new_id();
        let made_up = SessionCookie::mint(id, [number; 24], &MacKey::new([number; 32]));
        assert_eq!(world.recalls(&made_up), None, "memory knows nothing of it");
        assert_eq!(kind(&world.check(&made_up).await), Some(ErrorKind::NoSession));
    }
    assert_eq!(world.store.all_calls(), before);
}

async fn ck_07_a_session_ends_at_its_absolute_end_however_active(world: World) {
    let ann = world.user("ann").await;
    let browser = world.browser(&ann).await;
    for day in 0..30 {
        assert!(world.accepts(&browser.cookie).await, "day {day}");
        assert!(world.check(&browser.cookie).await.unwrap().expires_at() == browser.session.expires_at);
        world.engine.sessions_written().await.unwrap();
        world.clock.advance(DAY);
        world.engine.tend().await.unwrap();
    }
    let reads = world.store.calls(Call::Session);
    assert_eq!(world.recalls(&browser.cookie), Some(false), "at the very moment, from memory");
    assert_eq!(world.store.calls(Call::Session), reads);
    let world = world.restart().await;
    assert!(!world.accepts(&browser.cookie).await);
}

async fn ck_07_an_idle_session_ends_and_an_active_one_does_not(world: World) {
    let ann = world.user("ann").await;
    let (idle, active) = (world.browser(&ann).await, world.browser(&ann).await);
    assert!(world.accepts(&idle.cookie).await && world.accepts(&active.cookie).await);
    world.clock.advance(6 * DAY);
    assert!(world.accepts(&active.cookie).await);
    world.clock.advance(DAY - Duration::from_millis(1));
    assert_eq!(world.check(&idle.cookie).await.unwrap().idle_expires_at(), world.now().plus(7 * DAY));
    world.clock.advance(7 * DAY);
    assert!(!world.accepts(&idle.cookie).await);
    assert!(!world.accepts(&active.cookie).await, "its last activity was eight days ago");
    // What is idle in memory is read again before it is believed; what is idle in the store is not revived.
    world.engine.sessions_written().await.unwrap();
    assert!(!world.accepts(&idle.cookie).await);
    let world = world.restart().await;
    assert!(!world.accepts(&idle.cookie).await && !world.accepts(&active.cookie).await);
}

async fn ck_06_a_logout_is_at_once_and_stays_after_a_kill(world: World) {
    let ann = world.user("ann").await;
    let (here, there) = (world.browser(&ann).await, world.browser(&ann).await);
    assert!(world.accepts(&here.cookie).await);
    world.engine.logout(here.session.id, ann.id, &caller()).await.unwrap();
    assert!(!world.accepts(&here.cookie).await && world.accepts(&there.cookie).await);
    let again = world.engine.logout(here.session.id, ann.id, &caller()).await;
    assert_eq!(kind(&again), Some(ErrorKind::NoSession));
    let world = world.kill().await;
    assert!(!world.accepts(&here.cookie).await && world.accepts(&there.cookie).await);
    // Long after the log has forgotten it, too.
    world.clock.advance(6 * DAY);
    world.engine.tend().await.unwrap();
    let world = world.kill().await;
    assert!(!world.accepts(&here.cookie).await && world.accepts(&there.cookie).await);
}

async fn ck_17_every_ending_of_a_user_reaches_a_warm_cache(world: World) {
    for number in 0..5 {
        let (ann, bob) =
            (world.user(&format!("ann.{number}")).await, world.user(&format!("bob.{number}")).await);
        let sessions = [world.browser(&ann).await, world.browser(&ann).await];
        let bystander = world.browser(&bob).await;
        for browser in sessions.iter().chain([&bystander]) {
            assert!(world.accepts(&browser.cookie).await);
        }
        let (engine, by) = (&world.engine, Actor::Cli);
        match number {
            0 => engine.end_all(ann.id, by, None).await.unwrap(),
            1 => drop(engine.set_disabled(ann.id, true, by).await.unwrap()),
            2 => engine.delete_user(ann.id, by).await.unwrap(),
            3 => engine.reset_password(ann.id, "walnut ferry beneath orange", by).await.unwrap(),
            _ => {
                let caller = caller();
                let holder = world.holder(sessions[0].session.id, Via::Cookie, &caller);
                engine.end_others(&holder).await.map(drop).unwrap();
            }
        }
        let reads = world.store.calls(Call::Session);
        for browser in &sessions {
            assert_eq!(world.recalls(&browser.cookie), Some(false), "{number}");
        }
        assert_eq!(world.recalls(&bystander.cookie), Some(true), "{number}");
        assert_eq!(world.store.calls(Call::Session), reads, "{number}");
    }
}

async fn invariant_4_a_store_out_of_reach_refuses_nobody_and_lets_nobody_in(world: World) {
    let ann = world.user("ann").await;
    let browser = world.browser(&ann).await;
    world.store.fail_before(Call::Session);
    assert_eq!(kind(&world.check(&browser.cookie).await), Some(ErrorKind::Unavailable));
    world.store.fail_after(Call::Session);
    assert_eq!(kind(&world.check(&browser.cookie).await), Some(ErrorKind::Unavailable));
    assert_eq!(world.recalls(&browser.cookie), None, "a failed read leaves nothing behind");
    assert!(world.accepts(&browser.cookie).await);
}

async fn a_token_session_cannot_be_shown_as_a_cookie(world: World) {
    let ann = world.user("ann").await;
    let session = world.tokens(&ann).await.session_id.unwrap();
    let cookie = SessionCookie::mint(session, [0; 24], &MacKey::new([0; 32]));
    assert!(!world.accepts(&cookie).await);
}

async fn sessions_beyond_the_cache_are_read_again_and_the_dead_stay_dead(world: World) {
    let world = world.restart_with(|settings| settings.session_cache = 8).await;
    let ann = world.user("ann").await;
    let mut browsers = Vec::new();
    for _ in 0..40 {
        browsers.push(world.browser(&ann).await);
    }
    for browser in &browsers {
        assert!(world.accepts(&browser.cookie).await);
    }
    let cached = browsers.iter().filter(|browser| world.recalls(&browser.cookie).is_some()).count();
    assert!(cached <= 8, "{cached}");
    for browser in browsers.iter().step_by(2) {
        world.engine.logout(browser.session.id, ann.id, &caller()).await.unwrap();
    }
    world.clock.advance(Duration::from_secs(600));
    world.engine.tend().await.unwrap();
    for (number, browser) in browsers.iter().enumerate() {
        assert_eq!(world.accepts(&browser.cookie).await, number % 2 == 1, "{number}");
    }
}

async fn em_06_a_cookie_of_another_installation_is_nobodys(world: World) {
    let ann = world.user("ann").await;
    let browser = world.browser(&ann).await;
    let token = world.tokens(&ann).await;
    let other = World::elsewhere().await;
    assert!(!other.accepts(&browser.cookie).await);
    assert!(other.engine.check_token(&token.access_token).is_err());
    let refresh = token.refresh_token.unwrap();
    assert_eq!(kind(&other.engine.refresh(&refresh, None, &caller()).await), Some(ErrorKind::InvalidGrant));
    assert_eq!(other.store.calls(Call::Session), 0);
    assert!(world.accepts(&browser.cookie).await);
}

/// What ran out by the clock alone lives again by the clock, until its row is purged; what was ended does not, however early it becomes.
async fn st_17_a_clock_that_goes_back_brings_back_nothing_that_was_ended(world: World) {
    let ann = world.user("ann").await;
    let (ended, left) = (world.browser(&ann).await, world.browser(&ann).await);
    assert!(world.accepts(&ended.cookie).await && world.accepts(&left.cookie).await);
    world.engine.logout(ended.session.id, ann.id, &caller()).await.unwrap();
    world.clock.advance(31 * DAY);
    assert!(!world.accepts(&left.cookie).await, "it has run out");
    world.engine.tend().await.unwrap();
    world.clock.set_back(31 * DAY + Duration::from_secs(60 * 60));
    for _ in 0..2 {
        assert!(!world.accepts(&ended.cookie).await);
        world.engine.tend().await.unwrap();
    }
    assert!(!world.accepts(&left.cookie).await, "its row has gone with the sweep");
    let world = world.kill().await;
    assert!(!world.accepts(&ended.cookie).await && !world.accepts(&left.cookie).await);
}

/// Once real, now dead: each is looked up and none is kept, so that no number of them pushes a living one out.
async fn ck_14_dead_cookies_take_no_room_in_memory(world: World) {
    let world = world.restart_with(|settings| settings.session_cache = 20).await;
    let (ann, bob) = (world.user("ann").await, world.user("bob").await);
    let mut dead = Vec::new();
    for _ in 0..60 {
        dead.push(world.browser(&ann).await);
    }
    world.engine.end_all(ann.id, Actor::Cli, None).await.unwrap();
    let alive = world.browser(&bob).await;
    assert!(world.accepts(&alive.cookie).await);
    let kept = world.engine.cached().sessions;
    for browser in &dead {
        assert!(!world.accepts(&browser.cookie).await);
    }
    assert_eq!(world.engine.cached().sessions, kept);
    assert_eq!(world.recalls(&alive.cookie), Some(true));
}
