//! What an operator may set about HTTP.

use std::net::IpAddr;

use symbolon_http::{CookieNames, Cors, Csrf, SettingError, Settings, problem::REALM};

/// How the router behaves. The defaults are those of the house.
#[derive(Clone, Debug)]
pub struct Options {
    /// The session cookie's name without its prefix.
    pub cookie_name: String,
    /// Origins beside the issuer's that may write by cookie.
    pub csrf_trusted_origins: Vec<String>,
    /// Origins whose pages may read answers to their own tokens.
    pub cors_origins: Vec<String>,
    /// Whether a form body may carry an access token.
    pub bearer_body: bool,
    /// Whether the query may carry an access token. URLs leak.
    pub bearer_query: bool,
    /// Whether a logout clears the site's data in the browser.
    pub clear_site_data: bool,
    /// Proxies whose `X-Forwarded-For` is believed, as addresses with prefix length.
    pub trusted_proxies: Vec<(IpAddr, u8)>,
    /// Serves a start page at `/` too. Off by default, since an application that mounts the router at its root has its own; under a path
    /// the start page is always served.
    pub home: bool,
    /// Serves `/explore`, which shows secrets of the sessions made on it.
    pub explore: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cookie_name: "symbolon".into(),
            csrf_trusted_origins: Vec::new(),
            cors_origins: Vec::new(),
            bearer_body: true,
            bearer_query: false,
            clear_site_data: false,
            trusted_proxies: Vec::new(),
            home: false,
            explore: false,
        }
    }
}

impl Options {
    /// The parsed rules; an error names the setting.
    pub(crate) fn rules(&self, issuer: &str) -> Result<(Settings, Cors), SettingError> {
        let settings = Settings {
            cookie: CookieNames::new(&self.cookie_name, issuer.starts_with("https://"))?,
            csrf: Csrf::new(issuer, &self.csrf_trusted_origins)?,
            bearer_body: self.bearer_body,
            bearer_query: self.bearer_query,
            realm: REALM,
        };
        Ok((settings, Cors::new(&self.cors_origins)?))
    }
}
