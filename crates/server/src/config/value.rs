//! How the text of a setting becomes a value: durations, sizes, numbers, switches, lists, paths, addresses.
//!
//! A type says in `WANTS` what a good value looks like, so that every refusal can show one.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// A value as a layer holds it, before it means anything.
#[derive(Clone, Debug)]
pub(super) enum Found {
    /// From the environment or a flag: everything is text there.
    Loose(String),
    /// A string of the file.
    Text(String),
    /// A whole number of the file.
    Integer(i64),
    /// `true` or `false` in the file.
    Boolean(bool),
    /// A list of strings in the file.
    List(Vec<String>),
    /// A table of strings in the file.
    Table(Vec<(String, String)>),
    /// Anything else in the file, by its kind.
    Other(&'static str),
}

impl Found {
    /// The text, from whichever layer.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Loose(text) => Some(text.trim()),
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Why a value is refused: `None` when showing what is wanted says it all.
pub(super) type Refused = Option<String>;

/// A type that settings have.
pub(super) trait Value: Sized {
    /// What a good value looks like: `a duration such as "30s"`.
    const WANTS: &'static str;
    /// Whether an empty environment variable means an empty list, and not "unset".
    const LIST: bool = false;
    /// Reads it.
    fn read(found: &Found) -> Result<Self, Refused>;
    /// As it would be written in the file. A secret masks itself here.
    fn show(&self) -> String;
}

impl Value for Duration {
    const WANTS: &'static str = "a duration such as \"30s\", \"5m\", \"12h\" or \"14d\"";

    fn read(found: &Found) -> Result<Self, Refused> {
        if let Found::Integer(number) = found {
            return Err(Some(format!("the number {number} has no unit")));
        }
        parse_duration(found.text().ok_or(None)?).ok_or(None)
    }

    fn show(&self) -> String {
        format!("\"{}\"", duration(*self))
    }
}

/// `1h30m` → 5400 s. Units `ms s m h d w`, each at most once and in falling order; a unit is obligatory.
fn parse_duration(text: &str) -> Option<Duration> {
    const UNITS: [(&str, u64); 6] =
        [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
    let (mut rest, mut millis, mut last) = (text, 0_u64, None);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest.get(..digits)?.parse().ok()?;
        rest = rest.get(digits..)?;
        let letters = rest.bytes().take_while(u8::is_ascii_lowercase).count();
        let place = UNITS.iter().position(|(name, _)| Some(*name) == rest.get(..letters))?;
        if last.is_some_and(|last| place <= last) {
            return None;
        }
        last = Some(place);
        rest = rest.get(letters..)?;
        millis = millis.checked_add(number.checked_mul(UNITS.get(place)?.1)?)?;
    }
    last.map(|_| Duration::from_millis(millis))
}

/// The shortest exact form: `5m`, `24h`, `14d`, `1500ms`.
pub(crate) fn duration(value: Duration) -> String {
    let millis = value.as_millis();
    for (unit, size, from) in [("d", 86_400_000, 2), ("h", 3_600_000, 1), ("m", 60_000, 1), ("s", 1_000, 0)] {
        if millis.is_multiple_of(size) && millis / size >= from {
            return format!("{}{unit}", millis / size);
        }
    }
    format!("{millis}ms")
}

/// A number of bytes, written `65536`, `"64KiB"` or `"1MiB"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Size(pub(super) usize);

impl Value for Size {
    const WANTS: &'static str = "a number of bytes such as 65536 or \"64KiB\"";

    fn read(found: &Found) -> Result<Self, Refused> {
        if let Found::Integer(number) = found {
            return usize::try_from(*number).map(Self).map_err(|_| None);
        }
        let text = found.text().ok_or(None)?;
        let (digits, unit) = match text {
            _ if text.ends_with("KiB") => (text.trim_end_matches("KiB"), 1024),
            _ if text.ends_with("MiB") => (text.trim_end_matches("MiB"), 1024 * 1024),
            _ => (text, 1),
        };
        digits.trim_end().parse().ok().and_then(|n: usize| n.checked_mul(unit)).map(Self).ok_or(None)
    }

    fn show(&self) -> String {
        match self.0 {
            n if n >= 1024 * 1024 && n % (1024 * 1024) == 0 => format!("\"{}MiB\"", n / (1024 * 1024)),
            n if n >= 1024 && n % 1024 == 0 => format!("\"{}KiB\"", n / 1024),
            n => n.to_string(),
        }
    }
}

macro_rules! whole_number {
    ($($type:ty),*) => {$(
        impl Value for $type {
            const WANTS: &'static str = "a whole number";

            fn read(found: &Found) -> Result<Self, Refused> {
                match found {
                    Found::Integer(number) => Self::try_from(*number).map_err(|_| None),
                    Found::Loose(text) => text.trim().parse().map_err(|_| None),
                    _ => Err(None),
                }
            }

            fn show(&self) -> String {
                self.to_string()
            }
        }
    )*};
}
whole_number!(u32, u64, usize);

impl Value for bool {
    const WANTS: &'static str = "true or false";

