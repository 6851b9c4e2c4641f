//! Public test vectors: Wycheproof, the JOSE cookbook (RFC 7520, RFC 7797, RFC 8037), RFC 7515 appendix A.
//!
//! They are data that is not part of this repository: read from `../shared/vectors` beside the workspace, or
//! from `SYMBOLON_VECTORS`; where they are absent the tests say so and pass. Every deviation from a vector's
//! verdict is on purpose and stands in a table with its reason; a test fails when one of them is not met
//! with, so none can outlive its cause.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests may fail like tests"
)]

mod jose;
mod primitives;
mod published;

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use symbolon_token::{Algorithm, Compact, Jwk, KeyError, KeyErrorKind, VerifyingKey};

fn folder() -> Option<PathBuf> {
    let beside =
        || PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../../../shared/vectors");
    let folder = std::env::var_os("SYMBOLON_VECTORS").map_or_else(beside, PathBuf::from);
    if !folder.is_dir() {
        eprintln!("skipped: no test vectors at {}", folder.display());
        return None;
    }
    Some(folder)
}

/// A file of the vectors; `None` when there are none at all.
fn load(name: &str) -> Option<Value> {
    let text = std::fs::read(folder()?.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    Some(serde_json::from_slice(&text).unwrap())
}

fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn unb64(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|n| u8::from_str_radix(&text[n..n + 2], 16).unwrap()).collect()
}

/// The groups and tests of a Wycheproof file.
fn groups(file: &Value) -> impl Iterator<Item = (&Value, &Vec<Value>)> {
    file["testGroups"].as_array().unwrap().iter().map(|group| (group, group["tests"].as_array().unwrap()))
}

/// A key out of a vector, for an algorithm: its name is taken off, as ours follow from the key.
fn key(jwk: &Value, algorithm: Option<Algorithm>) -> Result<VerifyingKey, KeyError> {
    let mut jwk = jwk.clone();
    let members = jwk.as_object_mut().unwrap();
    members.remove("kid");
    if let Some(algorithm) = algorithm {
        members.insert("alg".to_owned(), algorithm.name().into());
    }
    if members["kty"] == "oct" {
        // Secrets are never read from a JWK; configuration passes the bytes.
        let algorithm = members["alg"].as_str().unwrap().parse()?;
        let secret =
            URL_SAFE_NO_PAD.decode(members["k"].as_str().unwrap()).map_err(|_| KeyErrorKind::Malformed)?;
        return VerifyingKey::from_secret(algorithm, &secret);
    }
    for private in ["d", "p", "q", "dp", "dq", "qi"] {
        members.remove(private);
    }
    VerifyingKey::from_jwk(&Jwk::parse(jwk.to_string().as_bytes())?)
}

fn kind<T>(result: Result<T, KeyError>) -> Option<KeyErrorKind> {
    result.err().map(|error| error.kind().clone())
}

fn accepts(key: &VerifyingKey, jws: &str) -> bool {
    Compact::parse(jws).and_then(|compact| compact.verified_by(key)).is_ok()
}
