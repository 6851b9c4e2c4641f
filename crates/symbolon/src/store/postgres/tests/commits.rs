//! Commits: what shares one, what happens when the way to the database breaks, and what stands afterwards.

use std::sync::{Arc, Mutex};

use symbolon_token::{Timestamp, view::Entry};
use uuid::Uuid;

use super::fresh;
use crate::{
    Symbolon,
    clock::{SystemClock, SystemRandomness},
    keyring::MasterKey,
    limits::Settings,
    store::{
        contract::session_row,
        postgres::{Options, PostgresStore, pool::Connections},
        *,
    },
};

pub(super) fn id(number: u128) -> Uuid {
    Uuid::from_u128(number << 64 | 1)
}

pub(super) fn now() -> Timestamp {
    Timestamp::from_secs(1_700_000_000)
}

pub(super) fn new_user(number: u128) -> NewUser {
    let user = UserRow {
        id: id(number),
        generation: 0,
        disabled: false,
        roles: Vec::new(),
        profile: Object::new(),
        identifier: format!("user-{number}"),
        created_at: now(),
        updated_at: now(),
    };
    let audit = AuditRow {
        id: id(number),
        at: now(),
        event: "registered".into(),
        actor: None,
        user: Some(user.id),
        session: None,
        address: None,
        detail: Object::new(),
    };
    NewUser { canonical: user.identifier.clone(), user, identifier_kind: "username", credential: None, audit }
}

pub(super) fn ending(end: End) -> Transition {
    Transition {
        condition: None,
        end: Some(end),
        password: None,
        mint: None,
        limit: None,
        refunds: Vec::new(),
        rekey: None,
        at: now(),
        forget_at: now().as_secs() + 60,
        audit: Vec::new(),
    }
}

pub(super) fn login(user: u128, session: u128) -> Transition {
    let condition = Condition { user: id(user), generation: 0, credential: None, predecessor: None };
    let mint = Some(session_row(id(session), id(user), now()));
    Transition { condition: Some(condition), mint, end: None, ..ending(End::User(id(user))) }
}

pub(super) type Told = Arc<Mutex<Vec<Entry>>>;

pub(super) async fn open(options: Options) -> (Arc<PostgresStore>, Told) {
    let store = PostgresStore::open(options, Uuid::from_u128(1)).await.unwrap();
    let told = Told::default();
    let hears = Arc::clone(&told);
    store.follow(Arc::new(move |entries| hears.lock().unwrap().extend_from_slice(entries)));
    (Arc::new(store), told)
}

async fn engine(options: Options, master: MasterKey) -> crate::Result<Symbolon> {
    let store = PostgresStore::open(options, Uuid::from_u128(1)).await.unwrap();
    let settings = Settings::new("https://id.example");
    let (clock, randomness) = (Arc::new(SystemClock), Arc::new(SystemRandomness));
    Symbolon::open(settings, Arc::new(store), master.into(), clock, randomness).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn km_06_ten_nodes_start_at_once_on_an_empty_database_with_one_signing_key() {
    let Some(database) = fresh().await else { return };
    let master = MasterKey::generate(&SystemRandomness);
    let mut nodes = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let options = Options { connections: 2, ..database.options() };
        nodes.spawn(engine(options, master.clone()));
    }
    let nodes = nodes.join_all().await.into_iter().collect::<crate::Result<Vec<_>>>().unwrap();
    let kids = |node: &Symbolon| node.keys().iter().map(|key| key.kid).collect::<Vec<_>>();
    assert!(nodes.iter().all(|node| kids(node).len() == 1 && kids(node) == kids(&nodes[0])));
    assert_eq!(database.sql("SELECT count(*) FROM keys"), "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn km_05_of_nodes_with_master_keys_of_their_own_one_starts() {
    let Some(database) = fresh().await else { return };
    let mut nodes = tokio::task::JoinSet::new();
    for _ in 0..5 {
        let options = Options { connections: 2, ..database.options() };
        nodes.spawn(engine(options, MasterKey::generate(&SystemRandomness)));
    }
    let refused = nodes.join_all().await.into_iter().filter_map(std::result::Result::err);
    let refused: Vec<String> = refused.map(|error| error.to_string()).collect();
    assert_eq!(refused.len(), 4);
    assert!(refused.iter().all(|told| told.contains("not the one this store was made with")), "{refused:?}");
}

/// What waits while a commit is under way goes with the next one: many endings, few commits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endings_that_wait_share_a_commit_and_are_told_in_order() {
    let Some(database) = fresh().await else { return };
    let (store, told) = open(database.options()).await;
    store.register(new_user(1)).await.unwrap();
    for session in 0..200 {
        store.transact(login(1, 1_000 + session)).await.unwrap();
    }
    let transactions = "SELECT count(DISTINCT xmin::text) FROM log";
    let mut endings = tokio::task::JoinSet::new();
    for session in 0..200 {
        let store = Arc::clone(&store);
        let end = End::Session { id: id(1_000 + session), owner: Some(id(1)) };
        endings.spawn(async move { store.transact(ending(end)).await.unwrap() });
    }
    for outcome in endings.join_all().await {
        assert!(
            matches!(outcome, Outcome::Done(done) if done.entries.len() == 1 && done.head == done.entries[0].seq)
        );
    }
    let log = store.log_after(0, 999).await.unwrap();
    assert_eq!((log.head, log.entries.len()), (200, 200));
    assert_eq!(*told.lock().unwrap(), log.entries);
    let commits: u32 = database.sql(transactions).parse().unwrap();
    assert!(commits < 50, "{commits} commits for 200 endings");
}

