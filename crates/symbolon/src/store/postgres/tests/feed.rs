//! The log as a feed: numbers become visible in order whoever commits first, one that was taken back leaves no gap, and it is read from
//! the primary alone.

use std::{sync::Arc, time::Duration};

use symbolon_cluster::Cluster;
use tokio::time::timeout;

use super::{
    Fresh,
    commits::{ending, id, login, new_user, now, open},
    fresh,
};
use crate::store::{postgres::Options, *};

/// What a busy machine may take for what takes milliseconds.
const SOON: Duration = Duration::from_secs(20);

fn token(number: u128) -> Transition {
    ending(End::Token { jti: id(number) })
}

impl Fresh {
    /// Entries about this id wait, their number already taken, until [`Fresh::let_go`].
    fn hold(&self, held: Uuid) {
        self.sql(&format!(
            "CREATE TABLE held (held INTEGER); GRANT ALL ON held TO symbolon; \
             CREATE FUNCTION waits() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             WHILE NOT EXISTS (SELECT 1 FROM held) LOOP PERFORM pg_sleep(0.01); END LOOP; RETURN NEW; END $$; \
             CREATE TRIGGER waits BEFORE INSERT ON log FOR EACH ROW WHEN (NEW.id = '{held}') \
             EXECUTE FUNCTION waits()"
        ));
    }

    fn let_go(&self) {
        self.sql("INSERT INTO held VALUES (1)");
    }

    /// Waits until so many of our statements wait for this.
    async fn until_waiting(&self, for_what: &str, many: &str) {
        let asked = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = 'symbolon' AND datname = current_database() \
             AND wait_event_type = '{for_what}'"
        );
        let waiting = async {
            while self.sql(&asked) != many {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(SOON, waiting).await.expect("nobody waits: numbers are handed out side by side");
    }
}

/// One node has taken a number and does not commit, another wants the next one: were it to get it and commit, whoever reads the log
/// then would go on behind both, and never see the first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_09_no_number_is_seen_before_those_below_it() {
    let Some(database) = fresh().await else { return };
    let ((here, _), (there, _)) = (open(database.options()).await, open(database.options()).await);
    database.hold(id(1));
    let slow = tokio::spawn(async move { here.transact(token(1)).await.unwrap() });
    // In the trigger, which sleeps and looks.
    database.until_waiting("Timeout", "1").await;
    let quick = tokio::spawn({
        let there = Arc::clone(&there);
        async move { there.transact(token(2)).await.unwrap() }
    });
    database.until_waiting("Lock", "1").await;
    let page = there.log_after(0, 9).await.unwrap();
    assert_eq!((page.head, page.entries.len(), quick.is_finished()), (0, 0, false));
    database.let_go();
    let numbers = [slow, quick].map(|task| async {
        match timeout(SOON, task).await.unwrap().unwrap() {
            Outcome::Done(done) => done.entries[0].seq,
            other => panic!("{other:?}"),
        }
    });
    let [first, second] = numbers;
    assert_eq!((first.await, second.await), (1, 2));
    let page = there.log_after(0, 9).await.unwrap();
    assert_eq!((page.head, page.entries.len()), (2, 2));
}

#[tokio::test]
async fn st_10_what_was_taken_back_leaves_no_gap() {
    let Some(database) = fresh().await else { return };
    let ((here, told), (there, _)) = (open(database.options()).await, open(database.options()).await);
    here.transact(token(1)).await.unwrap();
    database.sql(&format!(
        "CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$; \
         CREATE TRIGGER fails AFTER INSERT ON log FOR EACH ROW WHEN (NEW.id = '{}') EXECUTE FUNCTION fails()",
        id(2)
    ));
    assert!(here.transact(token(2)).await.is_err(), "its entry had a number");
    let Outcome::Done(done) = there.transact(token(3)).await.unwrap() else { panic!() };
    assert_eq!(done.head, 2);
    let page = there.log_after(1, 9).await.unwrap();
    assert_eq!((page.head, page.entries.iter().map(|entry| entry.seq).collect::<Vec<_>>()), (2, vec![2]));
    assert_eq!(told.lock().unwrap().len(), 1, "and nobody is told of what did not happen");
}

/// A standby that lags: what was ended is live there. It is never asked, whether it is named first or alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn st_13_what_a_standby_says_is_never_asked() {
    let started = tokio::task::spawn_blocking(|| {
        let primary = Cluster::start()?;
        let database = primary.database().name;
        let standby = primary.standby();
        Some((primary, standby, database))
    });
    let Some((primary, standby, database)) = started.await.unwrap() else { return };
    let user = format!("postgres://{}:{}", symbolon_cluster::USER, symbolon_cluster::PASSWORD);
    let address = |cluster: &Cluster| format!("127.0.0.1:{}", cluster.port());
    let both = format!("{user}@{},{}/{database}", address(&standby), address(&primary));
    let (store, _) = open(Options::new(both)).await;
    store.register(new_user(1)).await.unwrap();
    store.transact(login(1, 100)).await.unwrap();
    let rows = "SELECT count(*) FROM sessions WHERE ended_at IS NULL";
    let caught_up = async {
        while standby.sql(&database, "SELECT to_regclass('sessions') IS NOT NULL") != "t"
            || standby.sql(&database, rows) != "1"
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, caught_up).await.unwrap();
    standby.sql(&database, "SELECT pg_wal_replay_pause()");

    store.transact(ending(End::Session { id: id(100), owner: None })).await.unwrap();
    assert_eq!(standby.sql(&database, rows), "1", "it lags");
    let (other, _) =
        open(Options::new(format!("{user}@{},{}/{database}", address(&standby), address(&primary)))).await;
    for node in [&store, &other] {
        let row = node.session(id(100)).await.unwrap().unwrap();
        assert_eq!((row.session.ended_at, node.log_after(0, 9).await.unwrap().head), (Some(now()), 1));
    }
    let alone = Options::new(format!("{user}@{}/{database}", address(&standby)));
    let told = super::bad::refused(alone).await;
    assert!(told.contains("takes no writes") && told.contains("primary"), "{told}");
}
