//! Activity: seldom written, in batches, and never more than what is allowed.

use std::time::Duration;

use symbolon::{ErrorKind, session::Via, store::Store, token::issue::Wish};
use symbolon_token::SessionCookie;

use crate::common::{Call, World, caller, kind, over_every_store};

over_every_store! {
    invariant_3_activity_is_written_once_a_minute_and_session_in_batches,
    activity_never_goes_beyond_the_absolute_end,
    st_21_activity_does_not_revive_what_ended,
    activity_that_could_not_be_written_is_kept_for_the_next_try,
    a_killed_process_loses_activity_and_lengthens_nothing,
    activity_that_waits_counts_for_renewal_and_exchange,
    the_list_shows_activity_that_waited,
    a_session_in_use_outlives_a_store_that_takes_no_writes,
    an_outage_lengthens_nothing_past_the_absolute_end,
    what_waits_for_the_store_is_bounded,
}

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

async fn invariant_3_activity_is_written_once_a_minute_and_session_in_batches(world: World) {
    let ann = world.user("ann").await;
    let mut browsers = Vec::new();
    for _ in 0..5 {
        browsers.push(world.browser(&ann).await);
    }
    for second in 0..180 {
        for browser in &browsers {
            assert!(world.accepts(&browser.cookie).await);
        }
        if second % 5 == 0 {
            world.engine.sessions_written().await.unwrap();
        }
        world.clock.advance(SECOND);
    }
    world.engine.sessions_written().await.unwrap();
    let written = world.store.touches();
    for browser in &browsers {
        let seen: Vec<i64> = written
            .iter()
            .flatten()
            .filter(|touch| touch.session == browser.session.id)
            .map(|touch| touch.seen.as_secs())
            .collect();
        assert_eq!(seen.len(), 2, "{seen:?}");
        assert!(seen.windows(2).all(|pair| pair[1] - pair[0] >= 60), "{seen:?}");
    }
    assert_eq!(written.len(), 2, "five sessions, one transaction");
}

async fn activity_never_goes_beyond_the_absolute_end(world: World) {
    let ann = world.user("ann").await;
    let browser = world.browser(&ann).await;
    for _ in 0..29 {
        world.clock.advance(DAY);
        assert!(world.accepts(&browser.cookie).await);
        world.engine.sessions_written().await.unwrap();
        let row = world.store.session(browser.session.id).await.unwrap().unwrap().session;
        assert_eq!(row.last_seen, world.now());
        assert_eq!(row.idle_expires_at, world.now().plus(7 * DAY).min(browser.session.expires_at));
        assert_eq!(row.expires_at, browser.session.expires_at);
    }
    let touches: Vec<_> = world.store.touches().concat();
    assert!(touches.iter().all(|touch| touch.idle_expires_at <= browser.session.expires_at));
}

async fn st_21_activity_does_not_revive_what_ended(world: World) {
    let ann = world.user("ann").await;
    let browser = world.browser(&ann).await;
    world.clock.advance(61 * SECOND);
    assert!(world.accepts(&browser.cookie).await);
    let mut hold = world.store.hold_before(Call::Touch);
    let engine = world.engine.clone();
    let flush = tokio::spawn(async move { engine.sessions_written().await });
    hold.reached().await;
    world.engine.logout(browser.session.id, ann.id, &caller()).await.unwrap();
    hold.release();
    flush.await.unwrap().unwrap();
    let row = world.store.session(browser.session.id).await.unwrap().unwrap().session;
    assert_eq!((row.last_seen, row.ended_at), (browser.session.last_seen, Some(world.now())));
    assert!(!world.accepts(&browser.cookie).await);
    // Nor what is gone altogether.
    let other = world.browser(&ann).await;
    world.clock.advance(61 * SECOND);
    assert!(world.accepts(&other.cookie).await);
    world.engine.delete_user(ann.id, symbolon::audit::Actor::Cli).await.unwrap();
    world.engine.sessions_written().await.unwrap();
    assert!(world.store.session(other.session.id).await.unwrap().is_none());
}

