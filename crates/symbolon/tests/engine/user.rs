//! Users: registration, what memory keeps of them, and profiles.

use std::sync::Arc;

use serde_json::json;
use symbolon::{
    Error, ErrorKind,
    audit::Actor,
    store::{Object, UserRow},
    user::NewAccount,
};
use tokio::{sync::Barrier, task::JoinSet};

use crate::common::{Call, World, caller, caller_at, kind, over_every_store};

over_every_store! {
    a_user_is_remembered_until_the_log_says_changed,
    jc_18_a_role_that_was_taken_is_gone_at_the_next_look,
    f1_a_read_that_paused_over_a_change_is_not_remembered,
    st_26_of_parallel_registrations_of_one_name_one_succeeds,
    cr_26_cr_27_other_spellings_of_a_name_are_taken_or_refused,
    cr_22_cr_23_cr_25_passwords_are_counted_in_code_points_and_have_no_rules_of_composition,
    a_closed_registration_writes_nothing,
    profiles_have_a_size_and_a_depth,
    a_disabled_user_that_is_enabled_again_logs_in_anew,
}

fn account(name: &str, password: &str) -> NewAccount {
    NewAccount {
        identifier: name.into(),
        password: password.into(),
        profile: Object::new(),
        roles: Vec::new(),
    }
}

async fn register(world: &World, name: &str, password: &str) -> Result<UserRow, Error> {
    world.engine.register(account(name, password), &caller()).await
}

const PASSWORD: &str = "plum trolley under gravel";

async fn a_user_is_remembered_until_the_log_says_changed(world: World) {
    let ann = world.user("ann").await;
    let before = world.store.calls(Call::User);
    for _ in 0..10 {
        assert_eq!(world.engine.user(ann.id).await.unwrap().profile, Object::new());
    }
    assert_eq!(world.store.calls(Call::User), before + 1);
    let profile = json!({ "nickname": "Annie" }).as_object().unwrap().clone();
    world.engine.set_profile(ann.id, profile.clone()).await.unwrap();
    assert_eq!(world.engine.user(ann.id).await.unwrap().profile, profile);
    let generation = world.engine.user(ann.id).await.unwrap().generation;
    world.engine.end_all(ann.id, Actor::Cli, None).await.unwrap();
    assert_eq!(
        world.engine.user(ann.id).await.unwrap().generation,
        generation + 1,
        "an ending is a change too"
    );
    world.engine.set_disabled(ann.id, true, Actor::Cli).await.unwrap();
    assert!(world.engine.user(ann.id).await.unwrap().disabled);
    world.engine.delete_user(ann.id, Actor::Cli).await.unwrap();
    assert_eq!(kind(&world.engine.user(ann.id).await), Some(ErrorKind::NotFound));
}

async fn jc_18_a_role_that_was_taken_is_gone_at_the_next_look(world: World) {
    let ann = world.user("ann").await;
    world.engine.set_roles(ann.id, vec!["admin".into()], Actor::Cli).await.unwrap();
    let (browser, token) = (world.browser(&ann).await, world.tokens(&ann).await);
    assert_eq!(world.engine.user(ann.id).await.unwrap().roles, ["admin"]);
    world.engine.set_roles(ann.id, Vec::new(), Actor::Cli).await.unwrap();
    assert!(world.engine.user(ann.id).await.unwrap().roles.is_empty());
    // It ends nothing.
    assert!(world.accepts(&browser.cookie).await && world.engine.check_token(&token.access_token).is_ok());
}

async fn f1_a_read_that_paused_over_a_change_is_not_remembered(world: World) {
    let ann = world.user("ann").await;
    for forgotten in [false, true] {
        let roles = |name: &str| vec![format!("{name}.{forgotten}")];
        world.engine.set_roles(ann.id, roles("old"), Actor::Cli).await.unwrap();
        let mut hold = world.store.hold_after(Call::User);
        let (engine, id) = (world.engine.clone(), ann.id);
        let reading = tokio::spawn(async move { engine.user(id).await });
        hold.reached().await;
        world.engine.set_roles(ann.id, roles("new"), Actor::Cli).await.unwrap();
        if forgotten {
            world.clock.advance(std::time::Duration::from_secs(60 * 60));
            world.engine.tend().await.unwrap();
        }
        hold.release();
        assert_eq!(reading.await.unwrap().unwrap().roles, roles("old"), "it began before");
        assert_eq!(world.engine.user(ann.id).await.unwrap().roles, roles("new"));
    }
}

async fn st_26_of_parallel_registrations_of_one_name_one_succeeds(world: World) {
    let barrier = Arc::new(Barrier::new(8));
    let mut racing = JoinSet::new();
    let spellings = ["ann@example.org", "ANN@example.org", "Ann@EXAMPLE.org", "ann@Example.ORG"];
    for number in 0..8 {
        let (engine, barrier) = (world.engine.clone(), Arc::clone(&barrier));
        racing.spawn(async move {
            let caller = caller_at(&format!("192.0.2.{number}"));
            barrier.wait().await;
            engine.register(account(spellings[number % 4], PASSWORD), &caller).await
        });
    }
    let answers = racing.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert_eq!(answers.iter().filter(|answer| kind(answer) == Some(ErrorKind::IdentifierTaken)).count(), 7);
    assert_eq!(world.engine.users(None, None, 10).await.unwrap().len(), 1);
}

