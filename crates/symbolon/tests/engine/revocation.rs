//! Endings: one way, in one transaction, at once, and for good (invariants 1, 2 and 11).

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use symbolon::{Error, ErrorKind, audit::Actor, session::Recalled};
use symbolon_token::Ended;

use crate::common::{Browser, Call, Someone, World, caller, kind, over_every_store};

over_every_store! {
    invariant_1_nothing_that_ended_is_accepted_by_a_check_that_begins_later,
    invariant_1_what_ended_is_dead_after_a_kill_too,
    invariant_11_an_ending_its_log_entry_and_its_audit_row_are_one_transaction,
    f3_ending_what_has_ended_is_no_error_and_adds_nothing,
    an_ending_whose_answer_was_lost_may_have_happened_and_can_be_repeated,
    an_ending_given_up_on_happened_or_not_and_never_by_half,
    a_user_ends_only_their_own_sessions,
    an_ending_of_one_leaves_the_others,
    a_start_after_the_whole_log_was_forgotten_writes_on,
}

/// The numbers of forgotten entries are over, too: nothing waits for them.
async fn a_start_after_the_whole_log_was_forgotten_writes_on(world: World) {
    let ann = world.user("ann").await;
    let browser = world.browser(&ann).await;
    world.engine.logout(browser.session.id, ann.id, &caller()).await.unwrap();
    world.clock.advance(std::time::Duration::from_secs(3_600));
    world.engine.tend().await.unwrap();
    assert!(world.store_log().await.is_empty());
    let world = world.restart().await;
    let browser = world.browser(&ann).await;
    world.engine.logout(browser.session.id, ann.id, &caller()).await.unwrap();
    assert!(!world.accepts(&browser.cookie).await);
}

/// Everything that somebody can hold.
struct Held {
    browser: Browser,
    access: String,
    refresh: String,
    stateless: String,
}

impl Held {
    async fn by(world: &World, someone: &Someone) -> Self {
        let (browser, tokens) = (world.browser(someone).await, world.tokens(someone).await);
        assert!(world.accepts(&browser.cookie).await);
        let stateless = world.stateless(someone).await.access_token;
        Self { browser, access: tokens.access_token, refresh: tokens.refresh_token.unwrap(), stateless }
    }

    async fn good(&self, world: &World) -> Vec<bool> {
        vec![
            world.accepts(&self.browser.cookie).await,
            world.engine.check_token(&self.access).is_ok(),
            world.engine.check_token(&self.stateless).is_ok(),
            world.engine.refresh(&self.refresh, None, &caller()).await.is_ok(),
        ]
    }
}

/// The endings of everything of a user.
async fn end_everything(world: &World, someone: &Someone, how: usize) -> Result<(), Error> {
    let (engine, by) = (&world.engine, Actor::Cli);
    match how {
        0 => engine.end_all(someone.id, by, None).await,
        1 => engine.set_disabled(someone.id, true, by).await.map(drop),
        2 => engine.delete_user(someone.id, by).await,
        _ => engine.reset_password(someone.id, "walnut ferry beneath orange", by).await,
    }
}

async fn invariant_1_nothing_that_ended_is_accepted_by_a_check_that_begins_later(world: World) {
    for how in 0..4 {
        let ann = world.user(&format!("ann.{how}")).await;
        let held = Held::by(&world, &ann).await;
        let over = Arc::new(AtomicBool::new(false));
        let mut requests = Vec::new();
        for by_cookie in [true, true, false] {
            let (engine, over) = (world.engine.clone(), Arc::clone(&over));
            let (cookie, access, stateless) =
                (held.browser.cookie.clone(), held.access.clone(), held.stateless.clone());
            requests.push(tokio::spawn(async move {
                let mut after = 0;
                while after < 20 {
                    let begins_later = over.load(Ordering::SeqCst);
                    let accepted = if by_cookie {
                        match engine.recall_session(&cookie) {
                            Recalled::Known(answer) => answer.is_ok(),
                            Recalled::Unknown => engine.ask_session(&cookie, None).await.is_ok(),
                        }
                    } else {
                        engine.check_token(&access).is_ok() || engine.check_token(&stateless).is_ok()
                    };
                    assert!(!(begins_later && accepted), "accepted after the ending had returned");
                    after += u32::from(begins_later);
                    tokio::task::yield_now().await;
                }
            }));
        }
        end_everything(&world, &ann, how).await.unwrap();
        over.store(true, Ordering::SeqCst);
        for request in requests {
            request.await.unwrap();
        }
        assert_eq!(held.good(&world).await, [false; 4], "{how}");
    }
}

