//! How machines authenticate: a registered client, never a user.
//!
//! Only the routes for machines ask here; everywhere else Basic is ignored and a `key_` is a bad bearer token.

use crate::bearer::{self, Authorization};
use crate::{Refusal, form};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::HeaderMap;
use std::fmt;

/// What a client presents. Its `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientCredential {
    /// The `client_id` by Basic; `None` for `Bearer key_…`, where the secret itself says whose it is.
    pub id: Option<String>,
    /// The client secret as text, unchecked: parse it as `symbolon_token::opaque::ClientSecret`.
    pub secret: String,
}

impl fmt::Debug for ClientCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredential").field("id", &self.id).field("secret", &"..").finish()
    }
}

impl ClientCredential {
    /// Reads `Authorization: Basic` (RFC 7617; id and secret form-decoded, RFC 6749 §2.3.1) or `Authorization: Bearer key_…`.
    ///
    /// `None`: no client credential, which includes a user's access token. [`Refusal::InvalidRequest`]: two `Authorization`
    /// lines or an empty bearer. [`Refusal::InvalidClient`]: a Basic value that does not decode, or lacks id or secret.
    pub fn from_headers(headers: &HeaderMap) -> Option<Result<Self, Refusal>> {
        match bearer::authorization(headers) {
            Ok(Authorization::Basic(encoded)) => Some(basic(encoded).ok_or(Refusal::InvalidClient)),
            Ok(Authorization::Bearer(raw)) if raw.starts_with(b"key_") => Some(
                String::from_utf8(raw.to_vec())
                    .map(|secret| Self { id: None, secret })
                    .map_err(|_| Refusal::InvalidClient),
            ),
            Ok(_) => None,
            Err(refusal) => Some(Err(refusal)),
        }
    }
}

fn basic(encoded: &[u8]) -> Option<ClientCredential> {
    let decoded = STANDARD.decode(encoded).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let text = |part: &[u8]| String::from_utf8(form::decode(part)).ok().filter(|text| !text.is_empty());
    Some(ClientCredential { id: Some(text(&decoded[..colon])?), secret: text(&decoded[colon + 1..])? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderValue, header};

    fn read(lines: &[&str]) -> Option<Result<ClientCredential, Refusal>> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::AUTHORIZATION, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        ClientCredential::from_headers(&headers)
    }

    fn basic_of(text: &[u8]) -> Option<Result<ClientCredential, Refusal>> {
        read(&[&format!("Basic {}", STANDARD.encode(text))])
    }

    #[test]
    fn basic_is_decoded_twice() {
        for (text, id, secret) in [
            ("job:key_abc", "job", "key_abc"),
            ("my+job%3A1:key_%61", "my job:1", "key_a"),
            ("job:a:b", "job", "a:b"),
            ("j%C3%A9:key_a", "jé", "key_a"),
        ] {
            let expected = ClientCredential { id: Some(id.into()), secret: secret.into() };
            assert_eq!(basic_of(text.as_bytes()), Some(Ok(expected)), "{text}");
        }
        assert!(matches!(read(&["bAsIc   am9iOmtleV9h"]), Some(Ok(_))));
    }

    #[test]
    fn a_key_as_bearer_is_a_client() {
        let expected = ClientCredential { id: None, secret: "key_abc".into() };
        assert_eq!(read(&["Bearer key_abc"]), Some(Ok(expected)));
        assert_eq!(read(&["Bearer a.b.c"]), None);
        assert_eq!(read(&["DPoP key_abc"]), None);
        assert_eq!(read(&[]), None);
        assert_eq!(read(&["Digest x"]), None);
    }

    #[test]
    fn malformed_basic_is_a_wrong_client() {
        for line in
            ["Basic", "Basic ", "Basic ***", "Basic am9i", "Basic am9iOmtleV9h=", "Basic am9iOmtleV9h x"]
        {
            assert_eq!(read(&[line]), Some(Err(Refusal::InvalidClient)), "{line}");
        }
        for text in [&b"job:"[..], b":key_a", b":", b"\xff:key_a", b"job:%FF"] {
            assert_eq!(
                basic_of(text),
                Some(Err(Refusal::InvalidClient)),
                "{}",
                String::from_utf8_lossy(text)
            );
        }
    }

    #[test]
    fn bt_06_two_lines_are_refused() {
        assert!(matches!(
            read(&["Basic am9iOmtleV9h", "Basic am9iOmtleV9h"]),
            Some(Err(Refusal::InvalidRequest(_)))
        ));
        assert!(matches!(
            read(&["Bearer key_a", "Basic am9iOmtleV9h"]),
            Some(Err(Refusal::InvalidRequest(_)))
        ));
    }

    #[test]
    fn debug_shows_no_secret() {
        let text = format!("{:?}", read(&["Bearer key_s3cret"]));
        assert!(!text.contains("s3cret"), "{text}");
    }
}
