//! Who administers: extractors that a handler takes before anything else of the request.
//!
//! | caller | by | what else |
//! |---|---|---|
//! | a user with role `admin`, read anew each time | cookie (with the CSRF rule), or a bearer token that is not a grant's | for changes a fresh login |
//! | a machine client with scope `admin` | Basic or `Bearer key_…` | no cookie is read |
//! | the operator | the machine's own socket, which checked the peer | nothing: whoever can open it owns the data folder |

use std::sync::Arc;

use axum::{extract::FromRequestParts, http::request::Parts};
use symbolon::{
    audit::{Actor, By},
    login::Caller,
    user::ADMIN,
    user::cache::CachedUser,
};
use symbolon_http::{Check, ClientCredential, Credential, Identity, Presented, Problem, Refusal};
use uuid::Uuid;

use crate::{Auth, address::Calling, api::me, failure::Failure, parts::PathId};

/// The scope of a client that administers.
const SCOPE: &str = "admin";

/// Request extension: the request came over the machine's own socket. Only that socket's router puts it there.
#[derive(Clone, Copy)]
pub(crate) struct LocalOperator;

/// Somebody who administers.
pub(crate) struct Admin {
    /// Who, for the audit.
    pub(crate) actor: Actor,
    /// From where; nowhere for the operator.
    pub(crate) caller: Option<Caller>,
    /// The session they came with, to mark it in a list.
    pub(crate) session: Option<Uuid>,
}

impl Admin {
    /// Who and from where.
    pub(crate) fn by(&self) -> By {
        match &self.caller {
            Some(caller) => By::caller(self.actor.clone(), caller),
            None => self.actor.clone().into(),
        }
    }
}

impl FromRequestParts<Auth> for Admin {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, auth: &Auth) -> Result<Self, Failure> {
        if parts.extensions.get::<LocalOperator>().is_some() {
            return Ok(Self { actor: Actor::Cli, caller: None, session: None });
        }
        let Ok(Calling(caller)) = Calling::from_request_parts(parts, auth).await;
        let (actor, session) = match by_client(parts, auth)? {
            Some(client) => (Actor::Client(client), None),
            None => by_user(parts, auth).await?,
        };
        Ok(Self { actor, caller: Some(caller), session })
    }
}

/// The machine client of a request that presents one. It need be no less than right: a wrong one is refused, not passed over.
fn by_client(parts: &Parts, auth: &Auth) -> Result<Option<Uuid>, Failure> {
    let settings = &auth.0.settings;
    let Some(presented) = ClientCredential::from_headers(&parts.headers) else { return Ok(None) };
    match Presented::from_parts(parts, settings) {
        Err(refusal @ Refusal::InvalidRequest(_)) => return Err(refusal.into()),
        // Basic, and an access token in the query.
        Ok(Presented { credential: Credential::Bearer(_), .. }) => {
            return Err(
                Problem::invalid_request("The request says in two ways who sends it; say it once.").into()
            );
        }
        _ => {}
    }
    // A browser that was once told a Basic credential sends it along unasked, as it does a cookie; a bearer token it does not.
    let by_basic = !matches!(presented, Ok(ClientCredential { id: None, .. }));
    if by_basic && settings.csrf.check(&parts.method, &parts.headers, false).is_err() {
        return Err(Problem::csrf_rejected().into());
    }
    let presented = presented?;
    let client = auth.engine().authenticate_client(presented.id.as_deref(), &presented.secret)?;
    if client.scopes.iter().any(|scope| scope == SCOPE) {
        return Ok(Some(client.id));
    }
    tracing::info!(client = %client.id, "a client without the scope for it called for administration");
    Err(Problem::insufficient_scope(SCOPE).into())
}

/// The administrator of a request, and the session they came with.
async fn by_user(parts: &mut Parts, auth: &Auth) -> Result<(Actor, Option<Uuid>), Failure> {
    // A grant is refused by the extractor itself.
    let who = <Identity as FromRequestParts<Auth>>::from_request_parts(parts, auth).await?;
    let user = auth.engine().user(who.user_id).await.map_err(|error| me::gone(&who, error))?;
    // The role is not in the credential, so that taking it away counts at once (JC-18).
    if user.disabled || !user.roles.iter().any(|role| role == ADMIN) {
        tracing::info!(user = %user.id, "a user who is no administrator called for administration");
        return Err(Problem::forbidden("This is for administrators.").into());
    }
    if let (false, Some(max_age)) = (parts.method.is_safe(), auth.0.too_old(&who)) {
        return Err(Refusal::FreshLoginRequired { max_age }.into());
    }
    Ok((Actor::User(user.id), who.session_id))
}

/// An administrator, and the user whom the path names (404 when there is none, before the body is looked at).
pub(crate) struct Subject {
    /// Who asks.
    pub(crate) admin: Admin,
    /// About whom.
    pub(crate) user: Arc<CachedUser>,
}

impl FromRequestParts<Auth> for Subject {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, auth: &Auth) -> Result<Self, Failure> {
        let admin = Admin::from_request_parts(parts, auth).await?;
        let PathId(id) = PathId::from_request_parts(parts, auth).await?;
        Ok(Self { admin, user: auth.engine().user(id).await? })
    }
}

/// The operator of the machine; for all others the address does not exist.
pub(crate) struct Operator;

impl<S: Send + Sync> FromRequestParts<S> for Operator {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let local = parts.extensions.get::<LocalOperator>().is_some();
        if local { Ok(Self) } else { Err(Problem::not_found().into()) }
    }
}
