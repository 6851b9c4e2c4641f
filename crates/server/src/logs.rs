//! The log: one event, one line, on standard error.
//!
//! Owns how a line looks and which events there are (`[telemetry]`). Whatever an event says, what reaches the log is
//! cleaned here at the last moment: control characters are escaped, so that nothing forges a line or speaks to a terminal
//! (LG-03), and what looks like a credential of ours is cut (LG-01): a net below the rule that nobody logs one.
//!
//! Libraries are heard from `warn` upwards at most, because some of them would print headers below that.

use std::cell::RefCell;
use std::io::{self, IsTerminal, Write};
use std::panic::PanicHookInfo;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::SetGlobalDefaultError;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry, fmt};

use crate::config::{LogFormat, LogLevel, Telemetry};

/// Starts the log of this process, and has panics told in it.
///
/// # Errors
/// When the process has a log already.
pub fn start(settings: &Telemetry) -> Result<(), SetGlobalDefaultError> {
    let colour = settings.log_format == LogFormat::Readable && io::stderr().is_terminal();
    tracing::subscriber::set_global_default(subscriber(settings, io::stderr, colour))?;
    // Only whoever develops sees what a panic says: it may quote input.
    let quote = settings.log_format == LogFormat::Readable;
    std::panic::set_hook(Box::new(move |info| panicked(info, quote)));
    Ok(())
}

/// The log, written elsewhere: for tests. `colour` puts terminal codes in; values never carry any.
pub fn subscriber<W>(settings: &Telemetry, writer: W, colour: bool) -> impl Subscriber + Send + Sync + use<W>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let level = match settings.log_level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let targets = Targets::new().with_default(level.min(LevelFilter::WARN)).with_target("symbolon", level);
    let writer = Cleaning { writer, colour };
    let layer: Box<dyn Layer<Registry> + Send + Sync> = match settings.log_format {
        LogFormat::Json => fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .with_ansi(false)
            .with_writer(writer)
            .boxed(),
        LogFormat::Readable => fmt::layer().with_ansi(colour).with_writer(writer).boxed(),
    };
    Registry::default().with(layer.with_filter(targets))
}

thread_local! {
    /// Where this thread last panicked.
    static LAST_PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Where this thread last panicked, told once: `src/x.rs:10:5`.
pub(crate) fn last_panic() -> Option<String> {
    LAST_PANIC.try_with(|last| last.try_borrow_mut().ok()?.take()).ok()?
}

fn panicked(info: &PanicHookInfo<'_>, quote: bool) {
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let _ = LAST_PANIC.try_with(|last| {
        if let Ok(mut last) = last.try_borrow_mut() {
            *last = Some(place.clone());
        }
    });
    let payload = info.payload();
    let said = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let said = said.filter(|_| quote);
    let thread = std::thread::current();
    tracing::error!(place, said, thread = thread.name(), "panic");
}

/// Makes writers that clean what they write.
struct Cleaning<W> {
    writer: W,
    colour: bool,
}

impl<'w, W: MakeWriter<'w>> MakeWriter<'w> for Cleaning<W> {
    type Writer = Clean<W::Writer>;

    fn make_writer(&'w self) -> Self::Writer {
        Clean { writer: self.writer.make_writer(), colour: self.colour }
    }
}

/// Cleans each event, which arrives in one piece.
struct Clean<W> {
    writer: W,
    colour: bool,
}

impl<W: Write> Write for Clean<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        match clean(event, self.colour) {
            None => self.writer.write_all(event)?,
            Some(cleaned) => self.writer.write_all(&cleaned)?,
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// The prefixes of what must never be read in a log (`DESIGN.md` "Secrets on the wire"), and how much must follow.
const CREDENTIALS: [(&str, usize); 4] = [("ses_", 24), ("ref_", 24), ("key_", 24), ("eyJ", 16)];

/// One event made safe; `None` when it is so already. `colour` leaves the escape character alone, which the
/// formatter uses itself and takes out of values.
pub(crate) fn clean(event: &[u8], colour: bool) -> Option<Vec<u8>> {
    let (body, end) = match event.split_last() {
        Some((b'\n', body)) => (body, "\n"),
        _ => (event, ""),
    };
    let begins = |start: &[u8]| CREDENTIALS.iter().any(|(prefix, _)| start.starts_with(prefix.as_bytes()));
    let suspect = body.iter().enumerate().any(|(at, byte)| match byte {
        b's' | b'r' | b'k' | b'e' => begins(body.get(at..).unwrap_or_default()),
        0x20..=0x7e => false,
        0x1b => !colour,
        _ => true,
    });
    if !suspect {
        return None;
    }
    let text = String::from_utf8_lossy(body);
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text.as_ref();
    while let Some(c) = rest.chars().next() {
        if let Some((prefix, length)) = credential(rest) {
            out.push_str(prefix);
            out.push_str("***");
            rest = rest.get(length..).unwrap_or_default();
            continue;
        }
        if misleads(c) && !(colour && c == '\u{1b}') {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
    }
    out.push_str(end);
    Some(out.into_bytes())
}

/// A credential at the beginning of the text: its prefix, and the length of all of it.
fn credential(text: &str) -> Option<(&'static str, usize)> {
    let (prefix, least) = CREDENTIALS.iter().find(|(prefix, _)| text.starts_with(prefix))?;
    let length = text.bytes().take_while(|b| b.is_ascii_alphanumeric() || b"_-.~+/=".contains(b)).count();
    (length >= prefix.len() + least).then_some((*prefix, length))
}

/// Characters that end a line, move a cursor or turn text around.
fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(text: &str) -> String {
        clean(text.as_bytes(), false)
            .map_or_else(|| text.to_owned(), |bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn lg_03_an_event_stays_one_line_and_speaks_to_no_terminal() {
        for (event, line) in [
            ("plain\n", "plain\n"),
            ("Grüße, 東京\n", "Grüße, 東京\n"),
            ("a\nb\r\n", "a\\nb\\r\n"),
            ("\u{1b}[31mred\n", "\\u{1b}[31mred\n"),
            ("\u{9b}31m\n", "\\u{9b}31m\n"),
            ("a\u{2028}b\u{202e}c\n", "a\\u{2028}b\\u{202e}c\n"),
            ("\0\u{7f}\n", "\\u{0}\\u{7f}\n"),
        ] {
            assert_eq!(cleaned(event), line);
        }
        assert_eq!(clean(b"\x1b[32mINFO\x1b[0m\n", true), None);
    }

    #[test]
    fn lg_01_what_looks_like_a_credential_is_cut() {
        let secret = "A1b2-_".repeat(12);
        for (event, line) in [
            (format!("cookie ses_{secret}, next\n"), "cookie ses_***, next\n"),
            (format!("ref_{secret}"), "ref_***"),
            (format!("\"key_{secret}\""), "\"key_***\""),
            (format!("token=eyJ{secret}.{secret}.{secret} end"), "token=eyJ*** end"),
        ] {
            assert_eq!(cleaned(&event), line);
        }
        for harmless in ["key_rotation is due", "ref_count", "eyJ", "sessions"] {
            assert_eq!(cleaned(harmless), harmless);
        }
    }
}
