//! JSON Web Keys (RFC 7517), public halves only. Reading is strict about form (repeated members, private
//! members, types) and silent about members that are none of ours; what a key is good for is decided in
//! [`VerifyingKey::from_jwk`].

use std::collections::HashSet;
use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::{Algorithm, VerifyingKey};
use crate::json::{self, Checked};
use crate::{KeyError, KeyErrorKind};

/// A set larger than this is not read (JD-14).
const MAX_SET_BYTES: usize = 64 * 1024;
const MAX_SET_KEYS: usize = 16;

/// Members that only a private or symmetric key has (RFC 7518 §6).
const PRIVATE: [&str; 10] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv", "seed"];

/// The public half of a key. Members are as they came, base64url not decoded.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Jwk {
    /// Key type: `EC`, `RSA` or `OKP`.
    pub kty: String,
    /// Curve: `P-256`, `P-384` or `Ed25519`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crv: Option<String>,
    /// The x coordinate, or the whole Ed25519 key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x: Option<String>,
    /// The y coordinate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub y: Option<String>,
    /// The RSA modulus.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n: Option<String>,
    /// The RSA exponent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub e: Option<String>,
    /// The key's name; ours follow from the key ([`Kid`](super::Kid)).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// The one algorithm it is for. Obligatory for RSA, where the key alone does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alg: Option<String>,
    /// `sig`, when present.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r#use: Option<String>,
    /// Holds `verify`, when present. Ours have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_ops: Option<Vec<String>>,
}

impl Jwk {
    /// Reads one key.
    ///
    /// # Errors
    /// `Private` when it has private members, `Malformed` for everything else that is not a strict JWK.
    pub fn parse(json: &[u8]) -> Result<Self, KeyError> {
        json::check_object(json).map_err(|_| KeyErrorKind::Malformed)?;
        serde_json::from_slice(json).map_err(|error| reading_failed(&error))
    }
}

/// A set of public keys (RFC 7517 §5): what `/.well-known/jwks.json` says. Reading one, by whatever way,
/// refuses more than 16 keys and a `kid` that stands there twice.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "AnySet")]
pub struct Jwks {
    /// The keys, in no particular order.
    pub keys: Vec<Jwk>,
}

#[derive(Deserialize)]
struct AnySet {
    keys: Vec<Jwk>,
}

impl TryFrom<AnySet> for Jwks {
    type Error = KeyError;

    fn try_from(AnySet { keys }: AnySet) -> Result<Self, KeyError> {
        if keys.len() > MAX_SET_KEYS {
            return Err(KeyErrorKind::TooMany.into());
        }
        let mut kids = HashSet::new();
        if !keys.iter().filter_map(|key| key.kid.as_deref()).all(|kid| kids.insert(kid)) {
            return Err(KeyErrorKind::DuplicateKid.into());
        }
        Ok(Self { keys })
    }
}

impl Jwks {
    /// Reads a set of at most 64 KiB. Whoever holds an earlier set keeps it on error.
    ///
    /// # Errors
    /// `TooMany`, `DuplicateKid`, `Private`, or `Malformed`.
    pub fn parse(json: &[u8]) -> Result<Self, KeyError> {
        if json.len() > MAX_SET_BYTES {
            return Err(KeyErrorKind::TooMany.into());
        }
        json::check_object(json).map_err(|_| KeyErrorKind::Malformed)?;
        serde_json::from_slice::<AnySet>(json).map_err(|error| reading_failed(&error))?.try_into()
    }

    /// The set with `alg` written into those RSA keys that name none, as some issuers publish them: their
    /// documentation, or the `id_token_signing_alg_values_supported` of their discovery document, says
    /// what it is. Never take it from a token.
    #[must_use]
    pub fn with_rsa_algorithm(mut self, algorithm: Algorithm) -> Self {
        for key in self.keys.iter_mut().filter(|key| key.kty == "RSA") {
            key.alg.get_or_insert_with(|| algorithm.name().to_owned());
        }
        self
    }

    /// The keys that can verify, under the names that the set gives them (else under their own).
    pub(crate) fn named_keys(&self) -> Result<Vec<(String, VerifyingKey)>, KeyError> {
        let mut named = Vec::new();
        for key in &self.keys {
            match VerifyingKey::from_jwk(&Jwk { kid: None, ..key.clone() }) {
                Ok(parsed) => {
                    let name = key.kid.clone().unwrap_or_else(|| parsed.kid().to_string());
                    named.push((name, parsed));
                }
                Err(error) if *error.kind() == KeyErrorKind::Unsupported => {}
                Err(error) => return Err(error),
            }
        }
        Ok(named)
    }

    /// The keys that can verify, ours: a `kid` must follow from its key. Keys of a kind that this version
    /// does not do, or that are not for signatures, are left out (RFC 7517 §5), so that an issuer can add
    /// a new kind.
    ///
    /// # Errors
    /// A key of a known kind that is malformed or weak spoils the set.
    pub fn verifying_keys(&self) -> Result<Vec<VerifyingKey>, KeyError> {
        let parsed = self.keys.iter().map(VerifyingKey::from_jwk);
        parsed
            .filter(|key| !matches!(key, Err(error) if *error.kind() == KeyErrorKind::Unsupported))
            .collect()
    }
}

/// What the visitor below says about a private member, in words that no input can produce.
const PRIVATE_MEMBER: &str = "\u{1}private";

fn reading_failed(error: &serde_json::Error) -> KeyError {
    let private = error.to_string().starts_with(PRIVATE_MEMBER);
    if private { KeyErrorKind::Private.into() } else { KeyErrorKind::Malformed.into() }
}

impl<'de> Deserialize<'de> for Jwk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(JwkVisitor)
    }
}

struct JwkVisitor;

impl<'de> Visitor<'de> for JwkVisitor {
    type Value = Jwk;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a public JSON Web Key")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Jwk, A::Error> {
        let mut jwk = Jwk::default();
        let mut seen = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "kty" => jwk.kty = map.next_value()?,
                "crv" => jwk.crv = Some(map.next_value()?),
                "x" => jwk.x = Some(map.next_value()?),
                "y" => jwk.y = Some(map.next_value()?),
                "n" => jwk.n = Some(map.next_value()?),
                "e" => jwk.e = Some(map.next_value()?),
                "kid" => jwk.kid = Some(map.next_value()?),
                "alg" => jwk.alg = Some(map.next_value()?),
                "use" => jwk.r#use = Some(map.next_value()?),
                "key_ops" => jwk.key_ops = Some(map.next_value()?),
                private if PRIVATE.contains(&private) => return Err(A::Error::custom(PRIVATE_MEMBER)),
                _ => {
                    map.next_value::<Checked>()?;
                }
            }
            if !seen.insert(name) {
                return Err(A::Error::custom("a member stands there twice"));
            }
        }
        if !seen.contains("kty") {
            return Err(A::Error::missing_field("kty"));
        }
        Ok(jwk)
    }
}
