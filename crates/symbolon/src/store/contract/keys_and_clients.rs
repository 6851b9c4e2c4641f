//! Signing keys and machine clients.

use symbolon_token::{
    key::Kid,
    view::{Ended, Entry},
};

use super::{World, at, promises, transition, world::FORGET_AFTER};
use crate::store::*;

promises! {
    km_06_of_keys_that_are_made_at_once_one_stays,
    km_06_of_facts_that_are_told_at_once_one_is_kept,
    a_key_is_kept_and_resealed,
    a_removed_key_never_comes_back,
    a_rekey_is_one_write,
    km_02_of_two_rekeys_at_once_one_wins,
    a_rekey_that_ends_sessions_ends_all_of_them,
    a_master_key_is_named_while_a_session_can_live,
    a_client_is_kept_replaced_and_removed,
    a_client_has_one_secret_or_two,
    audit_rows_are_read_newest_first_and_in_pages,
}

fn kid(text: &str) -> Kid {
    text.repeat(16).parse().unwrap()
}

fn key(name: &str) -> KeyRow {
    KeyRow {
        kid: kid(name),
        algorithm: "ES256".into(),
        sealed: vec![0, 1, 255],
        key_version: 1,
        created_at: at(0),
        sign_from: at(60),
    }
}

async fn a_key_is_kept_and_resealed(world: World) {
    assert!(world.store.put_key(key("b")).await.unwrap());
    assert!(world.store.put_key(key("a")).await.unwrap());
    assert_eq!(world.store.keys().await.unwrap(), [key("a"), key("b")]);
    let resealed =
        KeyRow { sealed: vec![9], key_version: 2, created_at: at(1), sign_from: at(2), ..key("a") };
    let renamed = KeyRow { algorithm: "none".into(), ..resealed.clone() };
    assert!(world.store.put_key(renamed).await.unwrap());
    assert_eq!(world.store.keys().await.unwrap(), [resealed, key("b")], "a key keeps its algorithm");
    assert_eq!(world.told(), []);
}

async fn a_removed_key_never_comes_back(world: World) {
    world.store.put_key(key("a")).await.unwrap();
    world.store.put_key(key("b")).await.unwrap();
    let done = world.end(End::Key(kid("a")), at(1)).await;
    let entry = Entry { seq: 1, what: Ended::Key(kid("a")), forget_at: None };
    assert_eq!(done, Done { head: 1, entries: vec![entry], generation: None, ended: None });
    assert_eq!(world.store.keys().await.unwrap(), [key("b")]);
    assert!(!world.store.put_key(key("a")).await.unwrap());
    assert_eq!(world.store.keys().await.unwrap(), [key("b")]);

    let again = world.end(End::Key(kid("a")), at(2)).await;
    assert_eq!((again.head, again.entries), (1, Vec::new()));
    let unknown = Transition { end: Some(End::Key(kid("c"))), ..transition(at(2)) };
    world.refuses(unknown, Outcome::NotFound).await;
    assert!(world.store.put_key(key("c")).await.unwrap(), "a refused removal leaves no mark");

    let before = PurgeBefore { now: at(1 << 40), sessions: at(1 << 40), audit: at(0), throttle_most: 0 };
    world.store.purge(before, 9).await.unwrap();
    assert_eq!(world.store.log_after(0, 9).await.unwrap().entries, [entry], "nor is it ever forgotten");
    assert!(!world.store.put_key(key("a")).await.unwrap());
}

/// The installation learns another master key; one signing key is sealed by it, one is new, one ends.
async fn rekey(world: &World) -> Rekey {
    let was = world.store.installation().await.unwrap();
    let installation =
        Installation { epoch: 7, master_keys: vec![(2, "new".into()), (1, "old".into())], ..was.clone() };
    let resealed = KeyRow { sealed: vec![9], key_version: 2, ..key("a") };
    let (removed, keys) = (vec![kid("b")], vec![resealed, key("c")]);
    Rekey { was, installation, removed, keys, ends_sessions: false }
}

