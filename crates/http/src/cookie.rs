//! The two cookies: the session, and "this browser has logged in before".
//!
//! Owns their names, how they are read and how they are written. Reading is strict: a name counts only as exact bytes, since
//! a browser guards the `__Host-` prefix for exactly those bytes and lenient parsers were the way around it. Nothing is
//! unquoted, decoded or joined; a repeated name counts as none, for one of the two was put there by somebody else.

use crate::SettingError;
use http::{HeaderMap, HeaderValue, header};
use std::time::Duration;
use symbolon_token::opaque::{KnownBrowser, SessionCookie};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Browsers cap lifetimes here (RFC 6265bis §5.5); a longer one would mean something else than it says.
const LONGEST_LIFE: Duration = DAY.saturating_mul(400);
/// How long a browser is remembered as known.
pub const KNOWN_LIFE: Duration = DAY.saturating_mul(180);
/// With the longest value we write, name and value stay far below the 4,096 bytes that browsers store.
const LONGEST_NAME: usize = 64;

/// The names of an installation's cookies, and whether they are `Secure`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CookieNames {
    session: String,
    known: String,
    secure: bool,
}

/// What a request's `Cookie` header holds under one name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reading<T> {
    /// No such cookie.
    Absent,
    /// Something of that name that counts as nothing: repeated, malformed, or in the syntax of RFC 2965.
    Unusable,
    /// Exactly one, well formed. Whether it is genuine is another question.
    One(T),
}

impl<T> Reading<T> {
    /// Whether there was anything of that name.
    pub const fn is_present(&self) -> bool {
        !matches!(self, Self::Absent)
    }

    fn and_then<U>(self, parse: impl FnOnce(T) -> Option<U>) -> Reading<U> {
        match self {
            Self::Absent => Reading::Absent,
            Self::Unusable => Reading::Unusable,
            Self::One(value) => parse(value).map_or(Reading::Unusable, Reading::One),
        }
    }
}

impl CookieNames {
    /// The names for `cookie.name` = `name`. `secure` under an `https` issuer: `__Host-` names and `Secure`.
    ///
    /// `name` is 1 to 64 of `A-Z a-z 0-9 - _`, without a prefix of its own (the prefix is ours) and not ending in
    /// `-known` (another instance's second cookie might be called that).
    pub fn new(name: &str, secure: bool) -> Result<Self, SettingError> {
        let wrong = |why: &str| Err(SettingError::new(format!("cookie.name = {name:?}: {why}")));
        if name.is_empty() || name.len() > LONGEST_NAME {
            return wrong("must have 1 to 64 characters");
        }
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
            return wrong("may hold letters, digits, - and _ only");
        }
        if name.starts_with("__") {
            return wrong("must not begin with __; the __Host- prefix is added under https");
        }
        if name.ends_with("-known") {
            return wrong("must not end in -known, which names the second cookie");
        }
        let prefix = if secure { "__Host-" } else { "" };
        Ok(Self { session: format!("{prefix}{name}"), known: format!("{prefix}{name}-known"), secure })
    }

    /// The session cookie's name, such as `__Host-symbolon`.
    pub fn session_name(&self) -> &str {
        &self.session
    }

    /// The known-browser cookie's name, such as `__Host-symbolon-known`.
    pub fn known_name(&self) -> &str {
        &self.known
    }

    /// Whether cookies are written with `Secure` (and `__Host-` names).
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// Reads the session cookie.
    pub fn session(&self, headers: &HeaderMap) -> Reading<SessionCookie> {
        read(headers, &self.session).and_then(SessionCookie::parse_bytes)
    }

    /// Reads the known-browser cookie; `None` when there is none that counts.
    pub fn known(&self, headers: &HeaderMap) -> Option<KnownBrowser> {
        let parse = |value| std::str::from_utf8(value).ok().and_then(KnownBrowser::parse);
        match read(headers, &self.known).and_then(parse) {
            Reading::One(known) => Some(known),
            Reading::Absent | Reading::Unusable => None,
        }
    }

    /// `Set-Cookie` for a session. `max_age`: the rest of its absolute life, cut to 400 days and to whole seconds; `None`
    /// makes a browser-session cookie (`remember: false`).
    pub fn set_session(&self, cookie: &SessionCookie, max_age: Option<Duration>) -> HeaderValue {
        self.write(&self.session, &cookie.reveal(), max_age)
    }

    /// `Set-Cookie` that remembers this browser for 180 days.
    pub fn set_known(&self, known: &KnownBrowser) -> HeaderValue {
        self.write(&self.known, &known.reveal(), Some(KNOWN_LIFE))
    }

    /// `Set-Cookie` that removes the session: same name, path and flags. The known-browser cookie outlives a logout.
    pub fn remove_session(&self) -> HeaderValue {
        self.write(&self.session, "", Some(Duration::ZERO))
    }

    #[expect(
        clippy::expect_used,
        reason = "the name was checked in `new`, the values are base64url: visible ASCII"
    )]
    fn write(&self, name: &str, value: &str, max_age: Option<Duration>) -> HeaderValue {
        let max_age =
            max_age.map_or(String::new(), |life| format!("; Max-Age={}", life.min(LONGEST_LIFE).as_secs()));
        let secure = if self.secure { "; Secure" } else { "" };
        let mut line =
            HeaderValue::try_from(format!("{name}={value}; Path=/{max_age}{secure}; HttpOnly; SameSite=Lax"))
                .expect("visible ASCII");
        line.set_sensitive(true);
        line
    }
}

