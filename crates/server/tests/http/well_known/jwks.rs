//! `GET /.well-known/jwks.json`, and what every public document has in common.

use crate::{
    people::{header, names},
    server::TestServer,
};

const PATHS: [&str; 2] = ["/.well-known/jwks.json", "/.well-known/oauth-authorization-server"];

#[test]
fn the_key_set_holds_public_members_only() {
    let server = TestServer::start();
    let answer = server.get(PATHS[0]).send().is(200);
    assert_eq!(answer.field("content-type"), Some("application/jwk-set+json"));
    let set = answer.json();
    assert_eq!(names(&set), ["keys"]);
    let [key] = set["keys"].as_array().unwrap().as_slice() else { panic!("one key: {set}") };
    assert_eq!(names(key), ["alg", "crv", "kid", "kty", "use", "x", "y"]);
    assert_eq!((key["kty"].as_str(), key["crv"].as_str()), (Some("EC"), Some("P-256")));
    assert_eq!((key["alg"].as_str(), key["use"].as_str()), (Some("ES256"), Some("sig")));
    let tokens = server.tokens(&server.person("alice"));
    assert_eq!(header(&tokens.access)["kid"], key["kid"]);
}

#[test]
fn documents_may_be_kept_and_are_asked_for_by_tag() {
    let server = TestServer::start();
    for path in PATHS {
        let whole = server.get(path).send().is(200);
        assert_eq!(whole.field("cache-control"), Some("public, max-age=900"));
        let tag = whole.field("etag").unwrap().to_owned();
        assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 10, "a strong tag: {tag}");
        for known in [tag.clone(), format!("\"x\", {tag}"), format!("W/{tag}"), "*".to_owned()] {
            let answer = server.get(path).field("If-None-Match", &known).send().is(304);
            assert!(answer.body.is_empty());
            assert_eq!(answer.field("etag"), Some(tag.as_str()), "RFC 9110 §15.4.5");
            assert_eq!(answer.field("cache-control"), Some("public, max-age=900"));
            assert_eq!(answer.field("access-control-allow-origin"), Some("*"));
        }
        for unknown in ["\"x\"", "x", "", &tag[1..]] {
            let answer = server.get(path).field("If-None-Match", unknown).send().is(200);
            assert_eq!(answer.body, whole.body);
        }
        let head = server.request("HEAD", path).send().is(200);
        assert_eq!(head.field("etag"), Some(tag.as_str()));
        // Whoever asks, and with whatever: the same.
        let odd = server.get(&format!("{path}?callback=x")).cookie("junk").bearer("junk").send().is(200);
        assert_eq!(odd.body, whole.body, "CS-21");
        server.post(path).json(serde_json::json!({})).send().problem(405, "method_not_allowed");
    }
}

#[test]
fn the_tag_changes_with_the_keys_and_not_with_a_restart() {
    let mut server = TestServer::start();
    let tag = |server: &TestServer| server.get(PATHS[0]).send().field("etag").unwrap().to_owned();
    let before = tag(&server);
    server.restart();
    assert_eq!(tag(&server), before);
    server.cli(&["key", "rotate"]);
    assert_ne!(tag(&server), before);
}