async fn activity_that_could_not_be_written_is_kept_for_the_next_try(world: World) {
    let ann = world.user("ann").await;
    let browser = world.browser(&ann).await;
    world.clock.advance(61 * SECOND);
    assert!(world.accepts(&browser.cookie).await);
    let seen = world.now();
    for _ in 0..3 {
        world.store.fail_before(Call::Touch);
        assert_eq!(kind(&world.engine.sessions_written().await), Some(ErrorKind::Unavailable));
    }
    world.clock.advance(61 * SECOND);
    assert!(world.accepts(&browser.cookie).await);
    world.engine.sessions_written().await.unwrap();
    let last = world.store.touches().pop().unwrap();
    assert_eq!(last.len(), 1, "an outage gathers no more than one for each session: {last:?}");
    assert!(last[0].seen > seen);
    let row = world.store.session(browser.session.id).await.unwrap().unwrap().session;
    assert_eq!(row.last_seen, last[0].seen);
}

async fn a_killed_process_loses_activity_and_lengthens_nothing(world: World) {
    let ann = world.user("ann").await;
    let browser = world.browser(&ann).await;
    world.clock.advance(6 * DAY);
    assert!(world.accepts(&browser.cookie).await);
    let world = world.kill().await;
    let row = world.store.session(browser.session.id).await.unwrap().unwrap().session;
    assert_eq!(row, browser.session, "what was not written is as it was");
    world.clock.advance(DAY);
    assert!(!world.accepts(&browser.cookie).await);
}

/// The check went through on activity that the store has not heard of yet: what follows it in the same request must not fail.
async fn activity_that_waits_counts_for_renewal_and_exchange(world: World) {
    let ann = world.user("ann").await;
    let (one, two) = (world.browser(&ann).await, world.browser(&ann).await);
    world.clock.advance(7 * DAY - SECOND);
    assert!(world.accepts(&one.cookie).await && world.accepts(&two.cookie).await);
    world.clock.advance(2 * SECOND);
    assert!(world.accepts(&one.cookie).await && world.accepts(&two.cookie).await);
    world.engine.exchange(one.session.id, &Wish::default()).await.unwrap();
    let caller = caller();
    let holder = world.holder(two.session.id, Via::Cookie, &caller);
    world.engine.confirm(&holder, &ann.password, false).await.map(drop).unwrap();
    // And what did run out has run out.
    world.clock.advance(8 * DAY);
    assert_eq!(
        kind(&world.engine.exchange(one.session.id, &Wish::default()).await),
        Some(ErrorKind::NoSession)
    );
}

async fn the_list_shows_activity_that_waited(world: World) {
    let ann = world.user("ann").await;
    let browser = world.browser(&ann).await;
    world.clock.advance(90 * SECOND);
    assert!(world.accepts(&browser.cookie).await);
    let listed = world.engine.sessions(ann.id).await.unwrap();
    assert_eq!((listed.len(), listed[0].last_seen), (1, world.now()));
}

/// Somebody comes every day, for so many, and the store takes no write.
async fn days_without_writes(world: &World, days: usize, cookie: &SessionCookie) {
    for _ in 0..days {
        world.clock.advance(DAY);
        assert!(world.accepts(cookie).await);
        world.store.fail_before(Call::Touch);
        assert_eq!(kind(&world.engine.sessions_written().await), Some(ErrorKind::Unavailable));
        // Nor is what seems to be over removed, as long as what is not cannot be told.
        world.store.fail_before(Call::Touch);
        assert_eq!(kind(&world.engine.tend().await), Some(ErrorKind::Unavailable));
    }
}

