//! The smallest HTTP client: sends exactly the bytes it is given and takes what comes back apart. For what no well-behaved client
//! can send, and so that every field of every answer is seen as it stood on the wire.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
};

use serde_json::Value;

use crate::time::LONG;

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case, in the order of the wire.
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// A connection that is read in whole messages.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects, or not: a server that was killed refuses.
    pub(crate) fn try_open(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, LONG)?;
        stream.set_read_timeout(Some(LONG))?;
        stream.set_write_timeout(Some(LONG))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    pub(crate) fn open(address: SocketAddr) -> Self {
        Self::try_open(address).expect("the server listens")
    }

    /// Writes; a server that has answered and closed already is no failure.
    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref());
    }

    /// The next answer; `None` when the server closed instead, whole or in the middle of one. `head`: to a HEAD request.
    pub(crate) fn answer(&mut self, head: bool) -> Option<Answer> {
        loop {
            if let Some((answer, length)) = parse(&self.buffer, head) {
                self.buffer.drain(..length);
                return Some(answer);
            }
            let mut part = [0; 16 * 1024];
            match self.stream.read(&mut part) {
                Ok(0) | Err(_) => return None,
                Ok(read) => self.buffer.extend_from_slice(&part[..read]),
            }
        }
    }

    /// Whether the server has closed (and said nothing more).
    pub(crate) fn is_closed(&mut self) -> bool {
        self.answer(false).is_none()
    }
}

/// Sends these bytes on a connection of their own and reads until the server closes: at the end of what it was told is the last
/// request, or of what it refuses.
pub(crate) fn send(address: SocketAddr, bytes: impl AsRef<[u8]> + Send) -> Vec<Answer> {
    exchange(address, bytes, false)
}

/// The same, and says that there are no more bytes: for what the server may be waiting for the rest of. It may then give up
/// without an answer.
pub(crate) fn send_and_hang_up(address: SocketAddr, bytes: impl AsRef<[u8]> + Send) -> Vec<Answer> {
    exchange(address, bytes, true)
}

fn exchange(address: SocketAddr, bytes: impl AsRef<[u8]> + Send, hang_up: bool) -> Vec<Answer> {
    let mut connection = Connection::open(address);
    // Written beside the reading: the server may answer, and stop reading, long before the end.
    let mut writer = connection.stream.try_clone().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let _ = writer.write_all(bytes.as_ref());
            if hang_up {
                let _ = writer.shutdown(Shutdown::Write);
            }
        });
        std::iter::from_fn(|| connection.answer(false)).collect()
    })
}

/// The first whole message and its length; `None` while it is not whole.
fn parse(bytes: &[u8], to_head: bool) -> Option<(Answer, usize)> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).expect("heads are ASCII");
    let mut lines = head.split("\r\n");
    let status_line = lines.next().unwrap();
    let status: u16 = status_line.strip_prefix("HTTP/1.1 ").unwrap()[..3].parse().unwrap();
    let fields: Vec<(String, String)> = lines
        .map(|line| {
            let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("a field: {line:?}"));
            (name.to_ascii_lowercase(), value.to_owned())
        })
        .collect();
    if status == 100 {
        return parse(&bytes[end + 4..], to_head).map(|(answer, length)| (answer, length + end + 4));
    }
    let lengths: Vec<_> = fields.iter().filter(|(name, _)| name == "content-length").collect();
    assert!(lengths.len() <= 1, "one length: {head}");
    assert!(fields.iter().all(|(name, _)| name != "transfer-encoding"), "answers have a length: {head}");
    let empty = to_head || status == 204 || status == 304;
    let length = lengths.first().map_or(0, |(_, length)| length.parse().unwrap());
    let length = if empty { 0 } else { length };
    let body = bytes.get(end + 4..end + 4 + length)?.to_vec();
    Some((Answer { status, fields, body }, end + 4 + length))
}

impl Answer {
    /// The value of a field that stands at most once.
    #[track_caller]
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() <= 1, "{name} stands once: {all:?}");
        all.first().copied()
    }

    /// The values of a field that may be repeated.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.fields.iter().filter(|(this, _)| this == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("JSON in {}: {:?}", self.status, String::from_utf8_lossy(&self.body)))
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Everything of it that a client could compare, as one text: without the id and the date, which every answer has its own of.
    pub(crate) fn comparable(&self) -> String {
        let fields: Vec<String> = self
            .fields
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "x-request-id" | "date"))
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        format!("{}\n{}\n\n{}", self.status, fields.join("\n"), self.text())
    }
}