async fn cr_26_cr_27_other_spellings_of_a_name_are_taken_or_refused(world: World) {
    register(&world, "admina", PASSWORD).await.unwrap();
    for (number, (name, expected)) in [
        ("ADMINA", ErrorKind::IdentifierTaken),
        ("\u{ff41}dmina", ErrorKind::IdentifierTaken),
        ("\u{430}dmina", ErrorKind::InvalidRequest),
        ("adm\u{131}na", ErrorKind::InvalidRequest),
        ("admina ", ErrorKind::InvalidRequest),
        ("adm\u{200d}ina", ErrorKind::InvalidRequest),
        ("", ErrorKind::InvalidRequest),
    ]
    .into_iter()
    .enumerate()
    {
        let answer =
            world.engine.register(account(name, PASSWORD), &caller_at(&format!("192.0.2.{number}"))).await;
        assert_eq!(kind(&answer), Some(expected), "{name}");
    }
    // An address is nobody's username.
    let owner = register(&world, "eve@example.org", PASSWORD).await.unwrap();
    assert_eq!(world.engine.find_user("EVE@example.org").await.unwrap().id, owner.id);
    assert_eq!(kind(&register(&world, "eve@example.org", PASSWORD).await), Some(ErrorKind::IdentifierTaken));
}

async fn cr_22_cr_23_cr_25_passwords_are_counted_in_code_points_and_have_no_rules_of_composition(
    world: World,
) {
    let emoji = "\u{1f600}\u{1f680}\u{1f419}\u{1f33b}\u{1f9ed}\u{1f3d4}\u{1f525}\u{1f422}\u{1f9c0}\u{1f511}\u{1f30d}\u{1f4a1}\u{1f3bb}\u{1f955}\u{26f5}";
    assert_eq!(emoji.chars().count(), 15);
    let taken =
        ["zo\u{eb} mange un p\u{e2}t\u{e9}", emoji, "plumtrolleyundergravel", "слива троллейбус гравий"];
    for (number, password) in taken.into_iter().enumerate() {
        let name = format!("user.{number}");
        register(&world, &name, password).await.unwrap();
        world.try_from(&name, password, "192.0.2.200").await.unwrap();
    }
    world.try_from("user.0", "zoe\u{308} mange un pa\u{302}te\u{301}", "192.0.2.200").await.unwrap();
    for other in ["Zo\u{eb} mange un p\u{e2}t\u{e9}", " zo\u{eb} mange un p\u{e2}t\u{e9}"] {
        let answer = world.try_from("user.0", other, "192.0.2.201").await;
        assert_eq!(kind(&answer), Some(ErrorKind::InvalidCredentials), "{other}");
    }
    let refused = |password: &str, reason: &'static str| {
        let (engine, password) = (world.engine.clone(), password.to_owned());
        async move {
            let error = engine.register(account("other", &password), &caller()).await.err().unwrap();
            assert_eq!(error.kind(), ErrorKind::PasswordRejected);
            assert!(error.reasons().contains(&reason), "{:?}", error.reasons());
        }
    };
    refused(&"\u{1f600}\u{1f680}\u{1f419}\u{1f33b}\u{1f9ed}\u{1f3d4}\u{1f525}".repeat(2), "too_short").await;
    refused(&"x".repeat(1_025), "too_long").await;
    refused("passwordpassword", "common").await;
    refused("my dear old other one", "contains_identifier").await;
}

async fn a_closed_registration_writes_nothing(world: World) {
    let world = world.restart_with(|settings| settings.registration_open = false).await;
    let before = world.store.all_calls();
    assert_eq!(kind(&register(&world, "ann", PASSWORD).await), Some(ErrorKind::Forbidden));
    assert_eq!(world.store.all_calls(), before);
    world.user("ann").await;
}

async fn profiles_have_a_size_and_a_depth(world: World) {
    let ann = world.user("ann").await;
    let set = async |value: serde_json::Value| {
        let profile = value.as_object().unwrap().clone();
        kind(&world.engine.set_profile(ann.id, profile).await)
    };
    assert_eq!(set(json!({ "a": { "b": { "c": {} } } })).await, None, "depth 4");
    assert_eq!(set(json!({ "a": { "b": { "c": { "d": {} } } } })).await, Some(ErrorKind::InvalidRequest));
    assert_eq!(set(json!({ "a": [[[[]]]] })).await, Some(ErrorKind::InvalidRequest));
    assert_eq!(set(json!({ "a": "x".repeat(4_096 - 8) })).await, None, "4 KiB to the byte");
    assert_eq!(set(json!({ "a": "x".repeat(4_096 - 7) })).await, Some(ErrorKind::InvalidRequest));
    let nobody = world.engine.set_profile(world.engine.new_id(), Object::new()).await;
    assert_eq!(kind(&nobody), Some(ErrorKind::NotFound));
}

async fn a_disabled_user_that_is_enabled_again_logs_in_anew(world: World) {
    let ann = world.user("ann").await;
    let before = world.browser(&ann).await;
    assert!(world.accepts(&before.cookie).await);
    world.engine.set_disabled(ann.id, true, Actor::Cli).await.unwrap();
    assert_eq!(
        kind(&world.try_from("ann", &ann.password, "192.0.2.1").await),
        Some(ErrorKind::InvalidCredentials)
    );
    world.engine.set_disabled(ann.id, false, Actor::Cli).await.unwrap();
    assert!(!world.accepts(&before.cookie).await, "what ended has ended");
    assert!(world.accepts(&world.browser(&ann).await.cookie).await);
}
