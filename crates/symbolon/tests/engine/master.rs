//! Another master key: while everything goes on, or at once because the old one leaked. With the keys in a file, and without.

use std::time::Duration;

use symbolon::{
    ErrorKind,
    audit::Actor,
    keyring::{MasterKey, MasterKeys, MasterRotation},
    session::{Via, renew::Renewed},
    store::{Store, sqlite::SqliteStore},
};
use symbolon_token::SessionCookie;

use crate::common::{Browser, Call, Someone, World, caller, kind, over_every_store};

over_every_store! {
    km_01_a_new_master_key_refuses_nothing_and_all_is_sealed_by_it,
    a_previous_key_stays_while_a_live_session_names_it,
    a_leaked_master_key_ends_everything_that_it_ever_made,
    st_01_a_rotation_that_dies_anywhere_leaves_what_starts,
    st_01_a_leak_that_dies_anywhere_leaves_what_starts,
    keys_from_the_environment_are_their_keepers_to_change,
    a_file_that_somebody_else_changed_is_not_written,
    a_store_that_fails_changes_nothing_that_counts,
    km_05_a_key_is_never_taken_over_without_one_that_is_known,
}

const HOUR: Duration = Duration::from_secs(60 * 60);

/// A world whose master key is in a file, which is not beside the store: a restart of the one leaves the other.
pub(super) struct House {
    pub(super) world: World,
    folder: tempfile::TempDir,
}

impl House {
    pub(super) async fn of(world: World) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        std::fs::write(&path, format!("{}\n", *world.master.reveal())).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        Self { world, folder }.restart().await
    }

    fn keys(&self) -> Result<MasterKeys, symbolon::Error> {
        MasterKeys::from_file(&self.folder.path().join("master.key"), false, &*self.world.randomness)
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.path().join("master.key")).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    fn write(&self, lines: &[String]) {
        std::fs::write(self.folder.path().join("master.key"), lines.join("\n")).unwrap();
    }

    /// The process dies and another one begins, with what the file holds now.
    pub(super) async fn restart(self) -> Self {
        let keys = self.keys().unwrap();
        let Self { world, folder } = self;
        Self { world: world.reopen_with(keys).await.unwrap(), folder }
    }

    pub(super) async fn rotate(&self, leaked: bool) -> Result<MasterRotation, symbolon::Error> {
        self.world.engine.rotate_master_key(leaked, Actor::Cli).await
    }

    /// Numbers of the master keys, current first, and the epoch.
    async fn installation(&self) -> (Vec<u32>, u32) {
        let installation = self.world.store.installation().await.unwrap();
        (installation.master_keys.iter().map(|(number, _)| *number).collect(), installation.epoch)
    }

    async fn sealed_by(&self) -> Vec<u32> {
        self.world.store.keys().await.unwrap().iter().map(|key| key.key_version).collect()
    }
}

/// What somebody holds, of every kind.
struct Holds {
    ann: Someone,
    browser: Browser,
    access: String,
    refresh: String,
    stateless: String,
    grant: String,
}

impl Holds {
    async fn of(world: &World, name: &str) -> Self {
        let ann = world.user(name).await;
        let browser = world.browser(&ann).await;
        let tokens = world.tokens(&ann).await;
        let grant = world.give(browser.session.id, "job").await.unwrap().answer.refresh_token.unwrap();
        assert!(world.accepts(&browser.cookie).await, "and it is in memory");
        Self {
            stateless: world.stateless(&ann).await.access_token,
            access: tokens.access_token,
            refresh: tokens.refresh_token.unwrap(),
            ann,
            browser,
            grant,
        }
    }

    /// Whether all of it is good, or none.
    async fn counts(&self, world: &World) -> bool {
        let refresh = async |token: &str| world.engine.refresh(token, None, &caller()).await.is_ok();
        let found = [
            world.accepts(&self.browser.cookie).await,
            world.engine.check_token(&self.access).is_ok(),
            world.engine.check_token(&self.stateless).is_ok(),
            refresh(&self.refresh).await,
            refresh(&self.grant).await,
            !world.live(self.ann.id).await.is_empty(),
        ];
        assert!(found.iter().all(|one| *one == found[0]), "{found:?}");
        found[0]
    }
}

fn cookie(renewed: Renewed) -> SessionCookie {
    match renewed.issued {
        symbolon::session::Issued::Cookie { cookie, .. } => cookie,
        symbolon::session::Issued::Token(_) => panic!("a renewal by cookie answered with a token"),
    }
}

