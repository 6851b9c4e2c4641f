//! Throttle counters.

use symbolon_token::Timestamp;

use super::{World, at, promises, transition};
use crate::store::*;

promises! {
    charges_are_free_until_they_block,
    a_charge_of_several_counters_is_all_or_none,
    a_block_is_not_forgotten_and_a_counter_is,
    a_success_clears_or_takes_one_back,
    a_block_that_was_over_does_not_come_back_with_a_refund,
    refunds_of_nothing_are_nothing,
}

const RULE: ThrottleRule =
    ThrottleRule { free: 3, block_ms: 30_000, max_block_ms: 3_600_000, forget_ms: 86_400_000 };

fn charge(key: u8) -> Charge {
    Charge { key: [key; 16], rule: RULE }
}

async fn charges(world: &World, keys: &[u8], now: i64) -> Charged {
    world.store.charge(keys.iter().copied().map(charge).collect(), at(now)).await.unwrap()
}

fn count(world: &World, key: u8) -> u32 {
    let counters = world.store.throttle();
    counters.iter().find(|(other, _)| *other == [key; 16]).map_or(0, |(_, counter)| counter.count)
}

async fn charges_are_free_until_they_block(world: World) {
    for _ in 0..3 {
        assert_eq!(charges(&world, &[1], 0).await, Charged::Allowed);
    }
    assert_eq!(charges(&world, &[1], 0).await, Charged::Blocked(at(30)));
    assert_eq!(charges(&world, &[1], 29).await, Charged::Blocked(at(30)));
    assert_eq!(count(&world, 1), 3, "who is refused is not charged");
    assert_eq!(charges(&world, &[1], 30).await, Charged::Allowed);
    assert_eq!(
        charges(&world, &[1], 31).await,
        Charged::Blocked(at(30 + 60)),
        "the next block is twice as long"
    );
    assert_eq!(charges(&world, &[2], 31).await, Charged::Allowed, "others are not concerned");
}

async fn a_charge_of_several_counters_is_all_or_none(world: World) {
    charges(&world, &[1, 1, 1], 0).await;
    charges(&world, &[3, 3, 3], 10).await;
    let before = world.store.throttle();
    assert_eq!(charges(&world, &[2, 1], 20).await, Charged::Blocked(at(30)));
    assert_eq!(charges(&world, &[1, 3, 2], 20).await, Charged::Blocked(at(40)), "the longest block is told");
    assert_eq!(world.store.throttle(), before);
    assert_eq!(charges(&world, &[1, 2, 3], 40).await, Charged::Allowed);
    assert_eq!([1, 2, 3].map(|key| count(&world, key)), [4, 1, 4]);
    assert_eq!(charges(&world, &[], 40).await, Charged::Allowed);
}

async fn a_block_is_not_forgotten_and_a_counter_is(world: World) {
    let day = 86_400;
    charges(&world, &[1, 1], 0).await;
    charges(&world, &[1], day - 1).await;
    assert_eq!(count(&world, 1), 3, "a day counts from the last charge");
    charges(&world, &[1], 2 * day - 2).await;
    assert_eq!(count(&world, 1), 4);
    charges(&world, &[1], 3 * day - 2).await;
    assert_eq!(count(&world, 1), 1);

    let week = 7 * day;
    let rule = ThrottleRule { block_ms: week * 1000, max_block_ms: week * 1000, ..RULE };
    let long = vec![Charge { key: [2; 16], rule }; 3];
    world.store.charge(long, at(0)).await.unwrap();
    assert_eq!(charges(&world, &[2], 2 * day).await, Charged::Blocked(at(week)));
    let before = PurgeBefore { now: at(2 * day), sessions: at(0), audit: at(0), throttle_most: 9 };
    world.store.purge(before, 9).await.unwrap();
    assert_eq!(charges(&world, &[2], 2 * day).await, Charged::Blocked(at(week)));
}

async fn a_success_clears_or_takes_one_back(world: World) {
    charges(&world, &[1, 1], 0).await;
    charges(&world, &[2, 2], 0).await;
    charges(&world, &[1, 2], 5).await;
    assert!(matches!(charges(&world, &[1], 6).await, Charged::Blocked(_)));
    let refunds = vec![Refund::Clear([1; 16]), Refund::One([2; 16], RULE)];
    world.done(Transition { refunds: refunds.clone(), ..transition(at(6)) }).await;
    assert_eq!((count(&world, 1), count(&world, 2)), (0, 2));
    assert_eq!(charges(&world, &[1, 2], 6).await, Charged::Allowed, "the block went with the charge");
    world.store.refund(refunds.clone()).await.unwrap();
    assert_eq!((count(&world, 1), count(&world, 2)), (0, 2));
    for _ in 0..2 {
        world.store.refund(refunds.clone()).await.unwrap();
    }
    assert_eq!(world.store.throttle(), [], "none is left of a counter at zero");
}

async fn a_block_that_was_over_does_not_come_back_with_a_refund(world: World) {
    charges(&world, &[1, 1, 1], 0).await;
    assert_eq!(charges(&world, &[1], 30).await, Charged::Allowed);
    world.store.refund(vec![Refund::One([1; 16], RULE)]).await.unwrap();
    let left = Counter {
        count: 3,
        last: at(30),
        blocked_until: None,
        forget_at: Timestamp::from_millis(at(30).as_millis() + RULE.forget_ms),
    };
    assert_eq!(world.store.throttle(), [([1; 16], left)]);
    assert_eq!(charges(&world, &[1], 31).await, Charged::Allowed);
    assert_eq!(charges(&world, &[1], 32).await, Charged::Blocked(at(31 + 60)), "but it counts on");
}

async fn refunds_of_nothing_are_nothing(world: World) {
    let nothing = vec![Refund::Clear([1; 16]), Refund::One([2; 16], RULE)];
    world.store.refund(nothing).await.unwrap();
    world.store.refund(Vec::new()).await.unwrap();
    assert_eq!(world.store.throttle(), []);
}
