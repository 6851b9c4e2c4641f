//! Plain HTTP on the port of TLS (HT-23, CK-23): a page is sent to the https address, anything else is told to go there. No
//! cookie is read or set, and no handler runs.

use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use http::{Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::answer;
use super::connection::linger;
use super::limits::Limits;

/// As much of a head as is read to find its path.
const MOST: usize = 8 * 1024;

/// Answers one request in the clear and closes. `origin` is where the server is to be found, such as `https://login.example.com`.
pub(super) async fn answer(mut stream: TcpStream, origin: Option<&str>, limits: &Limits) {
    let mut head = Vec::with_capacity(1024);
    let read = async {
        // The first line says it all; the rest is thrown away behind the answer.
        while !head.contains(&b'\n') && head.len() < MOST {
            if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
                return;
            }
        }
    };
    let _ = timeout(limits.header_timeout, read).await;
    let response = match (page(&head), origin) {
        (Some(path), Some(origin)) => Response::builder()
            .status(StatusCode::PERMANENT_REDIRECT)
            .header(LOCATION, format!("{origin}{path}"))
            .body(String::new()),
        _ => Response::builder()
            .status(StatusCode::BAD_REQUEST)
            .header(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))
            .body("This port speaks HTTPS only.\n".to_owned()),
    };
    let Ok(response) = response else { return };
    let bytes = answer::raw(response.map(Into::into)).await;
    if matches!(timeout(limits.write_timeout, stream.write_all(&bytes)).await, Ok(Ok(()))) {
        linger(stream, limits.linger.min(Duration::from_secs(1))).await;
    }
}

/// The path of a request for a page: what a person may have typed. Calls of programs are not redirected: they would send
/// their secrets in the clear for ever after.
fn page(head: &[u8]) -> Option<&str> {
    let line = head.split(|byte| *byte == b'\r').next()?;
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    let program = ["/v1/", "/oauth/", "/.well-known/"].iter().any(|part| target.contains(part));
    let path = target.split(['?', '#']).next()?;
    let plain = path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-._~".contains(&b));
    (matches!(method, "GET" | "HEAD")
        && version.starts_with("HTTP/1.")
        && words.next().is_none()
        && path.starts_with('/')
        && !path.starts_with("//")
        && plain
        && !program)
        .then_some(path)
}

#[cfg(test)]
mod tests {
    use super::page;

    #[test]
    fn ht_23_only_pages_are_redirected_and_only_to_paths() {
        assert_eq!(page(b"GET /login?next=/account HTTP/1.1\r\nHost: a\r\n"), Some("/login"));
        for head in [
            "POST /login HTTP/1.1\r\n",
            "GET /v1/me HTTP/1.1\r\n",
            "GET /auth/oauth/token HTTP/1.1\r\n",
            "GET //evil.test HTTP/1.1\r\n",
            "GET http://evil.test/ HTTP/1.1\r\n",
            "GET /a%0d%0aSet-Cookie:x HTTP/1.1\r\n",
            "GET /\\evil.test HTTP/1.1\r\n",
            "GET /x\r\n",
            "",
            "\u{16}\u{3}\u{1}",
        ] {
            assert_eq!(page(head.as_bytes()), None, "{head:?}");
        }
    }
}
