//! What a successor has of its predecessor, and what is new.

use std::time::Duration;

use symbolon::{
    login::Carrier,
    session::Via,
    store::{Amr, Condition, Outcome, SessionRow, Store, Transition},
    token::issue::Wish,
};

use super::renewal::{BY_BEARER, BY_COOKIE, Renewal, cookie};
use crate::common::{Browser, World, caller, over_every_store, world::tokens};

over_every_store! {
    a_successor_by_cookie_keeps_what_its_predecessor_had,
    a_successor_by_token_keeps_what_its_predecessor_had,
    only_a_password_starts_the_absolute_life_anew,
    children_move_to_the_successor_when_not_everything_ends,
    a_grant_outlives_the_session_that_gave_it_and_ends_with_everything,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Writes a session row that no call of today makes.
pub(crate) async fn plant(world: &World, condition: Condition, row: SessionRow) {
    let transition = Transition {
        condition: Some(condition),
        end: None,
        password: None,
        mint: Some(row),
        limit: None,
        refunds: Vec::new(),
        rekey: None,
        at: world.now(),
        forget_at: world.now().as_secs() + 600,
        audit: Vec::new(),
    };
    assert!(matches!(world.store.transact(transition).await.unwrap(), Outcome::Done(_)));
}

async fn row(world: &World, id: uuid::Uuid) -> SessionRow {
    world.store.session(id).await.unwrap().unwrap().session
}

/// What a successor must share with its predecessor.
fn kept(row: &SessionRow) -> impl PartialEq + std::fmt::Debug + use<> {
    let SessionRow { user, kind, client_id, parent, scope, audience, jkt, remember, device, label, .. } =
        row.clone();
    (user, kind, client_id, parent, scope, audience, jkt, remember, device, label)
}

async fn a_successor_by_cookie_keeps_what_its_predecessor_had(world: World) {
    for remember in [true, false] {
        for renewal in BY_COOKIE {
            let ann = world.user(&format!("ann.{renewal:?}.{remember}")).await;
            let login =
                world.attempt(&ann.name, &ann.password, Carrier::Cookie { remember }, &caller()).await;
            let old = Browser::of(login.unwrap());
            world.clock.advance(Duration::from_secs(5));
            let (id, _) =
                cookie(renewal.run(&world.engine, old.session.id, Via::Cookie, &ann).await.unwrap());
            let new = row(&world, id).await;
            assert_eq!(kept(&new), kept(&old.session), "{renewal:?}");
            assert_ne!(new.secret_hash, old.session.secret_hash);
            assert_eq!((new.last_seen, new.idle_expires_at), (world.now(), world.now().plus(7 * DAY)));
            let generation = if renewal == Renewal::Confirm { 1 } else { 2 };
            assert_eq!(new.generation, generation, "{renewal:?}");
        }
    }
}

async fn a_successor_by_token_keeps_what_its_predecessor_had(world: World) {
    let world = world
        .restart_with(|settings| {
            settings.token.scopes = vec!["read".into(), "write".into()];
            settings.token.audiences = vec!["https://api.example".into()];
        })
        .await;
    for renewal in BY_BEARER {
        let ann = world.user(&format!("ann.{renewal:?}")).await;
        let wish = Wish { audience: vec!["https://api.example".into()], scope: Some("read write".into()) };
        let first = world.tokens_with(&ann, wish).await.session_id.unwrap();
        // A chain that is bound and has a name, as later issues make them.
        let old = SessionRow {
            id: world.engine.new_id(),
            jkt: Some("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I".into()),
            label: Some("laptop".into()),
            amr: vec![
                Amr { method: "otp".into(), at: world.now().as_millis() },
                Amr { method: "pwd".into(), at: world.now().as_millis() },
            ],
            ..row(&world, first).await
        };
        let condition = Condition { user: ann.id, generation: 1, credential: None, predecessor: None };
        plant(&world, condition, old.clone()).await;
        world.clock.advance(Duration::from_secs(60));
        let answer = renewal.run(&world.engine, old.id, Via::Bearer, &ann).await.unwrap();
        let answer = tokens(answer.issued);
        let new = row(&world, answer.session_id.unwrap()).await;
        assert_eq!(kept(&new), kept(&old), "{renewal:?}");
        assert_eq!((new.refresh_counter, new.refresh_moved_at), (0, None));
        let methods: Vec<_> = new.amr.iter().map(|amr| (amr.method.as_str(), amr.at)).collect();
        let then = world.now().as_millis() - 60_000;
        assert_eq!(methods, [("otp", then), ("pwd", world.now().as_millis())], "{renewal:?}");
        assert_eq!(answer.scope.as_deref(), Some("read write"));
    }
}

async fn only_a_password_starts_the_absolute_life_anew(world: World) {
    for renewal in BY_COOKIE {
        let ann = world.user(&format!("ann.{renewal:?}")).await;
        let old = world.browser(&ann).await.session;
        world.clock.advance(5 * DAY);
        let (id, _) = cookie(renewal.run(&world.engine, old.id, Via::Cookie, &ann).await.unwrap());
        let new = row(&world, id).await;
        if renewal == Renewal::EndOthers {
            assert_eq!((new.expires_at, new.auth_time), (old.expires_at, old.auth_time));
            assert_eq!(new.amr, old.amr);
        } else {
            assert_eq!(
                (new.expires_at, new.auth_time),
                (world.now().plus(30 * DAY), world.now()),
                "{renewal:?}"
            );
            assert_eq!(new.amr, [Amr { method: "pwd".into(), at: world.now().as_millis() }]);
        }
    }
    // Renewed without a password again and again, it ends when the first one would have.
    let ann = world.user("ann").await;
    let first = world.browser(&ann).await.session;
    let mut id = first.id;
    for _ in 0..29 {
        world.clock.advance(DAY);
        id = cookie(Renewal::EndOthers.run(&world.engine, id, Via::Cookie, &ann).await.unwrap()).0;
    }
    assert_eq!(row(&world, id).await.idle_expires_at, first.expires_at, "idle never beyond absolute");
    world.clock.advance(DAY);
    assert!(Renewal::EndOthers.run(&world.engine, id, Via::Cookie, &ann).await.is_err());
}

async fn grant(world: &World, parent: uuid::Uuid) -> SessionRow {
    world.give(parent, "nightly backup").await.unwrap().session
}

async fn children_move_to_the_successor_when_not_everything_ends(world: World) {
    let ann = world.user("ann").await;
    let (here, there) = (world.browser(&ann).await, world.browser(&ann).await);
    let (mine, other) = (grant(&world, here.session.id).await, grant(&world, there.session.id).await);
    let (id, _) =
        cookie(Renewal::Confirm.run(&world.engine, here.session.id, Via::Cookie, &ann).await.unwrap());
    assert_eq!(row(&world, mine.id).await.parent, Some(id));
    assert_eq!(row(&world, other.id).await.parent, Some(there.session.id));
    assert!(world.live(ann.id).await.contains(&mine.id));
}

async fn a_grant_outlives_the_session_that_gave_it_and_ends_with_everything(world: World) {
    for renewal in [Renewal::Change, Renewal::ConfirmEndOthers, Renewal::EndOthers] {
        let ann = world.user(&format!("ann.{renewal:?}")).await;
        let (here, there) = (world.browser(&ann).await, world.browser(&ann).await);
        let mine = grant(&world, here.session.id).await;
        world.engine.logout(here.session.id, ann.id, &caller()).await.unwrap();
        assert!(world.live(ann.id).await.contains(&mine.id));
        let (id, _) = cookie(renewal.run(&world.engine, there.session.id, Via::Cookie, &ann).await.unwrap());
        assert_eq!(world.live(ann.id).await, [id], "{renewal:?}");
    }
    // And renews nothing itself.
    let ann = world.user("ann").await;
    let here = world.browser(&ann).await;
    let mine = grant(&world, here.session.id).await;
    for renewal in BY_BEARER {
        let answer = renewal.run(&world.engine, mine.id, Via::Bearer, &ann).await;
        assert_eq!(answer.err().unwrap().kind(), symbolon::ErrorKind::Forbidden, "{renewal:?}");
    }
}
