//! `GET /v1/me`, which an application makes with every request of its own, answered before any routing.
//!
//! Says what the router would say and nothing else; a test holds the one against the other. It takes plain requests alone, by a login that
//! memory knows, and leaves all others to the router, which has the words for a refusal. What it saves is what a table of routes costs:
//! futures on the heap, extensions, and fields put on one by one, which are the same in every answer.

use std::net::SocketAddr;

use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderName, HeaderValue, Method, Response, header, request::Parts},
};
use symbolon_http::{Cors, dpop::DPOP};

use crate::{
    Auth, address,
    api::me,
    router::{OWN_ACCOUNT, sharing, surround},
};

/// Set by the listener, of every answer.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What is the same in every answer.
pub(crate) struct OwnAccount {
    path: Box<str>,
    headers: HeaderMap,
}

impl OwnAccount {
    /// `base`: the issuer's path; `https`: whether the issuer is.
    pub(crate) fn new(base: &str, cors: &Cors, https: bool) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let sharing = sharing(OWN_ACCOUNT);
        surround(https, sharing, &cors.answer(sharing, &HeaderMap::new()), &mut headers);
        // For the id that the listener puts on: without a place in it, each copy would be copied once more.
        headers.insert(REQUEST_ID, HeaderValue::from_static("-"));
        Self { path: [base, OWN_ACCOUNT].concat().into(), headers }
    }
}

impl Auth {
    /// The answer to a request, where it needs no waiting; for a listener that has the whole request and asks before the router. The
    /// path of what is answered is its route, and its `x-request-id` is for the listener to set. `None` says nothing about the request:
    /// the router answers it.
    pub fn at_once(&self, request: &Parts, peer: Option<SocketAddr>) -> Option<Response<Bytes>> {
        let Parts { method, uri, headers, .. } = request;
        let OwnAccount { path, headers: same } = &self.0.own_account;
        let plain = *method == Method::GET && uri.path() == &**path && uri.query().is_none();
        if !plain || headers.keys().any(|name| *name == header::ORIGIN || *name == DPOP) {
            return None;
        }
        if headers.keys().any(|name| address::FORWARDING.contains(name)) {
            // Who they are is not asked here, but whoever runs a proxy and did not name it must hear of it.
            address::of(self, peer.map(|peer| peer.ip()), headers);
        }
        let who = symbolon_http::recall(&*self.0, request)?;
        let user = self.engine().recall_user(who.user_id)?;
        let mut body = Vec::with_capacity(512);
        serde_json::to_writer(&mut body, &me::me(&user, &who)).ok()?;
        let mut answer = Response::new(Bytes::from(body));
        same.clone_into(answer.headers_mut());
        Some(answer)
    }
}
