//! Every operation is refused in every way and done in every way that `openapi.json` promises.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use serde_json::json;
use symbolon::{audit::Actor, store::memory::MemoryStore};
use symbolon_axum::Options;
use uuid::Uuid;

use crate::{
    common::{Ask, ISSUER, PASSWORD, Who, World, document::Document},
    operations,
};

/// What every operation is asked for in turn: all that it can be refused for without a special occasion.
struct Round<'w> {
    world: &'w World,
    root: Who,
    alice: Who,
    client: Who,
    poor: Who,
    /// Clients with the scope that each call for machines asks for.
    follower: Who,
    checker: Who,
    grant: Who,
    somebody: Uuid,
}

impl Round<'_> {
    fn path(&self, template: &str) -> String {
        template.replace("{id}", &self.somebody.to_string()).replace("{kid}", "AAAAAAAAAAAAAAAA")
    }

    fn who(&self, template: &str) -> &Who {
        match template {
            path if path.starts_with("/v1/admin") => &self.root,
            path if path.starts_with("/oauth") => &self.client,
            "/v1/revocations" => &self.follower,
            "/v1/check" => &self.checker,
            _ => &self.alice,
        }
    }

    fn body<'a>(&self, ask: Ask<'a>, template: &str, method: &str) -> Ask<'a> {
        let login = json!({ "identifier": "alice", "password": "wrong-horse-11-stable" });
        match (method, template) {
            (_, path) if path.starts_with("/oauth") => {
                ask.form("token=x&grant_type=refresh_token&refresh_token=x")
            }
            ("post", "/v1/me") => ask.form("x=y"),
            ("post", "/v1/sessions" | "/v1/tokens") => ask.json(&login),
            ("post", "/v1/sessions/current/confirm") => {
                ask.json(&json!({ "password": "wrong-horse-11-stable" }))
            }
            ("post" | "patch", _) => ask.json(&json!({})),
            _ => ask,
        }
    }

    /// Everything that can go wrong with a request as such.
    async fn refusals(&self, template: &str, method: &str) {
        let path = self.path(template);
        let ask = |path: &str| self.world.ask(&method.to_ascii_uppercase(), path);
        let who = self.who(template);
        self.body(ask(&path), template, method).await;
        self.body(ask(&path).by(&Who::Bearer("a.b.c".into())), template, method).await;
        self.body(ask(&path).by(&self.poor), template, method).await;
        self.body(ask(&path).by(&self.client), template, method).await;
        self.body(ask(&path).by(&self.grant), template, method).await;
        self.body(ask(&path).by(&self.alice).header("sec-fetch-site", "cross-site"), template, method).await;
        self.body(ask(&format!("{path}?nonsense=1")).by(who), template, method).await;
        ask(&path).by(who).raw("text/plain", "x").await;
        let _ = ask(&path).by(who).form("token=a&token=b&refresh_token=a&refresh_token=b").await;
        let nobody =
            template.replace("{id}", &Uuid::from_u128(1).to_string()).replace("{kid}", "AAAAAAAAAAAAAAAA");
        self.body(ask(&nobody).by(who), template, method).await;
        if template.starts_with("/v1/admin") {
            self.body(ask(&path).by(&self.alice), template, method).await;
        }
    }
}

#[tokio::test]
async fn every_answer_it_promises_can_be_had() {
    let world = World::new().await;
    let document = Document::read();
    world.user("root", &["admin"]).await;
    world.user("alice", &[]).await;
    let somebody = world.user("somebody", &[]).await.id;
    let job = world.user("job", &[]).await;
    let (id, secret) = world.client("introspect").await;
    let (poor, poor_secret) = world.client("check").await;
    let (follower, checker) = (world.client("revocations").await, world.client("check").await);
    let mut round = Round {
        world: &world,
        root: world.cookie("root").await,
        alice: world.cookie("alice").await,
        client: Who::Basic(id.to_string(), secret),
        poor: Who::Basic(poor.to_string(), poor_secret),
        follower: Who::Basic(follower.0.to_string(), follower.1),
        checker: Who::Bearer(checker.1),
        grant: world.grant(&job).await,
        somebody,
    };
    for (template, method, _) in operations(&document) {
        // Logging out and the like work at the first try: they come last.
        if method != "delete" || template.starts_with("/v1/admin") {
            round.refusals(template, method).await;
        }
        if world.engine.user(round.somebody).await.is_err() {
            round.somebody = world.user("somebody", &[]).await.id;
        }
    }
    // The wrong passwords among them are forgiven by then, and logins no longer fresh.
    world.clock.forward(Duration::from_secs(3600));
    (round.root, round.alice) = (world.cookie("root").await, world.cookie("alice").await);
    administration(&round).await;
    user(&round).await;
    tokens(&round).await;
    machines(&round).await;
    documents(&world).await;
    occasions(&world).await;

    let mut seen = world.document.seen.lock().unwrap().clone();
    seen.extend(closed().await);
    let promised: BTreeSet<_> = operations(&document)
        .into_iter()
        .flat_map(|(_, _, operation)| {
            let id = operation["operationId"].as_str().unwrap();
            let statuses = operation["responses"].as_object().unwrap().keys();
            statuses.filter_map(move |status| Some((id.to_owned(), status.parse::<u16>().ok()?)))
        })
        // What takes a store that is gone, or a queue that is full, is tested where those are.
        .filter(|(_, status)| *status != 503)
        .collect();
    let never: Vec<_> = promised.difference(&seen).collect();
    assert!(never.is_empty(), "promised, but never seen: {never:?}");
}

