//! Sender-constrained tokens (RFC 9449): a token bound to a key is worth nothing without it.

use std::cell::Cell;

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde_json::{Value, json};

use crate::{
    client::Request,
    people::{Key, Person, Tokens, claims},
    raw::Answer,
    server::{ISSUER, TestServer},
    time,
};

/// A client with a key.
struct Holder {
    key: EcdsaKeyPair,
    made: Cell<u32>,
}

impl Holder {
    fn new() -> Self {
        Self { key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(), made: Cell::new(0) }
    }

    fn jwk(&self) -> Value {
        let point = self.key.public_key().as_ref();
        json!({ "kty": "EC", "crv": "P-256", "x": BASE64.encode(&point[1..33]), "y": BASE64.encode(&point[33..]) })
    }

    fn thumbprint(&self) -> String {
        let jwk = self.jwk();
        let text = format!(r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#, jwk["x"], jwk["y"]);
        BASE64.encode(digest(&SHA256, text.as_bytes()))
    }

    fn claims(&self, method: &str, path: &str) -> Value {
        self.made.set(self.made.get() + 1);
        let jti = format!("{}-{}", self.thumbprint(), self.made.get());
        json!({ "jti": jti, "htm": method, "htu": format!("{ISSUER}{path}"), "iat": time::millis() / 1000 })
    }

    fn sign(&self, claims: &Value) -> String {
        let header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk() });
        let signed = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", BASE64.encode(signature))
    }

    /// A proof where tokens are issued.
    fn proof(&self, method: &str, path: &str) -> String {
        self.sign(&self.claims(method, path))
    }

    /// A proof with a token.
    fn proof_with(&self, method: &str, path: &str, token: &str) -> String {
        self.sign(&with(self.claims(method, path), "ath", json!(ath(token))))
    }

    fn login(&self, server: &TestServer, person: &Person, mode: &str) -> Answer {
        let body = json!({ "identifier": person.identifier, "password": person.password, "mode": mode });
        server.post("/v1/tokens").field("DPoP", &self.proof("POST", "/v1/tokens")).json(body).send()
    }

    fn tokens(&self, server: &TestServer, person: &Person) -> Tokens {
        let answer = self.login(server, person, "session").gives(201);
        assert_eq!(answer["token_type"], "DPoP");
        Tokens::of(&answer)
    }

    fn get<'s>(&self, server: &'s TestServer, path: &str, token: &str) -> Request<'s> {
        shown(server.get(path), token, &self.proof_with("GET", path, token))
    }

    fn refresh(&self, server: &TestServer, token: &str) -> Answer {
        refresh(server, token).field("DPoP", &self.proof("POST", "/oauth/token")).send()
    }
}

fn ath(token: &str) -> String {
    BASE64.encode(digest(&SHA256, token.as_bytes()))
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

fn shown<'s>(request: Request<'s>, token: &str, proof: &str) -> Request<'s> {
    request.field("Authorization", &format!("DPoP {token}")).field("DPoP", proof)
}

fn refresh<'s>(server: &'s TestServer, token: &str) -> Request<'s> {
    server.post("/oauth/token").form(&[("grant_type", "refresh_token"), ("refresh_token", token)])
}

/// A refusal in the scheme `DPoP`.
#[track_caller]
fn refused(answer: &Answer, error: &str) {
    assert_eq!(
        (answer.status, answer.json()["code"].as_str()),
        (401, Some(error)),
        "{}",
        answer.comparable()
    );
    let challenge =
        format!("DPoP realm=\"symbolon\", error=\"{error}\", algs=\"ES256 ES384 EdDSA PS256 RS256\"");
    assert_eq!(answer.all("www-authenticate"), [challenge.as_str()]);
    assert_eq!(answer.field("cache-control"), Some("no-store"));
}

