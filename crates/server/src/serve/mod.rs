//! The accept loop: connections in, requests to a router, answers out.
//!
//! Owns: the socket, every limit a client can run into before a handler sees it, each connection's deadlines, the line of
//! the log for each request, and stopping without losing one. Refuses what is too big, too slow, too many, or framed so that two
//! parsers could read it differently. It knows no route, user or credential: any `axum::Router` can be served, with the
//! peer in the extensions as `ConnectInfo<SocketAddr>`. `serve` (the verb), the metrics listener and the tests call it.
//!
//! hyper would do much of this, but closes where the contract wants an answer, starts its header timer while a kept
//! connection is idle, and has no deadline for a body, an answer or a drain. So: `frame` follows the messages on the `wire`,
//! `state` says until when, `connection` keeps to it, `request` does the rest.

mod addresses;
mod answer;
mod authority;
mod body;
mod clock;
mod connection;
mod frame;
mod id;
mod limits;
mod plain;
mod record;
mod request;
mod signal;
mod state;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{fmt, io};

use axum::Router;
use axum::body::Bytes;
use http::request::Parts;
use http::{HeaderMap, Response, Uri};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

pub use answer::REQUEST_ID;
pub use limits::Limits;
pub use signal::Signals;

use crate::telemetry;
use crate::tls::Tls;
use addresses::Addresses;

/// Connections the operating system may hold ready while all of ours are taken.
const BACKLOG: u32 = 1024;

/// HTTP/2 requests at once in one connection.
const STREAMS: u32 = 100;

/// What every connection of a listener shares.
struct Server {
    router: Router,
    limits: Limits,
    http: auto::Builder<TokioExecutor>,
    ids: id::RequestIds,
    tls: Option<Arc<Tls>>,
    /// Where plain HTTP on a TLS port is sent.
    origin: Option<String>,
    sharing: Option<Sharing>,
    at_once: Option<AtOnce>,
    phase: watch::Receiver<Phase>,
    /// Connections cut off in the middle of a request, because the time to stop was up.
    cut_off: AtomicUsize,
}

impl Server {
    fn is_stopping(&self) -> bool {
        // This receiver is never told what it has seen: a change is the end of serving. A look at a number, where a look at the phase
        // itself is a lock.
        self.phase.has_changed().unwrap_or_else(|_| *self.phase.borrow() != Phase::Serving)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// The fields by which a page of another origin may read the listener's own answers.
type Sharing = Arc<dyn Fn(&Uri, &HeaderMap) -> HeaderMap + Send + Sync>;

/// What answers before the router is asked, where nothing need be waited for.
type AtOnce = Arc<dyn Fn(&Parts, Option<SocketAddr>) -> Option<Response<Bytes>> + Send + Sync>;

/// What the listener is doing; connections follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Serving,
    /// No new connection; what is in flight is finished.
    Draining,
    /// The time is up.
    Closed,
}

/// A bound socket that does not accept yet.
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    limits: Limits,
    tls: Option<Arc<Tls>>,
    origin: Option<String>,
    sharing: Option<Sharing>,
    at_once: Option<AtOnce>,
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Why an address could not be had. `Display` is a sentence that names it.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {}", said(.source, .address))]
pub struct BindError {
    address: SocketAddr,
    source: io::Error,
}

fn said(error: &io::Error, address: &SocketAddr) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "another program listens there".to_owned(),
        io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
        io::ErrorKind::PermissionDenied if address.port() < 1024 => {
            "ports below 1024 need a privilege this user does not have".to_owned()
        }
        _ => error.to_string(),
    }
}

impl Listener {
    /// Binds the address. Port 0 takes a free one: see [`Listener::address`]. Must be called on a runtime.
    ///
    /// # Errors
    /// [`BindError`] when the address cannot be had.
    pub fn bind(address: SocketAddr, limits: Limits) -> Result<Self, BindError> {
        let bind = || {
            let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            // A restarted server must not wait for the last one's connections to fade.
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            let socket = socket.listen(BACKLOG)?;
            let address = socket.local_addr()?;
            io::Result::Ok((socket, address))
        };
        let (socket, bound) = bind().map_err(|source| BindError { address, source })?;
        Ok(Self { socket, address: bound, limits, tls: None, origin: None, sharing: None, at_once: None })
    }

    /// The address with the port that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Speaks TLS. `origin` (of the issuer) is where a page asked for in the clear is redirected.
    #[must_use]
    pub fn with_tls(mut self, tls: Arc<Tls>, origin: &str) -> Self {
        self.tls = Some(tls);
        self.origin = Some(origin.to_owned());
        self
    }

