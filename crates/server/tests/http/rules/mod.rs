//! What holds for all paths.

mod bearer;
mod cookie;
mod cors;
mod csrf;
mod errors;
mod framing;
mod headers;
mod input;
mod jwt;
mod limits;
mod order;
mod proxy;

use crate::server::TestServer;

/// A path, its methods, and whether it wants a credential.
pub(super) struct Route {
    pub(super) path: &'static str,
    pub(super) methods: &'static [&'static str],
    pub(super) protected: bool,
}

/// The contract's calls of this part, with their methods.
pub(super) const ROUTES: [Route; 19] = [
    Route { path: "/v1/users", methods: &["POST"], protected: false },
    Route { path: "/v1/sessions", methods: &["GET", "POST", "DELETE"], protected: true },
    Route { path: "/v1/sessions/current", methods: &["GET", "DELETE"], protected: true },
    Route { path: "/v1/sessions/current/confirm", methods: &["POST"], protected: true },
    Route { path: "/v1/sessions/current/token", methods: &["POST"], protected: true },
    Route {
        path: "/v1/sessions/01890000-0000-7000-8000-000000000000",
        methods: &["DELETE"],
        protected: true,
    },
    Route { path: "/v1/me", methods: &["GET", "POST", "PATCH", "DELETE"], protected: true },
    Route { path: "/v1/me/password", methods: &["POST"], protected: true },
    Route { path: "/v1/me/activity", methods: &["GET"], protected: true },
    Route { path: "/v1/grants", methods: &["POST"], protected: true },
    Route { path: "/v1/tokens", methods: &["POST"], protected: false },
    Route { path: "/oauth/token", methods: &["POST"], protected: false },
    Route { path: "/oauth/revoke", methods: &["POST"], protected: false },
    Route { path: "/oauth/introspect", methods: &["POST"], protected: false },
    Route { path: "/.well-known/jwks.json", methods: &["GET"], protected: false },
    Route { path: "/.well-known/oauth-authorization-server", methods: &["GET"], protected: false },
    Route { path: "/healthz", methods: &["GET"], protected: false },
    Route { path: "/readyz", methods: &["GET"], protected: false },
    Route { path: "/openapi.json", methods: &["GET"], protected: false },
];

/// Every protected call: method and path. The login is none.
pub(super) fn protected() -> Vec<(&'static str, &'static str)> {
    let calls = ROUTES.iter().filter(|route| route.protected);
    calls
        .flat_map(|route| route.methods.iter().map(|method| (*method, route.path)))
        .filter(|call| *call != ("POST", "/v1/sessions"))
        .collect()
}

/// Whether a path answers in OAuth's form.
pub(super) fn is_oauth(path: &str) -> bool {
    path.starts_with("/oauth/")
}

/// A server, and whose cookie and access token it knows.
pub(super) fn with_somebody() -> (TestServer, String, String) {
    let server = TestServer::start();
    let alice = server.person("alice");
    let (cookie, token) = (server.cookie(&alice), server.tokens(&alice).access);
    (server, cookie, token)
}
