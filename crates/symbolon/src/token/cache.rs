//! Access tokens that were proven before, known by the SHA-256 of their whole text (JA-31): what of a token never changes need not be
//! found out twice. Whether it still counts is asked every time, of the view and the clock.
//!
//! Owns [`CheckedToken`] and the memory of them. Refuses what was not proven: only `token/check` puts something in, after the
//! signature; a text that differs by a bit is another token. Tokens under symmetric keys are not kept, their proof costs as little.
//! A removed key empties it, a dead token leaves when it is shown or swept; neither is needed for a refusal.

use std::{
    hash::{BuildHasherDefault, Hash, Hasher},
    mem::size_of,
    ops::Range,
    sync::Arc,
};

use aws_lc_rs::digest;
use serde_json::Value;
use symbolon_token::{AccessClaims, Amr, Kid, Timestamp, TokenRef};

use crate::{
    cache::{Asked, Cache},
    session::cache::Tail,
};

/// An access token that counted when it was checked. Cloning is cheap.
#[derive(Clone)]
pub struct CheckedToken(Arc<Proven>);

// What every check asks lies in front, in one or two lines of memory of several that most of the time are nowhere near.
#[repr(C)]
struct Proven {
    gist: Gist,
    amr: Arc<[Amr]>,
    scope: Option<Arc<str>>,
    client_id: Arc<str>,
    claims: AccessClaims,
}

/// What a check asks of a token that was proven.
#[derive(Clone)]
pub(crate) struct Gist {
    pub(super) token: TokenRef,
    /// From when until when it may count.
    pub(super) life: Range<Timestamp>,
}

impl CheckedToken {
    pub(super) fn new(gist: Gist, claims: AccessClaims) -> Self {
        let at = Timestamp::from_secs(claims.auth_time);
        Self(Arc::new(Proven {
            gist,
            amr: claims.amr.iter().map(|method| Amr { method: method.clone().into(), at }).collect(),
            scope: claims.scope.as_deref().map(Arc::from),
            client_id: claims.client_id.as_str().into(),
            claims,
        }))
    }

    pub(crate) fn gist(&self) -> &Gist {
        &self.0.gist
    }

    /// What it says.
    pub fn claims(&self) -> &AccessClaims {
        &self.0.claims
    }

    /// The key that signed it.
    pub fn kid(&self) -> &Kid {
        &self.0.gist.token.kid
    }

    /// How the user proved who they are; all of it at `auth_time`.
    pub fn amr(&self) -> &Arc<[Amr]> {
        &self.0.amr
    }

    /// Its scope.
    pub fn scope(&self) -> Option<&Arc<str>> {
        self.0.scope.as_ref()
    }

    /// The client it was issued to.
    pub fn client_id(&self) -> &Arc<str> {
        &self.0.client_id
    }

    /// What it takes in memory, bytes, rounded up.
    fn weight(&self) -> usize {
        let Proven { claims, amr, scope, client_id, .. } = &*self.0;
        let texts = claims.iss.len()
            + claims.aud.iter().map(|one| size_of::<String>() + one.len()).sum::<usize>()
            + claims.client_id.len()
            + client_id.len()
            + 2 * scope.as_deref().map_or(0, str::len)
            + claims.cnf.as_ref().map_or(0, |cnf| cnf.jkt.len())
            + amr
                .iter()
                .map(|amr| size_of::<Amr>() + size_of::<String>() + 2 * amr.method.len())
                .sum::<usize>();
        let extra: usize =
            claims.extra.iter().map(|(name, value)| 2 * NODE + name.len() + heavy(value)).sum();
        // Allocators round up, and the cache keeps the digest and its own notes.
        size_of::<Proven>() + texts + extra + 12 * ROUNDING + ENTRY
    }
}

const ROUNDING: usize = 8;
/// A digest, a pointer, and what the cache keeps of an entry.
const ENTRY: usize = 96;
/// What a member of a JSON object takes besides its texts.
const NODE: usize = 64;

fn heavy(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(|item| NODE + heavy(item)).sum(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| 2 * NODE + name.len() + heavy(value)).sum()
        }
    }
}

/// Where in memory a token lies if it was proven before, by the end of its signature: that is there at once, where a digest takes as long as
/// an entry takes to come, and is as good as chance in all that are kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Near(u64);

impl Near {
    pub(super) fn of(token: &str) -> Self {
        let end = token.as_bytes().last_chunk::<16>().map_or(0, |end| u128::from_be_bytes(*end));
        // A character of base64url is six bits of chance in eight.
        let folded = end.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        Self(u64::try_from(folded >> 64).unwrap_or_default())
    }
}

/// A token's text: its SHA-256.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    digest: [u8; 32],
    near: Near,
}

impl Seen {
    pub(super) fn of(token: &str, near: Near) -> Self {
        let mut digest = [0; 32];
        digest.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
        Self { digest, near }
    }
}

/// As [`Near`] does.
impl Hash for Seen {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.near.hash(state);
    }
}

pub(crate) struct TokenCache(Cache<Seen, CheckedToken, BuildHasherDefault<Tail>>);

/// About what a token of the usual size takes, bytes.
const USUAL: u64 = 768;

impl TokenCache {
    /// Room for `bytes`; none for 0.
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Cache::new(u64::try_from(bytes).unwrap_or(u64::MAX), USUAL))
    }

    pub(super) fn fetch_place(&self, near: Near) {
        self.0.fetch_place(&near);
    }

    pub(super) fn fetch_entry(&self, near: Near) {
        self.0.fetch_entry(&near);
    }

    pub(super) fn get(&self, seen: &Seen) -> Option<CheckedToken> {
        self.0.get(seen)
    }

    pub(super) fn insert(&self, seen: Seen, token: CheckedToken) {
        let weight = u32::try_from(token.weight()).unwrap_or(u32::MAX);
        self.0.insert(seen, token, weight);
    }

    pub(super) fn remove(&self, seen: &Seen) {
        self.0.remove(seen);
    }

    /// Forgets all of it: a key is gone.
    pub(crate) fn clear(&self) {
        self.0.clear();
    }

    /// Keeps only what still counts.
    pub(crate) fn retain(&self, counts: impl Fn(&CheckedToken) -> bool) {
        self.0.retain(counts);
    }

    /// How many tokens are kept.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn asked(&self) -> Asked {
        self.0.asked()
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, hash::BuildHasher};

    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

    use super::*;

    /// The bits that choose a part, a place in it, and those that tell one from another there: of signatures of every length we make.
    #[test]
    fn the_ends_of_signatures_lie_as_if_by_chance() {
        for length in [32, 64, 256] {
            let hash = |number: u32| {
                let signature = digest::digest(&digest::SHA512, &number.to_be_bytes());
                let signature: Vec<u8> = signature.as_ref().iter().copied().cycle().take(length).collect();
                let token = format!("head.body.{}", BASE64_URL_SAFE_NO_PAD.encode(signature));
                let near = Near::of(&token);
                let hash = BuildHasherDefault::<Tail>::default().hash_one(near);
                assert_eq!(hash, BuildHasherDefault::<Tail>::default().hash_one(Seen::of(&token, near)));
                hash
            };
            let hashes: Vec<u64> = (0..8_192).map(hash).collect();
            let values = |of: fn(&u64) -> u64| hashes.iter().map(of).collect::<HashSet<_>>().len();
            assert_eq!((values(|hash| hash & 0xff), values(|hash| hash >> 40 & 0x3f)), (256, 64), "{length}");
            assert_eq!((values(|hash| hash >> 56), values(|hash| *hash)), (256, 8_192), "{length}");
        }
    }
}
