//! Which extractor takes which carrier, and what each makes of the absence of a login (EM-02).

use crate::fake::*;
use std::sync::Arc;

const REFUSED_TOKENS: [&str; 4] = ["junk", "careless.token.x", "ref_AAAA", "A,B"];

#[tokio::test]
async fn each_extractor_takes_its_carriers() {
    let fake = Arc::new(Fake::new());
    let app = app(&fake);
    let (live, stored) = (fake.live(), fake.stored());
    for cookie in [&live, &stored] {
        for (route, answer) in
            [("/either", "cookie "), ("/cookie", "cookie "), ("/optional/either", "cookie ")]
        {
            get(&app, route, &[("cookie", cookie)]).await.is_ok(answer);
        }
        get(&app, "/optional/cookie", &[("cookie", cookie)]).await.is_ok("cookie ");
        get(&app, "/bearer", &[("cookie", cookie)]).await.is(401, "no_session");
        get(&app, "/optional/bearer", &[("cookie", cookie)]).await.is_ok("nobody");
    }
    for token in [GOOD, COLD] {
        let bearer = format!("Bearer {token}");
        // With a live cookie beside it the answer is the same: the token outranks it.
        for fields in
            [vec![("authorization", bearer.as_str())], vec![("authorization", &bearer), ("cookie", &live)]]
        {
            get(&app, "/either", &fields).await.is_ok("bearer ");
            get(&app, "/bearer", &fields).await.is_ok("bearer ");
            get(&app, "/optional/either", &fields).await.is_ok("bearer ");
            get(&app, "/optional/bearer", &fields).await.is_ok("bearer ");
            get(&app, "/cookie", &fields).await.is(403, "forbidden");
            get(&app, "/optional/cookie", &fields).await.is_ok("nobody");
        }
    }
}

#[tokio::test]
async fn em_02_only_the_absence_of_a_login_is_none() {
    let fake = Arc::new(Fake::new());
    let app = app(&fake);
    let (live, ended) = (fake.live(), fake.ended());
    let twice = format!("{live}; {live}");
    for route in OPTIONAL {
        for fields in [
            vec![],
            vec![("cookie", ended.as_str())],
            vec![("cookie", &twice)],
            vec![("authorization", "Basic x")],
        ] {
            get(&app, route, &fields).await.is_ok("nobody");
        }
        for token in REFUSED_TOKENS {
            let bearer = format!("Bearer {token}");
            get(&app, route, &[("authorization", &bearer)]).await.is(401, "invalid_token");
            get(&app, route, &[("authorization", &bearer), ("cookie", &live)]).await.is(401, "invalid_token");
        }
        get(&app, route, &[("authorization", "Bearer")]).await.is(400, "invalid_request");
    }
    // An outage is not the absence of a login, either.
    get(&app, "/optional/either", &[("cookie", &fake.outage())]).await.is(503, "unavailable");
    get(&app, "/optional/cookie", &[("cookie", &fake.outage())]).await.is(503, "unavailable");
}

#[tokio::test]
async fn without_a_login_or_with_a_dead_cookie_the_answer_is_one() {
    let fake = Arc::new(Fake::new());
    let app = app(&fake);
    let foreign = Fake::with(2, "symbolon", false).live();
    for route in ["/either", "/cookie"] {
        let absent = get(&app, route, &[]).await;
        absent.is(401, "no_session");
        for cookie in
            [fake.ended(), foreign.clone(), format!("{0}; {0}", fake.live()), "__Host-symbolon=x".into()]
        {
            assert_eq!(get(&app, route, &[("cookie", &cookie)]).await, absent, "{cookie}");
        }
    }
}

#[tokio::test]
async fn two_extractors_make_one_check() {
    let fake = Arc::new(Fake::new());
    let app = app(&fake);
    let answer = get(&app, "/thrice", &[("cookie", &fake.stored())]).await;
    assert_eq!(answer.body.matches("cookie ").count(), 3, "{answer:?}");
    assert_eq!((fake.asks(), fake.recalls.load(std::sync::atomic::Ordering::SeqCst)), (1, 1));

    let answer = get(&app, "/thrice", &[("authorization", &format!("Bearer {COLD}"))]).await;
    assert_eq!(answer.body.matches("bearer ").count(), 2, "{answer:?}");
    assert_eq!(fake.asks(), 2);

    // A refusal is remembered like an identity.
    get(&app, "/thrice", &[("cookie", &fake.ended())]).await.is(401, "no_session");
    assert_eq!(fake.recalls.load(std::sync::atomic::Ordering::SeqCst), 3);
}
