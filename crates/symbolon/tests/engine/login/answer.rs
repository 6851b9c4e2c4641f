//! One answer to whoever may not come in, at one cost (invariant 7).

use std::collections::HashMap;

use symbolon::{ErrorKind, audit::Actor, login::Carrier, token::issue::Wish};

use crate::common::{Call, World, caller_at, kind, over_every_store, verdict};

over_every_store! {
    lg_09_what_cannot_be_written_down_is_refused_and_never_done_in_silence,
    cr_01_invariant_7_everybody_who_may_not_come_in_gets_one_answer_at_one_cost,
    invariant_7_an_unknown_name_takes_a_place_in_the_hashing_queue,
    cr_18_a_password_too_long_is_never_hashed_nor_counted,
    cr_33_nobody_is_there_at_first,
    lg_07_each_failure_leaves_one_row,
}

async fn cr_01_invariant_7_everybody_who_may_not_come_in_gets_one_answer_at_one_cost(world: World) {
    let ann = world.user("ann").await;
    let bob = world.user("bob").await;
    let eve = world.user("eve@example.org").await;
    world.engine.set_disabled(bob.id, true, Actor::Cli).await.unwrap();
    world.engine.delete_user(eve.id, Actor::Cli).await.unwrap();
    let wrong = "not the password of anybody";
    let tries = [
        ("wrong", "ann", wrong),
        ("unknown", "nobody", wrong),
        ("unknown address", "nobody@example.org", wrong),
        ("disabled, right", "bob", &bob.password),
        ("disabled, wrong", "bob", wrong),
        ("deleted", "eve@example.org", &eve.password),
        ("empty password", "ann", ""),
    ];
    let mut seen = Vec::new();
    for (address, (what, name, password)) in tries.into_iter().enumerate() {
        for carrier in [Carrier::Cookie { remember: true }, Carrier::Stateless(Wish::default())] {
            let before = world.store.all_calls();
            let caller = caller_at(&format!("192.0.2.{}", address + 1));
            let answer = verdict(world.attempt(name, password, carrier, &caller).await);
            seen.push((what, answer, since(&before, &world.store.all_calls())));
        }
    }
    let (_, answer, cost) = seen[0].clone();
    assert_eq!(answer.0, ErrorKind::InvalidCredentials);
    assert_eq!(cost, [(Call::LoginByIdentifier, 1), (Call::Charge, 1), (Call::Record, 1)].into());
    for (what, other_answer, other_cost) in seen {
        assert_eq!((other_answer, other_cost), (answer.clone(), cost.clone()), "{what}");
    }
    // What is no name at all is nobody's, as anybody can tell; the answer is the same all the same.
    for (number, name) in
        ["", " ", "ann ", "' OR 1=1--", "a\0b", "\u{202e}", &"x".repeat(100_000)].iter().enumerate()
    {
        let answered = world.try_from(name, wrong, &format!("198.51.100.{number}")).await;
        assert_eq!(verdict(answered), answer, "{name:.20}");
    }
    world.browser(&ann).await;
}

fn since(before: &HashMap<Call, usize>, after: &HashMap<Call, usize>) -> HashMap<Call, usize> {
    let more =
        |(call, count): (&Call, &usize)| (*call, count - before.get(call).copied().unwrap_or_default());
    after.iter().map(more).filter(|(_, count)| *count > 0).collect()
}