/// Finds one cookie. HTTP/2 may split the header into several lines (RFC 9113 §8.2.3), so all of them are read.
fn read<'a>(headers: &'a HeaderMap, name: &str) -> Reading<&'a [u8]> {
    let mut found = Reading::Absent;
    let mut ancient = false;
    for line in headers.get_all(header::COOKIE) {
        for pair in line.as_bytes().split(|byte| *byte == b';') {
            let start = pair.iter().position(|byte| !matches!(byte, b' ' | b'\t')).unwrap_or(pair.len());
            let pair = &pair[start..];
            let Some(equals) = pair.iter().position(|byte| *byte == b'=') else { continue };
            let (this, value) = (&pair[..equals], &pair[equals + 1..]);
            // RFC 2965 syntax: in it, what looks like our cookie may be another's attribute. No browser has sent it for a decade.
            ancient |= this.eq_ignore_ascii_case(b"$version");
            if this == name.as_bytes() {
                found = match found {
                    Reading::Absent => Reading::One(value),
                    Reading::One(_) | Reading::Unusable => Reading::Unusable,
                };
            }
        }
    }
    if ancient && found.is_present() { Reading::Unusable } else { found }
}

#[cfg(test)]
mod tests {
    use super::*;
    use symbolon_token::opaque::MacKey;
    use uuid::Uuid;

    fn cookie(seed: u8) -> SessionCookie {
        SessionCookie::mint(Uuid::from_bytes([seed; 16]), [seed; 24], &MacKey::new([7; 32]))
    }

    fn names() -> CookieNames {
        CookieNames::new("symbolon", true).unwrap()
    }

    fn headers(lines: &[&[u8]]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for line in lines {
            map.append(header::COOKIE, HeaderValue::from_bytes(line).unwrap());
        }
        map
    }

    fn id(reading: Reading<SessionCookie>) -> Option<Uuid> {
        match reading {
            Reading::One(cookie) => Some(cookie.id()),
            Reading::Absent | Reading::Unusable => None,
        }
    }

    #[test]
    fn one_cookie_is_found_among_others_and_in_split_lines() {
        let value = cookie(1).reveal();
        for lines in [
            vec![format!("__Host-symbolon={value}")],
            vec![format!("a=1; __Host-symbolon={value}; b=2")],
            vec![format!("a=1;__Host-symbolon={value};b")],
            vec!["a=1".into(), format!("__Host-symbolon={value}"), "b=2".into()],
            vec![format!("a=1;  \t__Host-symbolon={value}")],
            vec![format!("symbolon=x; __Host-symbolon-known=y; __Host-symbolon={value}")],
        ] {
            let lines: Vec<_> = lines.iter().map(String::as_bytes).collect();
            assert_eq!(id(names().session(&headers(&lines))), Some(cookie(1).id()), "{lines:?}");
        }
        assert!(!names().session(&headers(&[b"a=1; b=2"])).is_present());
    }

