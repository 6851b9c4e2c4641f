//! Follows the HTTP/1 messages of a connection as their bytes pass by, to hold each head to its limits before the parser
//! has it, and to refuse what two parsers might read differently (RFC 9112 §6.1, §6.3, §11.2).
//!
//! It decides nothing else: hyper alone interprets requests. Where it loses the thread (HTTP/2, a body it cannot
//! follow) it lets everything pass, and hyper's own limits and refusals hold.

use std::iter;

use memchr::memchr;

use super::answer::Refusal;

/// What a head may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) head: usize,
    pub(super) fields: usize,
    pub(super) uri: usize,
}

/// Enough of a line for `transfer-encoding` and any value it may have here.
const KEPT: usize = 64;

/// Where in the stream of messages the next byte stands.
#[derive(Debug)]
enum At {
    /// Before or in a head.
    Head(Head),
    /// In a body, so many bytes before its end.
    Body(u64),
    /// In a chunked body.
    Chunked(Chunked),
    /// HTTP/2 from here on.
    Http2,
    /// In a body that cannot be followed.
    Unknown,
}

/// A head so far.
#[derive(Debug)]
struct Head {
    bytes: usize,
    lines: usize,
    /// The beginning of a line that has not ended yet: as much as tells which field it is and, for the two that
    /// frame a body, its value. A line that arrives whole is never copied.
    kept: [u8; KEPT],
    line_bytes: usize,
    length: Option<u64>,
    chunked: bool,
    http2: bool,
}

#[derive(Debug)]
enum Chunked {
    /// In a size line: the size so far, whether its digits have ended, bytes of the line.
    Size { size: u64, over: bool, bytes: usize },
    /// In chunk data and the line end behind it.
    Data(u64),
    /// In the trailer section: bytes of the current line, bytes of all.
    Trailer { line: usize, bytes: usize },
}

/// The follower of one connection.
#[derive(Debug)]
pub(super) struct Framer {
    bounds: Bounds,
    at: At,
}

