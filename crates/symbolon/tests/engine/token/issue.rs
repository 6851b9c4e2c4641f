//! What an access token says, and how long it is good.

use std::{collections::BTreeSet, time::Duration};

use serde_json::json;
use symbolon::{
    ErrorKind, Symbolon, audit::Actor, limits::Settings, login::Carrier, session::Via, store::Object,
    token::issue::Wish,
};
use symbolon_token::Algorithm;

use super::{forged, payload};
use crate::common::{World, caller, kind, over_every_store, world::tokens};

over_every_store! {
    a_token_says_what_design_lists_and_no_more,
    a_token_of_the_usual_kind_has_at_most_600_bytes,
    a_token_too_long_is_an_error_that_names_the_claim,
    jc_26_a_profile_does_not_speak_in_reserved_claims,
    the_exp_of_a_token_never_passes_the_sessions_end,
    jc_01_a_token_is_good_until_its_end_and_the_leeway_behind_it,
    clocks_that_differ_by_ten_seconds_refuse_nobody,
    jc_09_a_generation_ends_the_tokens_before_it_and_none_behind_it,
    jc_17_tokens_of_a_disabled_or_deleted_user_are_dead_at_once,
    rt_22_jc_31_a_user_of_the_same_name_is_another_user,
    invalid_target_and_invalid_scope_write_nothing,
    rt_21_a_stateless_login_stores_nothing_and_gives_no_refresh_token,
    rt_15_a_refresh_token_is_no_access_token,
    jc_29_clocks_of_any_year_break_nothing_for_good,
    ja_tokens_of_other_makers_are_refused_alike,
    every_algorithm_signs_and_verifies,
}

const SECOND: Duration = Duration::from_secs(1);

async fn with(world: World, change: impl FnOnce(&mut Settings)) -> World {
    world.restart_with(change).await
}

fn names(token: &str) -> BTreeSet<String> {
    payload(token).as_object().unwrap().keys().cloned().collect()
}

async fn a_token_says_what_design_lists_and_no_more(world: World) {
    let world = with(world, |settings| settings.token.scopes = vec!["read".into()]).await;
    let ann = world.user("ann").await;
    let session = world.tokens(&ann).await;
    let listed = ["iss", "sub", "aud", "exp", "iat", "jti", "client_id", "sid", "gen", "amr", "auth_time"];
    let mut expected: BTreeSet<String> = listed.into_iter().map(str::to_owned).collect();
    assert_eq!(names(&session.access_token), expected);
    let claims = payload(&session.access_token);
    let now = world.now().as_secs();
    assert_eq!(claims["iss"], "https://id.example");
    assert_eq!(claims["aud"], "https://id.example");
    assert_eq!(claims["sub"], ann.id.to_string());
    assert_eq!(claims["sid"], session.session_id.unwrap().to_string());
    assert_eq!((claims["iat"].as_i64(), claims["auth_time"].as_i64()), (Some(now), Some(now)));
    assert_eq!(claims["exp"].as_i64(), Some(now + 300));
    assert_eq!(claims["gen"], 1);
    assert_eq!(claims["amr"], json!(["pwd"]));
    assert_eq!(claims["client_id"], "symbolon");
    assert_eq!(session.expires_in, Duration::from_secs(300));

    expected.remove("sid");
    let stateless = world.stateless(&ann).await;
    assert_eq!(names(&stateless.access_token), expected);
    assert_ne!(payload(&stateless.access_token)["jti"], claims["jti"]);

    let wish = Wish { audience: Vec::new(), scope: Some("read".into()) };
    let scoped = world.tokens_with(&ann, wish).await;
    assert_eq!(payload(&scoped.access_token)["scope"], "read");
    assert_eq!(scoped.scope.as_deref(), Some("read"));
}

/// With ES256, an issuer of 32 characters and one audience.
async fn a_token_of_the_usual_kind_has_at_most_600_bytes(world: World) {
    let issuer = "https://accounts.example.org/id1";
    assert_eq!(issuer.len(), 32);
    let world = with(world, |settings| settings.issuer = issuer.into()).await;
    let ann = world.user("ann").await;
    let token = world.tokens(&ann).await.access_token;
    assert!(token.len() <= 600, "{} bytes", token.len());
    assert!(world.engine.check_token(&token).is_ok());
}

