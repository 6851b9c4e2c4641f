//! ES256 by default, and others by configuration: what the key set shows, and that tokens are good.

use serde_json::{Value, json};

use crate::{
    people::{Key, header, names},
    server::{TestServer, refused},
};

fn keys(server: &TestServer) -> Vec<Value> {
    server.get("/.well-known/jwks.json").send().is(200).json()["keys"].as_array().unwrap().clone()
}

fn server(algorithm: &str) -> TestServer {
    TestServer::with(|settings| settings.set("token.algorithm", format!("{algorithm:?}")))
}

#[test]
fn each_algorithm_signs_and_shows_its_public_key() {
    for (algorithm, kty, members) in [
        ("ES256", "EC", vec!["alg", "crv", "kid", "kty", "use", "x", "y"]),
        ("ES384", "EC", vec!["alg", "crv", "kid", "kty", "use", "x", "y"]),
        ("EdDSA", "OKP", vec!["alg", "crv", "kid", "kty", "use", "x"]),
        ("RS256", "RSA", vec!["alg", "e", "kid", "kty", "n", "use"]),
        ("PS256", "RSA", vec!["alg", "e", "kid", "kty", "n", "use"]),
    ] {
        let server = server(algorithm);
        let [key] = keys(&server).try_into().unwrap();
        assert_eq!(names(&key), members, "{algorithm}: no private member");
        assert_eq!((&key["alg"], &key["kty"]), (&json!(algorithm), &json!(kty)));
        let alice = server.person("alice");
        let tokens = server.tokens(&alice);
        let head = header(&tokens.access);
        assert_eq!((&head["alg"], &head["kid"]), (&json!(algorithm), &key["kid"]));
        assert!(server.opens(&Key::Bearer(tokens.access)));
        assert!(server.opens(&Key::Bearer(server.exchange(&server.cookie(&alice)))));
        server.refreshed(&tokens.refresh);
    }
}

#[test]
fn symmetric_keys_are_never_published() {
    for algorithm in ["HS256", "HS512"] {
        let server = server(algorithm);
        assert!(keys(&server).is_empty(), "{algorithm}");
        let tokens = server.tokens(&server.person("alice"));
        assert_eq!(header(&tokens.access)["alg"], algorithm);
        assert!(server.opens(&Key::Bearer(tokens.access)));
    }
}

#[test]
fn km_17_a_change_of_algorithm_ends_nothing() {
    let mut server = server("ES256");
    let alice = server.person("alice");
    let old = server.tokens(&alice);
    for (algorithm, published) in [("EdDSA", 2), ("HS256", 2), ("RS256", 3)] {
        server.reconfigure(|settings| settings.set("token.algorithm", format!("{algorithm:?}")));
        assert_eq!(keys(&server).len(), published, "{algorithm}: verifiers get to see it before it signs");
        assert!(server.opens(&Key::Bearer(old.access.clone())), "{algorithm}");
        assert_eq!(header(&server.tokens(&alice).access)["alg"], "ES256", "it is not its time yet");
    }
    server.refreshed(&old.refresh);
}

#[test]
fn what_is_no_algorithm_of_ours_does_not_start() {
    let mut server = TestServer::start();
    server.stop();
    for algorithm in ["none", "HS1", "es256", "RSA-OAEP"] {
        let said = refused(server.command().env("SYMBOLON_TOKEN_ALGORITHM", algorithm));
        assert!(said.contains("token.algorithm") && said.contains("SYMBOLON_TOKEN_ALGORITHM"), "{said}");
    }
    server.up();
}
