//! The one place where the listener reads a clock. It is the edge: deadlines of sockets are real time.

use tokio::time::Instant;

/// Now, by the runtime's clock.
#[expect(clippy::disallowed_methods, reason = "the listener is the edge; its deadlines are those of sockets")]
pub(super) fn now() -> Instant {
    Instant::now()
}
