//! What an access token says (RFC 9068 §2.2), read strictly: a member that stands there has its type, no
//! member stands there twice, and dates are whole seconds of this era. What the claims mean (issuer,
//! audience, time) is the verifier's business.

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use std::fmt;
use uuid::Uuid;

use crate::{Timestamp, base64url};

mod plain;
mod read;

/// Names that a configured claim may not take: those of this crate and those that others read rights from
/// (JC-26).
pub const RESERVED_CLAIMS: &[&str] = &[
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "client_id",
    "sid",
    "kind",
    "gen",
    "amr",
    "acr",
    "auth_time",
    "scope",
    "cnf",
    "act",
    "may_act",
    "azp",
    "id",
    "roles",
    "groups",
    "entitlements",
    "events",
    "nonce",
    "at_hash",
    "typ",
    "crit",
];

/// The last second that a date may name: 9999-12-31T23:59:59Z.
const LAST_SECOND: i64 = 253_402_300_799;

/// The claims of one of our access tokens.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct AccessClaims {
    /// Issuer: the URL of the authorization server, exactly.
    pub iss: String,
    /// Subject: the user.
    pub sub: Uuid,
    /// Audience: the resource servers it is for.
    pub aud: Audience,
    /// Expires at, Unix seconds: dead from this second on.
    pub exp: i64,
    /// Issued at, Unix seconds.
    pub iat: i64,
    /// Not before, Unix seconds. Ours have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// The token's own id.
    pub jti: Uuid,
    /// The client it was issued to.
    pub client_id: String,
    /// The session it belongs to; none when it is stateless.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<Uuid>,
    /// The user's generation when it was issued: an ending of everything raises it.
    pub r#gen: u64,
    /// How the user proved who they are, RFC 8176 names.
    pub amr: Vec<String>,
    /// When they did, Unix seconds.
    pub auth_time: i64,
    /// What it may be used for: names with one space between them (RFC 6749 §3.3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The key its holder must prove to have (RFC 7800).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
    /// What the session behind it is, where that takes rights away. An unknown kind is refused, never ignored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<SessionMark>,
    /// What the operator maps into tokens besides.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl AccessClaims {
    /// Reads them out of JSON, as strictly as `serde` does.
    pub(crate) fn parse(json: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(json).ok()?;
        plain::claims(text).or_else(|| serde_json::from_str(text).ok())
    }

    /// Whether the scope holds this very name: case counts, and only spaces separate (JC-19).
    pub fn has_scope(&self, name: &str) -> bool {
        !name.is_empty()
            && self.scope.as_deref().is_some_and(|scope| scope.split(' ').any(|held| held == name))
    }
}

/// A kind of session that may do less than its user: it stands in the token, so that whoever checks one knows without asking.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SessionMark {
    /// A refresh chain that a user gave to a job.
    Grant,
}

/// Proof of possession: the token is worth nothing without this key (RFC 9449 §6.1). Another method of
/// confirmation is refused, never ignored: ignoring it would turn a bound token into a bearer token.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// The RFC 7638 thumbprint of the DPoP key: 43 characters.
    #[serde(deserialize_with = "thumbprint")]
    pub jkt: String,
}

/// Whom a token is for (RFC 7519 §4.1.3): in JSON a string, or an array of strings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Audience {
    /// A single one, written as a string.
    One(String),
    /// Several, written as an array.
    Many(Vec<String>),
}

impl Audience {
    /// Whether this very audience is among them, byte for byte.
    pub fn contains(&self, audience: &str) -> bool {
        self.iter().any(|one| one == audience)
    }

    /// Each in turn.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let all = match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(all) => all,
        };
        all.iter().map(String::as_str)
    }
}

impl Serialize for Audience {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::One(one) => serializer.serialize_str(one),
            Self::Many(all) => all.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Audience {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;

        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Audience;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an array of strings")
            }

            fn visit_str<E>(self, one: &str) -> Result<Audience, E> {
                Ok(Audience::One(one.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Audience, A::Error> {
                let mut all = Vec::new();
                while let Some(one) = seq.next_element()? {
                    all.push(one);
                }
                Ok(Audience::Many(all))
            }
        }

        deserializer.deserialize_any(OneOrMany)
    }
}

/// A NumericDate (RFC 7519 §2) as we write it: whole seconds, no fraction, no exponent.
struct Date(i64);

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = i64::deserialize(deserializer)?;
        if !(0..=LAST_SECOND).contains(&seconds) {
            return Err(D::Error::custom("a date outside of 1970 to 9999"));
        }
        Ok(Self(seconds))
    }
}

