//! A limit of logins: the oldest ends for the newest, at once and for good, and nothing else does.

use std::{num::NonZeroUsize, time::Duration};

use symbolon::{login::Carrier, session::Via, token::issue::Wish};
use tokio::task::JoinSet;

use crate::common::{Browser, World, caller, over_every_store};

over_every_store! {
    ck_19_the_oldest_login_ends_for_the_newest_at_once,
    ck_19_of_twenty_logins_at_once_no_more_live_than_the_limit,
    a_login_that_lives_by_activity_not_yet_written_counts,
    a_renewal_takes_no_room,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

async fn limited(world: World, most: usize) -> World {
    world.restart_with(|settings| settings.session.limit = NonZeroUsize::new(most)).await
}

async fn ck_19_the_oldest_login_ends_for_the_newest_at_once(world: World) {
    let world = limited(world, 2).await;
    let (ann, bob) = (world.user("ann").await, world.user("bob").await);
    let others = world.browser(&bob).await;
    let (first, second) = (world.browser(&ann).await, world.browser(&ann).await);
    world.give(second.session.id, "backup").await.unwrap();
    assert!(world.accepts(&first.cookie).await && world.accepts(&second.cookie).await);

    let third = world.browser(&ann).await;
    assert_eq!(world.recalls(&first.cookie), Some(false), "refused from memory, at once");
    assert_eq!(world.recalls(&second.cookie), Some(true));
    let by_token = world.tokens(&ann).await;
    assert_eq!(world.recalls(&second.cookie), Some(false), "a chain of tokens is a login too");
    let (given, alone) = (by_token.session_id.unwrap(), world.stateless(&ann).await);
    assert_eq!(world.live(ann.id).await.len(), 3, "two logins and the grant");
    assert!(world.accepts(&third.cookie).await && world.accepts(&others.cookie).await);
    assert!(world.live(ann.id).await.contains(&given));
    assert!(world.engine.check_token(&alone.access_token).is_ok());

    let said = world.audited("session_ended").await;
    let told: Vec<_> = said.iter().map(|row| (row.user, row.session, row.detail["by"].as_str())).collect();
    let crowded_out = |browser: &Browser| (Some(ann.id), Some(browser.session.id), Some("limit"));
    assert_eq!(told, [crowded_out(&second), crowded_out(&first)], "each once, in her activity");
    let world = world.kill().await;
    assert!(!world.accepts(&first.cookie).await && world.accepts(&third.cookie).await);
}

async fn ck_19_of_twenty_logins_at_once_no_more_live_than_the_limit(world: World) {
    let world = limited(world, 3).await;
    let ann = world.user("ann").await;
    // From browsers that logged in before: so many at once would else be guessing.
    let mut known = Vec::new();
    for _ in 0..20 {
        known.push(world.browser(&ann).await.known);
    }
    let mut logins = JoinSet::new();
    for known in known {
        let (engine, ann) = (world.engine.clone(), ann.clone());
        logins.spawn(async move {
            let attempt = symbolon::login::Attempt {
                identifier: &ann.name,
                password: &ann.password,
                carrier: Carrier::Cookie { remember: true },
                presented: None,
                known: Some(&known),
                caller: &caller(),
            };
            let browser = Browser::of(engine.login(attempt).await.unwrap());
            let live = engine.sessions(ann.id).await.unwrap().len();
            assert!(live <= 3, "{live} live at once");
            browser
        });
    }
    let browsers = logins.join_all().await;
    let mut accepted = Vec::new();
    for browser in &browsers {
        if world.accepts(&browser.cookie).await {
            accepted.push(browser.session.id);
        }
    }
    let mut live = world.live(ann.id).await;
    live.sort_unstable();
    accepted.sort_unstable();
    assert_eq!((accepted.len(), accepted), (3, live));
}

/// Its row alone says that it has run out.
async fn a_login_that_lives_by_activity_not_yet_written_counts(world: World) {
    let world = limited(world, 1).await;
    let ann = world.user("ann").await;
    let first = world.browser(&ann).await;
    world.clock.advance(6 * DAY);
    assert!(world.accepts(&first.cookie).await);
    world.clock.advance(2 * DAY);
    let second = world.browser(&ann).await;
    world.engine.sessions_written().await.unwrap();
    assert!(!world.accepts(&first.cookie).await, "it counted, and made room");
    assert_eq!(world.live(ann.id).await, [second.session.id]);
}

async fn a_renewal_takes_no_room(world: World) {
    let world = limited(world, 2).await;
    let ann = world.user("ann").await;
    let (first, second) = (world.browser(&ann).await, world.browser(&ann).await);
    let caller = caller();
    world
        .engine
        .confirm(&world.holder(second.session.id, Via::Cookie, &caller), &ann.password, false)
        .await
        .map(drop)
        .unwrap();
    assert!(world.accepts(&first.cookie).await);
    world.engine.exchange(first.session.id, &Wish::default()).await.map(drop).unwrap();
    assert_eq!(world.live(ann.id).await.len(), 2);
}