async fn km_01_a_new_master_key_refuses_nothing_and_all_is_sealed_by_it(world: World) {
    let mut house = House::of(world).await;
    let first = house.lines();
    let holds = Holds::of(&house.world, "ann").await;
    let jwks = house.world.engine.jwks();
    let head = house.world.store.log_head().await;
    let done = house.rotate(false).await.unwrap();
    let fingerprints = house.keys().unwrap().fingerprints();
    assert_eq!(
        done,
        MasterRotation::Done {
            fingerprint: fingerprints[0].clone(),
            kept: vec![fingerprints[1].clone()],
            by_hand: false
        }
    );
    assert_eq!((house.lines().len(), &house.lines()[1]), (2, &first[0]), "the new one stands in front");
    for _ in 0..3 {
        assert!(holds.counts(&house.world).await);
        assert_eq!(house.world.engine.jwks(), jwks, "no verifier has anything to learn");
        assert_eq!((house.installation().await, house.sealed_by().await), ((vec![2, 1], 1), vec![2]));
        assert_eq!(
            house.world.store.log_head().await,
            head + 1,
            "one entry, by which others know, and no ending"
        );
        house = house.restart().await;
    }
    // What is made now is made with the new one, what was made before keeps its own.
    let row = async |id| house.world.store.session(id).await.unwrap().unwrap().session;
    assert_eq!(row(holds.browser.session.id).await.key_version, 1);
    let other = house.world.browser(&holds.ann).await;
    assert_eq!(row(other.session.id).await.key_version, 2);
    let caller = caller();
    let holder = house.world.holder(holds.browser.session.id, Via::Cookie, &caller);
    let next = house.world.engine.confirm(&holder, &holds.ann.password, false).await.unwrap();
    assert!(house.world.accepts(&cookie(next)).await);
    let again = house.rotate(false).await.unwrap();
    assert!(matches!(again, MasterRotation::Done { kept, .. } if kept.len() == 2));
    assert!(house.world.accepts(&other.cookie).await);
    assert_eq!((house.installation().await, house.sealed_by().await), ((vec![3, 2, 1], 1), vec![3]));
    let rows = house.world.audited("master_key_rotated").await;
    assert_eq!(
        (rows.len(), rows[0].actor.as_deref(), &rows[0].detail["leaked"]),
        (2, Some("cli"), &false.into())
    );
}

async fn a_previous_key_stays_while_a_live_session_names_it(world: World) {
    let mut house = House::of(world).await;
    let old = house.lines();
    let holds = Holds::of(&house.world, "ann").await;
    house.rotate(false).await.unwrap();
    let new = house.lines()[0].clone();
    let bob = house.world.user("bob").await;
    let later = house.world.browser(&bob).await;
    for _ in 0..3 {
        house.world.clock.advance(2 * HOUR);
        house.world.engine.tend().await.unwrap();
        assert_eq!((house.installation().await.0, house.lines().len()), (vec![2, 1], 2));
        assert!(house.world.accepts(&holds.browser.cookie).await);
        house = house.restart().await;
    }
    for id in house.world.live(holds.ann.id).await {
        house.world.engine.end_session(id, None, Actor::Cli, None).await.unwrap();
    }
    house.world.engine.tend().await.unwrap();
    house.world.clock.advance(HOUR);
    house.world.engine.tend().await.unwrap();
    assert_eq!(house.installation().await, (vec![2], 1));
    assert_eq!(house.lines(), [new], "and nobody needs it any more");
    assert_eq!(house.world.audited("master_key_dropped").await.len(), 1);
    for _ in 0..2 {
        assert!(house.world.accepts(&later.cookie).await);
        house.world.browser(&bob).await;
        house = house.restart().await;
    }
    let refused = house.world.reopen_with(MasterKeys::parse(&old[0]).unwrap()).await;
    assert_eq!(kind(&refused), Some(ErrorKind::Unavailable));
}

