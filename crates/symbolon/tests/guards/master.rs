//! Another master key where several nodes share a store (KM-02): nobody decides by a key that counts no more, nobody takes for made up
//! what a key made that counts, and what cannot be done without either is refused.

use std::{os::unix::fs::PermissionsExt, path::PathBuf, sync::atomic::Ordering, time::Duration};

use symbolon::{
    ErrorKind,
    audit::Actor,
    keyring::{MasterKey, MasterKeys},
    login::{Attempt, Carrier},
    session::Issued,
    store::{Installation, Store},
    token::issue::Wish,
};
use symbolon_token::SessionCookie;

use crate::{
    history::Simulation,
    node::{Node, caller, check_cookie, check_token},
};

/// Longer than a lease, with its margin and the step that a database's clock may make.
const LAPSED: Duration = Duration::from_secs(5);

/// Nodes that each have a master key file of their own.
struct House {
    simulation: Simulation,
    folder: tempfile::TempDir,
}

impl House {
    async fn new(seed: u64, nodes: usize) -> Self {
        let simulation = Simulation::new(seed, 1, 0, 1).await;
        simulation.engine(0).close().await.unwrap();
        simulation.nodes.lock().unwrap().clear();
        let house = Self { simulation, folder: tempfile::tempdir().unwrap() };
        for place in 0..nodes {
            house.write(place, &format!("{}\n", *house.simulation.master.reveal()));
            house.start(place).await.unwrap();
        }
        house
    }

    fn path(&self, place: usize) -> PathBuf {
        self.folder.path().join(format!("{place}.key"))
    }

