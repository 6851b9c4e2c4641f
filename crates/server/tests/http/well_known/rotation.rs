//! Rotation by age: a next key is published before it signs, and no request fails meanwhile (KM-01).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicBool, Ordering},
};

use serde_json::json;

use crate::{
    people::{Key, header},
    server::{Settings, TestServer},
    time,
};

/// Kids in the key set.
fn published(server: &TestServer) -> BTreeSet<String> {
    let set = server.get("/.well-known/jwks.json").send().is(200).json();
    set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

fn short(settings: &mut Settings) {
    settings.set("token.unsafe_rotate_every", "\"3s\"");
    settings.set("token.unsafe_publish_before", "\"1500ms\"");
}

#[test]
fn km_01_a_rotation_by_age_fails_no_request() {
    let mut server = TestServer::with(short);
    let alice = server.person("alice");
    let first = published(&server);
    assert_eq!(first.len(), 1);
    let born = time::millis();
    let old = server.tokens(&alice);
    // A key is looked after at every start and once a minute; a start need not be waited for.
    time::wait_until(born + 1700);
    server.restart();
    let both = published(&server);
    assert_eq!(both.len(), 2, "published before its time");
    assert!(both.is_superset(&first));

    // From here on until well after the change: everything works, and a verifier that read the set now knows every key it meets.
    let over = AtomicBool::new(false);
    let signed: BTreeMap<String, usize> = std::thread::scope(|scope| {
        let checking = scope.spawn(|| {
            let mut checks = 0;
            while !over.load(Ordering::Relaxed) {
                assert!(server.opens(&Key::Bearer(old.access.clone())), "a valid token stays valid");
                checks += 1;
            }
            checks
        });
        let mut signed = BTreeMap::new();
        let mut later = 0;
        while later < 20 {
            let token = server.stateless(&alice);
            assert!(server.opens(&Key::Bearer(token.clone())));
            let kid = header(&token)["kid"].as_str().unwrap().to_owned();
            assert!(both.contains(&kid), "every token is by a key that was published before");
            later += usize::from(!first.contains(&kid));
            *signed.entry(kid).or_default() += 1;
            assert!(time::millis() < born + 30_000, "the next key never signs");
        }
        over.store(true, Ordering::Relaxed);
        assert!(checking.join().unwrap() > 0);
        signed
    });
    assert_eq!(signed.len(), 2, "first the one, then the other: {signed:?}");
    assert!(published(&server).is_superset(&both), "the old one stays until its last token is dead");
    let refreshed = server.refreshed(&old.refresh);
    assert!(!first.contains(header(&refreshed.access)["kid"].as_str().unwrap()));
}

#[test]
fn km_11_a_key_that_does_not_sign_yet_is_published_and_not_used() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let first = published(&server);
    server.cli(&["key", "rotate"]);
    assert_eq!(published(&server).len(), 2);
    let kid = header(&server.tokens(&alice).access)["kid"].clone();
    assert!(first.contains(kid.as_str().unwrap()));
}

#[test]
fn km_02_a_removed_key_takes_its_tokens_with_it() {
    let mut server = TestServer::start();
    let alice = server.person("alice");
    let (cookie, tokens, stateless) =
        (server.cookie(&alice), server.tokens(&alice), server.stateless(&alice));
    let kid = header(&stateless)["kid"].as_str().unwrap().to_owned();
    server.cli(&["key", "remove", "--yes", &kid]);
    assert!(!published(&server).contains(&kid));
    assert!(!server.opens(&Key::Bearer(tokens.access)) && !server.opens(&Key::Bearer(stateless.clone())));
    // Sessions are not signed by it.
    assert!(server.opens(&Key::Cookie(cookie)));
    let next = server.refreshed(&tokens.refresh);
    assert!(server.opens(&Key::Bearer(next.access)));
    server.crash();
    assert!(!server.opens(&Key::Bearer(stateless)));
    assert_eq!(server.token_answer(&alice, json!({}))["token_type"], "Bearer");
}
