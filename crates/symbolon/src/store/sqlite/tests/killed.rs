//! `kill -9` in the middle of writes: nothing acknowledged is lost, nothing is half there, nothing ended comes back.
//! 20 rounds over one folder; `SYMBOLON_KILL_ROUNDS` asks for more.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    path::Path,
};

use symbolon_token::{Timestamp, key::Kid, view::Ended};

use super::{Other, SqliteStore, Uuid, ending, new_user, open, say, wait_for_the_end_of_input};
use crate::store::*;

const WRITERS: u128 = 8;
const NOW: Timestamp = Timestamp::from_secs(1_700_000_001);

/// What was acknowledged, by everything that was ever told, in all rounds.
#[derive(Default)]
struct Acknowledged {
    /// With the least generation and credential version.
    users: BTreeMap<Uuid, (u64, u64)>,
    deleted: BTreeSet<Uuid>,
    /// With user and the least refresh counter.
    sessions: BTreeMap<Uuid, (Uuid, u64)>,
    ended: BTreeSet<Uuid>,
    charged: BTreeSet<Uuid>,
    removed_keys: BTreeSet<Kid>,
}

impl Acknowledged {
    fn hear(&mut self, said: &str) {
        let words: Vec<&str> = said.split(' ').collect();
        let id = |at: usize| words[at].parse::<Uuid>().unwrap();
        let number = |at: usize| words[at].parse::<u64>().unwrap();
        match words[0] {
            "registered" => drop(self.users.insert(id(1), (0, 0))),
            "minted" => drop(self.sessions.insert(id(1), (id(2), 0))),
            "refreshed" => self.sessions.get_mut(&id(1)).unwrap().1 = number(2),
            "raised" => *self.users.get_mut(&id(1)).unwrap() = (number(2), number(3)),
            "ended" => drop(self.ended.insert(id(1))),
            "deleted" => drop(self.deleted.insert(id(1))),
            "charged" => drop(self.charged.insert(id(1))),
            "removed" => drop(self.removed_keys.insert(words[1].parse().unwrap())),
            _ => panic!("{said}"),
        }
    }
}

#[tokio::test]
async fn st_01_a_kill_loses_nothing_acknowledged_and_revives_nothing() {
    let rounds = env::var("SYMBOLON_KILL_ROUNDS").map_or(20, |rounds| rounds.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = Acknowledged::default();
    let mut dead = BTreeSet::new();
    for round in 0..rounds {
        let mut writer = Other::start(&format!("write {round}"), folder.path());
        let heard_before_the_kill = 1 + round * 61 % 400;
        for _ in 0..heard_before_the_kill {
            acknowledged.hear(&writer.says().expect("it writes until it is killed"));
        }
        writer.kill();
        while let Some(said) = writer.says() {
            acknowledged.hear(&said);
        }
        let store = open(folder.path());
        check(&store, &acknowledged, &mut dead).await;
    }
    assert!(
        acknowledged.sessions.len() > rounds && !acknowledged.ended.is_empty(),
        "the rounds did something"
    );
}

async fn check(store: &SqliteStore, acknowledged: &Acknowledged, dead: &mut BTreeSet<Uuid>) {
    let sound: String =
        store.readers.read(|sql| sql.query_row("PRAGMA integrity_check", [], |row| row.get(0))).unwrap();
    assert_eq!(sound, "ok");

    let log = store.log_after(0, usize::MAX).await.unwrap();
    let numbers: Vec<u64> = log.entries.iter().map(|entry| entry.seq).collect();
    assert_eq!(numbers, (1..=log.head).collect::<Vec<_>>(), "no gap, and none above the head");
    let (mut ended, mut users_ended, mut keys_ended) = (BTreeSet::new(), BTreeMap::new(), BTreeSet::new());
    for entry in &log.entries {
        match entry.what {
            Ended::Session(id) => drop(ended.insert(id)),
            Ended::User { id, generation } => drop(users_ended.insert(id, generation)),
            Ended::Key(kid) => drop(keys_ended.insert(kid)),
            Ended::Token(_) | Ended::Changed(_) => {}
        }
    }
    let deleted = |user: &Uuid| users_ended.get(user) == Some(&u64::MAX);

    for (id, (generation, version)) in &acknowledged.users {
        let Some(login) = store.login_by_user(*id).await.unwrap() else {
            assert!(deleted(id), "a user is lost");
            continue;
        };
        let credential = login.credential.unwrap();
        assert!(login.user.generation >= *generation && credential.version >= *version);
    }
    for id in &acknowledged.deleted {
        assert!(store.user(*id).await.unwrap().is_none() && deleted(id));
    }
    // Acknowledged or not: whole, or not there.
    for user in store.users(None, None, usize::MAX).await.unwrap() {
        let login = store.login_by_identifier(&user.identifier.to_lowercase()).await.unwrap().unwrap();
        assert_eq!(login.user, user);
        assert!(login.credential.is_some());
        assert_eq!(store.audit(Some(user.id), None, 9).await.unwrap().len(), 1);
        let raised = users_ended.get(&user.id).map_or(0, |generation| generation + 1);
        assert_eq!(user.generation, raised, "the row and the log say the same");
    }

    for (id, (user, counter)) in &acknowledged.sessions {
        let Some(row) = store.session(*id).await.unwrap() else {
            assert!(deleted(user), "a session is lost");
            continue;
        };
        assert!(row.session.refresh_counter >= *counter);
        assert_eq!(row.session.ended_at.is_some(), ended.contains(id), "the row and the log say the same");
        assert!(!acknowledged.ended.contains(id) || ended.contains(id), "an ending is lost");
        if rules::ended(&row) {
            dead.insert(*id);
        }
        assert!(!dead.contains(id) || !row.live(NOW), "an ended session came back");
    }

    let charged: BTreeSet<_> =
        store.counters().into_iter().map(|(key, counter)| (key, counter.count)).collect();
    for id in &acknowledged.charged {
        assert!(charged.contains(&(*id.as_bytes(), 1)));
    }
    for kid in &acknowledged.removed_keys {
        assert!(keys_ended.contains(kid));
        assert!(!store.put_key(key(*kid)).await.unwrap(), "a removed key came back");
    }
}

/// The other process: many writers at once, each saying what was answered, for as long as they may.
pub(super) fn write_until_killed(round: u128, folder: &Path) {
    std::thread::spawn(|| {
        wait_for_the_end_of_input();
        std::process::exit(1);
    });
    let store = std::sync::Arc::new(open(folder));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..WRITERS {
            let store = std::sync::Arc::clone(&store);
            writers.spawn(async move {
                for turn in 0_u128.. {
                    one_turn(&store, (round * WRITERS + writer) << 32 | turn, turn).await.unwrap();
                }
            });
        }
        writers.join_all().await;
    });
}

