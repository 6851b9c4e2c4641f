//! The life of signing keys: published, signing, retired, gone; and the master key under which all of it is sealed.

use std::{collections::HashMap, path::Path, time::Duration};

use symbolon::{
    ErrorKind, Symbolon,
    audit::Actor,
    keyring::{MasterKey, MasterKeys},
    token::issue::Wish,
};
use symbolon_token::{Algorithm, Compact, Kid, Timestamp};

use crate::common::{Call, World, kind, over_every_store};

over_every_store! {
    km_01_a_year_of_rotation_refuses_no_token_and_surprises_no_verifier,
    km_01_a_rotation_by_command_publishes_first,
    a_rotation_at_once_signs_at_once_however_the_clock_stands,
    a_server_that_slept_over_its_rotation_still_publishes_first,
    km_02_a_removed_key_ends_what_it_signed_at_once_and_for_good,
    km_02_the_successor_of_a_removed_key_is_never_a_retired_one,
    removing_a_key_that_does_not_sign_leaves_the_one_that_does,
    km_11_a_future_key_verifies_nothing_yet,
    km_11_a_retired_key_goes_when_its_last_token_is_dead,
    km_17_a_change_of_algorithm_refuses_no_token,
    km_05_a_wrong_master_key_is_refused_and_nothing_is_made,
    a_restart_keeps_keys_sessions_and_tokens,
    keys_changed_at_the_same_time_leave_one_that_signs,
}

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A session that outlives the test, to issue tokens from without a write.
async fn long_session(world: World) -> (World, uuid::Uuid) {
    let world = world
        .restart_with(|settings| {
            settings.session.idle = 1_000 * DAY;
            settings.session.absolute = 1_000 * DAY;
        })
        .await;
    let ann = world.user("ann").await;
    let session = world.browser(&ann).await.session.id;
    (world, session)
}

async fn issue(world: &World, session: uuid::Uuid) -> String {
    world.engine.exchange(session, &Wish::default()).await.unwrap().access_token
}

fn signed_by(token: &str) -> Kid {
    Compact::parse(token).unwrap().header().kid.as_deref().unwrap().parse().unwrap()
}

fn published(world: &World) -> Vec<String> {
    world.engine.jwks().keys.iter().map(|key| key.kid.clone().unwrap()).collect()
}

fn state(world: &World, kid: Kid) -> Option<&'static str> {
    world.engine.keys().iter().find(|key| key.kid == kid).map(|key| key.state)
}

async fn km_01_a_year_of_rotation_refuses_no_token_and_surprises_no_verifier(world: World) {
    let (world, session) = long_session(world).await;
    let mut known: HashMap<String, Timestamp> = HashMap::new();
    let mut signers: Vec<Kid> = Vec::new();
    for _ in 0..2 * 400 {
        for kid in published(&world) {
            known.entry(kid).or_insert(world.now());
        }
        let token = issue(&world, session).await;
        assert!(world.engine.check_token(&token).is_ok());
        let kid = signed_by(&token);
        if signers.last() != Some(&kid) {
            let since = world.now().since(known[&kid.to_string()]);
            assert!(signers.is_empty() || since >= DAY, "published {since:?} before its first signature");
            signers.push(kid);
        }
        world.clock.advance(Duration::from_secs(300));
        world.engine.tend().await.unwrap();
        assert!(world.engine.check_token(&token).is_ok(), "an old token, in time, across whatever happened");
        assert!(published(&world).contains(&kid.to_string()));
        world.clock.advance(12 * HOUR - Duration::from_secs(300));
    }
    assert_eq!(signers.len(), 5, "every 90 days");
    assert!(world.engine.keys().len() <= 2, "the retired are gone");
    assert_eq!(world.audited("key_rotated").await.len(), 4);
    assert_eq!(world.audited("key_expired").await.len(), 4);
}

