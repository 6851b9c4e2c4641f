//! What a handler takes: [`Identity`] by either carrier, [`Session`] by cookie only, [`Bearer`] by token only; each also as
//! `Option`. And [`SameOrigin`], for the handlers that set a session cookie without reading one.
//!
//! [`Fresh`] takes a login of late alone: for what a forgotten device, or a stolen credential, must not do.
//!
//! None of them lets a grant in: a job that a user lent one must not be taken for the user by a handler that never thought of jobs.
//! One that did takes [`IdentityOrGrant`].
//!
//! The order of refusals is the contract's: two bearer transports (400), CSRF (403), credential (401), grant, carrier (403), age (401).
//!
//! As `Option`: nothing presented, or a dead cookie, is `None`; a bad bearer token is still refused, and so is a write from
//! elsewhere.

use crate::layer::Installed;
use crate::problem::REALM;
use crate::{
    Check, ClientAddress, Credential, DpopRefusal, Identity, Presented, Refusal, Rejection, RequestId,
};
use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;
use std::sync::Arc;

/// A caller who presented a session cookie. A good bearer token is not one (403), since it outranks the cookie.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session(pub Identity);

/// A caller who presented a bearer token in header or query. The cookie is not read, so no CSRF rule applies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bearer(pub Identity);

/// A caller by either carrier, a job with a user's grant among them: for the few routes that a grant opens.
///
/// [`Identity::is_grant`] tells them apart, [`Identity::has_scope`] what the job may do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IdentityOrGrant(pub Identity);

/// A caller by either carrier who proved who they are of late: by a login or a confirmation (step-up) at most as old as the installation
/// says (`session.fresh`).
///
/// Anybody else is refused with `fresh_login_required` and its `max_age`, and told in the challenge too (RFC 9470): a program sends the
/// password to `/v1/sessions/current/confirm` and asks again; a page leads to `/confirm?next=/path`, which leads back. Take
/// `Result<Fresh, Rejection>` to do so: [`Rejection::refusal`] is then [`Refusal::FreshLoginRequired`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fresh(pub Identity);

/// Proof that the CSRF rule passed: for handlers that set a session cookie (a login), whoever asks.
///
/// The extractors that read the cookie apply the rule themselves; beside them this one is not needed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SameOrigin;

