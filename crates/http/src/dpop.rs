//! DPoP on HTTP (RFC 9449 §7): the header with the proof, which URL a proof must name, and how a bad one is refused. Whether a proof is
//! good, and for which token, is for the [`crate::Check`] to say.

use crate::Refusal;
use http::{HeaderMap, HeaderName, Method, Request, request::Parts};
use std::{fmt, sync::Arc};

/// The header with the proof.
pub const DPOP: HeaderName = HeaderName::from_static("dpop");
/// The header with a nonce for the next proof (RFC 9449 §8.1).
pub const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// A proof as a request brought it, and the request that it must be for. Its `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq)]
pub struct ShownProof {
    /// The text of the header, unread.
    pub text: String,
    /// The request's method.
    pub method: Method,
    /// The request's path as the client spelled it, from the origin on: with the issuer's origin it makes the URL of the proof. Never
    /// `Host`, which a client can choose (DP-10).
    pub path: Arc<str>,
}

impl fmt::Debug for ShownProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShownProof")
            .field("method", &self.method)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// Why what was shown by DPoP was not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DpopRefusal {
    /// The token is bad, or not bound to the key of the proof; or there is no proof.
    Token,
    /// The proof is bad; for every cause the same answer.
    Proof,
    /// The proof must repeat a nonce: this one.
    Nonce(Nonce),
}

/// The text of a nonce, as it goes into a header. Longer ones than 64 characters are cut, and then good for nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Nonce {
    text: [u8; 64],
    length: u8,
}

impl Nonce {
    /// From its text: visible ASCII.
    pub fn new(text: &str) -> Self {
        let mut own = Self { text: [0; 64], length: 0 };
        for byte in text.bytes().filter(u8::is_ascii_graphic).take(64) {
            own.text[usize::from(own.length)] = byte;
            own.length += 1;
        }
        own
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.text[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text of the one `DPoP` header; `None` without one.
///
/// # Errors
/// [`DpopRefusal::Proof`] for two, or for what is no text (DP-03).
pub fn header(headers: &HeaderMap) -> Result<Option<&str>, DpopRefusal> {
    let mut lines = headers.get_all(DPOP).iter();
    match (lines.next(), lines.next()) {
        (None, _) => Ok(None),
        (Some(line), None) => line.to_str().map(|text| Some(text.trim())).map_err(|_| DpopRefusal::Proof),
        (Some(_), Some(_)) => Err(DpopRefusal::Proof),
    }
}

/// Request extension: the whole path of a request that shows a proof, noted before a router takes its prefix off.
#[derive(Clone)]
struct WholePath(Arc<str>);

/// Notes the path of a request that shows a proof, unless somebody outside has: `prefix` is what was taken off.
pub(crate) fn note_path<B>(request: &mut Request<B>, prefix: &str) {
    if request.headers().contains_key(DPOP) && request.extensions().get::<WholePath>().is_none() {
        let path = [prefix, request.uri().path()].concat();
        request.extensions_mut().insert(WholePath(path.into()));
    }
}

/// The proof of a request whose `Authorization` is of the scheme `DPoP`.
pub(crate) fn shown(parts: &Parts) -> Result<ShownProof, Refusal> {
    let text = header(&parts.headers).map_err(Refusal::Dpop)?.ok_or(Refusal::Dpop(DpopRefusal::Token))?;
    let path = parts.extensions.get::<WholePath>();
    let path = path.map_or_else(|| parts.uri.path().into(), |path| Arc::clone(&path.0));
    Ok(ShownProof { text: text.to_owned(), method: parts.method.clone(), path })
}
