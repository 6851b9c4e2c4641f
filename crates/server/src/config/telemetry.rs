//! `[telemetry]`: metrics and logs.

use std::net::SocketAddr;

use super::reader::Reader;
use super::value::{Found, Refused, Value};

/// The effective `[telemetry]`.
#[derive(Clone, Copy, Debug)]
pub struct Telemetry {
    /// Where `GET /metrics` is served, on a listener of its own; absent: no metrics.
    pub listen: Option<SocketAddr>,
    /// How a line of the log looks.
    pub log_format: LogFormat,
    /// The least severe event that is logged.
    pub log_level: LogLevel,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// For people; in colour on a terminal.
    Readable,
}

/// The least severe event that is logged. It holds for this program; its libraries never log below `warn`, because
/// some of them would print headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Nothing at all.
    Off,
    /// Defects and losses.
    Error,
    /// What somebody should look at.
    Warn,
    /// Every request.
    Info,
    /// Decisions on the way.
    Debug,
    /// Everything.
    Trace,
}

impl Value for LogFormat {
    const WANTS: &'static str = "\"json\" or \"readable\"";

    fn read(found: &Found) -> Result<Self, Refused> {
        match found.text() {
            Some("json") => Ok(Self::Json),
            Some("readable") => Ok(Self::Readable),
            _ => Err(None),
        }
    }

    fn show(&self) -> String {
        if *self == Self::Json { "\"json\"".to_owned() } else { "\"readable\"".to_owned() }
    }
}

const LEVELS: [(&str, LogLevel); 6] = [
    ("off", LogLevel::Off),
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
    ("trace", LogLevel::Trace),
];

impl Value for LogLevel {
    const WANTS: &'static str = "\"off\", \"error\", \"warn\", \"info\", \"debug\" or \"trace\"";

    fn read(found: &Found) -> Result<Self, Refused> {
        let text = found.text().ok_or(None)?;
        LEVELS.iter().find(|(name, _)| *name == text).map(|(_, level)| *level).ok_or(None)
    }

    fn show(&self) -> String {
        let name = LEVELS.iter().find(|(_, level)| level == self).map_or("", |(name, _)| *name);
        format!("\"{name}\"")
    }
}

pub(super) fn read(reader: &mut Reader) -> Telemetry {
    let mut s = reader.section("telemetry");
    Telemetry {
        listen: s.setting("listen", None).take(),
        log_format: s.setting("log_format", LogFormat::Json).dev(LogFormat::Readable).take(),
        log_level: s.setting("log_level", LogLevel::Info).take(),
    }
}
