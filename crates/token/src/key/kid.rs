//! The name of a key.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{KeyError, KeyErrorKind, base64url};

/// The first 16 characters of a key's RFC 7638 thumbprint: 96 bits that follow from the key itself, so that
/// no two keys can be given one name. For HS* of a labelled hash instead, as the thumbprint of a secret is
/// for nobody's eyes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kid([u8; 16]);

impl Kid {
    /// From the whole 32 bytes of the thumbprint.
    pub(crate) fn of(thumbprint: &[u8; 32]) -> Self {
        let mut kid = [0; 16];
        // 12 bytes are exactly 16 characters.
        kid.copy_from_slice(base64url::encode(&thumbprint[..12]).as_bytes());
        Self(kid)
    }

    /// Its 16 characters, as bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Its 16 characters.
    pub fn as_str(&self) -> &str {
        // Both constructors take base64url only; an empty name would match nothing.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Kid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Kid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kid({self})")
    }
}

impl FromStr for Kid {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let kid: [u8; 16] = text.as_bytes().try_into().map_err(|_| KeyErrorKind::Malformed)?;
        base64url::decode_array::<12>(&kid).ok_or(KeyErrorKind::Malformed)?;
        Ok(Self(kid))
    }
}

impl Serialize for Kid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Kid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kid_is_read_as_it_is_written() {
        let kid = Kid::of(&[0xfb; 32]);
        assert_eq!(kid.to_string().len(), 16);
        assert_eq!(kid.to_string().parse::<Kid>().unwrap(), kid);
        for other in
            ["", "short", "0123456789abcdef0", "0123456789abcde=", "0123456789abcde+", "0123456789abcd\u{e9}"]
        {
            assert!(other.parse::<Kid>().is_err(), "{other:?}");
        }
    }
}