async fn a_rekey_is_one_write(world: World) {
    let ann = world.user("ann").await;
    let session = world.mint(&ann).await;
    for name in ["a", "b"] {
        world.store.put_key(key(name)).await.unwrap();
    }
    let rekey = rekey(&world).await;
    let condition = Some(Condition { generation: 99, ..world.condition(&ann).await });
    let stale = Transition { condition, rekey: Some(rekey.clone()), ..transition(at(1)) };
    world.refuses(stale, Outcome::Stale).await;
    let audit = vec![world.audit_row("rekeyed", at(1))];
    let done = world
        .done(Transition { rekey: Some(rekey.clone()), audit: audit.clone(), ..transition(at(1)) })
        .await;
    let entries = vec![
        Entry { seq: 1, what: Ended::Key(kid("b")), forget_at: None },
        Entry { seq: 2, what: Rekey::ENTRY, forget_at: Some(transition(at(1)).forget_at) },
    ];
    assert_eq!(done, Done { head: 2, entries: entries.clone(), generation: None, ended: None });
    assert_eq!(world.told(), entries);
    assert_eq!(world.store.installation().await.unwrap(), rekey.installation);
    assert_eq!(world.store.keys().await.unwrap(), rekey.keys);
    assert_eq!(world.store.audit(None, None, 1).await.unwrap(), audit);
    assert!(world.lives(&session, at(2)).await);
    // A key that was removed does not come back, and then nothing of it happens.
    let before = world.visible().await;
    let was = rekey.installation;
    let installation = Installation { epoch: 8, ..was.clone() };
    let back = Rekey { was, installation, keys: vec![key("c"), key("b")], ..rekey };
    assert!(world.store.transact(Transition { rekey: Some(back), ..transition(at(2)) }).await.is_err());
    assert_eq!(world.visible().await, before);
}

async fn km_02_of_two_rekeys_at_once_one_wins(world: World) {
    world.store.put_key(key("a")).await.unwrap();
    let mine = Rekey { removed: Vec::new(), ..rekey(&world).await };
    let theirs = Installation { epoch: 9, master_keys: vec![(2, "theirs".into())], ..mine.was.clone() };
    let theirs = Rekey { installation: theirs, keys: vec![key("d")], ends_sessions: true, ..mine.clone() };
    let of = |rekey: &Rekey| {
        let (store, rekey) = (std::sync::Arc::clone(&world.store), Some(rekey.clone()));
        tokio::spawn(async move { store.transact(Transition { rekey, ..transition(at(1)) }).await.unwrap() })
    };
    let (one, other) = (of(&mine), of(&theirs));
    let (one, other) = (one.await.unwrap(), other.await.unwrap());
    let won = if other == Outcome::Stale { &mine } else { &theirs };
    assert!((one == Outcome::Stale) != (other == Outcome::Stale), "{one:?} {other:?}");
    assert_eq!(world.store.installation().await.unwrap(), won.installation);
    assert_eq!(world.told().len(), 1, "whoever lost wrote nothing");
    let loses = Transition { rekey: Some(mine.clone()), ..transition(at(2)) };
    let before = world.visible().await;
    world.refuses(loses, Outcome::Stale).await;
    assert_eq!(world.visible().await, before);
}

async fn a_rekey_that_ends_sessions_ends_all_of_them(world: World) {
    let (ann, bob) = (world.user("ann").await, world.user("bob").await);
    let (one, two, over) = (world.mint(&ann).await, world.mint(&bob).await, world.mint(&bob).await);
    world.end(End::Session { id: over.id, owner: None }, at(1)).await;
    let rekey = Rekey { removed: Vec::new(), ends_sessions: true, ..rekey(&world).await };
    world.done(Transition { rekey: Some(rekey), ..transition(at(2)) }).await;
    let ended = async |row: &SessionRow| world.store.session(row.id).await.unwrap().unwrap().session.ended_at;
    assert_eq!((ended(&one).await, ended(&two).await), (Some(at(2)), Some(at(2))));
    assert_eq!(ended(&over).await, Some(at(1)), "what had ended keeps its end");
    assert!(world.store.sessions_of(bob.id, at(2)).await.unwrap().is_empty());
    let later = world.mint(&ann).await;
    assert!(world.lives(&later, at(3)).await);
}

