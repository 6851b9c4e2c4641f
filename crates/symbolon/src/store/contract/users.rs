//! Users, their names and their passwords.

use symbolon_token::view::{Ended, Entry};

use super::{World, at, promises};
use crate::store::*;

promises! {
    a_registration_is_found_by_every_door,
    st_26_equal_identifiers_are_taken_once,
    st_27_identifiers_are_equal_byte_by_byte_only,
    st_33_odd_characters_in_identifiers_mean_nothing,
    a_registration_with_an_id_that_is_taken_changes_nothing,
    users_are_listed_in_pages,
    a_change_is_logged_and_leaves_the_rest,
    a_change_of_nobody_changes_nothing,
    a_rehash_replaces_only_the_hash_that_was_verified,
    facts_of_the_installation_are_replaced_together,
}

async fn a_registration_is_found_by_every_door(world: World) {
    let mut new = world.new_user("ann");
    new.user.roles = vec!["admin".into(), "röle".into()];
    new.user.profile.insert("näme".into(), serde_json::json!({"first": ["Ann", 1, null, true]}));
    let (user, credential, audit) = (new.user.clone(), new.credential.clone(), new.audit.clone());
    assert_eq!(world.store.register(new).await.unwrap(), Registered::Created);

    let login = LoginRow { user: user.clone(), credential };
    assert_eq!(world.store.user(user.id).await.unwrap(), Some(user.clone()));
    assert_eq!(world.store.login_by_user(user.id).await.unwrap(), Some(login.clone()));
    assert_eq!(world.store.login_by_identifier("ann").await.unwrap(), Some(login));
    assert_eq!(world.store.audit(Some(user.id), None, 9).await.unwrap(), [audit]);
    assert_eq!(world.store.login_by_identifier("ANN").await.unwrap(), None, "the shown form is no door");

    let without = NewUser { credential: None, ..world.new_user("bob") };
    let bob = without.user.clone();
    world.store.register(without).await.unwrap();
    let login = LoginRow { user: bob, credential: None };
    assert_eq!(world.store.login_by_identifier("bob").await.unwrap(), Some(login));
}

async fn st_26_equal_identifiers_are_taken_once(world: World) {
    for round in 0..10 {
        let canonical = format!("zo\u{eb}-{round}");
        let mut tasks = tokio::task::JoinSet::new();
        let mut users = Vec::new();
        for spelling in ["ZO\u{cb}", "Zoe\u{308}", "zo\u{eb}", "zoE\u{308}"].iter().cycle().take(20) {
            let mut new = world.new_user(&canonical);
            new.user.identifier = format!("{spelling}-{round}");
            users.push(new.user.id);
            let store = std::sync::Arc::clone(&world.store);
            tasks.spawn(async move { (new.user.id, store.register(new).await.unwrap()) });
        }
        let answers = tasks.join_all().await;
        let created: Vec<_> = answers.iter().filter(|(_, answer)| *answer == Registered::Created).collect();
        assert_eq!(created.len(), 1);
        for id in users {
            let exists = id == created[0].0;
            assert_eq!(world.store.user(id).await.unwrap().is_some(), exists);
            assert_eq!(world.store.audit(Some(id), None, 9).await.unwrap().len(), usize::from(exists));
        }
        assert_eq!(world.store.login_by_identifier(&canonical).await.unwrap().unwrap().user.id, created[0].0);
    }
}

/// Folding case and normal forms is done once, before the store: no store may have ideas of its own about it.
async fn st_27_identifiers_are_equal_byte_by_byte_only(world: World) {
    let names = ["É", "é", "e\u{301}", "ß", "ss", "İ", "i\u{307}", "ı", "i", "I", "a", "A", " a", "a "];
    let mut ids = Vec::new();
    for name in names {
        ids.push(world.user(name).await.id);
    }
    for (name, id) in names.iter().zip(&ids) {
        assert_eq!(world.store.login_by_identifier(name).await.unwrap().unwrap().user.id, *id, "{name}");
        assert_eq!(world.store.register(world.new_user(name)).await.unwrap(), Registered::Taken);
    }
}

async fn st_33_odd_characters_in_identifiers_mean_nothing(world: World) {
    let names = ["a:b", "a*", "a%", "a_", "a\r\nb", "a'--", "a\"", "a\\", "a[b]", "a\u{0}b", "a\u{10fffd}"];
    let mut ids = Vec::new();
    for name in names {
        ids.push(world.user(name).await.id);
    }
    for (name, id) in names.iter().zip(&ids) {
        assert_eq!(world.store.login_by_identifier(name).await.unwrap().unwrap().user.id, *id, "{name:?}");
        let found = world.store.users(Some(name), None, 99).await.unwrap();
        assert_eq!(found.iter().map(|user| user.id).collect::<Vec<_>>(), [*id], "{name:?}");
    }
    let all = world.store.users(Some("a"), None, 99).await.unwrap();
    assert_eq!(all.iter().map(|user| user.id).collect::<Vec<_>>(), ids);
}

