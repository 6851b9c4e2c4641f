//! The longest life of a token is the installation's, not one process's: what was issued under another setting is still refused
//! when it was ended, and what nobody can have issued is refused as well.

use std::time::Duration;

use symbolon::{audit::Actor, store::Store};

use crate::common::{Someone, World, caller, over_every_store};

over_every_store! {
    invariant_1_an_ending_is_remembered_for_as_long_as_the_tokens_of_the_process_before_live,
    invariant_1_a_removed_key_is_remembered_for_ever,
    invariant_1_an_ending_that_took_long_is_remembered_from_its_end,
    m9_a_token_counts_from_before_its_row_was_read,
    st_17_a_token_that_ended_stays_dead_whatever_the_clock_is_set_to,
    jc_06_a_token_above_the_installations_longest_life_is_refused,
    a_life_above_a_day_is_the_operators_to_choose,
}

const MINUTE: Duration = Duration::from_secs(60);

fn life(minutes: u32) -> impl FnOnce(&mut symbolon::limits::Settings) {
    move |settings| settings.token.access_life = minutes * MINUTE
}

async fn invariant_1_an_ending_is_remembered_for_as_long_as_the_tokens_of_the_process_before_live(
    world: World,
) {
    let mut world = world.restart_with(life(60)).await;
    let mut all = Vec::new();
    for number in 0..4 {
        let ann = world.user(&format!("ann.{number}")).await;
        let tokens = world.tokens(&ann).await;
        all.push((
            ann.clone(),
            tokens.access_token,
            tokens.session_id.unwrap(),
            world.stateless(&ann).await.access_token,
        ));
    }
    // Twice: the second process does not even know what the first was set to.
    world = world.restart_with(life(5)).await;
    world = world.restart().await;
    assert_eq!(world.store.installation().await.unwrap().token_life, 300);
    for (ann, with_session, session, stateless) in &all {
        assert!(
            world.engine.check_token(with_session).is_ok() && world.engine.check_token(stateless).is_ok()
        );
        end(&world, ann, *session, stateless).await;
        assert!(world.engine.check_token(with_session).is_err());
    }
    for _ in 0..62 {
        world.clock.advance(MINUTE);
        world.engine.tend().await.unwrap();
        for (ann, with_session, _, stateless) in &all {
            assert!(world.engine.check_token(with_session).is_err(), "{}", ann.name);
            if ann.name != "ann.0" {
                assert!(world.engine.check_token(stateless).is_err(), "{}", ann.name);
            }
        }
    }
    // The log forgets them in the end.
    world.clock.advance(2 * MINUTE);
    world.engine.tend().await.unwrap();
    assert!(world.store_log().await.is_empty());
    // A day later the short life is the only one.
    world.clock.advance(24 * 60 * MINUTE);
    let ann = world.user("late").await;
    world.engine.end_all(ann.id, Actor::Cli, None).await.unwrap();
    let entries = world.store_log().await;
    assert_eq!(entries[0].forget_at, Some(world.now().as_secs() + 300 + 120));
}

async fn end(world: &World, ann: &Someone, session: uuid::Uuid, stateless: &str) {
    match ann.name.as_str() {
        "ann.0" => world.engine.logout(session, ann.id, &caller()).await.unwrap(),
        "ann.1" => world.engine.end_all(ann.id, Actor::Cli, None).await.unwrap(),
        "ann.2" => world.engine.delete_user(ann.id, Actor::Cli).await.unwrap(),
        _ => {
            world.engine.revoke(stateless, None, &caller()).await.unwrap();
            world.engine.logout(session, ann.id, &caller()).await.unwrap();
        }
    }
}

async fn invariant_1_a_removed_key_is_remembered_for_ever(world: World) {
    let world = world.restart_with(life(24 * 60)).await;
    let ann = world.user("ann").await;
    let token = world.stateless(&ann).await.access_token;
    world.engine.remove_key(world.engine.keys()[0].kid, Actor::Cli).await.unwrap();
    let mut world = world.restart_with(life(5)).await;
    for _ in 0..26 {
        world.clock.advance(60 * MINUTE);
        world.engine.tend().await.unwrap();
        assert!(world.engine.check_token(&token).is_err());
    }
    assert_eq!(world.store_log().await.len(), 1);
    world = world.kill().await;
    assert!(world.engine.check_token(&token).is_err());
}

