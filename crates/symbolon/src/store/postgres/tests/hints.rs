//! Hints: who is woken by what another node committed, and that it comes back when a listener was cut off. A store has no timer of its
//! own: without hints these tests wait in vain.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, time::timeout};
use uuid::Uuid;

use super::{
    Fresh,
    commits::{ending, id, login, new_user, open},
    fresh,
};
use crate::{
    Symbolon,
    audit::{Actor, Event},
    clock::{Clock, SystemClock, SystemRandomness},
    keyring::MasterKey,
    limits::Settings,
    revocation::Ending,
    store::{postgres::PostgresStore, *},
};

/// What a busy machine may take for what takes milliseconds.
const SOON: Duration = Duration::from_secs(20);

/// How often a node was woken.
struct Woken(watch::Receiver<usize>);

impl Woken {
    fn by(store: &PostgresStore) -> Self {
        let (count, counted) = watch::channel(0);
        store.on_hint(Arc::new(move || count.send_modify(|count| *count += 1)));
        Self(counted)
    }

    fn count(&self) -> usize {
        *self.0.borrow()
    }

    /// Waits until it was, that often in all.
    async fn times(&mut self, least: usize) {
        timeout(SOON, self.0.wait_for(|count| *count >= least)).await.unwrap().unwrap();
    }
}

fn token(number: u128) -> Transition {
    ending(End::Token { jti: id(number) })
}

impl Fresh {
    fn cut_off_listeners(&self) {
        self.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE query LIKE 'LISTEN%' AND datname = current_database()",
        );
    }

    fn listeners(&self) -> String {
        self.sql(
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()",
        )
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_node_ends_wakes_the_others_and_what_it_mints_nobody() {
    let Some(database) = fresh().await else { return };
    let ((here, _), (there, _)) = (open(database.options()).await, open(database.options()).await);
    let mut woken = Woken::by(&there);
    woken.times(1).await;
    here.register(new_user(1)).await.unwrap();
    for session in 0..20 {
        here.transact(login(1, 100 + session)).await.unwrap();
    }
    let nothing = End::Session { id: id(99), owner: Some(id(1)) };
    assert!(matches!(here.transact(ending(nothing)).await.unwrap(), Outcome::NotFound));
    // Hints come in order: whatever those writes had said is said before this.
    database.sql("NOTIFY symbolon_log");
    woken.times(2).await;
    assert_eq!((database.listeners(), woken.count()), ("1".to_owned(), 2));
    here.transact(token(7)).await.unwrap();
    woken.times(3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_endings_are_few_hints_and_whoever_reads_at_each_misses_none() {
    let Some(database) = fresh().await else { return };
    let ((here, _), (there, _)) = (open(database.options()).await, open(database.options()).await);
    let mut woken = Woken::by(&there);
    woken.times(1).await;
    let mut endings = tokio::task::JoinSet::new();
    for number in 0..200 {
        let here = Arc::clone(&here);
        endings.spawn(async move { here.transact(token(1_000 + number)).await.unwrap() });
    }
    let reads = async {
        loop {
            woken.0.mark_unchanged();
            if there.log_after(0, 1).await.unwrap().head == 200 {
                return;
            }
            woken.0.changed().await.unwrap();
        }
    };
    timeout(SOON, reads).await.expect("a hint behind the last commit");
    endings.join_all().await;
    assert!(woken.count() < 50, "{} hints for 200 endings", woken.count());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_that_was_cut_off_comes_back_and_takes_that_for_a_hint() {
    let Some(database) = fresh().await else { return };
    let ((here, _), (there, _)) = (open(database.options()).await, open(database.options()).await);
    let mut woken = Woken::by(&there);
    woken.times(1).await;
    for round in 1..=2 {
        assert_eq!(database.listeners(), "1");
        database.cut_off_listeners();
        woken.times(2 * round).await;
        here.transact(token(round as u128)).await.unwrap();
        woken.times(2 * round + 1).await;
    }
    drop(there);
    let gone = (0..500).any(|_| database.listeners() == "0");
    assert!(gone, "it listens as long as the store is there, and no longer");
}

async fn node(database: &Fresh, master: &MasterKey, lease: Duration) -> Symbolon {
    let store = PostgresStore::open(database.options(), Uuid::from_u128(1)).await.unwrap();
    let settings = Settings { lease, ..Settings::new("https://id.example") };
    let (clock, randomness) = (Arc::new(SystemClock), Arc::new(SystemRandomness));
    Symbolon::open(settings, Arc::new(store), master.clone().into(), clock, randomness).await.unwrap()
}

/// Ends a token at one node, and says how long it took; the other knows then.
async fn ended(here: &Symbolon, there: &Symbolon, number: u128) -> Duration {
    let event = Event {
        event: "token_revoked",
        actor: Actor::System,
        user: None,
        session: None,
        address: None,
        detail: Object::new(),
    };
    let began = SystemClock.monotonic();
    let done = here.end(Ending::of(End::Token { jti: id(number) }, event)).await.unwrap();
    let took = SystemClock.monotonic() - began;
    assert!(there.memory().view.last_seq() >= done.head);
    took
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ending_returns_long_before_the_other_node_renews() {
    let Some(database) = fresh().await else { return };
    let master = MasterKey::generate(&SystemRandomness);
    let lease = Duration::from_secs(30);
    let (here, there) = (node(&database, &master, lease).await, node(&database, &master, lease).await);
    // Without hints this one returns when the other has just renewed, and the next has all the time until it does so again before it.
    ended(&here, &there, 1).await;
    for number in 2..5 {
        let took = ended(&here, &there, number).await;
        assert!(took < lease / 6, "{took:?}");
        let took = ended(&there, &here, number + 10).await;
        assert!(took < lease / 6, "{took:?}");
    }
}

/// As with a database that has no LISTEN, or something between that loses it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_hears_nothing_finds_what_ended_when_it_renews() {
    let Some(database) = fresh().await else { return };
    let master = MasterKey::generate(&SystemRandomness);
    let lease = Duration::from_secs(3);
    let (here, there) = (node(&database, &master, lease).await, node(&database, &master, lease).await);
    for number in 1..5 {
        ended(&here, &there, number).await;
    }
    // Those that are connected stay so, and nobody gets in any more.
    database.sql(&format!("ALTER DATABASE {} CONNECTION LIMIT 0", database.0.name));
    database.cut_off_listeners();
    for number in 5..8 {
        let took = ended(&here, &there, number).await;
        assert!(took < lease, "{took:?}");
    }
    assert_eq!(database.listeners(), "0");
    for node in [here, there] {
        timeout(SOON, node.close()).await.expect("an end").unwrap();
    }
}