/// Refused when it is issued, in words that the user can act on; and nothing has changed: no session without a token, no counter moved.
async fn a_token_too_long_is_an_error_that_names_the_claim(world: World) {
    let world = with(world, |settings| {
        settings.token.claims = vec![("bio".into(), "about".into())];
        settings.token.refresh_grace = SECOND;
    })
    .await;
    let about = |text: String| Object::from_iter([("about".to_owned(), text.into())]);
    let ann = world.user_with("ann", about("short".into())).await;
    let tokens = world.tokens(&ann).await;
    let refresh = tokens.refresh_token.unwrap();
    assert_eq!(payload(&tokens.access_token)["bio"], "short");
    world.engine.set_profile(ann.id, about("x".repeat(4_000))).await.unwrap();
    let live = world.live(ann.id).await;
    let refused = |error: Option<symbolon::Error>| {
        let error = error.unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        assert!(error.detail().contains("bio"), "{error}");
    };
    for carrier in [Carrier::Token(Wish::default()), Carrier::Stateless(Wish::default())] {
        refused(world.attempt("ann", &ann.password, carrier, &caller()).await.err());
    }
    let by = caller();
    let holder = world.holder(tokens.session_id.unwrap(), Via::Bearer, &by);
    refused(world.engine.confirm(&holder, &ann.password, true).await.err());
    refused(world.engine.change_password(&holder, &ann.password, "four quiet herons wade").await.err());
    refused(world.engine.refresh(&refresh, None, &caller()).await.err());
    assert_eq!(world.live(ann.id).await, live, "no session more, and none less");
    world.clock.advance(2 * SECOND);
    world.engine.set_profile(ann.id, about("short".into())).await.unwrap();
    world.engine.refresh(&refresh, None, &caller()).await.unwrap();
    assert_eq!(payload(&world.tokens(&ann).await.access_token)["bio"], "short");
}

async fn jc_26_a_profile_does_not_speak_in_reserved_claims(world: World) {
    for claim in ["sub", "iss", "aud", "exp", "roles", "cnf", "id", "gen", "sid"] {
        let mut settings = World::settings();
        settings.token.claims = vec![(claim.into(), "nickname".into())];
        let (store, clock) = (world.store.clone(), world.clock.clone());
        let opened =
            Symbolon::open(settings, store, world.master.clone().into(), clock, world.randomness.clone())
                .await;
        let error = opened.err().unwrap();
        assert!(error.detail().contains(claim), "{error}");
    }
    world.user("ann").await;
}

async fn the_exp_of_a_token_never_passes_the_sessions_end(world: World) {
    let world = with(world, |settings| {
        settings.token.refresh_absolute = Duration::from_secs(400);
        settings.session.absolute = Duration::from_secs(400);
    })
    .await;
    let ann = world.user("ann").await;
    let answer = world.tokens(&ann).await;
    let browser = world.browser(&ann).await;
    let end = world.now().as_secs() + 400;
    world.clock.advance(200 * SECOND);
    let refreshed = world.engine.refresh(&answer.refresh_token.unwrap(), None, &caller()).await.unwrap();
    let exchanged = world.engine.exchange(browser.session.id, &Wish::default()).await.unwrap();
    for answer in [refreshed.clone(), exchanged] {
        assert_eq!(payload(&answer.access_token)["exp"].as_i64(), Some(end));
        assert_eq!(answer.expires_in, Duration::from_secs(200));
    }
    world.clock.advance(200 * SECOND - Duration::from_millis(1));
    let last = world.engine.refresh(&refreshed.refresh_token.clone().unwrap(), None, &caller()).await;
    let exchanged = world.engine.exchange(browser.session.id, &Wish::default()).await;
    for answer in [last.unwrap(), exchanged.unwrap()] {
        assert_eq!(payload(&answer.access_token)["exp"].as_i64(), Some(end));
    }
    world.clock.advance(Duration::from_millis(1));
    let over = world.engine.refresh(&refreshed.refresh_token.unwrap(), None, &caller()).await;
    assert_eq!(kind(&over), Some(ErrorKind::InvalidGrant));
}

