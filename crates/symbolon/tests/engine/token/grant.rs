//! Grants: what one is, who gives it, and what bounds it for as long as it lives.

use std::time::Duration;

use symbolon::{
    Error, ErrorKind,
    limits::Settings,
    session::Via,
    store::{Kind, SessionRow, Store},
    token::{
        grant::{Given, Giver},
        introspect::Introspection,
        issue::Wish,
    },
};
use symbolon_token::{SessionMark, Timestamp};
use uuid::Uuid;

use super::payload;
use crate::common::{World, caller, kind, over_every_store};

over_every_store! {
    a_grant_is_a_chain_of_its_own_that_proves_nothing_anew,
    rt_07_a_refreshed_grant_keeps_its_bounds,
    a_grant_is_given_by_a_fresh_login_and_by_no_grant,
    a_label_is_a_short_line_of_text,
    a_grant_ends_when_its_owner_said,
    ad_10_oa_19_a_grant_is_never_wider_than_the_token_that_gave_it,
    rt_01_theft_of_a_grant_ends_the_grant_alone,
    introspection_tells_a_grant_apart,
    a_grants_token_has_at_most_620_bytes,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const API: &str = "https://api.example";

fn usual(settings: &mut Settings) {
    settings.token.scopes = vec!["read".into(), "write".into(), "admin".into()];
    settings.token.audiences = vec![API.into(), "https://other.example".into()];
}

fn wish(audience: &[&str], scope: &str) -> Wish {
    let audience = audience.iter().map(|name| (*name).to_owned()).collect();
    Wish { audience, scope: Some(scope.into()).filter(|scope: &String| !scope.is_empty()) }
}

async fn give(world: &World, session: Uuid, wish: &Wish, end: Option<Timestamp>) -> Result<Given, Error> {
    let offer = world.engine.offer("nightly backup", wish, end)?;
    world.engine.give(&Giver { session, via: Via::Cookie, scope: None, caller: &caller() }, &offer).await
}

async fn row(world: &World, id: Uuid) -> SessionRow {
    world.store.session(id).await.unwrap().unwrap().session
}

async fn a_grant_is_a_chain_of_its_own_that_proves_nothing_anew(world: World) {
    let world = world.restart_with(usual).await;
    let ann = world.user("ann").await;
    let here = world.browser(&ann).await.session;
    world.clock.advance(Duration::from_secs(200));
    let given = give(&world, here.id, &wish(&[API, API], "write read write"), None).await.unwrap();
    let grant = row(&world, given.session.id).await;
    assert_eq!(grant, given.session);
    assert_eq!((grant.kind, grant.parent), (Kind::Grant, Some(here.id)));
    assert_eq!(grant.label.as_deref(), Some("nightly backup"));
    assert_eq!((grant.auth_time, &grant.amr), (here.auth_time, &here.amr), "it proves what its giver proved");
    assert_eq!(grant.secret_hash, None, "no cookie carries it");
    assert_eq!(
        (grant.expires_at, grant.idle_expires_at),
        (world.now().plus(30 * DAY), world.now().plus(14 * DAY))
    );
    assert_eq!(given.answer.session_id, Some(grant.id));
    assert_eq!(given.answer.scope.as_deref(), Some("write read"));

    let claims = payload(&given.answer.access_token);
    assert_eq!(claims["kind"], "grant");
    assert_eq!(claims["sid"], grant.id.to_string());
    assert_eq!((&claims["aud"], &claims["scope"]), (&API.into(), &"write read".into()));
    assert_eq!(claims["auth_time"], here.auth_time.as_secs());
    // No other token says what it is of: only what takes rights away stands there.
    for other in [world.tokens(&ann).await, world.stateless(&ann).await] {
        assert_eq!(payload(&other.access_token).get("kind"), None);
        assert_eq!(world.engine.check_token(&other.access_token).unwrap().claims().kind, None);
    }
    assert!(world.live(ann.id).await.contains(&grant.id), "it stands in the list of devices");
    let rows = world.audited("grant_given").await;
    assert_eq!((rows.len(), rows[0].user, rows[0].session), (1, Some(ann.id), Some(grant.id)));
    assert_eq!(
        (&rows[0].detail["label"], &rows[0].detail["parent"]),
        (&"nightly backup".into(), &here.id.to_string().into())
    );
}

async fn rt_07_a_refreshed_grant_keeps_its_bounds(world: World) {
    let world = world.restart_with(usual).await;
    let ann = world.user("ann").await;
    let here = world.browser(&ann).await.session.id;
    let given = give(&world, here, &wish(&[], "read write"), None).await.unwrap();
    world.engine.logout(here, ann.id, &caller()).await.unwrap();
    let mut refresh = given.answer.refresh_token.unwrap();
    for _ in 0..3 {
        world.clock.advance(9 * DAY);
        let wider = world.engine.refresh(&refresh, Some("read admin"), &caller()).await;
        assert_eq!(kind(&wider), Some(ErrorKind::InvalidScope));
        let next = world.engine.refresh(&refresh, Some("read"), &caller()).await.unwrap();
        let claims = world.engine.check_token(&next.access_token).unwrap().claims().clone();
        assert_eq!((claims.kind, claims.sid), (Some(SessionMark::Grant), Some(given.session.id)));
        assert_eq!(claims.scope.as_deref(), Some("read"), "narrowed for one token");
        refresh = next.refresh_token.unwrap();
    }
    let now = row(&world, given.session.id).await;
    let SessionRow { kind: what, parent: _, label, scope, audience, expires_at, auth_time, .. } = now;
    let was = given.session;
    assert_eq!((what, label, scope, audience), (Kind::Grant, was.label, was.scope, was.audience));
    assert_eq!((expires_at, auth_time), (was.expires_at, was.auth_time), "use moves neither end nor proof");
    world.clock.advance(3 * DAY);
    assert_eq!(
        kind(&world.engine.refresh(&refresh, None, &caller()).await),
        Some(ErrorKind::InvalidGrant),
        "RT-09"
    );
}

async fn a_grant_is_given_by_a_fresh_login_and_by_no_grant(world: World) {
    let ann = world.user("ann").await;
    let here = world.browser(&ann).await.session.id;
    world.clock.advance(Duration::from_secs(300));
    let given = world.give(here, "in time").await.unwrap();
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(kind(&world.give(here, "late").await), Some(ErrorKind::FreshLoginRequired));
    let other = world.tokens(&ann).await.session_id.unwrap();
    let by_token = Giver { session: other, via: Via::Bearer, scope: None, caller: &caller() };
    let offer = world.engine.offer("by token", &Wish::default(), None).unwrap();
    world.engine.give(&by_token, &offer).await.unwrap();
    // Fresh or not: a grant gives none.
    let grant = world.give(world.browser(&ann).await.session.id, "nested").await.unwrap().session;
    for session in [given.session.id, grant.id] {
        for via in [Via::Cookie, Via::Bearer] {
            let giver = Giver { session, via, scope: None, caller: &caller() };
            assert_eq!(kind(&world.engine.give(&giver, &offer).await), Some(ErrorKind::Forbidden));
        }
    }
    // And nobody whose session is over, or who never had one.
    world.engine.logout(other, ann.id, &caller()).await.unwrap();
    assert_eq!(kind(&world.engine.give(&by_token, &offer).await), Some(ErrorKind::NoSession));
    assert_eq!(kind(&world.give(Uuid::from_u128(5), "nobody").await), Some(ErrorKind::NoSession));
    assert_eq!(world.audited("grant_given").await.len(), 3);
}

async fn a_label_is_a_short_line_of_text(world: World) {
    let offer = |label: &str| world.engine.offer(label, &Wish::default(), None);
    let long = "\u{fc}".repeat(100);
    for good in ["x", " nightly backup ", "\u{1f40c} import", long.as_str()] {
        assert!(offer(good).is_ok(), "{good:?}");
    }
    for bad in
        ["", " ", "\u{a0}", "a\nb", "a\tb", "a\0", "\u{7f}", "a\u{85}", &format!("{long}x"), "backup\n"]
    {
        assert_eq!(kind(&offer(bad)), Some(ErrorKind::InvalidRequest), "{bad:?}");
    }
    let ann = world.user("ann").await;
    let here = world.browser(&ann).await.session.id;
    let given = world.give(here, " nightly backup ").await.unwrap();
    assert_eq!(given.session.label.as_deref(), Some("nightly backup"));
}

async fn a_grant_ends_when_its_owner_said(world: World) {
    let ann = world.user("ann").await;
    let here = world.browser(&ann).await.session.id;
    let now = world.now();
    let longest = now.plus(30 * DAY);
    for bad in [
        now,
        Timestamp::from_millis(now.as_millis() - 1),
        longest.plus(Duration::from_millis(1)),
        Timestamp::from_millis(i64::MAX),
    ] {
        assert_eq!(
            kind(&give(&world, here, &Wish::default(), Some(bad)).await),
            Some(ErrorKind::InvalidRequest)
        );
    }
    assert_eq!(
        give(&world, here, &Wish::default(), Some(longest)).await.unwrap().session.expires_at,
        longest
    );
    let end = now.plus(Duration::from_secs(90));
    let given = give(&world, here, &Wish::default(), Some(end)).await.unwrap();
    assert_eq!((given.session.expires_at, given.session.idle_expires_at), (end, end));
    assert_eq!(given.answer.expires_in, Duration::from_secs(90), "no token passes the end of its session");
    world.clock.advance(Duration::from_secs(60));
    let next =
        world.engine.refresh(given.answer.refresh_token.as_deref().unwrap(), None, &caller()).await.unwrap();
    assert_eq!(next.expires_in, Duration::from_secs(30));
    world.clock.advance(Duration::from_secs(30));
    let over = world.engine.refresh(next.refresh_token.as_deref().unwrap(), None, &caller()).await;
    assert_eq!(kind(&over), Some(ErrorKind::InvalidGrant));
    assert!(!world.live(ann.id).await.contains(&given.session.id));
    // An offer that was good when it was made, and whose end passed before it was given.
    let offer =
        world.engine.offer("slow", &Wish::default(), Some(world.now().plus(Duration::from_secs(5)))).unwrap();
    world.clock.advance(Duration::from_secs(5));
    let giver = Giver { session: here, via: Via::Cookie, scope: None, caller: &caller() };
    assert_eq!(kind(&world.engine.give(&giver, &offer).await), Some(ErrorKind::InvalidRequest));
}

async fn ad_10_oa_19_a_grant_is_never_wider_than_the_token_that_gave_it(world: World) {
    let world = world.restart_with(usual).await;
    let ann = world.user("ann").await;
    let here = world.browser(&ann).await.session.id;
    for (audience, scope, expected) in [
        (vec![], "introspect", ErrorKind::InvalidScope),
        (vec![], "read,write", ErrorKind::InvalidScope),
        (vec![], "read\nwrite", ErrorKind::InvalidScope),
        (vec!["https://elsewhere.example"], "", ErrorKind::InvalidTarget),
    ] {
        assert_eq!(kind(&give(&world, here, &wish(&audience, scope), None).await), Some(expected), "{scope}");
    }
    // By cookie, all that is configured. By token, what the token has.
    give(&world, here, &wish(&[API, "https://other.example"], "read write admin"), None).await.unwrap();
    let narrow = world.tokens_with(&ann, wish(&["https://id.example", API], "read write")).await;
    let by = |scope: &'static str| Giver {
        session: narrow.session_id.unwrap(),
        via: Via::Bearer,
        scope: Some(scope).filter(|scope| !scope.is_empty()),
        caller: Box::leak(Box::new(caller())),
    };
    let try_to = async |giver: Giver<'_>, audience: &[&str], scope: &str| {
        let offer = world.engine.offer("job", &wish(audience, scope), None).unwrap();
        kind(&world.engine.give(&giver, &offer).await)
    };
    assert_eq!(try_to(by("read write"), &[API], "write").await, None);
    assert_eq!(try_to(by("read write"), &[], "admin").await, Some(ErrorKind::InvalidScope));
    assert_eq!(
        try_to(by("read write"), &["https://other.example"], "").await,
        Some(ErrorKind::InvalidTarget)
    );
    assert_eq!(
        try_to(by("read"), &[], "write").await,
        Some(ErrorKind::InvalidScope),
        "narrowed at a refresh"
    );
    assert_eq!(try_to(by(""), &[], "read").await, Some(ErrorKind::InvalidScope));
    assert_eq!(try_to(by(""), &[], "").await, None);
    // A token exchanged from a cookie is bounded as any other.
    let exchanged = Giver { session: here, via: Via::Bearer, scope: None, caller: &caller() };
    assert_eq!(try_to(exchanged, &[], "read").await, Some(ErrorKind::InvalidScope));
    assert_eq!(try_to(exchanged, &[API], "").await, Some(ErrorKind::InvalidTarget));
    assert_eq!(try_to(exchanged, &[], "").await, None);
}