/// One that cannot be written must not take the others of its group along.
#[tokio::test]
async fn a_write_that_fails_leaves_the_others_of_its_group_alone() {
    let Some(database) = fresh().await else { return };
    let (store, told) = open(database.options()).await;
    store.register(new_user(1)).await.unwrap();
    let audit = vec![new_user(1).audit];
    let twice = Transition { audit, ..ending(End::Token { jti: id(7) }) };
    let (one, twice, other) = tokio::join!(
        store.transact(ending(End::Token { jti: id(8) })),
        store.transact(twice),
        store.transact(ending(End::Token { jti: id(9) })),
    );
    assert!(one.is_ok() && other.is_ok());
    assert!(twice.is_err(), "its audit row is there already");
    let log = store.log_after(0, 9).await.unwrap();
    assert_eq!((log.head, log.entries.len(), told.lock().unwrap().len()), (2, 2, 2));
}

#[tokio::test]
async fn connections_that_were_cut_are_replaced_and_nobody_notices() {
    let Some(database) = fresh().await else { return };
    let (store, told) = open(database.options()).await;
    store.register(new_user(1)).await.unwrap();
    for round in 0..5 {
        database.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'symbolon' AND datname = current_database()");
        store.user(id(1)).await.unwrap().unwrap();
        store.transact(login(1, 100 + round)).await.unwrap();
        store.transact(ending(End::Session { id: id(100 + round), owner: None })).await.unwrap();
    }
    assert_eq!(told.lock().unwrap().len(), 5);
}

/// The database takes a transaction back that met another (ST-31): it is done again, once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_31_what_the_database_took_back_is_done_again() {
    let Some(database) = fresh().await else { return };
    let (store, _) = open(database.options()).await;
    store.register(new_user(1)).await.unwrap();
    // The first three updates of a user fail as a serialisation failure does.
    database.sql(
        "CREATE SEQUENCE failures; GRANT USAGE ON SEQUENCE failures TO symbolon; \
         CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF nextval('failures') <= 3 THEN RAISE EXCEPTION 'try again' USING ERRCODE = '40001'; END IF; RETURN NEW; END $$; \
         CREATE TRIGGER fails BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION fails()",
    );
    let Outcome::Done(done) = store.transact(ending(End::User(id(1)))).await.unwrap() else { panic!() };
    assert_eq!((done.head, store.user(id(1)).await.unwrap().unwrap().generation), (1, 1));

    database.sql(
        "ALTER SEQUENCE failures RESTART; ALTER FUNCTION fails() RENAME TO once; \
         CREATE OR REPLACE FUNCTION once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         RAISE EXCEPTION 'never' USING ERRCODE = '40P01'; END $$",
    );
    assert!(store.transact(ending(End::User(id(1)))).await.is_err(), "but not for ever");
    assert_eq!(
        (store.log_after(0, 9).await.unwrap().head, store.user(id(1)).await.unwrap().unwrap().generation),
        (1, 1)
    );
}

