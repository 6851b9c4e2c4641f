//! The engine behind the extractors: a newtype, since `symbolon` knows no HTTP and `symbolon-http` no engine.

use std::{
    future::Future,
    net::IpAddr,
    path::Path,
    pin::Pin,
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::{
    Router,
    http::{HeaderMap, Uri},
};
use symbolon::{
    Error, ErrorKind, Symbolon,
    session::{CheckedSession, Recalled},
    store::Kind,
    token::{cache::CheckedToken, dpop::Shown},
};
use symbolon_http::{
    AuthLayer, Check, Cors, Credential, DpopRefusal, Identity, Nonce, Refusal, SessionKind, SettingError,
    Settings, ShownProof, Via,
};
use symbolon_token::{SessionCookie, SessionMark, Timestamp};

use crate::{Options, at_once::OwnAccount, pages, router};

/// An engine with its HTTP surface. Cloning is cheap and gives the same one.
#[derive(Clone)]
pub struct Auth(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) engine: Symbolon,
    pub(crate) settings: Settings,
    pub(crate) options: Options,
    pub(crate) cors: Cors,
    /// The issuer's path, under which the router is mounted: empty, or `/auth`.
    pub(crate) base: Arc<str>,
    pub(crate) own_account: OwnAccount,
    /// A private peer that is no trusted proxy and yet forwards: the first one seen.
    pub(crate) unlisted_proxy: OnceLock<IpAddr>,
}

/// Why [`Auth::open`] did not.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The engine could not be opened.
    #[error(transparent)]
    Engine(#[from] Error),
    /// A setting is not usable.
    #[error(transparent)]
    Setting(#[from] SettingError),
}

impl Auth {
    /// An engine with the defaults, over the embedded store in the folder `data`, which is made when absent.
    ///
    /// # Errors
    /// When another process owns the folder, or it cannot be used.
    pub async fn open(issuer: &str, data: impl AsRef<Path>) -> Result<Self, OpenError> {
        let engine = Symbolon::builder(issuer).data(data.as_ref()).open().await?;
        Ok(Self::new(engine, Options::default())?)
    }

    /// The HTTP surface of `engine`.
    ///
    /// # Errors
    /// When an option is malformed; the message names the setting.
    pub fn new(engine: Symbolon, options: Options) -> Result<Self, SettingError> {
        let issuer = engine.settings().issuer.clone();
        let (settings, cors) = options.rules(&issuer)?;
        let base = issuer
            .parse::<axum::http::Uri>()
            .map(|uri| uri.path().trim_end_matches('/').to_owned())
            .unwrap_or_default();
        let base: Arc<str> = base.into();
        let own_account = OwnAccount::new(&base, &cors, settings.cookie.is_secure());
        let unlisted_proxy = OnceLock::new();
        Ok(Self(Arc::new(Inner { engine, settings, options, cors, base, own_account, unlisted_proxy })))
    }

    /// The engine.
    pub fn engine(&self) -> &Symbolon {
        &self.0.engine
    }

    /// Everything the contract names, for the root or the issuer's path.
    pub fn router(&self) -> Router {
        router::router(self)
    }

    /// The `/.well-known` documents alone, for the root of an application that mounts [`Auth::router`] under a prefix (RFC 8414 §3.1).
    pub fn well_known(&self) -> Router {
        router::well_known(self)
    }

    /// Serves the extractors to a whole application.
    pub fn layer(&self) -> AuthLayer {
        AuthLayer::new(Arc::clone(&self.0) as Arc<dyn Check>)
    }

    /// The administration API for whoever operates this process, to be served on a socket of the machine itself.
    ///
    /// It asks nobody who they are: whoever can open the socket is the operator. Never serve it on a port.
    pub fn local_router(&self) -> Router {
        router::local(self)
    }

    /// What answers when no route does: a page for people, a problem for programs.
    pub fn fallback(&self) -> Router {
        pages::fallback(self)
    }

    /// The CORS fields of an answer that a listener gives in the router's place: a page must be able to read why it was refused (CS-18).
    pub fn shared(&self, uri: &Uri, asked: &HeaderMap) -> HeaderMap {
        let path = uri.path();
        let path = path.strip_prefix(&*self.0.base).unwrap_or(path);
        self.0.cors.answer(router::sharing(path), asked)
    }

    pub(crate) fn https(&self) -> bool {
        self.0.settings.cookie.is_secure()
    }
}

impl Check for Inner {
    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn recall(&self, credential: &Credential) -> Option<Result<Identity, Refusal>> {
        match credential {
            Credential::None => Some(Err(Refusal::NoCredential)),
            Credential::Cookie(cookie) => match self.engine.recall_session(cookie) {
                Recalled::Known(answer) => {
                    Some(answer.map(|session| by_cookie(&session)).map_err(|error| refusal(&error)))
                }
                Recalled::Unknown => None,
            },
            Credential::Bearer(token) => {
                let checked = decided(self.engine.check_token(token))?;
                Some(checked.map(|token| by_bearer(&token)).map_err(|error| refusal(&error)))
            }
            Credential::Dpop(token, proof) => {
                let url = self.url(proof);
                let shown = Shown { proof: &proof.text, method: proof.method.as_str(), url: &url };
                let checked = decided(self.engine.check_bound_token(token, &shown))?;
                Some(checked.map(|token| by_bearer(&token)).map_err(|error| self.bound_refusal(&error)))
            }
        }
    }

    // What a job does is never the user's own doing of late, however fresh the login was that gave it.
    fn too_old(&self, identity: &Identity) -> Option<Duration> {
        let fresh = !identity.is_grant() && self.engine.fresh(identity.auth_time);
        (!fresh).then(|| self.engine.settings().session.fresh)
    }

    fn ask<'a>(
        &'a self,
        credential: &'a Credential,
        address: Option<IpAddr>,
    ) -> Pin<Box<dyn Future<Output = Result<Identity, Refusal>> + Send + 'a>> {
        Box::pin(async move {
            match credential {
                Credential::Cookie(cookie) => self.ask_cookie(cookie, address).await,
                Credential::Bearer(token) => {
                    let checked = self.engine.ask_token(token).await;
                    checked.map(|token| by_bearer(&token)).map_err(|error| unread(&error))
                }
                Credential::Dpop(token, proof) => {
                    let url = self.url(proof);
                    let shown = Shown { proof: &proof.text, method: proof.method.as_str(), url: &url };
                    let checked = self.engine.ask_bound_token(token, &shown).await;
                    checked.map(|token| by_bearer(&token)).map_err(|error| self.bound_refusal(&error))
                }
                Credential::None => Err(Refusal::NoCredential),
            }
        })
    }
}

