//! The rows of ATTACKS.md, group CR, about guessing.

use std::time::Duration;

use symbolon::{
    ErrorKind::{InvalidCredentials, TooManyAttempts},
    login::{Attempt, Carrier},
    session::Via,
};
use tokio::{sync::Barrier, task::JoinSet};

use super::throttle::{exhaust, known, wrong_change, wrong_confirm};
use crate::common::{World, caller_at, kind, over_every_store, verdict};

over_every_store! {
    cr_06_an_address_has_ten_failures,
    cr_07_an_account_is_guarded_against_a_thousand_addresses,
    cr_09_a_stranger_cannot_lock_out_a_browser_that_is_known,
    cr_10_of_a_hundred_parallel_guesses_five_reach_the_hash,
    cr_11_all_spellings_of_a_name_are_one_account,
    cr_13_one_bucket_for_a_64,
    cr_14_the_other_doors_charge_the_same_counters,
    cr_15_a_success_of_the_attackers_own_resets_nothing_of_the_victims,
    cr_17_a_clock_that_jumps_opens_nothing_early_and_locks_nobody_out_for_good,
    cr_34_a_wrong_current_password_is_charged,
    st_33_no_sign_in_a_name_makes_it_share_anothers_counter,
}

const WRONG: &str = "not the password of anybody";

async fn cr_06_an_address_has_ten_failures(world: World) {
    let ann = world.user("ann").await;
    for number in 0..10 {
        let answer = world.try_from(&format!("stuffed.{number}"), WRONG, "203.0.113.9").await;
        assert_eq!(kind(&answer), Some(InvalidCredentials));
    }
    for number in 10..20 {
        let answer = world.try_from(&format!("stuffed.{number}"), WRONG, "203.0.113.9").await;
        assert_eq!(verdict(answer), {
            let (kind, detail, reasons, _) =
                verdict(world.try_from("ann", &ann.password, "203.0.113.9").await);
            assert_eq!(kind, TooManyAttempts, "the right pair does not stand out");
            (kind, detail, reasons, Some(Duration::from_secs(600)))
        });
    }
    world.try_from("ann", &ann.password, "203.0.113.10").await.unwrap();
    world.clock.advance(Duration::from_secs(600));
    world.try_from("ann", &ann.password, "203.0.113.9").await.unwrap();
}

async fn st_33_no_sign_in_a_name_makes_it_share_anothers_counter(world: World) {
    let ann = world.user("ann").await;
    let names =
        ["account:ann", "ann:ann", "*", "a*", "ann\r\nDEL ann", "account\0ann", "ann\0ann", "ann/../ann"];
    for (number, name) in names.into_iter().enumerate() {
        for guess in 0..5 {
            let answer = world.try_from(name, WRONG, &format!("10.1.{number}.{guess}")).await;
            assert_eq!(kind(&answer), Some(InvalidCredentials), "{name:?}: the counter is not its own");
        }
        let answer = world.try_from(name, WRONG, &format!("10.1.{number}.9")).await;
        assert_eq!(kind(&answer), Some(TooManyAttempts), "{name:?}");
    }
    world.try_from("ann", &ann.password, "10.2.0.1").await.unwrap();
}

async fn cr_07_an_account_is_guarded_against_a_thousand_addresses(world: World) {
    world.user("ann").await;
    let mut through = 0;
    for number in 0..300_u32 {
        let address = format!("10.0.{}.{}", number / 256, number % 256);
        let answer = world.try_from("ann", WRONG, &address).await;
        through += usize::from(kind(&answer) == Some(InvalidCredentials));
        world.clock.advance(Duration::from_secs(1));
    }
    // Five, and one each after 30, 60 and 120 seconds.
    assert_eq!(through, 8);
}

async fn cr_09_a_stranger_cannot_lock_out_a_browser_that_is_known(world: World) {
    let (ann, bob) = (world.user("ann").await, world.user("bob").await);
    let browser = world.browser(&ann).await;
    exhaust(&world, "ann").await;
    // Her own address is blocked as well.
    for number in 0..10 {
        let _ = world.try_from(&format!("nobody.{number}"), WRONG, "192.0.2.1").await;
    }
    assert_eq!(kind(&world.try_from("ann", &ann.password, "192.0.2.1").await), Some(TooManyAttempts));
    known(&world, &ann, &ann.password, &browser).await.unwrap();
    // It is hers: it opens no other account, and has a limit of its own.
    assert_eq!(kind(&known(&world, &bob, &bob.password, &browser).await), Some(TooManyAttempts));
    for _ in 0..5 {
        assert_eq!(kind(&known(&world, &ann, WRONG, &browser).await), Some(InvalidCredentials));
    }
    assert_eq!(kind(&known(&world, &ann, &ann.password, &browser).await), Some(TooManyAttempts));
    world.clock.advance(Duration::from_secs(30));
    known(&world, &ann, &ann.password, &browser).await.unwrap();
    // And grants nothing: a made-up one is not even looked at.
    let mut forged = browser.clone();
    forged.known = symbolon_token::KnownBrowser::mint(bob.id, [1; 8], &symbolon_token::MacKey::new([1; 32]));
    assert_eq!(kind(&known(&world, &bob, &bob.password, &forged).await), Some(TooManyAttempts));
}

