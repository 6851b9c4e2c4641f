//! The bytes of one connection on their way to and from hyper: watched, never changed.
//!
//! It holds heads to their limits before the parser has them, and tells the state what is going on, from which the
//! connection's deadlines follow. When hyper lets go, the stream goes back to the connection's task by way of the slot: so
//! a last answer can be written, and the connection closed without losing it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connection::Connection;
use super::frame::{Bounds, Framer};

/// Where the stream is put back.
pub(super) type Slot<IO> = Arc<Mutex<Option<IO>>>;

/// A watched stream.
pub(super) struct Wire<IO> {
    io: Option<IO>,
    framer: Framer,
    connection: Arc<Connection>,
    slot: Slot<IO>,
}

impl<IO> Wire<IO> {
    pub(super) fn new(io: IO, connection: Arc<Connection>, slot: Slot<IO>) -> Self {
        let limits = &connection.server.limits;
        let bounds =
            Bounds { head: limits.header_bytes, fields: limits.header_fields, uri: limits.uri_bytes };
        Self { io: Some(io), framer: Framer::new(bounds), connection, slot }
    }
}

impl<IO> Drop for Wire<IO> {
    fn drop(&mut self) {
        *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = self.io.take();
    }
}

/// The stream is gone only after `drop`.
fn gone() -> io::Error {
    io::ErrorKind::NotConnected.into()
}

impl<IO: AsyncRead + Unpin> AsyncRead for Wire<IO> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let state = &this.connection.state;
        if state.is_refused() {
            // The connection's task has the rest in hand, and looks after every poll.
            return Poll::Pending;
        }
        let Some(io) = &mut this.io else { return Poll::Ready(Err(gone())) };
        let before = buf.filled().len();
        ready!(Pin::new(io).poll_read(cx, buf))?;
        let new = buf.filled().get(before..).unwrap_or_default();
        if new.is_empty() {
            state.end_of_input();
            return Poll::Ready(Ok(()));
        }
        let followed = this.framer.follow(new);
        state.input(this.framer.in_head(), this.framer.at_boundary(), this.framer.is_http2());
        if let Err((good, refusal)) = followed {
            state.refuse(refusal);
            buf.set_filled(before + good);
            if good == 0 {
                return Poll::Pending;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> Wire<IO> {
    fn write<T>(
        self: Pin<&mut Self>,
        ends: bool,
        write: impl FnOnce(Pin<&mut IO>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let this = self.get_mut();
        let Some(io) = &mut this.io else { return Poll::Ready(Err(gone())) };
        let result = write(Pin::new(io));
        if result.is_pending() {
            this.connection.state.output(true);
        } else if ends {
            this.connection.state.output(false);
        }
        result
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Wire<IO> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.write(false, |io| io.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(false, |io| io.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    // hyper flushes once it has written everything: only then has the peer taken it all.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write(true, |io| io.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write(true, |io| io.poll_shutdown(cx))
    }
}
