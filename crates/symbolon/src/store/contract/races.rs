//! What happens at the same time. Each promise is kept whoever comes first; a barrier makes everybody start at once.

use std::{future::Future, sync::Arc};

use symbolon_token::view::{Ended, Entry};
use tokio::{sync::Barrier, task::JoinSet};
use uuid::Uuid;

use super::{Someone, World, at, promises, transition};
use crate::store::*;

promises! {
    of_two_renewals_of_one_session_one_wins,
    a_logout_against_a_renewal_ends_what_it_meets,
    everything_ends_against_logins_and_renewals,
    one_refresh_moves_the_chain_for_all,
    a_refresh_against_an_ending_never_outlives_it,
    ck_19_twenty_logins_at_once_keep_to_the_limit,
    parallel_charges_are_exact,
    st_21_activity_against_an_ending_revives_nothing,
    st_22_fifty_writers_at_once_are_all_counted,
}

const ROUNDS: usize = 20;

/// Runs all of them from one starting shot.
async fn at_once<F>(world: &Arc<World>, tasks: impl IntoIterator<Item = F>) -> Vec<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let tasks: Vec<F> = tasks.into_iter().collect();
    let start = Arc::new(Barrier::new(tasks.len()));
    let mut set = JoinSet::new();
    for task in tasks {
        // Whoever races holds the world too, so that its folder outlives a task that panics.
        let (start, world) = (Arc::clone(&start), Arc::clone(world));
        set.spawn(async move {
            start.wait().await;
            let answer = task.await;
            drop(world);
            answer
        });
    }
    set.join_all().await
}

async fn renewal(world: &World, someone: &Someone, predecessor: Uuid) -> Transition {
    let condition = Condition { predecessor: Some(predecessor), ..world.condition(someone).await };
    let end = Some(End::Session { id: predecessor, owner: Some(someone.id) });
    let mint = Some(world.new_session(someone, at(1)));
    Transition { condition: Some(condition), end, mint, ..transition(at(1)) }
}

fn transact(world: &Arc<World>, transition: Transition) -> impl Future<Output = Outcome> + Send + use<> {
    let store = Arc::clone(&world.store);
    async move { store.transact(transition).await.unwrap() }
}

async fn of_two_renewals_of_one_session_one_wins(world: World) {
    let world = Arc::new(world);
    let ann = world.user("ann").await;
    for _ in 0..ROUNDS {
        let session = world.mint(&ann).await;
        let (first, second) =
            (renewal(&world, &ann, session.id).await, renewal(&world, &ann, session.id).await);
        let ids = [first.mint.as_ref().unwrap().id, second.mint.as_ref().unwrap().id];
        let outcomes = at_once(&world, [transact(&world, first), transact(&world, second)]).await;
        let won = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Done(_))).count();
        assert_eq!((won, outcomes.contains(&Outcome::Stale)), (1, true), "{outcomes:?}");
        let live = world.store.sessions_of(ann.id, at(1)).await.unwrap();
        assert_eq!(live.iter().filter(|row| ids.contains(&row.id)).count(), 1);
        assert!(!live.iter().any(|row| row.id == session.id));
        world.end(End::User(ann.id), at(1)).await;
    }
}

async fn a_logout_against_a_renewal_ends_what_it_meets(world: World) {
    let world = Arc::new(world);
    let ann = world.user("ann").await;
    for _ in 0..ROUNDS {
        let session = world.mint(&ann).await;
        let renewal = renewal(&world, &ann, session.id).await;
        let successor = renewal.mint.clone().unwrap();
        let logout = Transition {
            end: Some(End::Session { id: session.id, owner: Some(ann.id) }),
            ..transition(at(1))
        };
        let outcomes = at_once(&world, [transact(&world, renewal), transact(&world, logout)]).await;
        let about = |entry: &&Entry| entry.what == Ended::Session(session.id);
        assert_eq!(world.told().iter().filter(about).count(), 1, "it ends once: {outcomes:?}");
        assert!(!world.lives(&session, at(1)).await);
        let renewed = !outcomes.contains(&Outcome::Stale);
        assert_eq!(world.lives(&successor, at(1)).await, renewed, "no successor of what was logged out");
        world.end(End::User(ann.id), at(1)).await;
    }
}

async fn everything_ends_against_logins_and_renewals(world: World) {
    let world = Arc::new(world);
    let ann = world.user("ann").await;
    for _ in 0..ROUNDS {
        let session = world.mint(&ann).await;
        let condition = Some(world.condition(&ann).await);
        let mut racing = vec![renewal(&world, &ann, session.id).await];
        for _ in 0..3 {
            let mint = Some(world.new_session(&ann, at(1)));
            racing.push(Transition { condition: condition.clone(), mint, ..transition(at(1)) });
        }
        racing.push(Transition { end: Some(End::User(ann.id)), ..transition(at(1)) });
        let racing: Vec<_> = racing.into_iter().map(|racer| transact(&world, racer)).collect();
        at_once(&world, racing).await;
        let live = world.store.sessions_of(ann.id, at(1)).await.unwrap();
        assert_eq!(live, [], "minted under what ended");
    }
}

async fn one_refresh_moves_the_chain_for_all(world: World) {
    let world = Arc::new(world);
    let ann = world.user("ann").await;
    let session = world.mint(&ann).await;
    for counter in 0..5 {
        let now = at(i64::try_from(counter).unwrap() * 60);
        let request = RefreshRequest {
            session: session.id,
            presented: counter,
            now,
            grace_ms: 30_000,
            idle_expires_at: at(9_000),
        };
        let refresh = || {
            let (store, request) = (Arc::clone(&world.store), request.clone());
            async move { store.refresh(request).await.unwrap() }
        };
        for answer in at_once(&world, std::iter::repeat_with(refresh).take(50)).await {
            assert!(matches!(&answer, Refreshed::Issue(row) if row.session.refresh_counter == counter + 1));
        }
    }
}

