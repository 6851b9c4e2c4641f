//! A session presented with a login ends with it, whoever's it is; with a login that fails it stays.

use symbolon::{
    ErrorKind,
    login::{Attempt, Carrier},
    store::Store,
};
use symbolon_token::{Ended, SessionCookie};

use crate::common::{Browser, Call, Someone, World, caller, kind, over_every_store};

over_every_store! {
    ck_01_the_session_from_before_the_login_ends_and_its_value_is_dead,
    ck_18_a_login_as_somebody_else_ends_the_session_that_was_there,
    ck_18_a_login_that_fails_leaves_the_session_as_it_was,
    a_presented_cookie_that_is_nobodys_ends_nothing,
    a_presented_session_that_is_purged_meanwhile_does_not_fail_the_login,
}

async fn over(
    world: &World,
    someone: &Someone,
    password: &str,
    cookie: &SessionCookie,
) -> Result<Browser, symbolon::Error> {
    let attempt = Attempt {
        identifier: &someone.name,
        password,
        carrier: Carrier::Cookie { remember: true },
        presented: Some(cookie),
        known: None,
        caller: &caller(),
    };
    world.engine.login(attempt).await.map(Browser::of)
}

async fn ck_01_the_session_from_before_the_login_ends_and_its_value_is_dead(world: World) {
    let ann = world.user("ann").await;
    let before = world.browser(&ann).await;
    assert!(world.accepts(&before.cookie).await);
    let after = over(&world, &ann, &ann.password, &before.cookie).await.unwrap();
    assert_ne!(before.session.id, after.session.id);
    assert_eq!(world.recalls(&before.cookie), Some(false), "refused from memory, at once");
    assert!(world.accepts(&after.cookie).await);
    assert_eq!(world.live(ann.id).await, [after.session.id]);
    let world = world.kill().await;
    assert!(!world.accepts(&before.cookie).await && world.accepts(&after.cookie).await);
}

async fn ck_18_a_login_as_somebody_else_ends_the_session_that_was_there(world: World) {
    let (ann, bob) = (world.user("ann").await, world.user("bob").await);
    let (here, elsewhere) = (world.browser(&ann).await, world.browser(&ann).await);
    let login = over(&world, &bob, &bob.password, &here.cookie).await.unwrap();
    assert_eq!(world.check(&login.cookie).await.unwrap().user(), bob.id);
    assert!(!world.accepts(&here.cookie).await);
    assert_eq!(world.live(ann.id).await, [elsewhere.session.id], "and no other of hers");
    let ended = world.audited("session_ended").await;
    assert_eq!((ended.len(), ended[0].user), (1, Some(ann.id)), "her activity shows it");
    assert_eq!(ended[0].session, Some(here.session.id));
}

async fn ck_18_a_login_that_fails_leaves_the_session_as_it_was(world: World) {
    let (ann, bob) = (world.user("ann").await, world.user("bob").await);
    let here = world.browser(&ann).await;
    let answer = over(&world, &bob, "not the password of anybody", &here.cookie).await;
    assert_eq!(kind(&answer), Some(ErrorKind::InvalidCredentials));
    assert!(world.accepts(&here.cookie).await);
    world.store.fail_before(Call::Transact);
    assert_eq!(kind(&over(&world, &bob, &bob.password, &here.cookie).await), Some(ErrorKind::Unavailable));
    assert!(world.accepts(&here.cookie).await);
}

async fn a_presented_cookie_that_is_nobodys_ends_nothing(world: World) {
    let (ann, bob) = (world.user("ann").await, world.user("bob").await);
    let hers = world.browser(&ann).await;
    // Her session's id with a secret that nobody was given.
    let made_up = SessionCookie::mint(hers.session.id, [9; 24], &symbolon_token::MacKey::new([9; 32]));
    let reads = world.store.calls(Call::Session);
    let login = over(&world, &bob, &bob.password, &made_up).await.unwrap();
    assert_eq!(world.store.calls(Call::Session), reads, "refused by arithmetic");
    assert!(world.accepts(&hers.cookie).await && world.accepts(&login.cookie).await);
    // One that was real and has ended leaves nothing behind either.
    world.engine.logout(login.session.id, bob.id, &caller()).await.unwrap();
    let rows = world.audited("session_ended").await.len();
    let head = world.store.log_after(0, 1_000).await.unwrap().head;
    over(&world, &bob, &bob.password, &login.cookie).await.unwrap();
    assert_eq!(world.audited("session_ended").await.len(), rows);
    assert_eq!(world.store.log_after(0, 1_000).await.unwrap().head, head);
}

async fn a_presented_session_that_is_purged_meanwhile_does_not_fail_the_login(world: World) {
    let (ann, bob) = (world.user("ann").await, world.user("bob").await);
    let hers = world.browser(&ann).await;
    let mut hold = world.store.hold_before(Call::Transact);
    let (engine, someone, cookie) = (world.engine.clone(), bob.clone(), hers.cookie.clone());
    let login = tokio::spawn(async move {
        let attempt = Attempt {
            identifier: &someone.name,
            password: &someone.password,
            carrier: Carrier::Cookie { remember: true },
            presented: Some(&cookie),
            known: None,
            caller: &caller(),
        };
        engine.login(attempt).await
    });
    hold.reached().await;
    world.engine.delete_user(ann.id, symbolon::audit::Actor::Cli).await.unwrap();
    hold.release();
    let login = Browser::of(login.await.unwrap().unwrap());
    assert!(world.accepts(&login.cookie).await);
    assert_eq!(world.live(bob.id).await, [login.session.id]);
    let log = world.store.log_after(0, 1_000).await.unwrap().entries;
    assert!(log.iter().all(|entry| !matches!(entry.what, Ended::Session(_))));
}
