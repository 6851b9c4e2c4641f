//! Who makes a request, how they proved it, and how long that holds.

use serde::Serialize;
use std::sync::Arc;
use symbolon_token::Timestamp;

pub use symbolon_token::Amr;

use uuid::Uuid;

/// How a login travelled in this request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    /// The session cookie.
    Cookie,
    /// A bearer token: header, form body or query.
    Bearer,
}

impl Via {
    /// The name in the contract's JSON: `cookie` or `bearer`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cookie => "cookie",
            Self::Bearer => "bearer",
        }
    }
}

/// What kind of session stands behind a login.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SessionKind {
    /// A login by cookie.
    Browser,
    /// A login by token, with a refresh chain.
    Token,
    /// A refresh chain that a user gave to a job.
    Grant,
}

impl SessionKind {
    /// The name in the contract's JSON and in the store: `browser`, `token` or `grant`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::Token => "token",
            Self::Grant => "grant",
        }
    }
}

/// An authenticated caller. Cloning is cheap.
///
/// As an extractor it takes either carrier; see [`crate::Session`] and [`crate::Bearer`] for one of them only.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The user.
    pub user_id: Uuid,
    /// The user's generation when this login was made; everything that ends all of a user raises it.
    pub generation: u64,
    /// The session, `None` for a stateless token.
    pub session_id: Option<Uuid>,
    /// The session's kind where it is known: always for a grant, whose access tokens say so; not for other tokens.
    pub kind: Option<SessionKind>,
    /// The carrier used in this request.
    pub via: Via,
    /// The proofs given, oldest first.
    pub amr: Arc<[Amr]>,
    /// The last login or confirmation.
    pub auth_time: Timestamp,
    /// The end that no activity moves: the session's absolute end, or a stateless token's `exp`.
    pub expires_at: Timestamp,
    /// The end if nothing more is heard; `None` where there is none.
    pub idle_expires_at: Option<Timestamp>,
    /// Granted scopes, separated by single spaces (RFC 6749 §3.3).
    pub scope: Option<Arc<str>>,
    /// The client the login was made for.
    pub client_id: Option<Arc<str>>,
    /// The access token's id; `None` by cookie.
    pub jti: Option<Uuid>,
    /// The access token's `exp`; `None` by cookie.
    pub token_expires: Option<Timestamp>,
}

impl Identity {
    /// Whether a job asks that a user lent a grant, rather than the user.
    ///
    /// Only [`crate::IdentityOrGrant`] lets one in, and it never counts as a fresh login, whatever its `auth_time`.
    pub fn is_grant(&self) -> bool {
        self.kind == Some(SessionKind::Grant)
    }

    /// Whether `scope` was granted: an exact, case-sensitive comparison with each granted one.
    ///
    /// A login without scopes has none, and the empty scope is never granted.
    pub fn has_scope(&self, scope: &str) -> bool {
        !scope.is_empty() && self.scope.as_deref().is_some_and(|all| all.split(' ').any(|one| one == scope))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_scope(scope: Option<&str>) -> Identity {
        Identity {
            user_id: Uuid::nil(),
            generation: 0,
            session_id: None,
            kind: None,
            via: Via::Bearer,
            amr: Arc::from([]),
            auth_time: Timestamp::default(),
            expires_at: Timestamp::default(),
            idle_expires_at: None,
            scope: scope.map(Arc::from),
            client_id: None,
            jti: None,
            token_expires: None,
        }
    }

    #[test]
    fn scopes_are_compared_whole() {
        let identity = with_scope(Some("read:mail write"));
        assert!(identity.has_scope("read:mail"));
        assert!(identity.has_scope("write"));
        for no in ["read", "WRITE", "mail", "", " ", "read:mail write"] {
            assert!(!identity.has_scope(no), "{no:?}");
        }
        assert!(!with_scope(None).has_scope("write"));
        assert!(!with_scope(Some("")).has_scope(""));
    }

    #[test]
    fn names_are_those_of_the_contract() {
        assert_eq!(serde_json::to_value(Via::Cookie).unwrap(), Via::Cookie.as_str());
        assert_eq!(serde_json::to_value(Via::Bearer).unwrap(), Via::Bearer.as_str());
        for kind in [SessionKind::Browser, SessionKind::Token, SessionKind::Grant] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