async fn a_leaked_master_key_ends_everything_that_it_ever_made(world: World) {
    let mut house = House::of(world).await;
    house.rotate(false).await.unwrap();
    let holds = Holds::of(&house.world, "ann").await;
    let before = house.lines();
    let jwks = house.world.engine.jwks();
    let done = house.rotate(true).await.unwrap();
    assert!(matches!(done, MasterRotation::Done { kept, by_hand: false, .. } if kept.is_empty()));
    assert_eq!((house.lines().len(), house.installation().await), (1, (vec![3], 2)));
    assert_eq!(house.sealed_by().await, [3], "one signing key, and it is a new one");
    for _ in 0..3 {
        assert!(!holds.counts(&house.world).await);
        assert!(house.world.engine.jwks().keys.iter().all(|key| !jwks.keys.contains(key)));
        house = house.restart().await;
    }
    // Everybody logs in again, and clients stay what they are.
    let again =
        Holds { browser: house.world.browser(&holds.ann).await, ..Holds::of(&house.world, "bob").await };
    assert!(house.world.accepts(&again.browser.cookie).await);
    for line in before {
        let refused = MasterKeys::parse(&line).unwrap();
        assert!(!house.lines().contains(&line), "{:?}", refused.fingerprints());
    }
}

/// After each step of a rotation the process dies; what it leaves must start, and everything be as good as before.
async fn st_01_a_rotation_that_dies_anywhere_leaves_what_starts(world: World) {
    let mut house = House::of(world).await;
    let holds = Holds::of(&house.world, "ann").await;
    // Behind the file, before the store has heard of it.
    house.world.store.fail_before(Call::Transact);
    assert_eq!(kind(&house.rotate(false).await), Some(ErrorKind::Unavailable));
    assert_eq!((house.lines().len(), house.installation().await.0), (2, vec![1]));
    assert!(holds.counts(&house.world).await, "this process goes on as it was");
    house = house.restart().await;
    assert_eq!(
        (house.installation().await, house.sealed_by().await),
        ((vec![2, 1], 1), vec![2]),
        "taken over"
    );
    assert!(holds.counts(&house.world).await);
    // A start that dies in the middle of taking over.
    house.world.store.fail_before(Call::Transact);
    assert!(house.rotate(false).await.is_err());
    let lines = house.lines();
    house = house.restart().await;
    assert_eq!((house.installation().await.0, house.lines()), (vec![3, 2, 1], lines));
    // Behind the store, before this process uses it.
    house.world.store.fail_after(Call::Transact);
    assert!(house.rotate(false).await.is_err());
    assert_eq!(house.installation().await.0, [4, 3, 2, 1]);
    assert!(holds.counts(&house.world).await);
    house = house.restart().await;
    assert!(holds.counts(&house.world).await);
    assert_eq!(house.sealed_by().await, [4]);
}

async fn st_01_a_leak_that_dies_anywhere_leaves_what_starts(world: World) {
    let mut house = House::of(world).await;
    let holds = Holds::of(&house.world, "ann").await;
    house.world.store.fail_before(Call::Transact);
    assert!(house.rotate(true).await.is_err());
    house = house.restart().await;
    // It was never said to be done: the new key counts, and the old one too.
    assert!(holds.counts(&house.world).await);
    // The store has it, and this process died before it did.
    house.world.store.fail_after(Call::Transact);
    assert!(house.rotate(true).await.is_err());
    assert_eq!(house.lines().len(), 3, "the file is not yet shortened");
    house = house.restart().await;
    assert!(!holds.counts(&house.world).await, "what is durable counts");
    assert_eq!(house.installation().await, (vec![3], 2));
    // Asked again, it is done, with a key that nobody has seen.
    let before = house.lines();
    house.rotate(true).await.unwrap();
    assert_eq!((house.lines().len(), house.installation().await), (1, (vec![4], 3)));
    assert!(!before.contains(&house.lines()[0]));
    let house = house.restart().await;
    assert!(Holds::of(&house.world, "bob").await.counts(&house.world).await);
}