    fn read(found: &Found) -> Result<Self, Refused> {
        match found {
            Found::Boolean(value) => Ok(*value),
            Found::Loose(text) => text.trim().parse().map_err(|_| None),
            Found::Text(_) => Err(Some("it stands in quotation marks".to_owned())),
            _ => Err(None),
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for String {
    const WANTS: &'static str = "a text in quotation marks";

    fn read(found: &Found) -> Result<Self, Refused> {
        let text = found.text().ok_or(None)?;
        if text.chars().any(char::is_control) {
            return Err(Some("it holds a control character".to_owned()));
        }
        Ok(text.to_owned())
    }

    fn show(&self) -> String {
        format!("\"{}\"", self.escape_debug())
    }
}

impl Value for PathBuf {
    const WANTS: &'static str = "a path in quotation marks";

    fn read(found: &Found) -> Result<Self, Refused> {
        match found.text() {
            Some(text) if !text.is_empty() && !text.contains('\0') => Ok(Self::from(text)),
            _ => Err(None),
        }
    }

    fn show(&self) -> String {
        self.to_string_lossy().into_owned().show()
    }
}

impl Value for SocketAddr {
    const WANTS: &'static str = "an address and a port such as \"127.0.0.1:7117\" or \"[::1]:7117\"";

    fn read(found: &Found) -> Result<Self, Refused> {
        found.text().ok_or(None)?.parse().map_err(|_| None)
    }

    fn show(&self) -> String {
        format!("\"{self}\"")
    }
}

/// A setting that may be absent; `off` says so in words.
impl<T: Value> Value for Option<T> {
    const WANTS: &'static str = T::WANTS;

    fn read(found: &Found) -> Result<Self, Refused> {
        match found.text() {
            Some("off") => Ok(None),
            _ => T::read(found).map(Some),
        }
    }

    fn show(&self) -> String {
        self.as_ref().map_or_else(|| "\"off\"".to_owned(), T::show)
    }
}

/// A list: `["a", "b"]` in the file, `a,b` elsewhere.
impl<T: Value> Value for Vec<T> {
    const WANTS: &'static str = T::WANTS;
    const LIST: bool = true;

    fn read(found: &Found) -> Result<Self, Refused> {
        let read_all = |items: &mut dyn Iterator<Item = &str>| {
            items
                .map(|item| {
                    T::read(&Found::Text(item.to_owned())).map_err(|reason| {
                        let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
                        Some(format!("\"{}\" in the list is not one{reason}", item.escape_debug()))
                    })
                })
                .collect()
        };
        match found {
            Found::List(items) => read_all(&mut items.iter().map(String::as_str)),
            Found::Loose(text) if text.trim().is_empty() => Ok(Self::new()),
            Found::Loose(text) => read_all(&mut text.split(',').map(str::trim)),
            _ => Err(Some("it must be a list, in square brackets".to_owned())),
        }
    }

    fn show(&self) -> String {
        format!("[{}]", self.iter().map(T::show).collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_want_a_unit_and_say_themselves_shortly() {
        for (text, seconds) in
            [("30s", 30), ("5m", 300), ("1h30m", 5_400), ("14d", 1_209_600), ("2w", 1_209_600)]
        {
            assert_eq!(parse_duration(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(parse_duration("250ms"), Some(Duration::from_millis(250)));
        for text in
            ["", "5", "m", "-5m", "5 m", "1.5h", "5M", "30s5m", "1m1m", "99999999999999999999d", "5min"]
        {
            assert_eq!(parse_duration(text), None, "{text}");
        }
        for (millis, text) in
            [(300_000, "5m"), (86_400_000, "24h"), (1_209_600_000, "14d"), (1_500, "1500ms")]
        {
            assert_eq!(duration(Duration::from_millis(millis)), text);
        }
        assert_eq!(duration(Duration::ZERO), "0s");
    }

    #[test]
    fn sizes_read_back_what_they_show() {
        for (text, bytes) in [("64KiB", 65_536), ("1MiB", 1_048_576), ("1000", 1_000)] {
            let size = Size::read(&Found::Loose(text.to_owned())).unwrap();
            assert_eq!((size.0, size.show().trim_matches('"')), (bytes, text));
        }
        for text in ["", "KiB", "-1", "1kb", "99999999999999999999MiB"] {
            assert!(Size::read(&Found::Loose(text.to_owned())).is_err(), "{text}");
        }
    }

    #[test]
    fn a_quoted_switch_and_a_bare_text_for_a_list_are_explained() {
        assert!(bool::read(&Found::Text("true".to_owned())).unwrap_err().unwrap().contains("quotation"));
        assert!(Vec::<String>::read(&Found::Text("a".to_owned())).unwrap_err().unwrap().contains("brackets"));
        assert_eq!(Vec::<String>::read(&Found::Loose("a, b".to_owned())).unwrap(), ["a", "b"]);
        assert!(Vec::<String>::read(&Found::Loose(String::new())).unwrap().is_empty());
    }
}
