//! `/login`: the form, and the login by cookie.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::IntoResponse,
};
use symbolon::{Error, ErrorKind};
use symbolon_http::SameOrigin;

use super::{
    Answer,
    next::Next,
    view::Login,
    visitor::{Visitor, parameter},
    words,
};
use crate::{
    Auth,
    address::Calling,
    api::sessions::login_by_cookie,
    parts::{Form, NoParams},
};

/// `GET /login?next=/path`. Also for somebody who is logged in: an application may want the password again.
pub(super) async fn show(State(auth): State<Auth>, visitor: Visitor, uri: Uri) -> Answer {
    let next = parameter(&uri, "next").and_then(|next| Next::parse(&next));
    let view = Login {
        page: visitor.page(&auth),
        identifier: String::new(),
        remember: true,
        next: next.map(|next| next.as_str().to_owned()).unwrap_or_default(),
        error: None,
    };
    Ok(super::show(StatusCode::OK, &view))
}

/// `POST /login`: 303 to `next` or the account, or the form again.
pub(super) async fn submit(
    State(auth): State<Auth>,
    _: SameOrigin,
    visitor: Visitor,
    Calling(caller): Calling,
    _: NoParams,
    headers: HeaderMap,
    form: Form,
) -> Answer {
    let next = Next::parse(form.text("next"));
    let (identifier, remember) = (form.text("identifier"), form.get("remember").is_some());
    let login = login_by_cookie(&auth, identifier, form.text("password"), remember, &headers, &caller).await;
    let error = match login {
        Ok((_, cookies)) => {
            let path =
                next.map_or_else(|| format!("{}/account", auth.0.base), |next| next.as_str().to_owned());
            return Ok((cookies, super::see_other(&path)).into_response());
        }
        Err(error) => error,
    };
    let Some(sentence) = sentence(&error) else { return Err(error.into()) };
    let view = Login {
        page: visitor.page(&auth),
        identifier: identifier.to_owned(),
        remember,
        next: next.map(|next| next.as_str().to_owned()).unwrap_or_default(),
        error: Some(sentence),
    };
    Ok(super::show_refused(&error, &view))
}

/// What the form says of an error; `None` for what is not the form's business.
fn sentence(error: &Error) -> Option<String> {
    match error.kind() {
        // Malformed is a password of more than 1,024 bytes: nobody has one.
        ErrorKind::InvalidCredentials | ErrorKind::InvalidRequest => Some(words::WRONG_CREDENTIALS.into()),
        ErrorKind::TooManyAttempts => Some(words::too_many_attempts(super::seconds(error))),
        ErrorKind::Overloaded => Some(words::BUSY.into()),
        _ => None,
    }
}
