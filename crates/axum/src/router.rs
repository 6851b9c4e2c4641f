//! The one table of routes, and what surrounds all of them: the caller's address, CORS, security headers, 404 and 405.

use std::{future::ready, pin::Pin, sync::Arc};

use aws_lc_rs::digest;
use axum::{
    Extension, Router,
    extract::{DefaultBodyLimit, Request},
    handler::Handler,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{MethodFilter, MethodRouter, any},
};
use symbolon_http::{Cors, OAuthError, Problem, RequestId, cors::Sharing, headers};

use crate::{
    Auth, address, api,
    api::admin::access::LocalOperator,
    failure, pages,
    parts::{next_nonce, shows_proof},
};

/// No call takes more, bytes. The listener of the binary refuses sooner; a host application's may not.
pub(crate) const LONGEST_BODY: usize = 64 * 1024;

/// One row of the table: path, who may read its answers from another origin, and a handler for each method.
struct Route {
    path: &'static str,
    sharing: Sharing,
    methods: Vec<Method>,
    handlers: MethodRouter<Auth>,
}

impl Route {
    fn new(path: &'static str, sharing: Sharing) -> Self {
        Self { path, sharing, methods: Vec::new(), handlers: MethodRouter::new() }
    }

    fn on<T: 'static>(
        mut self,
        method: Method,
        filter: MethodFilter,
        handler: impl Handler<T, Auth>,
    ) -> Self {
        self.methods.push(method);
        self.handlers =
            self.handlers.on(filter, Surrounded { handler, sharing: self.sharing, preflights: None });
        self
    }

    fn get<T: 'static>(self, handler: impl Handler<T, Auth>) -> Self {
        self.on(Method::GET, MethodFilter::GET, handler)
    }

    fn post<T: 'static>(self, handler: impl Handler<T, Auth>) -> Self {
        self.on(Method::POST, MethodFilter::POST, handler)
    }

    fn patch<T: 'static>(self, handler: impl Handler<T, Auth>) -> Self {
        self.on(Method::PATCH, MethodFilter::PATCH, handler)
    }

    fn delete<T: 'static>(self, handler: impl Handler<T, Auth>) -> Self {
        self.on(Method::DELETE, MethodFilter::DELETE, handler)
    }

    /// With what answers every other method.
    fn finish(self) -> MethodRouter<Auth> {
        let Self { sharing, methods, handlers, .. } = self;
        let preflights = Some(methods.into());
        handlers.fallback(Surrounded { handler: method_not_allowed, sharing, preflights })
    }
}

/// The one path that [`Auth::at_once`] answers too.
pub(crate) const OWN_ACCOUNT: &str = "/v1/me";

fn v1() -> Vec<Route> {
    use api::{check, grants, me, revocations, sessions, tokens, users};
    let row = |path| Route::new(path, Sharing::ListedByBearer);
    vec![
        row("/v1/users").post(users::create),
        row("/v1/sessions").get(sessions::list).post(sessions::login).delete(sessions::end_all),
        row("/v1/sessions/current").get(sessions::current).delete(sessions::logout),
        row("/v1/sessions/current/confirm").post(sessions::confirm),
        row("/v1/sessions/current/token").post(sessions::exchange),
        row("/v1/sessions/{id}").delete(sessions::end_one),
        row(OWN_ACCOUNT).get(me::show).post(me::show_by_form).patch(me::change).delete(me::delete),
        row("/v1/me/password").post(me::password),
        row("/v1/me/activity").get(me::activity),
        row("/v1/grants").post(grants::give),
        Route::new("/v1/tokens", Sharing::Listed).post(tokens::login),
        row("/v1/revocations").post(revocations::follow),
        row("/v1/check").post(check::check),
    ]
}

/// What `api/admin` opens to administrators, wherever they are.
fn admin() -> Vec<Route> {
    use api::admin::{audit, keys, sessions, users};
    let row = |path| Route::new(path, Sharing::ListedByBearer);
    vec![
        row("/v1/admin/users").get(users::list).post(users::create),
        row("/v1/admin/users/{id}").get(users::show).patch(users::change).delete(users::delete),
        row("/v1/admin/users/{id}/sessions").get(sessions::list).delete(sessions::end),
        row("/v1/admin/keys").get(keys::list),
        row("/v1/admin/keys/rotate").post(keys::rotate),
        row("/v1/admin/keys/{kid}").delete(keys::remove),
        row("/v1/admin/audit").get(audit::list),
    ]
}