    #[test]
    fn ck_05_other_names_are_not_the_session() {
        let value = cookie(1).reveal();
        for name in
            ["symbolon", "session", "sid", "__Secure-symbolon", "__Host-symbolon-known", "__Host-symbolon2"]
        {
            let line = format!("{name}={value}");
            assert!(!names().session(&headers(&[line.as_bytes()])).is_present(), "{name}");
        }
        let plain = CookieNames::new("symbolon", false).unwrap();
        assert!(!plain.session(&headers(&[format!("__Host-symbolon={value}").as_bytes()])).is_present());
    }

    #[test]
    fn ck_09_prefix_tricks_are_not_the_session() {
        let value = cookie(1).reveal();
        let join = |parts: &[&[u8]]| [&parts.concat(), value.as_bytes()].concat();
        for line in [
            join(&[b"=__Host-symbolon="]),
            join(&[b"$Version=1; __Host-symbolon="]),
            join(&[b"$version=\"1\", __Host-symbolon="]),
            join(&["\u{2000}__Host-symbolon=".as_bytes()]),
            join(&["\u{a0}__Host-symbolon=".as_bytes()]),
            join(&[b"\xa0__Host-symbolon="]),
            join(&[b"__HOST-symbolon="]),
            join(&[b"__host-symbolon="]),
            join(&[b"%5F_Host-symbolon="]),
            join(&[b"__Host-symbolon ="]),
            join(&[b"__Host-symbolon\t="]),
            join(&[b"__Host-symbolon=="]),
            join(&[b"__Host-symbolon= "]),
            join(&[b"__Host-symbolon=\""]),
            [&join(&[b"__Host-symbolon=\""])[..], b"\""].concat(),
            [&join(&[b"__Host-symbolon=\"\\163"])[..], b"\""].concat(),
            [&join(&[b"__Host-symbolon="])[..], b" "].concat(),
        ] {
            let map = headers(&[&line]);
            assert_eq!(id(names().session(&map)), None, "{}", String::from_utf8_lossy(&line));
        }
    }

    #[test]
    fn ck_10_comma_joined_cookies_and_control_bytes_smuggle_nothing() {
        let value = cookie(1).reveal();
        for line in [
            format!("a=1, __Host-symbolon={value}"),
            format!("a=1,__Host-symbolon={value}"),
            format!("a=\"; __Host-symbolon={value}\t"),
            format!("__Host-symbolon={value}, b=2"),
            format!("__Host-symbolon=\t{value}"),
        ] {
            assert_eq!(id(names().session(&headers(&[line.as_bytes()]))), None, "{line}");
        }
        // Other control bytes do not get past the HTTP parser.
        assert!(HeaderValue::from_bytes(format!("__Host-symbolon={value}\0").as_bytes()).is_err());
    }

    #[test]
    fn two_session_cookies_count_as_none_but_as_present() {
        let (one, two) = (cookie(1).reveal(), cookie(2).reveal());
        for lines in [
            vec![format!("__Host-symbolon={one}; __Host-symbolon={two}")],
            vec![format!("__Host-symbolon={one}; __Host-symbolon={one}")],
            vec![format!("__Host-symbolon={one}"), format!("__Host-symbolon={two}")],
            vec![format!("__Host-symbolon={one}; x=y; __Host-symbolon=")],
            vec![format!("__Host-symbolon=; __Host-symbolon={one}")],
            vec![format!("__Host-symbolon={one}; __Host-symbolon={two}; __Host-symbolon={two}")],
        ] {
            let lines: Vec<_> = lines.iter().map(String::as_bytes).collect();
            let reading = names().session(&headers(&lines));
            assert!(matches!(reading, Reading::Unusable), "{lines:?}");
            assert!(reading.is_present());
        }
    }