async fn km_01_a_rotation_by_command_publishes_first(world: World) {
    let (world, session) = long_session(world).await;
    let old = signed_by(&issue(&world, session).await);
    let next = world.engine.rotate_keys(false, Actor::Cli).await.unwrap();
    assert_eq!((next.state, next.sign_from), ("next", world.now().plus(DAY)));
    assert_eq!(published(&world).len(), 2);
    assert_eq!(signed_by(&issue(&world, session).await), old);
    // Asked again, it is the same one.
    assert_eq!(world.engine.rotate_keys(false, Actor::Cli).await.unwrap().kid, next.kid);
    world.clock.advance(DAY - Duration::from_millis(1));
    let last = issue(&world, session).await;
    assert_eq!(signed_by(&last), old);
    world.clock.advance(Duration::from_millis(1));
    let first = issue(&world, session).await;
    assert_eq!(signed_by(&first), next.kid);
    world.engine.tend().await.unwrap();
    for token in [&last, &first] {
        assert!(world.engine.check_token(token).is_ok());
    }
    assert_eq!((state(&world, old), state(&world, next.kid)), (Some("retired"), Some("current")));
}

async fn a_rotation_at_once_signs_at_once_however_the_clock_stands(world: World) {
    let (world, session) = long_session(world).await;
    let mut seen = vec![signed_by(&issue(&world, session).await)];
    let mut tokens = Vec::new();
    for step in 0..6 {
        let rotated = world.engine.rotate_keys(true, Actor::Cli).await.unwrap();
        let token = issue(&world, session).await;
        assert_eq!((signed_by(&token), rotated.state), (rotated.kid, "current"), "step {step}");
        assert!(!seen.contains(&rotated.kid));
        seen.push(rotated.kid);
        tokens.push(token);
        // Half of them within the same millisecond.
        world.clock.advance(Duration::from_millis(step % 2));
    }
    // A waiting one is taken at once when it is asked for.
    let waiting = world.engine.rotate_keys(false, Actor::Cli).await.unwrap();
    assert_eq!(world.engine.rotate_keys(true, Actor::Cli).await.unwrap().kid, waiting.kid);
    assert_eq!(signed_by(&issue(&world, session).await), waiting.kid);
    for token in &tokens {
        assert!(world.engine.check_token(token).is_ok());
    }
    // The clock is corrected: what was signed stays good, and there is always a key to sign with.
    for _ in 0..3 {
        world.clock.set_back(Duration::from_secs(10));
        let token = issue(&world, session).await;
        assert!(world.engine.check_token(&token).is_ok());
        assert!(world.engine.ready().await.is_ok());
    }
}

async fn a_server_that_slept_over_its_rotation_still_publishes_first(world: World) {
    let (world, session) = long_session(world).await;
    let old = signed_by(&issue(&world, session).await);
    world.engine.close().await.unwrap();
    world.clock.advance(200 * DAY);
    let world = world.restart().await;
    assert_eq!(published(&world).len(), 2);
    assert_eq!(signed_by(&issue(&world, session).await), old, "nobody knows the next one yet");
    world.clock.advance(DAY);
    assert_ne!(signed_by(&issue(&world, session).await), old);
}

async fn km_02_a_removed_key_ends_what_it_signed_at_once_and_for_good(world: World) {
    let (world, session) = long_session(world).await;
    let token = issue(&world, session).await;
    let kid = signed_by(&token);
    assert!(world.engine.check_token(&token).is_ok());
    world.engine.remove_key(kid, Actor::Cli).await.unwrap();
    assert_eq!(kind(&world.engine.check_token(&token)), Some(ErrorKind::InvalidToken));
    assert!(!published(&world).contains(&kid.to_string()));
    let next = issue(&world, session).await;
    assert!(world.engine.check_token(&next).is_ok(), "and logins go on");
    // Again is no error; one that never was is.
    world.engine.remove_key(kid, Actor::Cli).await.unwrap();
    assert_eq!(
        kind(&world.engine.remove_key("AAAAAAAAAAAAAAAA".parse().unwrap(), Actor::Cli).await),
        Some(ErrorKind::NotFound)
    );
    let inspected = world.engine.inspect_token(&token);
    assert!(inspected.revoked && !inspected.active && !inspected.key_known);
    let world = world.kill().await;
    assert!(world.engine.check_token(&token).is_err() && world.engine.check_token(&next).is_ok());
    assert_eq!(state(&world, kid), None);
}

