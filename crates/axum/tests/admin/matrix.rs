//! AD-02: every kind of caller at every route gets exactly what this table says.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};
use symbolon::audit::Actor;

use super::{common::PASSWORD, is_change, rows};
use crate::common::{Who, World};

/// A call that works when it is allowed: route, method, path, body, status.
struct Call {
    template: &'static str,
    method: &'static str,
    path: String,
    body: Option<Value>,
    works: u16,
}

/// One good call for each row, about a user and a key of its own.
async fn calls(world: &World, round: usize) -> Vec<Call> {
    let subject = world.user(&format!("subject-{round}"), &[]).await.id;
    let doomed = world.user(&format!("doomed-{round}"), &[]).await.id;
    let next = world.engine.rotate_keys(false, Actor::Cli).await.unwrap().kid;
    let call = |template: &'static str, method, body, works| Call {
        template,
        method,
        path: template.replace("{id}", &subject.to_string()).replace("{kid}", &next.to_string()),
        body,
        works,
    };
    let new_user = json!({ "identifier": format!("new-{round}"), "password": PASSWORD, "roles": ["editor"] });
    let mut calls = vec![
        call("/v1/admin/users", "GET", None, 200),
        call("/v1/admin/users", "POST", Some(new_user), 201),
        call("/v1/admin/users/{id}", "GET", None, 200),
        call("/v1/admin/users/{id}", "PATCH", Some(json!({ "profile": { "round": round } })), 200),
        call("/v1/admin/users/{id}/sessions", "GET", None, 200),
        call("/v1/admin/users/{id}/sessions", "DELETE", None, 204),
        call("/v1/admin/keys", "GET", None, 200),
        call("/v1/admin/keys/{kid}", "DELETE", None, 204),
        call("/v1/admin/keys/rotate", "POST", Some(json!({ "now": false })), 200),
        call("/v1/admin/audit", "GET", None, 200),
        call("/v1/admin/users/{id}", "DELETE", None, 204),
    ];
    calls.last_mut().unwrap().path = format!("/v1/admin/users/{doomed}");
    calls
}

#[tokio::test]
async fn ad_02_every_caller_at_every_route() {
    every_caller_at_every_route(&World::new().await).await;
    let (world, _folder) = World::embedded().await;
    every_caller_at_every_route(&world).await;
}

async fn every_caller_at_every_route(world: &World) {
    world.user("root", &["admin"]).await;
    world.user("alice", &["editor"]).await;
    let (id, secret) = world.client("admin").await;
    let (poor_id, poor_secret) = world.client("revocations").await;
    let stale = [world.cookie("root").await, world.bearer("root", "session").await];
    // Longer than a login is fresh, not longer than a token lives.
    world.clock.forward(Duration::from_secs(301));
    let fresh = [
        world.cookie("root").await,
        world.bearer("root", "session").await,
        world.bearer("root", "stateless").await,
    ];
    let alice = [world.cookie("alice").await, world.bearer("alice", "session").await];
    let clients = [Who::Basic(id.to_string(), secret.clone()), Who::Bearer(secret)];
    let poor = [Who::Basic(poor_id.to_string(), poor_secret.clone()), Who::Bearer(poor_secret)];

    // Reading; writing: a code, or nothing where it works.
    let refused = |code: Option<&'static str>, status: u16| code.map(|code| (status, code.to_owned()));
    let mut table = vec![(Who::Nobody, refused(Some("no_session"), 401), refused(Some("no_session"), 401))];
    table.extend(alice.map(|who| (who, refused(Some("forbidden"), 403), refused(Some("forbidden"), 403))));
    table.extend(stale.map(|who| (who, None, refused(Some("fresh_login_required"), 401))));
    table.extend(fresh.map(|who| (who, None, None)));
    table.extend(clients.map(|who| (who, None, None)));
    let lacks = || refused(Some("insufficient_scope"), 403);
    table.extend(poor.map(|who| (who, lacks(), lacks())));

    let listed: BTreeSet<_> = rows().into_iter().collect();
    for (round, (who, reading, writing)) in table.into_iter().enumerate() {
        let calls = calls(world, round).await;
        let called: BTreeSet<_> = calls.iter().map(|call| (call.template, call.method.to_owned())).collect();
        assert_eq!(called, listed, "the table and the router name the same routes");
        for call in calls {
            let expected = if is_change(call.method) { &writing } else { &reading };
            let ask = world.ask(call.method, &call.path).by(&who);
            let ask = if let Some(body) = &call.body { ask.json(body) } else { ask };
            let answer = ask.await;
            let place = format!("{who:?} {} {}: {answer:?}", call.method, call.path);
            match expected {
                Some(refusal) => assert_eq!(answer.said(), *refusal, "{place}"),
                None => assert_eq!(answer.status, call.works, "{place}"),
            }
        }
    }
    for call in calls(world, 99).await {
        let ask = world.ask_locally(call.method, &call.path);
        let ask = if let Some(body) = &call.body { ask.json(body) } else { ask };
        assert_eq!(ask.await.status, call.works, "the operator: {} {}", call.method, call.path);
    }
}