async fn cr_10_of_a_hundred_parallel_guesses_five_reach_the_hash(world: World) {
    let ann = world.user("ann").await;
    let start = std::sync::Arc::new(Barrier::new(100));
    let mut guesses = JoinSet::new();
    for number in 0..100 {
        let (engine, start) = (world.engine.clone(), std::sync::Arc::clone(&start));
        guesses.spawn(async move {
            let caller = caller_at(&format!("192.0.2.{number}"));
            start.wait().await;
            let carrier = Carrier::Cookie { remember: true };
            let (presented, known) = (None, None);
            let attempt =
                Attempt { identifier: "ann", password: WRONG, carrier, presented, known, caller: &caller };
            kind(&engine.login(attempt).await).unwrap()
        });
    }
    let answers = guesses.join_all().await;
    assert_eq!(answers.iter().filter(|kind| **kind == InvalidCredentials).count(), 5);
    assert_eq!(answers.iter().filter(|kind| **kind == TooManyAttempts).count(), 95);
    assert_eq!(world.audited("login_failed").await.len(), 5, "only these were hashed");
    assert_eq!(kind(&world.try_from("ann", &ann.password, "198.51.100.1").await), Some(TooManyAttempts));
}

async fn cr_11_all_spellings_of_a_name_are_one_account(world: World) {
    let ann = world.user("ann.\u{e9}").await;
    let zoe = world.user("zoe@b\u{fc}cher.example").await;
    let spellings = ["ann.\u{e9}", "ANN.\u{c9}", "ann.e\u{301}", "Ann.\u{e9}", "\u{ff41}nn.\u{e9}"];
    for (number, name) in spellings.into_iter().enumerate() {
        let answer = world.try_from(name, WRONG, &format!("192.0.2.{number}")).await;
        assert_eq!(kind(&answer), Some(InvalidCredentials), "{name}");
    }
    assert_eq!(
        kind(&world.try_from("ANN.e\u{301}", &ann.password, "192.0.2.9").await),
        Some(TooManyAttempts)
    );
    let spellings = [
        "zoe@b\u{fc}cher.example",
        "ZOE@xn--bcher-kva.example",
        "Zoe@B\u{dc}CHER.example",
        "zoe@bu\u{308}cher.EXAMPLE",
        "zoe@XN--BCHER-KVA.example",
    ];
    for (number, name) in spellings.into_iter().enumerate() {
        let answer = world.try_from(name, WRONG, &format!("198.51.100.{number}")).await;
        assert_eq!(kind(&answer), Some(InvalidCredentials), "{name}");
    }
    assert_eq!(kind(&world.try_from(&zoe.name, &zoe.password, "198.51.100.9").await), Some(TooManyAttempts));
}

async fn cr_13_one_bucket_for_a_64(world: World) {
    let addresses = [
        "2001:db8:1:2::1",
        "2001:DB8:1:2:ffff:ffff:ffff:ffff",
        "2001:db8:1:2:0:0:0:2",
        "2001:db8:1:2::192.0.2.1",
        "2001:0db8:0001:0002::3",
    ];
    for (number, address) in addresses.iter().cycle().take(10).enumerate() {
        let answer = world.try_from(&format!("nobody.{number}"), WRONG, address).await;
        assert_eq!(kind(&answer), Some(InvalidCredentials), "{address}");
    }
    assert_eq!(kind(&world.try_from("else", WRONG, "2001:db8:1:2:abcd::").await), Some(TooManyAttempts));
    assert_eq!(kind(&world.try_from("else", WRONG, "2001:db8:1:3::1").await), Some(InvalidCredentials));
    for number in 0..10 {
        let address = if number % 2 == 0 { "::ffff:192.0.2.9" } else { "192.0.2.9" };
        let answer = world.try_from(&format!("mapped.{number}"), WRONG, address).await;
        assert_eq!(kind(&answer), Some(InvalidCredentials), "{address}");
    }
    assert_eq!(kind(&world.try_from("else.2", WRONG, "::ffff:c000:209").await), Some(TooManyAttempts));
}

