//! Giving a grant against whatever else happens to its giver: what ended meanwhile gives nothing, and leaves nothing behind.

use std::time::Duration;

use symbolon::{ErrorKind, audit::Actor, store::Store};
use uuid::Uuid;

use crate::common::{Call, Someone, World, caller, kind, over_every_store};

over_every_store! {
    invariant_1_a_giver_that_ended_meanwhile_gives_nothing,
    ad_27_of_a_deleted_user_no_grant_is_left,
    an_offer_whose_giver_was_read_too_long_ago_is_read_again,
}

/// What happens while a grant is being given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meanwhile {
    Logout,
    EndAll,
    Disable,
    Delete,
    Reset,
}

impl Meanwhile {
    async fn happens(self, world: &World, someone: &Someone, session: Uuid) {
        let (engine, by) = (&world.engine, Actor::Cli);
        match self {
            Self::Logout => engine.logout(session, someone.id, &caller()).await.unwrap(),
            Self::EndAll => engine.end_all(someone.id, by, None).await.unwrap(),
            Self::Disable => drop(engine.set_disabled(someone.id, true, by).await.unwrap()),
            Self::Delete => engine.delete_user(someone.id, by).await.unwrap(),
            Self::Reset => engine.reset_password(someone.id, "teapot lantern across snow", by).await.unwrap(),
        }
    }
}

async fn invariant_1_a_giver_that_ended_meanwhile_gives_nothing(world: World) {
    let ways =
        [Meanwhile::Logout, Meanwhile::EndAll, Meanwhile::Disable, Meanwhile::Delete, Meanwhile::Reset];
    for way in ways {
        for at in 0..3 {
            let ann = world.user(&format!("ann.{way:?}.{at}")).await;
            let session = world.browser(&ann).await.session.id;
            let mut hold = match at {
                0 => world.store.hold_after(Call::Session),
                1 => world.store.hold_after(Call::LoginByUser),
                _ => world.store.hold_before(Call::Transact),
            };
            let engine = world.engine.clone();
            let giving = tokio::spawn(async move {
                let offer = engine.offer("job", &symbolon::token::issue::Wish::default(), None)?;
                let caller = caller();
                let (via, scope) = (symbolon::session::Via::Cookie, None);
                engine
                    .give(&symbolon::token::grant::Giver { session, via, scope, caller: &caller }, &offer)
                    .await
            });
            hold.reached().await;
            way.happens(&world, &ann, session).await;
            hold.release();
            let answer = giving.await.unwrap();
            assert_eq!(kind(&answer), Some(ErrorKind::NoSession), "{way:?} {at}");
            let left = world.store.sessions_of(ann.id, world.now()).await.unwrap();
            assert!(left.is_empty(), "{way:?} {at}: {left:?}");
            assert!(world.audited("grant_given").await.is_empty());
        }
    }
}

async fn ad_27_of_a_deleted_user_no_grant_is_left(world: World) {
    let ann = world.user("ann").await;
    let given = world.give(world.browser(&ann).await.session.id, "job").await.unwrap();
    world.engine.delete_user(ann.id, Actor::Cli).await.unwrap();
    assert!(world.engine.check_token(&given.answer.access_token).is_err());
    let refreshed = world.engine.refresh(&given.answer.refresh_token.unwrap(), None, &caller()).await;
    assert_eq!(kind(&refreshed), Some(ErrorKind::InvalidGrant));
    assert!(world.store.session(given.session.id).await.unwrap().is_none_or(|row| !row.live(world.now())));
}

async fn an_offer_whose_giver_was_read_too_long_ago_is_read_again(world: World) {
    let ann = world.user("ann").await;
    let session = world.browser(&ann).await.session.id;
    let mut hold = world.store.hold_after(Call::Session);
    let engine = world.engine.clone();
    let giving = tokio::spawn(async move {
        let offer = engine.offer("job", &symbolon::token::issue::Wish::default(), None)?;
        let caller = caller();
        let (via, scope) = (symbolon::session::Via::Cookie, None);
        engine.give(&symbolon::token::grant::Giver { session, via, scope, caller: &caller }, &offer).await
    });
    hold.reached().await;
    world.clock.advance(Duration::from_secs(31));
    hold.release();
    let given = giving.await.unwrap().unwrap();
    assert_eq!(super::payload(&given.answer.access_token)["iat"].as_i64(), Some(world.now().as_secs()));
    assert_eq!(given.session.created_at, world.now());
}
