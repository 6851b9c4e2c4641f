//! Making tokens.

use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

use super::{MAX_SIGNATURE_BYTES, MAX_SIGNED};
use crate::key::{Algorithm, Kid};
use crate::{KeyError, KeyErrorKind, base64url, json};

/// Claims of one of our access tokens fit into it, so that nothing is moved while they are written.
const USUAL_PAYLOAD: usize = 512;

/// The header segment, encoded.
pub(crate) fn header(algorithm: Algorithm, kid: &Kid, typ: &str) -> String {
    // `Value` writes the type as JSON, whatever it holds; the other two are of our own making.
    let typ = serde_json::Value::from(typ);
    base64url::encode(format!(r#"{{"alg":"{algorithm}","kid":"{kid}","typ":{typ}}}"#).as_bytes())
}

/// The whole token. The length is known before anything is signed.
pub(crate) fn compact<C: Serialize>(
    header: &str,
    claims: &C,
    signature_len: usize,
    sign: impl FnOnce(&[u8], &mut [u8]) -> Result<(), KeyError>,
) -> Result<String, KeyError> {
    let mut payload = Vec::with_capacity(USUAL_PAYLOAD);
    serde_json::to_writer(&mut payload, claims).map_err(|_| KeyErrorKind::Claims(None))?;
    let length =
        header.len() + base64url::encoded_len(payload.len()) + base64url::encoded_len(signature_len) + 2;
    if length > MAX_SIGNED {
        return Err(KeyErrorKind::TooLong(largest_claim(&payload)).into());
    }
    // What we would not read we do not write: a mapped claim must not repeat one of ours (JC-26).
    if !json::is_plain_object(&payload) {
        json::check_object(&payload).map_err(KeyErrorKind::Claims)?;
    }

    let mut token = Vec::with_capacity(length);
    token.extend_from_slice(header.as_bytes());
    token.push(b'.');
    base64url::append(&payload, &mut token);
    let mut room = [0; MAX_SIGNATURE_BYTES];
    let signature = room.get_mut(..signature_len).ok_or(KeyErrorKind::Crypto)?;
    sign(&token, signature)?;
    token.push(b'.');
    base64url::append(signature, &mut token);
    // Base64url, dots, and a header of the same.
    String::from_utf8(token).map_err(|_| KeyErrorKind::Crypto.into())
}

/// The name of the claim whose JSON is the longest.
fn largest_claim(payload: &[u8]) -> String {
    let claims: BTreeMap<String, &RawValue> = serde_json::from_slice(payload).unwrap_or_default();
    let largest = claims.into_iter().max_by_key(|(name, value)| name.len() + value.get().len());
    largest.map(|(name, _)| name).unwrap_or_default()
}
