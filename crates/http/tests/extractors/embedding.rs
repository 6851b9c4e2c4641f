//! What an application can get wrong, and what it can rely on (group EM of the catalogue).

use crate::fake::*;
use axum::extract::Request;
use axum::{Extension, Router, routing::any};
use http::HeaderValue;
use std::sync::{Arc, atomic::Ordering::SeqCst};
use symbolon_http::{AuthLayer, ClientAddress, Identity, RequestId};

#[tokio::test]
async fn em_01_without_the_layer_every_extractor_answers_500() {
    let fake = Arc::new(Fake::new());
    let open = routes(&fake);
    let live = fake.live();
    for route in ALL {
        for method in ["GET", "POST"] {
            for fields in
                [vec![], vec![("cookie", live.as_str())], vec![("authorization", "Bearer good.token.x")]]
            {
                send(&open, method, route, &fields, "").await.is(500, "internal");
            }
        }
    }
    assert_eq!(fake.handled.load(SeqCst), 0);
}

#[tokio::test]
async fn em_05_routes_outside_the_layer_do_not_borrow_it() {
    let fake = Arc::new(Fake::new());
    let outside = Router::new().route("/outside", any(async |_: Option<Identity>| "anybody"));
    // The layer on the whole covers nested, merged and fallback routes; on a part it covers that part alone.
    let whole = Router::new()
        .nest("/nested", routes(&fake))
        .merge(routes(&fake))
        .fallback(async |me: Identity| me.via.as_str())
        .layer(AuthLayer::new(fake.clone()));
    for route in REQUIRED {
        get(&whole, route, &[]).await.is(401, "no_session");
        get(&whole, &format!("/nested{route}"), &[]).await.is(401, "no_session");
    }
    get(&whole, "/nowhere", &[]).await.is(401, "no_session");
    get(&whole, "/nowhere", &[("cookie", &fake.live())]).await.is_ok("cookie");
    let part = app(&fake).merge(outside);
    get(&part, "/outside", &[("cookie", &fake.live())]).await.is(500, "internal");
}

#[tokio::test]
async fn em_06_two_installations_in_one_process_do_not_believe_each_other() {
    let (outer, inner) =
        (Arc::new(Fake::with(1, "symbolon", false)), Arc::new(Fake::with(2, "symbolon", false)));
    // The outer one's answer is already known when the inner one is asked.
    let first = async |me: Option<Identity>, request: Request, next: axum::middleware::Next| {
        assert!(me.is_some());
        next.run(request).await
    };
    let app = app(&inner).layer(axum::middleware::from_fn(first)).layer(AuthLayer::new(outer.clone()));
    get(&app, "/either", &[("cookie", &outer.live())]).await.is(401, "no_session");
    assert_eq!((outer.recalls.load(SeqCst), inner.recalls.load(SeqCst)), (1, 1));
}

#[tokio::test]
async fn a_credential_that_changes_on_the_way_in_is_checked_again() {
    let fake = Arc::new(Fake::new());
    let ended = HeaderValue::try_from(fake.ended()).unwrap();
    let swap = move |me: Option<Identity>, mut request: Request, next: axum::middleware::Next| {
        assert!(me.is_some());
        request.headers_mut().insert("cookie", ended.clone());
        next.run(request)
    };
    let app = routes(&fake).layer(axum::middleware::from_fn(swap)).layer(AuthLayer::new(fake.clone()));
    get(&app, "/either", &[("cookie", &fake.live())]).await.is(401, "no_session");
}

#[tokio::test]
async fn the_clients_address_reaches_the_lookup_and_the_requests_id_a_5xx() {
    let fake = Arc::new(Fake::new());
    let live = fake.live();
    let app = app(&fake)
        .layer(Extension(ClientAddress { address: ADDRESS, shared: false }))
        .layer(Extension(RequestId("r-7".into())));
    get(&app, "/either", &[("cookie", &fake.stored())]).await.is_ok("cookie ");
    get(&app, "/either", &[("cookie", &live)]).await.is_ok("cookie ");
    let answer = get(&app, "/either", &[("cookie", &fake.outage())]).await;
    answer.is(503, "unavailable");
    assert!(answer.body.contains(r#""instance":"r-7""#), "{}", answer.body);
    assert_eq!(
        *fake.asked.lock().unwrap(),
        [Some(ADDRESS), Some(ADDRESS)],
        "memory alone decides the live one"
    );
    let answer = get(&app, "/either", &[]).await;
    assert!(!answer.body.contains("instance"), "{}", answer.body);
    let bare = routes(&fake).layer(Extension(RequestId("r-8".into())));
    assert!(get(&bare, "/either", &[]).await.body.contains(r#""instance":"r-8""#));
}
