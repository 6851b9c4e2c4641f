//! Who may write by cookie.
//!
//! # Threat model
//!
//! Browsers attach the session cookie to requests that another site caused. `SameSite=Lax` stops most of them, but not a
//! sibling subdomain, an old browser, or Chromium's two minutes of leniency after a login. So every unsafe method that
//! reads or sets a session cookie must have come from our own pages, or from an origin the operator lists.
//!
//! The rule is Go's `http.CrossOriginProtection` (1.25): `Sec-Fetch-Site` where the browser sends it (all since 2023, on
//! secure origins), else `Origin`. Both are forbidden header names, so no script can forge them. Three differences:
//!
//! - An `Origin` is compared with the *issuer's*, not with `Host`: a proxy may rewrite `Host`, and scheme and port count.
//! - Go passes a request with neither header, taking it for a non-browser. Here that holds only if it could not be one: with a
//!   session cookie and a body that a plain HTML form can send, an old browser is the likelier author. What remains open
//!   cannot be sent across sites without a preflight, which we do not answer for such origins.
//! - A repeated header is refused: two values mean that somebody between us adds what they do not understand.

use crate::{Origin, SettingError};
use http::{HeaderMap, HeaderName, Method, header};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The rule, with the origins it trusts.
#[derive(Clone, Debug)]
pub struct Csrf {
    issuer_origin: Origin,
    trusted: Vec<Origin>,
}

/// A request that may have been caused by another site.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rejected(&'static str);

impl Rejected {
    /// Why, for a log: fixed text without anything the client sent.
    pub const fn reason(self) -> &'static str {
        self.0
    }
}

impl Csrf {
    /// `issuer` is the issuer's address, path allowed; `trusted` are exact origins (`csrf.trusted_origins`).
    ///
    /// A malformed one is an error.
    pub fn new(issuer: &str, trusted: &[String]) -> Result<Self, SettingError> {
        let trusted = trusted.iter().map(|origin| Origin::parse(origin)).collect::<Result<_, _>>()?;
        Ok(Self { issuer_origin: Origin::of_issuer(issuer)?, trusted })
    }

    /// The issuer's own origin.
    pub fn issuer_origin(&self) -> &Origin {
        &self.issuer_origin
    }

    /// Decides for a request that reads or sets a session cookie.
    ///
    /// `session_cookie_present`: the request has a cookie of the session's name, however many and whatever is in it.
    /// Requests that carry a bearer token do not read the cookie and are not asked about here, but for those that set one.
    pub fn check(
        &self,
        method: &Method,
        headers: &HeaderMap,
        session_cookie_present: bool,
    ) -> Result<(), Rejected> {
        // Safe methods change nothing (RFC 9110 §9.2.1); links from elsewhere must work.
        if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
            return Ok(());
        }
        let site = single(headers, &SEC_FETCH_SITE).map_err(|()| Rejected("Sec-Fetch-Site is repeated"))?;
        let origin = single(headers, &header::ORIGIN).map_err(|()| Rejected("Origin is repeated"))?;
        if matches!(site, Some(b"same-origin" | b"none")) {
            return Ok(());
        }
        match (site, origin) {
            (_, Some(origin)) if self.trusts(origin) => Ok(()),
            (Some(_), _) => Err(Rejected("Sec-Fetch-Site is neither same-origin nor none")),
            (None, Some(_)) => Err(Rejected("Origin is neither the issuer's nor trusted")),
            (None, None) if session_cookie_present && could_be_a_form(method, headers) => {
                Err(Rejected("neither Sec-Fetch-Site nor Origin, and a body that any site's form can send"))
            }
            (None, None) => Ok(()),
        }
    }

    fn trusts(&self, origin: &[u8]) -> bool {
        self.issuer_origin.matches(origin) || self.trusted.iter().any(|trusted| trusted.matches(origin))
    }
}

/// The one value of a header, `None` when it is absent, an error when it is repeated.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a [u8]>, ()> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() { Err(()) } else { Ok(first.map(http::HeaderValue::as_bytes)) }
}

