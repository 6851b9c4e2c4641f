//! The conditional mint: whatever happens to an account while its password is verified, nothing is minted under what ended.

use std::time::Duration;

use symbolon::{
    Error, ErrorKind, Symbolon,
    audit::Actor,
    login::{Attempt, Carrier, LoggedIn},
    session::Issued,
    token::issue::Wish,
};
use tokio::task::JoinHandle;

use crate::common::{Browser, Call, Hold, Someone, World, caller, kind, over_every_store, world::tokens};

over_every_store! {
    invariant_1_a_password_change_while_the_login_hashes_mints_nothing,
    cr_37_a_disable_while_the_login_hashes_mints_nothing,
    invariant_1_a_delete_while_the_login_hashes_mints_nothing,
    a_log_out_everywhere_while_the_login_hashes_makes_it_start_again,
    an_attempt_older_than_the_margin_starts_again_and_leaves_nothing_behind,
    an_attempt_that_never_gets_through_costs_nothing,
    st_30_a_login_given_up_on_leaves_all_or_nothing,
    invariant_2_a_login_that_was_answered_survives_a_kill,
}

#[derive(Clone, Copy)]
enum Meanwhile {
    PasswordChange,
    Disable,
    Delete,
    LogOutEverywhere,
}

impl Meanwhile {
    async fn happens(self, world: &World, someone: &Someone) {
        let engine = &world.engine;
        match self {
            Self::PasswordChange => {
                engine.reset_password(someone.id, "walnut ferry beneath orange", Actor::Cli).await.unwrap();
            }
            Self::Disable => drop(engine.set_disabled(someone.id, true, Actor::Cli).await.unwrap()),
            Self::Delete => engine.delete_user(someone.id, Actor::Cli).await.unwrap(),
            Self::LogOutEverywhere => engine.end_all(someone.id, Actor::Cli, None).await.unwrap(),
        }
    }
}

