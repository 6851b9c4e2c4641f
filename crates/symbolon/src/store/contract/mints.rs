//! The conditional mint: logins and renewals.

use symbolon_token::Ended;

use super::{Someone, World, at, promises, session_row, transition};
use crate::store::*;

promises! {
    a_login_mints,
    st_29_a_session_lives_until_each_of_its_ends,
    a_mint_asks_for_the_state_before_the_proof,
    a_renewal_asks_for_a_live_predecessor,
    a_mint_without_a_condition_is_an_error,
    a_mint_with_an_id_that_is_taken_changes_nothing,
    a_renewal_of_one_session_moves_its_children,
    a_grant_leaves_the_children_of_its_surety,
    a_renewal_that_ends_everything_leaves_the_successor_alone,
    a_new_password_raises_the_version,
    a_login_ends_the_presented_session_in_one_step,
    a_limited_mint_ends_the_oldest_logins_and_no_grant,
    a_refused_mint_refunds_nothing,
}

async fn a_login_mints(world: World) {
    let ann = world.user("ann").await;
    let mut session = world.new_session(&ann, at(0));
    session = SessionRow {
        generation: 77,
        kind: Kind::Grant,
        client_id: Some("symbolon".into()),
        parent: Some(world.id()),
        secret_hash: None,
        refresh_counter: 3,
        refresh_moved_at: Some(at(1)),
        amr: vec![Amr { method: "pwd".into(), at: 1 }, Amr { method: "otp".into(), at: -2 }],
        scope: Some("read write".into()),
        audience: vec!["https://a.example".into(), "b".into()],
        jkt: Some("thumb".into()),
        remember: false,
        label: Some("näch\u{0}tly".into()),
        key_version: u32::MAX,
        ..session
    };
    let condition = Some(world.condition(&ann).await);
    let audit = vec![world.audit_row("login", at(0))];
    let mint = Some(session.clone());
    let done = world.done(Transition { condition, mint, audit: audit.clone(), ..transition(at(0)) }).await;
    assert_eq!(done, Done { head: 0, entries: Vec::new(), generation: Some(0), ended: None });
    let row = world.store.session(session.id).await.unwrap().unwrap();
    assert_eq!(
        row.session,
        SessionRow { generation: 0, ..session },
        "every field, but the generation is the user's"
    );
    assert_eq!(Some(row.user), world.store.user(ann.id).await.unwrap());
    assert_eq!(world.store.audit(None, None, 1).await.unwrap(), audit);
    assert_eq!(world.told(), []);
}

async fn st_29_a_session_lives_until_each_of_its_ends(world: World) {
    let ann = world.user("ann").await;
    let session = world.mint(&ann).await;
    for (idle, absolute) in [(100, 200), (200, 100), (100, 100)] {
        let idle_expires_at = at(idle);
        let row = SessionRow { idle_expires_at, expires_at: at(absolute), ..world.new_session(&ann, at(0)) };
        let row = world.mint_row(&ann, row).await;
        for (now, lives) in [(99, true), (100, false), (101, false)] {
            assert_eq!(world.lives(&row, at(now)).await, lives);
            let listed = world.store.sessions_of(ann.id, at(now)).await.unwrap();
            assert_eq!(listed.iter().any(|other| other.id == row.id), lives);
            assert_eq!(listed.last().map(|oldest| oldest.id), Some(session.id), "newest first");
        }
    }
}

