//! Guards' rows and what is asked of rows for a token. A store with a clock of its own takes the time of a lease from there, so
//! these leases are over at once or not for hours.

use std::time::Duration;

use symbolon_token::Kid;

use super::{Someone, World, at, promises};
use crate::store::*;

promises! {
    a_lease_lasts_from_the_stores_time_on,
    a_renewal_says_something_later_than_the_one_before,
    f7_a_lease_counts_until_the_largest_step_of_a_clock_is_over,
    m20_a_renewal_writes_a_row_that_was_removed,
    rule_6_an_acknowledgement_never_writes_a_row,
    rule_6_what_a_guard_applied_never_falls,
    numbers_of_another_epoch_are_nothing,
    a_guard_long_gone_is_purged,
    a_grant_to_a_remote_guard_is_remembered,
    a_token_stands_until_something_speaks_against_it,
}

const HOURS: Duration = Duration::from_secs(10 * 60 * 60);
const EPOCH: Uuid = Uuid::from_u128(1);

fn guard(world: &World) -> GuardLease {
    GuardLease { id: world.id(), epoch: EPOCH, applied: 7, lease: HOURS }
}

async fn rows(world: &World) -> Vec<GuardRow> {
    world.store.guards(Duration::ZERO, at(0)).await.unwrap()
}

/// Who, how far, and whether it is over.
async fn told(world: &World) -> Vec<(Uuid, u64, bool)> {
    rows(world).await.iter().map(|row| (row.id, row.applied, row.lapsed)).collect()
}

async fn renew(world: &World, guard: GuardLease) {
    world.store.renew_guard(guard, at(0)).await.unwrap();
}

async fn a_lease_lasts_from_the_stores_time_on(world: World) {
    assert_eq!(told(&world).await, []);
    let (long, over) = (guard(&world), GuardLease { applied: 9, lease: Duration::ZERO, ..guard(&world) });
    renew(&world, long).await;
    renew(&world, over).await;
    assert_eq!(told(&world).await, [(long.id, 7, false), (over.id, 9, true)]);
    renew(&world, GuardLease { applied: 9, ..long }).await;
    renew(&world, GuardLease { lease: HOURS, ..over }).await;
    assert_eq!(told(&world).await, [(long.id, 9, false), (over.id, 9, false)]);
    world.store.remove_guard(long.id).await.unwrap();
    world.store.remove_guard(long.id).await.unwrap();
    assert_eq!(told(&world).await, [(over.id, 9, false)]);
}

async fn a_renewal_says_something_later_than_the_one_before(world: World) {
    let guard = guard(&world);
    let mut said = Vec::new();
    // At the same moment, by a clock that was set back, and with a shorter lease.
    for (now, lease) in [(9, HOURS), (9, HOURS), (0, HOURS), (9, Duration::ZERO)] {
        world.store.renew_guard(GuardLease { lease, ..guard }, at(now)).await.unwrap();
        said.push(rows(&world).await[0].lease_until);
        world.store.acknowledge(guard.id, EPOCH, 8).await.unwrap();
        assert_eq!(rows(&world).await[0].lease_until, said[said.len() - 1], "no renewal");
    }
    assert!(said.is_sorted_by(|before, after| before < after), "{said:?}");
}

async fn f7_a_lease_counts_until_the_largest_step_of_a_clock_is_over(world: World) {
    renew(&world, GuardLease { lease: Duration::ZERO, ..guard(&world) }).await;
    assert!(rows(&world).await[0].lapsed);
    assert!(!world.store.guards(HOURS, at(0)).await.unwrap()[0].lapsed);
}

async fn m20_a_renewal_writes_a_row_that_was_removed(world: World) {
    let guard = guard(&world);
    renew(&world, guard).await;
    world.store.remove_guard(guard.id).await.unwrap();
    renew(&world, guard).await;
    assert_eq!(told(&world).await, [(guard.id, 7, false)]);
}

async fn rule_6_an_acknowledgement_never_writes_a_row(world: World) {
    world.store.acknowledge(world.id(), EPOCH, 7).await.unwrap();
    assert_eq!(told(&world).await, []);
}

async fn rule_6_what_a_guard_applied_never_falls(world: World) {
    let guard = guard(&world);
    renew(&world, guard).await;
    for (acknowledged, applied) in [(8, 8), (6, 8)] {
        world.store.acknowledge(guard.id, EPOCH, acknowledged).await.unwrap();
        assert_eq!(rows(&world).await[0].applied, applied);
    }
    renew(&world, guard).await;
    assert_eq!(rows(&world).await[0].applied, 8, "a renewal that comes late");
    assert!(!rows(&world).await[0].lapsed, "an acknowledgement leaves the lease alone");
}