#[test]
fn a_bound_login_is_used_refreshed_and_ended_with_its_key() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let holder = Holder::new();
    let tokens = holder.tokens(&server, &alice);
    assert_eq!(claims(&tokens.access)["cnf"], json!({ "jkt": holder.thumbprint() }));
    assert!(tokens.access.len() < 700, "{}", tokens.access.len());
    let me = holder.get(&server, "/v1/me", &tokens.access).send().gives(200);
    assert_eq!((me["via"].as_str(), me["user"]["identifier"].as_str()), (Some("bearer"), Some("alice")));
    let body = holder.refresh(&server, &tokens.refresh).gives(200);
    assert_eq!(body["token_type"], "DPoP");
    let next = Tokens::of(&body);
    assert_eq!(claims(&next.access)["cnf"]["jkt"], holder.thumbprint());
    // The same step may be repeated at any time: a thief lacks the key.
    assert_eq!(Tokens::of(&holder.refresh(&server, &tokens.refresh).gives(200)).refresh, next.refresh);
    let path = "/v1/sessions/current";
    let proof = holder.proof_with("DELETE", path, &next.access);
    shown(server.delete(path), &next.access, &proof).send().no_content();
    refused(&holder.get(&server, "/v1/me", &next.access).send(), "invalid_token");
    holder.refresh(&server, &next.refresh).oauth_error(400, "invalid_grant");
    // A token that stands alone is bound as well.
    let alone = holder.login(&server, &alice, "stateless").gives(201);
    assert_eq!(alone["token_type"], "DPoP");
    holder.get(&server, "/v1/me", alone["access_token"].as_str().unwrap()).send().gives(200);
}

#[test]
fn a_successor_of_a_bound_session_is_bound() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let holder = Holder::new();
    let tokens = holder.tokens(&server, &alice);
    let path = "/v1/sessions/current/confirm";
    let proof = holder.proof_with("POST", path, &tokens.access);
    let request =
        shown(server.post(path), &tokens.access, &proof).json(json!({ "password": alice.password }));
    let body = request.send().gives(200);
    assert_eq!(body["token_type"], "DPoP");
    let next = Tokens::of(&body);
    holder.get(&server, "/v1/me", &next.access).send().gives(200);
    assert!(!server.opens(&Key::Bearer(next.access)));
}

#[test]
fn dp_01_dp_02_a_bound_token_needs_scheme_and_proof() {
    let server = TestServer::start();
    let holder = Holder::new();
    let token = holder.tokens(&server, &server.person("alice")).access;
    refused(&server.get("/v1/me").field("Authorization", &format!("DPoP {token}")).send(), "invalid_token");
    assert!(!server.opens(&Key::Bearer(token.clone())));
    let proof = holder.proof_with("GET", "/v1/me", &token);
    server.get("/v1/me").bearer(&token).field("DPoP", &proof).send().problem(401, "invalid_token");
    server.post("/v1/me").form(&[("access_token", &token)]).send().problem(401, "invalid_token");
    // The proof was not used up by a request that did not count.
    shown(server.get("/v1/me"), &token, &proof).send().gives(200);
    // And a bearer token is none that could be proved to be somebody's.
    let bearer = server.tokens(&server.person("bob")).access;
    refused(&holder.get(&server, "/v1/me", &bearer).send(), "invalid_token");
    assert!(server.opens(&Key::Bearer(bearer)));
}

#[test]
fn dp_03_two_proofs_are_none() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let holder = Holder::new();
    let token = holder.tokens(&server, &alice).access;
    let second = holder.proof_with("GET", "/v1/me", &token);
    refused(&holder.get(&server, "/v1/me", &token).field("DPoP", &second).send(), "invalid_dpop_proof");
    let body = json!({ "identifier": "alice", "password": alice.password });
    let proofs = [holder.proof("POST", "/v1/tokens"), holder.proof("POST", "/v1/tokens")];
    let twice =
        server.post("/v1/tokens").field("DPoP", &proofs[0]).field("DPoP", &proofs[1]).json(body).send();
    twice.problem(400, "invalid_dpop_proof");
}

