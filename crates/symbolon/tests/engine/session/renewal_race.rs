//! A renewal against whatever else happens to its session: of two at once one wins, and the loser mints nothing.

use std::sync::Arc;

use symbolon::{
    Error, ErrorKind,
    audit::Actor,
    session::{Via, renew::Renewed},
};
use tokio::{sync::Barrier, task::JoinHandle};
use uuid::Uuid;

use super::renewal::{BY_BEARER, BY_COOKIE, NEW, Renewal};
use crate::common::{Call, Someone, World, caller, kind, over_every_store, world::tokens};

over_every_store! {
    a_renewal_that_meets_a_logout_mints_nothing,
    a_renewal_that_meets_a_disable_mints_nothing,
    a_renewal_that_meets_a_delete_mints_nothing,
    a_renewal_that_meets_a_password_reset_mints_nothing,
    of_two_renewals_by_cookie_the_second_wins_that_is_written_first,
    of_two_renewals_by_token_the_second_wins_that_is_written_first,
    of_five_renewals_at_once_one_wins,
    of_a_logout_and_a_renewal_at_once_one_wins,
    a_renewal_that_lost_costs_no_try,
}

/// What happens while a renewal is under way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meanwhile {
    Logout,
    Disable,
    Delete,
    Reset,
}

impl Meanwhile {
    async fn happens(self, world: &World, someone: &Someone, session: Uuid) {
        let (engine, by) = (&world.engine, Actor::Cli);
        match self {
            Self::Logout => engine.logout(session, someone.id, &caller()).await.unwrap(),
            Self::Disable => drop(engine.set_disabled(someone.id, true, by).await.unwrap()),
            Self::Delete => engine.delete_user(someone.id, by).await.unwrap(),
            Self::Reset => engine.reset_password(someone.id, "teapot lantern across snow", by).await.unwrap(),
        }
    }
}

/// Every renewal by either carrier.
fn all() -> impl Iterator<Item = (Renewal, Via)> {
    let by_cookie = BY_COOKIE.into_iter().map(|renewal| (renewal, Via::Cookie));
    by_cookie.chain(BY_BEARER.into_iter().map(|renewal| (renewal, Via::Bearer)))
}

async fn session(world: &World, someone: &Someone, via: Via) -> Uuid {
    match via {
        Via::Cookie => world.browser(someone).await.session.id,
        Via::Bearer => world.tokens(someone).await.session_id.unwrap(),
    }
}

fn dead(via: Via) -> ErrorKind {
    match via {
        Via::Cookie => ErrorKind::NoSession,
        Via::Bearer => ErrorKind::InvalidToken,
    }
}

fn start(
    world: &World,
    renewal: Renewal,
    session: Uuid,
    via: Via,
    someone: &Someone,
) -> JoinHandle<Result<Renewed, Error>> {
    let (engine, someone) = (world.engine.clone(), someone.clone());
    tokio::spawn(async move { renewal.run(&engine, session, via, &someone).await })
}

async fn mints_nothing(world: World, meanwhile: Meanwhile) {
    for (number, (renewal, via)) in all().enumerate() {
        for early in [true, false] {
            let ann = world.user(&format!("ann.{number}.{early}")).await;
            let session = session(&world, &ann, via).await;
            // Before the password is asked, or with everything proven.
            let mut hold = if early {
                world.store.hold_after(Call::Session)
            } else {
                world.store.hold_before(Call::Transact)
            };
            let renewing = start(&world, renewal, session, via, &ann);
            hold.reached().await;
            meanwhile.happens(&world, &ann, session).await;
            hold.release();
            let answer = renewing.await.unwrap();
            let what = format!("{renewal:?} {via:?} early={early}");
            // Read after the reset, the password is a wrong one; otherwise the session is gone.
            let wrong = meanwhile == Meanwhile::Reset && early && renewal != Renewal::EndOthers;
            let expected = if wrong { ErrorKind::InvalidCredentials } else { dead(via) };
            assert_eq!(kind(&answer), Some(expected), "{what}");
            assert!(world.live(ann.id).await.is_empty(), "{what}");
            for event in ["password_changed", "confirmed", "others_ended"] {
                let rows = world.audited(event).await;
                assert!(rows.iter().all(|row| row.user != Some(ann.id)), "{what}: {event}");
            }
            if meanwhile == Meanwhile::Logout {
                world.browser(&ann).await;
            }
        }
    }
}

async fn a_renewal_that_meets_a_logout_mints_nothing(world: World) {
    mints_nothing(world, Meanwhile::Logout).await;
}

async fn a_renewal_that_meets_a_disable_mints_nothing(world: World) {
    mints_nothing(world, Meanwhile::Disable).await;
}

async fn a_renewal_that_meets_a_delete_mints_nothing(world: World) {
    mints_nothing(world, Meanwhile::Delete).await;
}

async fn a_renewal_that_meets_a_password_reset_mints_nothing(world: World) {
    mints_nothing(world, Meanwhile::Reset).await;
}

