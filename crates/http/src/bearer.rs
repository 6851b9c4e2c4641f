//! Bearer tokens on their three roads (RFC 6750 §2): the `Authorization` header, a form body, the query.
//!
//! This file finds the token's text and says whether it can be one at all. Which of several credentials counts is decided in
//! `credential.rs`, whether the token is good by the [`crate::Check`].

use crate::{Refusal, form};
use http::{HeaderMap, header, request::Parts};
use std::borrow::Cow;

/// The parameter's name in body and query (RFC 6750 §2.2, §2.3).
pub const PARAMETER: &str = "access_token";

/// Longer texts are refused before anything looks at them; the verifier's own limit is the same.
pub const LONGEST_TOKEN: usize = 8 * 1024;

/// What the `Authorization` header says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Authorization<'a> {
    /// No header, or a scheme that is nobody's business here.
    Other,
    /// `Basic` and what follows it.
    Basic(&'a [u8]),
    /// `Bearer` and what follows it: not empty, otherwise unchecked.
    Bearer(&'a [u8]),
    /// `DPoP` and what follows it: not empty, otherwise unchecked. The proof stands in a header of its own.
    Dpop(&'a [u8]),
    /// A `Bearer` or `DPoP` that is not followed by a space and a token: a credential that cannot be good.
    Unusable,
}

/// Reads the header. Two lines are refused, equal or not: "first wins" is how two servers come to disagree.
pub(crate) fn authorization(headers: &HeaderMap) -> Result<Authorization<'_>, Refusal> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let Some(line) = lines.next() else { return Ok(Authorization::Other) };
    if lines.next().is_some() {
        return Err(Refusal::InvalidRequest("Send one Authorization header, not several."));
    }
    let line = line.as_bytes().trim_ascii();
    let end = line.iter().position(|byte| !is_tchar(*byte)).unwrap_or(line.len());
    let (scheme, rest) = line.split_at(end);
    let credentials = rest.trim_ascii_start();
    if scheme.eq_ignore_ascii_case(b"basic") {
        return Ok(Authorization::Basic(credentials));
    }
    if scheme.eq_ignore_ascii_case(b"dpop") {
        return Ok(match rest.first() {
            Some(b' ') => Authorization::Dpop(credentials),
            _ => Authorization::Unusable,
        });
    }
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Ok(Authorization::Other);
    }
    match rest.first() {
        None => Err(Refusal::InvalidRequest(
            "The Authorization header names the Bearer scheme but holds no token.",
        )),
        Some(b' ') => Ok(Authorization::Bearer(credentials)),
        Some(_) => Ok(Authorization::Unusable),
    }
}

/// The token in the query (`bearer.query` only). An empty parameter counts as absent, a repeated one is refused.
pub(crate) fn query_token(query: Option<&str>) -> Result<Option<Vec<u8>>, Refusal> {
    single(form::values(query.unwrap_or_default().as_bytes(), PARAMETER))
}

/// Whether the query has the parameter at all: then the answer must not be shared or kept.
pub(crate) fn is_in_query(query: Option<&str>) -> bool {
    query.is_some_and(|query| form::values(query.as_bytes(), PARAMETER).next().is_some())
}

/// The unchecked token in a form body; `None` when the request is not a form or its method has no body.
pub(crate) fn raw_form_token(parts: &Parts, body: &[u8]) -> Result<Option<Vec<u8>>, Refusal> {
    if form::has_body(&parts.method) && form::is_form(&parts.headers) {
        single(form::values(body, PARAMETER))
    } else {
        Ok(None)
    }
}

/// The token that a form body carries (RFC 6750 §2.2): `POST`, `PUT` or `PATCH` with `Content-Type:
/// application/x-www-form-urlencoded` and one `access_token`.
///
/// `None` for every other request, and for an empty parameter. A repeated parameter is [`Refusal::InvalidRequest`], a text
/// that cannot be a token [`Refusal::InvalidToken`]. Whether *another* token is presented besides is not looked at here:
/// [`crate::Presented::with_form`] does, and [`crate::BearerForm`] for a handler. Ask only where
/// [`crate::Settings::bearer_body`] is on.
pub fn form_token(parts: &Parts, body: &[u8]) -> Result<Option<String>, Refusal> {
    raw_form_token(parts, body)?.map(|raw| accept(&raw)).transpose()
}

fn single(mut values: impl Iterator<Item = Vec<u8>>) -> Result<Option<Vec<u8>>, Refusal> {
    let first = values.next();
    if values.next().is_some() {
        return Err(Refusal::InvalidRequest("The parameter access_token is repeated."));
    }
    Ok(first.filter(|token| !token.is_empty()))
}

