//! For services beside a Symbolon server, in processes of their own: its logins, by token and by cookie, verified in memory, and refused
//! from the moment on at which the call that ended them returned.
//!
//! A [`Guard`] fetches the server's public keys and follows its revocation log. The log's answers are leases: for some seconds the
//! guard may decide from memory, and whoever ends a login waits for the guard to have heard of it, or for the lease to be over. A
//! guard that hears nothing decides nothing. It is a `tower` layer with the extractors of `symbolon-http`: [`Identity`],
//! [`Session`], [`Bearer`], [`IdentityOrGrant`].
//!
//! ```no_run
//! # async fn run() -> Result<(), symbolon_guard::Error> {
//! use symbolon_guard::{Freshness, Guard};
//!
//! let guard = Guard::builder("https://id.example", std::env::var("SYMBOLON_CLIENT_SECRET").unwrap_or_default())
//!     .node("https://id-1.internal.example")
//!     .node("https://id-2.internal.example")
//!     .audience("https://orders.example")
//!     .open()
//!     .await?;
//! let most_routes = guard.layer();
//! let payments = guard.layer_with(Freshness::Authoritative);
//! # Ok(())
//! # }
//! ```

mod check;
pub mod clock;
mod connection;
mod dpop;
mod error;
mod follow;
mod jwks;
mod memory;
mod nodes;

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use arc_swap::ArcSwap;
use quick_cache::sync::Cache;
use uuid::Uuid;

pub use error::{Error, Result};
pub use symbolon_http::{
    AuthLayer, Bearer, Check, Credential, Identity, IdentityOrGrant, Refusal, Session, Via,
};

use check::{Checker, Proven, Seen};
use clock::{Clock, SystemClock};
use dpop::Dpop;
use jwks::Keys;
use memory::Memory;
use nodes::Nodes;
use symbolon_http::{CookieNames, Csrf, Origin, Settings};
use symbolon_token::{Timestamp, ToldTime};

/// Access tokens that are known by their text, at most.
const TOKENS: usize = 20_000;
const PATIENCE: Duration = Duration::from_secs(5);

/// How sure a route wants to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Freshness {
    /// A token counts while its signature and its time are good, revoked or not. (A cookie as by [`Freshness::Local`].)
    Signature,
    /// Memory decides, while the lease lasts: nothing that was revoked is accepted, and nothing is asked.
    #[default]
    Local,
    /// The server is asked every time.
    Authoritative,
}

/// What becomes of [`Freshness::Local`] when the lease is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum WhenStale {
    /// 503.
    #[default]
    Refuse,
    /// The server is asked, each time; 503 when it cannot be.
    Ask,
    /// A token counts until it expires, whatever was revoked since; a cookie is asked for. See [`Builder::accept_stale_until_expiry`].
    AcceptUntilExpiry,
}

/// A guard. Cloning is cheap and gives the same one; it follows the log until the last clone, and the last layer, is gone.
#[derive(Clone)]
pub struct Guard(Arc<Inner>);

pub(crate) struct Inner {
    id: Uuid,
    settings: Settings,
    nodes: Nodes,
    keys: Keys,
    dpop: Dpop,
    clock: Arc<dyn Clock>,
    /// The server's, carried on by the clock: its wall may be set to anything.
    time: ToldTime,
    when_stale: WhenStale,
    memory: ArcSwap<Memory>,
    tokens: Cache<Seen, Arc<Proven>>,
    /// The longest lease that was given, milliseconds. What is left of a node's own is often less.
    lease_ms: AtomicU64,
}

/// How a guard stands, for an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether memory may decide.
    pub fresh: bool,
    /// What is left of the lease.
    pub lease_left: Duration,
    /// The number up to which the log is applied.
    pub applied: u64,
    /// How many ended things are remembered.
    pub ended: usize,
}

/// What a guard is made of; see [`Guard::builder`].
pub struct Builder {
    issuer: String,
    secret: String,
    nodes: Vec<String>,
    audiences: Vec<String>,
    trusted_origins: Vec<String>,
    origin: Option<String>,
    dpop_nonces: bool,
    cookie_name: String,
    authorities: Option<PathBuf>,
    when_stale: WhenStale,
    clock: Arc<dyn Clock>,
}

impl Guard {
    /// A guard for the logins of `issuer`, as the machine client of this secret (`key_…`, scopes `revocations` and `check`).
    pub fn builder(issuer: impl Into<String>, secret: impl Into<String>) -> Builder {
        Builder {
            issuer: issuer.into(),
            secret: secret.into(),
            nodes: Vec::new(),
            audiences: Vec::new(),
            trusted_origins: Vec::new(),
            origin: None,
            dpop_nonces: true,
            cookie_name: "symbolon".into(),
            authorities: None,
            when_stale: WhenStale::default(),
            clock: Arc::new(SystemClock),
        }
    }

    /// The layer for routes that decide from memory ([`Freshness::Local`]).
    pub fn layer(&self) -> AuthLayer {
        self.layer_with(Freshness::default())
    }

    /// The layer for routes that want to be so sure.
    pub fn layer_with(&self, freshness: Freshness) -> AuthLayer {
        AuthLayer::new(self.check(freshness))
    }

    /// What the layers ask: for whoever has credentials from elsewhere than a request that a layer sees.
    pub fn check(&self, freshness: Freshness) -> Arc<dyn Check> {
        Arc::new(Checker { inner: Arc::clone(&self.0), freshness })
    }

