//! Step-up: what wants a login of late refuses an older one, after everything else that could be said about it.

use crate::fake::*;
use std::sync::{Arc, atomic::Ordering::SeqCst};
use std::time::Duration;

#[tokio::test]
async fn ad_17_only_a_login_of_late_comes_in() {
    let fake = Arc::new(Fake::new());
    let app = app(&fake);
    let by_cookie = [("cookie", fake.live())];
    let by_bearer = [("authorization", format!("Bearer {GOOD}"))];
    for fields in [&by_cookie, &by_bearer] {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        *fake.too_old.lock().unwrap() = None;
        fake.handled.store(0, SeqCst);
        get(&app, "/fresh", &fields).await.is_ok("");
        assert_eq!(fake.handled.load(SeqCst), 1);
        *fake.too_old.lock().unwrap() = Some(Duration::from_secs(120));
        let answer = get(&app, "/fresh", &fields).await;
        answer.is(401, "fresh_login_required");
        assert!(answer.body.contains("\"max_age\":120"), "what a client can act on: {}", answer.body);
        let challenge = answer.header("www-authenticate");
        assert!(
            challenge.contains("error=\"insufficient_user_authentication\", max_age=\"120\""),
            "{challenge}"
        );
        assert_eq!(fake.handled.load(SeqCst), 1, "the handler did not run");
    }
}

#[tokio::test]
async fn who_may_not_come_in_at_all_is_told_that_first() {
    let fake = Arc::new(Fake::new());
    let app = app(&fake);
    *fake.too_old.lock().unwrap() = Some(Duration::from_secs(120));
    get(&app, "/fresh", &[]).await.is(401, "no_session");
    get(&app, "/fresh", &[("cookie", &fake.ended())]).await.is(401, "no_session");
    get(&app, "/fresh", &[("authorization", "Bearer junk")]).await.is(401, "invalid_token");
    get(&app, "/fresh", &[("authorization", &format!("Bearer {GRANT}"))]).await.is(403, "insufficient_scope");
    let live = fake.live();
    let cross_site = [("cookie", live.as_str()), ("sec-fetch-site", "cross-site"), ("content-type", FORM)];
    send(&app, "POST", "/fresh", &cross_site, "").await.is(403, "csrf_rejected");
    assert_eq!(fake.handled.load(SeqCst), 0);
}
