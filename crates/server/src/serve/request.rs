//! One request: checked against the limits, handed to the router, and answered whatever happens there.

use std::any::Any;
use std::convert::Infallible;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, MatchedPath};
use axum::response::Response;
use http::header::{CONNECTION, CONTENT_ENCODING, HeaderValue, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, Method, Request, Version};
use hyper::body::{Body as _, Incoming};
use symbolon_http::RequestId;
use tokio::time::timeout;
use tower_layer::Layer;
use tower_service::Service;

use super::Server;
use super::answer::{self, Form, REQUEST_ID, Refusal};
use super::authority;
use super::body::{Active, Limited, Outgoing, Tracked, Verdict};
use super::connection::Connection;
use super::id::Id;
use super::limits::Limits;
use super::record::Record;
use crate::{logs, telemetry};

/// Answers one request of the connection. What memory has the answer to is answered on the spot.
pub(super) fn handle(connection: Arc<Connection>, request: Request<Incoming>) -> Answering {
    let (parts, body) = request.into_parts();
    let exchange = Exchange::begin(connection, &parts);
    if let Some(refusal) = check(&parts, &body, &exchange.server().limits) {
        return Answering::Now(Some(exchange.refuse(refusal, &parts)));
    }
    if body.is_end_stream()
        && let Some(at_once) = &exchange.server().at_once
    {
        match catch(|| at_once(&parts, exchange.connection.peer)) {
            Ok(None) => {}
            Ok(Some(answer)) => {
                let route = parts.uri.path();
                return Answering::Now(Some(exchange.finish(answer.map(Outgoing::whole), Some(route))));
            }
            Err(_) => {
                exchange.record.panicked(&logs::last_panic().unwrap_or_default());
                let answer = answer::internal(Form::of(&parts.uri), &exchange.id);
                return Answering::Now(Some(exchange.finish(answer.map(Outgoing::Streamed), None)));
            }
        }
    }
    Answering::Later(Box::pin(exchange.route(parts, body)))
}

/// What [`handle`] comes to.
pub(super) enum Answering {
    /// It is there.
    Now(Option<Response<Tracked>>),
    /// Through the router. On the heap: hyper moves what it waits for, and most need not be waited for.
    Later(Pin<Box<dyn Future<Output = Response<Tracked>> + Send>>),
}

impl Future for Answering {
    type Output = Result<Response<Tracked>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Now(answer) => answer.take().map_or(Poll::Pending, |answer| Poll::Ready(Ok(answer))),
            Self::Later(answering) => answering.as_mut().poll(cx).map(Ok),
        }
    }
}

/// One request from its head to its answer.
struct Exchange {
    connection: Arc<Connection>,
    active: Active,
    id: Id,
    record: Record,
    http2: bool,
}

impl Exchange {
    fn begin(connection: Arc<Connection>, parts: &Parts) -> Self {
        let started = connection.state.begin();
        let active = Active(Arc::clone(&connection));
        let id = connection.server.ids.next();
        let record = Record::new(&parts.method, &parts.uri, id, connection.peer, started);
        Self { connection, active, id, record, http2: parts.version == Version::HTTP_2 }
    }

    fn server(&self) -> &Server {
        &self.connection.server
    }

    fn refuse(self, refusal: Refusal, parts: &Parts) -> Response<Tracked> {
        let answer = with(shared(&self.connection, parts), refusal.answer(Form::of(&parts.uri), &self.id));
        self.finish(answer.map(Outgoing::Streamed), None)
    }

    /// Asks the router.
    async fn route(self, mut parts: Parts, body: Incoming) -> Response<Tracked> {
        let (connection, id) = (&self.connection, &self.id);
        let shared = shared(connection, &parts);
        // Handlers may name the request in their own events, by the extension; what a client sent under this name is gone.
        parts.headers.remove(REQUEST_ID);
        parts.extensions.insert(RequestId(Arc::from(&**id)));
        if let Some(peer) = connection.peer {
            parts.extensions.insert(ConnectInfo(peer));
        }
        let route = Route::default();
        if telemetry::is_on() {
            parts.extensions.insert(route.clone());
        }
        let form = Form::of(&parts.uri);
        let (body, verdict) = limited(&parts.headers, body, &connection.server.limits);
        let response = run(connection, Request::from_parts(parts, body), &self.record).await;
        let response = match (response, verdict.and_then(|verdict| verdict.get())) {
            // What the handler made of a body it could not read does not matter.
            (_, Some(refusal)) => with(shared, refusal.answer(form, id)),
            (Ok(response), None) => response,
            (Err(Failure::Panic), None) => with(shared, answer::internal(form, id)),
            (Err(Failure::Time), None) => with(shared, Refusal::HandlerTimeout.answer(form, id)),
        };
        self.finish(response.map(Outgoing::Streamed), route.0.get().map(MatchedPath::as_str))
    }