async fn a_mint_asks_for_the_state_before_the_proof(world: World) {
    let (ann, bob) = (world.user("ann").await, world.user("bob").await);
    let good = world.condition(&ann).await;
    let attempts = [
        Condition { user: world.id(), ..good.clone() },
        Condition { generation: 1, ..good.clone() },
        Condition { credential: Some((ann.credential, 1)), ..good.clone() },
        Condition { credential: Some((bob.credential, 0)), ..good.clone() },
    ];
    for condition in attempts {
        let mint = Some(session_row(world.id(), condition.user, at(0)));
        let audit = vec![world.audit_row("login", at(0))];
        let transition = Transition { condition: Some(condition), mint, audit, ..transition(at(0)) };
        world.refuses(transition, Outcome::Stale).await;
    }

    // What happens to the user while the login hashes.
    let stale = async |someone: &Someone, condition: Condition| {
        let mint = Some(world.new_session(someone, at(1)));
        let end = Some(End::User(someone.id));
        let late = Transition { condition: Some(condition), mint, end, ..transition(at(1)) };
        world.refuses(late, Outcome::Stale).await;
    };
    world.end(End::User(ann.id), at(1)).await;
    stale(&ann, good).await;
    let before = world.condition(&ann).await;
    let password = Some((ann.credential, String::from("new")));
    world.done(Transition { password, ..transition(at(1)) }).await;
    stale(&ann, before).await;
    let before = world.condition(&ann).await;
    world.end(End::DisableUser(ann.id), at(1)).await;
    stale(&ann, before).await;
    let before = world.condition(&bob).await;
    world.end(End::DeleteUser(bob.id), at(1)).await;
    stale(&bob, before).await;
}

async fn a_renewal_asks_for_a_live_predecessor(world: World) {
    let (ann, bob) = (world.user("ann").await, world.user("bob").await);
    let renewal = async |predecessor, now| {
        let condition = Condition { predecessor: Some(predecessor), ..world.condition(&ann).await };
        let mint = Some(session_row(world.id(), ann.id, now));
        let end = Some(End::Session { id: predecessor, owner: Some(ann.id) });
        Transition { condition: Some(condition), mint, end, ..transition(now) }
    };
    world.refuses(renewal(world.id(), at(1)).await, Outcome::Stale).await;
    let others = world.mint(&bob).await;
    world.refuses(renewal(others.id, at(1)).await, Outcome::Stale).await;
    assert!(world.lives(&others, at(1)).await);

    let session = world.mint(&ann).await;
    world.refuses(renewal(session.id, session.idle_expires_at).await, Outcome::Stale).await;
    let expires_at = at(5);
    let short = SessionRow { expires_at, ..world.new_session(&ann, at(0)) };
    let short = world.mint_row(&ann, short).await;
    world.refuses(renewal(short.id, at(5)).await, Outcome::Stale).await;

    world.end(End::Session { id: session.id, owner: None }, at(1)).await;
    world.refuses(renewal(session.id, at(1)).await, Outcome::Stale).await;
    let old = world.mint(&ann).await;
    world.end(End::User(ann.id), at(1)).await;
    world.refuses(renewal(old.id, at(1)).await, Outcome::Stale).await;

    let session = world.mint(&ann).await;
    let renewal = renewal(session.id, at(1)).await;
    let successor = renewal.mint.clone().unwrap();
    let done = world.done(renewal).await;
    assert_eq!((done.generation, done.ended.map(|ended| ended.id)), (Some(1), Some(session.id)));
    assert!(!world.lives(&session, at(1)).await && world.lives(&successor, at(1)).await);
}

async fn a_mint_without_a_condition_is_an_error(world: World) {
    let (ann, bob) = (world.user("ann").await, world.user("bob").await);
    let mint = Some(world.new_session(&ann, at(0)));
    let before = world.visible().await;
    let unconditional = Transition { mint: mint.clone(), ..transition(at(0)) };
    assert!(world.store.transact(unconditional).await.is_err());
    let condition = Some(world.condition(&bob).await);
    assert!(world.store.transact(Transition { condition, mint, ..transition(at(0)) }).await.is_err());
    assert_eq!(world.visible().await, before);
}

async fn a_mint_with_an_id_that_is_taken_changes_nothing(world: World) {
    let ann = world.user("ann").await;
    let session = world.mint(&ann).await;
    let condition = Some(world.condition(&ann).await);
    let twice = Transition {
        condition: condition.clone(),
        mint: Some(SessionRow { device: "another".into(), ..session }),
        end: Some(End::User(ann.id)),
        ..transition(at(0))
    };
    let audit = vec![world.store.audit(None, None, 1).await.unwrap().remove(0)];
    let mint = Some(world.new_session(&ann, at(0)));
    let audited_twice = Transition { condition, mint, audit, ..transition(at(0)) };
    let before = world.visible().await;
    for transition in [twice, audited_twice] {
        assert!(world.store.transact(transition).await.is_err());
        assert_eq!(world.visible().await, before);
        assert_eq!(world.told(), []);
    }
}

