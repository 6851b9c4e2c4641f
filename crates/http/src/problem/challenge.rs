//! `WWW-Authenticate`: what a refused client is told to present (RFC 9110 §11.6.1, RFC 6750 §3).

use http::{HeaderName, HeaderValue, header};
use symbolon_token::Algorithm;

/// One challenge, and the realm it names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Challenge {
    pub(super) realm: &'static str,
    kind: Kind,
}

/// What is asked for. Every attribute appears once and holds only what stands here or a scope.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// `Bearer` without an error: no token was offered.
    Bearer,
    /// `Bearer` with the error of RFC 6750 §3.1 (or RFC 9470 §3).
    BearerError(&'static str),
    /// `insufficient_scope`, with the scope that would do.
    BearerScope(String),
    /// A login that is too old, with the greatest age in seconds (RFC 9470 §3).
    BearerAge(u64),
    /// `DPoP` with the error of RFC 9449 §7.1.
    DpopError(&'static str),
    /// `Basic`, for clients.
    Basic,
}

impl Challenge {
    pub(super) const fn new(kind: Kind) -> Self {
        Self { realm: super::REALM, kind }
    }

    /// The fields to add to the answer.
    pub(super) fn headers(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        // Whoever offers nothing is told of every way.
        let second = matches!(self.kind, Kind::Bearer).then(|| format!("DPoP algs=\"{}\"", algorithms()));
        let texts = [Some(self.text()), second].into_iter().flatten();
        texts.filter_map(|text| Some((header::WWW_AUTHENTICATE, HeaderValue::try_from(text).ok()?)))
    }

    fn text(&self) -> String {
        let realm = quotable(self.realm);
        match &self.kind {
            Kind::Bearer => format!("Bearer realm=\"{realm}\""),
            Kind::BearerError(error) => format!("Bearer realm=\"{realm}\", error=\"{error}\""),
            Kind::BearerScope(scope) => {
                format!(
                    "Bearer realm=\"{realm}\", error=\"insufficient_scope\", scope=\"{}\"",
                    quotable(scope)
                )
            }
            Kind::BearerAge(seconds) => {
                format!(
                    "Bearer realm=\"{realm}\", error=\"insufficient_user_authentication\", max_age=\"{seconds}\""
                )
            }
            Kind::DpopError(error) => {
                format!("DPoP realm=\"{realm}\", error=\"{error}\", algs=\"{}\"", algorithms())
            }
            Kind::Basic => format!("Basic realm=\"{realm}\", charset=\"UTF-8\""),
        }
    }
}

/// What proofs may be signed with.
fn algorithms() -> String {
    symbolon_token::dpop::ALGORITHMS.map(Algorithm::name).join(" ")
}

/// Leaves out what would end a quoted string or a header line.
pub(super) fn quotable(text: &str) -> String {
    text.chars().filter(|c| matches!(c, ' '..='~') && !matches!(c, '"' | '\\')).collect()
}
