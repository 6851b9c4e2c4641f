//! `/.well-known/*`: public keys and metadata, for anybody, cacheable.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use symbolon_token::{Algorithm, dpop::ALGORITHMS};

use crate::Auth;

const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=900");

/// `GET /.well-known/jwks.json` (RFC 7517 §5).
pub(crate) async fn jwks(State(auth): State<Auth>, headers: HeaderMap) -> Response {
    document(
        &headers,
        "application/jwk-set+json",
        &serde_json::to_value(auth.engine().jwks()).unwrap_or_default(),
    )
}

/// `GET /.well-known/oauth-authorization-server` (RFC 8414).
pub(crate) async fn metadata(State(auth): State<Auth>, headers: HeaderMap) -> Response {
    let settings = auth.engine().settings();
    let issuer = settings.issuer.trim_end_matches('/');
    let document_value = json!({
        "issuer": settings.issuer,
        "token_endpoint": format!("{issuer}/oauth/token"),
        "revocation_endpoint": format!("{issuer}/oauth/revoke"),
        "introspection_endpoint": format!("{issuer}/oauth/introspect"),
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "scopes_supported": settings.token.scopes,
        "response_types_supported": [],
        "grant_types_supported": ["refresh_token"],
        "token_endpoint_auth_methods_supported": ["none"],
        "revocation_endpoint_auth_methods_supported": ["none", "client_secret_basic"],
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic"],
        "dpop_signing_alg_values_supported": ALGORITHMS.map(Algorithm::name),
    });
    document(&headers, "application/json", &document_value)
}

fn document(request: &HeaderMap, media_type: &'static str, value: &Value) -> Response {
    let body = value.to_string();
    let etag = crate::router::etag(body.as_bytes());
    let known = request.get_all(header::IF_NONE_MATCH).iter().any(|seen| {
        seen.to_str().is_ok_and(|list| {
            list.split(',').any(|one| one.trim().trim_start_matches("W/") == etag || one.trim() == "*")
        })
    });
    let etag_value = HeaderValue::try_from(etag).unwrap_or(HeaderValue::from_static("\"\""));
    let headers = [(header::CACHE_CONTROL, CACHE), (header::ETAG, etag_value)];
    if known {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, [(header::CONTENT_TYPE, HeaderValue::from_static(media_type))], body).into_response()
}