/// Who listens between the store and a database of the cluster, the address of the database by way of it, and where it passes things on to.
async fn between(database: &str) -> (tokio::net::TcpListener, String, (std::net::Ipv4Addr, u16)) {
    let between = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = symbolon_cluster::url_by(&between.local_addr().unwrap().to_string(), database);
    let port = symbolon_cluster::cluster().unwrap().port();
    (between, url, (std::net::Ipv4Addr::LOCALHOST, port))
}

/// What is between closes nothing and passes nothing on: whoever has less patience than the store must not meet the same connection again and
/// again. A lease is renewed so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_leads_nowhere_goes_with_whoever_waited_for_it() {
    let Some(database) = fresh().await else { return };
    let (between, url, behind) = between(&database.0.name).await;
    let (frozen, watched) = tokio::sync::watch::channel(0_u32);
    tokio::spawn(async move {
        while let Ok((mut near, _)) = between.accept().await {
            let mut watched = watched.clone();
            let born = *watched.borrow();
            tokio::spawn(async move {
                let mut far = tokio::net::TcpStream::connect(behind).await.unwrap();
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                    () = async { drop(watched.wait_for(|now| *now != born).await) } => std::future::pending().await,
                }
            });
        }
    });
    let (store, _) = open(Options::new(url)).await;
    let guard = GuardLease {
        id: id(1),
        epoch: Uuid::from_u128(1),
        applied: 0,
        lease: std::time::Duration::from_secs(3),
    };
    let renew = || store.renew_guard(guard, now());
    let (one, two, three) = tokio::join!(renew(), renew(), renew());
    assert!(one.is_ok() && two.is_ok() && three.is_ok(), "as many connections as there are for leases");
    frozen.send_replace(1);
    let patience = std::time::Duration::from_secs(1);
    let mut tries = 0;
    while tokio::time::timeout(patience, renew()).await.is_err() {
        tries += 1;
        assert!(tries < 6, "the same connections again and again");
    }
    assert!(tries > 0, "nothing was between");
}

/// The first of several hosts takes connections and says nothing, as a machine does whose disk or database hangs: the next is found all the
/// same, however little patience there is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_says_nothing_does_not_keep_from_the_others() {
    let Some(database) = fresh().await else { return };
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = symbolon_cluster::cluster().unwrap().port();
    let hosts = format!("{},127.0.0.1:{port}", silent.local_addr().unwrap());
    let url = symbolon_cluster::url_by(&hosts, &database.0.name);
    let connections = Connections::new(Options {
        connect_timeout: std::time::Duration::from_millis(300),
        ..Options::new(url)
    })
    .unwrap();
    for tries in 0.. {
        assert!(tries < 30, "always the same host first");
        if connections.take().await.is_ok() {
            break;
        }
    }
}

/// A table that was never analysed looks large, and a statement over it dear enough to be compiled: half a second each time.
#[tokio::test]
async fn no_statement_is_compiled() {
    let Some(database) = fresh().await else { return };
    for connections in [Connections::new(database.options()), Connections::for_leases(database.options())] {
        let sql = connections.unwrap().take().await.unwrap();
        let row = sql.client().query_one("SELECT current_setting('jit')", &[]).await.unwrap();
        assert_eq!(row.get::<_, &str>(0), "off");
    }
}

/// Connecting takes longer than whoever waits for it has patience: it goes on without them, and the next finds it there. A lease is shorter
/// than a connection may take to come about.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_takes_long_comes_about_all_the_same() {
    let Some(database) = fresh().await else { return };
    let (between, url, behind) = between(&database.0.name).await;
    tokio::spawn(async move {
        while let Ok((mut near, _)) = between.accept().await {
            tokio::spawn(async move {
                tokio::time::sleep(std::time::Duration::from_millis(700)).await;
                let mut far = tokio::net::TcpStream::connect(behind).await.unwrap();
                tokio::io::copy_bidirectional(&mut near, &mut far).await
            });
        }
    });
    let connections = Connections::new(Options::new(url)).unwrap();
    let patience = std::time::Duration::from_millis(300);
    for tries in 0.. {
        assert!(tries < 10, "begun anew each time");
        if let Ok(taken) = tokio::time::timeout(patience, connections.take()).await {
            assert!(taken.is_ok() && tries > 0, "nothing was between");
            break;
        }
    }
}

