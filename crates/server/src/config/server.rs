//! `[server]`: where the server listens, what it calls itself, whom it believes about addresses, and the limits of HTTP.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::network::Network;
use super::origin::Issuer;
use super::reader::{Reader, Section};
use super::value::Size;
use crate::serve::Limits;

/// The effective `[server]`.
#[derive(Clone, Debug)]
pub struct Server {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The issuer as it was set. Absent only on a loopback address: see `Config::issuer`.
    pub issuer: Option<Issuer>,
    /// Peers whose forwarding headers are believed.
    pub trusted_proxies: Vec<Network>,
    /// The data folder.
    pub data: PathBuf,
    /// Sizes, times and numbers the listener holds clients to.
    pub limits: Limits,
}

pub(super) fn read(reader: &mut Reader) -> Server {
    let mut s = reader.section("server");
    let listen = s.setting("listen", SocketAddr::from(([127, 0, 0, 1], 7117))).take();
    let issuer: Option<Issuer> = s.setting("issuer", None).take();
    let trusted_proxies: Vec<Network> = s.setting("trusted_proxies", Vec::new()).take();
    let data = s.setting("data", PathBuf::from("./symbolon-data")).dev("./symbolon-dev".into()).take();
    let limits = limits(&mut s, trusted_proxies.clone());
    Server { listen, issuer, trusted_proxies, data, limits }
}

/// `DESIGN.md` "Defaults" and `ATTACKS.md` "Limits and operation". The bounds keep a slip of the pen from turning a limit
/// off, or from locking every browser out.
fn limits(s: &mut Section<'_>, trusted: Vec<Network>) -> Limits {
    let or = Limits::default();
    let minute = Duration::from_secs(60);
    let mut size =
        |key, default, least, most| s.setting(key, Size(default)).within(Size(least), Size(most)).take().0;
    let header_bytes = size("header_bytes", or.header_bytes, 4 * 1024, 256 * 1024);
    let uri_bytes = size("uri_bytes", or.uri_bytes, 1024, 64 * 1024);
    let body_bytes = size("body_bytes", or.body_bytes, 8 * 1024, 64 * 1024);
    let mut count = |key, default, least, most| s.setting(key, default).within(least, most).take();
    let header_fields = count("header_fields", or.header_fields, 16, 1000);
    let connections = count("connections", or.connections, 1, 1_000_000);
    let connections_per_address = count("connections_per_address", or.connections_per_address, 1, 1_000_000);
    let mut time = |key, default: Duration, most: Duration| {
        s.setting(key, default).within(Duration::from_millis(50), most).take()
    };
    let header_timeout = time("header_timeout", or.header_timeout, 2 * minute);
    let body_timeout = time("body_timeout", or.body_timeout, 10 * minute);
    let handler_timeout = time("handler_timeout", or.handler_timeout, 10 * minute);
    let write_timeout = time("write_timeout", or.write_timeout, 10 * minute);
    let idle_timeout = time("idle_timeout", or.idle_timeout, 60 * minute);
    let handshake_timeout = time("handshake_timeout", or.handshake_timeout, 2 * minute);
    let drain_delay = s.setting("drain_delay", or.drain_delay).within(Duration::ZERO, 10 * minute).take();
    let drain_timeout = s.setting("drain_timeout", or.drain_timeout);
    let drain_timeout = drain_timeout.within(Duration::from_millis(50), 60 * minute).take();
    Limits {
        header_bytes,
        header_fields,
        uri_bytes,
        body_bytes,
        header_timeout,
        body_timeout,
        handler_timeout,
        write_timeout,
        idle_timeout,
        handshake_timeout,
        drain_delay,
        drain_timeout,
        connections,
        connections_per_address,
        trusted,
        ..or
    }
}

/// The rules that join address, issuer and TLS (`DESIGN.md` "Defaults").
pub(super) fn check(reader: &mut Reader, server: &Server, tls: bool) {
    let loopback = server.listen.ip().to_canonical().is_loopback();
    let listen = format!("server.listen = \"{}\" ({})", server.listen, reader.source("server.listen"));
    let https = server.issuer.as_ref().is_some_and(Issuer::is_https);
    if !loopback && !https {
        let now = match &server.issuer {
            Some(issuer) => format!("server.issuer is {issuer} ({})", reader.source("server.issuer")),
            None => "server.issuer is not set".to_owned(),
        };
        reader.complain(format!(
            "{listen} can be reached from other machines, and {now}; set server.issuer to the https address under which \
             people reach this server, or listen on 127.0.0.1"
        ));
    } else if tls && !https {
        reader.complain(format!(
            "[tls] is set ({}), so server.issuer must be the https address of this server",
            reader.source("tls.certificate")
        ));
    } else if server.issuer.is_none() {
        reader.amend("server.issuer", format!("\"{}\"", Issuer::of_listener(server.listen)));
    }
    if server.limits.uri_bytes > server.limits.header_bytes {
        reader.complain(format!(
            "server.uri_bytes ({}) is more than server.header_bytes ({}), of which it is a part",
            reader.source("server.uri_bytes"),
            reader.source("server.header_bytes")
        ));
    }
    if reader.dev && !loopback {
        reader.warn(format!(
            "--dev serves /explore and takes tokens from URLs, and {listen} can be reached from other machines"
        ));
    }
}
