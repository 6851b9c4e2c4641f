//! Activity: it moves the idle end, and nothing else.

use super::{World, at, promises};
use crate::store::*;

promises! {
    activity_moves_the_idle_end,
    activity_never_passes_the_absolute_end,
    activity_comes_in_any_order,
    activity_that_waited_counts_from_its_beginning,
    st_21_activity_never_revives,
}

fn touch(session: &SessionRow, seen: i64, idle: i64) -> Touch {
    Touch { session: session.id, since: at(seen), seen: at(seen), idle_expires_at: at(idle) }
}

async fn activity_moves_the_idle_end(world: World) {
    let ann = world.user("ann").await;
    let (first, second, third) = (world.mint(&ann).await, world.mint(&ann).await, world.mint(&ann).await);
    world.store.touch(vec![touch(&first, 60, 3_660), touch(&second, 61, 3_661)]).await.unwrap();
    let row = async |session: &SessionRow| world.store.session(session.id).await.unwrap().unwrap().session;
    let moved =
        |secs, session| SessionRow { last_seen: at(secs), idle_expires_at: at(3_600 + secs), ..session };
    assert_eq!(row(&first).await, moved(60, first));
    assert_eq!(row(&second).await, moved(61, second));
    assert_eq!(row(&third).await, third);
    assert_eq!(world.told(), [], "activity is not logged");
    world.store.touch(Vec::new()).await.unwrap();
}

async fn activity_never_passes_the_absolute_end(world: World) {
    let ann = world.user("ann").await;
    let row = SessionRow { expires_at: at(100), idle_expires_at: at(90), ..world.new_session(&ann, at(0)) };
    let session = world.mint_row(&ann, row).await;
    world.store.touch(vec![touch(&session, 80, 3_680)]).await.unwrap();
    let row = world.store.session(session.id).await.unwrap().unwrap().session;
    assert_eq!(row, SessionRow { last_seen: at(80), idle_expires_at: at(100), ..session.clone() });
    assert!(!world.lives(&session, at(100)).await);
}

/// A store that could not be written for longer than a session may be idle: what went on without a pause is one activity.
async fn activity_that_waited_counts_from_its_beginning(world: World) {
    let ann = world.user("ann").await;
    let (one, other, over) = (world.mint(&ann).await, world.mint(&ann).await, world.mint(&ann).await);
    let since = |session: &SessionRow, since: i64, seen: i64| Touch {
        since: at(since),
        ..touch(session, seen, seen + 3_600)
    };
    let late = over.expires_at.since(at(0)).as_secs();
    let past_all = since(&over, 0, i64::try_from(late).unwrap());
    world.store.touch(vec![since(&one, 3_599, 9_000), since(&other, 3_600, 9_000), past_all]).await.unwrap();
    let row = async |session: &SessionRow| world.store.session(session.id).await.unwrap().unwrap().session;
    assert_eq!(row(&one).await, SessionRow { last_seen: at(9_000), idle_expires_at: at(12_600), ..one });
    assert_eq!(row(&other).await, other, "it had run out when that began");
    assert_eq!(row(&over).await, over, "and nothing goes past the absolute end");
}

async fn activity_comes_in_any_order(world: World) {
    let ann = world.user("ann").await;
    let session = world.mint(&ann).await;
    let late_first = vec![touch(&session, 60, 3_660), touch(&session, 30, 3_630), touch(&session, 0, 3_600)];
    world.store.touch(late_first).await.unwrap();
    let row = world.store.session(session.id).await.unwrap().unwrap().session;
    assert_eq!((row.last_seen, row.idle_expires_at), (at(60), at(3_660)));
}

async fn st_21_activity_never_revives(world: World) {
    let ann = world.user("ann").await;
    let ended = world.mint(&ann).await;
    world.end(End::Session { id: ended.id, owner: None }, at(5)).await;
    let ran_out = world.mint(&ann).await;
    let row = SessionRow { expires_at: at(50), ..world.new_session(&ann, at(0)) };
    let over = world.mint_row(&ann, row).await;
    let mut unknown = touch(&ended, 10, 3_610);
    unknown.session = world.id();
    let before = world.visible().await;
    let late = vec![
        touch(&ended, 10, 3_610),
        touch(&ran_out, 3_600, 7_200),
        touch(&ran_out, 9_000, 12_600),
        touch(&over, 50, 3_650),
        unknown,
    ];
    world.store.touch(late).await.unwrap();
    assert_eq!(world.visible().await, before);

    let everything = world.mint(&ann).await;
    world.end(End::User(ann.id), at(5)).await;
    world.store.touch(vec![touch(&everything, 10, 3_610)]).await.unwrap();
    assert!(!world.lives(&everything, at(10)).await);
    let dead = world.store.session(unknown.session).await.unwrap();
    assert_eq!(dead, None, "an update never makes a row");
}