impl Inner {
    /// Why a bound token is refused. A proof that only lacks a nonce is told one.
    fn bound_refusal(&self, error: &Error) -> Refusal {
        match error.kind() {
            ErrorKind::InvalidProof => Refusal::Dpop(DpopRefusal::Proof),
            ErrorKind::UseNonce => {
                let nonce = self.engine.dpop_nonce().unwrap_or_default();
                Refusal::Dpop(DpopRefusal::Nonce(Nonce::new(&nonce)))
            }
            ErrorKind::TooManyAttempts => {
                Refusal::TooManyAttempts { retry_after: error.retry_after().unwrap_or_default() }
            }
            ErrorKind::Overloaded => Refusal::Unavailable,
            _ => refusal(error),
        }
    }

    async fn ask_cookie(&self, cookie: &SessionCookie, address: Option<IpAddr>) -> Result<Identity, Refusal> {
        let session = self.engine.ask_session(cookie, address).await;
        session.map(|session| by_cookie(&session)).map_err(|error| unread(&error))
    }

    /// The URL that a proof was made for: of the issuer, never of what the request calls us.
    fn url(&self, proof: &ShownProof) -> String {
        [self.settings.csrf.issuer_origin().as_str(), &*proof.path].concat()
    }
}

/// What memory says, unless it may not.
fn decided<T>(answer: Result<T, Error>) -> Option<Result<T, Error>> {
    match answer {
        Err(error) if error.kind() == ErrorKind::Unavailable => None,
        known => Some(known),
    }
}

fn unread(error: &Error) -> Refusal {
    if error.kind() == ErrorKind::Unavailable {
        tracing::error!(error = error as &dyn std::error::Error, "a login could not be read");
    }
    refusal(error)
}

fn refusal(error: &Error) -> Refusal {
    match error.kind() {
        ErrorKind::NoSession => Refusal::NoSession,
        ErrorKind::InvalidToken => Refusal::InvalidToken,
        ErrorKind::Unavailable => Refusal::Unavailable,
        _ => Refusal::Internal,
    }
}

fn by_cookie(session: &CheckedSession) -> Identity {
    Identity {
        user_id: session.user(),
        generation: session.generation(),
        session_id: Some(session.id()),
        kind: Some(match session.kind() {
            Kind::Browser => SessionKind::Browser,
            Kind::Token => SessionKind::Token,
            Kind::Grant => SessionKind::Grant,
        }),
        via: Via::Cookie,
        amr: session.amr(),
        auth_time: session.auth_time(),
        expires_at: session.expires_at(),
        idle_expires_at: Some(session.idle_expires_at()),
        scope: None,
        client_id: None,
        jti: None,
        token_expires: None,
    }
}

fn by_bearer(token: &CheckedToken) -> Identity {
    let claims = token.claims();
    let expires_at = Timestamp::from_secs(claims.exp);
    Identity {
        user_id: claims.sub,
        generation: claims.r#gen,
        session_id: claims.sid,
        kind: claims.kind.map(|SessionMark::Grant| SessionKind::Grant),
        via: Via::Bearer,
        amr: Arc::clone(token.amr()),
        auth_time: Timestamp::from_secs(claims.auth_time),
        expires_at,
        idle_expires_at: None,
        scope: token.scope().map(Arc::clone),
        client_id: Some(Arc::clone(token.client_id())),
        jti: Some(claims.jti),
        token_expires: Some(expires_at),
    }
}
