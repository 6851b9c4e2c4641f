//! The server's keys: fetched at start, every quarter of an hour, and when a token names one that is not known; that at most once in
//! half a minute, since anybody can make up names.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use symbolon_token::{Compact, Jwks, Kid, Verifier};

use crate::{
    error::{Error, Result},
    nodes::Nodes,
};

pub(crate) const EVERY: Duration = Duration::from_secs(15 * 60);
const SEARCH_PAUSE: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Keys {
    issuer: String,
    audiences: Vec<String>,
    loaded: ArcSwap<Loaded>,
    /// When keys may be searched for again, on the monotonic clock.
    next_search: tokio::sync::Mutex<Duration>,
}

pub(crate) struct Loaded {
    pub(crate) verifier: Verifier,
    kids: Vec<Kid>,
}

impl Keys {
    pub(crate) async fn fetch(nodes: &Nodes, issuer: String, audiences: Vec<String>) -> Result<Self> {
        let loaded = load(nodes, &issuer, &audiences).await?;
        let (loaded, next_search) = (ArcSwap::from_pointee(loaded), tokio::sync::Mutex::default());
        Ok(Self { issuer, audiences, loaded, next_search })
    }

    pub(crate) fn loaded(&self) -> arc_swap::Guard<Arc<Loaded>> {
        self.loaded.load()
    }

    pub(crate) async fn refresh(&self, nodes: &Nodes) -> Result<()> {
        self.loaded.store(Arc::new(load(nodes, &self.issuer, &self.audiences).await?));
        Ok(())
    }

    /// Looks for the key that a token names, unless somebody has just looked for one.
    pub(crate) async fn search(&self, nodes: &Nodes, token: &str, now: Duration) {
        let mut next = self.next_search.lock().await;
        if now < *next || !self.loaded().misses_key_of(token) {
            return;
        }
        *next = now + SEARCH_PAUSE;
        if let Err(error) = self.refresh(nodes).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the server's keys could not be fetched"
            );
        }
    }
}

impl Loaded {
    /// Whether a token names a key that is not among these.
    pub(crate) fn misses_key_of(&self, token: &str) -> bool {
        let Ok(compact) = Compact::parse(token) else { return false };
        let kid = compact.header().kid.as_deref().and_then(|kid| kid.parse::<Kid>().ok());
        kid.is_some_and(|kid| !self.kids.contains(&kid))
    }
}

async fn load(nodes: &Nodes, issuer: &str, audiences: &[String]) -> Result<Loaded> {
    let body = nodes.get("/.well-known/jwks.json", PATIENCE).await?;
    let set = Jwks::parse(&body).map_err(|error| Error::caused("the server's keys cannot be read", error))?;
    let keys =
        set.verifying_keys().map_err(|error| Error::caused("the server's keys cannot be used", error))?;
    let kids = keys.iter().map(|key| *key.kid()).collect();
    let builder = audiences
        .iter()
        .fold(Verifier::builder().issuer(issuer), |builder, audience| builder.audience(audience.as_str()));
    let verifier = builder
        .keys(keys)
        .build()
        .map_err(|error| Error::caused("issuer, audiences and keys do not make a verifier", error))?;
    Ok(Loaded { verifier, kids })
}
