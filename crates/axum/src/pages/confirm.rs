//! `/confirm`: the password again (step-up), for a page that wants a login of late; and back to that page.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::IntoResponse,
};
use symbolon::ErrorKind;

use super::{
    Answer,
    next::Next,
    view::Confirm,
    visitor::{Member, Visitor, parameter},
    words,
};
use crate::{
    Auth,
    address::Calling,
    api::sessions::{holder, successor_cookie},
    parts::{Form, NoParams},
};

/// `GET /confirm?next=/path`. Who is not logged in confirms by a login.
pub(super) async fn show(State(auth): State<Auth>, visitor: Visitor, uri: Uri) -> Answer {
    let next = parameter(&uri, "next").and_then(|next| Next::parse(&next));
    let Some(user) = &visitor.user else {
        let next = next.map_or_else(|| format!("{}/account", auth.0.base), |next| next.as_str().to_owned());
        return Ok(super::see_other(&super::error::login_to(&auth, &next)));
    };
    let view = Confirm {
        page: visitor.page(&auth),
        identifier: user.identifier.clone(),
        next: next.map(|next| next.as_str().to_owned()).unwrap_or_default(),
        error: None,
    };
    Ok(super::show(StatusCode::OK, &view))
}

/// `POST /confirm`: this browser goes on with a new session, at the page that asked, or the account.
pub(super) async fn submit(
    State(auth): State<Auth>,
    member: Member,
    Calling(caller): Calling,
    _: NoParams,
    headers: HeaderMap,
    form: Form,
) -> Answer {
    let next = Next::parse(form.text("next"));
    let known = auth.0.settings.cookie.known(&headers);
    let holder = holder(&member.who, known.as_ref(), &caller)?;
    let error = match auth.engine().confirm(&holder, form.text("password"), false).await {
        Ok(renewed) => {
            let path =
                next.map_or_else(|| format!("{}/account", auth.0.base), |next| next.as_str().to_owned());
            return Ok((successor_cookie(&auth, &renewed), super::see_other(&path)).into_response());
        }
        Err(error) => error,
    };
    let sentence = match error.kind() {
        ErrorKind::InvalidCredentials | ErrorKind::InvalidRequest => words::WRONG_PASSWORD.into(),
        ErrorKind::TooManyAttempts => words::too_many_attempts(super::seconds(&error)),
        ErrorKind::Overloaded => words::BUSY.into(),
        _ => return Err(error.into()),
    };
    let view = Confirm {
        page: member.page(&auth),
        identifier: member.user.identifier.clone(),
        next: next.map(|next| next.as_str().to_owned()).unwrap_or_default(),
        error: Some(sentence),
    };
    Ok(super::show_refused(&error, &view))
}