async fn keys_from_the_environment_are_their_keepers_to_change(world: World) {
    let mut world = world;
    let holds = Holds::of(&world, "ann").await;
    let old = world.master.reveal().to_string();
    for leaked in [false, true] {
        let answer = world.engine.rotate_master_key(leaked, Actor::Cli).await.unwrap();
        assert_eq!(answer, MasterRotation::ByHand);
        assert!(holds.counts(&world).await, "nothing was done");
    }
    // Put in front, it is taken over at the start.
    let new = MasterKey::generate(&*world.randomness).reveal().to_string();
    world = world.reopen_with(MasterKeys::parse(&format!("{new},{old}")).unwrap()).await.unwrap();
    assert!(holds.counts(&world).await);
    assert_eq!(world.store.keys().await.unwrap()[0].key_version, 2);
    assert_eq!(world.audited("master_key_rotated").await[0].actor.as_deref(), Some("system"));
    // In use for a while, the key in front may be the very one that leaked.
    world = world.reopen_with(MasterKeys::parse(&format!("{new},{old}")).unwrap()).await.unwrap();
    let answer = world.engine.rotate_master_key(true, Actor::Cli).await.unwrap();
    assert_eq!(answer, MasterRotation::ByHand);
    assert!(holds.counts(&world).await);
    // Another one, seen for the first time: the ones behind it can be dropped.
    let newer = MasterKey::generate(&*world.randomness).reveal().to_string();
    world = world.reopen_with(MasterKeys::parse(&format!("{newer},{new},{old}")).unwrap()).await.unwrap();
    let answer = world.engine.rotate_master_key(true, Actor::Cli).await.unwrap();
    assert!(matches!(answer, MasterRotation::Done { kept, by_hand: true, .. } if kept.is_empty()));
    assert!(!holds.counts(&world).await);
    for keys in [format!("{newer},{new},{old}"), newer] {
        world = world.reopen_with(MasterKeys::parse(&keys).unwrap()).await.unwrap();
        assert!(!world.accepts(&holds.browser.cookie).await);
        world.browser(&holds.ann).await;
    }
}

async fn a_file_that_somebody_else_changed_is_not_written(world: World) {
    let house = House::of(world).await;
    let own = house.lines();
    house.rotate(false).await.unwrap();
    let good = house.lines();
    let other = MasterKey::generate(&*house.world.randomness).reveal().to_string();
    for lines in
        [vec![other.clone()], vec![own[0].clone(), good[0].clone()], vec![other.clone(), own[0].clone()]]
    {
        house.write(&lines);
        for leaked in [false, true] {
            assert_eq!(kind(&house.rotate(leaked).await), Some(ErrorKind::Forbidden));
        }
        assert_eq!(house.lines(), lines);
    }
    std::fs::remove_file(house.folder.path().join("master.key")).unwrap();
    assert_eq!(kind(&house.rotate(true).await), Some(ErrorKind::Unavailable));
    assert_eq!(house.installation().await, (vec![2, 1], 1));
}

async fn a_store_that_fails_changes_nothing_that_counts(world: World) {
    let house = House::of(world).await;
    let holds = Holds::of(&house.world, "ann").await;
    for leaked in [false, true] {
        house.world.store.fail_before(Call::Transact);
        assert_eq!(kind(&house.rotate(leaked).await), Some(ErrorKind::Unavailable));
        assert!(holds.counts(&house.world).await);
    }
    // The key that was written before is taken, not another one.
    let lines = house.lines();
    assert_eq!(lines.len(), 2);
    house.rotate(false).await.unwrap();
    assert_eq!(house.lines(), lines);
    assert!(holds.counts(&house.world).await);
    // Committed, though it was not said: repeating it goes on.
    house.world.store.fail_after(Call::Transact);
    assert!(house.rotate(true).await.is_err());
    house.rotate(true).await.unwrap();
    assert!(!holds.counts(&house.world).await);
    assert_eq!(house.lines().len(), 1);
}

async fn km_05_a_key_is_never_taken_over_without_one_that_is_known(world: World) {
    let [a, b] = [(); 2].map(|()| MasterKey::generate(&*world.randomness).reveal().to_string());
    let text = format!("{a}\n{b}\n");
    assert_eq!(
        kind(&world.reopen_with(MasterKeys::parse(&text).unwrap()).await),
        Some(ErrorKind::Unavailable)
    );
}

#[tokio::test]
async fn an_embedder_rotates_in_its_own_folder() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let builder = symbolon::Symbolon::builder("https://id.example").settings(World::settings());
        builder.data(folder.path()).open()
    };
    let engine = open().await.unwrap();
    let before = std::fs::read_to_string(folder.path().join("master.key")).unwrap();
    engine.rotate_master_key(false, Actor::Cli).await.unwrap();
    let after = std::fs::read_to_string(folder.path().join("master.key")).unwrap();
    assert!(after.ends_with(&before) && after.len() == 2 * before.len());
    drop(engine);
    assert!(SqliteStore::holder(folder.path()).is_none());
    open().await.unwrap();
}
