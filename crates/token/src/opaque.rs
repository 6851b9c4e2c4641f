//! The secrets that are not JWTs (DESIGN, "Secrets on the wire"): their forms, MACs and hashes.
//!
//! Parsing allocates nothing and accepts one spelling per secret. What a secret *means* is decided elsewhere:
//! `genuine` says that we once made it, never that it is still good. Nothing here prints a secret but
//! `reveal`.
//!
//! | type | prefix | body (base64url, 48 bytes; the known-browser cookie 32) |
//! |---|---|---|
//! | [`SessionCookie`] | `ses_` | session id 16 ‖ random 24 ‖ MAC 8 |
//! | [`RefreshToken`] | `ref_` | session id 16 ‖ counter 8, big endian ‖ MAC 24 |
//! | [`ClientSecret`] | `key_` | client id 16 ‖ random 32 |
//! | [`KnownBrowser`] | | user id 16 ‖ random 8 ‖ MAC 8 |

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::{digest, hmac};
use subtle::ConstantTimeEq;
use uuid::Uuid;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::base64url;

/// A key for HMAC-SHA256 (RFC 2104), derived elsewhere, one per use. Cheap to clone; AWS-LC wipes it when the
/// last clone goes.
#[derive(Clone)]
pub struct MacKey(Arc<hmac::Key>);

impl MacKey {
    /// Takes 32 uniformly random (or HKDF-derived) bytes.
    pub fn new(mut key: [u8; 32]) -> Self {
        let parsed = Self(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, &key)));
        key.zeroize();
        parsed
    }

    /// The MAC over the parts, one after the other. The caller sees to it that their borders are fixed.
    pub fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(part);
        }
        let mut tag = [0; 32];
        tag.copy_from_slice(context.sign().as_ref());
        tag
    }

    /// Whether `mac` is the MAC over the parts, whole (32 bytes) or its first 8 or 24 bytes; any other length
    /// is refused. The time does not depend on where it differs.
    pub fn verify(&self, parts: &[&[u8]], mac: &[u8]) -> bool {
        let tag = self.tag(parts);
        matches!(mac.len(), 8 | 24 | 32) && bool::from(tag[..mac.len()].ct_eq(mac))
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(redacted)")
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}

/// The body of every 48-byte secret: 16 bytes of id, then 32 that differ by kind.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
struct Body([u8; 48]);

impl Body {
    fn new(id: Uuid, middle: &[u8], end: &[u8]) -> Self {
        let mut bytes = [0; 48];
        let parts = id.as_bytes().iter().chain(middle).chain(end);
        bytes.iter_mut().zip(parts).for_each(|(byte, part)| *byte = *part);
        Self(bytes)
    }

    fn parse(text: &[u8], prefix: &str) -> Option<Self> {
        base64url::decode_array(text.strip_prefix(prefix.as_bytes())?).map(Self)
    }

    fn id(&self) -> Uuid {
        let mut id = [0; 16];
        id.copy_from_slice(&self.0[..16]);
        Uuid::from_bytes(id)
    }

    fn secret(&self) -> &[u8] {
        &self.0[16..]
    }

    fn reveal(&self, prefix: &str) -> String {
        let mut text = String::with_capacity(prefix.len() + base64url::encoded_len(self.0.len()));
        text.push_str(prefix);
        base64url::encode_to(&self.0, &mut text);
        text
    }
}

/// What a session cookie carries: `ses_` and 64 characters.
#[derive(Clone)]
pub struct SessionCookie(Body);

impl SessionCookie {
    const PREFIX: &str = "ses_";

    /// Makes the secret of a new session from 24 unpredictable bytes.
    pub fn mint(id: Uuid, random: [u8; 24], key: &MacKey) -> Self {
        Self(Body::new(id, &random, &key.tag(&[id.as_bytes(), &random])[..8]))
    }

    /// `None`: it does not have the form of a session cookie.
    pub fn parse(text: &str) -> Option<Self> {
        Self::parse_bytes(text.as_bytes())
    }

    /// [`SessionCookie::parse`] for a header value that need not be UTF-8.
    pub fn parse_bytes(text: &[u8]) -> Option<Self> {
        Body::parse(text, Self::PREFIX).map(Self)
    }

    /// The session it claims to be for.
    pub fn id(&self) -> Uuid {
        self.0.id()
    }

    /// Whether a server with this key made it: arithmetic that spares the store made-up cookies.
    pub fn genuine(&self, key: &MacKey) -> bool {
        key.verify(&[&self.0.0[..40]], &self.0.0[40..])
    }

    /// SHA-256 of the 32 secret bytes, random ‖ MAC: what the store keeps, to be compared in constant time.
    pub fn hash(&self) -> [u8; 32] {
        sha256(self.0.secret())
    }

