//! Who calls `/v1/revocations` and `/v1/check`: a machine client with the scope for it. No user may, and no cookie is read.

use axum::{extract::FromRequestParts, http::request::Parts};
use symbolon_http::{ClientCredential, Problem};

use crate::{Auth, failure::Failure};

/// A client with the scope `revocations`.
pub(crate) struct Follower;

/// A client with the scope `check`.
pub(crate) struct Checker;

impl FromRequestParts<Auth> for Follower {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, auth: &Auth) -> Result<Self, Failure> {
        client(parts, auth, "revocations").map(|()| Self)
    }
}

impl FromRequestParts<Auth> for Checker {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, auth: &Auth) -> Result<Self, Failure> {
        client(parts, auth, "check").map(|()| Self)
    }
}

fn client(parts: &Parts, auth: &Auth, scope: &'static str) -> Result<(), Failure> {
    let presented = ClientCredential::from_headers(&parts.headers).ok_or_else(Problem::invalid_client)??;
    let client = auth.engine().authenticate_client(presented.id.as_deref(), &presented.secret)?;
    if client.scopes.iter().any(|held| held == scope) {
        return Ok(());
    }
    tracing::info!(client = %client.id, scope, "a client without the scope for it called");
    Err(Problem::insufficient_scope(scope).into())
}
