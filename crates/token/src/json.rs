//! JSON as a security protocol may read it (RFC 7519 §4, RFC 8725 §3.7): UTF-8 without a byte order mark, an
//! object at the top, no member twice at any depth, also not when one name is spelled with escapes, and
//! neither deep nor wide.
//!
//! `serde_json` refuses repeats of the *known* members of a struct only; with a map or `flatten` the last one
//! would win.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

const MAX_DEPTH: usize = 32;
/// Of one object. Names are compared pairwise, so this also bounds the work.
pub(crate) const MAX_MEMBERS: usize = 256;

/// Reads an object strictly. `None`: it is not one, or not a `T`.
pub fn object<T: DeserializeOwned>(json: &[u8]) -> Option<T> {
    check_object(json).ok()?;
    serde_json::from_slice(json).ok()
}

/// The checks of this module without a value.
///
/// # Errors
/// The name of a repeated member at the top level, when that is what is wrong.
pub(crate) fn check_object(json: &[u8]) -> Result<(), Option<String>> {
    let mut repeated = None;
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let outcome = deserializer
        .deserialize_map(Object { depth: MAX_DEPTH, repeated: Some(&mut repeated) })
        .and_then(|()| deserializer.end());
    outcome.map_err(|_| repeated)
}

/// Whether JSON that `serde_json` wrote is an object without repeats, told by a glance: `false` says that it takes
/// [`check_object`] to know, because there are escapes or objects within.
pub(crate) fn is_plain_object(json: &[u8]) -> bool {
    const ENOUGH: usize = 24;
    let glance = || {
        let mut names: [&[u8]; ENOUGH] = [&[]; ENOUGH];
        // A bit for each name so far, of which most have one to themselves: only those of one bit need be compared.
        let mut taken: u64 = 0;
        let mut rest = json.strip_prefix(b"{")?;
        for count in 0..ENOUGH {
            let (name, after) = plain_string(rest)?;
            let bit = 1 << (sum(name) % 64);
            if taken & bit != 0 && names[..count].contains(&name) {
                return None;
            }
            taken |= bit;
            names[count] = name;
            rest = plain_value(after.strip_prefix(b":")?)?;
            match rest.split_first()? {
                (b',', after) => rest = after,
                (b'}', []) => return Some(()),
                _ => return None,
            }
        }
        None
    };
    glance().is_some()
}

/// A number that equal names share, and that few others do.
fn sum(name: &[u8]) -> usize {
    let (first, last) = (name.first().copied().unwrap_or(0), name.last().copied().unwrap_or(0));
    usize::from(first) + 5 * usize::from(last) + 11 * name.len()
}

/// A string without escapes, and what follows it.
fn plain_string(json: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = json.strip_prefix(b"\"")?;
    let end = memchr::memchr2(b'"', b'\\', text)?;
    (text[end] == b'"').then_some((&text[..end], &text[end + 1..]))
}

/// What follows a value: a plain string, a number or word, or an array of these.
fn plain_value(json: &[u8]) -> Option<&[u8]> {
    let mut rest = match json.first()? {
        b'"' => return plain_string(json).map(|(_, rest)| rest),
        b'{' => return None,
        b'[' => &json[1..],
        _ => return json.iter().position(|byte| matches!(byte, b',' | b'}' | b']')).map(|end| &json[end..]),
    };
    loop {
        rest = match rest.first()? {
            b']' => return Some(&rest[1..]),
            b',' => &rest[1..],
            b'[' => return None,
            _ => plain_value(rest)?,
        };
    }
}

/// Any JSON value without repeated members in it, checked and thrown away.
pub(crate) struct Checked;

impl<'de> Deserialize<'de> for Checked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value { depth: MAX_DEPTH }.deserialize(deserializer).map(|()| Self)
    }
}

/// A name that is borrowed from the input unless it holds escapes.
#[derive(Deserialize)]
pub(crate) struct Name<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

struct Object<'r> {
    depth: usize,
    repeated: Option<&'r mut Option<String>>,
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut names: Vec<Cow<'de, str>> = Vec::with_capacity(16);
        while let Some(Name(name)) = map.next_key()? {
            if names.contains(&name) {
                if let Some(repeated) = self.repeated {
                    *repeated = Some(name.into_owned());
                }
                return Err(A::Error::custom("a member stands there twice"));
            }
            if names.len() == MAX_MEMBERS {
                return Err(A::Error::custom("too many members"));
            }
            names.push(name);
            map.next_value_seed(Value { depth: self.depth - 1 })?;
        }
        Ok(())
    }
}