async fn rt_01_theft_of_a_grant_ends_the_grant_alone(world: World) {
    let ann = world.user("ann").await;
    let here = world.browser(&ann).await;
    let given = world.give(here.session.id, "job").await.unwrap();
    let other = world.give(here.session.id, "another").await.unwrap();
    let first = given.answer.refresh_token.unwrap();
    let next = world.engine.refresh(&first, None, &caller()).await.unwrap();
    world.clock.advance(Duration::from_secs(31));
    assert_eq!(kind(&world.engine.refresh(&first, None, &caller()).await), Some(ErrorKind::InvalidGrant));
    assert!(world.engine.check_token(&next.access_token).is_err());
    assert!(world.engine.check_token(&other.answer.access_token).is_ok());
    assert!(world.accepts(&here.cookie).await);
    assert_eq!(world.audited("refresh_reused").await.len(), 1);
}

async fn introspection_tells_a_grant_apart(world: World) {
    let ann = world.user("ann").await;
    let given = world.give(world.browser(&ann).await.session.id, "job").await.unwrap();
    let refresh = given.answer.refresh_token.unwrap();
    match world.engine.introspect(&given.answer.access_token).await.unwrap() {
        Introspection::Access(claims) => assert_eq!(claims.kind, Some(SessionMark::Grant)),
        _ => panic!("it is an access token"),
    }
    match world.engine.introspect(&refresh).await.unwrap() {
        Introspection::Refresh(row) => assert_eq!(row.kind, Kind::Grant),
        _ => panic!("it is a refresh token"),
    }
    world.engine.revoke(&refresh, None, &caller()).await.unwrap();
    for text in [&given.answer.access_token, &refresh] {
        assert!(matches!(world.engine.introspect(text).await.unwrap(), Introspection::Inactive));
    }
}

/// With ES256, an issuer of 32 characters and one audience: the 600 of any other token, and what says that it is a grant's.
async fn a_grants_token_has_at_most_620_bytes(world: World) {
    let world =
        world.restart_with(|settings| settings.issuer = "https://accounts.example.org/id1".into()).await;
    let ann = world.user("ann").await;
    let token = world.give(world.browser(&ann).await.session.id, "job").await.unwrap().answer.access_token;
    assert!(token.len() <= 620, "{} bytes", token.len());
}