async fn administration(round: &Round<'_>) {
    let Round { world, root, somebody, .. } = round;
    let path = format!("/v1/admin/users/{somebody}");
    let ask = |method: &str, path: &str| world.ask(method, path).by(root);
    let new = json!({ "identifier": "made", "password": PASSWORD, "profile": {}, "roles": ["editor"] });
    assert_eq!(ask("POST", "/v1/admin/users").json(&new).await.status, 201);
    assert_eq!(ask("POST", "/v1/admin/users").json(&new).await.status, 409);
    let weak = json!({ "identifier": "weak", "password": "weak" });
    assert_eq!(ask("POST", "/v1/admin/users").json(&weak).await.status, 422);
    for path in ["/v1/admin/users", "/v1/admin/users?limit=1", "/v1/admin/keys", "/v1/admin/audit?limit=2"] {
        assert_eq!(ask("GET", path).await.status, 200);
    }
    assert_eq!(ask("GET", &path).await.status, 200);
    assert_eq!(ask("GET", &format!("{path}/sessions")).await.status, 200);
    for prefers in ["return=minimal", "respond-async"] {
        let gently = |method: &str, path: &str| ask(method, path).header("prefer", prefers);
        let change = json!({ "disabled": true, "roles": [], "profile": { "a": 1 } });
        assert!(gently("PATCH", &path).json(&change).await.is_success());
        assert!(gently("DELETE", &format!("{path}/sessions")).await.is_success());
        let next = ask("POST", "/v1/admin/keys/rotate").json(&json!({ "now": false })).await.json();
        let next = format!("/v1/admin/keys/{}", next["kid"].as_str().unwrap());
        assert!(gently("DELETE", &next).await.is_success());
        let doomed = world.user(&format!("doomed-{prefers}").replace('=', "-"), &[]).await.id;
        assert!(gently("DELETE", &format!("/v1/admin/users/{doomed}")).await.is_success());
    }
}

