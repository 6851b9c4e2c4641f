//! What ends, and what stands in the log for it.

use symbolon_token::view::{Ended, Entry};

use super::{World, at, promises, transition, world::FORGET_AFTER};
use crate::store::*;

promises! {
    one_session_ends,
    a_session_ends_for_its_owner_only,
    everything_of_a_user_ends,
    a_disabled_user_is_ended_once,
    a_deleted_user_leaves_only_traces_in_the_audit,
    a_token_ends,
    ending_again_answers_the_head,
    what_does_not_exist_cannot_end,
    a_session_that_ran_out_can_still_be_ended,
    st_10_refused_endings_leave_no_gap_in_the_numbers,
    the_follower_hears_of_entries_before_the_answer,
}

fn entry(seq: u64, what: Ended, now: i64) -> Entry {
    Entry { seq, what, forget_at: Some(at(now).as_secs() + FORGET_AFTER) }
}

async fn one_session_ends(world: World) {
    let ann = world.user("ann").await;
    let (first, second) = (world.mint(&ann).await, world.mint(&ann).await);
    let audit = vec![world.audit_row("logout", at(9))];
    let end = Some(End::Session { id: first.id, owner: None });
    let done = world.done(Transition { end, audit: audit.clone(), ..transition(at(9)) }).await;

    let entry = entry(1, Ended::Session(first.id), 9);
    assert_eq!(done, Done { head: 1, entries: vec![entry], generation: None, ended: Some(first.clone()) });
    let row = world.store.session(first.id).await.unwrap().unwrap();
    assert_eq!(row.session, SessionRow { ended_at: Some(at(9)), ..first });
    assert!(!row.live(at(0)), "not at any time");
    assert_eq!(world.store.sessions_of(ann.id, at(9)).await.unwrap(), [second]);
    assert_eq!(world.store.audit(None, None, 1).await.unwrap(), audit);
    assert_eq!(world.told(), [entry]);
}

async fn a_session_ends_for_its_owner_only(world: World) {
    let (ann, bob) = (world.user("ann").await, world.user("bob").await);
    let session = world.mint(&ann).await;
    let end = |owner| Some(End::Session { id: session.id, owner: Some(owner) });
    world.refuses(Transition { end: end(bob.id), ..transition(at(1)) }, Outcome::NotFound).await;
    world.done(Transition { end: end(ann.id), ..transition(at(1)) }).await;
    assert!(!world.lives(&session, at(1)).await);
    world.refuses(Transition { end: end(bob.id), ..transition(at(1)) }, Outcome::NotFound).await;
}

async fn everything_of_a_user_ends(world: World) {
    let (ann, bob) = (world.user("ann").await, world.user("bob").await);
    let (first, second, other) = (world.mint(&ann).await, world.mint(&ann).await, world.mint(&bob).await);
    for generation in 0..3 {
        let done = world.end(End::User(ann.id), at(9)).await;
        let what = Ended::User { id: ann.id, generation };
        assert_eq!(done.entries, [entry(generation + 1, what, 9)]);
        let user = world.store.user(ann.id).await.unwrap().unwrap();
        assert_eq!((user.generation, user.disabled, user.updated_at), (generation + 1, false, at(0)));
        for session in [&first, &second] {
            assert!(!world.lives(session, at(0)).await);
        }
    }
    assert!(world.store.sessions_of(ann.id, at(0)).await.unwrap().is_empty());
    assert!(world.lives(&other, at(9)).await);
    let again = world.mint(&ann).await;
    assert_eq!(again.generation, 3);
    assert!(world.lives(&again, at(9)).await, "a login that follows at once lives");
}

async fn a_disabled_user_is_ended_once(world: World) {
    let ann = world.user("ann").await;
    let session = world.mint(&ann).await;
    let condition = Some(world.condition(&ann).await);
    let done = world.end(End::DisableUser(ann.id), at(9)).await;
    assert_eq!(done.entries, [entry(1, Ended::User { id: ann.id, generation: 0 }, 9)]);
    let user = world.store.user(ann.id).await.unwrap().unwrap();
    assert_eq!((user.generation, user.disabled, user.updated_at), (1, true, at(9)));
    assert!(!world.lives(&session, at(9)).await);

    let mint = Some(world.new_session(&ann, at(9)));
    world.refuses(Transition { condition, mint: mint.clone(), ..transition(at(9)) }, Outcome::Stale).await;
    let condition = Some(world.condition(&ann).await);
    world.refuses(Transition { condition, mint, ..transition(at(9)) }, Outcome::Stale).await;

    world.end(End::User(ann.id), at(10)).await;
    let again = world.end(End::DisableUser(ann.id), at(11)).await;
    assert_eq!((again.head, again.entries), (2, Vec::new()));
    assert_eq!(world.store.user(ann.id).await.unwrap().unwrap().updated_at, at(9));
}