    fn write(&self, place: usize, keys: &str) {
        std::fs::write(self.path(place), keys).unwrap();
        std::fs::set_permissions(self.path(place), std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn read(&self, place: usize) -> String {
        std::fs::read_to_string(self.path(place)).unwrap()
    }

    /// A node by its file; the last of the nodes.
    async fn start(&self, place: usize) -> symbolon::Result<()> {
        let Simulation { database, chance, since, .. } = &self.simulation;
        let keys = MasterKeys::from_file(&self.path(place), false, &**chance)?;
        let node = Node::start_with(database, chance, keys, *since).await?;
        self.simulation.nodes.lock().unwrap().push(node);
        Ok(())
    }

    /// Its process ends as it should.
    async fn stop(&self, place: usize) {
        let node = self.simulation.nodes.lock().unwrap().remove(place);
        node.engine.close().await.unwrap();
    }

    fn cut(&self, place: usize, off: bool) {
        let link = std::sync::Arc::clone(&self.simulation.nodes.lock().unwrap()[place].link);
        if off { link.cut.store(true, Ordering::SeqCst) } else { link.heal() }
    }

    async fn installation(&self) -> Installation {
        self.simulation.database.rows.installation().await.unwrap()
    }

    /// A login at a node: the cookie, and a refresh token.
    async fn login(&self, place: usize) -> Held {
        let engine = self.simulation.engine(place);
        // Passwords are hashed in threads of their own, which simulated time would not wait for.
        tokio::time::resume();
        let password = "plum trolley under gravel";
        let name = uuid::Uuid::from_u128(u128::from(self.simulation.chance.draw())).to_string();
        let account = symbolon::user::NewAccount {
            identifier: name.clone(),
            password: password.into(),
            profile: Default::default(),
            roles: Vec::new(),
        };
        engine.add_user(account, Actor::Cli).await.unwrap();
        let log_in = async |carrier| {
            let caller = caller();
            let (presented, known) = (None, None);
            let attempt = Attempt { identifier: &name, password, carrier, presented, known, caller: &caller };
            engine.login(attempt).await.unwrap().issued
        };
        let by_cookie = log_in(Carrier::Cookie { remember: true }).await;
        let by_token = log_in(Carrier::Token(Wish::default())).await;
        tokio::time::pause();
        let (Issued::Cookie { cookie, .. }, Issued::Token(answer)) = (by_cookie, by_token) else {
            panic!("a carrier was not as wished")
        };
        Held { cookie, access: answer.access_token, refresh: answer.refresh_token.unwrap() }
    }

    /// What a node says to cookie, access token and refresh token; `None`: nobody can say.
    async fn says(&self, place: usize, held: &Held) -> [Option<bool>; 3] {
        let engine = self.simulation.engine(place);
        let refreshed = match engine.refresh(&held.refresh, None, &caller()).await {
            Ok(_) => Some(true),
            Err(error) if error.kind() == ErrorKind::Unavailable => None,
            Err(_) => Some(false),
        };
        [check_cookie(&engine, &held.cookie).await, check_token(&engine, &held.access).await, refreshed]
    }
}

struct Held {
    cookie: SessionCookie,
    access: String,
    refresh: String,
}

const YES: [Option<bool>; 3] = [Some(true); 3];
const NO: [Option<bool>; 3] = [Some(false); 3];

#[tokio::test(start_paused = true)]
async fn km_02_the_master_key_stays_while_another_node_would_not_know_the_new_one() {
    let house = House::new(61, 2).await;
    let held = house.login(0).await;
    let (file, known) = (house.read(0), house.installation().await);
    for leaked in [false, true] {
        let refused = house.simulation.engine(0).rotate_master_key(leaked, Actor::Cli).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Forbidden);
        assert!(refused.to_string().contains("Stop all nodes but one"), "{refused}");
    }
    assert_eq!((house.read(0), house.installation().await), (file, known.clone()));
    for place in 0..2 {
        assert_eq!(house.says(place, &held).await, YES);
    }
    // Nor by a start with a new key in front of the one that counts.
    house.write(
        2,
        &format!("{}\n{}", *MasterKey::generate(&*house.simulation.chance).reveal(), house.read(0)),
    );
    let refused = house.start(2).await.unwrap_err();
    assert!(refused.to_string().contains("Stop all nodes but one"), "{refused}");
    assert_eq!(house.installation().await, known);
}

#[tokio::test(start_paused = true)]
async fn km_01_one_node_takes_a_new_master_key_and_the_others_come_back_with_it() {
    let house = House::new(62, 2).await;
    let before = house.login(1).await;
    house.stop(1).await;
    let engine = house.simulation.engine(0);
    engine.rotate_master_key(false, Actor::Cli).await.unwrap();
    let after = house.login(0).await;
    assert_eq!((house.says(0, &before).await, house.says(0, &after).await), (YES, YES));

    let refused = house.start(1).await.unwrap_err();
    let current = &house.installation().await.master_keys[0].1;
    assert!(refused.to_string().contains(current), "{refused}");
    // In whatever order: which one is current the installation says.
    let lines = house.read(0);
    house.write(1, &lines.lines().rev().map(|line| format!("{line}\n")).collect::<String>());
    house.start(1).await.unwrap();
    let third = house.login(1).await;
    for held in [&before, &after, &third] {
        assert_eq!((house.says(0, held).await, house.says(1, held).await), (YES, YES));
    }
    assert_eq!(&house.installation().await.master_keys[0].1, current, "nobody turned it back");
}

#[tokio::test(start_paused = true)]
async fn km_02_a_node_that_was_cut_off_meanwhile_decides_nothing_before_it_has_the_key() {
    for leaked in [false, true] {
        let house = House::new(63, 2).await;
        let before = house.login(1).await;
        assert_eq!(house.says(1, &before).await, YES);
        house.cut(1, true);
        // It waits for the lease of the node that is cut off, and only then it knows that it is alone.
        house.simulation.engine(0).rotate_master_key(leaked, Actor::Cli).await.unwrap();
        let after = house.login(0).await;
        house.cut(1, false);
        for pause in [Duration::ZERO, LAPSED] {
            tokio::time::sleep(pause).await;
            let [cookie, access, refresh] = house.says(1, &after).await;
            assert_eq!((cookie, refresh), (None, None), "what it cannot judge it does not call made up");
            assert_ne!(access, Some(false), "nor a token, whether or not the key that signed it is new");
            let old = house.says(1, &before).await;
            if leaked {
                assert!(!old.contains(&Some(true)), "{old:?}");
            }
        }
        assert!(house.simulation.engine(1).ready().await.is_err());
        // Given the file, it goes on without a restart.
        house.write(1, &house.read(0));
        tokio::time::sleep(LAPSED).await;
        house.simulation.engine(1).ready().await.unwrap();
        assert_eq!(house.says(1, &after).await, YES);
        assert_eq!(house.says(1, &before).await, if leaked { NO } else { YES });
    }
}

#[tokio::test(start_paused = true)]
async fn km_02_of_two_starts_with_new_keys_at_once_one_wins() {
    let house = House::new(64, 1).await;
    let old = house.read(0);
    house.stop(0).await;
    for place in 1..3 {
        let new = MasterKey::generate(&*house.simulation.chance);
        house.write(place, &format!("{}\n{old}", *new.reveal()));
    }
    let (one, other) = tokio::join!(house.start(1), house.start(2));
    let won = match (one, other) {
        (Ok(()), Err(refused)) | (Err(refused), Ok(())) => {
            assert_eq!(refused.kind(), ErrorKind::Forbidden, "{refused}");
            house.installation().await.master_keys
        }
        (one, other) => panic!("{one:?} {other:?}"),
    };
    assert_eq!(won.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [2, 1]);
}