    /// What the router says of sharing its answers with pages of other origins (`Auth::shared`), so that what the listener itself
    /// refuses can be read by them too.
    #[must_use]
    pub fn sharing(self, rule: impl Fn(&Uri, &HeaderMap) -> HeaderMap + Send + Sync + 'static) -> Self {
        Self { sharing: Some(Arc::new(rule)), ..self }
    }

    /// What may answer in the router's place, before it is asked (`Auth::at_once`). It gets requests without a body that passed every
    /// limit, and the path of what it answers is its route.
    #[must_use]
    pub fn at_once(
        self,
        answer: impl Fn(&Parts, Option<SocketAddr>) -> Option<Response<Bytes>> + Send + Sync + 'static,
    ) -> Self {
        Self { at_once: Some(Arc::new(answer)), ..self }
    }

    /// Serves the router from now on, on tasks of its own.
    pub fn serve(self, router: Router) -> Running {
        let Self { socket, address, limits, tls, origin, sharing, at_once } = self;
        let (phase, watched) = watch::channel(Phase::Serving);
        let delay = limits.drain_delay;
        let server = Arc::new(Server {
            // Only metrics ask for the route, and a layer is paid for by every request.
            router: if telemetry::is_on() { router.layer(request::NoteRoute) } else { router },
            http: http(&limits),
            limits,
            ids: id::RequestIds::new(),
            tls,
            origin,
            sharing,
            at_once,
            phase: watched,
            cut_off: AtomicUsize::new(0),
        });
        let accepting = tokio::spawn(accept(socket, server, phase.clone()));
        Running { address, phase, delay, accepting, drained: None }
    }
}

/// hyper with our limits. Its own timers for HTTP/1 heads stay off: `state` keeps finer ones.
fn http(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut http = auto::Builder::new(TokioExecutor::new());
    // The wire refuses a head at its limit; a little more room here keeps hyper's own, wordless refusal behind it.
    // Fields: likewise.
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        // Answers are short: head and body copied into one buffer go out sooner than two of them side by side.
        .writev(false)
        .max_buf_size((limits.header_bytes + 1024).max(8 * 1024))
        .max_headers(limits.header_fields + 1);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        // Small windows: requests are small, and what is buffered for a handler that does not read is ours to keep.
        .initial_stream_window_size(64 * 1024)
        .initial_connection_window_size(256 * 1024)
        .max_send_buf_size(256 * 1024)
        // Streams reset before they were looked at (CVE-2023-44487), and those we reset ourselves.
        .max_pending_accept_reset_streams(20)
        .max_local_error_reset_streams(64)
        // A peer that has vanished is noticed.
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10));
    http
}

/// A listener at work.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    phase: watch::Sender<Phase>,
    delay: Duration,
    accepting: JoinHandle<Drained>,
    drained: Option<Drained>,
}

/// How a listener came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were cut off with a request in flight because the time was up. Zero: nothing was lost.
    pub cut_off: usize,
}

impl Running {
    /// The address with the port that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting; what is in flight is finished. Returns at once: see [`Running::stopped`].
    pub fn stop(&self) {
        self.phase.send_if_modified(|phase| {
            let serving = *phase == Phase::Serving;
            if serving {
                *phase = Phase::Draining;
            }
            serving
        });
    }

    /// Cuts everything off. For whoever asks twice.
    pub fn cut_off(&self) {
        self.phase.send_replace(Phase::Closed);
    }

    /// Waits until the last connection is closed, at most `drain_timeout` after [`Running::stop`].
    pub async fn stopped(&mut self) -> Drained {
        if let Some(drained) = self.drained {
            return drained;
        }
        let drained = (&mut self.accepting).await.unwrap_or(Drained { cut_off: 0 });
        self.drained = Some(drained);
        drained
    }

    /// Serves until a signal, tells it to `leaving`, goes on for the limits' `drain_delay`, then drains. Of further signals one ends the
    /// delay, and one cuts off what is left.
    pub async fn until(mut self, signals: &mut Signals, leaving: impl FnOnce()) -> Drained {
        let signal = signals.next().await;
        leaving();
        if !self.delay.is_zero() {
            tracing::info!(signal, seconds = self.delay.as_secs_f64(), "not ready any more: stopping soon");
            let _ = timeout(self.delay, signals.next()).await;
        }
        tracing::info!(signal, "stopping: finishing what is in flight");
        self.stop();
        let drained = tokio::select! {
            drained = self.stopped() => Some(drained),
            _ = signals.next() => None,
        };
        match drained {
            Some(drained) => drained,
            None => {
                self.cut_off();
                self.stopped().await
            }
        }
    }
}

