//! `/v1/admin/status`: the installation at a glance, for `symbolon doctor`. For the operator alone.

use std::time::Duration;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use symbolon::Asked;

use super::{access::Operator, keys::Key};
use crate::{
    Auth,
    failure::Failure,
    parts::{Json, NoParams},
};

fn asked(asked: Asked) -> Value {
    json!({ "hits": asked.hits, "misses": asked.misses })
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// `GET /v1/admin/status`.
pub(crate) async fn show(State(auth): State<Auth>, _: Operator, _: NoParams) -> Result<Response, Failure> {
    let status = auth.engine().status().await?;
    let master_keys: Vec<_> = status
        .installation
        .master_keys
        .iter()
        .map(|(version, fingerprint)| json!({ "version": version, "fingerprint": fingerprint }))
        .collect();
    let census = status.census;
    let guarding = &status.guarding;
    let answer = json!({
        "version": status.version,
        "issuer": auth.engine().settings().issuer,
        "schema": census.and_then(|census| census.schema),
        // At least so many, where they were not all counted.
        "users": census.map(|census| census.users),
        "sessions": census.map(|census| census.sessions),
        "counted_all": census.map(|census| census.complete),
        "log": {
            "epoch": status.installation.log_epoch,
            "head": status.log_head,
            "trimmed": status.log_trimmed,
            "applied": guarding.applied,
        },
        "guarding": {
            "fresh": guarding.fresh,
            // Null where the store is held alone.
            "lease": guarding.lease.map(|lease| json!({
                "id": lease.id,
                "length_ms": millis(lease.length),
                "age_ms": millis(lease.age),
                "left_ms": millis(lease.left),
                "lag_ms": millis(lease.lag),
                "failures": lease.failures,
                "clocks_apart_ms": millis(lease.clocks_apart),
            })),
            "remote": guarding.remote.iter().map(|guard| json!({
                "id": guard.id,
                "applied": guard.acknowledged,
                "lease_left_ms": millis(guard.left),
                "lapsed": guard.left.is_zero(),
            })).collect::<Vec<_>>(),
            "nodes": status.guards.iter().map(|guard| json!({
                "id": guard.id,
                "applied": guard.applied,
                "lapsed": guard.lapsed,
            })).collect::<Vec<_>>(),
            "endings": guarding.barriers.count,
            "endings_timed_out": guarding.barriers.timed_out,
            "longest_wait_ms": millis(guarding.barriers.longest),
        },
        "cached": {
            "sessions": status.cached.sessions,
            "users": status.cached.users,
            "tokens": status.cached.tokens,
        },
        "asked": {
            "sessions": asked(status.cached.sessions_asked),
            "users": asked(status.cached.users_asked),
            "tokens": asked(status.cached.tokens_asked),
        },
        "installation_epoch": status.installation.epoch,
        "master_keys": master_keys,
        "keys": status.keys.iter().map(Key::from).collect::<Vec<_>>(),
        "clients": auth.engine().clients().len(),
        "unlisted_proxy": auth.0.unlisted_proxy.get(),
    });
    Ok(Json(answer).into_response())
}
