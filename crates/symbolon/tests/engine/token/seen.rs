//! Access tokens proven before: known by their whole text, asked of view and clock every time, forgotten when dead.

use std::time::Duration;

use symbolon::{ErrorKind, audit::Actor, token::issue::Wish};
use symbolon_token::Algorithm;

use crate::common::{World, caller, kind, over_every_store};

over_every_store! {
    ja_31_another_text_with_the_same_claims_is_another_token,
    a_token_seen_before_is_refused_from_the_moment_it_ended,
    km_02_a_removed_key_leaves_nothing_remembered,
    dead_tokens_leave_when_shown_or_swept,
    memory_is_bounded_and_decides_nothing,
    what_a_symmetric_key_signed_is_not_kept,
}

fn seen(world: &World) -> usize {
    world.engine.cached().tokens
}

async fn ja_31_another_text_with_the_same_claims_is_another_token(world: World) {
    let ann = world.user("ann").await;
    let token = world.tokens(&ann).await.access_token;
    assert_eq!(seen(&world), 0);
    for _ in 0..3 {
        assert_eq!(world.engine.check_token(&token).unwrap().claims().sub, ann.id);
        assert_eq!(seen(&world), 1);
    }
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let other = world.tokens(&ann).await.access_token;
    let changed = format!("{}{}", if signature.starts_with('A') { 'B' } else { 'A' }, &signature[1..]);
    for poisoned in [
        format!("{signed}.{changed}"),
        format!("{signed}.{}", other.rsplit_once('.').unwrap().1),
        format!("{signed}."),
        format!("{token}A"),
        format!("{token}="),
        token[..token.len() - 1].to_owned(),
        signed.to_owned(),
        format!(" {token}"),
    ] {
        assert_eq!(kind(&world.engine.check_token(&poisoned)), Some(ErrorKind::InvalidToken), "{poisoned}");
    }
    assert_eq!(seen(&world), 1, "nothing that was refused is remembered");
}

async fn a_token_seen_before_is_refused_from_the_moment_it_ended(world: World) {
    for way in ["token", "session", "everything", "disabled"] {
        let ann = world.user(&format!("ann-{way}")).await;
        let (token, bystander) = (world.tokens(&ann).await, world.tokens(&world.user(way).await).await);
        assert!(world.engine.check_token(&token.access_token).is_ok());
        assert!(world.engine.check_token(&bystander.access_token).is_ok());
        let before = seen(&world);
        match way {
            "token" => world.engine.revoke(&token.access_token, None, &caller()).await.unwrap(),
            "session" => {
                let id = token.session_id.unwrap();
                world.engine.end_session(id, None, Actor::Cli, None).await.unwrap();
            }
            "everything" => world.engine.end_all(ann.id, Actor::Cli, None).await.unwrap(),
            _ => drop(world.engine.set_disabled(ann.id, true, Actor::Cli).await.unwrap()),
        }
        assert_eq!(
            kind(&world.engine.check_token(&token.access_token)),
            Some(ErrorKind::InvalidToken),
            "{way}"
        );
        assert_eq!(seen(&world), before - 1, "{way}: shown dead, it left");
        assert!(world.engine.check_token(&token.access_token).is_err(), "{way}: and is not taken in again");
        assert!(world.engine.check_token(&bystander.access_token).is_ok(), "{way}");
    }
}

async fn km_02_a_removed_key_leaves_nothing_remembered(world: World) {
    let ann = world.user("ann").await;
    let token = world.tokens(&ann).await.access_token;
    assert!(world.engine.check_token(&token).is_ok());
    let old = world.engine.keys()[0].kid;
    world.engine.rotate_keys(true, Actor::Cli).await.unwrap();
    let next = world.tokens(&ann).await.access_token;
    assert!(world.engine.check_token(&next).is_ok() && world.engine.check_token(&token).is_ok());
    world.engine.remove_key(old, Actor::Cli).await.unwrap();
    assert_eq!(seen(&world), 0, "all of it is forgotten at once");
    assert!(world.engine.check_token(&token).is_err());
    assert!(world.engine.check_token(&next).is_ok());
    // However the clock stands, in this process and the next.
    world.clock.advance(Duration::from_secs(3_600));
    world.engine.tend().await.unwrap();
    assert!(world.engine.check_token(&token).is_err());
    world.clock.set_back(Duration::from_secs(3_600));
    assert!(world.engine.check_token(&token).is_err());
    let world = world.restart().await;
    assert!(world.engine.check_token(&token).is_err());
    assert!(world.engine.check_token(&next).is_ok());
}

async fn dead_tokens_leave_when_shown_or_swept(world: World) {
    let ann = world.user("ann").await;
    let tokens = [world.tokens(&ann).await, world.tokens(&ann).await, world.tokens(&ann).await];
    for token in &tokens {
        assert!(world.engine.check_token(&token.access_token).is_ok());
    }
    world.clock.advance(Duration::from_secs(330));
    assert!(world.engine.check_token(&tokens[0].access_token).is_err());
    assert_eq!(seen(&world), 2);
    world.engine.tend().await.unwrap();
    assert_eq!(seen(&world), 0);
}

async fn memory_is_bounded_and_decides_nothing(world: World) {
    let world = world.restart_with(|settings| settings.token_cache = 64 * 1024).await;
    let ann = world.user("ann").await;
    let session = world.browser(&ann).await.session.id;
    let mut tokens = Vec::new();
    for _ in 0..300 {
        tokens.push(world.engine.exchange(session, &Wish::default()).await.unwrap().access_token);
    }
    for token in tokens.iter().chain(&tokens) {
        assert!(world.engine.check_token(token).is_ok());
        // No token takes less than half a kilobyte.
        assert!(seen(&world) <= 128, "{}", seen(&world));
    }
    assert!(seen(&world) > 16, "{}", seen(&world));
    let world = world.restart_with(|settings| settings.token_cache = 0).await;
    assert!(tokens.iter().all(|token| world.engine.check_token(token).is_ok()));
    assert_eq!(seen(&world), 0);
}

async fn what_a_symmetric_key_signed_is_not_kept(world: World) {
    let world = world.restart_with(|settings| settings.token.algorithm = Algorithm::Hs256).await;
    world.engine.rotate_keys(true, Actor::Cli).await.unwrap();
    let ann = world.user("ann").await;
    let token = world.tokens(&ann).await.access_token;
    for _ in 0..2 {
        assert!(world.engine.check_token(&token).is_ok());
    }
    assert_eq!(seen(&world), 0);
}
