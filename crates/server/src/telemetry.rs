//! Metrics, in the text form of Prometheus, on a listener of their own.
//!
//! Owns the recorder, `GET /metrics`, and what is counted of HTTP and of the process; what the engine counts itself is read when the page
//! is (`engine.rs`). Every name stands in `docs/OPERATIONS.md`. Labels are bounded by the program
//! and never come from a client: a route is a template of the router, a method one of nine, a status its class (LG-06).
//! Without `telemetry.listen` nothing is recorded at all.

mod engine;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http::{Method, StatusCode, header};
use metrics::{
    Counter, Gauge, Histogram, counter, describe_counter, describe_gauge, describe_histogram, gauge,
    histogram,
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use symbolon::Symbolon;

use crate::serve::{BindError, Limits, Listener, Running};

const REQUESTS: &str = "symbolon_http_requests_total";
const DURATION: &str = "symbolon_http_request_duration_seconds";
const CONNECTIONS: &str = "symbolon_http_connections";
const REFUSED: &str = "symbolon_http_refused_total";
const ABANDONED: &str = "symbolon_http_abandoned_total";
const CROWDED: &str = "symbolon_http_connections_refused_total";
const HANDSHAKES: &str = "symbolon_tls_handshake_failures_total";

/// Upper bounds in seconds: from a check in memory to the time a handler is given.
const BUCKETS: [f64; 15] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Histograms gather samples until they are asked for or swept.
const UPKEEP: Duration = Duration::from_secs(5);

/// The methods that are told apart; the last stands for all others.
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "other"];
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

static ON: AtomicBool = AtomicBool::new(false);

/// Why there are no metrics.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// The address cannot be had.
    #[error("telemetry.listen: {0}")]
    Bind(#[from] BindError),
    /// The process records metrics already.
    #[error("metrics are recorded already in this process")]
    Twice,
    /// The exporter refuses its settings: a defect.
    #[error("the metrics recorder cannot be made: {0}")]
    Recorder(#[from] metrics_exporter_prometheus::BuildError),
}

/// Metrics that are served, until the process ends.
pub struct Telemetry {
    running: Running,
    engine: Arc<OnceLock<Symbolon>>,
}

impl Telemetry {
    /// Where they are served.
    pub fn address(&self) -> SocketAddr {
        self.running.address()
    }

    /// From now on what this engine counts is told too. Of several engines the first.
    pub fn tell_of(&self, engine: Symbolon) {
        let _ = self.engine.set(engine);
    }
}

/// Starts recording and serves `GET /metrics` on `listen`, once per process. Must be called on a runtime, before anything is
/// counted.
///
/// # Errors
/// [`TelemetryError`], when the address cannot be had or metrics are on already.
pub fn start(listen: SocketAddr) -> Result<Telemetry, TelemetryError> {
    let limits = Limits { connections: 64, ..Limits::default() };
    let listener = Listener::bind(listen, limits)?;
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS)?
        .build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|_| TelemetryError::Twice)?;
    describe();
    ON.store(true, Ordering::Release);
    let sweeping = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            sweeping.run_upkeep();
        }
    });
    let engine = Arc::new(OnceLock::new());
    let told = Arc::clone(&engine);
    let page = async move || page(&handle, told.get()).await;
    Ok(Telemetry { running: listener.serve(Router::new().route("/metrics", get(page))), engine })
}

