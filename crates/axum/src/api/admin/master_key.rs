//! `/v1/admin/master-key`: replacing the master key, for `symbolon key rotate-master`. For the operator alone, and no key goes in or out:
//! only fingerprints do.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;
use symbolon::{audit::Actor, keyring::MasterRotation};

use super::access::Operator;
use crate::{
    Auth,
    failure::Failure,
    parts::{Json, JsonOrNothing, NoParams},
};

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotate {
    #[serde(default)]
    leaked: bool,
}

/// `POST /v1/admin/master-key/rotate` → what was done, or that the keys are not ours to write.
pub(crate) async fn rotate(
    State(auth): State<Auth>,
    _: Operator,
    _: NoParams,
    JsonOrNothing(body): JsonOrNothing<Rotate>,
) -> Result<Response, Failure> {
    let answer = match auth.engine().rotate_master_key(body.leaked, Actor::Cli).await? {
        MasterRotation::Done { fingerprint, kept, by_hand } => {
            json!({ "done": true, "fingerprint": fingerprint, "kept": kept, "by_hand": by_hand })
        }
        MasterRotation::ByHand => json!({ "done": false, "by_hand": true }),
    };
    Ok(Json(answer).into_response())
}
