//! What this crate asks of the engine: one trait, and the settings that come with it.

use crate::{CookieNames, Credential, Csrf, Identity, Refusal};
use std::{future::Future, net::IpAddr, pin::Pin, sync::Arc, time::Duration};

/// How credentials are read in one installation. Decided at start, the same for every request.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The names of the two cookies.
    pub cookie: CookieNames,
    /// Who may write by cookie.
    pub csrf: Csrf,
    /// Whether a form body's `access_token` counts (`bearer.body`, on by default).
    pub bearer_body: bool,
    /// Whether the query's `access_token` counts (`bearer.query`, off by default: URLs leak).
    pub bearer_query: bool,
    /// The `realm` of challenges: plain ASCII without quotes.
    pub realm: &'static str,
}

/// Decides whether a credential is good. Implemented by the engine, or by a guard in a downstream service.
pub trait Check: Send + Sync + 'static {
    /// How credentials are read.
    fn settings(&self) -> &Settings;

    /// Decides from memory alone. `None`: memory cannot tell, the store must be asked by [`Check::ask`].
    ///
    /// Never called with [`Credential::None`].
    fn recall(&self, credential: &Credential) -> Option<Result<Identity, Refusal>>;

    /// Decides by asking the store. `address` is the client's, for the limit on lookups that find nothing.
    ///
    /// Never called with [`Credential::None`].
    fn ask<'a>(
        &'a self,
        credential: &'a Credential,
        address: Option<IpAddr>,
    ) -> Pin<Box<dyn Future<Output = Result<Identity, Refusal>> + Send + 'a>>;

    /// For [`crate::Fresh`]: how old a login may be, where this one is older. A check that keeps no time takes every login for too old.
    fn too_old(&self, identity: &Identity) -> Option<Duration> {
        let _ = identity;
        Some(Duration::from_secs(300))
    }
}

/// Request extension: the client's address as the server determined it (peer, or the right-most untrusted hop).
///
/// Put it outside the extractors; without it lookups are charged to nobody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClientAddress {
    /// Whom the request is charged to.
    pub address: IpAddr,
    /// Whether many clients may stand behind it: a private peer may be a proxy that nobody has named.
    pub shared: bool,
}

/// Request extension: the id under which this request stands in the log. A 5xx refusal repeats it as `instance`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RequestId(pub Arc<str>);
