//! Whose request it is: the peer, or the right-most hop outside the trusted proxies. Nothing a stranger writes counts.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::{
    extract::{ConnectInfo, FromRequestParts, Request, State},
    http::{HeaderMap, HeaderName, header, request::Parts},
    middleware::Next,
    response::Response,
};
use symbolon::login::Caller;
use symbolon_http::ClientAddress;

use crate::Auth;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// What a proxy sends of whom it speaks for.
pub(crate) const FORWARDING: [HeaderName; 3] =
    [X_FORWARDED_FOR, header::FORWARDED, HeaderName::from_static("x-real-ip")];
/// Where nothing is known of the caller (a socket of the machine itself, a test): one address for all of it.
const UNKNOWN: ClientAddress = ClientAddress { address: IpAddr::V4(Ipv4Addr::LOCALHOST), shared: true };

/// Determines the address once and notes it in the request, for the extractors and the throttle.
pub(crate) fn note(auth: &Auth, request: &mut Request) {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let client = of(auth, peer, request.headers());
    request.extensions_mut().insert(client);
}

/// The address of whoever sent a request with these headers. A proxy that nobody named is told of, once.
pub(crate) fn of(auth: &Auth, peer: Option<IpAddr>, headers: &HeaderMap) -> ClientAddress {
    let peer = peer.map(|peer| peer.to_canonical());
    let client = client(peer, headers, &auth.0.options.trusted_proxies);
    let listed = |peer| auth.0.options.trusted_proxies.iter().any(|network| contains(*network, peer));
    if let Some(peer) = peer.filter(|peer| client.shared && !listed(*peer))
        && FORWARDING.iter().any(|name| headers.contains_key(name))
        && auth.0.unlisted_proxy.set(peer).is_ok()
    {
        tracing::warn!(
            %peer,
            "a private peer sends forwarding headers and is not in server.trusted_proxies: all its clients are throttled as one address"
        );
    }
    client
}

/// [`note`] as middleware.
pub(crate) async fn determine(State(auth): State<Auth>, mut request: Request, next: Next) -> Response {
    note(&auth, &mut request);
    next.run(request).await
}

fn client(peer: Option<IpAddr>, headers: &HeaderMap, trusted: &[(IpAddr, u8)]) -> ClientAddress {
    let Some(peer) = peer else { return UNKNOWN };
    if !trusted.iter().any(|network| contains(*network, peer)) {
        return ClientAddress { address: peer, shared: is_private(peer) };
    }
    let lines = headers.get_all(X_FORWARDED_FOR).iter().filter_map(|line| line.to_str().ok());
    let hops: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    for hop in hops.into_iter().rev() {
        match parse_hop(hop) {
            Some(address) if trusted.iter().any(|network| contains(*network, address)) => {}
            Some(address) => return ClientAddress { address, shared: false },
            // What is left of garbage was written by whoever wrote the garbage.
            None => break,
        }
    }
    ClientAddress { address: peer, shared: true }
}

/// An address with or without port, IPv6 with or without brackets. No zone, no name, no `_hidden`.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let address =
        hop.parse::<IpAddr>().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    address
        .or_else(|| hop.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
        .map(|address| address.to_canonical())
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

fn contains((network, length): (IpAddr, u8), address: IpAddr) -> bool {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    };
    let ((network, width), (address, other)) = (bits(network), bits(address));
    let host = u32::saturating_sub(width, u32::from(length));
    width == other && (host >= 128 || network >> host == address >> host)
}

/// Who calls, for the engine. Never fails.
pub(crate) struct Calling(pub(crate) Caller);

impl<S: Send + Sync> FromRequestParts<S> for Calling {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let client = parts.extensions.get::<ClientAddress>().copied().unwrap_or(UNKNOWN);
        let agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        Ok(Self(Caller::new(client.address, client.shared, agent)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, forwarded: &[&str], trusted: &[(&str, u8)]) -> (String, bool) {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        let trusted: Vec<_> =
            trusted.iter().map(|(network, length)| (network.parse().unwrap(), *length)).collect();
        let client = client(Some(peer.parse().unwrap()), &headers, &trusted);
        (client.address.to_string(), client.shared)
    }

    #[test]
    fn ht_09_a_stranger_is_not_believed() {
        assert_eq!(seen("203.0.113.9", &["192.0.2.1"], &[]), ("203.0.113.9".into(), false));
        assert_eq!(seen("10.0.0.7", &["192.0.2.1"], &[]), ("10.0.0.7".into(), true));
        assert_eq!(seen("127.0.0.1", &["192.0.2.1"], &[("10.0.0.0", 8)]), ("127.0.0.1".into(), true));
    }

    #[tokio::test]
    async fn an_unlisted_proxy_is_told_of_once() {
        let auth = Auth::new(
            symbolon::Symbolon::builder("http://127.0.0.1:7117").open().await.unwrap(),
            crate::Options::default(),
        )
        .unwrap();
        let ask = |peer: &str, header: Option<&str>| {
            let mut request = Request::new(axum::body::Body::empty());
            request.extensions_mut().insert(ConnectInfo::<SocketAddr>(format!("{peer}:1").parse().unwrap()));
            if let Some(value) = header {
                request.headers_mut().insert("x-forwarded-for", value.parse().unwrap());
            }
            note(&auth, &mut request);
            auth.0.unlisted_proxy.get().map(ToString::to_string)
        };
        assert_eq!(ask("10.0.0.7", None), None, "a private client is no proxy");
        assert_eq!(ask("203.0.113.9", Some("1.1.1.1")), None, "a stranger who lies is no proxy of ours");
        assert_eq!(ask("10.0.0.7", Some("1.1.1.1")).as_deref(), Some("10.0.0.7"));
        assert_eq!(ask("10.0.0.8", Some("1.1.1.1")).as_deref(), Some("10.0.0.7"));
    }

    #[test]
    fn ht_10_the_right_most_untrusted_hop_counts() {
        let trusted = [("10.0.0.0", 8), ("fd00::", 8)];
        assert_eq!(
            seen("10.0.0.7", &["1.1.1.1, 192.0.2.1, 10.2.3.4"], &trusted),
            ("192.0.2.1".into(), false)
        );
        assert_eq!(seen("10.0.0.7", &["1.1.1.1", "192.0.2.1:443"], &trusted), ("192.0.2.1".into(), false));
        assert_eq!(seen("10.0.0.7", &["[2001:db8::1]"], &trusted), ("2001:db8::1".into(), false));
        assert_eq!(seen("fd00::1", &["::ffff:192.0.2.1"], &trusted), ("192.0.2.1".into(), false));
        for garbage in ["", "unknown", "_hidden", "for=1.1.1.1", "fe80::1%eth0", "1.1.1.1, nonsense"] {
            assert_eq!(seen("10.0.0.7", &[garbage], &trusted), ("10.0.0.7".into(), true), "{garbage}");
        }
        let many = vec!["1.1.1.1"; 1000].join(",");
        assert_eq!(seen("10.0.0.7", &[&many], &trusted), ("1.1.1.1".into(), false));
    }
}
