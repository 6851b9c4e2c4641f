//! The JOSE header (RFC 7515 §4).

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::json::{Checked, Name};

/// What a header says that we listen to. Unverified until the signature is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// The algorithm by name: compared with the key's, never chosen by.
    pub alg: String,
    /// Which key.
    pub kid: Option<String>,
    /// Which kind of token.
    pub typ: Option<String>,
}

/// What may not be ignored, and what we do not do: extensions that must be understood (RFC 7515 §4.1.11),
/// unencoded payloads (RFC 7797 §7: not for JWTs), compression and encryption, which belong to JWE.
const REFUSED: [&str; 4] = ["crit", "b64", "zip", "enc"];

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JOSE header")
    }

    /// In one pass, so that a repeated member is seen whether it is one of ours or not.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
        let (mut alg, mut kid, mut typ) = (None, None, None);
        let mut others: Vec<Cow<'de, str>> = Vec::new();
        while let Some(Name(name)) = map.next_key()? {
            let again = match &*name {
                "alg" => alg.replace(map.next_value()?).is_some(),
                "kid" => kid.replace(map.next_value()?).is_some(),
                "typ" => typ.replace(map.next_value()?).is_some(),
                refused if REFUSED.contains(&refused) => return Err(A::Error::custom("not a plain JWS")),
                _ => {
                    map.next_value::<Checked>()?;
                    let again = others.contains(&name);
                    others.push(name);
                    again
                }
            };
            if again {
                return Err(A::Error::custom("a member stands there twice"));
            }
        }
        Ok(Header { alg: alg.ok_or_else(|| A::Error::missing_field("alg"))?, kid, typ })
    }
}

impl Header {
    /// `None`: it is not a strict JSON object with a textual `alg`, or it asks for something that may not be
    /// ignored.
    pub(super) fn parse(json: &[u8]) -> Option<Self> {
        // A header segment is short (`MAX_HEADER`), so there cannot be many names to compare.
        serde_json::from_slice(json).ok()
    }

    /// Whether this is the kind of token that `typ` names. Media types know no case, and `application/` may
    /// be left out (RFC 7515 §4.1.9).
    pub fn is_type(&self, typ: &str) -> bool {
        self.typ
            .as_deref()
            .is_some_and(|own| without_application(own).eq_ignore_ascii_case(without_application(typ)))
    }
}

fn without_application(typ: &str) -> &str {
    match typ.split_once('/') {
        Some((kind, rest)) if kind.eq_ignore_ascii_case("application") && !rest.contains('/') => rest,
        _ => typ,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_is_a_media_type() {
        let typed =
            |typ: &str| Header::parse(format!(r#"{{"alg":"ES256","typ":"{typ}"}}"#).as_bytes()).unwrap();
        for same in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
            assert!(typed(same).is_type("at+jwt"), "{same}");
        }
        for other in
            ["", "jwt", "JWT", "at+jwt ", "text/at+jwt", "application/application/at+jwt", "at", "dpop+jwt"]
        {
            assert!(!typed(other).is_type("at+jwt"), "{other}");
        }
        assert!(!Header::parse(br#"{"alg":"ES256"}"#).unwrap().is_type("at+jwt"));
    }

    #[test]
    fn ja_02_alg_is_text() {
        for alg in ["null", "1", r#"["EdDSA"]"#, r#"{"a":1}"#, "true"] {
            assert_eq!(Header::parse(format!(r#"{{"alg":{alg}}}"#).as_bytes()), None, "{alg}");
        }
        assert_eq!(Header::parse(b"{}"), None);
        assert_eq!(Header::parse(br#"{"alg":"ES256","kid":null}"#), None);
        assert_eq!(Header::parse(br#"{"alg":"ES256","typ":1}"#), None);
    }
}