    /// The secret itself, for `Set-Cookie` alone.
    pub fn reveal(&self) -> String {
        self.0.reveal(Self::PREFIX)
    }
}

/// A refresh token: `ref_` and 64 characters. The store keeps the counter, nothing per token.
#[derive(Clone)]
pub struct RefreshToken(Body);

impl RefreshToken {
    const PREFIX: &str = "ref_";

    /// The token number `counter` of session `id`. Its MAC key is derived from `root` for this session alone.
    pub fn mint(id: Uuid, counter: u64, root: &MacKey) -> Self {
        let counter = counter.to_be_bytes();
        let mac = Self::session_key(id, root).tag(&[id.as_bytes(), &counter]);
        Self(Body::new(id, &counter, &mac[..24]))
    }

    /// `None`: it does not have the form of a refresh token.
    pub fn parse(text: &str) -> Option<Self> {
        Body::parse(text.as_bytes(), Self::PREFIX).map(Self)
    }

    /// The session it claims to continue.
    pub fn id(&self) -> Uuid {
        self.0.id()
    }

    /// Its place in the chain; to be believed only when [`RefreshToken::genuine`].
    pub fn counter(&self) -> u64 {
        let mut counter = [0; 8];
        counter.copy_from_slice(&self.0.0[16..24]);
        u64::from_be_bytes(counter)
    }

    /// Whether a server with this root key made it.
    pub fn genuine(&self, root: &MacKey) -> bool {
        Self::session_key(self.id(), root).verify(&[&self.0.0[..24]], &self.0.0[24..])
    }

    /// The token itself, for the token response alone.
    pub fn reveal(&self) -> String {
        self.0.reveal(Self::PREFIX)
    }

    fn session_key(id: Uuid, root: &MacKey) -> MacKey {
        MacKey::new(root.tag(&[b"refresh", id.as_bytes()]))
    }
}

/// The secret of a client (a machine): `key_` and 64 characters.
#[derive(Clone)]
pub struct ClientSecret(Body);

impl ClientSecret {
    const PREFIX: &str = "key_";

    /// Makes a client's secret from 32 unpredictable bytes.
    pub fn mint(id: Uuid, random: [u8; 32]) -> Self {
        Self(Body::new(id, &random, &[]))
    }

    /// `None`: it does not have the form of a client secret.
    pub fn parse(text: &str) -> Option<Self> {
        Body::parse(text.as_bytes(), Self::PREFIX).map(Self)
    }

    /// The client it claims to be of.
    pub fn id(&self) -> Uuid {
        self.0.id()
    }

    /// SHA-256 of the 32 random bytes: what the store keeps, to be compared in constant time.
    pub fn hash(&self) -> [u8; 32] {
        sha256(self.0.secret())
    }

    /// The secret itself, to be shown once.
    pub fn reveal(&self) -> String {
        self.0.reveal(Self::PREFIX)
    }
}

/// Says that this browser logged a user in before. It buys a throttle counter of its own and nothing else.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct KnownBrowser([u8; 32]);

impl KnownBrowser {
    /// Marks a browser of `user` with 8 unpredictable bytes.
    pub fn mint(user: Uuid, random: [u8; 8], key: &MacKey) -> Self {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(user.as_bytes());
        bytes[16..24].copy_from_slice(&random);
        let mac = key.tag(&[&bytes[..24]]);
        bytes[24..].copy_from_slice(&mac[..8]);
        Self(bytes)
    }

    /// `None`: it does not have the form (43 characters of base64url).
    pub fn parse(text: &str) -> Option<Self> {
        base64url::decode_array(text.as_bytes()).map(Self)
    }

    /// The user who logged in; to be believed only when [`KnownBrowser::genuine`].
    pub fn user(&self) -> Uuid {
        let mut id = [0; 16];
        id.copy_from_slice(&self.0[..16]);
        Uuid::from_bytes(id)
    }

    /// Whether a server with this key made it.
    pub fn genuine(&self, key: &MacKey) -> bool {
        key.verify(&[&self.0[..24]], &self.0[24..])
    }

    /// The value itself, for `Set-Cookie` alone.
    pub fn reveal(&self) -> String {
        base64url::encode(&self.0)
    }
}

/// Ids are not secrets, but enough of one to follow a session through a log is enough: the last eight digits
/// (the head of a UUIDv7 is the time).
macro_rules! redacted_debug {
    ($($kind:ident $id:ident),*) => {$(
        impl fmt::Debug for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let id = self.$id().simple().to_string();
                write!(f, concat!(stringify!($kind), "(…{}, redacted)"), &id[24..])
            }
        }
    )*};
}