/// Accepts until told to stop, then waits for the connections.
async fn accept(socket: TcpListener, server: Arc<Server>, phase: watch::Sender<Phase>) -> Drained {
    let mut watched = server.phase.clone();
    let room = Arc::new(Semaphore::new(server.limits.connections));
    let addresses = Addresses::default();
    let begin = |accepted: io::Result<(TcpStream, SocketAddr)>, permit| match accepted {
        Ok((stream, peer)) => begin(stream, peer, permit, &server, &addresses),
        Err(error) => tracing::warn!(%error, "a connection could not be accepted"),
    };
    loop {
        let step = async {
            // At the cap nothing is accepted, and so nothing dropped: clients wait in the system's queue.
            let permit = Arc::clone(&room).acquire_owned().await.ok()?;
            Some((socket.accept().await, permit))
        };
        let (accepted, permit) = tokio::select! {
            biased;
            _ = watched.wait_for(|phase| *phase != Phase::Serving) => break,
            step = step => match step { Some(step) => step, None => break },
        };
        if accepted.as_ref().is_err_and(is_exhaustion) {
            // Out of files or memory: accepting again at once would only spin.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        begin(accepted, permit);
    }
    // Whoever is in the queue already has a connection as far as he knows: he gets his answer. The system is asked
    // itself, because the runtime may not have heard of the last ones yet.
    if let Ok(socket) = socket.into_std() {
        while let Ok(permit) = Arc::clone(&room).try_acquire_owned()
            && let Ok((stream, peer)) = socket.accept()
        {
            let stream = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
            begin(stream.map(|stream| (stream, peer)), permit);
        }
    }
    drain(&server, &room, watched, &phase).await
}

/// Waits until every connection has given its permit back.
async fn drain(
    server: &Server,
    room: &Semaphore,
    mut watched: watch::Receiver<Phase>,
    phase: &watch::Sender<Phase>,
) -> Drained {
    let limits = &server.limits;
    let all = u32::try_from(limits.connections).unwrap_or(u32::MAX);
    let over = async {
        let closed = watched.wait_for(|phase| *phase == Phase::Closed);
        let _ = timeout(limits.drain_timeout, closed).await;
    };
    tokio::select! {
        _ = room.acquire_many(all) => {}
        () = over => {
            phase.send_replace(Phase::Closed);
            // They are told; closing takes a moment, and no longer than lingering may.
            let _ = timeout(limits.linger + Duration::from_secs(1), room.acquire_many(all)).await;
        }
    }
    Drained { cut_off: server.cut_off.load(Ordering::Relaxed) }
}

fn is_exhaustion(error: &io::Error) -> bool {
    use rustix::io::Errno;
    [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM]
        .iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

/// Takes a new connection in, on a task of its own.
fn begin(
    stream: TcpStream,
    peer: SocketAddr,
    permit: OwnedSemaphorePermit,
    server: &Arc<Server>,
    addresses: &Addresses,
) {
    let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
    let counted = if server.limits.counts(peer.ip()) {
        match addresses.count(peer.ip(), server.limits.connections_per_address) {
            Some(counted) => Some(counted),
            None => return telemetry::crowded(),
        }
    } else {
        None
    };
    // Answers are small and whole: waiting to fill a packet would only delay them.
    let _ = stream.set_nodelay(true);
    let server = Arc::clone(server);
    tokio::spawn(async move {
        let _open = (permit, counted, telemetry::connection());
        match &server.tls {
            None => connection::run(stream, Some(peer), server).await,
            Some(tls) => secure(stream, peer, Arc::clone(tls), server).await,
        }
    });
}

/// The TLS handshake, within its time; then the connection.
async fn secure(stream: TcpStream, peer: SocketAddr, tls: Arc<Tls>, server: Arc<Server>) {
    let time = server.limits.handshake_timeout;
    let mut first = [0];
    match timeout(time, stream.peek(&mut first)).await {
        Ok(Ok(1)) if first.iter().all(u8::is_ascii_uppercase) => {
            return plain::answer(stream, server.origin.as_deref(), &server.limits).await;
        }
        // What is neither gets its alert from rustls.
        Ok(Ok(1)) => {}
        _ => return,
    }
    match timeout(time, tls.acceptor().accept(stream)).await {
        Ok(Ok(stream)) => connection::run(stream, Some(peer), server).await,
        Ok(Err(error)) => {
            telemetry::handshake_failed();
            tracing::debug!(%peer, %error, "TLS handshake failed");
        }
        Err(_) => telemetry::handshake_failed(),
    }
}