/// What the operator of the machine has besides, over its own socket alone.
fn operator() -> Vec<Route> {
    use api::admin::{clients, import, master_key, status, tokens, users};
    let row = |path| Route::new(path, Sharing::Closed);
    vec![
        row(IMPORT).post(import::import),
        row("/v1/admin/users/{id}/password").post(users::set_password),
        row("/v1/admin/clients").get(clients::list).post(clients::create),
        row("/v1/admin/clients/{id}").delete(clients::remove),
        row("/v1/admin/clients/{id}/rotate").post(clients::rotate),
        row("/v1/admin/master-key/rotate").post(master_key::rotate),
        row("/v1/admin/status").get(status::show),
        row("/v1/admin/tokens/inspect").post(tokens::inspect),
    ]
}

/// The one path of the operator's that an administrator's (`/v1/admin/users/{id}`) would answer in its place.
const IMPORT: &str = "/v1/admin/users/import";

fn oauth() -> Vec<Route> {
    let row = |path| Route::new(path, Sharing::Listed);
    vec![
        row("/oauth/token").post(api::oauth::token),
        row("/oauth/revoke").post(api::oauth::revoke),
        row("/oauth/introspect").post(api::oauth::introspect),
    ]
}

fn documents() -> Vec<Route> {
    let row = |path| Route::new(path, Sharing::Public);
    vec![
        row("/.well-known/jwks.json").get(api::well_known::jwks),
        row("/.well-known/oauth-authorization-server").get(api::well_known::metadata),
    ]
}

fn operations() -> Vec<Route> {
    let row = |path| Route::new(path, Sharing::Closed);
    vec![
        row("/healthz").get(api::health::live),
        row("/readyz").get(api::health::ready),
        row("/openapi.json").get(api::openapi::show),
    ]
}

/// The whole API but the operator's part.
fn api() -> impl Iterator<Item = Route> {
    v1().into_iter().chain(admin()).chain(oauth()).chain(documents()).chain(operations())
}

/// Who may read answers to this path, for whoever answers in the router's place.
pub(crate) fn sharing(path: &str) -> Sharing {
    if documents().iter().any(|route| route.path == path) {
        Sharing::Public
    } else if path == "/v1/tokens" || path.starts_with("/oauth/") {
        Sharing::Listed
    } else if path.starts_with("/v1/") {
        Sharing::ListedByBearer
    } else {
        Sharing::Closed
    }
}

/// Every path of the API with its methods, for tests that hold the documents against the router.
pub(crate) fn inventory() -> Vec<(&'static str, Vec<Method>)> {
    api().map(|route| (route.path, route.methods)).collect()
}

/// The paths that the local socket's router has besides the administrators'.
pub(crate) fn operator_inventory() -> Vec<(&'static str, Vec<Method>)> {
    operator().into_iter().map(|route| (route.path, route.methods)).collect()
}

/// Everything.
pub(crate) fn router(auth: &Auth) -> Router {
    let pages = pages::router(auth)
        .layer(auth.layer())
        .layer(middleware::from_fn_with_state(auth.clone(), address::determine));
    routes().merge(pages).method_not_allowed_fallback(method_not_allowed).with_state(auth.clone())
}

/// The API without the pages: what `/explore` makes its calls through.
pub(crate) fn api_alone(auth: &Auth) -> Router {
    routes().method_not_allowed_fallback(method_not_allowed).with_state(auth.clone())
}

fn routes() -> Router<Auth> {
    // What is under `/v1` and `/oauth` and is no route is ours to refuse; the rest may be the host application's.
    let preflights = || Some(Arc::from([]));
    let refuse = |sharing| any(Surrounded { handler: unknown, sharing, preflights: preflights() });
    let oauth = Surrounded { handler: unknown_oauth, sharing: Sharing::Listed, preflights: preflights() };
    table(api())
        .route("/v1/{*rest}", refuse(Sharing::ListedByBearer))
        .route(IMPORT, refuse(Sharing::Closed))
        .route("/oauth/{*rest}", any(oauth))
}

fn table(rows: impl Iterator<Item = Route>) -> Router<Auth> {
    rows.fold(Router::new(), |router, route| router.route(route.path, route.finish()))
}

/// Administration for the operator of the machine: whoever reaches this router is taken for them. To be served on a socket that only
/// they can open, never on a port.
pub(crate) fn local(auth: &Auth) -> Router {
    table(admin().into_iter().chain(operator()))
        .fallback(unknown)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(Extension(LocalOperator))
        .with_state(auth.clone())
}

