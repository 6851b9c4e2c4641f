//! The file: opened, its format told, read on a thread of its own, and delivered entry by entry.

use std::{
    fs::File,
    io::{self, BufReader, Cursor, Read},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::{Context, Result, bail};
use tokio::sync::mpsc;

use super::{
    django,
    format::{self, Format, Identify},
    htpasswd, jsonl,
    lines::{self, Line},
    record::{Entry, What},
};

/// How much of a file is looked at to tell its format.
const HEAD: u64 = lines::LONGEST as u64;
/// How many entries wait to be sent.
const AHEAD: usize = 256;

/// A file that is being read.
pub(super) struct Source {
    /// What stands in it.
    pub(super) entries: mpsc::Receiver<Entry>,
    /// Its length, where that is known.
    pub(super) bytes: Option<u64>,
    /// How much of it was read.
    pub(super) read: Arc<AtomicU64>,
}

/// Opens a file (`-`: standard input) and begins to read it.
///
/// # Errors
/// When it cannot be opened, or its format cannot be told.
pub(super) fn open(path: &Path, format: Option<Format>, by: Identify) -> Result<Source> {
    let (from, bytes): (Box<dyn Read + Send>, _) = if path == Path::new("-") {
        (Box::new(io::stdin()), None)
    } else {
        let shown = path.display();
        let file = File::open(path).with_context(|| format!("{shown} cannot be opened"))?;
        let about = file.metadata().with_context(|| format!("{shown} cannot be read"))?;
        if about.is_dir() {
            bail!("{shown} is a folder");
        }
        (Box::new(file), about.is_file().then_some(about.len()))
    };
    let read = Arc::new(AtomicU64::new(0));
    let mut from = Counted { from, read: Arc::clone(&read) };
    let head = head(&mut from).with_context(|| format!("{} cannot be read", path.display()))?;
    if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
        bail!("{} is in UTF-16; convert it to UTF-8 first", path.display());
    }
    let head = head.strip_prefix(b"\xef\xbb\xbf").map_or(head.clone(), <[u8]>::to_vec);
    let format = match format {
        Some(format) => format,
        None => format::guess(&head).map_err(|why| anyhow::anyhow!("{}: {why}", path.display()))?,
    };
    let array = format == Format::Django && head.trim_ascii_start().first() == Some(&b'[');
    let (sender, entries) = mpsc::channel(AHEAD);
    std::thread::spawn(move || {
        // Whoever sends may have given up: then nothing more is to be read.
        let mut deliver = |entry: Entry| sender.blocking_send(entry).is_ok();
        let all = BufReader::with_capacity(lines::LONGEST, Cursor::new(head).chain(from));
        let ended = if array {
            django::array(all, by, &mut deliver)
        } else {
            each_line(all, format, by, &mut deliver)
        };
        if let Err(why) = ended {
            let (place, why) =
                why.split_once(": ").map_or(("the file", why.as_str()), |(place, why)| (place, why));
            deliver(Entry { place: place.to_owned(), what: What::Refused(why.to_owned()) });
        }
    });
    Ok(Source { entries, bytes, read })
}

/// The first bytes, up to the end of the first line that is not empty.
fn head(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut chunk = [0; 4096];
    let told = |head: &[u8]| {
        let start = head.trim_ascii_start();
        // An htpasswd file may open with remarks: they are looked through.
        start.starts_with(b"[")
            || start
                .split(|byte| *byte == b'\n')
                .rev()
                .skip(1)
                .any(|line| !line.starts_with(b"#") && !line.is_empty())
    };
    while (head.len() as u64) < HEAD && !told(&head) {
        match from.read(&mut chunk)? {
            0 => break,
            read => head.extend_from_slice(&chunk[..read]),
        }
    }
    Ok(head)
}

fn each_line(
    mut from: impl io::BufRead,
    format: Format,
    by: Identify,
    deliver: &mut dyn FnMut(Entry) -> bool,
) -> Result<(), String> {
    let mut number = 0_u64;
    loop {
        number += 1;
        let place = format!("line {number}");
        let what = match lines::next(&mut from) {
            Err(error) => return Err(format!("{place}: the file cannot be read on: {error}")),
            Ok(None) => return Ok(()),
            Ok(Some(Line::TooLong)) => {
                What::Refused(format!("it is longer than {} KiB", lines::LONGEST / 1024))
            }
            Ok(Some(Line::NotUtf8)) => What::Refused("it is not UTF-8".to_owned()),
            Ok(Some(Line::Text(text))) => match (format, text.trim()) {
                (_, "") => continue,
                (Format::Htpasswd, text) if text.starts_with('#') => continue,
                (Format::Htpasswd, text) => htpasswd::parse(text).into(),
                (Format::Jsonl, text) => jsonl::parse(text).into(),
                (Format::Django, text) => django::parse(text, by),
            },
        };
        if !deliver(Entry { place, what }) {
            return Ok(());
        }
    }
}

/// A file that tells how much of it was read.
struct Counted<R> {
    from: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