async fn km_02_the_successor_of_a_removed_key_is_never_a_retired_one(world: World) {
    let world = world.restart_with(|settings| settings.token.algorithm = Algorithm::Ed25519).await;
    let (world, session) = long_session(world).await;
    world.engine.rotate_keys(true, Actor::Cli).await.unwrap();
    let retired = signed_by(&issue(&world, session).await);
    world.clock.advance(HOUR);
    world.engine.rotate_keys(true, Actor::Cli).await.unwrap();
    for _ in 0..3 {
        let current = signed_by(&issue(&world, session).await);
        world.engine.remove_key(current, Actor::Cli).await.unwrap();
        let token = issue(&world, session).await;
        assert!(![current, retired].contains(&signed_by(&token)));
        let algorithm = world.engine.keys().iter().find(|key| key.state == "current").unwrap().algorithm;
        assert_eq!(algorithm, Algorithm::Ed25519, "nor one of an algorithm that was given up");
    }
    // One that waits is published already: it is the best there is.
    let waiting = world.engine.rotate_keys(false, Actor::Cli).await.unwrap();
    let current = signed_by(&issue(&world, session).await);
    world.engine.remove_key(current, Actor::Cli).await.unwrap();
    assert_eq!(signed_by(&issue(&world, session).await), waiting.kid);
}

async fn removing_a_key_that_does_not_sign_leaves_the_one_that_does(world: World) {
    let (world, session) = long_session(world).await;
    let old = issue(&world, session).await;
    world.engine.rotate_keys(true, Actor::Cli).await.unwrap();
    let token = issue(&world, session).await;
    let waiting = world.engine.rotate_keys(false, Actor::Cli).await.unwrap();
    world.engine.remove_key(waiting.kid, Actor::Cli).await.unwrap();
    world.engine.remove_key(signed_by(&old), Actor::Cli).await.unwrap();
    assert!(world.engine.check_token(&old).is_err() && world.engine.check_token(&token).is_ok());
    assert_eq!(signed_by(&issue(&world, session).await), signed_by(&token));
    assert_eq!(world.engine.keys().len(), 1);
}

async fn km_11_a_future_key_verifies_nothing_yet(world: World) {
    let (world, session) = long_session(world).await;
    world.engine.rotate_keys(false, Actor::Cli).await.unwrap();
    world.clock.advance(DAY);
    let early = issue(&world, session).await;
    world.clock.set_back(DAY);
    assert_eq!(kind(&world.engine.check_token(&early)), Some(ErrorKind::InvalidToken));
    let inspected = world.engine.inspect_token(&early);
    assert!(inspected.key_known && !inspected.verifies, "not for its time alone: the key does not sign yet");
    world.clock.advance(DAY - Duration::from_secs(30));
    assert!(world.engine.inspect_token(&early).verifies, "within the leeway");
    assert!(world.engine.check_token(&early).is_ok());
}

async fn km_11_a_retired_key_goes_when_its_last_token_is_dead(world: World) {
    let (world, session) = long_session(world).await;
    world.engine.rotate_keys(false, Actor::Cli).await.unwrap();
    world.clock.advance(DAY - Duration::from_millis(1));
    let last = issue(&world, session).await;
    world.clock.advance(Duration::from_millis(1));
    // The life of a token and the leeway from here on, less the second that `iat` is cut to.
    world.clock.advance(Duration::from_millis(328_999));
    world.engine.tend().await.unwrap();
    assert!(world.engine.check_token(&last).is_ok());
    world.clock.advance(Duration::from_millis(1_001));
    assert!(!world.engine.inspect_token(&last).verifies, "before anybody tidied up");
    assert!(!published(&world).contains(&signed_by(&last).to_string()));
    world.engine.tend().await.unwrap();
    assert_eq!(state(&world, signed_by(&last)), None);
    let world = world.restart().await;
    assert_eq!(world.engine.keys().len(), 1);
}

async fn km_17_a_change_of_algorithm_refuses_no_token(world: World) {
    let (world, session) = long_session(world).await;
    let old = issue(&world, session).await;
    let world = world.restart_with(|settings| settings.token.algorithm = Algorithm::Ed25519).await;
    assert!(world.engine.check_token(&old).is_ok());
    assert_eq!(published(&world).len(), 2, "clients see both");
    let mut tokens = vec![old];
    for _ in 0..30 {
        tokens.push(issue(&world, session).await);
        assert!(world.engine.check_token(tokens.last().unwrap()).is_ok());
        world.clock.advance(HOUR);
        world.engine.tend().await.unwrap();
    }
    let token = issue(&world, session).await;
    let algorithm = |token: &str| Compact::parse(token).unwrap().algorithm().unwrap();
    assert_eq!(algorithm(&tokens[24]), Algorithm::Es256);
    assert_eq!(algorithm(&tokens[25]), Algorithm::Ed25519);
    assert_eq!(algorithm(&token), Algorithm::Ed25519);
    assert_eq!(world.engine.keys().len(), 1, "the old one is gone");
}