async fn numbers_of_another_epoch_are_nothing(world: World) {
    let (here, new) = (guard(&world), Uuid::from_u128(2));
    renew(&world, here).await;
    renew(&world, GuardLease { epoch: new, ..guard(&world) }).await;
    world.store.acknowledge(here.id, new, 9).await.unwrap();
    let applied = async || rows(&world).await.iter().map(|row| row.applied).collect::<Vec<_>>();
    assert_eq!(applied().await, [7, 0]);
    let installation = world.store.installation().await.unwrap();
    world.store.set_installation(Installation { epoch: 2, ..installation.clone() }).await.unwrap();
    assert_eq!(applied().await, [7, 0], "the log is the same");
    world.store.set_installation(Installation { log_epoch: new, ..installation }).await.unwrap();
    assert_eq!(applied().await, [0, 0]);
    assert_eq!(world.store.log_after(0, 9).await.unwrap().epoch, new);
    world.store.acknowledge(here.id, EPOCH, 9).await.unwrap();
    assert_eq!(applied().await, [0, 0], "an acknowledgement of the epoch before that comes late");
}

async fn a_guard_long_gone_is_purged(world: World) {
    let (over, long) = (GuardLease { lease: Duration::ZERO, ..guard(&world) }, guard(&world));
    renew(&world, over).await;
    renew(&world, long).await;
    let before = |now| PurgeBefore { now, sessions: at(0), audit: at(0), throttle_most: 9 };
    world.store.purge(before(at(0)), 9).await.unwrap();
    assert_eq!(rows(&world).await.len(), 2);
    if world.store.shared() {
        // By its own clock, which no test sets; that store's own tests set its rows instead.
        return;
    }
    world.store.purge(before(at(86_400 + 60)), 9).await.unwrap();
    assert_eq!(rows(&world).await.iter().map(|row| row.id).collect::<Vec<_>>(), [long.id]);
}

async fn a_grant_to_a_remote_guard_is_remembered(world: World) {
    assert!(!world.store.remote_guards().await.unwrap());
    world.store.note_remote_guards().await.unwrap();
    world.store.note_remote_guards().await.unwrap();
    assert!(world.store.remote_guards().await.unwrap());
    let installation = world.store.installation().await.unwrap();
    world.store.set_installation(installation).await.unwrap();
    assert!(world.store.remote_guards().await.unwrap());
}

async fn key(world: &World, name: &str) -> Kid {
    let kid: Kid = name.repeat(16).parse().unwrap();
    let row = KeyRow {
        kid,
        algorithm: "ES256".into(),
        sealed: vec![1],
        key_version: 1,
        created_at: at(0),
        sign_from: at(0),
    };
    assert!(world.store.put_key(row).await.unwrap());
    kid
}

async fn a_token_stands_until_something_speaks_against_it(world: World) {
    let (ann, bob): (Someone, Someone) = (world.user("ann").await, world.user("bob").await);
    let kid = key(&world, "k").await;
    let token = |user: Uuid, session| TokenRef { kid, jti: world.id(), session, user, generation: 0 };
    let stands = async |token| world.store.stands(token).await.unwrap();
    let stateless = token(ann.id, None);
    let session = world.mint(&ann).await;
    let bound = token(ann.id, Some(session.id));
    assert!(stands(stateless).await && stands(bound).await);

    assert!(!stands(TokenRef { kid: "x".repeat(16).parse().unwrap(), ..bound }).await, "no such key");
    assert!(!stands(token(world.id(), None)).await, "no such user");
    assert!(!stands(token(ann.id, Some(world.id()))).await, "no such session");
    assert!(!stands(token(bob.id, Some(session.id))).await, "somebody else's session");
    assert!(!stands(TokenRef { generation: 1, ..stateless }).await, "a generation that never was");

    world.end(End::Token { jti: stateless.jti }, at(0)).await;
    assert!(!stands(stateless).await && stands(bound).await);
    world.end(End::Session { id: session.id, owner: None }, at(0)).await;
    assert!(!stands(bound).await && stands(token(ann.id, None)).await);
    let (later, hers) = (world.mint(&ann).await, token(ann.id, None));
    let of_later = token(ann.id, Some(later.id));
    assert!(stands(of_later).await);
    world.end(End::User(ann.id), at(0)).await;
    assert!(!stands(of_later).await && !stands(hers).await);
    assert!(stands(TokenRef { generation: 1, ..hers }).await);
    world.end(End::DisableUser(ann.id), at(0)).await;
    assert!(!stands(TokenRef { generation: 2, ..hers }).await, "disabled");

    let his = token(bob.id, None);
    assert!(stands(his).await);
    let other = TokenRef { kid: key(&world, "o").await, ..his };
    world.end(End::Key(kid), at(0)).await;
    assert!(!stands(his).await && stands(other).await);
    world.end(End::DeleteUser(bob.id), at(0)).await;
    assert!(!stands(other).await);
}
