//! What the listener holds clients to. The defaults are those of `DESIGN.md` and of "Limits and operation" in `ATTACKS.md`;
//! `[server]` of the configuration may change them within bounds.

use std::net::IpAddr;
use std::time::Duration;

use crate::config::Network;

/// Sizes in bytes, times, and numbers of connections.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Request line and header fields together; above: 431.
    pub header_bytes: usize,
    /// Header fields; above: 431.
    pub header_fields: usize,
    /// The request target; above: 414.
    pub uri_bytes: usize,
    /// A request body; above: 413, at once when the length was announced.
    pub body_bytes: usize,
    /// From a connection's opening, or a head's first byte, to the end of the head; after: 408 and closed.
    pub header_timeout: Duration,
    /// From the head to the end of the body; after: 408.
    pub body_timeout: Duration,
    /// From the head to the answer; after: 503.
    pub handler_timeout: Duration,
    /// How long a peer may leave an answer unread; after: closed.
    pub write_timeout: Duration,
    /// Between two requests of one connection; after: closed.
    pub idle_timeout: Duration,
    /// For a TLS handshake; after: closed.
    pub handshake_timeout: Duration,
    /// Between the signal and the stop: `/readyz` says no already, and everything else is served as ever.
    pub drain_delay: Duration,
    /// What requests in flight get when the server stops; after: cut off.
    pub drain_timeout: Duration,
    /// When the server stops, a connection without a request is kept open for so long: a request that is already on its way
    /// is then answered and not lost.
    pub drain_grace: Duration,
    /// How long input is thrown away after an answer that refuses it, so that the client gets to read the answer.
    pub linger: Duration,
    /// Open connections; at the cap new ones wait in the queue of the operating system.
    pub connections: usize,
    /// Open connections per address (IPv6: per /64); above: closed. Loopback and trusted peers have none.
    pub connections_per_address: usize,
    /// Peers that stand for many clients.
    pub trusted: Vec<Network>,
}

impl Default for Limits {
    fn default() -> Self {
        let second = Duration::from_secs;
        Self {
            header_bytes: 16 * 1024,
            header_fields: 64,
            uri_bytes: 8 * 1024,
            body_bytes: 64 * 1024,
            header_timeout: second(10),
            body_timeout: second(15),
            handler_timeout: second(30),
            write_timeout: second(30),
            idle_timeout: second(60),
            handshake_timeout: second(10),
            drain_delay: Duration::ZERO,
            drain_timeout: second(30),
            drain_grace: Duration::from_millis(250),
            linger: second(2),
            connections: 10_000,
            connections_per_address: 1_000,
            trusted: Vec::new(),
        }
    }
}

impl Limits {
    /// Whether the cap per address holds for this peer.
    pub(super) fn counts(&self, address: IpAddr) -> bool {
        !address.is_loopback() && !self.trusted.iter().any(|network| network.contains(address))
    }

    /// After so long without any request beginning or ending, a busy connection is stuck: every request in it has had all
    /// the time that body, handler and answer may take.
    pub(super) fn stuck(&self) -> Duration {
        self.body_timeout + self.handler_timeout + self.write_timeout
    }
}
