//! `/v1/admin/audit`: who did what to whom from where.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use serde_json::json;
use uuid::Uuid;

use super::access::Admin;
use crate::{
    Auth,
    api::view,
    failure::Failure,
    parts::{Json, Page, ParamNames, Params},
};

pub(crate) struct Listing;
impl ParamNames for Listing {
    const NAMES: &'static [&'static str] = &["after", "limit", "user"];
}

/// `GET /v1/admin/audit` → page of what happened, newest first; `user` leaves what happened to one.
pub(crate) async fn list(
    State(auth): State<Auth>,
    _: Admin,
    params: Params<Listing>,
) -> Result<Response, Failure> {
    let page = Page::of(&params)?;
    let user = params.parsed::<Uuid>("user")?;
    let mut rows = auth.engine().audit(user, page.after, page.asked()).await?;
    let next = page.cut(&mut rows, |row| row.id);
    let shown: Vec<_> = rows.iter().map(view::Activity::from).collect();
    Ok(Json(json!({ "audit": shown, "next": next })).into_response())
}