async fn a_session_in_use_outlives_a_store_that_takes_no_writes(world: World) {
    let ann = world.user("ann").await;
    let (used, left) = (world.browser(&ann).await, world.browser(&ann).await);
    days_without_writes(&world, 10, &used.cookie).await;
    let row = async |world: &World| world.store.session(used.session.id).await.unwrap().unwrap().session;
    assert_eq!(row(&world).await, used.session, "the row knows nothing, and ran out days ago");
    world.engine.ask_session(&used.cookie, None).await.map(drop).unwrap();
    assert_eq!(world.engine.live_session(used.session.id).await.unwrap().session.last_seen, world.now());
    world.engine.exchange(used.session.id, &Wish::default()).await.map(drop).unwrap();
    assert!(!world.accepts(&left.cookie).await, "what was left alone has run out");
    // What would be written on condition that it lives is refused for now, and nothing has ended by it.
    let caller = caller();
    world.store.fail_before(Call::Touch);
    let holder = world.holder(used.session.id, Via::Cookie, &caller);
    let confirmed = world.engine.confirm(&holder, &ann.password, false).await;
    assert_eq!(kind(&confirmed), Some(ErrorKind::Unavailable));
    assert!(world.accepts(&used.cookie).await);

    // The store is back: while the write is under way, and after.
    let mut hold = world.store.hold_before(Call::Touch);
    let flush = tokio::spawn({
        let engine = world.engine.clone();
        async move { engine.tend().await }
    });
    hold.reached().await;
    world.engine.ask_session(&used.cookie, None).await.map(drop).unwrap();
    hold.release();
    flush.await.unwrap().unwrap();
    let seen = world.now();
    assert_eq!((row(&world).await.last_seen, row(&world).await.idle_expires_at), (seen, seen.plus(7 * DAY)));
    assert!(!world.accepts(&left.cookie).await);
    let world = world.kill().await;
    assert!(world.accepts(&used.cookie).await, "and whoever reads the row knows it");
    world.clock.advance(7 * DAY);
    assert!(!world.accepts(&used.cookie).await, "it has earned no more than that");
}

async fn an_outage_lengthens_nothing_past_the_absolute_end(world: World) {
    let ann = world.user("ann").await;
    let (used, lost) = (world.browser(&ann).await, world.browser(&ann).await);
    days_without_writes(&world, 29, &used.cookie).await;
    world.clock.advance(DAY);
    assert!(!world.accepts(&used.cookie).await);
    assert!(world.engine.ask_session(&used.cookie, None).await.is_err());
    world.engine.tend().await.unwrap();
    let row = world.store.session(used.session.id).await.unwrap();
    assert!(
        row.is_none_or(|row| row.session.expires_at == used.session.expires_at && !row.live(world.now()))
    );
    // And what only memory knew ends with it.
    let world = world.kill().await;
    assert!(!world.accepts(&used.cookie).await && !world.accepts(&lost.cookie).await);
}

async fn what_waits_for_the_store_is_bounded(world: World) {
    let world = world.restart_with(|settings| settings.session_cache = 2).await;
    let ann = world.user("ann").await;
    let mut browsers = Vec::new();
    for _ in 0..3 {
        browsers.push(world.browser(&ann).await);
    }
    let mut alive = vec![true; 3];
    for _ in 0..8 {
        world.clock.advance(DAY);
        for (browser, alive) in browsers.iter().zip(&mut alive) {
            *alive = world.accepts(&browser.cookie).await;
        }
        world.store.fail_before(Call::Touch);
        assert_eq!(kind(&world.engine.sessions_written().await), Some(ErrorKind::Unavailable));
    }
    assert_eq!(
        alive,
        [true, true, false],
        "of the third there was no room to note anything: it ends as its row says"
    );
}

/// The figure of the design: 1,000,000 checks of 1,000 sessions within a minute. Their activity is written every five seconds, as the
/// background does it; here each second, so that fewer transactions are no accident.
#[tokio::test]
async fn a_million_checks_within_a_minute_are_a_thousand_rows_in_sixty_transactions() {
    let world = World::sqlite().await;
    const SESSIONS: usize = 1_000;
    let ann = world.user("ann").await;
    let mut cookies = Vec::new();
    for _ in 0..SESSIONS {
        cookies.push(world.browser(&ann).await.cookie);
    }
    world.clock.advance(90 * SECOND);
    for cookie in &cookies {
        assert!(world.accepts(cookie).await);
    }
    let mut checks = 0;
    for _ in 0..60 {
        for _ in 0..1_000_000 / 60 + 1 {
            assert_eq!(world.recalls(&cookies[checks * 7 % SESSIONS]), Some(true));
            checks += 1;
        }
        world.engine.sessions_written().await.unwrap();
        world.clock.advance(Duration::from_millis(990));
    }
    assert!(checks >= 1_000_000, "{checks}");
    let written = world.store.touches();
    let rows: usize = written.iter().map(Vec::len).sum();
    assert!(rows <= SESSIONS && written.len() <= 60, "{rows} rows in {} transactions", written.len());
    assert_eq!(rows, SESSIONS, "and nobody's activity is lost");
}
