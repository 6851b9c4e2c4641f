//! A grant opens what is for grants, and nothing that was not made with them in mind.

use crate::fake::*;
use std::sync::{Arc, atomic::Ordering::SeqCst};

#[tokio::test]
async fn ad_10_only_the_extractor_that_is_for_grants_lets_one_in() {
    let fake = Arc::new(Fake::new());
    let app = app(&fake);
    let bearer = format!("Bearer {GRANT}");
    let live = fake.live();
    for fields in
        [vec![("authorization", bearer.as_str())], vec![("authorization", &bearer), ("cookie", &live)]]
    {
        for route in REQUIRED.iter().chain(&OPTIONAL).chain(&["/form", "/thrice"]) {
            get(&app, route, &fields).await.is(403, "insufficient_scope");
        }
        assert_eq!(fake.handled.load(SeqCst), 0, "no handler ran");
        get(&app, "/grant", &fields).await.is_ok("bearer ");
        get(&app, "/optional/grant", &fields).await.is_ok("bearer ");
        fake.handled.store(0, SeqCst);
    }
}

#[tokio::test]
async fn whoever_is_no_grant_may_come_in_there_too() {
    let fake = Arc::new(Fake::new());
    let app = app(&fake);
    get(&app, "/grant", &[("cookie", &fake.live())]).await.is_ok("cookie ");
    get(&app, "/grant", &[("authorization", &format!("Bearer {GOOD}"))]).await.is_ok("bearer ");
    get(&app, "/grant", &[]).await.is(401, "no_session");
    get(&app, "/grant", &[("authorization", "Bearer junk")]).await.is(401, "invalid_token");
    get(&app, "/optional/grant", &[]).await.is_ok("nobody");
    get(&app, "/optional/grant", &[("authorization", "Bearer junk")]).await.is(401, "invalid_token");
}
