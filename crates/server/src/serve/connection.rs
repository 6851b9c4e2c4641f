//! The life of one connection: hyper speaks HTTP on it, its deadlines are kept, and it is closed in a way that lets the
//! peer read the last answer.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::task::Poll;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep_until, timeout};

use super::answer::{self, Form, Refusal};
use super::clock::now;
use super::state::State;
use super::wire::{Slot, Wire};
use super::{Phase, Server, record, request};

/// Input that is thrown away at most after a refusal: a client that sends more does not listen.
const LINGER_BYTES: usize = 16 * 1024 * 1024;

/// One connection: where it comes from, what it is doing, and the server it came to.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) server: Arc<Server>,
    /// Absent on a Unix socket.
    pub(super) peer: Option<SocketAddr>,
    pub(super) state: State,
}

/// How hyper's part came to its end.
enum End {
    /// Hyper was done with it; it may have refused the last request.
    Done,
    /// A refusal or a deadline; with an answer to write, or without.
    Cut(Option<Refusal>),
}

/// Serves one connection until it ends.
pub(super) async fn run<IO>(io: IO, peer: Option<SocketAddr>, server: Arc<Server>)
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let connection = Arc::new(Connection { server, peer, state: State::new() });
    let slot = Slot::default();
    let wire = TokioIo::new(Wire::new(io, Arc::clone(&connection), Arc::clone(&slot)));
    let service = {
        let connection = Arc::clone(&connection);
        service_fn(move |request| request::handle(Arc::clone(&connection), request))
    };
    let end = {
        let http = pin!(connection.server.http.serve_connection(wire, service));
        drive(http, &connection).await
    };
    let Some(io) = slot.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
    close(io, end, &connection).await;
}

/// What is needed of hyper's connection.
trait Http: Future<Output = Result<(), Box<dyn std::error::Error + Send + Sync>>> {
    fn graceful_shutdown(self: Pin<&mut Self>);
}

impl<I, S, E, B> Http for hyper_util::server::conn::auto::Connection<'_, I, S, E>
where
    S: hyper::service::Service<http::Request<hyper::body::Incoming>, Response = http::Response<B>>,
    S::Future: 'static,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: hyper::body::Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin + 'static,
    E: hyper_util::server::conn::auto::HttpServerConnExec<S::Future, B>,
{
    fn graceful_shutdown(self: Pin<&mut Self>) {
        hyper_util::server::conn::auto::Connection::graceful_shutdown(self);
    }
}

/// Polls hyper's connection, and beside it the deadlines and the server's phase.
async fn drive(mut http: Pin<&mut impl Http>, connection: &Connection) -> End {
    let (state, limits) = (&connection.state, &connection.server.limits);
    let (mut phase, mut again) = (connection.server.phase.clone(), connection.server.phase.clone());
    let mut stopping = pin!(phase.wait_for(|phase| *phase != Phase::Serving));
    let mut cut_off = pin!(again.wait_for(|phase| *phase == Phase::Closed));
    let mut draining: Option<Instant> = None;
    let (mut asked, mut told) = (false, false);
    let mut timer = pin!(sleep_until(state.deadline(limits, None).at));
    poll_fn(move |cx| {
        loop {
            // Asked once, it wakes this task when it has an answer; asked every time, it would cost every request.
            if draining.is_none()
                && (!asked || connection.server.is_stopping())
                && stopping.as_mut().poll(cx).is_ready()
            {
                draining = Some(now());
            }
            asked = true;
            if let Poll::Ready(result) = http.as_mut().poll(cx) {
                if let Err(error) = result {
                    record::unparsable(connection.peer, error.as_ref());
                }
                return Poll::Ready(End::Done);
            }
            if let Some(refusal) = state.refusal_due() {
                return Poll::Ready(End::Cut(Some(refusal)));
            }
            if draining.is_some() {
                if cut_off.as_mut().poll(cx).is_ready() {
                    if !state.idle() {
                        connection.server.cut_off.fetch_add(1, Ordering::Relaxed);
                    }
                    return Poll::Ready(End::Cut(None));
                }
                // HTTP/1 is told by `Connection: close` in its next answer, and closed when none is due; HTTP/2 by GOAWAY,
                // which hyper can send only once it has seen which of the two it speaks.
                if !told && state.is_http2() && state.begun() {
                    told = true;
                    http.as_mut().graceful_shutdown();
                    continue;
                }
            }
            break;
        }
        loop {
            let deadline = state.deadline(limits, draining);
            // A timer that fires too early is set again; only one that would fire too late must be moved now. So a
            // busy connection never touches it.
            if deadline.at < timer.deadline() {
                timer.as_mut().reset(deadline.at);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if deadline.at <= now() {
                return Poll::Ready(End::Cut(deadline.with));
            }
            timer.as_mut().reset(deadline.at);
        }
    })
    .await
}

/// Writes the last answer where one is due, and closes.
async fn close<IO: AsyncRead + AsyncWrite + Unpin>(mut io: IO, end: End, connection: &Connection) {
    let limits = &connection.server.limits;
    let unread = match end {
        End::Done => connection.state.unread(),
        End::Cut(None) => false,
        End::Cut(Some(refusal)) => {
            let id = connection.server.ids.next();
            let response = refusal.answer(Form::Problem, &id);
            record::refused(connection.peer, response.status(), &id);
            let bytes = answer::raw(response).await;
            let written = timeout(limits.write_timeout, async {
                io.write_all(&bytes).await?;
                io.flush().await
            });
            matches!(written.await, Ok(Ok(())))
        }
    };
    if unread {
        linger(io, limits.linger).await;
    } else {
        // TLS says goodbye here; a peer that does not listen is left.
        let _ = timeout(limits.linger, io.shutdown()).await;
    }
}

/// Closes the sending side and reads on for a while. Closing with input unread would reset the connection, and the peer
/// would lose the answer it has not read yet (RFC 9112 §9.6).
pub(super) async fn linger<IO: AsyncRead + AsyncWrite + Unpin>(mut io: IO, time: Duration) {
    let _ = timeout(time, async {
        if io.shutdown().await.is_err() {
            return;
        }
        let mut sink = vec![0; 16 * 1024];
        let mut left = LINGER_BYTES;
        while let Ok(read @ 1..) = io.read(&mut sink).await {
            left = left.saturating_sub(read);
            if left == 0 {
                return;
            }
        }
    })
    .await;
}
