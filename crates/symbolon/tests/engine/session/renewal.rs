//! Renewals: what ends, what stays, who may, and that the old secret is dead at once.

use symbolon::{
    Error, ErrorKind, Symbolon,
    session::{
        Issued, Via,
        renew::{Holder, Renewed},
    },
    store::Store,
};
use symbolon_token::SessionCookie;
use uuid::Uuid;

use crate::common::{Browser, Call, Someone, World, caller, kind, over_every_store, world::tokens};

over_every_store! {
    ck_03_the_id_changes_with_every_renewal_and_the_old_secret_is_dead_at_once,
    ck_03_a_renewal_by_token_leaves_the_old_tokens_dead,
    ck_21_a_password_change_ends_everything_else,
    a_confirm_alone_ends_nobody_else,
    end_others_ends_everything_but_the_caller,
    a_successor_goes_only_to_the_carrier_of_its_predecessor,
    a_refused_renewal_changes_nothing,
    ck_26_of_requests_during_the_rotation_none_is_accepted_after_it,
    cr_09_a_known_browser_confirms_while_strangers_block_the_account,
    a_name_of_older_rules_does_not_lock_its_owner_into_a_password,
}

pub(super) const NEW: &str = "walnut ferry beneath orange";

/// The ways to renew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Renewal {
    Change,
    Confirm,
    ConfirmEndOthers,
    EndOthers,
}

pub(super) const BY_COOKIE: [Renewal; 4] =
    [Renewal::Change, Renewal::Confirm, Renewal::ConfirmEndOthers, Renewal::EndOthers];
pub(super) const BY_BEARER: [Renewal; 3] = [Renewal::Change, Renewal::Confirm, Renewal::ConfirmEndOthers];

impl Renewal {
    pub(super) async fn run(
        self,
        engine: &Symbolon,
        session: Uuid,
        via: Via,
        someone: &Someone,
    ) -> Result<Renewed, Error> {
        let caller = caller();
        let holder = Holder { session, via, known: None, caller: &caller };
        match self {
            Self::Change => engine.change_password(&holder, &someone.password, NEW).await,
            Self::Confirm => engine.confirm(&holder, &someone.password, false).await,
            Self::ConfirmEndOthers => engine.confirm(&holder, &someone.password, true).await,
            Self::EndOthers => engine.end_others(&holder).await,
        }
    }
}

pub(super) fn cookie(renewed: Renewed) -> (Uuid, SessionCookie) {
    match renewed.issued {
        Issued::Cookie { session, cookie } => (session.id, cookie),
        Issued::Token(_) => panic!("a renewal by cookie answered with a token"),
    }
}

async fn ck_03_the_id_changes_with_every_renewal_and_the_old_secret_is_dead_at_once(world: World) {
    for renewal in BY_COOKIE {
        let ann = world.user(&format!("ann.{renewal:?}")).await;
        let old = world.browser(&ann).await;
        assert!(world.accepts(&old.cookie).await);
        let (id, new) = cookie(renewal.run(&world.engine, old.session.id, Via::Cookie, &ann).await.unwrap());
        assert_ne!(id, old.session.id);
        assert_eq!(world.recalls(&old.cookie), Some(false), "{renewal:?}: from memory, at once");
        assert!(world.accepts(&new).await, "{renewal:?}");
        assert_eq!(world.live(ann.id).await, [id], "{renewal:?}");
        // The predecessor renews nothing any more.
        let again = renewal.run(&world.engine, old.session.id, Via::Cookie, &ann).await;
        assert_eq!(kind(&again), Some(ErrorKind::NoSession), "{renewal:?}");
        assert!(world.accepts(&new).await, "{renewal:?}");
    }
    let world = world.kill().await;
    assert_eq!(world.engine.users(None, None, 10).await.unwrap().len(), 4);
}

async fn ck_03_a_renewal_by_token_leaves_the_old_tokens_dead(world: World) {
    for renewal in BY_BEARER {
        let ann = world.user(&format!("ann.{renewal:?}")).await;
        let old = world.tokens(&ann).await;
        let session = old.session_id.unwrap();
        let renewed = renewal.run(&world.engine, session, Via::Bearer, &ann).await.unwrap();
        let new = tokens(renewed.issued);
        assert_ne!(new.session_id, Some(session));
        assert_eq!(kind(&world.engine.check_token(&old.access_token)), Some(ErrorKind::InvalidToken));
        let token = world.engine.check_token(&new.access_token).unwrap();
        assert_eq!(
            (token.claims().sid, token.claims().auth_time),
            (new.session_id, world.now().as_secs()),
            "{renewal:?}"
        );
        let refresh = |token: Option<String>| {
            let engine = world.engine.clone();
            async move { engine.refresh(&token.unwrap(), None, &caller()).await }
        };
        assert_eq!(kind(&refresh(old.refresh_token).await), Some(ErrorKind::InvalidGrant), "{renewal:?}");
        assert_eq!(refresh(new.refresh_token).await.unwrap().session_id, new.session_id, "{renewal:?}");
        let again = renewal.run(&world.engine, session, Via::Bearer, &ann).await;
        assert_eq!(kind(&again), Some(ErrorKind::InvalidToken), "{renewal:?}");
    }
}

