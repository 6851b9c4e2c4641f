//! Questions to whoever sits at the terminal, and passwords: from the terminal without echo, from standard input, or from a file.
//! Never from an argument or a variable, which other processes can read (ATTACKS LG-10).

use std::{
    fs::File,
    io::{self, IsTerminal, Read, Write},
    os::{fd::AsFd, unix::fs::FileTypeExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use clap::Args;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::signal::unix::{Signal, SignalKind, signal};
use zeroize::Zeroizing;

use crate::files;

/// Longer than any password that is accepted (1024 bytes), so that one too long is told so by the policy.
const MOST: u64 = 8 * 1024;
/// How often somebody may mistype.
const TRIES: u32 = 3;

/// Where a password comes from.
#[derive(Args, Clone, Debug)]
pub(super) struct PasswordSource {
    /// A file with the password on its first and only line, closed to other users (mode 0600).
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl PasswordSource {
    /// The new password: of the file, of standard input, or asked for twice at the terminal.
    ///
    /// # Errors
    /// A sentence about what is missing.
    pub(super) async fn new_password(&self, whose: &str) -> Result<Zeroizing<String>> {
        if let Some(path) = &self.password_file {
            return of_file(path);
        }
        if !io::stdin().is_terminal() {
            return one_line(&read_to_end(io::stdin().lock())?, "standard input");
        }
        for _ in 0..TRIES {
            let first = without_echo(&format!("New password for {}: ", super::text::safe(whose))).await?;
            let again = without_echo("Once more: ").await?;
            if *first == *again {
                return Ok(first);
            }
            super::text::remark("They differ.");
        }
        bail!("the password was never typed twice the same; nothing was changed")
    }
}

/// Asks whether to go on. Without a terminal nobody is asked: a script means what it says.
///
/// # Errors
/// When the answer is no.
pub(super) async fn confirm(question: &str) -> Result<()> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(());
    }
    let answer = answer_to(&format!("{} [y/N] ", super::text::safe(question))).await?;
    if matches!(answer.trim(), "y" | "Y" | "yes") { Ok(()) } else { bail!("nothing was changed") }
}

fn of_file(path: &Path) -> Result<Zeroizing<String>> {
    let shown = path.display().to_string();
    let about =
        std::fs::metadata(path).with_context(|| format!("the password file {shown} cannot be read"))?;
    // `--password-file <(pass show …)` is a pipe, which has no mode to speak of.
    let bytes = if about.file_type().is_fifo() {
        read_to_end(File::open(path).with_context(|| format!("the password file {shown} cannot be read"))?)?
    } else {
        files::read_private(path, MOST)?
    };
    one_line(&bytes, &shown)
}

fn read_to_end(from: impl Read) -> Result<Zeroizing<Vec<u8>>> {
    // Room for all of it at once: a growing buffer would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(MOST + 1).unwrap_or_default()));
    from.take(MOST + 1).read_to_end(&mut bytes).context("the password cannot be read")?;
    Ok(bytes)
}

/// The one line of a text, without its end.
fn one_line(bytes: &[u8], source: &str) -> Result<Zeroizing<String>> {
    if bytes.len() as u64 > MOST {
        bail!("{source} holds more than a password: one of up to 1024 bytes is accepted");
    }
    let text = std::str::from_utf8(bytes).map_err(|_| anyhow::anyhow!("{source} is not UTF-8"))?;
    let line = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
    if line.is_empty() {
        bail!("{source} holds no password");
    }
    if line.contains('\n') {
        bail!("{source} has several lines; the password must be the only one");
    }
    Ok(Zeroizing::new(line.to_owned()))
}

async fn without_echo(text: &str) -> Result<Zeroizing<String>> {
    let interrupts = interrupts()?;
    let _quiet = Quiet::begin().context("the terminal's echo cannot be turned off")?;
    let line = answer_until(interrupts, text).await?;
    if line.is_empty() {
        bail!("no password was typed; nothing was changed")
    }
    Ok(line)
}

/// A terminal that does not show what is typed, until dropped.
struct Quiet(Termios);

impl Quiet {
    fn begin() -> rustix::io::Result<Self> {
        let stdin = io::stdin();
        let before = tcgetattr(&stdin)?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        quiet.local_modes.insert(LocalModes::ECHONL);
        tcsetattr(&stdin, OptionalActions::Flush, &quiet)?;
        Ok(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // The shell sets its terminal right itself if this fails.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

/// Ctrl-C, from now on: it must be caught before anything is asked, for a quick answer may be one. (Where it was ignored when this process
/// began it would be lost, and elsewhere it would end the process with the echo off.)
fn interrupts() -> Result<Signal> {
    signal(SignalKind::interrupt()).context("interruptions cannot be caught")
}

async fn answer_to(question: &str) -> Result<Zeroizing<String>> {
    answer_until(interrupts()?, question).await
}

/// Asks, and reads on a thread that an interruption leaves behind.
async fn answer_until(mut interrupts: Signal, question: &str) -> Result<Zeroizing<String>> {
    {
        let mut out = io::stderr().lock();
        let written = out.write_all(question.as_bytes()).and_then(|()| out.flush());
        written.context("the terminal cannot be written to")?;
    }
    let (done, result) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || done.send(read_line()).ok());
    tokio::select! {
        read = result => read.context("the terminal cannot be read")?,
        _ = interrupts.recv() => {
            super::text::remark("");
            bail!("interrupted; nothing was changed")
        }
    }
}

/// One line of the terminal, straight from it: the standard library's buffer would keep a copy of a password.
fn read_line() -> Result<Zeroizing<String>> {
    let stdin = io::stdin();
    let mut line = Zeroizing::new(Vec::with_capacity(usize::try_from(MOST).unwrap_or_default()));
    let mut byte = [0_u8; 1];
    while rustix::io::read(stdin.as_fd(), &mut byte).context("the terminal cannot be read")? == 1 {
        if byte[0] == b'\n' || line.len() as u64 == MOST {
            break;
        }
        line.push(byte[0]);
    }
    let text = std::str::from_utf8(&line).map_err(|_| anyhow::anyhow!("what was typed is not UTF-8"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(bytes: &[u8]) -> Result<String> {
        one_line(bytes, "the file").map(|line| line.to_string())
    }

    #[test]
    fn a_password_is_one_line_without_its_end() {
        for text in ["correct horse", "correct horse\n", "correct horse\r\n"] {
            assert_eq!(line(text.as_bytes()).unwrap(), "correct horse");
        }
        assert_eq!(line(" spaces stay \n".as_bytes()).unwrap(), " spaces stay ");
        for (bytes, why) in [
            (&b""[..], "no password"),
            (b"\n", "no password"),
            (b"a\nb\n", "several lines"),
            (b"a\n\n", "several lines"),
            (b"\xff", "UTF-8"),
        ] {
            assert!(line(bytes).unwrap_err().to_string().contains(why), "{bytes:?}");
        }
        assert!(line(&[b'x'; 9000]).unwrap_err().to_string().contains("1024"));
    }
}