/// `deserialize_with` for a [`Date`].
pub(crate) fn date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    Date::deserialize(deserializer).map(|Date(seconds)| seconds)
}

/// A NumericDate as others write it: also with a fraction, which is kept to the millisecond.
pub(crate) struct NumericDate(pub(crate) Timestamp);

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        #[expect(clippy::cast_precision_loss, reason = "far below 2⁵³")]
        if !(0.0..=LAST_SECOND as f64).contains(&seconds) {
            return Err(D::Error::custom("a date outside of 1970 to 9999"));
        }
        #[expect(clippy::cast_possible_truncation, reason = "the range is checked above")]
        Ok(Self(Timestamp::from_millis((seconds * 1000.0) as i64)))
    }
}

fn thumbprint<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    match base64url::decode_array::<32>(text.as_bytes()) {
        Some(_) => Ok(text),
        None => Err(D::Error::custom("not a thumbprint")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn claims() -> Value {
        json!({
            "iss": "https://id.example", "sub": "01905a3c-1111-7222-8333-444455556666", "aud": "https://api.example",
            "exp": 1_700_000_300, "iat": 1_700_000_000, "jti": "01905a3c-1111-7222-8333-444455556667",
            "client_id": "symbolon", "gen": 3, "amr": ["pwd"], "auth_time": 1_700_000_000,
        })
    }

    fn with(name: &str, value: Value) -> Result<AccessClaims, serde_json::Error> {
        let mut all = claims();
        all[name] = value;
        serde_json::from_value(all)
    }

    #[test]
    fn claims_are_read_as_they_are_written() {
        let mut all = claims();
        all["sid"] = json!("01905a3c-1111-7222-8333-444455556668");
        all["scope"] = json!("a b");
        all["cnf"] = json!({"jkt": "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"});
        all["nbf"] = json!(1_700_000_000);
        all["kind"] = json!("grant");
        all["department"] = json!({"name": "x"});
        let read: AccessClaims = serde_json::from_value(all.clone()).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), all);
        assert_eq!(read.extra.keys().collect::<Vec<_>>(), ["department"]);
    }

    #[test]
    fn what_is_none_is_not_written() {
        let read: AccessClaims = serde_json::from_value(claims()).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), claims());
    }

    #[test]
    fn every_required_claim_is_required() {
        for name in claims().as_object().unwrap().keys() {
            let mut all = claims();
            all.as_object_mut().unwrap().remove(name);
            assert!(serde_json::from_value::<AccessClaims>(all).is_err(), "{name}");
        }
    }

    #[test]
    fn null_is_not_absence() {
        for name in ["nbf", "sid", "scope", "cnf", "kind"] {
            assert!(with(name, Value::Null).is_err(), "{name}");
        }
    }

    #[test]
    fn an_id_has_one_spelling() {
        for other in [
            "01905A3C-1111-7222-8333-444455556666",
            "01905a3c11117222833344445555666",
            "01905a3c111172228333444455556666",
            "{01905a3c-1111-7222-8333-444455556666}",
            "urn:uuid:01905a3c-1111-7222-8333-444455556666",
        ] {
            assert!(with("sub", json!(other)).is_err() && with("sid", json!(other)).is_err(), "{other}");
        }
    }

    #[test]
    fn an_unknown_confirmation_is_not_ignored() {
        for other in
            [json!({}), json!({"x5t#S256": "a"}), json!({"jkt": "short"}), json!({"jkt": 1}), json!("a")]
        {
            assert!(with("cnf", other.clone()).is_err(), "{other}");
        }
    }

    #[test]
    fn an_unknown_kind_is_not_ignored() {
        assert_eq!(with("kind", json!("grant")).unwrap().kind, Some(SessionMark::Grant));
        for other in [json!("browser"), json!("Grant"), json!(""), json!(true), json!(["grant"])] {
            assert!(with("kind", other.clone()).is_err(), "{other}");
        }
    }

    #[test]
    fn jc_19_only_exact_names_between_spaces_are_scopes() {
        let scoped = |scope: &str| with("scope", json!(scope)).unwrap();
        assert!(scoped("read write").has_scope("write"));
        for other in ["read\twrite", "read,write", "write:all", "WRITE", "*", "", "rewrite"] {
            assert!(!scoped(other).has_scope("write"), "{other}");
        }
        assert!(!scoped("a  b").has_scope("") && !scoped("").has_scope(""));
        assert!(with("scope", json!(["write"])).is_err());
    }
}