/// The page as Prometheus reads it.
async fn page(
    handle: &PrometheusHandle,
    engine: Option<&Symbolon>,
) -> ([(header::HeaderName, &'static str); 2], String) {
    process();
    let headers = [
        (header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    let mut page = handle.render();
    if let Some(engine) = engine {
        page.push_str(&engine::page(engine).await);
    }
    (headers, page)
}

fn describe() {
    describe_counter!(REQUESTS, "Requests answered, by route template, method and class of status.");
    describe_histogram!(
        DURATION,
        "Time from a request's head to its answer's head, by route template and method."
    );
    describe_gauge!(CONNECTIONS, "Open connections.");
    describe_counter!(REFUSED, "Requests refused before they were parsed, by status.");
    describe_counter!(ABANDONED, "Requests whose client left before the answer.");
    describe_counter!(CROWDED, "Connections closed at once because their address had too many.");
    describe_counter!(HANDSHAKES, "TLS handshakes that failed.");
    describe_gauge!("process_resident_memory_bytes", "Memory of this process that is in use.");
    describe_gauge!("process_open_fds", "Files and sockets this process has open.");
    describe_gauge!("process_threads", "Threads of this process.");
    gauge!("symbolon_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    // There from the beginning: what is missing cannot be told from what is zero, and a first increase would be seen by nobody.
    for counter in [ABANDONED, CROWDED, HANDSHAKES] {
        counter!(counter).increment(0);
    }
    gauge!(CONNECTIONS).set(0.0);
}

/// Asks the operating system about this process; where it does not say, the numbers are absent.
fn process() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u32>().ok()
    };
    if let Some(kib) = field("VmRSS:") {
        gauge!("process_resident_memory_bytes").set(f64::from(kib) * 1024.0);
    }
    if let Some(threads) = field("Threads:") {
        gauge!("process_threads").set(f64::from(threads));
    }
    if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
        // One of them is the folder being read.
        gauge!("process_open_fds")
            .set(f64::from(u32::try_from(files.count()).unwrap_or(u32::MAX).saturating_sub(1)));
    }
}

/// Whether anything is recorded.
pub(crate) fn is_on() -> bool {
    ON.load(Ordering::Relaxed)
}

/// The name under which a method is counted and logged.
pub(crate) fn method(method: &Method) -> &'static str {
    METHODS.get(place(method)).copied().unwrap_or("other")
}

fn place(method: &Method) -> usize {
    METHODS.iter().position(|name| *name == method.as_str()).unwrap_or(METHODS.len() - 1)
}

/// What is counted of one route. Handles are looked up once: the registry hashes every label on each look.
#[derive(Default)]
struct PerRoute {
    requests: [[OnceLock<Counter>; CLASSES.len()]; METHODS.len()],
    duration: [OnceLock<Histogram>; METHODS.len()],
}

/// By template; as many as the router has.
static ROUTES: RwLock<Option<HashMap<String, Arc<PerRoute>>>> = RwLock::new(None);

fn per_route(route: &str) -> Arc<PerRoute> {
    let known = ROUTES.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = known.as_ref().and_then(|routes| routes.get(route)) {
        return Arc::clone(found);
    }
    drop(known);
    let mut routes = ROUTES.write().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(routes.get_or_insert_default().entry(route.to_owned()).or_default())
}

/// Counts an answered request. `route` is a template; `None`: no route matched, or none was asked.
pub(crate) fn request(route: Option<&str>, verb: &Method, status: StatusCode, took: Duration) {
    if !is_on() {
        return;
    }
    let name = route.unwrap_or("none");
    let counted = per_route(name);
    let (verb, class) = (place(verb), usize::from(status.as_u16() / 100).saturating_sub(1));
    let label = METHODS.get(verb).copied().unwrap_or("other");
    if let Some(requests) = counted.requests.get(verb).and_then(|classes| classes.get(class)) {
        let class = CLASSES.get(class).copied().unwrap_or("other");
        requests
            .get_or_init(
                || counter!(REQUESTS, "route" => name.to_owned(), "method" => label, "status" => class),
            )
            .increment(1);
    }
    if let Some(duration) = counted.duration.get(verb) {
        duration
            .get_or_init(|| histogram!(DURATION, "route" => name.to_owned(), "method" => label))
            .record(took);
    }
}

/// Counts a request that was refused before it was one.
pub(crate) fn refused(status: StatusCode) {
    if is_on() {
        counter!(REFUSED, "status" => status.as_u16().to_string()).increment(1);
    }
}

/// Counts a request whose client left.
pub(crate) fn abandoned() {
    if is_on() {
        counter!(ABANDONED).increment(1);
    }
}

/// Counts a connection closed because its address had too many.
pub(crate) fn crowded() {
    if is_on() {
        counter!(CROWDED).increment(1);
    }
}

/// Counts a TLS handshake that failed.
pub(crate) fn handshake_failed() {
    if is_on() {
        counter!(HANDSHAKES).increment(1);
    }
}

/// An open connection, as long as it is held.
pub(crate) struct Open(Option<Gauge>);

/// Counts a connection in, and out when what is returned is dropped.
pub(crate) fn connection() -> Open {
    let open = is_on().then(|| gauge!(CONNECTIONS));
    if let Some(gauge) = &open {
        gauge.increment(1.0);
    }
    Open(open)
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(gauge) = &self.0 {
            gauge.decrement(1.0);
        }
    }
}