async fn a_master_key_is_named_while_a_session_can_live(world: World) {
    let ann = world.user("ann").await;
    let names = async |version, now| world.store.names_master_key(version, at(now)).await.unwrap();
    assert!(!names(1, 0).await);
    let session = world.mint(&ann).await;
    let other = SessionRow { key_version: 2, ..world.new_session(&ann, at(0)) };
    world.mint_row(&ann, other).await;
    assert_eq!((names(1, 1).await, names(2, 1).await, names(3, 1).await), (true, true, false));
    assert!(names(1, 7_200).await, "its idle end may move yet");
    assert_eq!((names(1, 86_399).await, names(1, 86_400).await), (true, false));
    world.end(End::Session { id: session.id, owner: None }, at(2)).await;
    assert_eq!((names(1, 3).await, names(2, 3).await), (false, true));
}

fn client(world: &World, name: &str) -> ClientRow {
    ClientRow {
        id: world.id(),
        name: name.into(),
        scopes: vec!["check".into(), "introspect".into()],
        secrets: vec![[1; 32]],
        created_at: at(0),
    }
}

async fn km_06_of_keys_that_are_made_at_once_one_stays(world: World) {
    let row = |number: u8| KeyRow {
        kid: char::from(b'a' + number).to_string().repeat(16).parse().unwrap(),
        algorithm: "ES256".into(),
        sealed: vec![number],
        key_version: 1,
        created_at: at(0),
        sign_from: at(0),
    };
    let at_once = async |numbers: std::ops::Range<u8>, beside: Vec<symbolon_token::Kid>| {
        let mut nodes = tokio::task::JoinSet::new();
        for number in numbers {
            let (store, row, beside) = (std::sync::Arc::clone(&world.store), row(number), beside.clone());
            nodes.spawn(async move { store.add_key(row, beside).await.unwrap() });
        }
        nodes.join_all().await.into_iter().filter(|added| *added).count()
    };
    assert_eq!(at_once(0..10, Vec::new()).await, 1);
    let first = world.store.keys().await.unwrap();
    assert_eq!(first.len(), 1);
    assert!(!world.store.add_key(first[0].clone(), vec![first[0].kid]).await.unwrap(), "it is there");
    assert_eq!(at_once(10..20, vec![first[0].kid]).await, 1);
    assert_eq!(world.store.keys().await.unwrap().len(), 2);
    world.end(End::Key(first[0].kid), at(0)).await;
    let left = world.store.keys().await.unwrap()[0].kid;
    assert!(!world.store.add_key(first[0].clone(), vec![left]).await.unwrap(), "a removed key stays away");
}

async fn km_06_of_facts_that_are_told_at_once_one_is_kept(world: World) {
    let was = world.store.installation().await.unwrap();
    let mut nodes = tokio::task::JoinSet::new();
    for number in 0..10_u32 {
        let (store, was) = (std::sync::Arc::clone(&world.store), was.clone());
        let told = Installation { master_keys: vec![(1, number.to_string())], ..was.clone() };
        nodes.spawn(
            async move { store.change_installation(was, told.clone()).await.unwrap().then_some(told) },
        );
    }
    let told: Vec<Installation> = nodes.join_all().await.into_iter().flatten().collect();
    assert_eq!(told, [world.store.installation().await.unwrap()]);
}