async fn jc_01_a_token_is_good_until_its_end_and_the_leeway_behind_it(world: World) {
    let ann = world.user("ann").await;
    let token = world.stateless(&ann).await.access_token;
    world.clock.advance(329 * SECOND);
    assert!(world.engine.check_token(&token).is_ok());
    world.clock.advance(SECOND);
    assert_eq!(kind(&world.engine.check_token(&token)), Some(ErrorKind::InvalidToken));
}

async fn clocks_that_differ_by_ten_seconds_refuse_nobody(world: World) {
    let ann = world.user("ann").await;
    for _ in 0..3 {
        let (token, browser) = (world.tokens(&ann).await, world.browser(&ann).await);
        for step in ["back", "forward", "forward", "back"] {
            match step {
                "back" => world.clock.set_back(10 * SECOND),
                _ => world.clock.advance(10 * SECOND),
            }
            assert!(world.engine.check_token(&token.access_token).is_ok(), "{step}");
            assert!(world.accepts(&browser.cookie).await, "{step}");
            let other = world.tokens(&ann).await;
            assert!(world.engine.check_token(&other.access_token).is_ok(), "{step}");
            let refresh = token.refresh_token.clone().unwrap();
            world.engine.refresh(&refresh, None, &caller()).await.unwrap();
        }
    }
    // A clock behind the installation's first moment still signs, with the first key.
    world.clock.set_back(20 * SECOND);
    let early = world.stateless(&ann).await.access_token;
    assert!(world.engine.check_token(&early).is_ok());
    world.clock.set_back(3_600 * SECOND);
    let earlier = world.stateless(&ann).await.access_token;
    assert!(world.engine.check_token(&earlier).is_ok());
}

async fn jc_09_a_generation_ends_the_tokens_before_it_and_none_behind_it(world: World) {
    let ann = world.user("ann").await;
    let before = [world.tokens(&ann).await.access_token, world.stateless(&ann).await.access_token];
    world.engine.end_all(ann.id, Actor::Cli, None).await.unwrap();
    // Within the same second.
    let after = [world.tokens(&ann).await.access_token, world.stateless(&ann).await.access_token];
    assert!(before.iter().all(|token| world.engine.check_token(token).is_err()));
    assert!(after.iter().all(|token| world.engine.check_token(token).is_ok()));
    let world = world.kill().await;
    assert!(before.iter().all(|token| world.engine.check_token(token).is_err()));
    assert!(after.iter().all(|token| world.engine.check_token(token).is_ok()));
}

async fn jc_17_tokens_of_a_disabled_or_deleted_user_are_dead_at_once(world: World) {
    for deleted in [false, true] {
        let ann = world.user(&format!("ann.{deleted}")).await;
        let token = world.tokens(&ann).await;
        let stateless = world.stateless(&ann).await;
        if deleted {
            world.engine.delete_user(ann.id, Actor::Cli).await.unwrap();
        } else {
            world.engine.set_disabled(ann.id, true, Actor::Cli).await.unwrap();
        }
        for token in [&token.access_token, &stateless.access_token] {
            assert_eq!(kind(&world.engine.check_token(token)), Some(ErrorKind::InvalidToken));
        }
        let refreshed = world.engine.refresh(&token.refresh_token.unwrap(), None, &caller()).await;
        assert_eq!(kind(&refreshed), Some(ErrorKind::InvalidGrant));
        if !deleted {
            world.engine.set_disabled(ann.id, false, Actor::Cli).await.unwrap();
            assert!(world.engine.check_token(&stateless.access_token).is_err(), "enabling revives nothing");
        }
    }
}

async fn rt_22_jc_31_a_user_of_the_same_name_is_another_user(world: World) {
    let ann = world.user("ann").await;
    let (token, browser) = (world.tokens(&ann).await, world.browser(&ann).await);
    world.engine.delete_user(ann.id, Actor::Cli).await.unwrap();
    let other = world.user("ann").await;
    assert_ne!(other.id, ann.id);
    let world = world.restart().await;
    assert!(world.engine.check_token(&token.access_token).is_err());
    assert!(!world.accepts(&browser.cookie).await);
    let refreshed = world.engine.refresh(&token.refresh_token.unwrap(), None, &caller()).await;
    assert_eq!(kind(&refreshed), Some(ErrorKind::InvalidGrant));
    assert!(world.live(other.id).await.is_empty());
}

