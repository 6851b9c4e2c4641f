//! Everything that a token must satisfy, but the revocation view.
//!
//! A request asks in this order: freshness, then [`Verifier::authenticate`] (or a memory of having done so
//! for this exact text), then the [view](crate::View), and the time last, with [`Verifier::in_time`]: an
//! entry may be forgotten as soon as what it ends has expired, so a token that was in time when the view was
//! asked would be the wrong question.
//!
//! The verifier owns issuer, audience, type, keys and limits, none of which a token can choose. It refuses to
//! be built without them (EM-03).

use std::ops::Range;
use std::sync::OnceLock;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::claims::{AccessClaims, Audience, NumericDate};
use crate::jws::{Header, Segments};
use crate::key::{Algorithm, Kid, VerifyingKey};
use crate::{Timestamp, TokenError, TokenErrorKind, json};

mod builder;

pub use builder::VerifierBuilder;

/// Verifies tokens of one issuer. Immutable: a change of keys is a new one.
#[derive(Clone, Debug)]
pub struct Verifier {
    issuer: String,
    audiences: Vec<String>,
    any_audience: bool,
    typ: String,
    untyped: bool,
    without_kid: bool,
    leeway: Duration,
    max_life: Duration,
    keys: Vec<Named>,
}

/// A key under the name that its issuer calls it by.
#[derive(Clone, Debug)]
struct Named {
    name: String,
    key: VerifyingKey,
    /// The first header, as it stands in a token, that this key signed and that passed. An issuer writes the
    /// same one into every token, and what a header must satisfy follows from its text alone: it is read
    /// once.
    header: OnceLock<Box<str>>,
}

impl Verifier {
    /// Begins with type `at+jwt`, a leeway of 30 s and a longest life of 24 h; issuer, audience and keys have
    /// no default.
    pub fn builder() -> VerifierBuilder {
        VerifierBuilder::new()
    }