/// The depth is how many levels may still be opened.
struct Value {
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Value {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value that is not too deep")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        if self.depth == 0 {
            return Err(A::Error::custom("too deep"));
        }
        Object { depth: self.depth, repeated: None }.visit_map(map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        if self.depth == 0 {
            return Err(A::Error::custom("too deep"));
        }
        while seq.next_element_seed(Value { depth: self.depth - 1 })?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// Any JSON value without repeated members in it, kept.
pub(crate) struct Kept {
    depth: usize,
}

impl Kept {
    /// For a member of the object at the top.
    pub(crate) const fn within_object() -> Self {
        Self { depth: MAX_DEPTH - 1 }
    }
}

impl<'de> DeserializeSeed<'de> for Kept {
    type Value = serde_json::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Kept {
    type Value = serde_json::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value that is not too deep")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| A::Error::custom("too deep"))?;
        let mut members = serde_json::Map::new();
        while let Some(Name(name)) = map.next_key()? {
            if members.len() == MAX_MEMBERS || members.contains_key(&*name) {
                return Err(A::Error::custom("a member stands there twice, or there are too many"));
            }
            members.insert(name.into_owned(), map.next_value_seed(Self { depth })?);
        }
        Ok(members.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| A::Error::custom("too deep"))?;
        let mut all = Vec::new();
        while let Some(one) = seq.next_element_seed(Self { depth })? {
            all.push(one);
        }
        Ok(all.into())
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(serde_json::Value::Null)
    }
}

/// `deserialize_with` for an optional member that, when it stands there, must be a `T`: JSON `null` is not
/// absence.
///
/// # Errors
/// Those of `T`.
pub(crate) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(json: impl AsRef<[u8]>) -> bool {
        check_object(json.as_ref()).is_ok()
    }

    #[test]
    fn js_13_a_repeated_member_is_refused_at_every_depth() {
        assert!(accepts(r#"{"a":1,"b":{"a":2},"c":[{"a":1},{"a":1}]}"#));
        for repeated in [r#"{"a":1,"a":1}"#, r#"{"x":{"a":1,"a":2}}"#, r#"{"x":[[{"a":1,"b":0,"a":2}]]}"#] {
            assert!(!accepts(repeated), "{repeated}");
        }
        assert_eq!(check_object(br#"{"exp":1,"exp":2}"#), Err(Some("exp".to_owned())));
    }

    #[test]
    fn js_14_a_repeat_hidden_by_escapes_is_refused() {
        for hidden in
            [r#"{"sub":"a","\u0073ub":"b"}"#, r#"{"\u0073ub":"a","\u0073ub":"b"}"#, r#"{"\/":1,"/":2}"#]
        {
            assert!(!accepts(hidden), "{hidden}");
        }
    }

    #[test]
    fn a_glance_is_never_wrong() {
        for plain in
            [r#"{"a":1}"#, r#"{"a":"x","b":[1,"]",null],"c":true,"d":[]}"#, r#"{"a":-1.5e9,"b":"}"}"#]
        {
            assert!(is_plain_object(plain.as_bytes()), "{plain}");
        }
        let many = (0..40).map(|n| format!("\"{n}\":1")).collect::<Vec<_>>().join(",");
        for look in [
            "{}",
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"b":["x"],"a":1}"#,
            r#"{"a":1,"\u0061":1}"#,
            r#"{"a":"\"","b":1}"#,
            r#"{"a":{"b":1,"b":1}}"#,
            r#"{"a":[{"b":1,"b":1}]}"#,
            r#"{"a":[[{"b":1,"b":1}]]}"#,
            r#"{"a":1}}"#,
            "[1]",
            "1",
            "",
            &format!("{{{many}}}"),
        ] {
            assert!(!is_plain_object(look.as_bytes()), "{look}");
        }
    }

    #[test]
    fn js_15_other_encodings_are_refused() {
        assert!(!accepts(b"\xef\xbb\xbf{}"));
        for units in ["{}", r#"{"alg":"none"}"#] {
            let utf16: Vec<u8> = units.encode_utf16().flat_map(u16::to_le_bytes).collect();
            let utf32: Vec<u8> = units.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
            assert!(!accepts(utf16) && !accepts(utf32));
        }
        assert!(!accepts(b"{\"a\":\"\xff\"}"));
    }

    #[test]
    fn js_22_only_an_object_will_do() {
        for other in [
            "",
            "[]",
            "null",
            "42",
            "\"x\"",
            "{",
            "{}x",
            "{} {}",
            "{\"a\":1,}",
            "{a:1}",
            "{'a':1}",
            "{\"a\":NaN}",
        ] {
            assert!(!accepts(other), "{other:?}");
        }
        assert!(accepts(" {\n\t} "));
    }

    #[test]
    fn deep_and_wide_json_is_refused() {
        let nested = |depth: usize| format!("{}{}{}", r#"{"a":"#.repeat(depth), "{}", "}".repeat(depth));
        assert!(accepts(nested(MAX_DEPTH - 1)) && !accepts(nested(MAX_DEPTH)) && !accepts(nested(5000)));
        assert!(!accepts(format!(r#"{{"a":{}1"#, "[".repeat(100_000))));
        let wide = |members: usize| {
            let members: Vec<_> = (0..members).map(|n| format!("\"{n}\":1")).collect();
            format!("{{{}}}", members.join(","))
        };
        assert!(accepts(wide(MAX_MEMBERS)) && !accepts(wide(MAX_MEMBERS + 1)));
    }
}