async fn invariant_1_what_ended_is_dead_after_a_kill_too(world: World) {
    let mut all = Vec::new();
    for how in 0..4 {
        let ann = world.user(&format!("ann.{how}")).await;
        let held = Held::by(&world, &ann).await;
        end_everything(&world, &ann, how).await.unwrap();
        all.push(held);
    }
    let bystander = Held::by(&world, &world.user("bob").await).await;
    let world = world.kill().await;
    for (how, held) in all.iter().enumerate() {
        assert_eq!(held.good(&world).await, [false; 4], "{how}");
    }
    assert_eq!(bystander.good(&world).await, [true; 4]);
    let world = world.restart().await;
    for (how, held) in all.iter().enumerate() {
        assert_eq!(held.good(&world).await, [false; 4], "{how}");
    }
}

async fn invariant_11_an_ending_its_log_entry_and_its_audit_row_are_one_transaction(world: World) {
    let ann = world.user("ann").await;
    let browser = world.browser(&ann).await;
    let before = world.store.all_calls();
    world.engine.logout(browser.session.id, ann.id, &caller()).await.unwrap();
    let after = world.store.all_calls();
    assert_eq!(after[&Call::Transact], before[&Call::Transact] + 1);
    assert_eq!(after.get(&Call::Record), before.get(&Call::Record), "no second write that could be missing");
    let log = world.store_log().await;
    assert_eq!(log.len(), 1);
    assert_eq!(log[0].what, Ended::Session(browser.session.id));
    assert_eq!(log[0].forget_at, Some(world.now().as_secs() + 300 + 120));
    let rows = world.audited("logout").await;
    assert_eq!((rows.len(), rows[0].user, rows[0].session), (1, Some(ann.id), Some(browser.session.id)));
}

async fn f3_ending_what_has_ended_is_no_error_and_adds_nothing(world: World) {
    let ann = world.user("ann").await;
    let browser = world.browser(&ann).await;
    for _ in 0..3 {
        world.engine.end_session(browser.session.id, Some(ann.id), Actor::User(ann.id), None).await.unwrap();
        assert!(!world.accepts(&browser.cookie).await);
    }
    for _ in 0..3 {
        world.engine.set_disabled(ann.id, true, Actor::Cli).await.unwrap();
    }
    assert_eq!(world.store_log().await.len(), 2);
    world.engine.delete_user(ann.id, Actor::Cli).await.unwrap();
    assert_eq!(kind(&world.engine.delete_user(ann.id, Actor::Cli).await), Some(ErrorKind::NotFound));
    assert_eq!(kind(&world.engine.end_all(ann.id, Actor::Cli, None).await), Some(ErrorKind::NotFound));
    assert_eq!(world.store_log().await.len(), 3);
}

async fn an_ending_whose_answer_was_lost_may_have_happened_and_can_be_repeated(world: World) {
    let ann = world.user("ann").await;
    let browser = world.browser(&ann).await;
    assert!(world.accepts(&browser.cookie).await);
    let end =
        async || world.engine.end_session(browser.session.id, Some(ann.id), Actor::User(ann.id), None).await;
    world.store.fail_before(Call::Transact);
    assert_eq!(kind(&end().await), Some(ErrorKind::Unavailable));
    assert!(world.accepts(&browser.cookie).await, "it did not happen");
    world.store.fail_after(Call::Transact);
    assert_eq!(kind(&end().await), Some(ErrorKind::Unavailable));
    assert!(!world.accepts(&browser.cookie).await, "it happened, and counts");
    end().await.unwrap();
    assert_eq!(world.store_log().await.len(), 1);
}

