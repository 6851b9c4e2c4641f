//! A handler that takes an HTML form: the access token may stand in the body (RFC 6750 §2.2).

use crate::extract::{Door, no_grant};
use crate::{Identity, Presented, Problem, bearer, form};
use axum_core::extract::{FromRequest, Request};
use bytes::Bytes;
use http::StatusCode;

/// An authenticated caller and the fields of the form they sent.
///
/// Takes the login from the `Authorization` header, the form's `access_token`, the query (when enabled) or the session
/// cookie, by the same rules and in the same order of refusals as [`Identity`]; a token in two of them is refused (400).
/// Reading the body is bounded by axum's limit (413). The body must be a form, or empty (415); that is asked last, once the
/// caller is known.
///
/// Do not take it beside [`Identity`], which cannot see the body and refuses first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BearerForm {
    /// Who asks.
    pub identity: Identity,
    /// The form's fields in their order, repeated ones included, without `access_token` where that was read.
    pub fields: Vec<(String, String)>,
}

impl<S: Send + Sync> FromRequest<S> for BearerForm {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let door = Door::open(&parts)?;
        // The limit is an extension of the request, so the body is read with a copy of its head.
        let body = Bytes::from_request(Request::from_parts(parts.clone(), body), state).await;
        let body = body.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Problem::payload_too_large(),
            _ => Problem::invalid_request("The body did not arrive completely."),
        })?;
        let settings = door.check().settings();
        let bearer_body = settings.bearer_body;
        let found = match Presented::with_form(&parts, &body, settings) {
            Ok(presented) => door.decide(&mut parts, presented).await.and_then(no_grant),
            Err(refusal) => Err(refusal),
        };
        let identity = found.map_err(|refusal| door.reject(&parts, refusal))?;
        if !body.is_empty() && !form::is_form(&parts.headers) {
            return Err(Problem::unsupported_media_type(form::MEDIA_TYPE));
        }
        let mut fields = form::pairs(&body)?;
        if bearer_body {
            fields.retain(|(name, _)| name != bearer::PARAMETER);
        }
        Ok(Self { identity, fields })
    }
}