/// A session, two grants that it gave, and a grant of another.
async fn family(world: &World, ann: &Someone) -> (SessionRow, [SessionRow; 3]) {
    let (parent, other) = (world.mint(ann).await, world.mint(ann).await);
    let grant = async |giver: &SessionRow| {
        let row = SessionRow { parent: Some(giver.id), kind: Kind::Grant, ..world.new_session(ann, at(0)) };
        world.mint_row(ann, row).await
    };
    let grants = [grant(&parent).await, grant(&parent).await, grant(&other).await];
    (parent, grants)
}

async fn parents(world: &World, grants: &[SessionRow]) -> Vec<Option<uuid::Uuid>> {
    let mut parents = Vec::new();
    for grant in grants {
        parents.push(world.store.session(grant.id).await.unwrap().unwrap().session.parent);
    }
    parents
}

async fn a_renewal_of_one_session_moves_its_children(world: World) {
    let ann = world.user("ann").await;
    let (parent, grants) = family(&world, &ann).await;
    let successor = world.new_session(&ann, at(1));
    let condition = Some(Condition { predecessor: Some(parent.id), ..world.condition(&ann).await });
    let end = Some(End::Session { id: parent.id, owner: Some(ann.id) });
    world.done(Transition { condition, end, mint: Some(successor.clone()), ..transition(at(1)) }).await;
    let moved = [Some(successor.id), Some(successor.id), grants[2].parent];
    assert_eq!(parents(&world, &grants).await, moved);
    for grant in &grants {
        assert!(world.lives(grant, at(1)).await);
    }

    world.end(End::Session { id: successor.id, owner: None }, at(2)).await;
    assert_eq!(parents(&world, &grants).await, moved, "a logout moves nothing");
    assert!(world.lives(&grants[0], at(2)).await, "a grant outlives the session that gave it");
}

async fn a_grant_leaves_the_children_of_its_surety(world: World) {
    let ann = world.user("ann").await;
    let (parent, grants) = family(&world, &ann).await;
    let third = SessionRow { parent: Some(parent.id), kind: Kind::Grant, ..world.new_session(&ann, at(1)) };
    let condition = Some(Condition { predecessor: Some(parent.id), ..world.condition(&ann).await });
    world.done(Transition { condition, mint: Some(third.clone()), ..transition(at(1)) }).await;
    assert_eq!(parents(&world, &grants).await, [Some(parent.id), Some(parent.id), grants[2].parent]);
    assert_eq!(parents(&world, &[third]).await, [Some(parent.id)]);
    assert!(world.lives(&parent, at(1)).await);
}

async fn a_renewal_that_ends_everything_leaves_the_successor_alone(world: World) {
    let ann = world.user("ann").await;
    let (parent, grants) = family(&world, &ann).await;
    let successor = world.new_session(&ann, at(1));
    let condition = Some(Condition { predecessor: Some(parent.id), ..world.condition(&ann).await });
    let end = Some(End::User(ann.id));
    let mint = Some(successor.clone());
    let done = world.done(Transition { condition, end, mint, ..transition(at(1)) }).await;
    assert_eq!(done.generation, Some(1));
    let live = world.store.sessions_of(ann.id, at(1)).await.unwrap();
    assert_eq!(live, [SessionRow { generation: 1, ..successor }]);
    assert!(!world.lives(&grants[0], at(1)).await);
}

async fn a_new_password_raises_the_version(world: World) {
    let ann = world.user("ann").await;
    let condition = world.condition(&ann).await;
    let change = Transition {
        condition: Some(condition.clone()),
        end: Some(End::User(ann.id)),
        password: Some((ann.credential, String::from("new"))),
        ..transition(at(1))
    };
    world.done(change.clone()).await;
    let credential = world.store.login_by_user(ann.id).await.unwrap().unwrap().credential.unwrap();
    assert_eq!((credential.id, credential.version, &*credential.data), (ann.credential, 1, "new"));
    world.refuses(change.clone(), Outcome::Stale).await;
    assert!(!format!("{change:?}").contains("new"), "a hash is not printed");
    assert!(
        !world.store.rehash(ann.credential, "hash of ann", "late").await.unwrap(),
        "a late rehash is refused"
    );

    let password = Some((world.id(), String::from("new")));
    world.refuses(Transition { password, ..transition(at(1)) }, Outcome::NotFound).await;
}