async fn invalid_target_and_invalid_scope_write_nothing(world: World) {
    let world = with(world, |settings| {
        settings.token.audiences = vec!["https://api.example".into()];
        settings.token.scopes = vec!["read".into(), "write".into()];
    })
    .await;
    let ann = world.user("ann").await;
    let wish = |audience: &[&str], scope: &str| Wish {
        audience: audience.iter().map(|name| (*name).to_owned()).collect(),
        scope: Some(scope.into()),
    };
    let before = world.store.all_calls();
    let refused = [
        (wish(&["https://other.example"], ""), ErrorKind::InvalidTarget),
        (wish(&["https://api.example/"], ""), ErrorKind::InvalidTarget),
        (wish(&["https://API.example"], ""), ErrorKind::InvalidTarget),
        (wish(&["https://api.example", "x"], ""), ErrorKind::InvalidTarget),
        (wish(&[""], ""), ErrorKind::InvalidTarget),
        (wish(&[], "admin"), ErrorKind::InvalidScope),
        (wish(&[], "read,write"), ErrorKind::InvalidScope),
        (wish(&[], "READ"), ErrorKind::InvalidScope),
    ];
    for (wish, expected) in refused {
        for carrier in [Carrier::Token(wish.clone()), Carrier::Stateless(wish.clone())] {
            let answer = world.attempt("ann", &ann.password, carrier, &caller()).await;
            assert_eq!(kind(&answer), Some(expected), "{wish:?}");
        }
    }
    assert_eq!(world.store.all_calls(), before);
    let both = ["https://api.example", "https://id.example", "https://api.example"];
    let answer = world.tokens_with(&ann, wish(&both, "write  read write")).await;
    assert_eq!(payload(&answer.access_token)["aud"], json!(["https://api.example", "https://id.example"]));
    assert_eq!(answer.scope.as_deref(), Some("write read"));
    assert!(world.engine.check_token(&answer.access_token).is_ok());
    let theirs = world.tokens_with(&ann, wish(&["https://api.example"], "")).await;
    assert_eq!(payload(&theirs.access_token)["aud"], "https://api.example");
    assert!(
        world.engine.check_token(&theirs.access_token).is_err(),
        "JC-10: a token for others is not for us"
    );
}

async fn rt_21_a_stateless_login_stores_nothing_and_gives_no_refresh_token(world: World) {
    let ann = world.user("ann").await;
    let answer = world.stateless(&ann).await;
    assert_eq!((answer.refresh_token, answer.session_id), (None, None));
    assert!(world.live(ann.id).await.is_empty());
    assert!(world.engine.check_token(&answer.access_token).unwrap().claims().sid.is_none());
    let browser = world.browser(&ann).await;
    let exchanged = world.engine.exchange(browser.session.id, &Wish::default()).await.unwrap();
    assert_eq!(exchanged.refresh_token, None, "nor does a cookie");
}

async fn rt_15_a_refresh_token_is_no_access_token(world: World) {
    let ann = world.user("ann").await;
    let tokens = world.tokens(&ann).await;
    let refresh = tokens.refresh_token.unwrap();
    assert_eq!(kind(&world.engine.check_token(&refresh)), Some(ErrorKind::InvalidToken));
    let swapped = world.engine.refresh(&tokens.access_token, None, &caller()).await;
    assert_eq!(kind(&swapped), Some(ErrorKind::InvalidGrant));
    let cookie = world.browser(&ann).await.cookie.reveal();
    assert_eq!(kind(&world.engine.check_token(&cookie)), Some(ErrorKind::InvalidToken));
    assert_eq!(kind(&world.engine.refresh(&cookie, None, &caller()).await), Some(ErrorKind::InvalidGrant));
    world.engine.refresh(&refresh, None, &caller()).await.unwrap();
}