impl<S: Send + Sync> FromRequestParts<S> for Identity {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        let door = Door::open(parts)?;
        door.either(parts).await.map_err(|refusal| door.reject(parts, refusal))
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Identity {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Rejection> {
        let door = Door::open(parts)?;
        optional(door.either(parts).await).map_err(|refusal| door.reject(parts, refusal))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IdentityOrGrant {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        let door = Door::open(parts)?;
        door.anyone(parts).await.map(Self).map_err(|refusal| door.reject(parts, refusal))
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for IdentityOrGrant {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Rejection> {
        let door = Door::open(parts)?;
        let found = optional(door.anyone(parts).await).map_err(|refusal| door.reject(parts, refusal))?;
        Ok(found.map(Self))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Session {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        let door = Door::open(parts)?;
        match door.by_cookie(parts).await {
            Ok(Some(identity)) => Ok(Self(identity)),
            Ok(None) => Err(Refusal::Forbidden(
                "This is only for a login by cookie. Leave the bearer token out and send the session cookie.",
            )),
            Err(refusal) => Err(refusal),
        }
        .map_err(|refusal| door.reject(parts, refusal))
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Session {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Rejection> {
        let door = Door::open(parts)?;
        let found = optional(door.by_cookie(parts).await).map_err(|refusal| door.reject(parts, refusal))?;
        Ok(found.flatten().map(Self))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Bearer {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        let door = Door::open(parts)?;
        door.by_bearer(parts).await.map(Self).map_err(|refusal| door.reject(parts, refusal))
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Bearer {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Rejection> {
        let door = Door::open(parts)?;
        let found = optional(door.by_bearer(parts).await).map_err(|refusal| door.reject(parts, refusal))?;
        Ok(found.map(Self))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Fresh {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        let door = Door::open(parts)?;
        let identity = door.either(parts).await.map_err(|refusal| door.reject(parts, refusal))?;
        match door.check.too_old(&identity) {
            None => Ok(Self(identity)),
            Some(max_age) => Err(door.reject(parts, Refusal::FreshLoginRequired { max_age })),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SameOrigin {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        let door = Door::open(parts)?;
        let settings = door.check.settings();
        let presented = match Presented::from_parts(parts, settings) {
            Err(refusal @ Refusal::InvalidRequest(_)) => Err(refusal),
            // A bad bearer token is not this extractor's business, the cookie beside it is.
            Err(_) => Ok(settings.cookie.session(&parts.headers).is_present()),
            Ok(presented) => Ok(presented.session_cookie),
        };
        presented
            .and_then(|session_cookie| door.same_origin(parts, session_cookie))
            .map(|()| Self)
            .map_err(|refusal| door.reject(parts, refusal))
    }
}

/// Who asks, where memory alone knows and nothing speaks against it: what [`IdentityOrGrant`] would come to, without waiting.
///
/// `None` says nothing: whoever gets it goes the way of the extractors, which find out, and have the words for a refusal.
pub fn recall(check: &dyn Check, parts: &Parts) -> Option<Identity> {
    let settings = check.settings();
    let Presented { credential, session_cookie } = Presented::from_parts(parts, settings).ok()?;
    match credential {
        Credential::Bearer(_) => {}
        Credential::Cookie(_) => {
            settings.csrf.check(&parts.method, &parts.headers, session_cookie).ok()?;
        }
        // A proof counts once, for whoever shows it first.
        Credential::None | Credential::Dpop(..) => return None,
    }
    check.recall(&credential)?.ok()
}

/// The absence of a login is no error where a login is optional.
fn optional<T>(found: Result<T, Refusal>) -> Result<Option<T>, Refusal> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(refusal) if refusal.is_anonymous() => Ok(None),
        Err(refusal) => Err(refusal),
    }
}

/// What every extractor asks but the one that is for grants.
pub(crate) fn no_grant(identity: Identity) -> Result<Identity, Refusal> {
    if identity.is_grant() { Err(Refusal::GrantTooNarrow) } else { Ok(identity) }
}

/// One request at the door, with the check that decides it.
pub(crate) struct Door {
    check: Arc<dyn Check>,
}

impl Door {
    /// Fails, with 500, where no [`crate::AuthLayer`] surrounds the handler: a missing door must not look like an open one.
    pub(crate) fn open(parts: &Parts) -> Result<Self, Rejection> {
        if let Some(installed) = parts.extensions.get::<Installed>() {
            return Ok(Self { check: Arc::clone(&installed.check) });
        }
        tracing::error!("a handler takes a login, but no AuthLayer surrounds its route");
        Err(Rejection::new(Refusal::Internal, REALM, instance(parts)))
    }

    pub(crate) fn check(&self) -> &dyn Check {
        &*self.check
    }

    pub(crate) fn reject(&self, parts: &Parts, refusal: Refusal) -> Rejection {
        Rejection::new(refusal, self.check.settings().realm, instance(parts))
    }

    async fn either(&self, parts: &mut Parts) -> Result<Identity, Refusal> {
        self.anyone(parts).await.and_then(no_grant)
    }

    async fn anyone(&self, parts: &mut Parts) -> Result<Identity, Refusal> {
        let presented = Presented::from_parts(parts, self.check.settings())?;
        self.decide(parts, presented).await
    }

    /// `None`: a good bearer token, which outranks whatever cookie there is.
    async fn by_cookie(&self, parts: &mut Parts) -> Result<Option<Identity>, Refusal> {
        let presented = Presented::from_parts(parts, self.check.settings())?;
        let by_bearer = presented.credential.is_token();
        let identity = self.decide(parts, presented).await.and_then(no_grant)?;
        Ok((!by_bearer).then_some(identity))
    }

    async fn by_bearer(&self, parts: &mut Parts) -> Result<Identity, Refusal> {
        let presented = Presented::from_parts(parts, self.check.settings())?;
        match presented.credential {
            Credential::Bearer(_) | Credential::Dpop(..) => {
                self.decide(parts, presented).await.and_then(no_grant)
            }
            Credential::None | Credential::Cookie(_) => Err(Refusal::NoCredential),
        }
    }

    fn same_origin(&self, parts: &Parts, session_cookie: bool) -> Result<(), Refusal> {
        self.check.settings().csrf.check(&parts.method, &parts.headers, session_cookie).map_err(|rejected| {
            tracing::debug!(reason = rejected.reason(), "csrf_rejected");
            Refusal::CsrfRejected
        })
    }

    /// The one place where a credential becomes an identity; a grant's too, so whoever calls refuses those, or means them.
    pub(crate) async fn decide(&self, parts: &mut Parts, presented: Presented) -> Result<Identity, Refusal> {
        let Presented { credential, session_cookie } = presented;
        let by_bearer = credential.is_token();
        // Before the memory of an earlier extractor: the rule costs nothing and depends on the method.
        if !by_bearer {
            self.same_origin(parts, session_cookie)?;
        }
        if matches!(credential, Credential::None) {
            return Err(if session_cookie { Refusal::NoSession } else { Refusal::NoCredential });
        }
        if let Some((known, outcome)) =
            parts.extensions.get::<Installed>().and_then(|found| found.outcome.as_ref())
            && known.is_same(&credential)
        {
            return outcome.clone();
        }
        let outcome = match self.check.recall(&credential) {
            Some(outcome) => outcome,
            None => {
                let address = parts.extensions.get::<ClientAddress>().map(|client| client.address);
                self.check.ask(&credential, address).await
            }
        };
        // Whatever the check calls it, a bad token is never the absence of one: `Option` must not turn it into `None`.
        let outcome = match outcome {
            Err(refusal) if by_bearer && refusal.is_anonymous() => Err(Refusal::InvalidToken),
            other => other,
        };
        // Told in the scheme that was used.
        let outcome = match outcome {
            Err(Refusal::InvalidToken) if matches!(credential, Credential::Dpop(..)) => {
                Err(Refusal::Dpop(DpopRefusal::Token))
            }
            other => other,
        };
        if let Some(installed) = parts.extensions.get_mut::<Installed>() {
            installed.outcome = Some((credential, outcome.clone()));
        }
        outcome
    }
}

fn instance(parts: &Parts) -> Option<Arc<str>> {
    parts.extensions.get::<RequestId>().map(|id| Arc::clone(&id.0))
}