async fn km_05_a_wrong_master_key_is_refused_and_nothing_is_made(world: World) {
    let ann = world.user("ann").await;
    let browser = world.browser(&ann).await;
    let token = world.stateless(&ann).await.access_token;
    let before = world.store.all_calls();
    let wrong: MasterKeys = MasterKey::generate(&*world.randomness).into();
    let several = format!("{},{}", *MasterKey::generate(&*world.randomness).reveal(), "11".repeat(31) + "22");
    for wrong in [wrong, MasterKeys::parse(&several).unwrap()] {
        let (store, clock) = (world.store.clone(), world.clock.clone());
        let opened = Symbolon::open(World::settings(), store, wrong, clock, world.randomness.clone()).await;
        let error = opened.err().unwrap();
        assert!(error.detail().contains("master key"), "{error}");
    }
    for call in [Call::PutKey, Call::SetInstallation, Call::Transact, Call::Record] {
        assert_eq!(world.store.all_calls().get(&call), before.get(&call), "{call:?}");
    }
    let world = world.restart().await;
    assert!(world.accepts(&browser.cookie).await && world.engine.check_token(&token).is_ok());
}

async fn a_restart_keeps_keys_sessions_and_tokens(world: World) {
    let ann = world.user("ann").await;
    let (browser, tokens) = (world.browser(&ann).await, world.tokens(&ann).await);
    let jwks = world.engine.jwks();
    let mut world = world;
    for _ in 0..3 {
        world = world.restart().await;
        world = world.kill().await;
        assert_eq!(world.engine.jwks(), jwks);
        assert!(world.accepts(&browser.cookie).await);
        assert!(world.engine.check_token(&tokens.access_token).is_ok());
    }
    assert_eq!(world.store.log_head().await, 0, "nothing of it is an ending");
}

async fn keys_changed_at_the_same_time_leave_one_that_signs(world: World) {
    let (world, session) = long_session(world).await;
    for round in 0..5 {
        let current = signed_by(&issue(&world, session).await);
        let mut changes = tokio::task::JoinSet::new();
        for number in 0..6 {
            let engine = world.engine.clone();
            changes.spawn(async move {
                match number % 3 {
                    0 => engine.rotate_keys(number > 2, Actor::Cli).await.map(drop),
                    1 => engine.remove_key(current, Actor::Cli).await,
                    _ => engine.tend().await,
                }
            });
        }
        for answer in changes.join_all().await {
            answer.unwrap();
        }
        let token = issue(&world, session).await;
        assert!(world.engine.check_token(&token).is_ok(), "round {round}");
        assert_ne!(signed_by(&token), current);
        assert!(!published(&world).contains(&current.to_string()));
        world.clock.advance(Duration::from_secs(1));
    }
}

/// A folder as an embedder opens it.
async fn open(folder: &Path) -> Result<Symbolon, symbolon::Error> {
    Symbolon::builder("https://id.example").settings(World::settings()).data(folder).open().await
}

#[tokio::test]
async fn km_05_a_folder_that_lost_its_master_key_gets_no_other_one() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path()).await.unwrap();
    let account = symbolon::user::NewAccount {
        identifier: "ann".into(),
        password: "plum trolley under gravel".into(),
        profile: symbolon::store::Object::new(),
        roles: Vec::new(),
    };
    let ann = engine.add_user(account, Actor::Cli).await.unwrap();
    let second = open(folder.path()).await.err().unwrap();
    assert!(
        second.detail().contains(&std::process::id().to_string()),
        "the second is told of the first: {second}"
    );
    drop(engine);

    let (key, aside) = (folder.path().join("master.key"), folder.path().join("aside"));
    std::fs::rename(&key, &aside).unwrap();
    assert!(open(folder.path()).await.err().unwrap().detail().contains("missing"));
    assert!(!key.exists());
    let other = tempfile::tempdir().unwrap();
    drop(open(other.path()).await.unwrap());
    std::fs::copy(other.path().join("master.key"), &key).unwrap();
    assert!(open(folder.path()).await.err().unwrap().detail().contains("not the one"));
    std::fs::rename(&aside, &key).unwrap();
    let engine = open(folder.path()).await.unwrap();
    assert_eq!(engine.find_user("ann").await.unwrap(), ann);
}
