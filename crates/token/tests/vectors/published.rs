//! KM-21: every key of the vectors is known to be published.

use std::path::Path;

use serde_json::{Value, json};
use symbolon_token::{Algorithm, BuildError, KeyErrorKind, SigningKey, Verifier};

use crate::{b64, folder, key, unb64, unhex};

fn collect(value: &Value, keys: &mut Vec<Value>) {
    match value {
        Value::Object(members) => {
            if members.contains_key("kty") {
                keys.push(value.clone());
            }
            // The primitive files give their keys in other forms, too.
            if let (Some(secret), Some(_)) = (members.get("key").and_then(Value::as_str), members.get("tag"))
            {
                keys.push(json!({"kty": "oct", "k": b64(&unhex(secret))}));
            }
            members.values().for_each(|member| collect(member, keys));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, keys)),
        _ => {}
    }
}

fn files(folder: &Path, found: &mut Vec<Value>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "json") {
            collect(&serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap(), found);
        }
    }
}

#[test]
fn km_21_every_key_of_the_vectors_is_known() {
    let Some(folder) = folder() else { return };
    let mut keys = Vec::new();
    files(&folder, &mut keys);
    let (mut trusted, mut signing) = (0, 0);
    for mut jwk in keys {
        let members = jwk.as_object_mut().unwrap();
        members.remove("use");
        members.remove("key_ops");
        // Whatever the file says it is for, as somebody would who copies it.
        let algorithm = match (members["kty"].as_str().unwrap(), members.get("crv").and_then(Value::as_str)) {
            ("RSA", _) => Algorithm::Rs256,
            ("oct", _) => Algorithm::Hs256,
            ("EC", Some("P-256")) => Algorithm::Es256,
            ("EC", Some("P-384")) => Algorithm::Es384,
            ("OKP", Some("Ed25519")) => Algorithm::Ed25519,
            _ => continue,
        };
        if members.get("k").or(members.get("n")).or(members.get("x")).is_none_or(|value| !value.is_string()) {
            continue;
        }
        let Ok(loaded) = key(&jwk, Some(algorithm)) else { continue };
        let builder = Verifier::builder().issuer("i").audience("a").keys([loaded]);
        assert_eq!(builder.build().unwrap_err(), BuildError::PublicTestKey, "{jwk}");
        trusted += 1;
        if algorithm == Algorithm::Hs256 {
            let error =
                SigningKey::from_private_bytes(algorithm, &unb64(jwk["k"].as_str().unwrap())).unwrap_err();
            assert_eq!(*error.kind(), KeyErrorKind::PublicTestKey, "{jwk}");
            signing += 1;
        }
    }
    assert!(trusted > 600 && signing > 100, "{trusted} {signing}");
}
