//! The errors of this crate: opaque, with a `kind()` and a stable code. None of them repeats what came in
//! from outside, so each can be logged and shown.

use thiserror::Error;

/// Why a token is not accepted. A client never learns which: every cause gets the same answer.
#[derive(Debug, Error)]
#[error("access token refused: {}", .kind.reason())]
pub struct TokenError {
    kind: TokenErrorKind,
}

/// What was wrong with a token, for logs, counters and tests.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum TokenErrorKind {
    /// Not three segments of strict base64url around a strict JSON header, or a header we must not ignore
    /// (`crit`, `zip`, `b64`).
    Malformed,
    /// No algorithm of ours, or not the one its key is bound to.
    Algorithm,
    /// No `kid`, or one that is not in the key set. A key set may be read again, within its cool-down.
    UnknownKey,
    /// The signature does not verify.
    Signature,
    /// `typ` is missing or another kind of token (RFC 8725 §3.11).
    Type,
    /// A claim is missing, repeated, of the wrong type or out of range; or the token lives longer than any
    /// may.
    Claim,
    /// Another issuer.
    Issuer,
    /// For another audience.
    Audience,
    /// `exp` has passed.
    Expired,
    /// `nbf` or `iat` lies ahead.
    NotYetValid,
    /// Longer than the limit; nothing was decoded.
    TooLong,
}

impl TokenErrorKind {
    /// A stable name for logs and counters.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Algorithm => "algorithm",
            Self::UnknownKey => "unknown_key",
            Self::Signature => "signature",
            Self::Type => "type",
            Self::Claim => "claim",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::TooLong => "too_long",
        }
    }

    const fn reason(self) -> &'static str {
        match self {
            Self::Malformed => "it is not a well-formed signed token",
            Self::Algorithm => "its algorithm is not the one of its key",
            Self::UnknownKey => "it names no key that is known",
            Self::Signature => "its signature does not verify",
            Self::Type => "it is another type of token",
            Self::Claim => "a claim is missing or malformed",
            Self::Issuer => "it is of another issuer",
            Self::Audience => "it is for another audience",
            Self::Expired => "it has expired",
            Self::NotYetValid => "it is not valid yet",
            Self::TooLong => "it is too long",
        }
    }
}

impl TokenError {
    /// What was wrong.
    pub const fn kind(&self) -> TokenErrorKind {
        self.kind
    }

    /// A stable name for logs and counters.
    pub const fn code(&self) -> &'static str {
        self.kind.code()
    }
}

impl From<TokenErrorKind> for TokenError {
    fn from(kind: TokenErrorKind) -> Self {
        Self { kind }
    }
}

/// Why a key is not taken, or a token not made.
#[derive(Debug, Error)]
#[error("{}", .kind.reason())]
pub struct KeyError {
    kind: KeyErrorKind,
}

/// What was wrong with a key, or with claims to be signed.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum KeyErrorKind {
    /// Not a key of the form that was promised, or its parts do not fit together.
    Malformed,
    /// A well-formed key of a kind that this crate does not do, or that is not for signatures. In a set: skip
    /// it.
    Unsupported,
    /// Too short, of a broken generator, or guessable.
    Weak,
    /// Its private half is public: a test key out of a specification or a test suite.
    PublicTestKey,
    /// Two keys of one set have the same `kid`.
    DuplicateKid,
    /// The set has more keys or bytes than any honest one.
    TooMany,
    /// Private members in what should be a public key.
    Private,
    /// AWS-LC could not make a key or a signature.
    Crypto,
    /// The claims are not a JSON object, or a member stands in them twice (its name, when known).
    Claims(Option<String>),
    /// The token would be longer than 4 KiB; the claim that takes the most room.
    TooLong(String),
}

impl KeyErrorKind {
    fn reason(&self) -> String {
        let reason = match self {
            Self::Malformed => "the key is malformed",
            Self::Unsupported => "the key is of a kind that is not supported",
            Self::Weak => {
                "the key is too weak: too short, from a broken generator, or text where random bytes belong"
            }
            Self::PublicTestKey => "the key is a published test key: everybody has its private half",
            Self::DuplicateKid => "two keys of the set have the same id",
            Self::TooMany => "the key set is too large",
            Self::Private => "the key has private members where only public ones belong",
            Self::Crypto => "the cryptographic library failed",
            Self::Claims(None) => "the claims are not a JSON object",
            Self::Claims(Some(claim)) => return format!("the claim `{claim}` stands in the token twice"),
            Self::TooLong(claim) => {
                return format!("the token would be longer than 4 KiB; the largest claim is `{claim}`");
            }
        };
        reason.to_owned()
    }
}

impl KeyError {
    /// What was wrong.
    pub const fn kind(&self) -> &KeyErrorKind {
        &self.kind
    }

    /// The claim to blame, when signing failed because of one.
    pub fn claim(&self) -> Option<&str> {
        match &self.kind {
            KeyErrorKind::Claims(claim) => claim.as_deref(),
            KeyErrorKind::TooLong(claim) => Some(claim),
            _ => None,
        }
    }
}

impl From<KeyErrorKind> for KeyError {
    fn from(kind: KeyErrorKind) -> Self {
        Self { kind }
    }
}

/// Why a verifier cannot be built. Each is a mistake in configuration, told at start, never at the first
/// token (EM-03).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A verifier without issuer would take anybody's tokens.
    #[error("a verifier needs an issuer")]
    NoIssuer,
    /// A verifier without audience would take tokens for others.
    #[error("a verifier needs an audience")]
    NoAudience,
    /// A verifier without type would mistake one kind of token for another.
    #[error("a verifier needs a token type")]
    NoType,
    /// A verifier without keys would take nothing.
    #[error("a verifier needs at least one key")]
    NoKeys,
    /// Two keys of one `kid`: one key has one meaning.
    #[error("two keys have the same id")]
    DuplicateKid,
    /// A test key out of a specification: everybody can sign with it.
    #[error("one of the keys is a published test key")]
    PublicTestKey,
    /// Entries of the revocation log are kept for 60 s beyond the longest life, not longer.
    #[error("the leeway is longer than 60 seconds")]
    Leeway,
    /// More than the ceiling of 24 h.
    #[error("the longest life of a token is zero or more than 24 hours")]
    MaxLife,
}
