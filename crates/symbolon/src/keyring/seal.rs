//! What the master key is for: sealing what the store keeps secret, and deriving the MAC keys of what clients carry.
//! One HKDF label for each use, so that no key serves two.

use std::fmt;

use aws_lc_rs::{aead, hkdf};
use symbolon_token::MacKey;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::clock::{Randomness, random};

/// 32 bytes that live outside the store.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct MasterKey([u8; 32]);

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

/// Why a text is not a master key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a master key is 32 random bytes as 64 hexadecimal digits")]
pub struct NotAMasterKey;

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

impl MasterKey {
    /// A new one.
    pub fn generate(randomness: &dyn Randomness) -> Self {
        Self(random(randomness))
    }

    /// From 64 hexadecimal digits. Bytes that are all alike are refused: nobody's RNG made them.
    ///
    /// # Errors
    /// [`NotAMasterKey`].
    pub fn parse(text: &str) -> Result<Self, NotAMasterKey> {
        let text = text.trim().as_bytes();
        let mut bytes = [0u8; 32];
        if text.len() != 64 {
            return Err(NotAMasterKey);
        }
        for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| NotAMasterKey)?;
            if !pair.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err(NotAMasterKey);
            }
            *byte = u8::from_str_radix(pair, 16).map_err(|_| NotAMasterKey)?;
        }
        if bytes.iter().all(|byte| *byte == bytes[0]) {
            return Err(NotAMasterKey);
        }
        Ok(Self(bytes))
    }

    /// The text that [`MasterKey::parse`] takes, for the key file alone.
    pub fn reveal(&self) -> zeroize::Zeroizing<String> {
        zeroize::Zeroizing::new(self.0.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Names the key without telling it: kept in the store to recognise a wrong one.
    pub fn fingerprint(&self) -> String {
        self.derive::<8>("fingerprint", &[]).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(crate) fn mac_key(&self, label: &str, epoch: u32) -> MacKey {
        MacKey::new(self.derive(label, &epoch.to_be_bytes()))
    }

    /// Seals `secret`; `context` must be given again to open it, so that a row moved elsewhere does not open.
    pub(crate) fn seal(&self, secret: &[u8], context: &str, randomness: &dyn Randomness) -> Vec<u8> {
        let nonce: [u8; 12] = random(randomness);
        let mut sealed = secret.to_vec();
        let aad = aead::Aad::from(context.as_bytes());
        #[expect(clippy::expect_used, reason = "AES-GCM refuses only inputs of gigabytes")]
        self.cipher()
            .seal_in_place_append_tag(aead::Nonce::assume_unique_for_key(nonce), aad, &mut sealed)
            .expect("a short secret can be sealed");
        [nonce.as_slice(), &sealed].concat()
    }

    /// Opens what [`MasterKey::seal`] sealed; `None` for anything else.
    pub(crate) fn open(&self, sealed: &[u8], context: &str) -> Option<zeroize::Zeroizing<Vec<u8>>> {
        let (nonce, body) = sealed.split_at_checked(12)?;
        let mut body = zeroize::Zeroizing::new(body.to_vec());
        let nonce = aead::Nonce::try_assume_unique_for_key(nonce).ok()?;
        let length =
            self.cipher().open_in_place(nonce, aead::Aad::from(context.as_bytes()), &mut body).ok()?.len();
        body.truncate(length);
        Some(body)
    }

    #[expect(clippy::expect_used, reason = "32 bytes are what AES-256 takes")]
    fn cipher(&self) -> aead::LessSafeKey {
        let key: [u8; 32] = self.derive("seal", &[]);
        aead::LessSafeKey::new(aead::UnboundKey::new(&aead::AES_256_GCM, &key).expect("a key of 32 bytes"))
    }

    #[expect(clippy::expect_used, reason = "HKDF-SHA-256 refuses only outputs above 8160 bytes")]
    fn derive<const N: usize>(&self, label: &str, context: &[u8]) -> [u8; N] {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"symbolon v1");
        let mut out = [0; N];
        salt.extract(&self.0)
            .expand(&[label.as_bytes(), &[0], context], Length(N))
            .and_then(|okm| okm.fill(&mut out))
            .expect("a short output");
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemRandomness;

    #[test]
    fn a_seal_opens_with_its_key_and_context_alone() {
        let key = MasterKey::generate(&SystemRandomness);
        let sealed = key.seal(b"secret", "key:a", &SystemRandomness);
        assert_eq!(key.open(&sealed, "key:a").unwrap().as_slice(), b"secret");
        assert!(key.open(&sealed, "key:b").is_none());
        assert!(MasterKey::generate(&SystemRandomness).open(&sealed, "key:a").is_none());
        assert!(key.open(&sealed[..11], "key:a").is_none());
    }

    #[test]
    fn keys_of_one_label_or_epoch_are_not_those_of_another() {
        let key = MasterKey::generate(&SystemRandomness);
        let tag = |label, epoch| key.mac_key(label, epoch).tag(&[b"x"]);
        assert_ne!(tag("cookie", 1), tag("refresh", 1));
        assert_ne!(tag("cookie", 1), tag("cookie", 2));
    }

    #[test]
    fn only_32_unlike_bytes_are_a_master_key() {
        let key = MasterKey::generate(&SystemRandomness);
        assert_eq!(MasterKey::parse(&format!("{}\n", *key.reveal())).unwrap(), key);
        for bad in
            ["", "00", &"00".repeat(32), &"zz".repeat(32), &"+1".repeat(32), "correct horse battery staple"]
        {
            assert_eq!(MasterKey::parse(bad), Err(NotAMasterKey), "{bad}");
        }
        assert_eq!(format!("{key:?}"), "MasterKey(…)");
    }
}