async fn user(round: &Round<'_>) {
    let Round { world, alice, .. } = round;
    let new = json!({ "identifier": "bob", "password": PASSWORD, "profile": { "name": "Bob" } });
    assert_eq!(world.ask("POST", "/v1/users").json(&new).await.status, 201);
    assert_eq!(world.ask("POST", "/v1/users").json(&new).await.status, 409);
    let weak = json!({ "identifier": "weak", "password": "weak" });
    assert_eq!(world.ask("POST", "/v1/users").json(&weak).await.status, 422);
    for path in
        ["/v1/me", "/v1/sessions", "/v1/sessions/current", "/v1/me/activity", "/v1/me/activity?limit=1"]
    {
        assert_eq!(world.ask("GET", path).by(alice).await.status, 200);
    }
    assert_eq!(world.ask("POST", "/v1/me").by(alice).await.status, 200);
    let profile = json!({ "profile": { "name": "Alice" } });
    assert_eq!(world.ask("PATCH", "/v1/me").by(alice).json(&profile).await.status, 200);
    for ask in [
        world.ask("POST", "/v1/sessions/current/token").by(alice),
        world.ask("POST", "/v1/sessions/current/token").by(alice).json(&json!({ "scope": "read" })),
        world
            .ask("POST", "/v1/sessions/current/token")
            .by(alice)
            .form("scope=read&audience=https%3A%2F%2Fapi.example"),
    ] {
        assert_eq!(ask.await.status, 200);
    }
    let grant = json!({ "label": "nightly", "scope": "read", "expires_at": "2027-01-20T00:00:00.000Z" });
    let given = world.ask("POST", "/v1/grants").by(alice).json(&grant).await;
    assert_eq!(given.status, 201, "{given:?}");
    let stateless = world.bearer("alice", "stateless").await;
    assert_eq!(world.ask("GET", "/v1/sessions/current").by(&stateless).await.status, 404);
    let confirm = json!({ "password": PASSWORD });
    let confirmed = world.ask("POST", "/v1/sessions/current/confirm").by(alice).json(&confirm).await;
    let alice = Who::Cookie(confirmed.session_cookie().unwrap());
    let weak = json!({ "current": PASSWORD, "new": "weak" });
    assert_eq!(world.ask("POST", "/v1/me/password").by(&alice).json(&weak).await.status, 422);
    let change = json!({ "current": PASSWORD, "new": "basalt-lighthouse-83-otter" });
    let changed = world.ask("POST", "/v1/me/password").by(&alice).json(&change).await;
    let alice = Who::Cookie(changed.session_cookie().unwrap());
    let wrong = world.ask("POST", "/v1/me/password").by(&alice).json(&change).await;
    assert_eq!(wrong.said(), (401, "invalid_credentials".into()));
    let kept = world.ask("DELETE", "/v1/sessions?keep=current").by(&alice).await;
    assert_eq!(kept.status, 200);
    ways_out(round).await;
}

/// Endings of one's own: refused in every way, then done, with and without waiting.
async fn ways_out(round: &Round<'_>) {
    let world = round.world;
    for path in ["/v1/sessions", "/v1/sessions/current", "/v1/me", "/v1/sessions/{id}"] {
        world.user("carol", &[]).await;
        let (mine, other) = (world.cookie("carol").await, world.cookie("carol").await);
        let id =
            world.ask("GET", "/v1/me").by(&other).await.json()["session_id"].as_str().unwrap().to_owned();
        let path = path.replace("{id}", &id);
        assert_eq!(world.ask("DELETE", &path).await.status, 401);
        assert_eq!(world.ask("DELETE", &format!("{path}?x=1")).by(&mine).await.status, 400);
        assert_eq!(
            world.ask("DELETE", &path).by(&mine).header("sec-fetch-site", "cross-site").await.status,
            403
        );
        assert_eq!(world.ask("DELETE", &path).by(&mine).await.status, 204);
        if world.engine.find_user("carol").await.is_err() {
            world.user("carol", &[]).await;
        }
        let (mine, other) = (world.cookie("carol").await, world.cookie("carol").await);
        let id =
            world.ask("GET", "/v1/me").by(&other).await.json()["session_id"].as_str().unwrap().to_owned();
        let path = if path.len() > 40 { format!("/v1/sessions/{id}") } else { path };
        assert_eq!(world.ask("DELETE", &path).by(&mine).header("prefer", "respond-async").await.status, 202);
        if let Ok(user) = world.engine.find_user("carol").await {
            world.engine.delete_user(user.id, Actor::Cli).await.unwrap();
        }
    }
    let gone = format!("/v1/sessions/{}", Uuid::from_u128(1));
    assert_eq!(world.ask("DELETE", &gone).by(&round.root).await.status, 404);
}

async fn tokens(round: &Round<'_>) {
    let Round { world, client, .. } = round;
    world.user("dave", &[]).await;
    let login = json!({
        "identifier": "dave", "password": PASSWORD, "mode": "session", "scope": "read write",
        "audience": [ISSUER, "https://api.example"],
    });
    let wrong = json!({ "identifier": "dave", "password": "not-it-at-all-12" });
    assert_eq!(world.ask("POST", "/v1/tokens").json(&wrong).await.status, 401);
    let tokens = world.ask("POST", "/v1/tokens").json(&login).await;
    assert_eq!(tokens.status, 201);
    let (access, refresh) = (tokens.json()["access_token"].clone(), tokens.json()["refresh_token"].clone());
    let (access, refresh) = (access.as_str().unwrap(), refresh.as_str().unwrap());
    let refreshed = world.ask("POST", "/oauth/token");
    let form = format!("grant_type=refresh_token&refresh_token={refresh}&scope=read");
    assert_eq!(refreshed.form(&form).await.status, 200);
    let me = world.ask("POST", "/v1/me").form(&format!("access_token={access}")).await;
    assert_eq!(me.json()["via"], "bearer");
    for token in [access, refresh, "x"] {
        let seen = world.ask("POST", "/oauth/introspect").by(client).form(&format!("token={token}")).await;
        assert_eq!(seen.status, 200);
        assert_eq!(seen.json()["active"], token != "x");
    }
    let bearer = Who::Bearer(access.to_owned());
    let confirm = json!({ "password": PASSWORD, "end_others": true });
    let next = world.ask("POST", "/v1/sessions/current/confirm").by(&bearer).json(&confirm).await.json();
    assert!(next["refresh_token"].is_string(), "by bearer the successor is tokens");
    for token in [next["access_token"].as_str().unwrap(), next["refresh_token"].as_str().unwrap(), "x"] {
        assert_eq!(world.ask("POST", "/oauth/revoke").form(&format!("token={token}")).await.status, 200);
    }
    let unknown = Who::Basic(Uuid::from_u128(1).to_string(), "key_x".into());
    assert_eq!(world.ask("POST", "/oauth/revoke").by(&unknown).form("token=x").await.status, 401);
}

