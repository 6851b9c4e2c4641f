//! The issuer and other origins: `scheme://host[:port]`, in the one form browsers and verifiers compare byte by byte.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::value::{Found, Refused, Value};

/// The issuer (RFC 8414 §2): an `https` address without query, fragment, user name or slash at its end; or `http` on
/// a loopback host. A path is allowed and is the prefix under which everything is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    text: String,
    /// Where the origin ends and the path begins.
    path: usize,
}

impl Issuer {
    /// Parses it strictly.
    ///
    /// # Errors
    /// What is wrong, as words that complete "the issuer …".
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(sign) = text.chars().find(|c| matches!(c, '?' | '#')) {
            return Err(format!("must not have a {}", if sign == '?' { "query" } else { "fragment" }));
        }
        let after_scheme = text.find("://").map(|at| at + 3).ok_or("must begin with https://")?;
        let path = text[after_scheme..].find('/').map_or(text.len(), |at| after_scheme + at);
        check_origin(&text[..path])?;
        if text.ends_with('/') {
            return Err("must not end in a slash".to_owned());
        }
        for segment in text[path..].split('/').skip(1) {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
            if matches!(segment, "" | "." | "..") || !segment.bytes().all(plain) {
                return Err(
                    "may have a path of letters, digits and -._~ only, without empty parts".to_owned()
                );
            }
        }
        if text.len() > 255 {
            return Err("is longer than 255 characters".to_owned());
        }
        Ok(Self { text: text.to_owned(), path })
    }

    /// The default on a loopback address: `http://127.0.0.1:7117`.
    pub(super) fn of_listener(address: SocketAddr) -> Self {
        let text = if address.port() == 80 {
            format!("http://{}", Host(address.ip()))
        } else {
            format!("http://{address}")
        };
        let path = text.len();
        Self { text, path }
    }

    /// The whole issuer, as in `iss`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Scheme, host and port, as a browser sends it in `Origin`.
    pub fn origin(&self) -> &str {
        &self.text[..self.path]
    }

    /// The prefix: empty, or `/auth`.
    pub fn path(&self) -> &str {
        &self.text[self.path..]
    }

    /// Whether cookies get `Secure` and `__Host-`.
    pub fn is_https(&self) -> bool {
        self.text.starts_with("https://")
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// An IP address as the host of a URL: IPv6 in brackets.
struct Host(IpAddr);

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => write!(f, "{address}"),
            IpAddr::V6(address) => write!(f, "[{address}]"),
        }
    }
}

/// Checks `scheme://host[:port]` in the form a browser would send it.
fn check_origin(text: &str) -> Result<(), String> {
    let (https, authority) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => (true, rest),
        (_, Some(rest)) => (false, rest),
        _ => return Err("must begin with https://".to_owned()),
    };
    if authority.contains('@') {
        return Err("must not hold a user name".to_owned());
    }
    let (host, port) = if authority.starts_with('[') {
        let end = authority.find(']').ok_or("has an IPv6 address without its closing bracket")?;
        let (host, rest) = authority.split_at(end + 1);
        match rest.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if rest.is_empty() => (host, None),
            None => return Err("has something behind its IPv6 address".to_owned()),
        }
    } else {
        authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)))
    };
    let loopback = check_host(host)?;
    if let Some(port) = port {
        let number = port.parse::<u16>().ok().filter(|number| *number > 0 && number.to_string() == port);
        let default = if https { 443 } else { 80 };
        match number {
            None => return Err("has a port that is not a number from 1 to 65535".to_owned()),
            Some(number) if number == default => {
                return Err(format!("must leave out the default port :{default}, as browsers do"));
            }
            Some(_) => {}
        }
    }
    if !https && !loopback {
        return Err("may use http on a loopback host only; elsewhere it must begin with https://".to_owned());
    }
    Ok(())
}

