//! Which host a request names (RFC 9112 §3.2, RFC 9113 §8.3.1): one, once, without anything else in it. Nothing is ever built
//! from it; but two parsers that pick different ones would disagree about where a request went.

use http::request::Parts;
use http::uri::Authority;
use http::{Method, Version, header};

/// Whether the request names its host as it must.
pub(super) fn is_plain(parts: &Parts) -> bool {
    let mut hosts = parts.headers.get_all(header::HOST).iter();
    let (host, second) = (hosts.next(), hosts.next());
    if second.is_some() || !is_target(parts) {
        return false;
    }
    let target = parts.uri.authority();
    if target.is_some_and(|target| target.as_str().contains('@')) {
        return false;
    }
    match (host, target) {
        (None, None) => parts.version < Version::HTTP_11,
        (None, Some(_)) => parts.version != Version::HTTP_11,
        (Some(host), target) => {
            let Ok(host) = host.to_str() else { return false };
            is_host(host) && target.is_none_or(|target| target.as_str().eq_ignore_ascii_case(host))
        }
    }
}

/// Origin form, absolute form, or `*` for OPTIONS alone.
fn is_target(parts: &Parts) -> bool {
    let uri = &parts.uri;
    match (uri.scheme_str(), uri.authority()) {
        (Some("http" | "https"), Some(_)) => true,
        (None, None) => uri.path().starts_with('/') || (uri.path() == "*" && parts.method == Method::OPTIONS),
        // HTTP/2 may leave the scheme out where hyper does not need it.
        (None, Some(_)) => parts.version == Version::HTTP_2,
        _ => false,
    }
}

/// `host` or `host:port`, and nothing that belongs elsewhere. The grammar of names allows more (a comma, for one, which is
/// what two merged fields look like); no host is called so.
fn is_host(host: &str) -> bool {
    // Most are a name or an address and a port, which need no parser.
    let (name, port) = host.rsplit_once(':').unwrap_or((host, ""));
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    if !name.is_empty() && name.len() <= 255 && name.bytes().all(plain) {
        return port.is_empty() || (port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok());
    }
    let Ok(authority) = host.parse::<Authority>() else { return false };
    host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~:[]".contains(&b))
        && !authority.host().is_empty()
        && authority.host().len() <= 255
        && host.get(authority.host().len()..).is_some_and(|port| {
            port.is_empty()
                || port.strip_prefix(':').is_some_and(|port| port.is_empty() || port.parse::<u16>().is_ok())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(target: &str, version: Version, hosts: &[&str]) -> bool {
        let mut request = http::Request::builder().uri(target).version(version);
        for host in hosts {
            request = request.header("host", *host);
        }
        is_plain(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn ht_07_one_host_and_nothing_else() {
        let v11 = Version::HTTP_11;
        for host in ["a", "a.example:7117", "127.0.0.1:80", "[::1]:7117", "[::1]", "a:"] {
            assert!(plain("/", v11, &[host]), "{host}");
        }
        for host in [
            "", "a/b", "u@a", "u:p@a", "a:b", "a:70000", "a b", "a,b", "http://a", ":80", "[::1", "a?b",
            "a#b",
        ] {
            assert!(!plain("/", v11, &[host]), "{host}");
        }
        assert!(!plain("/", v11, &[]));
        assert!(!plain("/", v11, &["a", "a"]));
        assert!(plain("http://a/x", v11, &["A"]));
        assert!(!plain("http://a/x", v11, &["b"]));
        assert!(!plain("http://u@a/x", v11, &["a"]));
        assert!(!plain("ftp://a/x", v11, &["a"]));
        assert!(!plain("http://a/x", v11, &[]));
        assert!(plain("/", Version::HTTP_10, &[]));
    }

    #[test]
    fn ht_17_authority_and_host_agree() {
        let v2 = Version::HTTP_2;
        assert!(plain("https://a/x", v2, &[]));
        assert!(plain("https://a/x", v2, &["a"]));
        assert!(!plain("https://a/x", v2, &["b"]));
    }
}