/// The documents that stand at the root when the rest is under a prefix: RFC 8414 §3.1 puts the issuer's path behind them.
pub(crate) fn well_known(auth: &Auth) -> Router {
    let base = &auth.0.base;
    let path = format!("/.well-known/oauth-authorization-server{base}");
    let route = Route::new("", Sharing::Public).get(api::well_known::metadata);
    Router::new().route(&path, route.finish()).with_state(auth.clone())
}

/// A handler with what surrounds all of them: the caller's address and the extractors' check before it; CORS and security headers
/// on every answer, refusals included, and the id of a 5xx. One wrapper and no layers: every layer is paid for by every request.
#[derive(Clone)]
struct Surrounded<H> {
    handler: H,
    sharing: Sharing,
    /// The methods that preflights are told of, where they come here.
    preflights: Option<Arc<[Method]>>,
}

impl<H: Handler<T, Auth>, T: 'static> Handler<(T,), Auth> for Surrounded<H> {
    type Future = Pin<Box<dyn Future<Output = Response> + Send>>;

    // What needs no waiting is done before the future is made: a future that holds a request is copied with it.
    fn call(self, mut request: Request, auth: Auth) -> Self::Future {
        let Self { handler, sharing, preflights } = self;
        let asked = request.headers();
        if let Some(methods) = preflights
            && Cors::is_preflight(request.method(), asked)
        {
            let preflight = auth.0.cors.preflight(sharing, asked, &methods);
            let mut answer = (StatusCode::NO_CONTENT, preflight).into_response();
            headers::api(answer.headers_mut(), auth.https());
            return Box::pin(ready(answer));
        }
        let permitted = auth.0.cors.answer(sharing, asked);
        address::note(&auth, &mut request);
        let privacy = auth.layer().under(Arc::clone(&auth.0.base)).enter(&mut request);
        let proven = shows_proof(request.headers());
        let ends = *request.method() == Method::DELETE
            && (asked_with(&request, header::COOKIE) || asked_with(&request, header::AUTHORIZATION));
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            DefaultBodyLimit::max(LONGEST_BODY).apply(&mut request);
        }
        let id = request.extensions().get::<RequestId>().cloned();
        let answering = handler.call(request, auth.clone());
        Box::pin(async move {
            let mut answer = answering.await;
            if ends && answer.status() == StatusCode::UNAUTHORIZED {
                // Somebody else may be ending what it came with; the answer must not be earlier than theirs. What goes wrong
                // here does not make the credential any better.
                let _ = auth.engine().settled().await;
            }
            if answer.status().is_server_error() {
                answer = failure::named(answer, id.as_ref(), || auth.engine().new_id());
            }
            let headers = answer.headers_mut();
            if proven {
                next_nonce(&auth, headers);
            }
            privacy.leave(headers);
            surround(auth.https(), sharing, &permitted, headers);
            answer
        })
    }
}

/// Puts on what every answer of such a route carries. `permitted`: what CORS says of the request; `https`: whether
/// the issuer is.
pub(crate) fn surround(https: bool, sharing: Sharing, permitted: &HeaderMap, headers: &mut HeaderMap) {
    for (name, value) in permitted {
        headers.append(name, value.clone());
    }
    if sharing == Sharing::ListedByBearer {
        // What it says depends on who asks. None of it may be kept; this is for what keeps it all the same.
        headers.append(header::VARY, HeaderValue::from_static("Cookie, Authorization"));
    }
    headers::api(headers, https);
}

fn asked_with(request: &Request, name: header::HeaderName) -> bool {
    request.headers().contains_key(name)
}

pub(crate) async fn unknown() -> Problem {
    Problem::not_found()
}

async fn unknown_oauth() -> OAuthError {
    OAuthError::from(Problem::not_found())
}

/// 405; the router itself adds `Allow`.
async fn method_not_allowed(request: Request) -> Response {
    let problem = Problem::method_not_allowed("");
    let mut answer = if request.uri().path().contains("/oauth/") {
        OAuthError::from(problem).into_response()
    } else {
        problem.into_response()
    };
    answer.headers_mut().remove(header::ALLOW);
    answer
}

/// A strong entity tag of these bytes.
pub(crate) fn etag(bytes: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA256, bytes);
    let tag: String = digest.as_ref().iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{tag}\"")
}