/// A password change that began minutes ago, and a token that was issued a moment before it was written.
async fn invariant_1_an_ending_that_took_long_is_remembered_from_its_end(world: World) {
    use crate::common::Call;
    let ann = world.user("ann").await;
    let browser = world.browser(&ann).await;
    let mut hold = world.store.hold_after(Call::LoginByUser);
    let (engine, password, session) = (world.engine.clone(), ann.password.clone(), browser.session.id);
    let renewal = tokio::spawn(async move {
        let caller = caller();
        let via = symbolon::session::Via::Cookie;
        let holder = symbolon::session::renew::Holder { session, via, known: None, caller: &caller };
        engine.change_password(&holder, &password, "walnut ferry beneath orange").await
    });
    hold.reached().await;
    world.clock.advance(10 * MINUTE);
    let token = world.stateless(&ann).await.access_token;
    hold.release();
    renewal.await.unwrap().map(drop).unwrap();
    for _ in 0..8 {
        assert!(world.engine.check_token(&token).is_err());
        world.clock.advance(MINUTE);
        world.engine.tend().await.unwrap();
    }
}

/// The session ends while somebody reads it, and by the time that its token would be signed the log has nearly forgotten that.
async fn m9_a_token_counts_from_before_its_row_was_read(world: World) {
    use crate::common::Call;
    let ann = world.user("ann").await;
    let session = world.browser(&ann).await.session.id;
    let mut hold = world.store.hold_after(Call::Session);
    let engine = world.engine.clone();
    let exchange = tokio::spawn(async move { engine.exchange(session, &Default::default()).await });
    hold.reached().await;
    world.engine.logout(session, ann.id, &caller()).await.unwrap();
    world.clock.advance(6 * MINUTE);
    hold.release();
    let Ok(answer) = exchange.await.unwrap() else { return };
    for minute in 0..8 {
        assert!(world.engine.check_token(&answer.access_token).is_err(), "{minute}");
        world.clock.advance(MINUTE);
        world.engine.tend().await.unwrap();
    }
}

/// Ahead, so that what memory knows of it is forgotten, and back again; and issued while the clock was ahead.
async fn st_17_a_token_that_ended_stays_dead_whatever_the_clock_is_set_to(world: World) {
    let ann = world.user("ann").await;
    let revoked = async |token: &str| world.engine.revoke(token, None, &caller()).await.unwrap();
    let dead = |token: &str| world.engine.check_token(token).is_err();
    let token = world.stateless(&ann).await.access_token;
    revoked(&token).await;
    world.clock.advance(60 * MINUTE);
    world.engine.tend().await.unwrap();
    world.clock.set_back(60 * MINUTE);
    assert!(dead(&token), "its ending was forgotten");

    world.clock.advance(60 * MINUTE);
    let (ahead, alive) = (world.stateless(&ann).await.access_token, world.stateless(&ann).await.access_token);
    world.clock.set_back(60 * MINUTE);
    revoked(&ahead).await;
    for minute in 0..67 {
        assert!(dead(&ahead), "{minute}");
        world.clock.advance(MINUTE);
        world.engine.tend().await.unwrap();
    }
    assert!(dead(&ahead) && dead(&alive), "past its time");
    let new = world.stateless(&ann).await.access_token;
    assert!(!dead(&new), "what is new is none of that");
}

/// Somebody who had our key (the same one, in a copy of the store) made it for ten hours.
async fn jc_06_a_token_above_the_installations_longest_life_is_refused(world: World) {
    let ann = world.user("ann").await;
    let theirs = world.restart_with(life(600)).await;
    let long = [theirs.stateless(&ann).await.access_token, theirs.tokens(&ann).await.access_token];
    assert!(long.iter().all(|token| theirs.engine.check_token(token).is_ok()));
    // Ours never heard of ten hours.
    let mut installation = theirs.store.installation().await.unwrap();
    (installation.token_life, installation.longer_life) = (300, None);
    theirs.store.set_installation(installation).await.unwrap();
    let ours = theirs.restart_with(life(5)).await;
    assert!(long.iter().all(|token| ours.engine.check_token(token).is_err()));
    let usual = ours.stateless(&ann).await.access_token;
    assert!(ours.engine.check_token(&usual).is_ok());
}

async fn a_life_above_a_day_is_the_operators_to_choose(world: World) {
    let world = world.restart_with(life(3 * 24 * 60)).await;
    let ann = world.user("ann").await;
    let token = world.stateless(&ann).await.access_token;
    let world = world.restart_with(life(5)).await;
    world.clock.advance(2 * 24 * 60 * MINUTE);
    world.engine.tend().await.unwrap();
    assert!(world.engine.check_token(&token).is_ok());
    world.engine.end_all(ann.id, Actor::Cli, None).await.unwrap();
    world.clock.advance(23 * 60 * MINUTE);
    world.engine.tend().await.unwrap();
    assert!(world.engine.check_token(&token).is_err());
}
