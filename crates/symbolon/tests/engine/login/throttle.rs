//! Throttling as DESIGN has it: which counters there are, what charges them, what gives back, and how long they block.

use std::time::Duration;

use symbolon::{
    ErrorKind,
    login::{Attempt, Caller, Carrier, LoggedIn},
    session::Via,
    user::NewAccount,
};

use crate::common::{Browser, Call, Someone, World, caller, caller_at, kind, over_every_store, verdict};

over_every_store! {
    five_tries_of_an_account_are_free_and_then_blocks_double_up_to_an_hour,
    a_success_clears_the_account_and_gives_the_address_its_charge_back,
    counters_are_forgotten_in_time_and_never_during_a_block,
    counters_survive_a_restart_and_a_kill,
    a_shared_peer_has_a_hundred_times_the_tries_of_an_address,
    registrations_have_a_limit_of_their_own,
    the_throttle_is_asked_before_anything_is_hashed_and_writes_nothing_when_it_blocks,
    jd_13_counters_are_bounded_least_recent_out,
}

const WRONG: &str = "not the password of anybody";
const MINUTE: Duration = Duration::from_secs(60);

/// The wait that a try is told, or `None` when it was let through and was wrong.
async fn wait(world: &World, name: &str, address: &str) -> Option<u64> {
    let (kind, _, _, wait) = verdict(world.try_from(name, WRONG, address).await);
    match kind {
        ErrorKind::InvalidCredentials => None,
        ErrorKind::TooManyAttempts => Some(wait.unwrap().as_secs()),
        other => panic!("{other:?}"),
    }
}

async fn five_tries_of_an_account_are_free_and_then_blocks_double_up_to_an_hour(world: World) {
    let ann = world.user("ann").await;
    let mut blocks = Vec::new();
    for number in 0..13 {
        let address = format!("192.0.2.{number}");
        while let Some(seconds) = wait(&world, "ann", &address).await {
            if number > 4 {
                blocks.push(seconds);
            }
            // The right password does not open it either, nor does a moment less.
            assert_eq!(
                kind(&world.try_from("ann", &ann.password, &address).await),
                Some(ErrorKind::TooManyAttempts)
            );
            world.clock.advance(Duration::from_secs(seconds) - Duration::from_millis(1));
            assert_eq!(wait(&world, "ann", &address).await, Some(1), "rounded up to a second");
            world.clock.advance(Duration::from_millis(1));
        }
    }
    assert_eq!(blocks, [30, 60, 120, 240, 480, 960, 1_920, 3_600]);
}

async fn a_success_clears_the_account_and_gives_the_address_its_charge_back(world: World) {
    let ann = world.user("ann").await;
    for _ in 0..3 {
        for _ in 0..4 {
            assert_eq!(wait(&world, "ann", "192.0.2.1").await, None);
        }
        world.try_from("ann", &ann.password, "198.51.100.1").await.unwrap();
        world.clock.advance(11 * MINUTE);
    }
    // The address: nine wrong ones, any number of right ones, and one more wrong one is the tenth.
    for number in 0..9 {
        assert_eq!(wait(&world, &format!("nobody.{number}"), "203.0.113.9").await, None);
        world.try_from("ann", &ann.password, "203.0.113.9").await.unwrap();
    }
    assert_eq!(wait(&world, "nobody.9", "203.0.113.9").await, None);
    assert_eq!(wait(&world, "nobody.10", "203.0.113.9").await, Some(600));
}

async fn counters_are_forgotten_in_time_and_never_during_a_block(world: World) {
    world.user("ann").await;
    for number in 0..4 {
        assert_eq!(wait(&world, "ann", &format!("192.0.2.{number}")).await, None);
    }
    world.clock.advance(24 * 60 * MINUTE - Duration::from_secs(1));
    assert_eq!(wait(&world, "ann", "192.0.2.9").await, None, "the fifth, a day later less a second");
    assert_eq!(wait(&world, "ann", "192.0.2.9").await, Some(30));
    world.engine.tend().await.unwrap();
    assert_eq!(wait(&world, "ann", "192.0.2.9").await, Some(30), "a purge forgets no block");
    world.clock.advance(24 * 60 * MINUTE);
    world.engine.tend().await.unwrap();
    for number in 0..5 {
        assert_eq!(wait(&world, "ann", &format!("192.0.2.{number}")).await, None, "a day later all is new");
    }
    assert_eq!(wait(&world, "ann", "192.0.2.9").await, Some(30));
    // The address is forgotten ten minutes after its last failure.
    for number in 0..9 {
        assert_eq!(wait(&world, &format!("nobody.{number}"), "203.0.113.9").await, None);
    }
    world.clock.advance(10 * MINUTE);
    for number in 0..10 {
        assert_eq!(wait(&world, &format!("someone.{number}"), "203.0.113.9").await, None);
    }
    assert_eq!(wait(&world, "else", "203.0.113.9").await, Some(600));
}

async fn counters_survive_a_restart_and_a_kill(world: World) {
    world.user("ann").await;
    for number in 0..3 {
        assert_eq!(wait(&world, "ann", &format!("192.0.2.{number}")).await, None);
    }
    let world = world.restart().await;
    assert_eq!(wait(&world, "ann", "192.0.2.4").await, None);
    let world = world.kill().await;
    assert_eq!(wait(&world, "ann", "192.0.2.5").await, None);
    let world = world.kill().await;
    assert_eq!(wait(&world, "ann", "192.0.2.6").await, Some(30));
}