async fn machines(round: &Round<'_>) {
    let Round { world, follower, checker, .. } = round;
    let guard = Uuid::from_u128(9);
    let poll = json!({ "guard": guard, "after": 0, "wait": 0 });
    let page = world.ask("POST", "/v1/revocations").by(follower).json(&poll).await;
    assert_eq!(page.status, 200, "{page:?}");
    let page = page.json();
    let poll =
        json!({ "guard": guard, "epoch": page["epoch"], "after": page["next"], "wait": 0.0, "limit": 1 });
    assert_eq!(world.ask("POST", "/v1/revocations").by(follower).json(&poll).await.status, 200);
    world.user("frank", &[]).await;
    let (Who::Cookie(cookie), Who::Bearer(token)) =
        (world.cookie("frank").await, world.bearer("frank", "session").await)
    else {
        panic!("a cookie and a token")
    };
    for question in [json!({ "cookie": cookie }), json!({ "token": token }), json!({ "token": "x" })] {
        assert_eq!(world.ask("POST", "/v1/check").by(checker).json(&question).await.status, 200);
    }
    // It follows no more, and nobody waits for it.
    world.clock.forward(Duration::from_secs(10));
}

async fn documents(world: &World) {
    for path in ["/.well-known/jwks.json", "/.well-known/oauth-authorization-server"] {
        let first = world.ask("GET", path).await;
        assert_eq!(first.status, 200);
        let again = world.ask("GET", path).header("if-none-match", first.header("etag").unwrap());
        assert_eq!(again.await.status, 304);
    }
    for path in ["/healthz", "/readyz", "/openapi.json"] {
        assert_eq!(world.ask("GET", path).await.status, 200);
    }
}

/// What is refused only after many tries.
async fn occasions(world: &World) {
    world.user("erin", &[]).await;
    let (mine, wrong) =
        (world.cookie("erin").await, json!({ "identifier": "erin", "password": "not-it-at-all-12" }));
    for _ in 0..6 {
        world.ask("POST", "/v1/sessions").json(&wrong).await;
    }
    assert_eq!(world.ask("POST", "/v1/sessions").json(&wrong).await.status, 429);
    assert_eq!(world.ask("POST", "/v1/tokens").json(&wrong).await.status, 429);
    let confirm = json!({ "password": PASSWORD });
    assert_eq!(world.ask("POST", "/v1/sessions/current/confirm").by(&mine).json(&confirm).await.status, 429);
    let change = json!({ "current": PASSWORD, "new": "basalt-lighthouse-83-otter" });
    assert_eq!(world.ask("POST", "/v1/me/password").by(&mine).json(&change).await.status, 429);
}

/// A world of its own: registration is closed there, or used up.
async fn closed() -> BTreeSet<(String, u16)> {
    let mut seen = BTreeSet::new();
    for open in [true, false] {
        let store = Arc::new(MemoryStore::new(Uuid::from_u128(1)));
        let world = World::set(store, Options::default(), |settings| {
            settings.registration_open = open;
            settings.throttle.registration.free = 1;
            settings.throttle.shared_factor = 1;
        })
        .await;
        for (name, status) in [("first", 201), ("second", 429)] {
            let new = json!({ "identifier": name, "password": PASSWORD });
            let answer = world.ask("POST", "/v1/users").json(&new).await;
            assert_eq!(answer.status, if open { status } else { 403 });
        }
        seen.extend(world.document.seen.lock().unwrap().clone());
    }
    seen
}
