//! `/oauth/*`: refresh (RFC 6749 §6), revocation (RFC 7009), introspection (RFC 7662). Never reads a cookie.

use axum::{
    extract::{FromRequest, Request, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use symbolon::{store::Kind, token::introspect::Introspection};
use symbolon_http::{ClientCredential, OAuthError, Problem};
use uuid::Uuid;

use super::view;
use crate::{
    Auth,
    address::Calling,
    failure,
    parts::{Json, OAuthForm, possession},
};

/// `POST /oauth/token`. Refresh tokens are the public client's, which does not authenticate: a client that does presents another's
/// (RFC 6749 §6), and uses nothing up.
pub(crate) async fn token(
    State(auth): State<Auth>,
    Calling(caller): Calling,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let refreshed = async {
        let client = client(&auth, &headers, None)?;
        let proof = possession(&auth, request.method(), request.uri(), &headers)
            .map_err(|refusal| OAuthError::from(Problem::dpop_at_issue(refusal)).into_response());
        let form = OAuthForm::from_request(request, &()).await?;
        if form.need("grant_type")? != "refresh_token" {
            return Err(OAuthError::unsupported_grant_type().into_response());
        }
        let token = form.need("refresh_token")?;
        // Nor is a token issued to the public client for whoever names another (RFC 6749 §6, RT-06).
        let own = |id: &str| id == auth.engine().settings().token.client_id;
        if client.is_some() || !form.get("client_id").is_none_or(own) {
            return Err(OAuthError::invalid_grant().into_response());
        }
        let caller = caller.with_proof(proof?);
        let answer = auth.engine().refresh(token, form.get("scope"), &caller).await;
        answer.map_err(|error| failure::oauth(&error))
    };
    match refreshed.await {
        Ok(answer) => Json(view::Tokens::from(answer)).into_response(),
        Err(refused) => refused,
    }
}

/// `POST /oauth/revoke`.
pub(crate) async fn revoke(
    State(auth): State<Auth>,
    Calling(caller): Calling,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let revoked = async {
        let client = client(&auth, &headers, None)?;
        let form = OAuthForm::from_request(request, &()).await?;
        let token = form.need("token")?;
        auth.engine().revoke(token, client, &caller).await.map_err(|error| failure::oauth(&error))
    };
    match revoked.await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(refused) => refused,
    }
}

/// `POST /oauth/introspect`.
pub(crate) async fn introspect(State(auth): State<Auth>, headers: HeaderMap, request: Request) -> Response {
    let asked = async {
        if client(&auth, &headers, Some("introspect"))?.is_none() {
            return Err(OAuthError::invalid_client().into_response());
        }
        let form = OAuthForm::from_request(request, &()).await?;
        let token = form.need("token")?;
        auth.engine().introspect(token).await.map_err(|error| failure::oauth(&error))
    };
    match asked.await {
        Ok(found) => Json(introspection(&auth, found)).into_response(),
        Err(refused) => refused,
    }
}

/// The machine client of a request, when it presents one; with `scope`, it must have that.
pub(crate) fn client(
    auth: &Auth,
    headers: &HeaderMap,
    scope: Option<&'static str>,
) -> Result<Option<Uuid>, Response> {
    let Some(presented) = ClientCredential::from_headers(headers) else { return Ok(None) };
    let refused = || OAuthError::invalid_client().into_response();
    let presented = presented.map_err(|_| refused())?;
    let client = auth
        .engine()
        .authenticate_client(presented.id.as_deref(), &presented.secret)
        .map_err(|_| refused())?;
    match scope {
        Some(scope) if !client.scopes.iter().any(|held| held == scope) => {
            Err(OAuthError::insufficient_scope(scope).into_response())
        }
        _ => Ok(Some(client.id)),
    }
}

fn introspection(auth: &Auth, found: Introspection) -> Value {
    match found {
        Introspection::Inactive => json!({ "active": false }),
        Introspection::Access(claims) => {
            let mut answer = serde_json::to_value(&*claims).unwrap_or_default();
            answer["active"] = true.into();
            answer["token_type"] = if claims.cnf.is_some() { "DPoP" } else { "Bearer" }.into();
            answer
        }
        Introspection::Refresh(session) => {
            let mut answer = json!({
                "active": true,
                "iss": auth.engine().settings().issuer,
                "sub": session.user,
                "sid": session.id,
                "client_id": session.client_id,
                "scope": session.scope,
                "exp": session.idle_expires_at.min(session.expires_at).as_secs(),
                "iat": session.created_at.as_secs(),
            });
            if session.kind == Kind::Grant {
                // As its access tokens say it.
                answer["kind"] = session.kind.as_str().into();
            }
            answer
        }
    }
}
