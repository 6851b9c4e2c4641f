//! Tokens that are bound to a key (RFC 9449), at a service behind a guard.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use symbolon_guard::{
    Builder,
    clock::{Clock, SystemClock},
};

use crate::server::{Ahead, PASSWORD, Server, ask, service};

/// By which clients reach the service, whatever socket it has.
const ORIGIN: &str = "https://orders.example";

/// A client with a key.
struct Holder {
    key: EcdsaKeyPair,
    made: AtomicU32,
}

impl Holder {
    fn new() -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self { key, made: AtomicU32::new(0) }
    }

    fn claims(&self, method: &str, url: &str) -> Value {
        let jti = format!("{}", self.made.fetch_add(1, Ordering::SeqCst));
        json!({ "jti": jti, "htm": method, "htu": url, "iat": SystemClock.now().as_secs() })
    }

    fn sign(&self, claims: &Value) -> String {
        let point = self.key.public_key().as_ref();
        let (x, y) = (BASE64.encode(&point[1..33]), BASE64.encode(&point[33..]));
        let jwk = json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y });
        let header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": jwk });
        let signed = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", BASE64.encode(signature))
    }

    /// An access token that is bound to its key.
    async fn token(&self, server: &Server) -> String {
        let proof = self.sign(&self.claims("POST", &server.at("/v1/tokens")));
        let login = json!({ "identifier": "alice", "password": PASSWORD });
        let asked = server.client.post(server.at("/v1/tokens")).header("dpop", proof).json(&login);
        let body: Value = asked.send().await.unwrap().json().await.unwrap();
        assert_eq!(body["token_type"], "DPoP");
        body["access_token"].as_str().unwrap().to_owned()
    }

    /// What a good proof for `GET` of a path with this token says.
    fn for_token(&self, path: &str, token: &str) -> Value {
        let ath = BASE64.encode(digest(&SHA256, token.as_bytes()));
        with(self.claims("GET", &format!("{ORIGIN}{path}")), "ath", json!(ath))
    }
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

fn open(server: &Server) -> Builder {
    server.guard().origin(ORIGIN)
}

async fn show(service: &str, path: &str, token: &str, proof: &str) -> Response {
    let asked = Client::new().get(format!("{service}{path}")).header("dpop", proof);
    asked.header("authorization", format!("DPoP {token}")).send().await.unwrap()
}

/// A refusal, in the scheme that was used.
#[track_caller]
fn refused(answer: &Response, error: &str) {
    let challenge =
        format!("DPoP realm=\"symbolon\", error=\"{error}\", algs=\"ES256 ES384 EdDSA PS256 RS256\"");
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.headers()["www-authenticate"], challenge);
    assert_eq!(answer.headers()["cache-control"], "no-store");
}

const PATHS: [&str; 3] = ["/local", "/signature", "/authoritative"];

#[tokio::test]
async fn dp_01_dp_02_a_bound_token_needs_scheme_and_proof_at_a_guard() {
    let server = Server::start().await;
    let guard = open(&server).without_dpop_nonces().open().await.unwrap();
    let service = service(&guard).await;
    let holder = Holder::new();
    let token = holder.token(&server).await;
    for path in PATHS {
        let proof = holder.sign(&holder.for_token(path, &token));
        assert_eq!(show(&service, path, &token, &proof).await.status(), 200, "{path}");
        assert_eq!(ask(&service, path, "authorization", &format!("Bearer {token}")).await, 401, "{path}");
        let bare =
            Client::new().get(format!("{service}{path}")).header("authorization", format!("DPoP {token}"));
        refused(&bare.send().await.unwrap(), "invalid_token");
        // One that is bound to nothing cannot be shown so.
        let open = server.token().await;
        let proof = holder.sign(&holder.for_token(path, &open));
        refused(&show(&service, path, &open, &proof).await, "invalid_token");
    }
    // Revoked is revoked, with the best of proofs.
    let shown = |path: &str| holder.sign(&holder.for_token(path, &token));
    let path = "/v1/sessions/current";
    let by = with(holder.for_token(path, &token), "htm", json!("DELETE"));
    let by = holder.sign(&with(by, "htu", json!(server.at(path))));
    let logout = server.client.delete(server.at(path)).header("authorization", format!("DPoP {token}"));
    assert_eq!(logout.header("dpop", by).send().await.unwrap().status(), 204);
    refused(&show(&service, "/local", &token, &shown("/local")).await, "invalid_token");
    refused(&show(&service, "/authoritative", &token, &shown("/authoritative")).await, "invalid_token");
}