/// Checks a host name or address; tells whether it is loopback.
fn check_host(host: &str) -> Result<bool, String> {
    if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let address: Ipv6Addr = inner.parse().map_err(|_| "has an IPv6 address that is none")?;
        return if address.to_string() == inner {
            Ok(address.is_loopback())
        } else {
            Err(format!("must write its IPv6 address as [{address}]"))
        };
    }
    if host.is_empty() {
        return Err("has no host".to_owned());
    }
    if host.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err("must write its host in lower case".to_owned());
    }
    if host == "*" || host.contains('*') {
        return Err("must name one host: wildcards are not supported".to_owned());
    }
    let label = |label: &str| {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        (1..=63).contains(&label.len())
            && label.bytes().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if host.len() > 253 || !host.split('.').all(label) {
        return Err("has a host that is no host name (other scripts as A-labels, xn--…)".to_owned());
    }
    // What ends in a number is an IPv4 address to a browser, whatever it looks like to us.
    if host.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit())) {
        let address: Ipv4Addr = host.parse().map_err(|_| "has an IPv4 address that is none")?;
        return Ok(address.is_loopback());
    }
    Ok(host == "localhost" || host.ends_with(".localhost"))
}

impl Value for Issuer {
    const WANTS: &'static str = "an address such as \"https://login.example.com\"";

    fn read(found: &Found) -> Result<Self, Refused> {
        Self::parse(found.text().ok_or(None)?).map_err(|reason| Some(format!("it {reason}")))
    }

    fn show(&self) -> String {
        format!("\"{}\"", self.text)
    }
}

/// One exact origin of `csrf.trusted_origins` or `cors.origins`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// As a browser sends it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for Origin {
    const WANTS: &'static str = "exact origins such as \"https://app.example.com\"";

    fn read(found: &Found) -> Result<Self, Refused> {
        let text = found.text().ok_or(None)?;
        if text.get(8..).is_some_and(|rest| rest.contains(['/', '?', '#'])) {
            return Err(Some("an origin ends behind host and port, without a path or slash".to_owned()));
        }
        check_origin(text).map_err(|reason| Some(format!("it {reason}")))?;
        Ok(Self(text.to_owned()))
    }

    fn show(&self) -> String {
        format!("\"{}\"", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_taken_apart() {
        let issuer = Issuer::parse("https://example.com:8443/auth/v2").unwrap();
        assert_eq!((issuer.origin(), issuer.path()), ("https://example.com:8443", "/auth/v2"));
        assert!(issuer.is_https());
        for good in
            ["https://a.b", "http://localhost:3000", "http://[::1]:7117", "https://xn--bcher-kva.example"]
        {
            Issuer::parse(good).unwrap();
        }
        assert_eq!(Issuer::of_listener("[::1]:7117".parse().unwrap()).as_str(), "http://[::1]:7117");
        assert_eq!(Issuer::of_listener("127.0.0.1:80".parse().unwrap()).as_str(), "http://127.0.0.1");
    }

    #[test]
    fn each_bad_issuer_is_told_why() {
        for (text, word) in [
            ("https://a.b?x=1", "query"),
            ("https://a.b#x", "fragment"),
            ("https://a.b/", "slash"),
            ("https://a.b/x/", "slash"),
            ("https://u:p@a.b", "user name"),
            ("http://a.b", "loopback"),
            ("http://10.0.0.1", "loopback"),
            ("https://A.b", "lower case"),
            ("https://a.b:443", "default port"),
            ("http://localhost:80", "default port"),
            ("https://a.b:0443", "port"),
            ("https://a.b:70000", "port"),
            ("https://", "no host"),
            ("https://a..b", "host name"),
            ("https://1.2.3", "IPv4"),
            ("https://0x7f.1", "IPv4"),
            ("https://[::0001]", "[::1]"),
            ("https://a.b/x//y", "path"),
            ("https://a.b/../y", "path"),
            ("https://a.b/%2e", "path"),
            ("ftp://a.b", "https://"),
            ("a.b", "https://"),
            ("", "https://"),
        ] {
            let reason = Issuer::parse(text).unwrap_err();
            assert!(reason.contains(word), "{text}: {reason}");
        }
    }

    #[test]
    fn origins_are_exact() {
        let read = |text: &str| Origin::read(&Found::Text(text.to_owned()));
        read("https://app.example.com").unwrap();
        read("http://localhost:3000").unwrap();
        for bad in [
            "*",
            "null",
            "https://*.example.com",
            "https://a.b/",
            "https://a.b/x",
            "http://a.b",
            "HTTPS://a.b",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
