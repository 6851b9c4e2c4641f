//! Introspection (RFC 7662): what a token is now.

use std::time::Duration;

use symbolon::{
    audit::Actor,
    token::{introspect::Introspection, issue::Wish},
};

use crate::common::{World, caller, over_every_store};

over_every_store! {
    introspection_tells_what_counts_now_and_nothing_of_the_rest,
    introspection_knows_tokens_for_other_audiences,
    introspection_of_a_refresh_token_moves_nothing,
}

async fn what(world: &World, text: &str) -> &'static str {
    match world.engine.introspect(text).await.unwrap() {
        Introspection::Access(_) => "access",
        Introspection::Refresh(_) => "refresh",
        Introspection::Inactive => "inactive",
    }
}

async fn introspection_tells_what_counts_now_and_nothing_of_the_rest(world: World) {
    let ann = world.user("ann").await;
    let tokens = world.tokens(&ann).await;
    let (access, refresh) = (tokens.access_token, tokens.refresh_token.unwrap());
    let (stateless, cookie) =
        (world.stateless(&ann).await.access_token, world.browser(&ann).await.cookie.reveal());
    assert_eq!(what(&world, &access).await, "access");
    assert_eq!(what(&world, &stateless).await, "access");
    assert_eq!(what(&world, &refresh).await, "refresh");
    for text in ["", "x", cookie.as_str(), "ref_AAAA"] {
        assert_eq!(what(&world, text).await, "inactive", "{text}");
    }
    world.engine.revoke(&stateless, None, &caller()).await.unwrap();
    assert_eq!(what(&world, &stateless).await, "inactive");
    world.engine.end_all(ann.id, Actor::Cli, None).await.unwrap();
    assert_eq!((what(&world, &access).await, what(&world, &refresh).await), ("inactive", "inactive"));
    let tokens = world.tokens(&ann).await;
    world.clock.advance(Duration::from_secs(331));
    assert_eq!(what(&world, &tokens.access_token).await, "inactive");
    assert_eq!(what(&world, &tokens.refresh_token.unwrap()).await, "refresh");
}

async fn introspection_knows_tokens_for_other_audiences(world: World) {
    let world =
        world.restart_with(|settings| settings.token.audiences = vec!["https://api.example".into()]).await;
    let ann = world.user("ann").await;
    let wish = Wish { audience: vec!["https://api.example".into()], scope: None };
    let token = world.tokens_with(&ann, wish).await.access_token;
    assert!(world.engine.check_token(&token).is_err());
    assert_eq!(what(&world, &token).await, "access");
    world.engine.revoke(&token, None, &caller()).await.unwrap();
    assert_eq!(what(&world, &token).await, "inactive");
}

async fn introspection_of_a_refresh_token_moves_nothing(world: World) {
    let ann = world.user("ann").await;
    let first = world.tokens(&ann).await.refresh_token.unwrap();
    for _ in 0..3 {
        assert_eq!(what(&world, &first).await, "refresh");
        world.clock.advance(Duration::from_secs(60));
    }
    let second = world.engine.refresh(&first, None, &caller()).await.unwrap().refresh_token.unwrap();
    assert_eq!(super::counter(&second), 1, "asked three times, moved once");
    assert_eq!(what(&world, &first).await, "refresh", "within the grace time it still works");
    world.clock.advance(Duration::from_secs(30));
    assert_eq!(what(&world, &first).await, "inactive");
    assert_eq!(what(&world, &second).await, "refresh", "and asking about a used one ends nothing");
}