async fn a_registration_with_an_id_that_is_taken_changes_nothing(world: World) {
    let ann = world.user("ann").await;
    let audit = world.store.audit(None, None, 1).await.unwrap().remove(0);
    let mut clashes = [world.new_user("ann2"), world.new_user("ann3"), world.new_user("ann4")];
    clashes[0].user.id = ann.id;
    clashes[1].credential.as_mut().unwrap().id = ann.credential;
    clashes[2].audit.id = audit.id;
    let before = world.visible().await;
    for clash in clashes {
        assert!(world.store.register(clash).await.is_err());
        assert_eq!(world.visible().await, before);
    }
}

async fn users_are_listed_in_pages(world: World) {
    let mut ids = Vec::new();
    for name in ["bob", "ann", "bo", "boris"] {
        ids.push(world.user(name).await.id);
    }
    let page = async |prefix, after, limit| {
        let users = world.store.users(prefix, after, limit).await.unwrap();
        users.into_iter().map(|user| user.id).collect::<Vec<_>>()
    };
    assert_eq!(page(None, None, 3).await, ids[..3]);
    assert_eq!(page(None, Some(ids[2]), 3).await, ids[3..]);
    assert_eq!(page(Some("bo"), None, 2).await, [ids[0], ids[2]]);
    assert_eq!(page(Some("bo"), Some(ids[2]), 2).await, [ids[3]]);
    assert_eq!(page(Some(""), None, 9).await, ids);
    assert!(page(Some("bob "), None, 9).await.is_empty());
    assert!(page(None, None, 0).await.is_empty());
}

async fn a_change_is_logged_and_leaves_the_rest(world: World) {
    let ann = world.user("ann").await;
    let session = world.mint(&ann).await;
    let before = world.store.user(ann.id).await.unwrap().unwrap();
    let change = UserChange {
        user: ann.id,
        profile: None,
        roles: None,
        enable: false,
        at: at(5),
        forget_at: 77,
        audit: Some(world.audit_row("profile_changed", at(5))),
    };
    let mut profile = Object::new();
    profile.insert("a".into(), 1.into());

    let set = UserChange { profile: Some(profile.clone()), ..change.clone() };
    let (user, seq) = world.store.change_user(set).await.unwrap().unwrap();
    assert_eq!(user, UserRow { profile: profile.clone(), updated_at: at(5), ..before.clone() });
    assert_eq!(world.store.user(ann.id).await.unwrap().unwrap(), user);
    let entry = Entry { seq, what: Ended::Changed(ann.id), forget_at: Some(77) };
    assert_eq!(world.told(), [entry]);
    assert!(world.lives(&session, at(5)).await);

    let set = UserChange { roles: Some(vec!["admin".into()]), audit: None, ..change.clone() };
    let (user, seq) = world.store.change_user(set).await.unwrap().unwrap();
    assert_eq!(user, UserRow { profile, roles: vec!["admin".into()], updated_at: at(5), ..before });
    assert_eq!(seq, 2);

    world.end(End::DisableUser(ann.id), at(6)).await;
    let audit = Some(world.audit_row("user_enabled", at(7)));
    let (user, seq) =
        world.store.change_user(UserChange { enable: true, audit, ..change }).await.unwrap().unwrap();
    assert_eq!((user.disabled, user.generation, seq), (false, 1, 4));
    assert!(!world.lives(&session, at(7)).await, "what was ended stays ended");
    assert_eq!(world.store.log_after(0, 9).await.unwrap().entries, world.told());
}

async fn a_change_of_nobody_changes_nothing(world: World) {
    let change = UserChange {
        user: world.id(),
        profile: Some(Object::new()),
        roles: None,
        enable: true,
        at: at(5),
        forget_at: 77,
        audit: Some(world.audit_row("profile_changed", at(5))),
    };
    let before = world.visible().await;
    assert_eq!(world.store.change_user(change).await.unwrap(), None);
    assert_eq!(world.visible().await, before);
    assert_eq!(world.told(), []);
}

async fn a_rehash_replaces_only_the_hash_that_was_verified(world: World) {
    let ann = world.user("ann").await;
    let hash = async || world.store.login_by_user(ann.id).await.unwrap().unwrap().credential.unwrap();
    let old = hash().await;
    assert!(!world.store.rehash(ann.credential, "another", "better").await.unwrap());
    assert!(!world.store.rehash(world.id(), &old.data, "better").await.unwrap());
    assert!(hash().await == old);

    assert!(world.store.rehash(ann.credential, &old.data, "better").await.unwrap());
    assert!(hash().await == CredentialRow { data: "better".into(), ..old.clone() }, "the version stays");
    assert!(!world.store.rehash(ann.credential, &old.data, "late").await.unwrap());
    assert!(hash().await.data == "better");
    assert_eq!(
        world.store.login_by_identifier(&ann.name).await.unwrap().unwrap().credential.unwrap().data,
        "better"
    );
}

async fn facts_of_the_installation_are_replaced_together(world: World) {
    let first = world.store.installation().await.unwrap();
    assert_eq!((first.log_epoch.as_u128(), first.epoch, first.master_keys.len()), (1, 1, 0));
    let next = Installation {
        log_epoch: world.id(),
        epoch: u32::MAX,
        master_keys: vec![(2, "new".into()), (1, "old".into())],
        token_life: 300,
        longer_life: Some((86_400, at(9))),
        lease_ms: 3_000,
        other_lease: Some((5_000, at(8))),
    };
    world.store.set_installation(next.clone()).await.unwrap();
    assert_eq!(world.store.installation().await.unwrap(), next);
}