    fn finish(mut self, mut response: Response<Outgoing>, route: Option<&str>) -> Response<Tracked> {
        self.record.finish(response.status(), route);
        let headers = response.headers_mut();
        headers.insert(REQUEST_ID, answer::id_value(&self.id));
        if !self.http2 && self.server().is_stopping() {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response.map(|body| Tracked::new(body, self.active))
    }
}

/// The fields that let a page of another origin read what the listener itself answers.
fn shared(connection: &Connection, parts: &Parts) -> HeaderMap {
    match &connection.server.sharing {
        Some(rule) if parts.headers.contains_key(ORIGIN) => rule(&parts.uri, &parts.headers),
        _ => HeaderMap::new(),
    }
}

fn with(shared: HeaderMap, mut response: Response) -> Response {
    response.headers_mut().extend(shared);
    response
}

/// The limits that need no handler (`CONTRACT.md`: "limits → route, method → …").
fn check(parts: &Parts, body: &Incoming, limits: &Limits) -> Option<Refusal> {
    let target = parts.uri.path_and_query().map_or(0, |target| target.as_str().len());
    if target > limits.uri_bytes {
        Some(Refusal::UriTooLong)
    } else if parts.headers.len() > limits.header_fields {
        Some(Refusal::HeadersTooLarge)
    } else if body.size_hint().lower() > limits.body_bytes as u64 {
        Some(Refusal::PayloadTooLarge)
    } else if !authority::is_plain(parts) && parts.method != Method::CONNECT {
        Some(Refusal::BadAuthority)
    } else if parts.method == Method::TRACE || parts.method == Method::CONNECT {
        Some(Refusal::Method)
    } else {
        None
    }
}

/// The body as the handler gets it. A compressed one fails when it is read and not before: credential and right are
/// asked first. With it, what reading it comes to.
fn limited(headers: &HeaderMap, body: Incoming, limits: &Limits) -> (Body, Option<Verdict>) {
    if body.is_end_stream() {
        return (Body::empty(), None);
    }
    let verdict = Verdict::default();
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    let encoded = codings.any(|coding| !coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity"));
    let body = Limited::new(body, limits.body_bytes, limits.body_timeout, encoded, verdict.clone());
    (Body::new(body), Some(verdict))
}

/// Why a handler gave no answer.
enum Failure {
    Panic,
    Time,
}

/// Runs the router, for so long, and whatever it does.
async fn run(connection: &Connection, request: Request<Body>, record: &Record) -> Result<Response, Failure> {
    let answered = match catch(|| connection.server.router.clone().call(request)) {
        Ok(handler) => poll(handler, connection.server.limits.handler_timeout).await,
        Err(failure) => Err(failure),
    };
    match &answered {
        Ok(_) => {}
        Err(Failure::Panic) => record.panicked(&logs::last_panic().unwrap_or_default()),
        Err(Failure::Time) => record.timed_out(),
    }
    answered
}

/// Polls a handler to its end, for so long.
async fn poll(
    handler: impl Future<Output = Result<Response, Infallible>>,
    time: Duration,
) -> Result<Response, Failure> {
    let mut handler = pin!(handler);
    let mut caught = pin!(poll_fn(|cx| match catch(|| handler.as_mut().poll(cx)) {
        Ok(poll) => poll.map(|Ok(response)| Ok(response)),
        Err(failure) => Poll::Ready(Err(failure)),
    }));
    // Most answer at once, from memory, and need no clock.
    let first = poll_fn(|cx| Poll::Ready(caught.as_mut().poll(cx))).await;
    match first {
        Poll::Ready(answered) => answered,
        Poll::Pending => timeout(time, caught).await.unwrap_or(Err(Failure::Time)),
    }
}

/// What a panic leaves half done nobody looks at again: the future is dropped, and locks that a panic may poison are their owners'
/// business (they take the value out of the poison).
fn catch<T>(run: impl FnOnce() -> T) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|payload| {
        forget(payload);
        Failure::Panic
    })
}

/// Drops what a panic carried. It may quote what it stumbled over, so it is never logged; and its own `drop` may panic.
fn forget(payload: Box<dyn Any + Send>) {
    let _ = catch_unwind(AssertUnwindSafe(move || drop(payload)));
}

/// The route template a request came to, for the metrics.
#[derive(Clone, Debug, Default)]
struct Route(Arc<OnceLock<MatchedPath>>);

/// Puts the route template where the listener finds it. It must lie on the router, inside routing.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoteRoute;

impl<S> Layer<S> for NoteRoute {
    type Service = NoteRouteService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        NoteRouteService(inner)
    }
}

/// See [`NoteRoute`].
#[derive(Clone, Debug)]
pub(super) struct NoteRouteService<S>(S);

impl<S: Service<Request<Body>>> Service<Request<Body>> for NoteRouteService<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let extensions = request.extensions();
        if let (Some(note), Some(matched)) = (extensions.get::<Route>(), extensions.get::<MatchedPath>()) {
            // Set already only where one server's router contains another's; the outer one is right.
            let _ = note.0.set(matched.clone());
        }
        self.0.call(request)
    }
}
