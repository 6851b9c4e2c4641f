//! Taking tokens apart, and asking who signed them.

use super::{Header, MAX_HEADER, MAX_SIGNATURE, MAX_SIGNATURE_BYTES, MAX_TOKEN};
use crate::key::{Algorithm, VerifyingKey};
use crate::{TokenError, TokenErrorKind, base64url};

/// A token taken apart: its form is sound, but nothing in it is proved until [`Compact::verified_by`] has
/// returned a payload.
#[derive(Clone, Debug)]
pub struct Compact<'t> {
    header: Header,
    /// Header and payload segments with the dot between them: what is signed (RFC 7515 §5.2 step 8).
    signed: &'t str,
    payload: &'t str,
    signature: Vec<u8>,
}

/// The three segments of a token whose lengths are within the limits; nothing is decoded.
pub(crate) struct Segments<'t> {
    pub(crate) header: &'t str,
    pub(crate) signed: &'t str,
    payload: &'t str,
    signature: &'t str,
}

impl<'t> Segments<'t> {
    /// Lengths and dots are judged before a single byte is decoded (JD-02, JD-03).
    pub(crate) fn of(token: &'t str) -> Result<Self, TokenError> {
        if token.len() > MAX_TOKEN {
            return Err(TokenErrorKind::TooLong.into());
        }
        let [header, payload, signature] = segments(token).ok_or(TokenErrorKind::Malformed)?;
        if header.len() > MAX_HEADER || signature.len() > MAX_SIGNATURE {
            return Err(TokenErrorKind::TooLong.into());
        }
        Ok(Self { header, signed: &token[..header.len() + 1 + payload.len()], payload, signature })
    }

    pub(crate) fn header(&self) -> Result<Header, TokenError> {
        let json = base64url::decode(self.header.as_bytes()).ok_or(TokenErrorKind::Malformed)?;
        Ok(Header::parse(&json).ok_or(TokenErrorKind::Malformed)?)
    }

    /// The signature, in `room`.
    pub(crate) fn signature<'r>(&self, room: &'r mut SignatureRoom) -> Result<&'r [u8], TokenError> {
        let length =
            base64url::decode_to(self.signature.as_bytes(), room).ok_or(TokenErrorKind::Malformed)?;
        Ok(&room[..length])
    }

    pub(crate) fn payload(&self) -> Result<Vec<u8>, TokenError> {
        base64url::decode(self.payload.as_bytes()).ok_or_else(|| TokenErrorKind::Malformed.into())
    }
}

/// Room for the longest signature that is decoded.
pub(crate) type SignatureRoom = [u8; MAX_SIGNATURE_BYTES];

impl<'t> Compact<'t> {
    /// Takes a token apart. Lengths and dots are judged before a single byte is decoded (JD-02, JD-03).
    ///
    /// # Errors
    /// `TooLong` above the limits of this module; `Malformed` for anything that is not three segments of
    /// strict base64url around a strict JSON header without `crit`, `b64`, `zip` or `enc`.
    pub fn parse(token: &'t str) -> Result<Self, TokenError> {
        let segments = Segments::of(token)?;
        Ok(Self {
            header: segments.header()?,
            signed: segments.signed,
            payload: segments.payload,
            signature: base64url::decode(segments.signature.as_bytes()).ok_or(TokenErrorKind::Malformed)?,
        })
    }

    /// The header, unverified: only good for finding the key.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The algorithm that the header names.
    ///
    /// # Errors
    /// `Algorithm` when it is none of ours.
    pub fn algorithm(&self) -> Result<Algorithm, TokenError> {
        self.header.alg.parse().map_err(|_| TokenErrorKind::Algorithm.into())
    }

    /// The payload, decoded, if this very key signed it with its own algorithm.
    ///
    /// # Errors
    /// `Algorithm` when the header names none of ours or not the key's; `Signature` when it does not verify;
    /// `Malformed` when the payload is not strict base64url.
    pub fn verified_by(&self, key: &VerifyingKey) -> Result<Vec<u8>, TokenError> {
        if self.algorithm()? != key.algorithm() {
            return Err(TokenErrorKind::Algorithm.into());
        }
        if !key.verify(self.signed.as_bytes(), &self.signature) {
            return Err(TokenErrorKind::Signature.into());
        }
        base64url::decode(self.payload.as_bytes()).ok_or_else(|| TokenErrorKind::Malformed.into())
    }

    /// The payload as anybody could have written it: for showing a token to its owner, never for deciding.
    /// `None` when it is not strict base64url.
    pub fn payload_without_verifying(&self) -> Option<Vec<u8>> {
        base64url::decode(self.payload.as_bytes())
    }
}

/// Exactly three segments, found in one pass that stops at the third dot.
fn segments(token: &str) -> Option<[&str; 3]> {
    let mut dots = memchr::memchr_iter(b'.', token.as_bytes());
    let (first, second) = (dots.next()?, dots.next()?);
    let three = [&token[..first], &token[first + 1..second], &token[second + 1..]];
    dots.next().is_none().then_some(three)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn js_03_there_are_three_segments() {
        assert_eq!(segments("a.b.c"), Some(["a", "b", "c"]));
        assert_eq!(segments(".."), Some(["", "", ""]));
        for other in ["", ".", "a.b", "a.b.c.", "a.b.c.d", "...", "a.b.c.d.e"] {
            assert_eq!(segments(other), None, "{other}");
        }
    }

    #[test]
    fn jd_03_a_million_dots_cost_three() {
        assert_eq!(segments(&".".repeat(1_000_000)), None);
    }
}