/// Whether an HTML form, or a script without a preflight, can send this across sites: a media type of the CORS safelist
/// (Fetch standard, "CORS-safelisted request-header"), or a POST without any, which is what a `Blob` without a type sends.
fn could_be_a_form(method: &Method, headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter().peekable();
    if types.peek().is_none() {
        return *method == Method::POST;
    }
    types.any(|value| {
        // Only the media type itself, cut where any parser might end it: to call too much a form is the safe error.
        let essence = value.as_bytes().trim_ascii();
        let end = essence.iter().position(|byte| matches!(byte, b';' | b',' | b' ' | b'\t'));
        let essence = essence[..end.unwrap_or(essence.len())].to_ascii_lowercase();
        match essence.as_slice() {
            b"application/x-www-form-urlencoded" | b"text/plain" => true,
            // Not a media type at all counts as none.
            other if !other.is_ascii() || !other.contains(&b'/') => *method == Method::POST,
            other => other.starts_with(b"multipart/"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &str = "application/x-www-form-urlencoded";

    fn rule() -> Csrf {
        Csrf::new("https://example.com/auth", &["https://trusted.example".into()]).unwrap()
    }

    fn headers(fields: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(
                name.parse::<HeaderName>().unwrap(),
                http::HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            );
        }
        map
    }

    fn passes(method: &str, fields: &[(&str, &str)], cookie: bool) -> bool {
        rule().check(&method.parse().unwrap(), &headers(fields), cookie).is_ok()
    }

    /// The facts of Go 1.25's `csrf_test.go`: method, Sec-Fetch-Site, Origin, whether it passes. What it says of path bypasses is
    /// left out, for we have none; what it says twice stands once.
    const GO: [(&str, &str, &str, bool); 16] = [
        ("POST", "same-origin", "", true),
        ("POST", "none", "", true),
        ("POST", "cross-site", "", false),
        ("POST", "same-site", "", false),
        ("POST", "", "", true),
        ("POST", "", "https://example.com", true),
        ("POST", "", "https://attacker.example", false),
        ("POST", "", "null", false),
        ("GET", "cross-site", "", true),
        ("HEAD", "cross-site", "", true),
        ("OPTIONS", "cross-site", "", true),
        ("PUT", "cross-site", "", false),
        ("POST", "", "https://trusted.example", true),
        ("POST", "cross-site", "https://trusted.example", true),
        ("POST", "same-site", "https://attacker.example", false),
        ("POST", "cross-site", "https://attacker.example", false),
    ];

    #[test]
    fn cs_01_the_table_of_go_holds_without_a_cookie_and_with_one_and_json() {
        for (method, site, origin, good) in GO {
            let mut fields = vec![("content-type", "application/json")];
            if !site.is_empty() {
                fields.push(("sec-fetch-site", site));
            }
            if !origin.is_empty() {
                fields.push(("origin", origin));
            }
            for cookie in [false, true] {
                assert_eq!(passes(method, &fields, cookie), good, "{method} {site} {origin} cookie={cookie}");
            }
        }
    }

    #[test]
    fn cs_01_cross_site_forms_are_refused_with_and_without_a_cookie() {
        let fields = [
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://attacker.example"),
            ("content-type", FORM),
        ];
        for method in ["POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "post"] {
            assert!(!passes(method, &fields, true), "{method}");
            assert!(!passes(method, &fields, false), "{method}");
        }
    }

    #[test]
    fn cs_02_a_sibling_subdomain_is_refused_unless_listed() {
        assert!(!passes(
            "POST",
            &[("sec-fetch-site", "same-site"), ("origin", "https://www.example.com")],
            true
        ));
        assert!(passes(
            "POST",
            &[("sec-fetch-site", "same-site"), ("origin", "https://trusted.example")],
            true
        ));
    }

    /// CONTRACT: the header rule decides, there are no CSRF tokens; a `Referer` counts for nothing.
    #[test]
    fn cs_03_without_either_header_only_what_no_form_can_send_passes_with_a_cookie() {
        let foreign = ("referer", "https://attacker.example/x");
        for (kind, good) in [
            (FORM, false),
            ("Application/X-WWW-Form-Urlencoded; charset=utf-8", false),
            ("multipart/form-data; boundary=x", false),
            ("multipart/mixed", false),
            ("text/plain", false),
            ("text/plain; application/json", false),
            ("text/plain, application/json", false),
            (" TEXT/PLAIN", false),
            ("", false),
            ("json", false),
            ("tëxt/plain", false),
            ("application/json", true),
            ("application/json;charset=utf-8", true),
            ("application/octet-stream", true),
        ] {
            for extra in [None, Some(foreign)] {
                let mut fields = vec![("content-type", kind)];
                fields.extend(extra);
                assert_eq!(passes("POST", &fields, true), good, "{kind:?}");
                assert!(passes("POST", &fields, false), "{kind:?} without a cookie");
            }
        }
        assert!(!passes("POST", &[], true), "a POST without a media type");
        assert!(!passes("POST", &[foreign], true));
        assert!(passes("DELETE", &[], true), "other methods always need a preflight across sites");
        assert!(passes("POST", &[], false));
        assert!(!passes(
            "POST",
            &[("content-type", "application/json"), ("content-type", "text/plain")],
            true
        ));
    }

    #[test]
    fn cs_05_origins_are_compared_exactly() {
        for origin in [
            "https://example.com.evil.test",
            "https://evil-example.com",
            "http://example.com",
            "https://example.com:8443",
            "https://example.com:443",
            "https://user@example.com",
            "https://example.com.",
            "https://EXAMPLE.com",
            "HTTPS://example.com",
            "https://example.com/",
            "https://example.com/auth",
            "https://xn--exmple-cua.com",
            "https://exämple.com",
            "https://example.com https://attacker.example",
            " https://example.com",
            "null",
            "",
        ] {
            assert!(!passes("POST", &[("origin", origin)], true), "{origin:?}");
            assert!(!passes("POST", &[("origin", origin)], false), "{origin:?}");
            assert!(
                !passes("POST", &[("sec-fetch-site", "cross-site"), ("origin", origin)], true),
                "{origin:?}"
            );
        }
    }

    #[test]
    fn cs_06_repeated_headers_are_refused_in_either_order() {
        for [one, two] in [["same-origin", "cross-site"], ["cross-site", "same-origin"], ["none", "none"]] {
            assert!(!passes("POST", &[("sec-fetch-site", one), ("sec-fetch-site", two)], true));
            assert!(!passes("POST", &[("sec-fetch-site", one), ("sec-fetch-site", two)], false));
        }
        let own = ("origin", "https://example.com");
        assert!(!passes("POST", &[own, ("origin", "https://attacker.example")], true));
        assert!(!passes("POST", &[own, own], true));
        assert!(!passes("POST", &[("sec-fetch-site", "same-origin"), own, own], true));
    }

    #[test]
    fn odd_values_of_sec_fetch_site_do_not_pass() {
        for site in
            ["", "Same-Origin", "same-origin;x", "same-origin, cross-site", "same-origin x", "same-örigin"]
        {
            assert!(!passes("POST", &[("sec-fetch-site", site)], true), "{site:?}");
            assert!(!passes("POST", &[("sec-fetch-site", site)], false), "{site:?}");
            assert!(
                passes("POST", &[("sec-fetch-site", site), ("origin", "https://example.com")], true),
                "{site:?}"
            );
        }
    }

    #[test]
    fn cs_09_method_overrides_change_nothing() {
        for name in ["x-http-method-override", "x-method-override", "x-http-method"] {
            assert!(!passes("POST", &[(name, "GET"), ("sec-fetch-site", "cross-site")], true));
            assert!(passes("GET", &[(name, "DELETE"), ("sec-fetch-site", "cross-site")], true));
        }
    }

    #[test]
    fn malformed_settings_are_refused_at_start() {
        assert!(Csrf::new("https://example.com", &["https://a.example/".into()]).is_err());
        assert!(Csrf::new("https://example.com", &["null".into()]).is_err());
        assert!(Csrf::new("example.com", &[]).is_err());
        assert_eq!(rule().issuer_origin().as_str(), "https://example.com");
    }
}
