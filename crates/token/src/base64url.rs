//! Base64url as RFC 7515 §2 means it: no padding, no white space, no foreign letters, and no set bits
//! behind the last byte, so that every byte string has exactly one spelling.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The characters that `bytes` bytes take.
pub(crate) const fn encoded_len(bytes: usize) -> usize {
    bytes / 3 * 4 + (bytes % 3 * 4).div_ceil(3)
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Appends to `text`.
pub(crate) fn encode_to(bytes: &[u8], text: &mut String) {
    URL_SAFE_NO_PAD.encode_string(bytes, text);
}

/// Likewise, at once into its place.
pub(crate) fn append(bytes: &[u8], text: &mut Vec<u8>) {
    let begin = text.len();
    text.resize(begin + encoded_len(bytes.len()), 0);
    // It fails on too little room only.
    let written = URL_SAFE_NO_PAD.encode_slice(bytes, &mut text[begin..]).unwrap_or_default();
    text.truncate(begin + written);
}

pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Decodes into `bytes`, without allocating; how many there were.
pub(crate) fn decode_to(text: &[u8], bytes: &mut [u8]) -> Option<usize> {
    URL_SAFE_NO_PAD.decode_slice(text, bytes).ok()
}

/// Decodes exactly `N` bytes, without allocating.
pub(crate) fn decode_array<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != encoded_len(N) {
        return None;
    }
    (URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) == Ok(N)).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_is_that_of_the_encoding() {
        for length in 0..100 {
            assert_eq!(encoded_len(length), encode(&vec![7; length]).len());
        }
    }

    #[test]
    fn one_byte_string_has_one_spelling() {
        assert_eq!(decode(b"AQ"), Some(vec![1]));
        for other in ["AQ==", "AQ=", "AR", "A Q", "AQ\n", " AQ", "A", "+A", "/A", "A?", "\u{ff21}Q"] {
            assert_eq!(decode(other.as_bytes()), None, "{other:?}");
            assert_eq!(decode_array::<1>(other.as_bytes()), None, "{other:?}");
        }
    }
}
