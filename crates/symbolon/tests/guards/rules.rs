//! One rule of the protocol each, in a history made for it.

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use symbolon::{
    ErrorKind, Symbolon,
    audit::Actor,
    keyring::MasterKey,
    limits::Settings,
    login::Attempt,
    login::Carrier,
    password::{hasher::HasherSettings, params::Argon2Params},
    revocation::{Poll, PollAnswer, without_waiting},
    session::Issued,
    store::{Installation, PurgeBefore, Store, memory::MemoryStore},
};
use symbolon_token::{Ended, SessionCookie};
use uuid::Uuid;

use crate::{
    history::Simulation,
    node::{caller, check_cookie, check_token},
    seed::{Chance, DriftingClock, begin, day},
};

pub(crate) const LEASE: Duration = Duration::from_secs(3);
/// Lease and margin, by a clock that drifts as much as one may.
pub(crate) const TIMER: Duration = Duration::from_millis(3_120);
pub(crate) const SOON: Duration = Duration::from_millis(100);

pub(crate) fn cookie(simulation: &Simulation, subject: usize) -> SessionCookie {
    SessionCookie::parse(&simulation.subjects[subject].cookie.as_ref().unwrap().reveal()).unwrap()
}

pub(crate) async fn end(engine: &Symbolon, simulation: &Simulation, subject: usize) {
    let subject = &simulation.subjects[subject];
    engine.end_session(subject.session.unwrap(), Some(subject.user), Actor::Cli, None).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_ending_is_refused_everywhere_when_it_returns_and_returns_at_once() {
    let simulation = Simulation::new(1, 3, 0, 2).await;
    let (shown, token) = (cookie(&simulation, 0), &simulation.subjects[0].token);
    for place in 0..3 {
        assert_eq!(check_cookie(&simulation.engine(place), &shown).await, Some(true));
        assert_eq!(check_token(&simulation.engine(place), token).await, Some(true));
    }
    let (took, ()) = simulation.takes(end(&simulation.engine(0), &simulation, 0)).await;
    assert!(took < SOON, "{took:?}");
    for place in 0..3 {
        assert_eq!(check_cookie(&simulation.engine(place), &shown).await, Some(false));
        assert_eq!(check_token(&simulation.engine(place), token).await, Some(false));
    }
}

#[tokio::test(start_paused = true)]
async fn f3_ending_what_has_ended_waits_too() {
    let simulation = Simulation::new(3, 2, 0, 2).await;
    simulation.nodes.lock().unwrap()[1].link.cut.store(true, Ordering::SeqCst);
    let engine = simulation.engine(0);
    let first = tokio::spawn({
        let (engine, id) = (engine.clone(), simulation.subjects[0].session.unwrap());
        async move { engine.end_session(id, None, Actor::Cli, None).await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!first.is_finished());
    let (took, ()) = simulation.takes(end(&engine, &simulation, 0)).await;
    assert!(took > LEASE / 2, "{took:?}: node 1 accepts it still");
    first.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_want_to_wait_does_not() {
    let simulation = Simulation::new(4, 2, 0, 2).await;
    simulation.nodes.lock().unwrap()[1].link.cut.store(true, Ordering::SeqCst);
    let engine = simulation.engine(0);
    let (took, ()) = simulation.takes(without_waiting(end(&engine, &simulation, 0))).await;
    assert!(took < SOON, "{took:?}");
    assert_eq!(check_cookie(&engine, &cookie(&simulation, 0)).await, Some(false), "here it counts at once");
}

#[tokio::test(start_paused = true)]
async fn f9_a_node_that_renews_and_cannot_read_holds_nobody_up_for_ever() {
    let simulation = Simulation::new(5, 2, 0, 2).await;
    simulation.nodes.lock().unwrap()[1].link.deaf.store(true, Ordering::SeqCst);
    let (took, ()) = simulation.takes(end(&simulation.engine(0), &simulation, 0)).await;
    assert!(took <= TIMER, "{took:?}");
    let other = simulation.engine(1);
    assert_ne!(check_cookie(&other, &cookie(&simulation, 0)).await, Some(true));
}

#[tokio::test(start_paused = true)]
async fn st_15_a_node_cut_off_from_the_store_answers_nothing_and_comes_back_by_itself() {
    let simulation = Simulation::new(6, 2, 0, 2).await;
    let (engine, shown) = (simulation.engine(1), cookie(&simulation, 0));
    assert_eq!(check_cookie(&engine, &shown).await, Some(true));
    let link = Arc::clone(&simulation.nodes.lock().unwrap()[1].link);
    link.cut.store(true, Ordering::SeqCst);
    assert_eq!(check_cookie(&engine, &shown).await, Some(true), "its lease lasts");
    tokio::time::sleep(TIMER).await;
    assert!(engine.ready().await.is_err());
    for _ in 0..9 {
        assert_ne!(check_cookie(&engine, &shown).await, Some(true), "nobody guesses (invariant 4)");
        assert_ne!(check_token(&engine, &simulation.subjects[0].token).await, Some(true));
    }
    link.heal();
    tokio::time::sleep(LEASE).await;
    engine.ready().await.unwrap();
    assert_eq!(check_cookie(&engine, &shown).await, Some(true));
}

#[tokio::test(start_paused = true)]
async fn rule_5_a_check_that_is_not_fresh_neither_uses_nor_fills_the_cache() {
    let simulation = Simulation::new(7, 2, 0, 2).await;
    let (engine, shown) = (simulation.engine(1), cookie(&simulation, 0));
    let link = Arc::clone(&simulation.nodes.lock().unwrap()[1].link);
    link.deaf.store(true, Ordering::SeqCst);
    tokio::time::sleep(TIMER).await;
    let kept = engine.cached().sessions;
    let asked = link.statements.load(Ordering::SeqCst);
    for _ in 0..3 {
        assert_eq!(check_cookie(&engine, &shown).await, Some(true));
    }
    assert_eq!(engine.cached().sessions, kept);
    assert!(link.statements.load(Ordering::SeqCst) >= asked + 3, "each asks the store");
    let users = engine.cached().users;
    engine.user(simulation.subjects[0].user).await.unwrap();
    assert_eq!(engine.cached().users, users);
}

#[tokio::test(start_paused = true)]
async fn rule_10_every_start_is_a_new_guard() {
    let simulation = Simulation::new(8, 3, 0, 2).await;
    let rows = simulation.database.rows.guards(Duration::ZERO, day()).await.unwrap();
    let ids: BTreeSet<Uuid> = rows.iter().map(|row| row.id).collect();
    assert_eq!(ids.len(), 3);
    assert!(ids.iter().all(|id| id.get_version_num() == 4), "random, not counted");
}

#[tokio::test(start_paused = true)]
async fn rule_11_f4_a_shutdown_leaves_nothing_fresh_and_takes_the_row_along_unless_guards_depend_on_it() {
    let simulation = Simulation::new(9, 2, 0, 2).await;
    let rows = async || simulation.database.rows.guards(Duration::ZERO, day()).await.unwrap().len();
    let engine = simulation.engine(0);
    engine.close().await.unwrap();
    assert_eq!(rows().await, 1);
    tokio::time::sleep(LEASE).await;
    assert!(!engine.guarding().fresh, "nothing makes it fresh again");
    assert_eq!(rows().await, 1, "nothing writes the row again");

    let engine = simulation.engine(1);
    ask(&engine, Uuid::from_u128(1), None, 0).await.unwrap();
    engine.close().await.unwrap();
    assert_eq!(rows().await, 1, "it lapses by itself, when the guard's lease is over");
    let refused = ask(&engine, Uuid::from_u128(1), None, 0).await;
    assert_eq!(refused.err().map(|error| error.kind()), Some(ErrorKind::Unavailable), "no more polls");
}

#[tokio::test(start_paused = true)]
async fn f4_a_renewal_that_is_under_way_at_a_shutdown_does_not_bring_the_row_back() {
    let simulation = Simulation::new(18, 1, 0, 1).await;
    let (engine, link) = (simulation.engine(0), Arc::clone(&simulation.nodes.lock().unwrap()[0].link));
    let held = link.renewing.lock().await;
    // Long enough for the next renewal to begin.
    tokio::time::sleep(LEASE / 2).await;
    let closing = tokio::spawn(async move { engine.close().await });
    tokio::time::sleep(SOON).await;
    drop(held);
    closing.await.unwrap().unwrap();
    tokio::time::sleep(LEASE).await;
    assert!(simulation.database.rows.guards(Duration::ZERO, day()).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn f8_a_node_that_missed_what_the_log_forgot_begins_anew() {
    let simulation = Simulation::new(10, 2, 0, 2).await;
    let (engine, shown) = (simulation.engine(1), cookie(&simulation, 0));
    assert_eq!(check_cookie(&engine, &shown).await, Some(true));
    let link = Arc::clone(&simulation.nodes.lock().unwrap()[1].link);
    link.cut.store(true, Ordering::SeqCst);
    end(&simulation.engine(0), &simulation, 0).await;
    let later = day().plus(Duration::from_secs(80_000));
    let before = PurgeBefore { now: later, sessions: day(), audit: day(), throttle_most: 9 };
    assert!(simulation.database.rows.purge(before, 99).await.unwrap() > 0);
    link.heal();
    tokio::time::sleep(LEASE).await;
    engine.ready().await.unwrap();
    assert_eq!(check_cookie(&engine, &shown).await, Some(false), "not by a cache that nobody purged");
}

#[tokio::test(start_paused = true)]
async fn another_epoch_of_the_log_is_another_memory_and_a_reset_for_guards() {
    let simulation = Simulation::new(11, 2, 0, 3).await;
    end(&simulation.engine(0), &simulation, 0).await;
    let engine = simulation.engine(1);
    let first = ask(&engine, Uuid::from_u128(1), None, 0).await.unwrap();
    let known = simulation.database.rows.installation().await.unwrap();
    let epoch = Uuid::from_u128(77);
    simulation.database.rows.set_installation(Installation { log_epoch: epoch, ..known }).await.unwrap();
    tokio::time::sleep(LEASE).await;
    engine.ready().await.unwrap();
    let next = ask(&engine, Uuid::from_u128(1), Some(first.epoch), first.next).await.unwrap();
    assert_eq!((next.epoch, next.reset), (epoch, true));
    let (took, ()) = simulation.takes(end(&simulation.engine(0), &simulation, 1)).await;
    assert!(took <= TIMER, "{took:?}");
    assert_eq!(check_cookie(&engine, &cookie(&simulation, 1)).await, Some(false));
}

#[tokio::test(start_paused = true)]
async fn clients_roles_and_keys_come_to_every_node_before_the_change_returns() {
    let simulation = Simulation::new(12, 2, 0, 2).await;
    let (here, there) = (simulation.engine(0), simulation.engine(1));
    let scopes = vec!["check".to_owned()];
    let (client, secret) = here.add_client("orders", scopes, Actor::Cli).await.unwrap();
    assert_eq!(there.authenticate_client(None, &secret).unwrap().id, client.id);
    let user = simulation.subjects[0].user;
    assert!(there.user(user).await.unwrap().roles.is_empty());
    here.set_roles(user, vec!["editor".into()], Actor::Cli).await.unwrap();
    assert_eq!(there.user(user).await.unwrap().roles, ["editor"]);
    here.remove_client(client.id, Actor::Cli).await.unwrap();
    assert!(there.authenticate_client(None, &secret).is_err());

    let old = here.keys()[0].kid;
    here.remove_key(old, Actor::Cli).await.unwrap();
    assert!(there.keys().iter().all(|key| key.kid != old));
    for subject in simulation.subjects.iter() {
        assert_eq!(check_token(&there, &subject.token).await, Some(false));
    }
    let session = simulation.subjects[0].session.unwrap();
    let token = here.exchange(session, &Default::default()).await.unwrap().access_token;
    assert_eq!(
        check_token(&there, &token).await,
        Some(true),
        "of a key that was made elsewhere a moment ago"
    );
}

#[tokio::test(start_paused = true)]
async fn a_node_at_rest_asks_the_store_three_times_a_second_at_most_with_guards_that_poll_it() {
    let simulation = Simulation::new(13, 2, 3, 1).await;
    let links: Vec<_> = simulation.nodes.lock().unwrap().iter().map(|node| Arc::clone(&node.link)).collect();
    tokio::time::sleep(LEASE).await;
    let statements = || links.iter().map(|link| link.statements.load(Ordering::SeqCst)).collect::<Vec<_>>();
    let before = statements();
    tokio::time::sleep(Duration::from_secs(50)).await;
    for (asked, before) in statements().into_iter().zip(before) {
        assert!(asked - before <= 150, "{} in 50 s", asked - before);
    }
}

pub(crate) async fn ask(
    engine: &Symbolon,
    guard: Uuid,
    epoch: Option<Uuid>,
    after: u64,
) -> symbolon::Result<PollAnswer> {
    engine.poll(Poll { guard, epoch, after, wait: Duration::ZERO, limit: 100 }).await
}

#[tokio::test(start_paused = true)]
async fn m4_a_guards_lease_is_no_longer_than_what_is_left_of_the_nodes() {
    let simulation = Simulation::new(14, 1, 0, 1).await;
    let engine = simulation.engine(0);
    simulation.nodes.lock().unwrap()[0].link.cut.store(true, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let left = engine.guarding().lease.unwrap().left;
    let first =
        engine.poll(Poll { guard: Uuid::max(), epoch: None, after: 0, wait: Duration::ZERO, limit: 9 });
    // The first grant is stored before it is given, and the store is out of reach.
    let refused = tokio::time::timeout(Duration::from_millis(1), first).await;
    assert!(refused.is_err() || refused.unwrap().is_err());
    simulation.nodes.lock().unwrap()[0].link.heal();
    let answer = ask(&engine, Uuid::max(), None, 0).await.unwrap();
    let now = engine.guarding().lease.unwrap().left;
    assert!(answer.lease <= now.max(left) + SOON, "{:?} of {now:?}", answer.lease);
}

/// A node that holds its store alone.
async fn alone(store: &Arc<MemoryStore>, master: &MasterKey) -> Symbolon {
    let params = Argon2Params::dangerously_weak_for_tests();
    let settings = Settings {
        hashing: HasherSettings { threads: 1, queue: 200, params },
        ..Settings::new("https://id.example")
    };
    let chance = Arc::new(Chance::new(15));
    let clock = Arc::new(DriftingClock {
        since: begin(),
        drift: 0,
        ahead: 0.into(),
        boot: Duration::ZERO,
        asked: 0.into(),
    });
    Symbolon::open(settings, Arc::clone(store) as _, master.clone().into(), clock, chance).await.unwrap()
}

async fn login(engine: &Symbolon, name: &str) -> (Uuid, Uuid) {
    let account = symbolon::user::NewAccount {
        identifier: name.into(),
        password: "plum trolley under gravel".into(),
        profile: Default::default(),
        roles: Vec::new(),
    };
    let user = engine.add_user(account, Actor::Cli).await.unwrap().id;
    let attempt = Attempt {
        identifier: name,
        password: "plum trolley under gravel",
        carrier: Carrier::Cookie { remember: true },
        presented: None,
        known: None,
        caller: &caller(),
    };
    match engine.login(attempt).await.unwrap().issued {
        Issued::Cookie { session, .. } => (session.id, user),
        Issued::Token(_) => panic!("a login by cookie answered with a token"),
    }
}

#[tokio::test]
async fn a_node_that_is_alone_waits_for_its_guards_and_for_those_of_the_process_before() {
    let (store, master) =
        (Arc::new(MemoryStore::new(Uuid::from_u128(1))), MasterKey::generate(&Chance::new(16)));
    let engine = alone(&store, &master).await;
    let guard = Uuid::from_u128(1);
    let mut sessions = Vec::new();
    for name in ["one", "two"] {
        sessions.push(login(&engine, name).await.0);
    }
    tokio::time::pause();
    let first = ask(&engine, guard, None, 0).await.unwrap();
    assert!(first.reset && !first.more && first.lease > Duration::ZERO);
    assert!(store.remote_guards().await.unwrap());

    let ending = |id: Uuid| {
        let engine = engine.clone();
        tokio::spawn(async move { engine.end_session(id, None, Actor::Cli, None).await })
    };
    let ended = ending(sessions[0]);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!ended.is_finished(), "a guard has not heard of it");
    let news = ask(&engine, guard, Some(first.epoch), first.next).await.unwrap();
    assert_eq!(
        news.entries.iter().map(|entry| entry.what).collect::<Vec<_>>(),
        [Ended::Session(sessions[0])]
    );
    assert!(!ended.is_finished(), "it may have been told, and not have applied it yet");
    ask(&engine, guard, Some(news.epoch), news.next).await.unwrap();
    ended.await.unwrap().unwrap();

    let began = begin();
    ending(sessions[1]).await.unwrap().unwrap();
    let took = crate::seed::elapsed(began);
    assert!(took > LEASE / 2 && took <= TIMER, "a guard that is gone: {took:?}");
    drop(engine);

    // A process that begins where there were guards: it knows none, and there may be some.
    tokio::time::resume();
    let store = Arc::new(MemoryStore::new(Uuid::from_u128(1)));
    store.note_remote_guards().await.unwrap();
    let engine = alone(&store, &master).await;
    let session = login(&engine, "four").await.0;
    tokio::time::pause();
    let began = begin();
    engine.end_session(session, None, Actor::Cli, None).await.unwrap();
    let took = crate::seed::elapsed(began);
    assert!(took > LEASE / 2 && took <= TIMER, "{took:?}");
    let began = begin();
    engine.end_session(session, None, Actor::Cli, None).await.unwrap();
    assert!(crate::seed::elapsed(began) < SOON);
}

#[tokio::test(start_paused = true)]
async fn f6_a_page_that_is_not_all_gives_no_lease() {
    let simulation = Simulation::new(17, 1, 0, 4).await;
    let engine = simulation.engine(0);
    for subject in 0..3 {
        end(&engine, &simulation, subject).await;
    }
    let mut after = 0;
    let mut epoch = None;
    let mut pages = 0;
    loop {
        let poll = Poll { guard: Uuid::max(), epoch, after, wait: Duration::ZERO, limit: 1 };
        let page = engine.poll(poll).await.unwrap();
        assert_eq!(page.more, page.lease.is_zero());
        (after, epoch, pages) = (page.next, Some(page.epoch), pages + 1);
        if !page.more {
            break;
        }
    }
    assert_eq!(pages, 3);
}