/// One thread and one place to wait: of eight at once two get in, whoever they claim to be. The others are told to come again before
/// anything is read or charged for them.
async fn invariant_7_an_unknown_name_takes_a_place_in_the_hashing_queue(world: World) {
    let world = world
        .restart_with(|settings| {
            settings.hashing.threads = 1;
            settings.hashing.queue = 1;
        })
        .await;
    world.user("ann").await;
    for names in [["ann"; 8].map(str::to_owned), std::array::from_fn(|number| format!("nobody.{number}"))] {
        let before = world.store.all_calls();
        let mut holds = [(); 2].map(|()| world.store.hold_after(Call::Charge));
        let mut tries = tokio::task::JoinSet::new();
        for (number, name) in names.into_iter().enumerate() {
            let (engine, address) = (world.engine.clone(), format!("203.0.113.{number}"));
            tries.spawn(async move {
                let attempt = symbolon::login::Attempt {
                    identifier: &name,
                    password: "not the password of anybody",
                    carrier: Carrier::Cookie { remember: true },
                    presented: None,
                    known: None,
                    caller: &caller_at(&address),
                };
                engine.login(attempt).await
            });
        }
        for _ in 0..6 {
            let refused = tries.join_next().await.unwrap().unwrap();
            assert_eq!(kind(&refused), Some(ErrorKind::Overloaded));
            assert!(verdict(refused).3.is_some(), "with Retry-After");
        }
        for hold in &mut holds {
            hold.reached().await;
        }
        let calls = since(&before, &world.store.all_calls());
        assert_eq!(calls, HashMap::from([(Call::LoginByIdentifier, 2), (Call::Charge, 2)]));
        drop(holds);
        for answer in tries.join_all().await {
            assert_eq!(kind(&answer), Some(ErrorKind::InvalidCredentials));
        }
    }
}

async fn cr_18_a_password_too_long_is_never_hashed_nor_counted(world: World) {
    let ann = world.user("ann").await;
    for length in [1_025, 1_000_000] {
        let before = world.store.all_calls();
        let answer = world.try_from("ann", &"x".repeat(length), "192.0.2.1").await;
        assert_eq!(kind(&answer), Some(ErrorKind::InvalidRequest));
        assert_eq!(since(&before, &world.store.all_calls()), HashMap::new());
    }
    world.browser(&ann).await;
}

async fn cr_33_nobody_is_there_at_first(world: World) {
    for (number, (name, password)) in [
        ("admin", "admin"),
        ("root", ""),
        ("root", "root"),
        ("symbolon", "symbolon"),
        ("admin@localhost", "admin"),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = world.try_from(name, password, &format!("192.0.2.{number}")).await;
        assert_eq!(kind(&answer), Some(ErrorKind::InvalidCredentials), "{name}");
    }
    assert!(world.engine.users(None, None, 10).await.unwrap().is_empty());
}

async fn lg_07_each_failure_leaves_one_row(world: World) {
    let ann = world.user("ann").await;
    let _ = world.try_from("ann", "not the password of anybody", "192.0.2.77").await;
    world.clock.advance(std::time::Duration::from_millis(1));
    let _ = world.try_from("nobody", "not the password of anybody", "192.0.2.78").await;
    let rows = world.audited("login_failed").await;
    assert_eq!(rows.len(), 2);
    assert_eq!((rows[1].user, rows[1].address.as_deref()), (Some(ann.id), Some("192.0.2.77")));
    assert_eq!((rows[0].user, rows[0].address.as_deref()), (None, Some("192.0.2.78")));
    assert!(rows[0].at == world.now() && rows.iter().all(|row| row.actor.is_none()));
    world.browser(&ann).await;
    let rows = world.audited("login").await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].actor.as_deref(), Some(format!("user:{}", ann.id).as_str()));
}

/// An event and its audit row are one write, so that neither is without the other; an event that writes nothing else waits for its row.
async fn lg_09_what_cannot_be_written_down_is_refused_and_never_done_in_silence(world: World) {
    let ann = world.user("ann").await;
    let before = world.engine.audit(None, None, usize::MAX).await.unwrap();
    world.store.fail_before(Call::Record);
    let wrong = world.try_from("ann", "not the password of anybody", "192.0.2.1").await;
    assert_eq!(kind(&wrong), Some(ErrorKind::Unavailable), "a failure that nobody could look up later");
    world.store.fail_before(Call::Transact);
    let right = world.try_from("ann", &ann.password, "192.0.2.1").await;
    assert_eq!(kind(&right), Some(ErrorKind::Unavailable));
    assert_eq!(world.live(ann.id).await, [] as [uuid::Uuid; 0], "no login without its row");
    assert_eq!(world.engine.audit(None, None, usize::MAX).await.unwrap(), before);
    world.try_from("ann", &ann.password, "192.0.2.1").await.map(drop).unwrap();
    assert_eq!(world.audited("login").await.len(), 1);
}
