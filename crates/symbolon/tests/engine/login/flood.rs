//! A flood of failed logins must not fill the disk with what is written down about it.

use std::time::Duration;

use symbolon::ErrorKind::{InvalidCredentials, Unavailable};

use crate::common::{Call, World, kind, over_every_store};

over_every_store! {
    jd_19_a_flood_of_failures_is_counted_and_every_success_has_its_row,
    jd_19_a_flood_does_not_tell_who_exists,
    jd_19_what_was_counted_survives_a_store_that_was_away_and_an_orderly_end,
}

const WRONG: &str = "not the password of anybody";
/// Rows of one minute.
const LISTED: usize = 300;
const MINUTE: Duration = Duration::from_secs(60);

/// Fails so often, each time from elsewhere and as somebody else.
async fn flood(world: &World, times: usize) {
    for number in 0..times {
        let address = format!("10.{}.{}.{}", number / 62_500 % 250, number / 250 % 250, number % 250);
        let answer = world.try_from(&format!("nobody{number}"), WRONG, &address).await;
        assert_eq!(kind(&answer), Some(InvalidCredentials));
    }
}

/// The counts of the rows that stand for many.
async fn counted(world: &World) -> Vec<u64> {
    let rows = world.audited("login_failed_more").await;
    rows.iter().map(|row| row.detail["count"].as_u64().unwrap()).collect()
}

async fn jd_19_a_flood_of_failures_is_counted_and_every_success_has_its_row(world: World) {
    let ann = world.user("ann").await;
    for round in 1..=3 {
        flood(&world, 400).await;
        for number in 0..5 {
            world.try_from("ann", &ann.password, &format!("192.0.2.{number}")).await.map(drop).unwrap();
        }
        world.engine.tend().await.unwrap();
        assert_eq!(counted(&world).await.len(), round - 1, "the minute is not over");
        world.clock.advance(MINUTE);
        if round % 2 == 0 {
            // The next failure tells it too, should nobody tend.
            flood(&world, 1).await;
        } else {
            world.engine.tend().await.unwrap();
        }
        assert_eq!(counted(&world).await.len(), round);
        assert_eq!(world.audited("login").await.len(), 5 * round, "what succeeds has its row");
    }
    assert_eq!(world.audited("login_failed").await.len(), 3 * LISTED);
    assert_eq!(counted(&world).await.iter().sum::<u64>(), 3 * 400 + 1 - 3 * 300, "and nothing is lost");
    let row = &world.audited("login_failed_more").await[0];
    assert_eq!((row.actor.as_deref(), row.user), (Some("system"), None));
    assert!(row.detail["since"].is_string());
}

/// A row takes longer than none: who gets none must not hang on whether the name is somebody's.
async fn jd_19_a_flood_does_not_tell_who_exists(world: World) {
    world.user("ann").await;
    let written = async |name: &str, address: &str| {
        let before = world.store.all_calls().get(&Call::Record).copied().unwrap_or_default();
        let _ = world.try_from(name, WRONG, address).await;
        world.store.all_calls().get(&Call::Record).copied().unwrap_or_default() - before
    };
    assert_eq!((written("ann", "192.0.2.1").await, written("bob", "192.0.2.2").await), (1, 1));
    flood(&world, LISTED).await;
    assert_eq!((written("ann", "192.0.2.3").await, written("bob", "192.0.2.4").await), (0, 0));
}

async fn jd_19_what_was_counted_survives_a_store_that_was_away_and_an_orderly_end(world: World) {
    flood(&world, LISTED + 7).await;
    world.clock.advance(MINUTE);
    world.store.fail_before(Call::Record);
    assert_eq!(kind(&world.try_from("nobody", WRONG, "192.0.2.1").await), Some(Unavailable));
    assert_eq!(counted(&world).await, [] as [u64; 0]);
    world.engine.tend().await.unwrap();
    assert_eq!(counted(&world).await, [7]);
    flood(&world, LISTED + 9).await;
    world.engine.close().await.unwrap();
    // One of the minute's rows was lost with the store that was away, and its failure was not answered as one.
    assert_eq!(counted(&world).await.iter().sum::<u64>(), 7 + 9);
}