    /// Everything, the time included: for callers without a revocation view.
    ///
    /// # Errors
    /// Why it is not accepted. What a client is told is the same for every cause.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<AccessClaims, TokenError> {
        let (claims, _) = self.authenticate(token)?;
        self.in_time(&claims, now)?;
        Ok(claims)
    }

    /// Signature, type, form of the claims, issuer, audience and length of life: what never changes for the
    /// same text, so it may be remembered under a hash of the whole text (JA-31). The caller then asks the
    /// view, then [`Verifier::in_time`].
    ///
    /// # Errors
    /// Why it is not accepted.
    pub fn authenticate(&self, token: &str) -> Result<(AccessClaims, Kid), TokenError> {
        let (payload, kid) = self.open(token)?;
        let claims = AccessClaims::parse(&payload).ok_or(TokenErrorKind::Claim)?;
        self.check_party(&claims.iss, Some(&claims.aud))?;
        let life = Timestamp::from_secs(claims.exp).since(Timestamp::from_secs(claims.iat));
        if life.is_zero() || life > self.max_life {
            return Err(TokenErrorKind::Claim.into());
        }
        Ok((claims, kid))
    }

    /// Everything, the time included, for tokens of any issuer and claims of the caller's own: signature,
    /// type, strict JSON, issuer, audience, `exp` (obligatory), `nbf` and `iat` (when present), length of
    /// life, and then `C`.
    ///
    /// # Errors
    /// Why it is not accepted.
    pub fn verify_as<C: DeserializeOwned>(&self, token: &str, now: Timestamp) -> Result<C, TokenError> {
        let (payload, _) = self.open(token)?;
        let registered: Registered = json::object(&payload).ok_or(TokenErrorKind::Claim)?;
        self.check_registered(&registered, now)?;
        Ok(serde_json::from_slice(&payload).map_err(|_| TokenErrorKind::Claim)?)
    }

    /// Like [`Verifier::authenticate`] for claims of the caller's own: signature, type, issuer, audience,
    /// strict JSON, and `C`. No other claim is looked at: time and life are the caller's
    /// ([`Verifier::verify_as`] looks at them).
    ///
    /// # Errors
    /// Why it is not accepted.
    pub fn authenticate_as<C: DeserializeOwned>(&self, token: &str) -> Result<(C, Kid), TokenError> {
        let (payload, kid) = self.open(token)?;
        let party: Party = json::object(&payload).ok_or(TokenErrorKind::Claim)?;
        self.check_party(&party.iss, party.aud.as_ref())?;
        let claims = serde_json::from_slice(&payload).map_err(|_| TokenErrorKind::Claim)?;
        Ok((claims, kid))
    }

    /// Whether the token is good at `now`; see [`Verifier::life`].
    ///
    /// # Errors
    /// `Expired` or `NotYetValid`.
    pub fn in_time(&self, claims: &AccessClaims, now: Timestamp) -> Result<(), TokenError> {
        let life = self.life(claims);
        if now >= life.end {
            return Err(TokenErrorKind::Expired.into());
        }
        if now < life.start {
            return Err(TokenErrorKind::NotYetValid.into());
        }
        Ok(())
    }

    /// From when until when the token is good: dead from `exp` + leeway on (RFC 7519 §4.1.4, "on or after"), not alive before `nbf` or
    /// `iat` − leeway.
    pub fn life(&self, claims: &AccessClaims) -> Range<Timestamp> {
        let from = Timestamp::from_secs(claims.nbf.unwrap_or(claims.iat).max(claims.iat));
        from.minus(self.leeway)..Timestamp::from_secs(claims.exp).plus(self.leeway)
    }

    /// The payload and the key that signed it, once form, key, signature and type are right.
    fn open(&self, token: &str) -> Result<(Vec<u8>, Kid), TokenError> {
        let segments = Segments::of(token)?;
        let known =
            self.keys.iter().find(|named| named.header.get().is_some_and(|own| **own == *segments.header));
        let header = if known.is_none() { Some(segments.header()?) } else { None };
        let mut room = [0; _];
        let signature = segments.signature(&mut room)?;
        let named = match (known, &header) {
            (Some(named), _) => named,
            (None, Some(header)) => self.named_by(header)?,
            (None, None) => return Err(TokenErrorKind::UnknownKey.into()),
        };
        if !named.key.verify(segments.signed.as_bytes(), signature) {
            return Err(TokenErrorKind::Signature.into());
        }
        if let Some(header) = header {
            let typed = header.is_type(&self.typ) || (self.untyped && header.typ.is_none());
            if !typed {
                // A payload that cannot be decoded is no token of any type.
                return Err(segments.payload().err().unwrap_or_else(|| TokenErrorKind::Type.into()));
            }
            // Whoever is second keeps the first one's, which is as good.
            let _ = named.header.set(segments.header.into());
        }
        Ok((segments.payload()?, *named.key.kid()))
    }

    /// The key that a header names, if the algorithm is that key's.
    fn named_by(&self, header: &Header) -> Result<&Named, TokenError> {
        // First, so that an `alg` that cannot be does not make anybody look for its key.
        let algorithm: Algorithm = header.alg.parse().map_err(|_| TokenErrorKind::Algorithm)?;
        let named = match &header.kid {
            Some(kid) => self.keys.iter().find(|named| named.name == *kid),
            // Trying them all would let a token pick (JA-18).
            None if !self.without_kid => None,
            None => {
                let mut able = self.keys.iter().filter(|named| named.key.algorithm() == algorithm);
                able.next().filter(|_| able.next().is_none())
            }
        };
        let named = named.ok_or(TokenErrorKind::UnknownKey)?;
        if algorithm != named.key.algorithm() {
            return Err(TokenErrorKind::Algorithm.into());
        }
        Ok(named)
    }

    fn check_party(&self, issuer: &str, audience: Option<&Audience>) -> Result<(), TokenError> {
        if issuer != self.issuer {
            return Err(TokenErrorKind::Issuer.into());
        }
        let meant = |audience: &Audience| self.audiences.iter().any(|own| audience.contains(own));
        match audience {
            _ if self.any_audience => Ok(()),
            Some(audience) if meant(audience) => Ok(()),
            Some(_) => Err(TokenErrorKind::Audience.into()),
            None => Err(TokenErrorKind::Claim.into()),
        }
    }

    fn check_registered(&self, claims: &Registered, now: Timestamp) -> Result<(), TokenError> {
        self.check_party(&claims.iss, claims.aud.as_ref())?;
        let (end, begin) = (claims.exp.0, claims.iat.as_ref().map(|iat| iat.0));
        // Who does not say when it was issued is taken to have issued it just now.
        let life = end.since(begin.unwrap_or_else(|| now.plus(self.leeway)));
        if life > self.max_life || begin.is_some_and(|begin| begin >= end) {
            return Err(TokenErrorKind::Claim.into());
        }
        if now >= end.plus(self.leeway) {
            return Err(TokenErrorKind::Expired.into());
        }
        let earliest = now.plus(self.leeway);
        let ahead = |date: Option<&NumericDate>| date.is_some_and(|date| date.0 > earliest);
        if ahead(claims.nbf.as_ref()) || ahead(claims.iat.as_ref()) {
            return Err(TokenErrorKind::NotYetValid.into());
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Party {
    iss: String,
    #[serde(default, deserialize_with = "json::present")]
    aud: Option<Audience>,
}

/// The registered claims (RFC 7519 §4.1) that decide, whoever issued them.
#[derive(Deserialize)]
struct Registered {
    iss: String,
    #[serde(default, deserialize_with = "json::present")]
    aud: Option<Audience>,
    exp: NumericDate,
    #[serde(default, deserialize_with = "json::present")]
    nbf: Option<NumericDate>,
    #[serde(default, deserialize_with = "json::present")]
    iat: Option<NumericDate>,
}