#[test]
fn dp_09_dp_10_dp_11_dp_14_dp_19_a_proof_is_for_one_request_and_one_token() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let holder = Holder::new();
    let token = holder.tokens(&server, &alice).access;
    let other = holder.tokens(&server, &alice).access;
    let good = || with(holder.claims("GET", "/v1/me"), "ath", json!(ath(&token)));
    let now = time::millis() / 1000;
    let mut bare = good();
    bare.as_object_mut().unwrap().remove("ath");
    for (what, claims) in [
        ("another path", with(good(), "htu", json!(format!("{ISSUER}/v1/sessions")))),
        ("another host", with(good(), "htu", json!("https://evil.test/v1/me"))),
        (
            "the listener instead of the issuer",
            with(good(), "htu", json!(format!("http://{}/v1/me", server.address()))),
        ),
        ("another method", with(good(), "htm", json!("POST"))),
        ("issuing", with(good(), "htu", json!(format!("{ISSUER}/oauth/token")))),
        ("another token", with(good(), "ath", json!(ath(&other)))),
        ("no token", bare),
        ("ten minutes old", with(good(), "iat", json!(now - 600))),
        ("ten minutes ahead", with(good(), "iat", json!(now + 600))),
    ] {
        let answer = shown(server.get("/v1/me"), &token, &holder.sign(&claims)).send();
        assert_eq!(answer.status, 401, "{what}");
        refused(&answer, "invalid_dpop_proof");
    }
    // DP-10: whatever the request calls us.
    let lying = with(good(), "htu", json!("https://evil.test/v1/me"));
    let lie =
        shown(server.get("/v1/me"), &token, &holder.sign(&lying)).field("X-Forwarded-Host", "evil.test");
    refused(&lie.send(), "invalid_dpop_proof");
    // DP-19: a proof of a call does not issue, and one of issuing does not call.
    let body = json!({ "identifier": "alice", "password": alice.password });
    let proof = holder.proof_with("GET", "/v1/me", &token);
    server.post("/v1/tokens").field("DPoP", &proof).json(body).send().problem(400, "invalid_dpop_proof");
    let query = with(good(), "htu", json!(format!("{ISSUER}/v1/me?a=b#c")));
    shown(server.get("/v1/me?"), &token, &holder.sign(&query)).send().gives(200);
}

#[test]
fn dp_15_a_proof_by_another_key_opens_nothing() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let (holder, thief) = (Holder::new(), Holder::new());
    let tokens = holder.tokens(&server, &alice);
    refused(&thief.get(&server, "/v1/me", &tokens.access).send(), "invalid_token");
    thief.refresh(&server, &tokens.refresh).oauth_error(400, "invalid_grant");
    refresh(&server, &tokens.refresh).send().oauth_error(400, "invalid_dpop_proof");
    // None of it moved or ended anything.
    holder.get(&server, "/v1/me", &tokens.access).send().gives(200);
    holder.refresh(&server, &tokens.refresh).gives(200);
}

#[test]
fn dp_13_a_proof_is_used_once() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let holder = Holder::new();
    let tokens = holder.tokens(&server, &alice);
    let proof = holder.proof_with("GET", "/v1/me", &tokens.access);
    shown(server.get("/v1/me"), &tokens.access, &proof).send().gives(200);
    refused(&shown(server.get("/v1/me"), &tokens.access, &proof).send(), "invalid_dpop_proof");
    let proof = holder.proof("POST", "/oauth/token");
    let next = Tokens::of(&refresh(&server, &tokens.refresh).field("DPoP", &proof).send().gives(200));
    let again = refresh(&server, &next.refresh).field("DPoP", &proof).send();
    again.oauth_error(400, "invalid_dpop_proof");
    let proof = holder.proof("POST", "/v1/tokens");
    let login = |password: &str| {
        let body = json!({ "identifier": "alice", "password": password });
        server.post("/v1/tokens").field("DPoP", &proof).json(body).send()
    };
    // A wrong password uses nothing up.
    login("not the password at all").problem(401, "invalid_credentials");
    login(&alice.password).gives(201);
    login(&alice.password).problem(400, "invalid_dpop_proof");
}

