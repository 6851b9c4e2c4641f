//! `GET /v1/me` answered before any routing: which requests are, that they are told what the router would say (every request of these
//! tests is asked both ways, see `common`), and that a dead login is not among them.

mod common;

use std::time::Duration;

use symbolon_axum::Options;

use common::{ISSUER, Who, World};

/// Worlds whose answers differ in their fields.
async fn worlds() -> Vec<World> {
    let cors_origins = vec!["https://app.example".into()];
    vec![World::new().await, World::with(Options { cors_origins, ..Options::default() }).await]
}

/// A user's logins of every kind that is taken.
async fn logins(world: &World) -> [Who; 3] {
    world.user("alice", &["editor"]).await;
    [
        world.cookie("alice").await,
        world.bearer("alice", "session").await,
        world.bearer("alice", "stateless").await,
    ]
}

#[tokio::test]
async fn a_login_that_memory_knows_is_answered_at_once_and_as_by_the_router() {
    for world in worlds().await {
        for who in logins(&world).await {
            // The first time something may have to be read.
            let first = world.ask("GET", "/v1/me").by(&who).await;
            assert_eq!(first.status, 200, "{first:?}");
            assert!(world.ask("GET", "/v1/me").by(&who).is_answered_at_once(), "{who:?}");
            for (name, value) in [
                ("user-agent", "curl/8"),
                ("x-forwarded-for", "192.0.2.1"),
                ("accept", "text/html"),
                ("sec-fetch-site", "cross-site"),
                ("cookie", "other=1"),
                ("if-none-match", "*"),
                ("range", "bytes=0-1"),
            ] {
                let asked = world.ask("GET", "/v1/me").line(name, value).by(&who).await;
                assert_eq!((asked.status, asked.body), (200, first.body.clone()), "{name}: {value}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_not_plain_goes_through_the_router() {
    for world in worlds().await {
        for who in logins(&world).await {
            world.ask("GET", "/v1/me").by(&who).await;
            for (method, path) in [
                ("HEAD", "/v1/me"),
                ("OPTIONS", "/v1/me"),
                ("DELETE", "/v1/me"),
                ("GET", "/v1/me?x=1"),
                ("GET", "/v1/me?access_token=x"),
                ("GET", "/v1/me/"),
                ("GET", "/v1/me/activity"),
                ("GET", "/V1/me"),
            ] {
                let asked = world.ask(method, path).by(&who);
                assert!(!asked.is_answered_at_once(), "{method} {path}");
            }
            for (name, value) in [("origin", "https://app.example"), ("origin", ISSUER), ("dpop", "x")] {
                let asked = || world.ask("GET", "/v1/me").by(&who).header(name, value);
                assert!(!asked().is_answered_at_once(), "{name}: {value}");
                asked().await;
            }
            let twice = || world.ask("GET", "/v1/me").by(&who).line("authorization", "Bearer x");
            assert!(!matches!(who, Who::Bearer(_)) || !twice().is_answered_at_once());
            assert!(matches!(twice().await.status, 400 | 401));
        }
    }
}

#[tokio::test]
async fn a_dead_login_is_never_answered_at_once() {
    let world = World::new().await;
    let [cookie, by_session, stateless] = logins(&world).await;
    for who in [&cookie, &by_session, &stateless] {
        world.ask("GET", "/v1/me").by(who).await;
    }
    for who in [&cookie, &by_session] {
        let ended = world.ask("DELETE", "/v1/sessions/current").by(who).await;
        assert_eq!(ended.status, 204, "{ended:?}");
        assert!(!world.ask("GET", "/v1/me").by(who).is_answered_at_once(), "{who:?}");
    }
    assert!(world.ask("GET", "/v1/me").by(&stateless).is_answered_at_once());
    world.clock.forward(Duration::from_hours(1));
    assert!(!world.ask("GET", "/v1/me").by(&stateless).is_answered_at_once(), "past its time");
    for nobody in [Who::Nobody, Who::Cookie("ses_x".into()), Who::Bearer("a.b.c".into())] {
        assert!(!world.ask("GET", "/v1/me").by(&nobody).is_answered_at_once());
        assert_eq!(world.ask("GET", "/v1/me").by(&nobody).await.status, 401);
    }
}