/// A battery that died, and a typo: no token is issued, health says so, nothing panics, and the right time heals it.
async fn jc_29_clocks_of_any_year_break_nothing_for_good(world: World) {
    let ann = world.user("ann").await;
    let browser = world.browser(&ann).await;
    let right = world.now().as_millis();
    for wrong in [0, -1, 1, i64::MIN, 253_402_300_799_000, 253_402_300_800_000, i64::MAX - 1, i64::MAX] {
        world.clock.set(wrong);
        for carrier in [Carrier::Token(Wish::default()), Carrier::Stateless(Wish::default())] {
            let issued = world.attempt("ann", &ann.password, carrier, &caller()).await;
            assert!(issued.is_err(), "a token at {wrong}");
        }
        assert_eq!(kind(&world.engine.ready().await), Some(ErrorKind::Unavailable), "{wrong}");
        assert!(world.engine.exchange(browser.session.id, &Wish::default()).await.is_err(), "{wrong}");
        // Whether the cookie counts then is arithmetic; that it is done without a panic is what is asked here.
        let _ = world.check(&browser.cookie).await;
        let _ = world.engine.keys();
        world.clock.set(right);
    }
    assert!(world.accepts(&browser.cookie).await);
    world.engine.ready().await.unwrap();
    let token = world.stateless(&ann).await.access_token;
    assert!(world.engine.check_token(&token).is_ok());
}

/// The verifier has its own suite; here, that the engine uses it, with its own keys, issuer and audience.
async fn ja_tokens_of_other_makers_are_refused_alike(world: World) {
    let ann = world.user("ann").await;
    let good = world.stateless(&ann).await.access_token;
    let claims = payload(&good);
    let kid = world.engine.keys()[0].kid.to_string();
    let public = serde_json::to_vec(&world.engine.jwks().keys[0]).unwrap();
    let (head, signature) = good.rsplit_once('.').unwrap();
    let other = World::elsewhere().await;
    let theirs = other.stateless(&other.user("ann").await).await.access_token;
    let texts = [
        String::new(),
        "x".into(),
        theirs,
        format!("{head}."),
        format!("{head}.{signature}A"),
        format!("{good}.{signature}"),
        forged(&json!({"alg": "none", "typ": "at+jwt", "kid": kid}), &claims, b""),
        forged(&json!({"alg": "HS256", "typ": "at+jwt", "kid": kid}), &claims, &public),
        forged(&json!({"alg": "ES256", "typ": "at+jwt", "kid": kid}), &claims, b"secret"),
        forged(&json!({"alg": "ES256", "typ": "at+jwt", "kid": "../../etc/passwd"}), &claims, b"secret"),
    ];
    let answer = crate::common::verdict(world.engine.check_token("a.b.c"));
    assert_eq!(answer.0, ErrorKind::InvalidToken);
    for text in texts {
        assert_eq!(crate::common::verdict(world.engine.check_token(&text)), answer, "{text:.40}");
    }
    assert!(world.engine.check_token(&good).is_ok());
}

async fn every_algorithm_signs_and_verifies(world: World) {
    let mut world = world;
    let mut earlier = Vec::new();
    for algorithm in [Algorithm::Ed25519, Algorithm::Hs256, Algorithm::Rs256, Algorithm::Es256] {
        world = with(world, |settings| settings.token.algorithm = algorithm).await;
        let name = format!("ann.{algorithm:?}");
        let ann = world.user(&name).await;
        world.engine.rotate_keys(true, Actor::Cli).await.unwrap();
        let login = world.attempt(&name, &ann.password, Carrier::Stateless(Wish::default()), &caller()).await;
        let token = tokens(login.unwrap().issued).access_token;
        let part = token.split('.').next().unwrap();
        let header: serde_json::Value = serde_json::from_slice(
            &base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, part).unwrap(),
        )
        .unwrap();
        assert_eq!(header["alg"], algorithm.name());
        earlier.push(token);
        for token in &earlier {
            assert!(world.engine.check_token(token).is_ok(), "{algorithm:?}");
        }
    }
    let published = world.engine.jwks().keys;
    assert!(published.iter().all(|key| key.kty != "oct"), "a symmetric key is never published");
    assert_eq!(published.len(), world.engine.keys().len() - 1);
}
