//! `/account/sessions`: the devices, and ending them.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
};
use symbolon::{
    ErrorKind,
    audit::Actor,
    store::{Kind, SessionRow},
};
use symbolon_token::Timestamp;
use uuid::Uuid;

use super::super::{
    Answer, done, show as show_page,
    view::{Carrier, Device, Sessions},
    visitor::Member,
    words::{self, Notice, When},
};
use crate::{
    Auth,
    address::Calling,
    api::sessions::{end_current, holder, removal, successor_cookie},
    failure::Failure,
    parts::{Form, NoParams},
};

const HERE: &str = "/account/sessions";

/// `GET /account/sessions`.
pub(in crate::pages) async fn show(State(auth): State<Auth>, member: Member) -> Answer {
    Ok(show_page(StatusCode::OK, &view(&auth, &member).await?))
}

async fn view(auth: &Auth, member: &Member) -> Result<Sessions, Failure> {
    let rows = auth.engine().sessions(member.user.id).await?;
    let now = auth.engine().now();
    let mut devices: Vec<_> = rows.iter().map(|row| device(row, member.who.session_id, now)).collect();
    // Stable: behind this device they stay newest first.
    devices.sort_by_key(|device| !device.current);
    Ok(Sessions { page: member.page(auth), devices, error: None })
}

fn device(row: &SessionRow, current: Option<Uuid>, now: Timestamp) -> Device {
    let near = |at: Timestamp| When::near(at.as_millis(), now.as_millis());
    Device {
        id: row.id.to_string(),
        name: row.device.clone(),
        label: row.label.clone(),
        address: row.address.clone(),
        carrier: match row.kind {
            Kind::Browser => Carrier::Cookie,
            Kind::Token => Carrier::Token,
            Kind::Grant => Carrier::Grant,
        },
        current: current == Some(row.id),
        first_seen: When::on(row.created_at.as_millis()),
        last_seen: near(row.last_seen),
        idle_end: near(row.idle_expires_at),
        last_end: When::on(row.expires_at.as_millis()),
    }
}

/// `POST /account/sessions/end`: one of mine; this device's own is a logout.
pub(in crate::pages) async fn end(
    State(auth): State<Auth>,
    member: Member,
    Calling(caller): Calling,
    _: NoParams,
    form: Form,
) -> Answer {
    let who = &member.who;
    let id = form.get("id").filter(|text| text.len() == 36).and_then(|text| Uuid::parse_str(text).ok());
    if id.is_some() && id == who.session_id {
        end_current(&auth, who, &caller).await?;
        return Ok((removal(&auth, who), done(&auth, "/logout", Notice::LoggedOut)).into_response());
    }
    // What is no id is nobody's session, as in the API.
    let Some(id) = id else { return not_mine(&auth, &member).await };
    match auth.engine().end_session(id, Some(who.user_id), Actor::User(who.user_id), Some(&caller)).await {
        Ok(()) => Ok(done(&auth, HERE, Notice::DeviceEnded)),
        Err(error) if error.kind() == ErrorKind::NotFound => not_mine(&auth, &member).await,
        Err(error) => Err(error.into()),
    }
}

async fn not_mine(auth: &Auth, member: &Member) -> Answer {
    let view = Sessions { error: Some(words::NOT_YOURS.into()), ..view(auth, member).await? };
    Ok(show_page(StatusCode::NOT_FOUND, &view))
}

/// `POST /account/sessions/end-others`: everything but this browser, which goes on with a new session.
pub(in crate::pages) async fn end_others(
    State(auth): State<Auth>,
    member: Member,
    Calling(caller): Calling,
    _: NoParams,
    headers: HeaderMap,
) -> Answer {
    let known = auth.0.settings.cookie.known(&headers);
    let renewed = auth.engine().end_others(&holder(&member.who, known.as_ref(), &caller)?).await?;
    Ok((successor_cookie(&auth, &renewed), done(&auth, HERE, Notice::OthersEnded)).into_response())
}

/// `POST /account/sessions/end-all`: everything, this browser too.
pub(in crate::pages) async fn end_all(
    State(auth): State<Auth>,
    member: Member,
    Calling(caller): Calling,
    _: NoParams,
) -> Answer {
    let who = &member.who;
    auth.engine().end_all(who.user_id, Actor::User(who.user_id), Some(&caller)).await?;
    Ok((removal(&auth, who), done(&auth, "/logout", Notice::AllEnded)).into_response())
}
