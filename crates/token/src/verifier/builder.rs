//! What a verifier must be told before it looks at a token: nothing has a default that lets more pass.

use std::sync::OnceLock;
use std::time::Duration;

use super::{Named, Verifier};
use crate::key::{Jwks, VerifyingKey};
use crate::{BuildError, KeyError};

/// More than this and a token could outlive the log entry that ends it.
const MAX_LEEWAY: Duration = Duration::from_secs(60);
/// The ceiling for the life of an access token.
const MAX_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// Collects what a [`Verifier`] needs.
#[derive(Clone, Debug)]
pub struct VerifierBuilder {
    issuer: String,
    audiences: Vec<String>,
    typ: String,
    leeway: Duration,
    max_life: Duration,
    life_ceiling: Duration,
    keys: Vec<(String, VerifyingKey)>,
    any_audience: bool,
    untyped: bool,
    without_kid: bool,
}

impl VerifierBuilder {
    pub(super) fn new() -> Self {
        Self {
            issuer: String::new(),
            audiences: Vec::new(),
            any_audience: false,
            typ: "at+jwt".to_owned(),
            untyped: false,
            without_kid: false,
            leeway: Duration::from_secs(30),
            max_life: MAX_LIFE,
            life_ceiling: MAX_LIFE,
            keys: Vec::new(),
        }
    }

