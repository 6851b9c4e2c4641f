//! Reading access-token claims in one pass, as strictly as [`json`](crate::json) reads anything: what a
//! derived reader with a flattened rest would do in three, and with the last of two equal members winning.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Map;
use uuid::Uuid;

use super::{AccessClaims, Date};
use crate::json::{Kept, MAX_MEMBERS, Name};

/// One spelling per id: hyphens and lower case. `Uuid` itself would also read URNs, braces and capitals.
pub(super) fn id(text: &str) -> Option<Uuid> {
    // Of the spellings that `Uuid` reads only the hyphenated one is so long.
    let canonical =
        text.len() == 36 && !text.bytes().fold(false, |found, letter| found | letter.is_ascii_uppercase());
    if canonical { Uuid::try_parse(text).ok() } else { None }
}

/// See [`id`].
struct Id(Uuid);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Name(text) = Name::deserialize(deserializer)?;
        let id = id(&text).ok_or_else(|| D::Error::custom("not an id, or one in another spelling"))?;
        Ok(Self(id))
    }
}

impl<'de> Deserialize<'de> for AccessClaims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Claims)
    }
}

struct Claims;

impl<'de> Visitor<'de> for Claims {
    type Value = AccessClaims;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the claims of an access token")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<AccessClaims, A::Error> {
        let (mut iss, mut sub, mut aud, mut jti, mut client_id) = (None, None, None, None, None);
        let (mut exp, mut iat, mut nbf, mut auth_time) = (None, None, None, None);
        let (mut sid, mut r#gen, mut amr, mut scope, mut cnf, mut kind) =
            (None, None, None, None, None, None);
        let mut extra = Map::new();
        while let Some(Name(name)) = map.next_key()? {
            match &*name {
                "iss" => once(&mut iss, map.next_value()?)?,
                "sub" => once(&mut sub, map.next_value::<Id>()?)?,
                "aud" => once(&mut aud, map.next_value()?)?,
                "exp" => once(&mut exp, map.next_value::<Date>()?)?,
                "iat" => once(&mut iat, map.next_value::<Date>()?)?,
                "nbf" => once(&mut nbf, map.next_value::<Date>()?)?,
                "jti" => once(&mut jti, map.next_value::<Id>()?)?,
                "client_id" => once(&mut client_id, map.next_value()?)?,
                "sid" => once(&mut sid, map.next_value::<Id>()?)?,
                "gen" => once(&mut r#gen, map.next_value()?)?,
                "amr" => once(&mut amr, map.next_value()?)?,
                "auth_time" => once(&mut auth_time, map.next_value::<Date>()?)?,
                "scope" => once(&mut scope, map.next_value()?)?,
                "cnf" => once(&mut cnf, map.next_value()?)?,
                "kind" => once(&mut kind, map.next_value()?)?,
                _ if extra.contains_key(&*name) || extra.len() == MAX_MEMBERS => return Err(repeated()),
                _ => {
                    extra.insert(Cow::into_owned(name), map.next_value_seed(Kept::within_object())?);
                }
            }
        }
        let missing = A::Error::missing_field;
        Ok(AccessClaims {
            iss: iss.ok_or_else(|| missing("iss"))?,
            sub: sub.ok_or_else(|| missing("sub"))?.0,
            aud: aud.ok_or_else(|| missing("aud"))?,
            exp: exp.ok_or_else(|| missing("exp"))?.0,
            iat: iat.ok_or_else(|| missing("iat"))?.0,
            nbf: nbf.map(|date| date.0),
            jti: jti.ok_or_else(|| missing("jti"))?.0,
            client_id: client_id.ok_or_else(|| missing("client_id"))?,
            sid: sid.map(|id| id.0),
            r#gen: r#gen.ok_or_else(|| missing("gen"))?,
            amr: amr.ok_or_else(|| missing("amr"))?,
            auth_time: auth_time.ok_or_else(|| missing("auth_time"))?.0,
            scope,
            cnf,
            kind,
            extra,
        })
    }
}

fn once<T, E: Error>(slot: &mut Option<T>, value: T) -> Result<(), E> {
    if slot.replace(value).is_some() { Err(repeated()) } else { Ok(()) }
}

fn repeated<E: Error>() -> E {
    E::custom("a member stands there twice, or there are too many")
}
