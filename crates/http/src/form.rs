//! `application/x-www-form-urlencoded`, read strictly (bodies) and leniently (looking for one parameter among others').

use crate::Refusal;
use http::{HeaderMap, Method, header};
use percent_encoding::percent_decode;

/// The media type of HTML forms.
pub const MEDIA_TYPE: &str = "application/x-www-form-urlencoded";

/// Whether the request's one `Content-Type` is that of a form; parameters such as `charset` are allowed.
///
/// Two `Content-Type` lines are not a form: what one reader would take from the first another takes from the second.
pub fn is_form(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(only), None) = (types.next(), types.next()) else { return false };
    let end = only.as_bytes().iter().position(|byte| *byte == b';').unwrap_or(only.len());
    only.as_bytes()[..end].trim_ascii().eq_ignore_ascii_case(MEDIA_TYPE.as_bytes())
}

/// Whether a request body means something in this method, so that a form may stand in it (RFC 6750 §2.2).
pub fn has_body(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

/// The parameters of a form or query, decoded, in their order, repeated and empty ones included.
///
/// Stricter than browsers need: a broken percent escape or text that is not UTF-8 is refused.
pub fn pairs(encoded: &[u8]) -> Result<Vec<(String, String)>, Refusal> {
    let strict = |part: &[u8]| {
        let escapes = part.iter().enumerate().filter(|(_, byte)| **byte == b'%');
        for (at, _) in escapes {
            let digits = part.get(at + 1..at + 3)?;
            if !digits.iter().all(u8::is_ascii_hexdigit) {
                return None;
            }
        }
        String::from_utf8(decode(part)).ok()
    };
    split(encoded).map(|(name, value)| Some((strict(name)?, strict(value)?))).collect::<Option<_>>().ok_or(
        Refusal::InvalidRequest(
            "The parameters are not well-formed: check the percent-encoding and use UTF-8.",
        ),
    )
}

/// Every value of one parameter, decoded as far as it can be; what else stands there is nobody's business.
pub(crate) fn values<'a>(encoded: &'a [u8], wanted: &'a str) -> impl Iterator<Item = Vec<u8>> + 'a {
    split(encoded).filter(move |(name, _)| decode(name) == wanted.as_bytes()).map(|(_, value)| decode(value))
}

fn split(encoded: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    encoded.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        let equals = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        (&pair[..equals], pair.get(equals + 1..).unwrap_or_default())
    })
}

/// Form decoding of one name or value: `+` is a space, `%XX` a byte, anything else stays.
pub(crate) fn decode(part: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = part.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    percent_decode(&spaced).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn typed(types: &[&str]) -> HeaderMap {
        types
            .iter()
            .map(|text| (header::CONTENT_TYPE, HeaderValue::from_bytes(text.as_bytes()).unwrap()))
            .collect()
    }

    #[test]
    fn a_form_is_known_by_its_media_type() {
        for good in [
            MEDIA_TYPE,
            "Application/X-Www-Form-Urlencoded",
            "application/x-www-form-urlencoded ; charset=UTF-8",
        ] {
            assert!(is_form(&typed(&[good])), "{good}");
        }
        for bad in [
            "application/json",
            "text/plain; x=application/x-www-form-urlencoded",
            "",
            "application/x-www-form-urlencodedx",
        ] {
            assert!(!is_form(&typed(&[bad])), "{bad}");
        }
        assert!(!is_form(&HeaderMap::new()));
        let mut two = typed(&[MEDIA_TYPE]);
        two.append(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        assert!(!is_form(&two));
    }

    #[test]
    fn pairs_keep_order_repetition_and_emptiness() {
        let owned = |list: &[(&str, &str)]| {
            list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>()
        };
        for (text, expected) in [
            ("", vec![]),
            ("&&", vec![]),
            ("a=1&b=2&a=", vec![("a", "1"), ("b", "2"), ("a", "")]),
            ("a+b=c%20d&%61=%C3%A9", vec![("a b", "c d"), ("a", "é")]),
            ("a", vec![("a", "")]),
            ("=x", vec![("", "x")]),
            ("a=b=c", vec![("a", "b=c")]),
            ("a=%2B", vec![("a", "+")]),
        ] {
            assert_eq!(pairs(text.as_bytes()).unwrap(), owned(&expected), "{text}");
        }
    }

    #[test]
    fn broken_escapes_and_encodings_are_refused() {
        for bad in ["a=%", "a=%2", "a=%zz", "%G0=1", "a=%ff", "a=%C3"] {
            assert!(matches!(pairs(bad.as_bytes()), Err(Refusal::InvalidRequest(_))), "{bad}");
        }
        assert!(pairs(b"a=\xff").is_err());
    }

    #[test]
    fn one_parameter_is_found_whatever_surrounds_it() {
        let found = |text: &str| values(text.as_bytes(), "t").collect::<Vec<_>>();
        assert_eq!(found("%&x=%zz&t=a&%74=b"), [b"a".to_vec(), b"b".to_vec()]);
        assert!(found("T=a&xt=b&t%00=c").is_empty());
        assert_eq!(found("t"), [b"".to_vec()]);
    }
}
