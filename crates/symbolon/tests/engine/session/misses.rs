//! Store look-ups that find nothing are counted by address (CK-14).

use std::{net::IpAddr, time::Duration};

use symbolon::ErrorKind;

use crate::common::{Call, World, caller, kind, over_every_store};

over_every_store! {
    ck_14_after_a_hundred_dead_cookies_a_minute_the_store_is_not_asked,
    ck_14_living_sessions_are_never_counted,
}

/// A once-real cookie that neither view nor cache know any more.
async fn dead_cookie(world: &World) -> symbolon_token::SessionCookie {
    let ann = world.user("ann").await;
    let browser = world.browser(&ann).await;
    world.engine.logout(browser.session.id, ann.id, &caller()).await.unwrap();
    world.clock.advance(Duration::from_secs(60 * 60));
    world.engine.tend().await.unwrap();
    browser.cookie
}

async fn ck_14_after_a_hundred_dead_cookies_a_minute_the_store_is_not_asked(world: World) {
    let dead = dead_cookie(&world).await;
    let start = world.store.calls(Call::Session);
    let ask = async |address: &str| {
        let address: IpAddr = address.parse().unwrap();
        kind(&world.engine.ask_session(&dead, Some(address)).await)
    };
    for _ in 0..150 {
        assert_eq!(ask("2001:db8::1").await, Some(ErrorKind::NoSession), "one answer for all");
    }
    assert_eq!(world.store.calls(Call::Session), start + 100);
    ask("2001:db8::ffff:1").await;
    assert_eq!(world.store.calls(Call::Session), start + 100, "a /64 is one address");
    ask("2001:db8:0:1::1").await;
    assert_eq!(world.store.calls(Call::Session), start + 101);
    world.clock.advance(Duration::from_secs(60));
    ask("2001:db8::1").await;
    assert_eq!(world.store.calls(Call::Session), start + 102, "the next minute is another");
}

async fn ck_14_living_sessions_are_never_counted(world: World) {
    let dead = dead_cookie(&world).await;
    let bob = world.user("bob").await;
    let address: Option<IpAddr> = Some("192.0.2.1".parse().unwrap());
    for _ in 0..99 {
        assert!(world.engine.ask_session(&dead, address).await.is_err());
    }
    for _ in 0..10 {
        let browser = world.browser(&bob).await;
        assert!(world.engine.ask_session(&browser.cookie, address).await.is_ok());
    }
    // Who is in memory is not affected by what others do from the same address.
    let browser = world.browser(&bob).await;
    assert!(world.engine.ask_session(&browser.cookie, address).await.is_ok());
    for _ in 0..10 {
        assert!(world.engine.ask_session(&dead, address).await.is_err());
    }
    assert_eq!(world.recalls(&browser.cookie), Some(true));
}
