//! Text for a terminal: what comes from elsewhere cannot speak to it, columns stand under each other, JSON for programs.

use std::{
    borrow::Cow,
    fmt::Write as _,
    io::{self, Write},
};

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};
use unicode_width::UnicodeWidthStr;

/// Whether a terminal would obey the character, or a reader be deceived by it: controls (C0, DEL, C1), marks of direction, line
/// separators, invisible and tag characters.
fn speaks(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

/// The text with every such character written out, as `\u{1b}`.
pub(super) fn safe(text: &str) -> Cow<'_, str> {
    if !text.contains(speaks) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if speaks(character) { out.extend(character.escape_unicode()) } else { out.push(character) }
    }
    Cow::Owned(out)
}

/// Whoever read standard output has read enough, as `head` does. Not a failure.
#[derive(Debug, thiserror::Error)]
#[error("nobody reads standard output any more")]
pub(super) struct NobodyReads;

/// What failed has been told already, where it belongs.
#[derive(Debug, thiserror::Error)]
#[error("told already")]
pub(super) struct SaidAlready;

/// Writes to standard output, and sees that it gets there.
fn write(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(NobodyReads.into()),
        written => written.context("standard output cannot be written to"),
    }
}

/// Writes a line to standard output.
pub(super) fn say(line: impl std::fmt::Display) -> Result<()> {
    write(&format!("{line}\n"))
}

/// Writes a line to standard error: what is said beside the result.
pub(super) fn remark(line: impl std::fmt::Display) {
    // Nowhere is left to say it if this fails.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// A value as indented JSON on standard output.
pub(super) fn print_json(value: &impl Serialize) -> Result<()> {
    say(json(value)?)
}

/// A value as indented JSON that is as harmless on a terminal as [`safe`] text.
pub(super) fn json(value: &impl Serialize) -> serde_json::Result<String> {
    let mut bytes = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut bytes, Harmless(PrettyFormatter::new())))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// JSON escapes C0 by itself; the rest of what a terminal obeys is escaped here.
struct Harmless(PrettyFormatter<'static>);

impl serde_json::ser::Formatter for Harmless {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        if !fragment.contains(speaks) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut out = String::new();
        for character in fragment.chars() {
            if speaks(character) {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    // Writing into a text cannot fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            } else {
                out.push(character);
            }
        }
        writer.write_all(out.as_bytes())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }
    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }
    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }
    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }
    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }
    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }
    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }
    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }
    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

/// A JSON array on standard output, an item at a time.
#[derive(Default)]
pub(super) struct JsonList {
    items: usize,
}

impl JsonList {
    /// Writes an item.
    pub(super) fn item(&mut self, value: &impl Serialize) -> Result<()> {
        let before = if self.items == 0 { "[\n  " } else { ",\n  " };
        self.items += 1;
        write(&format!("{before}{}", json(value)?.replace('\n', "\n  ")))
    }

    /// Writes the end.
    pub(super) fn end(self) -> Result<()> {
        say(if self.items == 0 { "[]" } else { "\n]" })
    }
}

/// Rows under each other. Columns are as wide as their widest cell so far, the last one as wide as it likes.
pub(super) struct Table<const N: usize> {
    widths: [usize; N],
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    /// A table with these headings.
    pub(super) fn new(headings: [&str; N]) -> Self {
        let mut table = Self { widths: [0; N], rows: Vec::new() };
        table.row(headings.map(str::to_owned));
        table
    }

    /// Adds a row, made harmless.
    pub(super) fn row(&mut self, cells: [String; N]) {
        let cells = cells.map(|cell| match safe(&cell) {
            Cow::Owned(escaped) => escaped,
            Cow::Borrowed("") => "-".to_owned(),
            Cow::Borrowed(_) => cell,
        });
        for (width, cell) in self.widths.iter_mut().zip(&cells) {
            *width = (*width).max(cell.width());
        }
        self.rows.push(cells);
    }

    /// Writes what was added since the last time.
    pub(super) fn print(&mut self) -> Result<()> {
        let mut lines = String::new();
        for row in self.rows.drain(..) {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&self.widths) {
                let gap = width.saturating_sub(cell.width()) + 2;
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', gap));
            }
            lines.push_str(line.trim_end());
            lines.push('\n');
        }
        write(&lines)
    }
}

/// Facts under each other, name and value: what a single thing is shown as.
pub(super) fn facts<'f>(facts: impl IntoIterator<Item = (&'f str, String)>) -> String {
    let facts: Vec<_> =
        facts.into_iter().map(|(name, value)| (safe(name), safe(&value).into_owned())).collect();
    let width = facts.iter().map(|(name, _)| name.width()).filter(|width| *width <= 24).max().unwrap_or(0);
    let line = |(name, value): &(Cow<'_, str>, String)| {
        let gap = width.saturating_sub(name.width());
        format!("{name}{:gap$}  {value}", "")
    };
    facts.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// `1 user`, `2 users`.
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "a\u{1b}[2J\u{7f}\u{9b}31m\u{202e}gpj\r\n\u{2028}\u{200b}\u{e0041}é漢\u{200d}";

    #[test]
    fn lg_03_nothing_speaks_to_the_terminal() {
        let shown = safe(HOSTILE);
        assert!(!shown.contains(speaks), "{shown}");
        assert!(
            shown.starts_with("a\\u{1b}[2J\\u{7f}\\u{9b}31m\\u{202e}gpj") && shown.ends_with("é漢\u{200d}")
        );
        assert!(matches!(safe("plain é"), Cow::Borrowed(_)));
    }

    #[test]
    fn lg_03_json_is_harmless_and_says_the_same() {
        let value = serde_json::json!({ HOSTILE: [HOSTILE, 1], "empty": {}, "none": [] });
        let text = json(&value).unwrap();
        assert!(!text.replace('\n', "").contains(speaks), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }

    #[test]
    fn columns_are_counted_in_cells_of_the_terminal() {
        let mut table = Table::new(["NAME", "ROLE"]);
        table.row(["漢字漢字".into(), String::new()]);
        assert_eq!(table.widths, [8, 4]);
        assert_eq!(table.rows[1][1], "-");
    }
}