async fn a_login_ends_the_presented_session_in_one_step(world: World) {
    let (ann, bob) = (world.user("ann").await, world.user("bob").await);
    let presented = world.mint(&bob).await;
    let session = world.new_session(&ann, at(1));
    let login = async |end| {
        let condition = Some(world.condition(&ann).await);
        Transition { condition, end: Some(end), mint: Some(session.clone()), ..transition(at(1)) }
    };
    let gone = login(End::Session { id: world.id(), owner: None }).await;
    world.refuses(gone, Outcome::NotFound).await;
    let done = world.done(login(End::Session { id: presented.id, owner: None }).await).await;
    assert_eq!(done.ended, Some(presented.clone()));
    assert!(world.lives(&session, at(1)).await && !world.lives(&presented, at(1)).await);
}

async fn a_limited_mint_ends_the_oldest_logins_and_no_grant(world: World) {
    let (ann, bob) = (world.user("ann").await, world.user("bob").await);
    let others = world.mint(&bob).await;
    let mut logins = Vec::new();
    for kind in [Kind::Browser, Kind::Grant, Kind::Token, Kind::Browser, Kind::Browser] {
        let row = SessionRow { kind, ..world.new_session(&ann, at(0)) };
        logins.push(world.mint_row(&ann, row).await);
    }
    let [oldest, grant, second, ran_out, newest] = logins.try_into().unwrap();
    let run_out = Touch { session: ran_out.id, since: at(1), seen: at(1), idle_expires_at: at(5) };
    world.store.touch(vec![run_out]).await.unwrap();

    let audit = AuditRow { user: Some(ann.id), ..world.audit_row("session_ended", at(9)) };
    let limited = async |most, audit: &AuditRow| {
        let condition = Some(world.condition(&ann).await);
        let limit = Some(Limit { most, audit: audit.clone() });
        Transition { condition, limit, mint: Some(world.new_session(&ann, at(9))), ..transition(at(9)) }
    };
    let roomy = limited(4, &audit).await;
    let fourth = roomy.mint.clone().unwrap();
    assert_eq!(world.done(roomy).await.entries, [], "three live, the fourth has room");
    assert!(!world.store.audit(None, None, 9).await.unwrap().contains(&audit), "and nothing is said");

    let crowding = limited(2, &audit).await;
    let minted = crowding.mint.clone().unwrap();
    let done = world.done(crowding).await;
    let ended: Vec<_> = done.entries.iter().map(|entry| entry.what).collect();
    let crowded_out = [newest.id, second.id, oldest.id];
    assert_eq!(ended, crowded_out.map(Ended::Session), "all that live but the newest one and the minted");
    assert_eq!(world.told(), done.entries);
    for (row, lives) in
        [(&oldest, false), (&second, false), (&newest, false), (&grant, true), (&others, true)]
    {
        assert_eq!(world.lives(row, at(9)).await, lives, "{:?}", row.id);
    }
    assert!(world.lives(&fourth, at(9)).await && world.lives(&minted, at(9)).await);
    let said = world.store.audit(Some(ann.id), None, 1).await.unwrap().remove(0);
    assert_eq!((said.id, said.session), (audit.id, Some(newest.id)));
    assert_eq!(said.detail["others"], serde_json::json!([second.id, oldest.id]));
}

async fn a_refused_mint_refunds_nothing(world: World) {
    let ann = world.user("ann").await;
    let rule = ThrottleRule { free: 5, block_ms: 1_000, max_block_ms: 9_000, forget_ms: 60_000 };
    world.store.charge(vec![Charge { key: [1; 16], rule }; 2], at(0)).await.unwrap();
    let refunds = vec![Refund::Clear([1; 16])];
    let condition = Condition { generation: 9, ..world.condition(&ann).await };
    let late = Transition { condition: Some(condition), refunds: refunds.clone(), ..transition(at(0)) };
    world.refuses(late, Outcome::Stale).await;
    assert_eq!(world.store.throttle().len(), 1);
    world.done(Transition { refunds, ..transition(at(0)) }).await;
    assert_eq!(world.store.throttle(), []);
}