async fn cr_14_the_other_doors_charge_the_same_counters(world: World) {
    let ann = world.user("Ann").await;
    let browser = world.browser(&ann).await;
    for number in 0..2 {
        assert_eq!(
            wrong_confirm(&world, &browser, &format!("192.0.2.{number}")).await,
            Some(InvalidCredentials)
        );
        assert_eq!(
            wrong_change(&world, &browser, &format!("192.0.2.{number}")).await,
            Some(InvalidCredentials)
        );
    }
    assert_eq!(kind(&world.try_from("ann", WRONG, "192.0.2.3").await), Some(InvalidCredentials));
    // Five in all: every door is closed, the one for tokens too.
    assert_eq!(wrong_confirm(&world, &browser, "192.0.2.4").await, Some(TooManyAttempts));
    assert_eq!(wrong_change(&world, &browser, "192.0.2.4").await, Some(TooManyAttempts));
    for carrier in [Carrier::Cookie { remember: true }, Carrier::Token(Default::default())] {
        let answer = world.attempt("ann", &ann.password, carrier, &caller_at("192.0.2.4")).await;
        assert_eq!(kind(&answer), Some(TooManyAttempts));
    }
    assert!(world.accepts(&browser.cookie).await, "a failed step-up ends nothing");
    world.clock.advance(Duration::from_secs(30));
    let caller = caller_at("192.0.2.4");
    let holder = world.holder(browser.session.id, Via::Cookie, &caller);
    world.engine.confirm(&holder, &ann.password, false).await.unwrap();
    exhaust(&world, "ann").await;
}

async fn cr_15_a_success_of_the_attackers_own_resets_nothing_of_the_victims(world: World) {
    world.user("victim").await;
    let eve = world.user("eve").await;
    let mut through = 0;
    for _ in 0..5 {
        for _ in 0..4 {
            through += usize::from(
                kind(&world.try_from("victim", WRONG, "203.0.113.9").await) == Some(InvalidCredentials),
            );
        }
        let _ = world.try_from("eve", &eve.password, "203.0.113.9").await;
    }
    assert_eq!(through, 5, "the account blocks at five");
    for number in 0..9 {
        let answer = world.try_from(&format!("nobody.{number}"), WRONG, "203.0.113.9").await;
        let expected = if number < 5 { InvalidCredentials } else { TooManyAttempts };
        assert_eq!(kind(&answer), Some(expected), "the address counted all ten");
    }
}

async fn cr_17_a_clock_that_jumps_opens_nothing_early_and_locks_nobody_out_for_good(world: World) {
    let ann = world.user("ann").await;
    exhaust(&world, "ann").await;
    world.clock.set_back(Duration::from_secs(20));
    let waits = verdict(world.try_from("ann", &ann.password, "192.0.2.9").await).3;
    assert_eq!(waits, Some(Duration::from_secs(50)), "set back a little, it waits as the wall clock says");
    world.clock.advance(Duration::from_secs(49));
    assert_eq!(kind(&world.try_from("ann", &ann.password, "192.0.2.9").await), Some(TooManyAttempts));
    // Somebody set the clock a year ahead, typing went wrong, and the clock was corrected.
    let year = Duration::from_secs(365 * 24 * 60 * 60);
    world.clock.advance(year);
    exhaust(&world, "ann").await;
    world.clock.set_back(year);
    world.try_from("ann", &ann.password, "192.0.2.9").await.unwrap();
    exhaust(&world, "ann").await;
}

async fn cr_34_a_wrong_current_password_is_charged(world: World) {
    let ann = world.user("ann").await;
    let browser = world.browser(&ann).await;
    for number in 0..5 {
        assert_eq!(
            wrong_change(&world, &browser, &format!("192.0.2.{number}")).await,
            Some(InvalidCredentials)
        );
    }
    let caller = caller_at("192.0.2.9");
    let holder = world.holder(browser.session.id, Via::Cookie, &caller);
    let answer = world.engine.change_password(&holder, &ann.password, "walnut ferry beneath orange").await;
    assert_eq!(kind(&answer), Some(TooManyAttempts));
    assert_eq!(world.audited("password_change_failed").await.len(), 5);
    assert!(world.audited("password_changed").await.is_empty());
}