async fn a_refresh_against_an_ending_never_outlives_it(world: World) {
    let world = Arc::new(world);
    let ann = world.user("ann").await;
    for _ in 0..ROUNDS {
        let session = world.mint(&ann).await;
        let request = RefreshRequest {
            session: session.id,
            presented: 0,
            now: at(1),
            grace_ms: 30_000,
            idle_expires_at: at(9_000),
        };
        let end = Transition { end: Some(End::User(ann.id)), ..transition(at(1)) };
        let (store, ending) = (Arc::clone(&world.store), transact(&world, end));
        let refresh = async move { drop(store.refresh(request).await.unwrap()) };
        let racers: [std::pin::Pin<Box<dyn Future<Output = ()> + Send>>; 2] =
            [Box::pin(refresh), Box::pin(async move { drop(ending.await) })];
        at_once(&world, racers).await;
        assert!(!world.lives(&session, at(1)).await);
    }
}

async fn ck_19_twenty_logins_at_once_keep_to_the_limit(world: World) {
    const MOST: usize = 3;
    let world = Arc::new(world);
    let ann = world.user("ann").await;
    for _ in 0..ROUNDS {
        let condition = Some(world.condition(&ann).await);
        let logins: Vec<_> = (0..20)
            .map(|_| {
                let limit = Some(Limit { most: MOST, audit: world.audit_row("session_ended", at(1)) });
                let (condition, mint) = (condition.clone(), Some(world.new_session(&ann, at(1))));
                let store = Arc::clone(&world.store);
                async move {
                    let login = Transition { condition, mint, limit, ..transition(at(1)) };
                    let outcome = store.transact(login).await.unwrap();
                    (outcome, store.sessions_of(ann.id, at(1)).await.unwrap().len())
                }
            })
            .collect();
        for (outcome, live) in at_once(&world, logins).await {
            assert!(matches!(outcome, Outcome::Done(_)), "a limit refuses nobody: {outcome:?}");
            assert!(live <= MOST, "{live} live at once");
        }
        assert_eq!(world.store.sessions_of(ann.id, at(1)).await.unwrap().len(), MOST);
    }
}

async fn parallel_charges_are_exact(world: World) {
    let world = Arc::new(world);
    let rule = ThrottleRule { free: 10, block_ms: 60_000, max_block_ms: 60_000, forget_ms: 60_000 };
    for round in 0..5_u8 {
        let charge = || {
            let store = Arc::clone(&world.store);
            let both = vec![Charge { key: [round; 16], rule }, Charge { key: [round + 100; 16], rule }];
            async move { store.charge(both, at(0)).await.unwrap() }
        };
        let answers = at_once(&world, std::iter::repeat_with(charge).take(50)).await;
        assert_eq!(answers.iter().filter(|answer| **answer == Charged::Allowed).count(), 10);
        let counters = world.store.throttle();
        for key in [round, round + 100] {
            let (_, counter) = counters.iter().find(|(other, _)| *other == [key; 16]).unwrap();
            assert_eq!(counter.count, 10);
        }
    }
}

async fn st_21_activity_against_an_ending_revives_nothing(world: World) {
    let world = Arc::new(world);
    let ann = world.user("ann").await;
    for _ in 0..ROUNDS {
        let session = world.mint(&ann).await;
        let touch = Touch { session: session.id, since: at(1), seen: at(1), idle_expires_at: at(9_000) };
        let end = Transition { end: Some(End::Session { id: session.id, owner: None }), ..transition(at(1)) };
        let before = PurgeBefore { now: at(0), sessions: at(2), audit: at(0), throttle_most: 9 };
        let (touching, purging, ending) =
            (Arc::clone(&world.store), Arc::clone(&world.store), transact(&world, end));
        let racers: [std::pin::Pin<Box<dyn Future<Output = ()> + Send>>; 3] = [
            Box::pin(async move { touching.touch(vec![touch; 3]).await.unwrap() }),
            Box::pin(async move { drop(ending.await) }),
            Box::pin(async move {
                purging.purge(before, 9).await.unwrap();
            }),
        ];
        at_once(&world, racers).await;
        assert!(!world.lives(&session, at(1)).await);
        world.store.touch(vec![touch]).await.unwrap();
        assert!(!world.lives(&session, at(1)).await);
    }
}

async fn st_22_fifty_writers_at_once_are_all_counted(world: World) {
    let world = Arc::new(world);
    let writers = (0..50_i64).map(|number| {
        let world = Arc::clone(&world);
        async move {
            let someone = world.user(&format!("user-{number}")).await;
            for _ in 0..4 {
                world.mint(&someone).await;
            }
            let session = world.mint(&someone).await;
            world.end(End::Session { id: session.id, owner: Some(someone.id) }, at(1)).await;
            someone.id
        }
    });
    for user in at_once(&world, writers).await {
        assert_eq!(world.store.sessions_of(user, at(1)).await.unwrap().len(), 4);
    }
    let log = world.store.log_after(0, usize::MAX).await.unwrap();
    assert_eq!((log.head, log.entries.len()), (50, 50));
    assert_eq!(log.entries, world.told());
    assert_eq!(world.store.users(None, None, usize::MAX).await.unwrap().len(), 50);
    assert_eq!(world.store.audit(None, None, usize::MAX).await.unwrap().len(), 50);
}