async fn a_deleted_user_leaves_only_traces_in_the_audit(world: World) {
    let (ann, bob) = (world.user("ann").await, world.user("bob").await);
    let (session, other) = (world.mint(&ann).await, world.mint(&bob).await);
    let done = world.end(End::DeleteUser(ann.id), at(9)).await;
    let all = Ended::User { id: ann.id, generation: u64::MAX };
    assert_eq!(done.entries, [entry(1, all, 9)]);
    assert_eq!(world.store.log_after(0, 9).await.unwrap().entries, [entry(1, all, 9)]);

    assert_eq!(world.store.user(ann.id).await.unwrap(), None);
    assert_eq!(world.store.login_by_user(ann.id).await.unwrap(), None);
    assert_eq!(world.store.login_by_identifier("ann").await.unwrap(), None);
    assert_eq!(world.store.session(session.id).await.unwrap(), None);
    assert!(world.store.sessions_of(ann.id, at(0)).await.unwrap().is_empty());
    assert!(!world.store.rehash(ann.credential, "hash of ann", "x").await.unwrap());
    assert_eq!(world.store.audit(Some(ann.id), None, 9).await.unwrap().len(), 1);
    assert!(world.lives(&other, at(9)).await);

    let again = Transition { end: Some(End::DeleteUser(ann.id)), ..transition(at(9)) };
    world.refuses(again, Outcome::NotFound).await;
    assert_ne!(world.user("ann").await.id, ann.id, "the name is free again, for somebody else");
}

async fn a_token_ends(world: World) {
    let jti = world.id();
    let done = world.end(End::Token { jti }, at(9)).await;
    assert_eq!(done.entries, [entry(1, Ended::Token(jti), 9)]);
    assert_eq!(world.store.log_after(0, 9).await.unwrap().entries, done.entries);
}

/// The barrier of a repeated ending has something to wait for (F3).
async fn ending_again_answers_the_head(world: World) {
    let (ann, bob) = (world.user("ann").await, world.user("bob").await);
    let (first, second) = (world.mint(&ann).await, world.mint(&bob).await);
    let one = End::Session { id: first.id, owner: Some(ann.id) };
    assert_eq!(world.end(one.clone(), at(1)).await.head, 1);
    world.end(End::User(bob.id), at(2)).await;

    let again = world.end(one, at(3)).await;
    assert_eq!((again.head, &again.entries[..]), (2, &[][..]));
    assert_eq!(again.ended.map(|session| session.ended_at), Some(Some(at(1))), "the first ending counts");
    let by_generation = world.end(End::Session { id: second.id, owner: None }, at(3)).await;
    assert_eq!((by_generation.head, &by_generation.entries[..]), (2, &[][..]));
    assert_eq!(
        world.store.session(second.id).await.unwrap().unwrap().session,
        second,
        "its row stays as it was"
    );
}

async fn what_does_not_exist_cannot_end(world: World) {
    let kid = "AAAAAAAAAAAAAAAA".parse().unwrap();
    let (id, audit) = (world.id(), vec![world.audit_row("logout", at(1))]);
    let ends = [
        End::Session { id, owner: None },
        End::User(id),
        End::DisableUser(id),
        End::DeleteUser(id),
        End::Key(kid),
    ];
    for end in ends {
        let transition = Transition { end: Some(end), audit: audit.clone(), ..transition(at(1)) };
        world.refuses(transition, Outcome::NotFound).await;
    }
}

async fn a_session_that_ran_out_can_still_be_ended(world: World) {
    let ann = world.user("ann").await;
    let session = world.mint(&ann).await;
    let done = world.end(End::Session { id: session.id, owner: None }, at(90_000)).await;
    assert_eq!(done.entries, [entry(1, Ended::Session(session.id), 90_000)]);
}

async fn st_10_refused_endings_leave_no_gap_in_the_numbers(world: World) {
    let ann = world.user("ann").await;
    for round in 1..=5 {
        let session = world.mint(&ann).await;
        // Ends one thing, and is then refused for another: the number is taken back.
        let end = Some(End::Session { id: session.id, owner: None });
        let password = Some((world.id(), String::from("hash")));
        let refused = Transition { end: end.clone(), password, ..transition(at(1)) };
        world.refuses(refused, Outcome::NotFound).await;
        assert_eq!(world.done(Transition { end, ..transition(at(1)) }).await.head, round);
    }
    let seqs: Vec<u64> = world.told().iter().map(|entry| entry.seq).collect();
    assert_eq!(seqs, [1, 2, 3, 4, 5]);
}

async fn the_follower_hears_of_entries_before_the_answer(world: World) {
    let ann = world.user("ann").await;
    let mut tasks = tokio::task::JoinSet::new();
    let world = std::sync::Arc::new(world);
    for _ in 0..20 {
        let (world, ann) = (std::sync::Arc::clone(&world), ann.clone());
        tasks.spawn(async move {
            for _ in 0..5 {
                let session = world.mint(&ann).await;
                let done = world.end(End::Session { id: session.id, owner: None }, at(1)).await;
                let told = world.told();
                assert!(done.entries.iter().all(|entry| told.contains(entry)));
                assert!(told.last().unwrap().seq >= done.head);
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    let told = world.told();
    assert_eq!(told.len(), 100);
    assert_eq!(told, world.store.log_after(0, usize::MAX).await.unwrap().entries, "in order, each once");
}