/// Where the login is when it happens: its row has been read and nothing hashed yet, or everything is proven and only the write is
/// missing.
fn points(world: &World) -> [(&'static str, Hold); 2] {
    [
        ("before the proof", world.store.hold_after(Call::LoginByIdentifier)),
        ("after the proof", world.store.hold_before(Call::Transact)),
    ]
}

fn carriers() -> [Carrier; 3] {
    let wish = Wish::default();
    [Carrier::Cookie { remember: true }, Carrier::Token(wish.clone()), Carrier::Stateless(wish)]
}

fn start(engine: &Symbolon, someone: &Someone, carrier: Carrier) -> JoinHandle<Result<LoggedIn, Error>> {
    let (engine, someone) = (engine.clone(), someone.clone());
    tokio::spawn(async move {
        let (caller, presented, known) = (caller(), None, None);
        let Someone { name: identifier, password, .. } = &someone;
        engine.login(Attempt { identifier, password, carrier, presented, known, caller: &caller }).await
    })
}

async fn mints_nothing(world: World, meanwhile: Meanwhile) {
    for carrier in carriers() {
        for point in 0..2 {
            let ann = world.user(&format!("ann.{}", world.now().as_millis())).await;
            let (when, mut hold) = points(&world).into_iter().nth(point).unwrap();
            let login = start(&world.engine, &ann, carrier.clone());
            hold.reached().await;
            meanwhile.happens(&world, &ann).await;
            hold.release();
            let answer = login.await.unwrap();
            assert_eq!(kind(&answer), Some(ErrorKind::InvalidCredentials), "{carrier:?} {when}");
            assert!(world.live(ann.id).await.is_empty(), "{carrier:?} {when}");
            let logins = world.audited("login").await;
            assert!(logins.iter().all(|row| row.user != Some(ann.id)), "{carrier:?} {when}");
            world.clock.advance(Duration::from_secs(1));
        }
    }
}

async fn invariant_1_a_password_change_while_the_login_hashes_mints_nothing(world: World) {
    mints_nothing(world, Meanwhile::PasswordChange).await;
}

async fn cr_37_a_disable_while_the_login_hashes_mints_nothing(world: World) {
    mints_nothing(world, Meanwhile::Disable).await;
}

async fn invariant_1_a_delete_while_the_login_hashes_mints_nothing(world: World) {
    mints_nothing(world, Meanwhile::Delete).await;
}

/// The password is still right: the login goes through, but as one that began after the ending.
async fn a_log_out_everywhere_while_the_login_hashes_makes_it_start_again(world: World) {
    for (number, carrier) in carriers().into_iter().enumerate() {
        for point in 0..2 {
            let ann = world.user(&format!("ann.{number}.{point}")).await;
            let (when, mut hold) = points(&world).into_iter().nth(point).unwrap();
            let login = start(&world.engine, &ann, carrier.clone());
            hold.reached().await;
            Meanwhile::LogOutEverywhere.happens(&world, &ann).await;
            hold.release();
            let login = login.await.unwrap().unwrap();
            assert_eq!(login.user.generation, 2, "{when}");
            let sessions = usize::from(!matches!(carrier, Carrier::Stateless(_)));
            assert_eq!(world.live(ann.id).await.len(), sessions, "{carrier:?} {when}");
            match login.issued {
                Issued::Cookie { cookie, .. } => assert!(world.accepts(&cookie).await),
                Issued::Token(answer) => drop(world.engine.check_token(&answer.access_token).unwrap()),
            }
        }
    }
}

async fn an_attempt_older_than_the_margin_starts_again_and_leaves_nothing_behind(world: World) {
    let ann = world.user("ann").await;
    for carrier in carriers() {
        world.engine.end_all(ann.id, Actor::Cli, None).await.unwrap();
        let before = world.audited("login").await.len();
        let mut hold = world.store.hold_after(Call::LoginByIdentifier);
        let login = start(&world.engine, &ann, carrier.clone());
        hold.reached().await;
        world.clock.advance(Duration::from_secs(31));
        hold.release();
        let login = login.await.unwrap().unwrap();
        assert_eq!(world.audited("login").await.len(), before + 1, "{carrier:?}");
        match login.issued {
            Issued::Cookie { session, cookie } => {
                assert_eq!(session.created_at, world.now());
                assert_eq!(world.live(ann.id).await, [session.id]);
                assert!(world.accepts(&cookie).await);
            }
            issued @ Issued::Token(_) => {
                let answer = tokens(issued);
                let token = world.engine.check_token(&answer.access_token).unwrap();
                assert_eq!(
                    (token.claims().iat, token.claims().auth_time),
                    (world.now().as_secs(), world.now().as_secs())
                );
                assert_eq!(world.live(ann.id).await, Vec::from_iter(answer.session_id));
            }
        }
    }
}

/// Three rounds, each too slow: the caller is told to come again, and as no password was wrong, no try is counted.
async fn an_attempt_that_never_gets_through_costs_nothing(world: World) {
    let ann = world.user("ann").await;
    for _ in 0..8 {
        let holds: Vec<Hold> = (0..3).map(|_| world.store.hold_after(Call::LoginByIdentifier)).collect();
        let login = start(&world.engine, &ann, Carrier::Cookie { remember: true });
        for mut hold in holds {
            hold.reached().await;
            world.clock.advance(Duration::from_secs(31));
            hold.release();
        }
        assert_eq!(kind(&login.await.unwrap()), Some(ErrorKind::Overloaded));
    }
    assert!(world.live(ann.id).await.is_empty());
    world.browser(&ann).await;
}

/// The client goes away at each point: either nothing happened, or a session stands that its owner can see and end.
async fn st_30_a_login_given_up_on_leaves_all_or_nothing(world: World) {
    let ann = world.user("ann").await;
    let points = [
        (Call::LoginByIdentifier, true),
        (Call::Charge, true),
        (Call::Transact, false),
        (Call::Transact, true),
    ];
    for (call, after) in points {
        let mut hold = if after { world.store.hold_after(call) } else { world.store.hold_before(call) };
        let login = start(&world.engine, &ann, Carrier::Cookie { remember: true });
        hold.reached().await;
        login.abort();
        assert!(login.await.err().unwrap().is_cancelled());
        hold.release();
        let live = world.live(ann.id).await;
        assert_eq!(live.len(), usize::from(call == Call::Transact && after), "{call:?}");
        assert_eq!(world.audited("login").await.len(), live.len(), "{call:?}");
    }
    assert!(world.accepts(&world.browser(&ann).await.cookie).await);
}

async fn invariant_2_a_login_that_was_answered_survives_a_kill(world: World) {
    let ann = world.user("ann").await;
    let Browser { cookie, session, .. } = world.browser(&ann).await;
    let tokens = world.tokens(&ann).await;
    let stateless = world.stateless(&ann).await;
    let world = world.kill().await;
    assert!(world.accepts(&cookie).await);
    assert_eq!(world.check(&cookie).await.unwrap().id(), session.id);
    assert!(world.engine.check_token(&tokens.access_token).is_ok());
    assert!(world.engine.check_token(&stateless.access_token).is_ok());
    assert!(world.engine.refresh(&tokens.refresh_token.unwrap(), None, &caller()).await.is_ok());
}
