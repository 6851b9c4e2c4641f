//! What is known of every credential of the test, and whether an answer may be given that was given.
//!
//! Two rules, asked at each answer. **Revoked is revoked** (invariant 1): a check that began after a call returned that ended the
//! credential is not accepted, anywhere. **Acknowledged is durable** (invariants 2 and 6): a credential that no call has begun to end is
//! never refused as dead. In between, while an ending is under way or its answer was lost, either may be.

use std::sync::{Arc, Mutex};

/// One credential, as several tasks see it.
#[derive(Clone)]
pub(crate) struct Credential(Arc<Mutex<State>>);

struct State {
    name: String,
    /// What it dies with: the session of an access token.
    parent: Option<Credential>,
    /// A call that ends it has begun.
    doubtful: bool,
    /// A call that ended it has returned: which.
    ended: Option<String>,
}

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// It opens the door.
    Accepted,
    /// 401: it is dead.
    Refused,
    /// 503, or no answer: whoever was asked did not know, and said so.
    Nobody,
}

/// A check that has begun.
pub(crate) struct Begun {
    credential: Credential,
    /// Ended before the check began: by which call.
    dead: Option<String>,
}

impl Credential {
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self(Arc::new(Mutex::new(State { name: name.into(), parent: None, doubtful: false, ended: None })))
    }

    /// One that dies with another, or by itself.
    pub(crate) fn under(parent: &Self, name: impl Into<String>) -> Self {
        let this = Self::new(name);
        this.0.lock().unwrap().parent = Some(parent.clone());
        this
    }

    /// Before a check is sent.
    pub(crate) fn check(&self) -> Begun {
        Begun { credential: self.clone(), dead: self.ended_by() }
    }

    /// Before a call that may end it is sent.
    pub(crate) fn ending(&self) {
        self.0.lock().unwrap().doubtful = true;
    }

    /// When a call that ended it has returned.
    pub(crate) fn ended(&self, by: &str) {
        let mut state = self.0.lock().unwrap();
        assert!(state.doubtful, "an ending begins before it returns");
        state.ended.get_or_insert_with(|| by.to_owned());
    }

    fn ended_by(&self) -> Option<String> {
        let state = self.0.lock().unwrap();
        state.ended.clone().or_else(|| state.parent.as_ref().and_then(Self::ended_by))
    }

    /// Whether a call that ended it has returned.
    pub(crate) fn is_ended(&self) -> bool {
        self.ended_by().is_some()
    }

    /// Whether no call has begun to end it.
    pub(crate) fn is_live(&self) -> bool {
        let state = self.0.lock().unwrap();
        !state.doubtful && state.parent.as_ref().is_none_or(Self::is_live)
    }

    fn name(&self) -> String {
        self.0.lock().unwrap().name.clone()
    }
}

impl Begun {
    /// The answer to the check, given by `place`. Says what is wrong with it.
    pub(crate) fn answered(self, found: Found, place: &str) -> Result<(), String> {
        let name = self.credential.name();
        match (found, &self.dead) {
            (Found::Accepted, Some(by)) => {
                Err(format!("{name} was ended by {by}, and {place} accepted it in a check that began later"))
            }
            (Found::Refused, None) if self.credential.is_live() => {
                Err(format!("{place} refused {name}, which nobody has ended"))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ledger_sees_both_faults() {
        let credential = Credential::new("a cookie");
        assert!(credential.check().answered(Found::Refused, "a node").is_err(), "nobody ended it");
        let early = credential.check();
        credential.ending();
        assert!(credential.check().answered(Found::Refused, "a node").is_ok());
        assert!(credential.check().answered(Found::Accepted, "a node").is_ok(), "the call has not returned");
        credential.ended("a logout");
        assert!(early.answered(Found::Accepted, "a node").is_ok(), "it began before");
        assert!(credential.check().answered(Found::Accepted, "a node").is_err());
        assert!(credential.check().answered(Found::Nobody, "a node").is_ok());
        let token = Credential::under(&credential, "a token");
        assert!(token.is_ended() && !token.is_live(), "it dies with its session");
    }
}