    #[test]
    fn ck_13_malformed_values_are_present_but_count_as_none() {
        let value = cookie(1).reveal();
        for bad in [
            b"".to_vec(),
            b"ses_".to_vec(),
            value.as_bytes()[..value.len() - 1].to_vec(),
            format!("{value}A").into_bytes(),
            format!("{value}=").into_bytes(),
            value.replace("ses_", "key_").into_bytes(),
            value.replace("ses_", "SES_").into_bytes(),
            b"ses_\xff\xfe".to_vec(),
        ] {
            let line = [b"__Host-symbolon=", &bad[..]].concat();
            let reading = names().session(&headers(&[&line]));
            assert!(matches!(reading, Reading::Unusable), "{}", String::from_utf8_lossy(&bad));
        }
    }

    #[test]
    fn the_known_browser_is_read_by_the_same_rules() {
        let known = KnownBrowser::mint(Uuid::from_bytes([3; 16]), [4; 8], &MacKey::new([7; 32]));
        let line = format!("__Host-symbolon-known={}", known.reveal());
        assert_eq!(names().known(&headers(&[line.as_bytes()])).map(|known| known.user()), Some(known.user()));
        assert!(names().known(&headers(&[line.as_bytes(), line.as_bytes()])).is_none());
        assert!(names().known(&headers(&[b"__Host-symbolon-known=x"])).is_none());
        assert!(names().known(&headers(&[b"__Host-symbolon-known=\xff"])).is_none());
        assert!(names().known(&HeaderMap::new()).is_none());
    }

    #[test]
    fn cookies_are_written_as_the_contract_says() {
        let value = cookie(1).reveal();
        let text = |line: HeaderValue| {
            assert!(line.is_sensitive() && line.len() < 4096);
            line.to_str().unwrap().to_owned()
        };
        assert_eq!(
            text(names().set_session(&cookie(1), Some(Duration::from_millis(61_999)))),
            format!("__Host-symbolon={value}; Path=/; Max-Age=61; Secure; HttpOnly; SameSite=Lax")
        );
        assert_eq!(
            text(names().set_session(&cookie(1), None)),
            format!("__Host-symbolon={value}; Path=/; Secure; HttpOnly; SameSite=Lax")
        );
        assert_eq!(
            text(names().remove_session()),
            "__Host-symbolon=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax"
        );
        let plain = CookieNames::new("symbolon", false).unwrap();
        assert_eq!(text(plain.remove_session()), "symbolon=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
        let known = KnownBrowser::mint(Uuid::from_bytes([3; 16]), [4; 8], &MacKey::new([7; 32]));
        assert_eq!(
            text(plain.set_known(&known)),
            format!("symbolon-known={}; Path=/; Max-Age=15552000; HttpOnly; SameSite=Lax", known.reveal())
        );
        let capped = text(names().set_session(&cookie(1), Some(Duration::MAX)));
        assert!(capped.contains("Max-Age=34560000;"), "{capped}");
    }

    #[test]
    fn what_is_written_is_read_back() {
        for names in [names(), CookieNames::new("a".repeat(64).as_str(), false).unwrap()] {
            let line = names.set_session(&cookie(9), None);
            let pair = line.to_str().unwrap().split(';').next().unwrap().to_owned();
            assert_eq!(id(names.session(&headers(&[pair.as_bytes()]))), Some(cookie(9).id()));
        }
    }

    #[test]
    fn ck_25_names_that_cannot_work_are_refused_at_start() {
        let long = "a".repeat(65);
        for bad in ["", "a b", "a=b", "a;b", "ä", "__Host-x", "__x", "x-known", "a,b", "\"a\"", long.as_str()]
        {
            assert!(CookieNames::new(bad, true).is_err(), "{bad:?}");
        }
        let other = CookieNames::new("wiki", true).unwrap();
        assert_eq!((other.session_name(), other.known_name()), ("__Host-wiki", "__Host-wiki-known"));
        assert!(other.is_secure());
    }
}