/// Another browser, another chain and a token that stands alone.
struct Others {
    browser: Browser,
    access: String,
    refresh: String,
    stateless: String,
}

impl Others {
    async fn of(world: &World, someone: &Someone) -> Self {
        let browser = world.browser(someone).await;
        assert!(world.accepts(&browser.cookie).await);
        let tokens = world.tokens(someone).await;
        let stateless = world.stateless(someone).await.access_token;
        Self { browser, access: tokens.access_token, refresh: tokens.refresh_token.unwrap(), stateless }
    }

    /// Which of them are good: browser, access, stateless, refresh.
    async fn good(&self, world: &World) -> [bool; 4] {
        [
            world.accepts(&self.browser.cookie).await,
            world.engine.check_token(&self.access).is_ok(),
            world.engine.check_token(&self.stateless).is_ok(),
            world.engine.refresh(&self.refresh, None, &caller()).await.is_ok(),
        ]
    }
}

async fn ck_21_a_password_change_ends_everything_else(world: World) {
    let ann = world.user("ann").await;
    let others = Others::of(&world, &ann).await;
    let here = world.browser(&ann).await;
    let (id, new) =
        cookie(Renewal::Change.run(&world.engine, here.session.id, Via::Cookie, &ann).await.unwrap());
    assert_eq!(others.good(&world).await, [false; 4]);
    assert_eq!(world.live(ann.id).await, [id]);
    assert_eq!(
        kind(&world.try_from("ann", &ann.password, "192.0.2.9").await),
        Some(ErrorKind::InvalidCredentials)
    );
    world.browser(&Someone { password: NEW.into(), ..ann.clone() }).await;
    let world = world.kill().await;
    assert_eq!(others.good(&world).await, [false; 4]);
    assert!(world.accepts(&new).await);
}

async fn a_confirm_alone_ends_nobody_else(world: World) {
    let ann = world.user("ann").await;
    let others = Others::of(&world, &ann).await;
    let here = world.browser(&ann).await;
    cookie(Renewal::Confirm.run(&world.engine, here.session.id, Via::Cookie, &ann).await.unwrap());
    assert_eq!(others.good(&world).await, [true; 4]);
    assert_eq!(world.live(ann.id).await.len(), 3);
}

async fn end_others_ends_everything_but_the_caller(world: World) {
    for renewal in [Renewal::ConfirmEndOthers, Renewal::EndOthers] {
        let ann = world.user(&format!("ann.{renewal:?}")).await;
        let others = Others::of(&world, &ann).await;
        let here = world.browser(&ann).await;
        let (id, new) = cookie(renewal.run(&world.engine, here.session.id, Via::Cookie, &ann).await.unwrap());
        assert_eq!(others.good(&world).await, [false; 4], "{renewal:?}");
        assert_eq!(world.live(ann.id).await, [id]);
        assert!(world.accepts(&new).await);
        world.browser(&ann).await;
    }
}

async fn a_successor_goes_only_to_the_carrier_of_its_predecessor(world: World) {
    let ann = world.user("ann").await;
    let (browser, chain) = (world.browser(&ann).await, world.tokens(&ann).await.session_id.unwrap());
    for renewal in BY_COOKIE {
        let stolen = renewal.run(&world.engine, browser.session.id, Via::Bearer, &ann).await;
        assert_eq!(kind(&stolen), Some(ErrorKind::Forbidden), "{renewal:?} of a cookie by its access token");
        let odd = renewal.run(&world.engine, chain, Via::Cookie, &ann).await;
        assert_eq!(kind(&odd), Some(ErrorKind::Forbidden), "{renewal:?} of a chain by cookie");
    }
    let alone = Renewal::EndOthers.run(&world.engine, chain, Via::Bearer, &ann).await;
    assert_eq!(kind(&alone), Some(ErrorKind::Forbidden));
    assert_eq!(world.live(ann.id).await.len(), 2);
    assert!(world.audited("confirm_failed").await.is_empty(), "nothing was tried");
}