/// Takes a text for a bearer token if it has the form of RFC 6750 §2.1 (`b64token`), is not too long, and is not one of our
/// other secrets (a session cookie, refresh token or client secret opens nothing as a bearer token and is not looked up).
pub(crate) fn accept(raw: &[u8]) -> Result<String, Refusal> {
    let body = raw.len() - raw.iter().rev().take_while(|byte| **byte == b'=').count();
    let is_token = body > 0
        && raw.len() <= LONGEST_TOKEN
        && is_b64(&raw[..body])
        && ![&b"ses_"[..], b"ref_", b"key_"].iter().any(|prefix| raw.starts_with(prefix));
    if !is_token {
        return Err(Refusal::InvalidToken);
    }
    String::from_utf8(raw.to_vec()).map_err(|_| Refusal::InvalidToken)
}

/// Whether a text is of the characters of `b64token`. It asks them all, and none by a branch of its own: so many are asked at once.
fn is_b64(text: &[u8]) -> bool {
    text.iter().fold(true, |all, byte| {
        let is = byte.is_ascii_digit()
            | (byte | 0x20).is_ascii_lowercase()
            | (*byte == b'-')
            | (*byte == b'.')
            | (*byte == b'_')
            | (*byte == b'~')
            | (*byte == b'+')
            | (*byte == b'/');
        all & is
    })
}

/// A query as it may be logged: the value of every `access_token` is replaced.
pub fn redact_query(query: &str) -> Cow<'_, str> {
    if !is_in_query(Some(query)) {
        return Cow::Borrowed(query);
    }
    let shown = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if form::decode(name.as_bytes()) == PARAMETER.as_bytes() => "access_token=REDACTED",
        _ => pair,
    });
    Cow::Owned(shown.collect::<Vec<_>>().join("&"))
}