#[tokio::test]
async fn dp_09_dp_10_dp_11_dp_14_dp_15_dp_19_a_proof_at_a_guard_is_for_one_request_one_token_and_one_key() {
    let server = Server::start().await;
    let guard = open(&server).without_dpop_nonces().open().await.unwrap();
    let service = service(&guard).await;
    let holder = Holder::new();
    let token = holder.token(&server).await;
    let good = || holder.for_token("/local", &token);
    let now = SystemClock.now().as_secs();
    for (name, bad) in [
        ("htm", json!("POST")),
        ("htu", json!(format!("{ORIGIN}/signature"))),
        ("htu", json!(format!("{service}/local"))),
        ("htu", json!(server.at("/local"))),
        ("htu", json!("http://orders.example/local")),
        ("iat", json!(now - 600)),
        ("iat", json!(now + 600)),
        ("iat", json!("now")),
        ("ath", json!(BASE64.encode(digest(&SHA256, b"another")))),
        ("ath", Value::Null),
        ("jti", json!("")),
        ("jti", json!(7)),
    ] {
        refused(
            &show(&service, "/local", &token, &holder.sign(&with(good(), name, bad))).await,
            "invalid_dpop_proof",
        );
    }
    for bad in ["", "x", "a.b.c", &holder.sign(&good())[..200]] {
        refused(&show(&service, "/local", &token, bad).await, "invalid_dpop_proof");
    }
    let two = Client::new().get(format!("{service}/local")).header("authorization", format!("DPoP {token}"));
    let two = two.header("dpop", holder.sign(&good())).header("dpop", holder.sign(&good()));
    refused(&two.send().await.unwrap(), "invalid_dpop_proof");
    let thief = Holder::new();
    refused(
        &show(&service, "/local", &token, &thief.sign(&thief.for_token("/local", &token))).await,
        "invalid_token",
    );
    // Only what is written differently is the same.
    let same = with(good(), "htu", json!("HTTPS://ORDERS.example:443/loc%61l?x=1#y"));
    assert_eq!(show(&service, "/local?z=2", &token, &holder.sign(&same)).await.status(), 200);
}

#[tokio::test]
async fn dp_13_a_proof_is_used_once_at_a_guard() {
    let server = Server::start().await;
    let guard = open(&server).without_dpop_nonces().open().await.unwrap();
    let service = service(&guard).await;
    let holder = Holder::new();
    let token = holder.token(&server).await;
    for path in PATHS {
        let proof = holder.sign(&holder.for_token(path, &token));
        assert_eq!(show(&service, path, &token, &proof).await.status(), 200, "{path}");
        refused(&show(&service, path, &token, &proof).await, "invalid_dpop_proof");
    }
    // What is refused for another reason is not used up, so nobody spends somebody else's.
    let proof = holder.sign(&holder.for_token("/local", &token));
    refused(&show(&service, "/signature", &token, &proof).await, "invalid_dpop_proof");
    assert_eq!(show(&service, "/local", &token, &proof).await.status(), 200);
}

#[tokio::test]
async fn dp_17_a_proof_at_a_guard_repeats_its_own_nonce_of_this_minute() {
    let server = Server::start().await;
    let clock = Arc::new(Ahead::default());
    // The first takes tokens without its lease, so that its clock can be moved on.
    let guards = [open(&server).clock(Arc::clone(&clock) as _).ask_when_stale(), open(&server)];
    let mut services = Vec::new();
    for guard in guards {
        services.push(service(&guard.open().await.unwrap()).await);
    }
    let holder = Holder::new();
    let token = holder.token(&server).await;
    let proof = |nonce: Option<&str>| {
        // The time goes on with the clock.
        let now = clock.now().as_secs() + clock.0.load(Ordering::SeqCst).cast_signed() / 1_000;
        let claims = with(holder.for_token("/local", &token), "iat", json!(now));
        holder.sign(&nonce.map_or(claims.clone(), |nonce| with(claims, "nonce", json!(nonce))))
    };
    let challenged = async |service: &str, proof: &str| {
        let answer = show(service, "/local", &token, proof).await;
        refused(&answer, "use_dpop_nonce");
        answer.headers()["dpop-nonce"].to_str().unwrap().to_owned()
    };
    let nonce = challenged(&services[0], &proof(None)).await;
    assert_eq!(show(&services[0], "/local", &token, &proof(Some(&nonce))).await.status(), 200);
    assert_eq!(
        show(&services[0], "/local", &token, &proof(Some(&nonce))).await.status(),
        200,
        "another proof"
    );
    let other = challenged(&services[1], &proof(Some(&nonce))).await;
    assert_eq!(show(&services[1], "/local", &token, &proof(Some(&other))).await.status(), 200);
    clock.0.store(62_000, Ordering::SeqCst);
    let next = challenged(&services[0], &proof(Some(&nonce))).await;
    assert_ne!(next, nonce);
    assert_eq!(show(&services[0], "/local", &token, &proof(Some(&next))).await.status(), 200);
}
