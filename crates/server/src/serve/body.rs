//! The bodies of one exchange: a request's, held to its size and time; an answer's, whose end is the exchange's end.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::{Sleep, sleep};

use super::answer::Refusal;
use super::connection::Connection;

/// What reading the body came to, for the answer: a handler sees only that reading failed.
#[derive(Clone, Debug, Default)]
pub(super) struct Verdict(Arc<AtomicU8>);

impl Verdict {
    pub(super) fn get(&self) -> Option<Refusal> {
        Refusal::from_number(self.0.load(Ordering::Relaxed))
    }

    fn set(&self, refusal: Refusal) -> Stopped {
        self.0.store(refusal as u8, Ordering::Relaxed);
        Stopped
    }
}

/// Why a handler's reading of the body failed; what the client hears is the verdict.
#[derive(Debug, thiserror::Error)]
#[error("the body was refused")]
pub(super) struct Stopped;

/// A request's body: at most so many bytes within so much time, and not compressed.
pub(super) struct Limited {
    body: Incoming,
    left: u64,
    time: Duration,
    /// Set only once the body keeps the handler waiting: most bodies are there with their heads.
    timer: Option<Pin<Box<Sleep>>>,
    encoded: bool,
    verdict: Verdict,
}

impl Limited {
    pub(super) fn new(body: Incoming, most: usize, time: Duration, encoded: bool, verdict: Verdict) -> Self {
        Self { body, left: most as u64, time, timer: None, encoded, verdict }
    }
}

impl hyper::body::Body for Limited {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        let this = self.get_mut();
        if this.encoded {
            return Poll::Ready(Some(Err(this.verdict.set(Refusal::ContentEncoding).into())));
        }
        if this.verdict.get().is_some() {
            return Poll::Ready(None);
        }
        let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) else {
            let time = this.time;
            let timer = this.timer.get_or_insert_with(|| Box::pin(sleep(time)));
            ready!(timer.as_mut().poll(cx));
            return Poll::Ready(Some(Err(this.verdict.set(Refusal::RequestTimeout).into())));
        };
        let length = match &frame {
            Some(Ok(frame)) => frame.data_ref().map_or(0, Bytes::len) as u64,
            _ => 0,
        };
        if let Some(Err(_)) = &frame {
            // Chunks that are none, a length that was not kept: no handler can make anything of it.
            return Poll::Ready(Some(Err(this.verdict.set(Refusal::BadRequest).into())));
        }
        match this.left.checked_sub(length) {
            Some(left) => this.left = left,
            None => return Poll::Ready(Some(Err(this.verdict.set(Refusal::PayloadTooLarge).into()))),
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        !self.encoded && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A request that is being handled or answered.
#[derive(Debug)]
pub(super) struct Active(pub(super) Arc<Connection>);

impl Drop for Active {
    fn drop(&mut self) {
        self.0.state.end();
    }
}

/// What an answer sends.
pub(super) enum Outgoing {
    /// All of it, until it is sent.
    Whole(Option<Bytes>),
    /// As a handler gives it.
    Streamed(Body),
}

impl Outgoing {
    /// All of it at once.
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self::Whole(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }
}

/// An answer's body. The request counts as in flight until all of it has been handed over.
pub(super) struct Tracked {
    body: Outgoing,
    _active: Active,
}

impl Tracked {
    pub(super) fn new(body: Outgoing, active: Active) -> Self {
        Self { body, _active: active }
    }
}

impl hyper::body::Body for Tracked {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match &mut self.body {
            Outgoing::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Outgoing::Streamed(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            Outgoing::Whole(bytes) => bytes.is_none(),
            Outgoing::Streamed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Outgoing::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Outgoing::Streamed(body) => body.size_hint(),
        }
    }
}
