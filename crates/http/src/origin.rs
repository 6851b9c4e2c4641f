//! Web origins, compared as bytes with what a browser sends.

use crate::SettingError;
use std::net::{Ipv4Addr, Ipv6Addr};

/// A `scheme://host[:port]` exactly as browsers serialise it (RFC 6454 §6.2): lower case, no default port, no path.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Origin(String);

impl Origin {
    /// Takes an origin from the configuration.
    ///
    /// Anything that a browser would never send is an error, for a comparison with it would silently never hold:
    /// `null`, `*`, upper case, a default port, a trailing slash or dot, a path, user information.
    pub fn parse(text: &str) -> Result<Self, SettingError> {
        let wrong =
            |why: &str| SettingError::new(format!("{text:?} is not an origin (scheme://host[:port]): {why}"));
        let (scheme, authority) = text.split_once("://").ok_or_else(|| wrong("it has no scheme"))?;
        if !is_scheme(scheme) {
            return Err(wrong("the scheme must be lower-case letters, as in https"));
        }
        if authority.contains(['/', '?', '#']) {
            return Err(wrong("it must end after the host or port, without a slash"));
        }
        let (host, port) = split_port(authority);
        if !is_host(host) {
            return Err(wrong("the host must be a lower-case ASCII name or an IP address"));
        }
        if let Some(port) = port {
            if !port.parse::<u16>().is_ok_and(|number| number != 0 && number.to_string() == port) {
                return Err(wrong("the port must be a number from 1 to 65535"));
            }
            if default_port(scheme) == Some(port) {
                return Err(wrong("browsers leave the scheme's own port out; so must you"));
            }
        }
        Ok(Self(text.to_owned()))
    }

    /// The origin of an issuer or any other `http`/`https` address: case and default port are normalised, the path dropped.
    pub fn of_issuer(issuer: &str) -> Result<Self, SettingError> {
        let wrong = |why: &str| SettingError::new(format!("the issuer {issuer:?} {why}"));
        let (scheme, rest) = issuer.split_once("://").ok_or_else(|| wrong("has no scheme"))?;
        let scheme = scheme.to_ascii_lowercase();
        if scheme != "http" && scheme != "https" {
            return Err(wrong("is neither http nor https"));
        }
        if rest.contains(['?', '#']) {
            return Err(wrong("has a query or fragment"));
        }
        let authority = rest.split('/').next().unwrap_or_default().to_ascii_lowercase();
        let authority = match split_port(&authority) {
            (host, Some(port)) if default_port(&scheme) == Some(port) => host.to_owned(),
            _ => authority,
        };
        Self::parse(&format!("{scheme}://{authority}"))
    }

    /// The serialised origin.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether an `Origin` header says exactly this.
    pub fn matches(&self, header: &[u8]) -> bool {
        self.0.as_bytes() == header
    }
}

fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'+' | b'-' | b'.'))
}

fn default_port(scheme: &str) -> Option<&'static str> {
    match scheme {
        "http" => Some("80"),
        "https" => Some("443"),
        _ => None,
    }
}

/// Splits at the last colon, unless that stands inside the brackets of an IPv6 address.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

fn is_host(host: &str) -> bool {
    if let Some(inside) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inside.parse::<Ipv6Addr>().is_ok_and(|address| address.to_string() == inside);
    }
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
    };
    // A name whose last label is a number is an IPv4 address to browsers, and must then be written as one.
    let numeric = host.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    host.len() <= 253 && host.split('.').all(label) && (!numeric || host.parse::<Ipv4Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first twelve rows are the cases of Go 1.25's `TestCrossOriginProtectionAddTrustedOriginErrors`.
    #[test]
    fn cs_05_only_exact_origins_are_taken_from_the_configuration() {
        for (text, good) in [
            ("https://example.com", true),
            ("https://example.com:8080", true),
            ("http://example.com", true),
            ("example.com", false),
            ("https://", false),
            ("https://example.com/", false),
            ("https://example.com/path", false),
            ("https://example.com?query=value", false),
            ("https://example.com#fragment", false),
            ("https://ex ample.com", false),
            ("", false),
            ("null", false),
            ("*", false),
            ("https://*", false),
            ("https://*.example.com", false),
            ("HTTPS://example.com", false),
            ("https://Example.com", false),
            ("https://example.com.", false),
            ("https://.example.com", false),
            ("https://user@example.com", false),
            ("https://user:pass@example.com", false),
            ("https://example.com:443", false),
            ("http://example.com:80", false),
            ("http://example.com:443", true),
            ("https://example.com:0", false),
            ("https://example.com:", false),
            ("https://example.com:080", false),
            ("https://example.com:65536", false),
            ("https://bücher.example", false),
            ("https://xn--bcher-kva.example", true),
            ("http://127.0.0.1:7117", true),
            ("http://127.1", false),
            ("http://300.1.1.1", false),
            ("http://[::1]:7117", true),
            ("http://[::1]", true),
            ("http://[0:0::1]", false),
            ("http://[::1", false),
            ("http://localhost:3000", true),
            ("capacitor://localhost", true),
            ("chrome-extension://abcdefghijklmnopabcdefghijklmnop", true),
            ("//example.com", false),
            ("https://example.com\r\nx: y", false),
        ] {
            assert_eq!(Origin::parse(text).is_ok(), good, "{text:?}");
        }
    }

    #[test]
    fn an_issuers_origin_is_what_browsers_send_there() {
        for (issuer, origin) in [
            ("https://login.example", "https://login.example"),
            ("https://login.example/", "https://login.example"),
            ("https://Login.Example:443/auth/x", "https://login.example"),
            ("HTTP://127.0.0.1:7117", "http://127.0.0.1:7117"),
            ("http://[::1]:80/a", "http://[::1]"),
            ("https://login.example:8443/auth", "https://login.example:8443"),
        ] {
            assert_eq!(Origin::of_issuer(issuer).unwrap().as_str(), origin, "{issuer}");
        }
        for bad in [
            "login.example",
            "ftp://x",
            "https://a@b",
            "https://",
            "https://x?y",
            "https://x#y",
            "https:///a",
        ] {
            assert!(Origin::of_issuer(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_error_names_the_value_and_what_is_wrong_with_it() {
        let error = Origin::parse("https://example.com/").unwrap_err().to_string();
        assert!(error.contains("https://example.com/") && error.contains("slash"), "{error}");
    }
}
