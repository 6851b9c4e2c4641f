//! Dropping a leaked master key against whatever is under way: nothing that the old one carried comes out on the other side.

use symbolon::{
    login::Carrier,
    session::Via,
    token::{
        grant::Giver,
        issue::{TokenAnswer, Wish},
    },
};
use symbolon_token::SessionCookie;

use crate::{
    common::{Browser, Call, World, caller, over_every_store, world::tokens},
    master::House,
};

over_every_store! {
    invariant_1_what_was_under_way_when_the_key_was_dropped_gives_nothing_that_counts,
    invariant_1_a_check_that_read_before_the_drop_is_not_remembered,
    a_rotation_under_load_fails_nobody,
}

/// What somebody does meanwhile, with what they held before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Exchange,
    Refresh,
    Grant,
    EndOthers,
    Login,
}

/// Something that may count afterwards.
enum Gain {
    Cookie(SessionCookie),
    Tokens(TokenAnswer),
}

async fn counts(world: &World, gain: &Gain) -> bool {
    match gain {
        Gain::Cookie(cookie) => world.accepts(cookie).await,
        Gain::Tokens(answer) => {
            let refreshed = match &answer.refresh_token {
                Some(token) => world.engine.refresh(token, None, &caller()).await.is_ok(),
                None => false,
            };
            world.engine.check_token(&answer.access_token).is_ok() || refreshed
        }
    }
}

async fn invariant_1_what_was_under_way_when_the_key_was_dropped_gives_nothing_that_counts(world: World) {
    let mut house = House::of(world).await;
    let deeds = [Deed::Exchange, Deed::Refresh, Deed::Grant, Deed::EndOthers, Deed::Login];
    for (number, deed) in deeds.into_iter().enumerate() {
        for late in [false, true] {
            let ann = house.world.user(&format!("ann.{number}.{late}")).await;
            let here = house.world.browser(&ann).await;
            let chain = house.world.tokens(&ann).await.refresh_token.unwrap();
            let mut hold = match (deed, late) {
                (Deed::Login, false) => house.world.store.hold_after(Call::LoginByIdentifier),
                (_, false) | (Deed::Exchange, true) => house.world.store.hold_after(Call::Session),
                (Deed::Refresh, true) => house.world.store.hold_after(Call::Refresh),
                (_, true) => house.world.store.hold_before(Call::Transact),
            };
            let engine = house.world.engine.clone();
            let doing = tokio::spawn(async move {
                let (caller, session) = (caller(), here.session.id);
                match deed {
                    Deed::Exchange => engine.exchange(session, &Wish::default()).await.map(Gain::Tokens),
                    Deed::Refresh => engine.refresh(&chain, None, &caller).await.map(Gain::Tokens),
                    Deed::Grant => {
                        let offer = engine.offer("job", &Wish::default(), None)?;
                        let giver = Giver { session, via: Via::Cookie, scope: None, caller: &caller };
                        engine.give(&giver, &offer).await.map(|given| Gain::Tokens(given.answer))
                    }
                    Deed::EndOthers => {
                        let holder = symbolon::session::renew::Holder {
                            session,
                            via: Via::Cookie,
                            known: None,
                            caller: &caller,
                        };
                        let renewed = engine.end_others(&holder).await?;
                        match renewed.issued {
                            symbolon::session::Issued::Cookie { cookie, .. } => Ok(Gain::Cookie(cookie)),
                            issued @ symbolon::session::Issued::Token(_) => Ok(Gain::Tokens(tokens(issued))),
                        }
                    }
                    Deed::Login => {
                        let attempt = symbolon::login::Attempt {
                            identifier: &ann.name,
                            password: &ann.password,
                            carrier: Carrier::Cookie { remember: true },
                            presented: None,
                            known: None,
                            caller: &caller,
                        };
                        let login = engine.login(attempt).await?;
                        Ok(Gain::Cookie(Browser::of(login).cookie))
                    }
                }
            });
            hold.reached().await;
            let engine = house.world.engine.clone();
            let dropping =
                tokio::spawn(
                    async move { engine.rotate_master_key(true, symbolon::audit::Actor::Cli).await },
                );
            dropping.await.unwrap().unwrap();
            hold.release();
            let gain: Result<Gain, symbolon::Error> = doing.await.unwrap();
            // A login is a proof of its own, of now. It may count, and need not.
            if let (Ok(gain), true) = (gain, deed != Deed::Login) {
                assert!(!counts(&house.world, &gain).await, "{deed:?} late={late}");
            }
            house = house.restart().await;
            assert_eq!(house.lines().len(), 1);
        }
    }
}

async fn invariant_1_a_check_that_read_before_the_drop_is_not_remembered(world: World) {
    let house = House::of(world).await.restart().await;
    let ann = house.world.user("ann").await;
    let browser = house.world.browser(&ann).await;
    let mut hold = house.world.store.hold_after(Call::Session);
    let (engine, cookie) = (house.world.engine.clone(), browser.cookie.clone());
    let asking = tokio::spawn(async move { engine.ask_session(&cookie, None).await.is_ok() });
    hold.reached().await;
    house.rotate(true).await.unwrap();
    hold.release();
    // That request began before; whatever it was told, no later one is told yes.
    let _ = asking.await.unwrap();
    for _ in 0..3 {
        assert!(!house.world.accepts(&browser.cookie).await);
    }
}

async fn a_rotation_under_load_fails_nobody(world: World) {
    let house = House::of(world).await;
    let ann = house.world.user("ann").await;
    let browser = house.world.browser(&ann).await;
    let mut busy = tokio::task::JoinSet::new();
    let over = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    for number in 0..4 {
        let (engine, over, cookie) =
            (house.world.engine.clone(), std::sync::Arc::clone(&over), browser.cookie.clone());
        let (ann, session) = (ann.clone(), browser.session.id);
        let mut refresh = house.world.tokens(&ann).await.refresh_token.unwrap();
        busy.spawn(async move {
            while !over.load(std::sync::atomic::Ordering::SeqCst) {
                match number {
                    0 => engine.ask_session(&cookie, None).await.map(drop).unwrap(),
                    1 => {
                        let token = engine.exchange(session, &Wish::default()).await.unwrap().access_token;
                        engine.check_token(&token).unwrap();
                    }
                    2 => {
                        let answer = engine.refresh(&refresh, None, &caller()).await.unwrap();
                        engine.check_token(&answer.access_token).unwrap();
                        refresh = answer.refresh_token.unwrap();
                    }
                    _ => {
                        let caller = caller();
                        let attempt = symbolon::login::Attempt {
                            identifier: &ann.name,
                            password: &ann.password,
                            carrier: Carrier::Cookie { remember: true },
                            presented: None,
                            known: None,
                            caller: &caller,
                        };
                        let login = Browser::of(engine.login(attempt).await.unwrap());
                        engine.ask_session(&login.cookie, None).await.map(drop).unwrap();
                    }
                }
                tokio::task::yield_now().await;
            }
        });
    }
    for _ in 0..6 {
        house.rotate(false).await.unwrap();
        tokio::task::yield_now().await;
    }
    over.store(true, std::sync::atomic::Ordering::SeqCst);
    busy.join_all().await;
    assert_eq!(house.lines().len(), 7);
}