async fn two(world: &World, first: Renewal, second: Renewal, via: Via) {
    let ann = world.user(&format!("ann.{via:?}.{first:?}.{second:?}")).await;
    let session = session(world, &ann, via).await;
    let mut hold = world.store.hold_before(Call::Transact);
    let late = start(world, first, session, via, &ann);
    hold.reached().await;
    let won = second.run(&world.engine, session, via, &ann).await.unwrap();
    let won = world.engine.sessions(won.user.id).await.unwrap();
    hold.release();
    assert_eq!(kind(&late.await.unwrap()), Some(dead(via)), "{first:?} after {second:?}");
    assert_eq!(world.engine.sessions(ann.id).await.unwrap(), won, "{first:?} after {second:?}");
    assert_eq!(won.len(), 1);
    // The password is the winner's.
    let password = if second == Renewal::Change { NEW.to_owned() } else { ann.password.clone() };
    world.browser(&Someone { password, ..ann }).await;
}

async fn of_two_renewals_by_cookie_the_second_wins_that_is_written_first(world: World) {
    for first in BY_COOKIE {
        for second in BY_COOKIE {
            two(&world, first, second, Via::Cookie).await;
        }
    }
}

async fn of_two_renewals_by_token_the_second_wins_that_is_written_first(world: World) {
    for first in BY_BEARER {
        for second in BY_BEARER {
            two(&world, first, second, Via::Bearer).await;
        }
    }
}

async fn of_five_renewals_at_once_one_wins(world: World) {
    for round in 0..6 {
        let via = if round % 2 == 0 { Via::Cookie } else { Via::Bearer };
        let ann = world.user(&format!("ann.{round}")).await;
        let session = session(&world, &ann, via).await;
        let barrier = Arc::new(Barrier::new(5));
        let racing: Vec<_> = (0..5)
            .map(|number| {
                let renewal = if via == Via::Cookie { BY_COOKIE[number % 4] } else { BY_BEARER[number % 3] };
                let (engine, ann, barrier) = (world.engine.clone(), ann.clone(), Arc::clone(&barrier));
                tokio::spawn(async move {
                    barrier.wait().await;
                    renewal.run(&engine, session, via, &ann).await
                })
            })
            .collect();
        let mut won = Vec::new();
        for renewal in racing {
            match renewal.await.unwrap() {
                Ok(renewed) => won.push(renewed),
                // One that began after the winner changed the password is told that it is wrong.
                Err(error) => {
                    assert!([dead(via), ErrorKind::InvalidCredentials].contains(&error.kind()), "{error:?}");
                }
            }
        }
        assert_eq!(won.len(), 1, "round {round}");
        let live = world.live(ann.id).await;
        assert_eq!(live.len(), 1, "round {round}");
        assert!(!live.contains(&session));
        if via == Via::Bearer {
            let answer = tokens(won.pop().unwrap().issued);
            assert_eq!(answer.session_id, Some(live[0]));
            world.engine.check_token(&answer.access_token).unwrap();
            world.engine.refresh(&answer.refresh_token.unwrap(), None, &caller()).await.unwrap();
        }
    }
}

async fn of_a_logout_and_a_renewal_at_once_one_wins(world: World) {
    for round in 0..12 {
        let ann = world.user(&format!("ann.{round}")).await;
        let session = world.browser(&ann).await.session.id;
        let barrier = Arc::new(Barrier::new(2));
        let renewing = {
            let (engine, ann, barrier) = (world.engine.clone(), ann.clone(), Arc::clone(&barrier));
            tokio::spawn(async move {
                barrier.wait().await;
                BY_COOKIE[round % 4].run(&engine, session, Via::Cookie, &ann).await.is_ok()
            })
        };
        barrier.wait().await;
        // Some of them late, so that each side wins now and then.
        for _ in 0..round * 20 {
            tokio::task::yield_now().await;
        }
        let ended = world.engine.logout(session, ann.id, &caller()).await.is_ok();
        let renewed = renewing.await.unwrap();
        assert_ne!(ended, renewed, "round {round}");
        assert_eq!(world.live(ann.id).await.len(), usize::from(renewed), "round {round}");
    }
}

/// The password was right each time: the account is not blocked by lost races.
async fn a_renewal_that_lost_costs_no_try(world: World) {
    let ann = world.user("ann").await;
    for _ in 0..12 {
        let session = world.browser(&ann).await.session.id;
        let mut hold = world.store.hold_before(Call::Transact);
        let renewing = start(&world, Renewal::Confirm, session, Via::Cookie, &ann);
        hold.reached().await;
        world.engine.logout(session, ann.id, &caller()).await.unwrap();
        hold.release();
        assert_eq!(kind(&renewing.await.unwrap()), Some(ErrorKind::NoSession));
    }
    // Five more that are wrong, and none before the fifth is refused.
    for number in 0..5 {
        let answer =
            world.try_from("ann", "not the password of anybody", &format!("203.0.113.{number}")).await;
        assert_eq!(kind(&answer), Some(ErrorKind::InvalidCredentials), "{number}");
    }
}