    /// How it stands: for a readiness probe, and metrics.
    pub fn standing(&self) -> Standing {
        let (memory, now) = (self.0.memory.load(), self.0.clock.monotonic());
        Standing {
            fresh: memory.fresh(now),
            lease_left: memory.left(now),
            applied: memory.place().1,
            ended: memory.view.len(),
        }
    }
}

impl Inner {
    /// The time that logins are judged by.
    pub(crate) fn now(&self) -> Timestamp {
        self.time.now(|| self.clock.monotonic(), || self.clock.now())
    }
}

impl Builder {
    /// The address of a node: `https://host[:port][/path]`, or `http` on this machine. Without any, the issuer's.
    #[must_use]
    pub fn node(mut self, url: impl Into<String>) -> Self {
        self.nodes.push(url.into());
        self
    }

    /// Takes tokens that are for `audience`. Without any, those for the issuer.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Lets pages of this origin write by cookie, besides the issuer's own.
    #[must_use]
    pub fn trusted_origin(mut self, origin: impl Into<String>) -> Self {
        self.trusted_origins.push(origin.into());
        self
    }

    /// The origin by which clients reach this service (`https://host[:port]`), if not the issuer's: a proof with a token that is bound to a
    /// key (DPoP) must name it.
    #[must_use]
    pub fn origin(self, origin: impl Into<String>) -> Self {
        Self { origin: Some(origin.into()), ..self }
    }

    /// Takes proofs (DPoP) that repeat no nonce of this process. A proof then passes once **at each process of the service** within two
    /// minutes, and one can be made in advance. For a service of one process, or clients that know no nonces.
    #[must_use]
    pub fn without_dpop_nonces(self) -> Self {
        Self { dpop_nonces: false, ..self }
    }

    /// What the server calls its cookie (`cookie.name`), if not `symbolon`.
    #[must_use]
    pub fn cookie_name(self, name: impl Into<String>) -> Self {
        Self { cookie_name: name.into(), ..self }
    }

    /// A PEM file of the certificate authorities to trust, instead of the machine's list.
    #[must_use]
    pub fn authorities(self, file: impl Into<PathBuf>) -> Self {
        Self { authorities: Some(file.into()), ..self }
    }

    /// Asks the server when the lease is over, instead of refusing.
    #[must_use]
    pub fn ask_when_stale(self) -> Self {
        Self { when_stale: WhenStale::Ask, ..self }
    }

    /// Takes tokens until they expire when the lease is over: **what was revoked meanwhile is accepted**. For services that must go on
    /// without the server, whatever it costs. Said in the log at start.
    #[must_use]
    pub fn accept_stale_until_expiry(self) -> Self {
        Self { when_stale: WhenStale::AcceptUntilExpiry, ..self }
    }

    /// Where the time comes from.
    #[must_use]
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Opens the guard: fetches the keys, reads the log, and follows it from then on. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// When no node answers, or the one that does has another issuer or does not know the client; or a setting is malformed.
    pub async fn open(self) -> Result<Guard> {
        let Self { issuer, secret, mut nodes, mut audiences, .. } = self;
        if nodes.is_empty() {
            nodes.push(issuer.clone());
        }
        if audiences.is_empty() {
            audiences.push(issuer.clone());
        }
        let unusable = |error: symbolon_http::SettingError| Error::caused("a setting is not usable", error);
        let settings = Settings {
            cookie: CookieNames::new(&self.cookie_name, issuer.starts_with("https://")).map_err(unusable)?,
            csrf: Csrf::new(&issuer, &self.trusted_origins).map_err(unusable)?,
            bearer_body: true,
            bearer_query: false,
            realm: "symbolon",
        };
        let origin = match &self.origin {
            Some(own) => Origin::parse(own).map_err(unusable)?,
            None => Origin::of_issuer(&issuer).map_err(unusable)?,
        };
        let dpop = Dpop::new(origin, self.dpop_nonces)?;
        let nodes = Nodes::new(&nodes, secret, self.authorities)?;
        same_issuer(&nodes, &issuer).await?;
        let keys = Keys::fetch(&nodes, issuer, audiences).await?;
        if self.when_stale == WhenStale::AcceptUntilExpiry {
            tracing::warn!(
                "accept_stale_until_expiry: without the server, tokens are accepted until they expire, revoked or not"
            );
        }
        let inner = Arc::new(Inner {
            // Of this start of the process: what another start acknowledges is not what this one has applied (F2).
            id: uuid::Builder::from_random_bytes(dpop::random()?).into_uuid(),
            settings,
            nodes,
            keys,
            dpop,
            clock: self.clock,
            time: ToldTime::default(),
            when_stale: self.when_stale,
            memory: ArcSwap::from_pointee(Memory::new()),
            tokens: Cache::new(TOKENS),
            lease_ms: AtomicU64::new(0),
        });
        while !inner.follow_once(0.0).await? {}
        tokio::spawn(follow::follow(Arc::downgrade(&inner)));
        tokio::spawn(follow::tend(Arc::downgrade(&inner)));
        Ok(Guard(inner))
    }
}

/// Refuses a server that is somebody else's.
async fn same_issuer(nodes: &Nodes, issuer: &str) -> Result<()> {
    let body = nodes.get("/.well-known/oauth-authorization-server", PATIENCE).await?;
    let document: serde_json::Value = serde_json::from_slice(&body)
        .map_err(|error| Error::caused("the server's metadata cannot be read", error))?;
    match document["issuer"].as_str() {
        Some(theirs) if theirs == issuer => Ok(()),
        theirs => Err(Error::new(format!(
            "the server is {}, and not the issuer {issuer} whose logins are to be verified",
            theirs.unwrap_or("nobody we know")
        ))),
    }
}
