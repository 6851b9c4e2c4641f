//! A hash of yesterday's strength, or of another system, is replaced at the first login: if it is still the one that was verified.

use symbolon::{
    ErrorKind,
    audit::Actor,
    password::params::Argon2Params,
    store::{Object, Store},
    user::ImportedAccount,
};

use crate::common::{Call, Someone, World, kind, logs, over_every_store};

over_every_store! {
    a_weaker_hash_is_replaced_at_the_next_login_and_nothing_ends,
    an_alien_hash_is_replaced_at_the_first_login,
    a_rehash_replaces_only_the_hash_that_was_verified,
    a_login_does_not_fail_with_its_rehash,
    cr_31_a_damaged_hash_lets_nobody_in_and_says_whose_it_is,
}

async fn stored(world: &World, someone: &Someone) -> (String, u64) {
    let row = world.store.login_by_user(someone.id).await.unwrap().unwrap().credential.unwrap();
    (row.data, row.version)
}

async fn with_stronger_hashes(world: World) -> World {
    let params = Argon2Params::dangerously_below_the_floor(16, 2, 1).unwrap();
    world.restart_with(|settings| settings.hashing.params = params).await
}

async fn a_weaker_hash_is_replaced_at_the_next_login_and_nothing_ends(world: World) {
    let ann = world.user("ann").await;
    let before = world.browser(&ann).await;
    let world = with_stronger_hashes(world).await;
    let (weak, version) = stored(&world, &ann).await;
    let after = world.browser(&ann).await;
    let (strong, same) = stored(&world, &ann).await;
    assert!(weak.contains("m=8,t=1") && strong.contains("m=16,t=2"), "{weak} {strong}");
    assert_eq!(version, same, "the password did not change");
    assert!(world.accepts(&before.cookie).await && world.accepts(&after.cookie).await);
    world.browser(&ann).await;
    assert_eq!(stored(&world, &ann).await.0, strong, "once is enough");
}

async fn an_alien_hash_is_replaced_at_the_first_login(world: World) {
    // openssl passwd -apr1 -salt ab x
    let account = ImportedAccount {
        identifier: "bob".into(),
        password_hash: "$apr1$ab$eIePjsejfBGR8ITtu2z0U1".into(),
        profile: Object::new(),
        disabled: false,
    };
    let user = world.engine.import_user(account).await.unwrap();
    let bob = Someone { id: user.id, name: "bob".into(), password: "x".into() };
    assert_eq!(kind(&world.try_from("bob", "y", "192.0.2.1").await), Some(ErrorKind::InvalidCredentials));
    assert!(stored(&world, &bob).await.0.starts_with("$apr1$"), "a wrong password replaces nothing");
    world.browser(&bob).await;
    assert!(stored(&world, &bob).await.0.starts_with("$argon2id$"));
    world.browser(&bob).await;
}

async fn a_rehash_replaces_only_the_hash_that_was_verified(world: World) {
    let ann = world.user("ann").await;
    let world = with_stronger_hashes(world).await;
    let mut hold = world.store.hold_before(Call::Rehash);
    let (engine, someone) = (world.engine.clone(), ann.clone());
    let login = tokio::spawn(async move {
        let caller = crate::common::caller();
        let (presented, known) = (None, None);
        let carrier = symbolon::login::Carrier::Cookie { remember: true };
        let Someone { name: identifier, password, .. } = &someone;
        let attempt =
            symbolon::login::Attempt { identifier, password, carrier, presented, known, caller: &caller };
        engine.login(attempt).await
    });
    hold.reached().await;
    let new = "walnut ferry beneath orange";
    world.engine.reset_password(ann.id, new, Actor::Cli).await.unwrap();
    hold.release();
    login.await.unwrap().unwrap();
    assert_eq!(
        kind(&world.try_from("ann", &ann.password, "192.0.2.1").await),
        Some(ErrorKind::InvalidCredentials),
        "the old password does not come back"
    );
    world.browser(&Someone { password: new.into(), ..ann }).await;
}

async fn a_login_does_not_fail_with_its_rehash(world: World) {
    let ann = world.user("ann").await;
    let world = with_stronger_hashes(world).await;
    world.store.fail_before(Call::Rehash);
    assert!(world.accepts(&world.browser(&ann).await.cookie).await);
    assert!(stored(&world, &ann).await.0.contains("m=8,t=1"));
    world.browser(&ann).await;
    assert!(stored(&world, &ann).await.0.contains("m=16,t=2"), "the next login tries again");
}

async fn cr_31_a_damaged_hash_lets_nobody_in_and_says_whose_it_is(world: World) {
    logs::capture();
    let hostile = [
        "",
        "$argon2id$v=19$m=4294967295,t=1,p=1$c2FsdHNhbHRzYWx0MTIzNA$BMX+zgY6SL9NpeLtKzxVKG8d/nJ2VaarXT12zilVJXA",
        "$2b$04$ééééééééééééééééééééééééééa",
    ];
    for (number, damaged) in hostile.into_iter().enumerate() {
        let ann = world.user(&format!("ann.{number}")).await;
        let login = world.store.login_by_user(ann.id).await.unwrap().unwrap();
        let credential = login.credential.unwrap();
        assert!(world.store.rehash(credential.id, &credential.data, damaged).await.unwrap());
        let answer = world.try_from(&ann.name, &ann.password, "192.0.2.1").await;
        assert_eq!(kind(&answer), Some(ErrorKind::InvalidCredentials));
        let said = logs::lines_with(&ann.id.to_string());
        assert!(said.iter().any(|line| line.starts_with("ERROR") && line.contains("hash")), "{said:?}");
        assert!(damaged.is_empty() || logs::lines_with(damaged).is_empty(), "the hash itself is not told");
        // Its owner is helped by an administrator.
        world.engine.reset_password(ann.id, &ann.password, Actor::Cli).await.unwrap();
        world.browser(&ann).await;
    }
}
