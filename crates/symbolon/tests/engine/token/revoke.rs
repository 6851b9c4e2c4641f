//! Revocation of whatever token somebody holds (RFC 7009).

use symbolon::{ErrorKind, store::Store};

use crate::common::{World, caller, kind, over_every_store};

over_every_store! {
    revoking_an_access_token_ends_that_token_alone,
    revoking_a_refresh_token_ends_its_session_with_all_its_tokens,
    an_old_refresh_token_revokes_its_chain_too,
    unknown_and_dead_tokens_are_no_error_and_write_nothing,
    rt_06_a_client_revokes_only_its_own_tokens,
    a_cookie_is_not_revoked_as_a_token,
    revocations_survive_a_kill,
}

async fn revoking_an_access_token_ends_that_token_alone(world: World) {
    let ann = world.user("ann").await;
    let tokens = world.tokens(&ann).await;
    let stateless = world.stateless(&ann).await.access_token;
    world.engine.revoke(&tokens.access_token, None, &caller()).await.unwrap();
    assert!(world.engine.check_token(&tokens.access_token).is_err());
    assert!(world.engine.check_token(&stateless).is_ok());
    let next = world.engine.refresh(&tokens.refresh_token.unwrap(), None, &caller()).await.unwrap();
    assert!(world.engine.check_token(&next.access_token).is_ok(), "its session goes on");
    world.clock.advance(std::time::Duration::from_millis(1));
    world.engine.revoke(&stateless, None, &caller()).await.unwrap();
    assert!(world.engine.check_token(&stateless).is_err());
    let rows = world.audited("token_ended").await;
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row.user == Some(ann.id)));
    assert_eq!((rows[1].session, rows[0].session), (tokens.session_id, None));
}

async fn revoking_a_refresh_token_ends_its_session_with_all_its_tokens(world: World) {
    let ann = world.user("ann").await;
    let (tokens, other) = (world.tokens(&ann).await, world.tokens(&ann).await);
    let refresh = tokens.refresh_token.unwrap();
    world.engine.revoke(&refresh, None, &caller()).await.unwrap();
    assert!(world.engine.check_token(&tokens.access_token).is_err());
    assert_eq!(kind(&world.engine.refresh(&refresh, None, &caller()).await), Some(ErrorKind::InvalidGrant));
    assert!(world.engine.check_token(&other.access_token).is_ok());
    assert_eq!(world.live(ann.id).await, [other.session_id.unwrap()]);
    // Again is no error.
    world.engine.revoke(&refresh, None, &caller()).await.unwrap();
}

async fn an_old_refresh_token_revokes_its_chain_too(world: World) {
    let ann = world.user("ann").await;
    let first = world.tokens(&ann).await.refresh_token.unwrap();
    let mut last = first.clone();
    for _ in 0..3 {
        world.clock.advance(std::time::Duration::from_secs(60));
        last = world.engine.refresh(&last, None, &caller()).await.unwrap().refresh_token.unwrap();
    }
    world.engine.revoke(&first, None, &caller()).await.unwrap();
    assert_eq!(kind(&world.engine.refresh(&last, None, &caller()).await), Some(ErrorKind::InvalidGrant));
}

async fn unknown_and_dead_tokens_are_no_error_and_write_nothing(world: World) {
    let ann = world.user("ann").await;
    let tokens = world.tokens(&ann).await;
    let stateless = world.stateless(&ann).await.access_token;
    let other = World::elsewhere().await;
    let theirs = other.tokens(&other.user("ann").await).await;
    world.clock.advance(std::time::Duration::from_secs(400));
    let (head, rows) =
        (world.store.log_after(0, 10).await.unwrap().head, world.audited("token_ended").await.len());
    let texts = [
        "",
        "x",
        "ref_",
        "ses_x",
        &theirs.access_token,
        &theirs.refresh_token.unwrap(),
        &stateless,
        &tokens.access_token,
    ];
    for text in texts {
        world.engine.revoke(text, None, &caller()).await.unwrap();
    }
    assert_eq!(world.store.log_after(0, 10).await.unwrap().head, head);
    assert_eq!(world.audited("token_ended").await.len(), rows);
    world.engine.refresh(&tokens.refresh_token.unwrap(), None, &caller()).await.unwrap();
}

async fn rt_06_a_client_revokes_only_its_own_tokens(world: World) {
    let ann = world.user("ann").await;
    let tokens = world.tokens(&ann).await;
    let client = Some(world.engine.new_id());
    for text in [&tokens.access_token, tokens.refresh_token.as_ref().unwrap()] {
        let answer = world.engine.revoke(text, client, &caller()).await;
        assert_eq!(kind(&answer), Some(ErrorKind::InvalidGrant));
    }
    assert!(world.engine.check_token(&tokens.access_token).is_ok());
    assert!(world.store_log().await.is_empty());
    world.engine.revoke("unknown", client, &caller()).await.unwrap();
}

async fn a_cookie_is_not_revoked_as_a_token(world: World) {
    let ann = world.user("ann").await;
    let browser = world.browser(&ann).await;
    world.engine.revoke(&browser.cookie.reveal(), None, &caller()).await.unwrap();
    assert!(world.accepts(&browser.cookie).await);
}

async fn revocations_survive_a_kill(world: World) {
    let ann = world.user("ann").await;
    let (one, two) = (world.tokens(&ann).await, world.tokens(&ann).await);
    world.engine.revoke(&one.access_token, None, &caller()).await.unwrap();
    world.engine.revoke(two.refresh_token.as_ref().unwrap(), None, &caller()).await.unwrap();
    let world = world.kill().await;
    assert!(world.engine.check_token(&one.access_token).is_err());
    assert!(world.engine.check_token(&two.access_token).is_err());
    assert!(world.engine.refresh(&two.refresh_token.unwrap(), None, &caller()).await.is_err());
    assert!(world.engine.refresh(&one.refresh_token.unwrap(), None, &caller()).await.is_ok());
}