redacted_debug!(SessionCookie id, RefreshToken id, ClientSecret id, KnownBrowser user);

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(0x0190_5a3c_1111_7222_8333_4444_5555_6666);

    fn key(byte: u8) -> MacKey {
        MacKey::new([byte; 32])
    }

    #[test]
    fn a_session_cookie_is_read_as_it_was_written() {
        let cookie = SessionCookie::mint(ID, [7; 24], &key(1));
        let text = cookie.reveal();
        assert_eq!((text.len(), &text[..4]), (68, "ses_"));
        let read = SessionCookie::parse(&text).unwrap();
        assert_eq!(read.id(), ID);
        assert!(read.genuine(&key(1)) && !read.genuine(&key(2)));
        assert_eq!(read.hash(), cookie.hash());
        assert_eq!(read.hash(), sha256(&base64url::decode(&text.as_bytes()[4..]).unwrap()[16..]));
    }

    #[test]
    fn a_refresh_token_is_read_as_it_was_written() {
        let text = RefreshToken::mint(ID, 0x0102_0304_0506_0708, &key(1)).reveal();
        assert_eq!((text.len(), &text[..4]), (68, "ref_"));
        let read = RefreshToken::parse(&text).unwrap();
        assert_eq!((read.id(), read.counter()), (ID, 0x0102_0304_0506_0708));
        assert!(read.genuine(&key(1)) && !read.genuine(&key(2)));
    }

    /// The form is a promise to those who hold a token: pinned against HMAC by hand.
    #[test]
    fn the_mac_of_a_refresh_token_is_over_id_and_counter_under_a_key_of_its_session() {
        let token = RefreshToken::mint(ID, 5, &key(1));
        let session_key = key(1).tag(&[b"refresh", ID.as_bytes()]);
        let mac = MacKey::new(session_key).tag(&[ID.as_bytes(), &5_u64.to_be_bytes()]);
        assert_eq!(token.0.0[24..], mac[..24]);
    }

    #[test]
    fn client_secrets_and_known_browsers_are_read_as_they_were_written() {
        let secret = ClientSecret::mint(ID, [9; 32]);
        let text = secret.reveal();
        assert_eq!((text.len(), &text[..4]), (68, "key_"));
        let read = ClientSecret::parse(&text).unwrap();
        assert_eq!((read.id(), read.hash()), (ID, sha256(&[9; 32])));

        let text = KnownBrowser::mint(ID, [3; 8], &key(1)).reveal();
        assert_eq!(text.len(), 43);
        let read = KnownBrowser::parse(&text).unwrap();
        assert_eq!(read.user(), ID);
        assert!(read.genuine(&key(1)) && !read.genuine(&key(2)));
    }

    #[test]
    fn no_bit_of_a_secret_can_be_changed() {
        let cookie = SessionCookie::mint(ID, [7; 24], &key(1));
        let refresh = RefreshToken::mint(ID, 3, &key(1));
        let known = KnownBrowser::mint(ID, [7; 8], &key(1));
        for bit in 0..48 * 8 {
            let flip = |bytes: &mut [u8]| bytes[bit / 8] ^= 1 << (bit % 8);
            let mut other = cookie.clone();
            flip(&mut other.0.0);
            assert!(!other.genuine(&key(1)));
            let mut other = refresh.clone();
            flip(&mut other.0.0);
            assert!(!other.genuine(&key(1)));
            if bit < 32 * 8 {
                let mut other = known.clone();
                flip(&mut other.0);
                assert!(!other.genuine(&key(1)));
            }
        }
    }

    #[test]
    fn a_mac_has_8_24_or_32_bytes() {
        let tag = key(1).tag(&[b"a", b"b"]);
        assert_eq!(tag, key(1).tag(&[b"ab"]));
        for length in 0..=32 {
            assert_eq!(key(1).verify(&[b"ab"], &tag[..length]), matches!(length, 8 | 24 | 32), "{length}");
        }
        assert!(!key(1).verify(&[b"ab"], &[tag, tag].concat()));
    }

    #[test]
    fn secrets_do_not_speak() {
        let cookie = SessionCookie::mint(ID, [7; 24], &key(1));
        let refresh = RefreshToken::mint(ID, 1, &key(1));
        let client = ClientSecret::mint(ID, [7; 32]);
        let known = KnownBrowser::mint(ID, [7; 8], &key(1));
        let shown = format!("{cookie:?} {refresh:?} {client:?} {known:?} {:?}", key(1));
        assert_eq!(
            shown,
            "SessionCookie(…55556666, redacted) RefreshToken(…55556666, redacted) \
             ClientSecret(…55556666, redacted) KnownBrowser(…55556666, redacted) MacKey(redacted)"
        );
    }
}
