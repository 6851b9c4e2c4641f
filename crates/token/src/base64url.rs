//! Base64url as RFC 7515 §2 means it: no padding, no white space, no foreign letters, and no set bits
//! behind the last byte, so that every byte string has exactly one spelling.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::NO_PAD;

// With vector instructions, where the processor has them: a payload is a fifth of the work, then. The crate looks at the
// processor once, and what is left over at the end, its unused bits too, is judged by the same code with and without.
#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon")))]
static ENGINE: LazyLock<base64::engine::Simd> = LazyLock::new(|| base64::engine::Simd::url_safe(NO_PAD));
#[cfg(not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon"))))]
static ENGINE: LazyLock<base64::engine::GeneralPurpose> =
    LazyLock::new(|| base64::engine::GeneralPurpose::new(&base64::alphabet::URL_SAFE, NO_PAD));

/// The characters that `bytes` bytes take.
pub(crate) const fn encoded_len(bytes: usize) -> usize {
    bytes / 3 * 4 + (bytes % 3 * 4).div_ceil(3)
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    ENGINE.encode(bytes)
}

/// Appends to `text`.
pub(crate) fn encode_to(bytes: &[u8], text: &mut String) {
    ENGINE.encode_string(bytes, text);
}

/// Likewise, at once into its place.
pub(crate) fn append(bytes: &[u8], text: &mut Vec<u8>) {
    let begin = text.len();
    text.resize(begin + encoded_len(bytes.len()), 0);
    // It fails on too little room only.
    let written = ENGINE.encode_slice(bytes, &mut text[begin..]).unwrap_or_default();
    text.truncate(begin + written);
}

pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    ENGINE.decode(text).ok()
}

/// Decodes into `bytes`, without allocating; how many there were.
pub(crate) fn decode_to(text: &[u8], bytes: &mut [u8]) -> Option<usize> {
    ENGINE.decode_slice(text, bytes).ok()
}

/// Decodes exactly `N` bytes, without allocating.
pub(crate) fn decode_array<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != encoded_len(N) {
        return None;
    }
    (ENGINE.decode_slice(text, &mut bytes) == Ok(N)).then_some(bytes)
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

    /// Long ones go another way than short ones.
    #[test]
    fn one_byte_string_has_one_spelling_at_every_length() {
        let bytes: Vec<u8> = (0..=255).cycle().take(400).collect();
        for length in 0..bytes.len() {
            let text = encode(&bytes[..length]);
            assert_eq!(decode(text.as_bytes()).as_deref(), Some(&bytes[..length]));
            for at in [0, 31, 32, 63, 64, 65, text.len() / 2, text.len().saturating_sub(1)] {
                for foreign in *b"+/= .\n\0\x80\xff" {
                    let mut other = text.clone().into_bytes();
                    let Some(letter) = other.get_mut(at) else { continue };
                    *letter = foreign;
                    assert_eq!(decode(&other), None, "{foreign} at {at} of {length}");
                }
            }
            // The other spellings of the last byte, for whoever is lax about the bits behind it.
            let spellings = (0..128_u8).filter(|last| {
                let mut other = text.clone().into_bytes();
                other.pop();
                other.push(*last);
                decode(&other).is_some_and(|read| read == bytes[..length])
            });
            assert_eq!(spellings.count(), usize::from(length > 0), "{length}");
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