    /// The issuer, exactly as it stands in `iss`. Obligatory.
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = issuer.into();
        self
    }

    /// Who we are, exactly as it stands in `aud`. Obligatory; repeated, a token for any of them passes.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// The one `typ` that passes, `application/` left out.
    #[must_use]
    pub fn typ(mut self, typ: impl Into<String>) -> Self {
        self.typ = typ.into();
        self
    }

    /// Takes tokens without `typ`, too: many issuers of before RFC 8725 write none. Only for an issuer that
    /// uses its keys for no other kind of token.
    #[must_use]
    pub fn typ_may_be_absent(mut self) -> Self {
        self.untyped = true;
        self
    }

    /// Takes tokens for whomever, `aud` or none, and needs no [`VerifierBuilder::audience`]: some issuers
    /// write none into access tokens. A token for another service then passes here: the caller has to
    /// look at another claim that says whom it is for.
    #[must_use]
    pub fn unsafe_any_audience(mut self) -> Self {
        self.any_audience = true;
        self
    }

    /// How far clocks may differ: at most 60 s.
    #[must_use]
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// The longest `exp` − `iat` that passes: at most 24 h.
    #[must_use]
    pub fn max_life(mut self, life: Duration) -> Self {
        self.max_life = life;
        self.life_ceiling = MAX_LIFE;
        self
    }

    /// [`VerifierBuilder::max_life`] without the ceiling. A token lives as long as nobody ends it, and every
    /// entry of the revocation log has to be kept that long: the installation must have been told the same.
    #[must_use]
    pub fn unsafe_max_life(mut self, life: Duration) -> Self {
        self.max_life = life;
        self.life_ceiling = Duration::MAX;
        self
    }

    /// Keys under their own names ([`Kid`](crate::Kid)), in addition to those already given. At least one of
    /// these or the following.
    #[must_use]
    pub fn keys(mut self, keys: impl IntoIterator<Item = VerifyingKey>) -> Self {
        self.keys.extend(keys.into_iter().map(|key| (key.kid().to_string(), key)));
        self
    }

    /// The keys of another issuer's set under the names (`kid`) that it gives them. Keys of a kind that this
    /// version does not do, or that are not for signatures, are left out (RFC 7517 §5).
    ///
    /// # Errors
    /// A key of a known kind that is malformed or weak spoils the set; an RSA key without `alg` is that
    /// ([`Jwks::with_rsa_algorithm`]).
    pub fn jwks(mut self, set: &Jwks) -> Result<Self, KeyError> {
        self.keys.extend(set.named_keys()?);
        Ok(self)
    }

    /// A key under the name that another issuer calls it by, when it did not come in a set.
    #[must_use]
    pub fn key_named(mut self, name: impl Into<String>, key: VerifyingKey) -> Self {
        self.keys.push((name.into(), key));
        self
    }

    /// Takes tokens without `kid` for signed by the one key of their algorithm; when there are several, by
    /// none (RFC 8725 §3.1).
    #[must_use]
    pub fn kid_may_be_absent(mut self) -> Self {
        self.without_kid = true;
        self
    }

    /// Builds it.
    ///
    /// # Errors
    /// What is missing or beyond a ceiling; two keys of one `kid` (one RSA key for two algorithms is that,
    /// too); published test keys.
    pub fn build(self) -> Result<Verifier, BuildError> {
        if self.issuer.is_empty() {
            return Err(BuildError::NoIssuer);
        }
        if (self.audiences.is_empty() && !self.any_audience) || self.audiences.iter().any(String::is_empty) {
            return Err(BuildError::NoAudience);
        }
        if self.typ.is_empty() {
            return Err(BuildError::NoType);
        }
        if self.leeway > MAX_LEEWAY {
            return Err(BuildError::Leeway);
        }
        if self.max_life.is_zero() || self.max_life > self.life_ceiling {
            return Err(BuildError::MaxLife);
        }
        let mut keys: Vec<Named> = Vec::new();
        for (name, key) in self.keys {
            if key.published() {
                return Err(BuildError::PublicTestKey);
            }
            // Nor may one key serve two algorithms under two names.
            let clash = |other: &Named| {
                other.name == name
                    || (other.key.thumbprint() == key.thumbprint()
                        && other.key.algorithm() != key.algorithm())
            };
            if keys.iter().any(clash) {
                return Err(BuildError::DuplicateKid);
            }
            keys.push(Named { name, key, header: OnceLock::new() });
        }
        if keys.is_empty() {
            return Err(BuildError::NoKeys);
        }
        Ok(Verifier {
            issuer: self.issuer,
            audiences: self.audiences,
            any_audience: self.any_audience,
            typ: self.typ,
            untyped: self.untyped,
            without_kid: self.without_kid,
            leeway: self.leeway,
            max_life: self.max_life,
            keys,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Algorithm, SigningKey};

    fn key() -> VerifyingKey {
        SigningKey::generate(Algorithm::Es256).unwrap().0.verifying()
    }

    fn complete() -> VerifierBuilder {
        Verifier::builder().issuer("https://id.example").audience("https://api.example").keys([key()])
    }

    #[test]
    fn em_03_a_verifier_without_issuer_audience_or_keys_is_not_built() {
        assert!(complete().build().is_ok());
        let error = |builder: VerifierBuilder| builder.build().unwrap_err();
        assert_eq!(error(complete().issuer("")), BuildError::NoIssuer);
        assert_eq!(error(Verifier::builder().issuer("i").keys([key()])), BuildError::NoAudience);
        assert_eq!(error(complete().audience("")), BuildError::NoAudience);
        assert_eq!(error(complete().typ("")), BuildError::NoType);
        assert_eq!(error(Verifier::builder().issuer("i").audience("a")), BuildError::NoKeys);
    }

    #[test]
    fn leeway_and_life_have_ceilings() {
        let seconds = Duration::from_secs;
        assert!(complete().leeway(seconds(60)).build().is_ok());
        assert_eq!(complete().leeway(Duration::from_millis(60_001)).build().unwrap_err(), BuildError::Leeway);
        assert!(complete().max_life(seconds(86_400)).build().is_ok());
        assert_eq!(complete().max_life(seconds(86_401)).build().unwrap_err(), BuildError::MaxLife);
        assert_eq!(complete().max_life(Duration::ZERO).build().unwrap_err(), BuildError::MaxLife);
        assert!(complete().unsafe_max_life(seconds(86_401)).build().is_ok());
        let lowered_again = complete().unsafe_max_life(seconds(1)).max_life(seconds(86_401));
        assert_eq!(lowered_again.build().unwrap_err(), BuildError::MaxLife);
    }

    #[test]
    fn ja_19_two_keys_of_one_id_are_refused() {
        let one = key();
        assert_eq!(complete().keys([one.clone(), one]).build().unwrap_err(), BuildError::DuplicateKid);
    }
}
