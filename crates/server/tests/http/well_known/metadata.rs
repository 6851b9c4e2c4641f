//! `GET /.well-known/oauth-authorization-server` (RFC 8414).

use serde_json::json;

use crate::{
    people::names,
    server::{HTTPS, ISSUER, TestServer},
};

const PATH: &str = "/.well-known/oauth-authorization-server";

#[test]
fn the_metadata_says_what_there_is() {
    let server = TestServer::with(|settings| settings.set("token.scopes", r#"["read", "write"]"#));
    let answer = server.get(PATH).send().is(200);
    assert_eq!(answer.field("content-type"), Some("application/json"));
    let body = answer.json();
    assert_eq!(body["issuer"], ISSUER);
    for (name, path) in [
        ("token_endpoint", "/oauth/token"),
        ("revocation_endpoint", "/oauth/revoke"),
        ("introspection_endpoint", "/oauth/introspect"),
        ("jwks_uri", "/.well-known/jwks.json"),
    ] {
        assert_eq!(body[name], format!("{ISSUER}{path}"));
        assert_ne!(server.get(path).send().status, 404, "it is there: {path}");
    }
    assert_eq!(body["response_types_supported"], json!([]));
    assert_eq!(body["grant_types_supported"], json!(["refresh_token"]));
    assert_eq!(body["scopes_supported"], json!(["read", "write"]));
    assert_eq!(body["token_endpoint_auth_methods_supported"], json!(["none"]));
    assert_eq!(body["revocation_endpoint_auth_methods_supported"], json!(["none", "client_secret_basic"]));
    assert_eq!(body["introspection_endpoint_auth_methods_supported"], json!(["client_secret_basic"]));
    assert!(!names(&body).contains(&"authorization_endpoint"), "not yet");
}

#[test]
fn ht_09_addresses_come_from_the_issuer_and_from_nothing_a_request_says() {
    let server = TestServer::with(|settings| settings.set("server.issuer", format!("{HTTPS:?}")));
    let plain = server.get(PATH).send().is(200);
    assert_eq!(plain.json()["issuer"], HTTPS);
    let odd = server
        .get(PATH)
        .field("Host", "attacker.example")
        .field("X-Forwarded-Host", "attacker.example")
        .field("X-Forwarded-Proto", "http")
        .field("X-Forwarded-Prefix", "/evil")
        .field("Forwarded", "host=attacker.example;proto=http")
        .field("X-Original-URL", "/v1/me")
        .field("X-Rewrite-URL", "/v1/me")
        .send()
        .is(200);
    assert_eq!(odd.comparable(), plain.comparable());
}

#[test]
fn under_a_prefix_everything_is_there_and_the_metadata_at_the_root_too() {
    let server =
        TestServer::with(|settings| settings.set("server.issuer", "\"https://app.example.com/auth\""));
    // RFC 8414 §3.1: behind the well-known part stands the issuer's path.
    let root = server.get("/.well-known/oauth-authorization-server/auth").send().is(200);
    let below = server.get("/auth/.well-known/oauth-authorization-server").send().is(200);
    assert_eq!(root.json(), below.json());
    assert_eq!(root.json()["jwks_uri"], "https://app.example.com/auth/.well-known/jwks.json");
    server.get("/auth/.well-known/jwks.json").send().is(200);
    server.get("/auth/v1/me").send().problem(401, "no_session");
    server.get("/auth/v1/nothing").send().problem(404, "not_found");
    server.request("PUT", "/auth/oauth/token").send().oauth_error(405, "invalid_request");
    assert_eq!(server.get("/v1/me").send().status, 404);
}