async fn an_ending_given_up_on_happened_or_not_and_never_by_half(world: World) {
    for after in [false, true] {
        let ann = world.user(&format!("ann.{after}")).await;
        let held = Held::by(&world, &ann).await;
        let rows = world.audited("all_ended").await.len();
        let mut hold = if after {
            world.store.hold_after(Call::Transact)
        } else {
            world.store.hold_before(Call::Transact)
        };
        let (engine, id) = (world.engine.clone(), ann.id);
        let ending = tokio::spawn(async move { engine.end_all(id, Actor::User(id), None).await });
        hold.reached().await;
        ending.abort();
        assert!(ending.await.unwrap_err().is_cancelled());
        hold.release();
        assert_eq!(held.good(&world).await, [!after; 4]);
        assert_eq!(world.audited("all_ended").await.len(), rows + usize::from(after));
    }
}

async fn a_user_ends_only_their_own_sessions(world: World) {
    let (ann, bob) = (world.user("ann").await, world.user("bob").await);
    let browser = world.browser(&ann).await;
    let by = Actor::User(bob.id);
    let other = world.engine.end_session(browser.session.id, Some(bob.id), by.clone(), None).await;
    assert_eq!(kind(&other), Some(ErrorKind::NotFound));
    let unknown = world.engine.end_session(world.engine.new_id(), Some(bob.id), by, None).await;
    assert_eq!(kind(&unknown), Some(ErrorKind::NotFound));
    assert_eq!(
        kind(&world.engine.logout(browser.session.id, bob.id, &caller()).await),
        Some(ErrorKind::NoSession)
    );
    assert!(world.accepts(&browser.cookie).await);
    assert!(world.store_log().await.is_empty());
    // An administrator may, and the owner's activity shows it.
    world.engine.end_session(browser.session.id, None, Actor::Cli, None).await.unwrap();
    assert!(!world.accepts(&browser.cookie).await);
    assert_eq!(world.audited("session_ended").await[0].user, Some(ann.id));
    let nobodys = world.engine.end_session(world.engine.new_id(), None, Actor::Cli, None).await;
    assert_eq!(kind(&nobodys), Some(ErrorKind::NotFound));
}

async fn an_ending_of_one_leaves_the_others(world: World) {
    let ann = world.user("ann").await;
    let (one, two) = (Held::by(&world, &ann).await, Held::by(&world, &ann).await);
    world.engine.logout(one.browser.session.id, ann.id, &caller()).await.unwrap();
    assert_eq!(one.good(&world).await, [false, true, true, true]);
    assert_eq!(two.good(&world).await, [true; 4]);
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Reads the source: what ends or mints anything goes through one function, and only the stores know how. A new way fails here, and then
/// has to be argued for.
#[test]
fn invariant_11_every_ending_goes_one_way() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    assert!(files.len() > 50);
    let with = |mark: &str, test_code: bool| -> Vec<String> {
        let mut found: Vec<String> = files
            .iter()
            .filter(|path| {
                test_code
                    || !path
                        .components()
                        .any(|part| part.as_os_str() == "contract" || part.as_os_str() == "tests")
            })
            .filter(|path| std::fs::read_to_string(path).unwrap().contains(mark))
            .map(|path| path.strip_prefix(&src).unwrap().display().to_string())
            .collect();
        found.sort();
        found
    };
    assert_eq!(with(".transact(", false), ["revocation/end.rs", "store/memory/mod.rs"]);
    const TRANSACTIONS: [&str; 2] = ["store/postgres/transact/writes.rs", "store/sqlite/write/transact.rs"];
    assert_eq!(with("SET ended_at", false), TRANSACTIONS);
    assert_eq!(with("ended_at: Some(", false), ["store/memory/state.rs"]);
    assert_eq!(with("generation = generation + 1", false), TRANSACTIONS);
    assert_eq!(with("generation += 1", false), ["store/memory/state.rs"]);
    assert_eq!(with("DELETE FROM users", false), TRANSACTIONS);
    assert_eq!(
        with("INSERT INTO sessions", false),
        ["store/postgres/write/sessions.rs", "store/sqlite/write/sessions.rs"]
    );
    // An installation that moves takes its log along.
    assert_eq!(
        with("INSERT INTO log", false),
        [
            "store/postgres/import.rs",
            "store/postgres/transact/writes.rs",
            "store/postgres/write/mod.rs",
            "store/sqlite/write/mod.rs"
        ]
    );
}
