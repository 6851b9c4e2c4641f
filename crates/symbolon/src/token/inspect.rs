//! What an operator is told of a token in their hands: more than introspection tells a machine, which learns nothing of a dead one.

use symbolon_token::{AccessClaims, Compact, Kid};

use crate::Symbolon;

/// An access token seen from here.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// The key that its header names, when it is the name of a key at all.
    pub kid: Option<Kid>,
    /// Whether that is a key of ours that was not removed.
    pub key_known: bool,
    /// Whether that key signed it, and it is of our issuer, for an audience of ours and of the form of an access token.
    pub verifies: bool,
    /// Whether the log names its key, itself, its session or its user's generation. The log forgets what has long expired.
    pub revoked: bool,
    /// Whether it would be accepted now, by one of its audience.
    pub active: bool,
    /// What it says, when it verifies.
    pub claims: Option<AccessClaims>,
}

impl Symbolon {
    /// Looks at an access token from memory; for the operator alone.
    pub fn inspect_token(&self, token: &str) -> Inspection {
        let now = self.now();
        let kid =
            Compact::parse(token).ok().and_then(|token| token.header().kid.as_deref()?.parse::<Kid>().ok());
        let key_known = kid.is_some_and(|kid| self.keys().iter().any(|key| key.kid == kid));
        let claims = self.0.keyring.authenticate_any_audience(token, now).map(|(claims, _)| claims);
        let memory = self.memory();
        let key_removed = kid.is_some_and(|kid| memory.view.key_ended(&kid));
        let ended =
            kid.zip(claims.as_ref()).is_some_and(|(kid, claims)| memory.view.ends_token(claims, &kid));
        let revoked = key_removed || ended;
        let in_time = claims.as_ref().is_some_and(|claims| self.0.keyring.life(claims).contains(&now));
        Inspection {
            kid,
            key_known,
            verifies: claims.is_some(),
            revoked,
            active: in_time && !revoked,
            claims,
        }
    }
}
