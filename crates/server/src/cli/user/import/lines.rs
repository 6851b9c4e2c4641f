//! Lines of a file of any size, each of bounded length.

use std::io::{self, BufRead};

/// The longest line that is looked at; the rest of a longer one is passed over. A user with the largest profile needs a tenth.
pub(super) const LONGEST: usize = 64 * 1024;

/// A line, without its end.
#[derive(Debug, PartialEq)]
pub(super) enum Line {
    Text(String),
    TooLong,
    NotUtf8,
}

/// Reads the next line; `None` at the end.
///
/// # Errors
/// Those of the file.
pub(super) fn next(from: &mut impl BufRead) -> io::Result<Option<Line>> {
    let mut line = Vec::new();
    let (mut any, mut too_long) = (false, false);
    loop {
        let chunk = from.fill_buf()?;
        if chunk.is_empty() {
            break;
        }
        any = true;
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let text = end.map_or(chunk, |end| &chunk[..end]);
        too_long |= line.len() + text.len() > LONGEST;
        if !too_long {
            line.extend_from_slice(text);
        }
        let used = text.len() + usize::from(end.is_some());
        from.consume(used);
        if end.is_some() {
            break;
        }
    }
    if !any {
        return Ok(None);
    }
    if too_long {
        return Ok(Some(Line::TooLong));
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(Some(String::from_utf8(line).map_or(Line::NotUtf8, Line::Text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_bounded_and_counted_on() {
        let long = "x".repeat(LONGEST + 1);
        let all = format!("a\r\n\n{long}\n{}\nlast", &long[1..]);
        let mut reader =
            io::BufReader::with_capacity(7, [all.as_bytes(), b"\n\xff\n"].concat().leak() as &[u8]);
        let mut read = Vec::new();
        while let Some(line) = next(&mut reader).unwrap() {
            read.push(line);
        }
        let text = |text: &str| Line::Text(text.to_owned());
        assert_eq!(read, [text("a"), text(""), Line::TooLong, text(&long[1..]), text("last"), Line::NotUtf8]);
    }
}
