//! `/v1/admin/users/{id}/sessions`: somebody's devices.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use serde_json::json;
use uuid::Uuid;

use super::access::Subject;
use crate::{
    Auth,
    api::view,
    failure::Failure,
    parts::{Json, NoParams, ParamNames, Params, Prefer},
};

/// `GET /v1/admin/users/{id}/sessions` → all of theirs, newest first.
pub(crate) async fn list(
    State(auth): State<Auth>,
    subject: Subject,
    _: NoParams,
) -> Result<Response, Failure> {
    let sessions = auth.engine().sessions(subject.user.id).await?;
    let shown: Vec<_> = sessions.iter().map(|row| view::Session::of(row, subject.admin.session)).collect();
    Ok(Json(json!({ "sessions": shown })).into_response())
}

pub(crate) struct Which;
impl ParamNames for Which {
    const NAMES: &'static [&'static str] = &["session"];
}

/// `DELETE /v1/admin/users/{id}/sessions` → 204; all of theirs, tokens and grants included, or the one that `session` names.
pub(crate) async fn end(
    State(auth): State<Auth>,
    subject: Subject,
    params: Params<Which>,
    prefer: Prefer,
) -> Result<Response, Failure> {
    let Subject { admin, user } = subject;
    match params.parsed::<Uuid>("session")? {
        Some(session) => {
            let engine = auth.engine();
            prefer
                .ending(engine.end_session(session, Some(user.id), admin.actor, admin.caller.as_ref()))
                .await?;
        }
        None => prefer.ending(auth.engine().end_all(user.id, admin.actor, admin.caller.as_ref())).await?,
    }
    Ok(prefer.ended())
}