#[test]
fn dp_17_nonces_where_they_are_wanted() {
    let server = TestServer::with(|settings| settings.set("dpop.nonces", "true"));
    let alice = server.person("alice");
    let holder = Holder::new();
    let body = json!({ "identifier": "alice", "password": alice.password });
    let login = |nonce: Option<&str>| {
        let mut claims = holder.claims("POST", "/v1/tokens");
        if let Some(nonce) = nonce {
            claims["nonce"] = json!(nonce);
        }
        server.post("/v1/tokens").field("DPoP", &holder.sign(&claims)).json(body.clone()).send()
    };
    let elsewhere = TestServer::with(|settings| settings.set("dpop.nonces", "true"));
    let theirs = elsewhere.get("/v1/me").field("DPoP", "x").send().field("dpop-nonce").unwrap().to_owned();
    for nonce in [None, Some(""), Some("x"), Some(&theirs), Some(&"A".repeat(43))] {
        let answer = login(nonce);
        assert!(answer.field("dpop-nonce").is_some());
        answer.problem(400, "use_dpop_nonce");
    }
    let nonce = login(None).field("dpop-nonce").unwrap().to_owned();
    let answer = login(Some(&nonce));
    assert!(answer.field("dpop-nonce").is_some(), "the next comes with each answer");
    let tokens = Tokens::of(&answer.gives(201));
    let answer = holder.get(&server, "/v1/me", &tokens.access).send();
    let fresh = answer.field("dpop-nonce").unwrap().to_owned();
    refused(&answer, "use_dpop_nonce");
    let good = with(holder.claims("GET", "/v1/me"), "ath", json!(ath(&tokens.access)));
    let proof = holder.sign(&with(good, "nonce", json!(fresh)));
    shown(server.get("/v1/me"), &tokens.access, &proof).send().gives(200);
    let answer = holder.refresh(&server, &tokens.refresh);
    assert!(answer.field("dpop-nonce").is_some());
    answer.oauth_error(400, "use_dpop_nonce");
}

#[test]
fn dp_05_dp_06_dp_23_what_is_no_proof_is_refused_and_changes_nothing() {
    let server = TestServer::start();
    let alice = server.person("alice");
    let cookie = server.cookie(&alice);
    let holder = Holder::new();
    let token = holder.tokens(&server, &alice).access;
    let before = server.picture(&cookie);
    let good = holder.proof("POST", "/v1/tokens");
    let body = json!({ "identifier": "alice", "password": alice.password });
    for junk in
        ["", "x", "a.b.c", &token, &format!("{good}A"), &good[..good.len() - 2], &format!("{good},{good}")]
    {
        let answer = server.post("/v1/tokens").field("DPoP", junk).json(body.clone()).send();
        answer.problem(400, "invalid_dpop_proof");
        refused(&shown(server.get("/v1/me"), &token, junk).send(), "invalid_dpop_proof");
    }
    let long = "x".repeat(12_000);
    server.post("/v1/tokens").field("DPoP", &long).json(body).send().problem(400, "invalid_dpop_proof");
    assert_eq!(server.picture(&cookie), before);
    assert!(server.activity(&cookie).iter().filter(|event| *event == "login").count() == 2);
}

#[test]
fn both_schemes_are_told_of() {
    let server = TestServer::start();
    let answer = server.get("/v1/me").send();
    assert_eq!(
        answer.all("www-authenticate"),
        ["Bearer realm=\"symbolon\"", "DPoP algs=\"ES256 ES384 EdDSA PS256 RS256\""]
    );
    let metadata = server.get("/.well-known/oauth-authorization-server").send().is(200).json();
    let algorithms = json!(["ES256", "ES384", "EdDSA", "PS256", "RS256"]);
    assert_eq!(metadata["dpop_signing_alg_values_supported"], algorithms);
}