async fn a_client_is_kept_replaced_and_removed(world: World) {
    let audit = || world.audit_row("client_changed", at(0));
    let (first, second) = (client(&world, "one"), client(&world, "two"));
    let later = at(FORGET_AFTER).as_secs();
    assert_eq!(world.store.put_client(first.clone(), later, audit()).await.unwrap(), 1);
    world.store.put_client(second.clone(), later, audit()).await.unwrap();
    assert_eq!(world.store.clients().await.unwrap(), [first.clone(), second.clone()]);
    let rotated = ClientRow { secrets: vec![[2; 32], [1; 32]], scopes: Vec::new(), ..first };
    world.store.put_client(rotated.clone(), later, audit()).await.unwrap();
    assert_eq!(world.store.clients().await.unwrap(), [rotated.clone(), second.clone()]);
    assert_eq!(world.store.audit(None, None, 9).await.unwrap().len(), 3);

    assert_eq!(world.store.remove_client(rotated.id, later, audit()).await.unwrap(), Some(4));
    assert_eq!(world.store.audit(None, None, 9).await.unwrap().len(), 4);
    assert_eq!(world.store.remove_client(rotated.id, later, audit()).await.unwrap(), None);
    assert_eq!(world.store.audit(None, None, 9).await.unwrap().len(), 4, "what did not happen is not told");
    assert_eq!(world.store.clients().await.unwrap(), std::slice::from_ref(&second));
    let ids = [rotated.id, second.id, rotated.id, rotated.id];
    let logged =
        ids.iter().zip(1..).map(|(id, seq)| Entry { seq, what: Ended::Changed(*id), forget_at: Some(later) });
    let logged: Vec<Entry> = logged.collect();
    assert_eq!(world.told(), logged, "every change of a client, for those who know it by heart");
    assert_eq!(world.store.log_after(0, 9).await.unwrap().entries, logged);
}

async fn a_client_has_one_secret_or_two(world: World) {
    for secrets in [vec![], vec![[1; 32]; 3]] {
        let client = ClientRow { secrets, ..client(&world, "odd") };
        let audit = world.audit_row("client_added", at(0));
        assert!(world.store.put_client(client, 0, audit).await.is_err());
    }
    assert_eq!(world.store.clients().await.unwrap(), []);
    assert_eq!(world.store.audit(None, None, 9).await.unwrap(), []);
}

async fn audit_rows_are_read_newest_first_and_in_pages(world: World) {
    let (ann, session) = (world.id(), world.id());
    let mut rows = Vec::new();
    for number in 0..6 {
        let mut detail = Object::new();
        detail.insert("number".into(), number.into());
        let about = (number % 2 == 0).then_some(ann);
        let row = world.audit_row("login_failed", at(number));
        let address = Some("2001:db8::1".into());
        rows.push(AuditRow {
            user: about,
            session: about.map(|_| session),
            address,
            actor: None,
            detail,
            ..row
        });
    }
    world.store.record(rows[..4].to_vec()).await.unwrap();
    world.store.record(rows[4..].to_vec()).await.unwrap();
    world.store.record(Vec::new()).await.unwrap();
    rows.reverse();
    assert_eq!(world.store.audit(None, None, 99).await.unwrap(), rows);
    assert_eq!(world.store.audit(None, Some(rows[1].id), 2).await.unwrap(), rows[2..4]);
    let hers: Vec<_> = rows.iter().filter(|row| row.user.is_some()).cloned().collect();
    assert_eq!(world.store.audit(Some(ann), None, 2).await.unwrap(), hers[..2]);
    assert_eq!(world.store.audit(Some(ann), Some(hers[1].id), 9).await.unwrap(), hers[2..]);
    assert_eq!(world.store.audit(Some(world.id()), None, 9).await.unwrap(), []);

    let twice = vec![world.audit_row("one", at(9)), rows[0].clone()];
    assert!(world.store.record(twice).await.is_err());
    assert_eq!(world.store.audit(None, None, 99).await.unwrap(), rows, "all or none");
}
