//! Cookie → token: another carrier of the same session.

use std::time::Duration;

use symbolon::{ErrorKind, token::issue::Wish};

use super::payload;
use crate::common::{Call, World, caller, kind, over_every_store};

over_every_store! {
    an_exchanged_token_is_the_sessions_and_ends_with_it,
    an_exchange_asks_for_no_more_than_is_configured,
    an_exchange_that_was_read_too_long_ago_starts_again,
    an_exchange_against_an_ending_gives_nothing_that_counts,
}

async fn an_exchanged_token_is_the_sessions_and_ends_with_it(world: World) {
    let ann = world.user("ann").await;
    let browser = world.browser(&ann).await;
    world.clock.advance(Duration::from_secs(60));
    let answer = world.engine.exchange(browser.session.id, &Wish::default()).await.unwrap();
    let token = world.engine.check_token(&answer.access_token).unwrap();
    assert_eq!(token.claims().sid, Some(browser.session.id));
    assert_eq!(token.claims().auth_time, browser.session.auth_time.as_secs(), "it proves nothing anew");
    assert_eq!(token.claims().iat, world.now().as_secs());
    assert_eq!((answer.session_id, answer.refresh_token), (Some(browser.session.id), None));
    world.engine.logout(browser.session.id, ann.id, &caller()).await.unwrap();
    assert!(world.engine.check_token(&answer.access_token).is_err());
    let again = world.engine.exchange(browser.session.id, &Wish::default()).await;
    assert_eq!(kind(&again), Some(ErrorKind::NoSession));
}

async fn an_exchange_asks_for_no_more_than_is_configured(world: World) {
    let world = world.restart_with(|settings| settings.token.scopes = vec!["read".into()]).await;
    let ann = world.user("ann").await;
    let session = world.browser(&ann).await.session.id;
    let wish = |audience: &[&str], scope: &str| Wish {
        audience: audience.iter().map(|name| (*name).to_owned()).collect(),
        scope: Some(scope.into()),
    };
    let target = world.engine.exchange(session, &wish(&["https://other.example"], "")).await;
    assert_eq!(kind(&target), Some(ErrorKind::InvalidTarget));
    let scope = world.engine.exchange(session, &wish(&[], "read write")).await;
    assert_eq!(kind(&scope), Some(ErrorKind::InvalidScope));
    let answer = world.engine.exchange(session, &wish(&[], "read")).await.unwrap();
    assert_eq!(payload(&answer.access_token)["scope"], "read");
    let plain = world.engine.exchange(session, &Wish::default()).await.unwrap();
    assert_eq!(
        payload(&plain.access_token).get("scope"),
        None,
        "a scope is of one token, not of the session"
    );
}

async fn an_exchange_that_was_read_too_long_ago_starts_again(world: World) {
    let ann = world.user("ann").await;
    let session = world.browser(&ann).await.session.id;
    let mut hold = world.store.hold_after(Call::Session);
    let engine = world.engine.clone();
    let exchange = tokio::spawn(async move { engine.exchange(session, &Wish::default()).await });
    hold.reached().await;
    world.clock.advance(Duration::from_secs(31));
    hold.release();
    let token = exchange.await.unwrap().unwrap().access_token;
    assert_eq!(payload(&token)["iat"].as_i64(), Some(world.now().as_secs()));
}

async fn an_exchange_against_an_ending_gives_nothing_that_counts(world: World) {
    let ann = world.user("ann").await;
    let session = world.browser(&ann).await.session.id;
    let mut hold = world.store.hold_after(Call::Session);
    let engine = world.engine.clone();
    let exchange = tokio::spawn(async move { engine.exchange(session, &Wish::default()).await });
    hold.reached().await;
    world.engine.logout(session, ann.id, &caller()).await.unwrap();
    hold.release();
    if let Ok(answer) = exchange.await.unwrap() {
        assert!(world.engine.check_token(&answer.access_token).is_err());
    }
}