impl Framer {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds, at: At::Head(Head::new()) }
    }

    /// Whether a head has begun and not ended.
    pub(super) fn in_head(&self) -> bool {
        matches!(&self.at, At::Head(head) if head.bytes > 0)
    }

    /// Whether the last message has been read to its end.
    pub(super) fn at_boundary(&self) -> bool {
        matches!(&self.at, At::Head(head) if head.bytes == 0)
    }

    /// Whether the client speaks HTTP/2.
    pub(super) fn is_http2(&self) -> bool {
        matches!(self.at, At::Http2)
    }

    /// Follows these bytes. When a head is refused: how many of them came before it, and why.
    pub(super) fn follow(&mut self, mut bytes: &[u8]) -> Result<(), (usize, Refusal)> {
        let all = bytes.len();
        while !bytes.is_empty() {
            let used = match &mut self.at {
                At::Http2 | At::Unknown => return Ok(()),
                At::Body(left) => {
                    let used = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    *left -= used as u64;
                    if *left == 0 {
                        self.at = At::Head(Head::new());
                    }
                    used
                }
                At::Head(_) => {
                    let begins = all - bytes.len();
                    self.head(bytes).map_err(|refusal| (begins, refusal))?
                }
                At::Chunked(_) => self.chunked(bytes),
            };
            bytes = bytes.get(used..).unwrap_or_default();
        }
        Ok(())
    }

    /// Follows a head; tells how many bytes were of it.
    fn head(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        let At::Head(head) = &mut self.at else { return Ok(0) };
        let mut used = 0;
        for part in lines(bytes) {
            // Empty lines before a request are skipped by every parser.
            used += part.len();
            if head.bytes == 0 && matches!(part, b"\r\n" | b"\n" | b"\r") {
                continue;
            }
            let before = head.line_bytes;
            head.bytes += part.len();
            head.line_bytes += part.len();
            // The request line is a target and at most 32 bytes around it.
            if head.lines == 0 && head.line_bytes > self.bounds.uri + 32 {
                return Err(Refusal::UriTooLong);
            }
            if head.bytes > self.bounds.head {
                return Err(Refusal::HeadersTooLarge);
            }
            let ended = part.last() == Some(&b'\n');
            let kept;
            let line = if before == 0 && ended {
                part
            } else {
                // What does not fit is told from `line_bytes`.
                for (to, from) in head.kept.iter_mut().skip(before).zip(part) {
                    *to = *from;
                }
                kept = head.kept;
                kept.get(..head.line_bytes).unwrap_or(&kept)
            };
            if !ended {
                return Ok(used);
            }
            let line_bytes = std::mem::take(&mut head.line_bytes);
            head.lines += 1;
            if matches!(line, b"\r\n" | b"\n") {
                self.at = head.body();
                return Ok(used);
            }
            if head.lines == 1 {
                head.http2 = line.starts_with(b"PRI * HTTP/2.0");
            } else {
                head.field(line, line_bytes)?;
            }
            if head.lines > self.bounds.fields + 1 {
                return Err(Refusal::HeadersTooLarge);
            }
        }
        Ok(used)
    }

    /// Follows a chunked body (RFC 9112 §7.1); tells how many bytes were of it. A form it does not know ends the
    /// following: hyper refuses such a body itself and closes.
    fn chunked(&mut self, bytes: &[u8]) -> usize {
        let At::Chunked(state) = &mut self.at else { return 0 };
        let mut used = 0;
        while let Some(byte) = bytes.get(used).copied() {
            match state {
                Chunked::Data(left) => {
                    let take = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len() - used);
                    *left -= take as u64;
                    used += take;
                    if *left == 0 {
                        *state = Chunked::Size { size: 0, over: false, bytes: 0 };
                    }
                    continue;
                }
                Chunked::Size { size, over, bytes } => {
                    *bytes += 1;
                    let digit = char::from(byte).to_digit(16).map(u64::from);
                    match (byte, digit) {
                        (b'\n', _) if *size == 0 => *state = Chunked::Trailer { line: 0, bytes: 0 },
                        // The line end behind the data is two bytes.
                        (b'\n', _) => *state = Chunked::Data(*size + 2),
                        (_, Some(digit)) if !*over && *size <= u64::MAX >> 8 => *size = *size << 4 | digit,
                        _ if *bytes > 1 && *bytes < 4096 => *over = true,
                        _ => {
                            self.at = At::Unknown;
                            return used;
                        }
                    }
                }
                Chunked::Trailer { line, bytes } => {
                    *bytes += 1;
                    match byte {
                        b'\n' if *line == 0 => {
                            self.at = At::Head(Head::new());
                            return used + 1;
                        }
                        b'\n' => *line = 0,
                        b'\r' => {}
                        _ => *line += 1,
                    }
                    if *bytes > self.bounds.head {
                        self.at = At::Unknown;
                        return used;
                    }
                }
            }
            used += 1;
        }
        used
    }
}

impl Head {
    fn new() -> Self {
        Self {
            bytes: 0,
            lines: 0,
            kept: [0; KEPT],
            line_bytes: 0,
            length: None,
            chunked: false,
            http2: false,
        }
    }