async fn one_turn(store: &SqliteStore, number: u128, turn: u128) -> Result<()> {
    let new = new_user(number);
    let (user, credential) = (new.user.id, new.credential.as_ref().map(|row| (row.id, row.version)));
    store.register(new).await?;
    say(&format!("registered {user}"));
    let condition = Condition { user, generation: 0, credential, predecessor: None };
    let mint = async |which: u128, transition: Transition| {
        let id = Uuid::from_u128(number << 8 | which);
        let mint = Some(session_row(id, user));
        let outcome = store.transact(Transition { mint, ..transition }).await?;
        assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
        Ok::<_, StoreError>(id)
    };
    let login = Transition { condition: Some(condition.clone()), end: None, ..ending(End::User(user)) };
    let (first, second) = (mint(10, login.clone()).await?, mint(11, login).await?);
    say(&format!("minted {first} {user}"));
    say(&format!("minted {second} {user}"));
    let idle_expires_at = Timestamp::from_secs(1_700_003_600);
    let request = RefreshRequest { session: first, presented: 0, now: NOW, grace_ms: 0, idle_expires_at };
    store.refresh(request).await?;
    say(&format!("refreshed {first} 1"));
    let rule = ThrottleRule { free: 9, block_ms: 1, max_block_ms: 1, forget_ms: i64::MAX };
    store.charge(vec![Charge { key: *user.as_bytes(), rule }], NOW).await?;
    say(&format!("charged {user}"));
    match turn % 5 {
        0 => {
            store.transact(ending(End::Session { id: first, owner: Some(user) })).await?;
            say(&format!("ended {first}"));
        }
        1 => {
            store.transact(ending(End::User(user))).await?;
            say(&format!("raised {user} 1 0"));
        }
        2 => {
            let condition = Some(Condition { predecessor: Some(second), ..condition });
            let password = credential.map(|(id, _)| (id, String::from("new")));
            let change = Transition { condition, password, ..ending(End::User(user)) };
            let third = mint(12, change).await?;
            say(&format!("raised {user} 1 1"));
            say(&format!("minted {third} {user}"));
        }
        3 => {
            store.transact(ending(End::DeleteUser(user))).await?;
            say(&format!("deleted {user}"));
        }
        _ => {
            let kid = format!("{number:016x}").parse().unwrap();
            assert!(store.put_key(key(kid)).await?);
            store.transact(ending(End::Key(kid))).await?;
            say(&format!("removed {kid}"));
        }
    }
    let seen = Timestamp::from_secs(1_700_000_100);
    let touch = |session| Touch { session, since: seen, seen, idle_expires_at };
    store.touch(vec![touch(first), touch(second)]).await
}

fn key(kid: Kid) -> KeyRow {
    KeyRow {
        kid,
        algorithm: "ES256".into(),
        sealed: vec![1; 64],
        key_version: 1,
        created_at: NOW,
        sign_from: NOW,
    }
}

fn session_row(id: Uuid, user: Uuid) -> SessionRow {
    crate::store::contract::session_row(id, user, Timestamp::from_secs(1_700_000_000))
}
