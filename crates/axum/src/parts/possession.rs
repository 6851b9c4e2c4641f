//! The proof of possession that a client brings where tokens are issued (RFC 9449 §5).

use axum::http::{HeaderMap, Method, Uri};
use symbolon::{ErrorKind, token::dpop::Shown};
use symbolon_http::{
    DpopRefusal, Nonce,
    dpop::{self, DPOP, DPOP_NONCE},
};
use symbolon_token::Proof;

use crate::Auth;

/// The proof in the `DPoP` header, for this call; `None` without one. It is not used up yet.
pub(crate) fn possession(
    auth: &Auth,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Option<Proof>, DpopRefusal> {
    let Some(proof) = dpop::header(headers)? else { return Ok(None) };
    let url = [auth.engine().settings().issuer.trim_end_matches('/'), uri.path()].concat();
    let shown = Shown { proof, method: method.as_str(), url: &url };
    auth.engine().prove_possession(&shown).map(Some).map_err(|error| refusal(auth, error.kind()))
}

fn refusal(auth: &Auth, kind: ErrorKind) -> DpopRefusal {
    match (kind, auth.engine().dpop_nonce()) {
        (ErrorKind::UseNonce, Some(nonce)) => DpopRefusal::Nonce(Nonce::new(&nonce)),
        _ => DpopRefusal::Proof,
    }
}

/// Whether a request shows a proof: then its answer brings the nonce for the next, where there are nonces (RFC 9449 §8.2).
pub(crate) fn shows_proof(headers: &HeaderMap) -> bool {
    headers.contains_key(DPOP)
}

/// Puts the nonce for the next proof on an answer, where there are nonces.
pub(crate) fn next_nonce(auth: &Auth, headers: &mut HeaderMap) {
    if let Some(value) = auth.engine().dpop_nonce().and_then(|nonce| nonce.try_into().ok()) {
        headers.insert(DPOP_NONCE, value);
    }
}