    /// Looks at one header field: the two that say where the body ends must say it once and plainly.
    fn field(&mut self, line: &[u8], line_bytes: usize) -> Result<(), Refusal> {
        if !matches!(line.first(), Some(b'c' | b'C' | b't' | b'T')) {
            return Ok(());
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { return Ok(()) };
        let (name, value) = line.split_at(colon);
        let length = name.eq_ignore_ascii_case(b"content-length");
        if !length && !name.eq_ignore_ascii_case(b"transfer-encoding") {
            return Ok(());
        }
        let twice = self.length.is_some() || self.chunked;
        if twice || line_bytes > KEPT {
            return Err(Refusal::BadRequest);
        }
        let value = value.get(1..).unwrap_or_default();
        let value = value.strip_suffix(b"\n").unwrap_or(value);
        let value = value.strip_suffix(b"\r").unwrap_or(value);
        if length {
            // Digits up to the line's end: no sign, no list, and no space behind them, where parsers have differed.
            let digits = std::str::from_utf8(value.trim_ascii_start()).unwrap_or_default();
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            self.length = Some(digits.parse().ok().filter(|_| plain).ok_or(Refusal::BadRequest)?);
        } else if value.trim_ascii().eq_ignore_ascii_case(b"chunked") {
            self.chunked = true;
        } else {
            return Err(Refusal::BadRequest);
        }
        Ok(())
    }

    /// What follows this head.
    fn body(&self) -> At {
        match (self.http2, self.chunked, self.length) {
            (true, ..) => At::Http2,
            (_, true, _) => At::Chunked(Chunked::Size { size: 0, over: false, bytes: 0 }),
            (_, _, Some(length)) if length > 0 => At::Body(length),
            _ => At::Head(Self::new()),
        }
    }
}

/// Lines with their ends; the last may have none.
fn lines(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    iter::from_fn(move || {
        let end = memchr(b'\n', bytes).map_or(bytes.len(), |at| at + 1);
        let (line, rest) = bytes.split_at(end);
        bytes = rest;
        (end > 0).then_some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framer() -> Framer {
        Framer::new(Bounds { head: 2000, fields: 8, uri: 500 })
    }

    /// Every way of cutting the input into two pieces gives the same answer.
    fn follow(input: &[u8]) -> Result<bool, Refusal> {
        let mut answers = (0..=input.len()).map(|cut| {
            let mut framer = framer();
            let (a, b) = input.split_at(cut);
            framer.follow(a).and_then(|()| framer.follow(b)).map_err(|(_, refusal)| refusal)?;
            Ok(framer.at_boundary())
        });
        let first = answers.next().unwrap();
        for (cut, answer) in answers.enumerate() {
            assert_eq!(answer, first, "cut at {cut} of {:?}", String::from_utf8_lossy(input));
        }
        first
    }

    #[test]
    fn whole_messages_end_at_a_boundary() {
        for input in [
            "",
            "\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\nHost: a\n\n",
            "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\nX: y\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        ] {
            assert_eq!(follow(input.as_bytes()), Ok(true), "{input:?}");
        }
        for input in ["G", "GET / HTTP/1.1\r\nA: b\r\n", "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhell"] {
            assert_eq!(follow(input.as_bytes()), Ok(false), "{input:?}");
        }
    }

    #[test]
    fn ht_01_what_two_parsers_could_read_differently_is_refused() {
        for fields in [
            "Content-Length: 5\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nContent-Length: 5",
            "transfer-encoding: xchunked",
            "Transfer-Encoding: chunked, identity",
            "Transfer-Encoding: identity, chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: ",
            "Content-Length: 5\r\nContent-Length: 5",
            "Content-Length: 5\r\nContent-Length: 6",
            "Content-Length: +5",
            "Content-Length: -5",
            "Content-Length: 0x5",
            "Content-Length: 5,5",
            "Content-Length: 5 ",
            "Content-Length:",
            "Content-Length: 18446744073709551616",
        ] {
            let input = format!("POST / HTTP/1.1\r\n{fields}\r\n\r\n");
            assert_eq!(follow(input.as_bytes()), Err(Refusal::BadRequest), "{fields:?}");
        }
    }

    #[test]
    fn ht_15_the_refused_head_is_found_behind_good_ones() {
        let good = "GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(3);
        for (bad, refusal) in [
            (format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(540)), Refusal::UriTooLong),
            (format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "x".repeat(2000)), Refusal::HeadersTooLarge),
            (format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(9)), Refusal::HeadersTooLarge),
        ] {
            assert_eq!(follow(bad.as_bytes()), Err(refusal));
            let input = format!("{good}{bad}");
            assert_eq!(framer().follow(input.as_bytes()), Err((good.len(), refusal)));
        }
        let full = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(8));
        assert_eq!(follow(full.as_bytes()), Ok(true));
    }

    #[test]
    fn http_2_and_broken_chunks_pass_unjudged() {
        let mut http2 = framer();
        http2.follow(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04").unwrap();
        assert!(http2.is_http2());
        http2.follow(&[b'x'; 5000]).unwrap();
        let mut broken = framer();
        broken.follow(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n").unwrap();
        broken.follow(&[b'x'; 5000]).unwrap();
    }
}
