//! Filling the cache against what happens in between (model/README.md, F1): a pause, however long, brings back nothing that ended.

use std::time::Duration;

use symbolon::{Error, audit::Actor, session::CheckedSession};
use symbolon_token::SessionCookie;
use tokio::task::JoinHandle;

use crate::common::{Call, Someone, World, caller, over_every_store};

over_every_store! {
    f1_a_fill_that_paused_over_an_ending_is_not_kept,
    f1_a_fill_that_paused_until_the_view_forgot_the_ending_is_not_kept,
    f1_a_change_of_the_user_keeps_the_session_out_of_the_cache_and_ends_nothing,
    a_cached_session_never_outlives_the_entry_that_ended_it,
    a_user_that_ended_again_and_again_is_swept_each_time,
}

#[derive(Clone, Copy, Debug)]
enum Ending {
    Logout,
    Everything,
    Disable,
    Delete,
    PasswordReset,
}

const ENDINGS: [Ending; 5] =
    [Ending::Logout, Ending::Everything, Ending::Disable, Ending::Delete, Ending::PasswordReset];

impl Ending {
    async fn happens(self, world: &World, someone: &Someone, session: uuid::Uuid) {
        let (engine, by) = (&world.engine, Actor::Cli);
        match self {
            Self::Logout => engine.logout(session, someone.id, &caller()).await.unwrap(),
            Self::Everything => engine.end_all(someone.id, by, None).await.unwrap(),
            Self::Disable => drop(engine.set_disabled(someone.id, true, by).await.unwrap()),
            Self::Delete => engine.delete_user(someone.id, by).await.unwrap(),
            Self::PasswordReset => {
                engine.reset_password(someone.id, "walnut ferry beneath orange", by).await.unwrap();
            }
        }
    }
}

fn ask(world: &World, cookie: &SessionCookie) -> JoinHandle<Result<CheckedSession, Error>> {
    let (engine, cookie) = (world.engine.clone(), cookie.clone());
    tokio::spawn(async move { engine.ask_session(&cookie, None).await })
}

async fn f1_a_fill_that_paused_over_an_ending_is_not_kept(world: World) {
    for ending in ENDINGS {
        let ann = world.user(&format!("ann.{ending:?}")).await;
        let browser = world.browser(&ann).await;
        let mut hold = world.store.hold_after(Call::Session);
        let check = ask(&world, &browser.cookie);
        hold.reached().await;
        ending.happens(&world, &ann, browser.session.id).await;
        hold.release();
        assert!(check.await.unwrap().is_err(), "{ending:?}: the view knows better than the read");
        assert_ne!(world.recalls(&browser.cookie), Some(true), "{ending:?}");
        assert!(!world.accepts(&browser.cookie).await, "{ending:?}");
    }
}

/// The check that began before may still be answered; the next one may not.
async fn f1_a_fill_that_paused_until_the_view_forgot_the_ending_is_not_kept(world: World) {
    for ending in ENDINGS {
        let ann = world.user(&format!("ann.{ending:?}")).await;
        let browser = world.browser(&ann).await;
        let mut hold = world.store.hold_after(Call::Session);
        let check = ask(&world, &browser.cookie);
        hold.reached().await;
        ending.happens(&world, &ann, browser.session.id).await;
        world.clock.advance(Duration::from_secs(60 * 60));
        world.engine.tend().await.unwrap();
        hold.release();
        let _ = check.await.unwrap();
        assert_ne!(world.recalls(&browser.cookie), Some(true), "{ending:?}");
        assert!(!world.accepts(&browser.cookie).await, "{ending:?}");
    }
}

async fn f1_a_change_of_the_user_keeps_the_session_out_of_the_cache_and_ends_nothing(world: World) {
    let ann = world.user("ann").await;
    let browser = world.browser(&ann).await;
    let mut hold = world.store.hold_after(Call::Session);
    let check = ask(&world, &browser.cookie);
    hold.reached().await;
    world.engine.set_roles(ann.id, vec!["reader".into()], Actor::Cli).await.unwrap();
    hold.release();
    assert!(check.await.unwrap().is_ok());
    assert_eq!(world.recalls(&browser.cookie), None);
    assert!(world.accepts(&browser.cookie).await);
    assert_eq!(world.recalls(&browser.cookie), Some(true));
}

async fn a_cached_session_never_outlives_the_entry_that_ended_it(world: World) {
    for ending in ENDINGS {
        let ann = world.user(&format!("ann.{ending:?}")).await;
        let browser = world.browser(&ann).await;
        assert!(world.accepts(&browser.cookie).await);
        ending.happens(&world, &ann, browser.session.id).await;
        world.clock.advance(Duration::from_secs(60 * 60));
        world.engine.tend().await.unwrap();
        let entries = world.store_log().await;
        assert!(entries.is_empty(), "the log has forgotten it, and so has the view: {entries:?}");
        assert_ne!(world.recalls(&browser.cookie), Some(true), "{ending:?}");
        assert!(!world.accepts(&browser.cookie).await, "{ending:?}");
    }
}

async fn a_user_that_ended_again_and_again_is_swept_each_time(world: World) {
    let ann = world.user("ann").await;
    let mut dead = Vec::new();
    for round in 0..4 {
        let browser = world.browser(&ann).await;
        assert!(world.accepts(&browser.cookie).await);
        if round % 2 == 0 {
            world.engine.tend().await.unwrap();
        }
        world.engine.end_all(ann.id, Actor::Cli, None).await.unwrap();
        dead.push(browser);
    }
    let alive = world.browser(&ann).await;
    assert!(world.accepts(&alive.cookie).await);
    for _ in 0..2 {
        world.clock.advance(Duration::from_secs(60 * 60));
        world.engine.tend().await.unwrap();
        for browser in &dead {
            assert_ne!(world.recalls(&browser.cookie), Some(true));
            assert!(!world.accepts(&browser.cookie).await);
        }
        assert_eq!(world.recalls(&alive.cookie), Some(true), "of the living none is swept");
    }
}