/// RFC 9110 §5.6.2, what a scheme's name consists of.
fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderValue, Request};

    fn headers(lines: &[&[u8]]) -> HeaderMap {
        lines
            .iter()
            .map(|line| (header::AUTHORIZATION, HeaderValue::from_bytes(line).unwrap()))
            .collect::<Vec<_>>()
            .into_iter()
            .fold(HeaderMap::new(), |mut map, (name, value)| {
                map.append(name, value);
                map
            })
    }

    /// The token text a header yields, if any.
    fn token(lines: &[&[u8]]) -> Result<Option<String>, Refusal> {
        match authorization(&headers(lines))? {
            Authorization::Bearer(raw) | Authorization::Dpop(raw) => accept(raw).map(Some),
            Authorization::Unusable => Err(Refusal::InvalidToken),
            Authorization::Basic(_) | Authorization::Other => Ok(None),
        }
    }

    /// RFC 6750 §2.1: of the 256 bytes, each in the middle of a text that is long enough to be looked at by many at once.
    #[test]
    fn a_token_is_of_the_characters_of_b64token() {
        for byte in 0..=u8::MAX {
            let text = [&[b'a'; 40][..], &[byte], &[b'Z'; 40]].concat();
            let allowed = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
            assert_eq!(accept(&text).is_ok(), allowed, "{byte}");
        }
    }

    #[test]
    fn the_scheme_is_read_without_case_and_after_any_number_of_spaces() {
        for line in [&b"Bearer a.b.c"[..], b"bearer a.b.c", b"BEARER   a.b.c", b"  bEaReR a.b.c  "] {
            assert_eq!(token(&[line]), Ok(Some("a.b.c".into())));
        }
        assert_eq!(token(&[b"Bearer aA0-._~+/=="]), Ok(Some("aA0-._~+/==".into())));
    }

    #[test]
    fn bt_06_two_authorization_lines_are_refused() {
        for lines in [
            [&b"Bearer a"[..], b"Bearer a"],
            [b"Bearer a", b"Bearer b"],
            [b"Basic a", b"Bearer a"],
            [b"", b""],
        ] {
            assert!(matches!(token(&lines), Err(Refusal::InvalidRequest(_))));
        }
    }

    #[test]
    fn bt_07_two_tokens_in_one_line_are_no_token() {
        for line in [
            &b"Bearer A, Bearer B"[..],
            b"Bearer A,B",
            b"Bearer A B",
            b"Bearer A;B",
            b"Bearer,A",
            b"Bearer =A",
        ] {
            assert_eq!(token(&[line]), Err(Refusal::InvalidToken), "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn js_02_a_bearer_without_a_token_is_a_malformed_request() {
        for line in [&b"Bearer"[..], b"Bearer ", b"bearer    "] {
            assert!(matches!(token(&[line]), Err(Refusal::InvalidRequest(_))));
        }
    }

    #[test]
    fn js_25_js_26_percent_escapes_and_look_alikes_are_no_token() {
        for text in ["a%2eb%2ec", "%41.b.c", "a\u{ff0e}b\u{ff0e}c", "\u{0430}.b.c", "a.b.\u{e9}"] {
            assert_eq!(token(&[format!("Bearer {text}").as_bytes()]), Err(Refusal::InvalidToken), "{text}");
        }
        assert_eq!(token(&[b"Bearer a.\xff.c"]), Err(Refusal::InvalidToken));
        assert_eq!(token(&[b"Bearer\ta.b.c"]), Err(Refusal::InvalidToken));
    }

    #[test]
    fn js_29_our_other_secrets_are_not_bearer_tokens() {
        for text in ["ses_AAAA", "ref_AAAA", "key_AAAA"] {
            assert_eq!(token(&[format!("Bearer {text}").as_bytes()]), Err(Refusal::InvalidToken), "{text}");
        }
    }

    #[test]
    fn jd_02_overlong_texts_are_refused_before_they_are_looked_at() {
        let longest = format!("Bearer {}", "a".repeat(LONGEST_TOKEN));
        assert!(token(&[longest.as_bytes()]).is_ok());
        assert_eq!(token(&[format!("{longest}a").as_bytes()]), Err(Refusal::InvalidToken));
    }

    #[test]
    fn bt_09_other_schemes_are_ignored_but_dpop_is_a_token() {
        for line in
            [&b"Basic dXNlcjpwYXNz"[..], b"Digest x", b"Negotiate x", b"BearerX a", b"Token a", b"", b"a.b.c"]
        {
            assert_eq!(token(&[line]), Ok(None), "{}", String::from_utf8_lossy(line));
        }
        assert_eq!(token(&[b"dPoP a.b.c"]), Ok(Some("a.b.c".into())));
        for bad in [&b"DPoP"[..], b"DPoP ", b"DPoP,a.b.c", b"DPoP a b"] {
            assert_eq!(token(&[bad]), Err(Refusal::InvalidToken), "{}", String::from_utf8_lossy(bad));
        }
    }

    fn parts(method: &str, kind: Option<&str>) -> Parts {
        let mut request = Request::builder().method(method).uri("/");
        if let Some(kind) = kind {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn bt_05_only_forms_in_methods_with_a_body_carry_a_token() {
        let body = b"x=1&access_token=a.b.c";
        for method in ["POST", "PUT", "PATCH"] {
            assert_eq!(form_token(&parts(method, Some(form::MEDIA_TYPE)), body), Ok(Some("a.b.c".into())));
        }
        for method in ["GET", "HEAD", "DELETE", "OPTIONS", "BREW"] {
            assert_eq!(form_token(&parts(method, Some(form::MEDIA_TYPE)), body), Ok(None), "{method}");
        }
        for kind in
            [None, Some("application/json"), Some("multipart/form-data; boundary=x"), Some("text/plain")]
        {
            assert_eq!(form_token(&parts("POST", kind), body), Ok(None), "{kind:?}");
        }
    }

    #[test]
    fn bt_03_a_repeated_parameter_is_refused_and_an_empty_one_is_absent() {
        let form = |body: &str| form_token(&parts("POST", Some(form::MEDIA_TYPE)), body.as_bytes());
        for body in [
            "access_token=a&access_token=a",
            "access_token=&access_token=b",
            "access%5Ftoken=a&access_token=b",
        ] {
            assert!(matches!(form(body), Err(Refusal::InvalidRequest(_))), "{body}");
            assert!(matches!(query_token(Some(body)), Err(Refusal::InvalidRequest(_))), "{body}");
        }
        for body in ["", "access_token=", "access_token", "Access_Token=a", "a=access_token"] {
            assert_eq!(form(body), Ok(None), "{body}");
            assert_eq!(query_token(Some(body)), Ok(None), "{body}");
        }
        assert_eq!(form("access_token=a%2Eb"), Ok(Some("a.b".into())), "the form encoding is undone");
        for body in ["access_token=a+b", "access_token=%FF", "access_token=key_AAAA", "access_token=a%0d%0ab"]
        {
            assert_eq!(form(body), Err(Refusal::InvalidToken), "{body}");
        }
        assert_eq!(query_token(None), Ok(None));
    }

    #[test]
    fn lg_a_query_is_logged_without_its_token() {
        assert_eq!(redact_query("a=1&b=%zz"), "a=1&b=%zz");
        assert_eq!(redact_query("a=1&access_token=secret&b"), "a=1&access_token=REDACTED&b");
        assert_eq!(
            redact_query("access%5ftoken=secret&access_token=s=t"),
            "access_token=REDACTED&access_token=REDACTED"
        );
    }
}