/// As one address, or a proxy that nobody told us of would lock everybody out at ten typos.
async fn a_shared_peer_has_a_hundred_times_the_tries_of_an_address(world: World) {
    assert_eq!(world.engine.settings().throttle.shared_factor, 100);
    let world = world.restart_with(|settings| settings.throttle.address.free = 2).await;
    let carrier = Carrier::Cookie { remember: true };
    let shared = Caller::new("127.0.0.1".parse().unwrap(), true, None);
    for number in 0..200 {
        let answer = world.attempt(&format!("nobody.{number}"), WRONG, carrier.clone(), &shared).await;
        assert_eq!(kind(&answer), Some(ErrorKind::InvalidCredentials), "{number}");
    }
    let answer = world.attempt("nobody", WRONG, carrier.clone(), &shared).await;
    assert_eq!(kind(&answer), Some(ErrorKind::TooManyAttempts));
    for number in 0..2 {
        assert_eq!(wait(&world, &format!("else.{number}"), "192.0.2.1").await, None);
    }
    assert_eq!(wait(&world, "else.2", "192.0.2.1").await, Some(600), "an address of its own has its own");
}

async fn registrations_have_a_limit_of_their_own(world: World) {
    let account = |name: String| NewAccount {
        identifier: name,
        password: "plum trolley under gravel".into(),
        profile: symbolon::store::Object::new(),
        roles: vec!["admin".into()],
    };
    let here = caller_at("2001:db8::1");
    for number in 0..10 {
        let user = world.engine.register(account(format!("new.{number}")), &here).await.unwrap();
        assert!(user.roles.is_empty(), "a stranger gets no role");
    }
    let again = world.engine.register(account("new.10".into()), &caller_at("2001:db8::2")).await;
    assert_eq!((kind(&again), verdict(again).3), (Some(ErrorKind::TooManyAttempts), Some(60 * MINUTE)));
    world.engine.register(account("new.10".into()), &caller_at("2001:db8:0:1::1")).await.unwrap();
    world.clock.advance(60 * MINUTE);
    world.engine.register(account("new.11".into()), &here).await.unwrap();
    // A failed login does not count against registering, nor the other way round.
    assert_eq!(wait(&world, "new.0", "2001:db8::1").await, None);
}

async fn the_throttle_is_asked_before_anything_is_hashed_and_writes_nothing_when_it_blocks(world: World) {
    world.user("ann").await;
    for number in 0..5 {
        assert_eq!(wait(&world, "ann", &format!("192.0.2.{number}")).await, None);
    }
    let rows = world.audited("login_failed").await.len();
    let before = world.store.all_calls();
    assert!(wait(&world, "ann", "192.0.2.9").await.is_some());
    let calls = world.store.all_calls();
    for call in [Call::Record, Call::Transact, Call::Refund, Call::Rehash] {
        assert_eq!(calls.get(&call), before.get(&call), "{call:?}");
    }
    assert_eq!(world.audited("login_failed").await.len(), rows);
}

async fn jd_13_counters_are_bounded_least_recent_out(world: World) {
    let world = world.restart_with(|settings| settings.throttle.most = 20).await;
    for number in 0..5 {
        assert_eq!(wait(&world, "first", &format!("192.0.2.{number}")).await, None);
    }
    assert_eq!(wait(&world, "first", "192.0.2.9").await, Some(30));
    world.clock.advance(Duration::from_secs(1));
    for number in 0..20 {
        assert_eq!(wait(&world, &format!("later.{number}"), &format!("198.51.100.{number}")).await, None);
    }
    world.engine.tend().await.unwrap();
    assert_eq!(wait(&world, "first", "192.0.2.9").await, None, "40 counters later");
}

/// Five wrong tries at `name` from as many addresses.
pub(super) async fn exhaust(world: &World, name: &str) {
    for number in 0..5 {
        assert_eq!(wait(world, name, &format!("192.0.2.{number}")).await, None);
    }
    assert_eq!(wait(world, name, "192.0.2.250").await, Some(30));
}

/// A try from a browser that logged in before.
pub(super) async fn known(
    world: &World,
    someone: &Someone,
    password: &str,
    browser: &Browser,
) -> Result<LoggedIn, symbolon::Error> {
    let attempt = Attempt {
        identifier: &someone.name,
        password,
        carrier: Carrier::Cookie { remember: true },
        presented: None,
        known: Some(&browser.known),
        caller: &caller(),
    };
    world.engine.login(attempt).await
}

/// A wrong password at confirm, by cookie.
pub(super) async fn wrong_confirm(world: &World, browser: &Browser, address: &str) -> Option<ErrorKind> {
    let caller = caller_at(address);
    let holder = world.holder(browser.session.id, Via::Cookie, &caller);
    kind(&world.engine.confirm(&holder, WRONG, false).await)
}

/// A wrong current password at change, by cookie.
pub(super) async fn wrong_change(world: &World, browser: &Browser, address: &str) -> Option<ErrorKind> {
    let caller = caller_at(address);
    let holder = world.holder(browser.session.id, Via::Cookie, &caller);
    kind(&world.engine.change_password(&holder, WRONG, "walnut ferry beneath orange").await)
}
