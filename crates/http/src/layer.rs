//! Puts the [`Check`] where the extractors find it.

use crate::headers::PRIVATE_NO_STORE;
use crate::{Check, Credential, Identity, Refusal, bearer, dpop};
use http::{HeaderMap, Request, Response, header};
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tower_layer::Layer;
use tower_service::Service;

/// A layer for the whole application, or for the part of it that takes the extractors of this crate.
///
/// It decides nothing about a request by itself: what is protected is what takes an extractor. Where
/// [`crate::Settings::bearer_query`] is on it also marks every answer to a URL with a token in it
/// `Cache-Control: private, no-store`, errors included.
#[derive(Clone)]
pub struct AuthLayer {
    check: Arc<dyn Check>,
    prefix: Option<Arc<str>>,
}

impl AuthLayer {
    /// A layer that asks `check`.
    pub fn new(check: Arc<dyn Check>) -> Self {
        Self { check, prefix: None }
    }

    /// For inside of a router that takes this prefix off the paths it sees: a DPoP proof names the whole path. A layer outside of it
    /// needs none, and its word counts.
    #[must_use]
    pub fn under(self, prefix: impl Into<Arc<str>>) -> Self {
        Self { prefix: Some(prefix.into()), ..self }
    }

    /// What the layer does to a request, for whoever surrounds a handler by other means. What comes back is owed to the answer.
    pub fn enter<B>(&self, request: &mut Request<B>) -> Privacy {
        enter(&self.check, self.prefix.as_deref().unwrap_or_default(), request)
    }
}

/// What [`AuthLayer::enter`] owes the answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "an answer to a URL with a token in it must say that it is private"]
pub struct Privacy {
    token_in_url: bool,
}

impl Privacy {
    /// Marks the answer where the request's URL held a token.
    pub fn leave(self, headers: &mut HeaderMap) {
        if self.token_in_url {
            headers.insert(header::CACHE_CONTROL, PRIVATE_NO_STORE);
        }
    }
}

fn enter<B>(check: &Arc<dyn Check>, prefix: &str, request: &mut Request<B>) -> Privacy {
    dpop::note_path(request, prefix);
    let token_in_url = check.settings().bearer_query && bearer::is_in_query(request.uri().query());
    request.extensions_mut().insert(Installed { check: Arc::clone(check), outcome: None });
    Privacy { token_in_url }
}

impl fmt::Debug for AuthLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthLayer(..)")
    }
}

/// What the layer leaves in a request's extensions.
///
/// The outcome stands beside the check that found it: an inner layer with another check replaces both, so that two
/// installations in one process never believe each other's answers.
#[derive(Clone)]
pub(crate) struct Installed {
    pub(crate) check: Arc<dyn Check>,
    /// What was found for this request's header, query or cookie, so that two extractors make one check.
    pub(crate) outcome: Option<(Credential, Result<Identity, Refusal>)>,
}

impl<S> Layer<S> for AuthLayer {
    type Service = AuthService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AuthService { inner, layer: self.clone() }
    }
}

/// The service that [`AuthLayer`] makes.
#[derive(Clone)]
pub struct AuthService<S> {
    inner: S,
    layer: AuthLayer,
}

impl<S: fmt::Debug> fmt::Debug for AuthService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthService").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<S, B, R> Service<Request<B>> for AuthService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let privacy = self.layer.enter(&mut request);
        let answer = self.inner.call(request);
        Box::pin(async move {
            let mut answer = answer.await?;
            privacy.leave(answer.headers_mut());
            Ok(answer)
        })
    }
}
