//! Who looks at a page: a visitor, logged in or not, or a member, who is. Both by cookie alone, with the CSRF rule applied.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    http::{Uri, request::Parts},
};
use symbolon::{ErrorKind, user::cache::CachedUser};
use symbolon_http::{Check, Identity, Problem, Refusal, Session, form};

use super::{view::Page, words::Notice};
use crate::{Auth, failure::Failure};

/// Anybody.
pub(super) struct Visitor {
    /// The user, when there is a live session.
    pub(super) user: Option<Arc<CachedUser>>,
    notice: Option<Notice>,
}

/// Somebody with a live session. Without one the answer is 401, which leads to the login page.
pub(super) struct Member {
    pub(super) who: Identity,
    pub(super) user: Arc<CachedUser>,
    notice: Option<Notice>,
}

impl Visitor {
    /// What stands around the page they asked for.
    pub(super) fn page(&self, auth: &Auth) -> Page {
        super::page(auth, self.user.as_deref(), self.notice)
    }
}

impl Member {
    /// Refuses a login that is not fresh, which leads to `/confirm` and back.
    pub(super) fn is_fresh(&self, auth: &Auth) -> Result<(), Failure> {
        match auth.0.too_old(&self.who) {
            None => Ok(()),
            Some(max_age) => Err(Refusal::FreshLoginRequired { max_age }.into()),
        }
    }

    /// What stands around the page they asked for.
    pub(super) fn page(&self, auth: &Auth) -> Page {
        super::page(auth, Some(&self.user), self.notice)
    }
}

impl FromRequestParts<Auth> for Visitor {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, auth: &Auth) -> Result<Self, Failure> {
        let session = <Session as OptionalFromRequestParts<Auth>>::from_request_parts(parts, auth).await?;
        let user = match session {
            Some(Session(who)) => user(auth, &who).await?,
            None => None,
        };
        Ok(Self { user, notice: notice(parts) })
    }
}

impl FromRequestParts<Auth> for Member {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, auth: &Auth) -> Result<Self, Failure> {
        let Session(who) = <Session as FromRequestParts<Auth>>::from_request_parts(parts, auth).await?;
        let user = user(auth, &who).await?.ok_or_else(Problem::no_session)?;
        Ok(Self { who, user, notice: notice(parts) })
    }
}

/// `None`: deleted between check and read, and so as good as logged out.
async fn user(auth: &Auth, who: &Identity) -> Result<Option<Arc<CachedUser>>, Failure> {
    match auth.engine().user(who.user_id).await {
        Ok(user) => Ok(Some(user)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What the form before did, if it was ours: a link from elsewhere must not claim what never happened.
fn notice(parts: &Parts) -> Option<Notice> {
    let ours = parts.headers.get_all("sec-fetch-site").iter().all(|site| site == "same-origin");
    ours.then(|| parameter(&parts.uri, "done")).flatten().and_then(|code| Notice::from_code(&code))
}

/// A parameter of a page's address. People follow links with all sorts of things behind the `?`: what is repeated, empty or broken is
/// as good as absent.
pub(super) fn parameter(uri: &Uri, name: &str) -> Option<String> {
    let pairs = form::pairs(uri.query()?.as_bytes()).ok()?;
    let mut values = pairs.into_iter().filter(|(other, _)| other == name).map(|(_, value)| value);
    let first = values.next().filter(|value| !value.is_empty());
    if values.next().is_some() { None } else { first }
}
