//! Everything that any test of this process logs, at every level, as text. Look for what no other test writes.

use std::{
    fmt::{Debug, Write},
    sync::{
        Arc, Mutex, Once,
        atomic::{AtomicU64, Ordering},
    },
};

use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

static TEXT: Mutex<String> = Mutex::new(String::new());
static INSTALL: Once = Once::new();

/// From here on everything is written down.
pub(crate) fn capture() {
    INSTALL.call_once(|| tracing::subscriber::set_global_default(Capture::default()).unwrap());
}

/// The lines that hold `what`.
pub(crate) fn lines_with(what: &str) -> Vec<String> {
    TEXT.lock().unwrap().lines().filter(|line| line.contains(what)).map(str::to_owned).collect()
}

#[derive(Default)]
struct Capture {
    spans: Arc<AtomicU64>,
}

impl Subscriber for Capture {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &span::Attributes<'_>) -> span::Id {
        let mut line = Line(format!("SPAN {}", span.metadata().name()));
        span.record(&mut line);
        line.end();
        span::Id::from_u64(self.spans.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, _: &span::Id, values: &span::Record<'_>) {
        let mut line = Line("RECORD".into());
        values.record(&mut line);
        line.end();
    }

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(format!("{} {}", event.metadata().level(), event.metadata().target()));
        event.record(&mut line);
        line.end();
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Line(String);

impl Line {
    fn end(self) {
        let mut text = TEXT.lock().unwrap();
        text.push_str(&self.0.replace('\n', "\\n"));
        text.push('\n');
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }

    /// With the whole chain: a cause may say more than its effect.
    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        write!(self.0, " {}={value} {value:?}", field.name()).unwrap();
        let mut cause = value.source();
        while let Some(error) = cause {
            write!(self.0, " <- {error} {error:?}").unwrap();
            cause = error.source();
        }
    }
}