async fn a_refused_renewal_changes_nothing(world: World) {
    let ann = world.user("ann").await;
    let here = world.browser(&ann).await;
    assert!(world.accepts(&here.cookie).await);
    let caller = caller();
    let holder = world.holder(here.session.id, Via::Cookie, &caller);
    let wrong = "not the password of anybody";
    let log = world.store_log().await;
    let refusals = [
        (world.engine.confirm(&holder, wrong, true).await, ErrorKind::InvalidCredentials),
        (world.engine.change_password(&holder, wrong, NEW).await, ErrorKind::InvalidCredentials),
        (world.engine.change_password(&holder, &ann.password, "short").await, ErrorKind::PasswordRejected),
        (
            world.engine.change_password(&holder, &ann.password, &"x".repeat(1_025)).await,
            ErrorKind::PasswordRejected,
        ),
        (world.engine.confirm(&holder, &"x".repeat(1_025), false).await, ErrorKind::InvalidRequest),
    ];
    for (number, (answer, expected)) in refusals.into_iter().enumerate() {
        assert_eq!(kind(&answer), Some(expected), "{number}");
    }
    for call in [Call::Session, Call::Transact] {
        world.store.fail_before(call);
        assert_eq!(
            kind(&world.engine.confirm(&holder, &ann.password, true).await),
            Some(ErrorKind::Unavailable)
        );
    }
    assert_eq!(world.store_log().await, log);
    assert_eq!(world.live(ann.id).await, [here.session.id]);
    assert!(world.accepts(&here.cookie).await);
    world.browser(&ann).await;
}

async fn ck_26_of_requests_during_the_rotation_none_is_accepted_after_it(world: World) {
    let ann = world.user("ann").await;
    let mut here = world.browser(&ann).await;
    for _ in 0..5 {
        let (engine, cookie_text) = (world.engine.clone(), here.cookie.clone());
        let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let (told, mut begun) = (std::sync::Arc::clone(&stop), 0_u32);
        let requests = tokio::spawn(async move {
            let mut after = 0;
            while after < 20 {
                let over = told.load(std::sync::atomic::Ordering::SeqCst);
                let answer = match engine.recall_session(&cookie_text) {
                    symbolon::session::Recalled::Known(answer) => answer,
                    symbolon::session::Recalled::Unknown => engine.ask_session(&cookie_text, None).await,
                };
                assert!(!over || answer.is_err(), "accepted after the renewal had returned");
                after += u32::from(over);
                begun += 1;
                tokio::task::yield_now().await;
            }
            begun
        });
        let renewed = Renewal::Confirm.run(&world.engine, here.session.id, Via::Cookie, &ann).await.unwrap();
        stop.store(true, std::sync::atomic::Ordering::SeqCst);
        assert!(requests.await.unwrap() >= 20);
        let (id, new) = cookie(renewed);
        here.session.id = id;
        here.cookie = new;
    }
    assert_eq!(world.live(ann.id).await, [here.session.id]);
}

async fn cr_09_a_known_browser_confirms_while_strangers_block_the_account(world: World) {
    let ann = world.user("ann").await;
    let here = world.browser(&ann).await;
    for number in 0..6 {
        let _ = world.try_from("ann", "not the password of anybody", &format!("203.0.113.{number}")).await;
    }
    let caller = caller();
    let holder = world.holder(here.session.id, Via::Cookie, &caller);
    assert_eq!(
        kind(&world.engine.confirm(&holder, &ann.password, false).await),
        Some(ErrorKind::TooManyAttempts)
    );
    let holder = Holder { known: Some(&here.known), ..holder };
    world.engine.confirm(&holder, &ann.password, false).await.map(drop).unwrap();
}

/// A row whose identifier no rule of today lets in: its owner logs in as before, and may change the password.
async fn a_name_of_older_rules_does_not_lock_its_owner_into_a_password(world: World) {
    use symbolon::store::{AuditRow, CredentialRow, NewUser, Object, Registered, UserRow};
    let ann = world.user("ann").await;
    let data = world.store.login_by_user(ann.id).await.unwrap().unwrap().credential.unwrap().data;
    let (id, now) = (world.engine.new_id(), world.now());
    let new = NewUser {
        user: UserRow {
            id,
            generation: 1,
            disabled: false,
            roles: Vec::new(),
            profile: Object::new(),
            identifier: "Old Name".into(),
            created_at: now,
            updated_at: now,
        },
        canonical: "old name".into(),
        identifier_kind: "username",
        credential: Some(CredentialRow { id: world.engine.new_id(), data, version: 1 }),
        audit: AuditRow {
            id: world.engine.new_id(),
            at: now,
            event: "user_created".into(),
            actor: None,
            user: Some(id),
            session: None,
            address: None,
            detail: Object::new(),
        },
    };
    assert_eq!(world.store.register(new).await.unwrap(), Registered::Created);
    world.engine.reset_password(id, NEW, symbolon::audit::Actor::Cli).await.unwrap();
    let condition =
        symbolon::store::Condition { user: id, generation: 2, credential: None, predecessor: None };
    let row = symbolon::store::SessionRow {
        id: world.engine.new_id(),
        user: id,
        ..world.browser(&ann).await.session
    };
    let session = row.id;
    super::successor::plant(&world, condition, row).await;
    let old = Someone { id, name: "Old Name".into(), password: NEW.into() };
    let caller = caller();
    let holder = world.holder(session, Via::Cookie, &caller);
    let named = world.engine.change_password(&holder, &old.password, "my old name is a secret").await;
    assert_eq!(kind(&named), Some(ErrorKind::PasswordRejected), "the name is still looked for");
    world.engine.change_password(&holder, &old.password, &ann.password).await.map(drop).unwrap();
}