/// A lock that somebody holds for long is waited for so long and no longer, and the rest goes on (ST-25).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_25_slow_statements_are_given_up_and_leases_go_on() {
    let Some(database) = fresh().await else { return };
    let options = Options {
        connections: 2,
        connect_timeout: std::time::Duration::from_millis(500),
        statement_timeout: std::time::Duration::from_millis(700),
        ..database.options()
    };
    let (store, _) = open(options).await;
    store.register(new_user(1)).await.unwrap();
    let stranger = database.connections();
    let lock = stranger.take().await.unwrap();
    lock.client().batch_execute("BEGIN; SELECT 1 FROM users FOR UPDATE").await.unwrap();
    let mut logins = tokio::task::JoinSet::new();
    for session in 0..8 {
        let store = Arc::clone(&store);
        logins.spawn(async move {
            store.transact(login(1, 500 + session)).await.map_err(|error| error.to_string())
        });
    }
    let guard = GuardLease {
        id: id(1),
        epoch: Uuid::from_u128(1),
        applied: 0,
        lease: std::time::Duration::from_secs(3),
    };
    store.renew_guard(guard, now()).await.unwrap();
    store.log_after(0, 9).await.unwrap();
    let answers = logins.join_all().await;
    assert!(answers.iter().all(std::result::Result::is_err));
    assert!(answers.iter().any(|answer| answer.as_ref().unwrap_err().contains("were busy")), "{answers:?}");
    lock.client().batch_execute("ROLLBACK").await.unwrap();
    assert!(store.transact(login(1, 600)).await.is_ok());
}

/// What this process holds in memory is no longer known to be true: it must end nothing more, rather than falsely.
#[tokio::test]
async fn a_follower_that_panics_stops_the_store() {
    let Some(database) = fresh().await else { return };
    let store = PostgresStore::open(database.options(), Uuid::from_u128(1)).await.unwrap();
    store.follow(Arc::new(|_| panic!("on purpose")));
    store.register(new_user(1)).await.unwrap();
    assert!(store.transact(ending(End::User(id(1)))).await.is_err());
    assert!(store.register(new_user(2)).await.is_err());
    assert!(store.installation().await.is_err());
    drop(store);
    let (store, _) = open(database.options()).await;
    assert_eq!(store.user(id(1)).await.unwrap().unwrap().generation, 1, "it was committed, but not answered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_30_a_caller_that_goes_away_changes_nothing_about_the_write() {
    let Some(database) = fresh().await else { return };
    let (store, told) = open(database.options()).await;
    store.register(new_user(1)).await.unwrap();
    for round in 0..20_u64 {
        let mut write = store.transact(ending(End::Token { jti: id(u128::from(round) + 50) }));
        let _ = std::future::poll_fn(|context| {
            let _ = write.as_mut().poll(context);
            std::task::Poll::Ready(())
        })
        .await;
        drop(write);
        let mut login = store.transact(login(1, u128::from(round) + 900));
        let _ = tokio::time::timeout(std::time::Duration::from_micros(300 * round), login.as_mut()).await;
        drop(login);
    }
    // Behind them in the queue, so after them in the log.
    store.transact(ending(End::Token { jti: id(99) })).await.unwrap();
    let log = store.log_after(0, 99).await.unwrap();
    assert_eq!((log.head, log.entries.len()), (21, 21));
    assert_eq!(*told.lock().unwrap(), log.entries);
    store.register(new_user(2)).await.unwrap();
    for session in 0..20 {
        store.transact(login(2, 2_000 + session)).await.unwrap();
    }
    assert_eq!(store.sessions_of(id(2), now()).await.unwrap().len(), 20, "no connection was left half way");
}

#[tokio::test]
async fn a_guard_long_gone_is_purged_by_the_databases_clock() {
    let Some(database) = fresh().await else { return };
    let (store, _) = open(database.options()).await;
    for number in 1..=2 {
        let lease = std::time::Duration::from_secs(3);
        let guard = GuardLease { id: id(number), epoch: Uuid::from_u128(1), applied: 0, lease };
        store.renew_guard(guard, now()).await.unwrap();
    }
    database.sql(&format!(
        "UPDATE guards SET lease_until = lease_until - 86400000 - 4000 WHERE id = '{}'",
        id(1)
    ));
    let before = PurgeBefore { now: now(), sessions: now(), audit: now(), throttle_most: 9 };
    store.purge(before, 9).await.unwrap();
    let left = store.guards(std::time::Duration::ZERO, now()).await.unwrap();
    assert_eq!(left.iter().map(|guard| guard.id).collect::<Vec<_>>(), [id(2)]);
}
