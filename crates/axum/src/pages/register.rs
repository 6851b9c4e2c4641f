//! `/register`: the form, and a new account that is logged in at once.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use symbolon::{Error, ErrorKind, store::Object, user::NewAccount};
use symbolon_http::SameOrigin;

use super::{
    Answer,
    next::Next,
    view::{Page, Register},
    visitor::{Visitor, parameter},
    words::{self, Notice},
};
use crate::{
    Auth,
    address::Calling,
    api::sessions::login_by_cookie,
    parts::{Form, NoParams},
};

/// `GET /register?next=/path`.
pub(super) async fn show(State(auth): State<Auth>, visitor: Visitor, uri: Uri) -> Answer {
    let next = parameter(&uri, "next").and_then(|next| Next::parse(&next));
    Ok(super::show(StatusCode::OK, &empty(&auth, visitor.page(&auth), next.as_ref())))
}

/// `POST /register`: 303 to `next` or the account, logged in; or the form again.
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
    let (identifier, password) = (form.text("identifier"), form.text("password"));
    let view =
        Register { identifier: identifier.to_owned(), ..empty(&auth, visitor.page(&auth), next.as_ref()) };
    if !view.page.registration {
        return Ok(super::show(StatusCode::FORBIDDEN, &view));
    }
    if password != form.text("again") {
        let view =
            Register { password_errors: vec![words::NOT_THE_SAME.into()], error: look_below(), ..view };
        return Ok(super::show(StatusCode::UNPROCESSABLE_ENTITY, &view));
    }
    let account = NewAccount {
        identifier: identifier.to_owned(),
        password: password.to_owned(),
        profile: Object::new(),
        roles: Vec::new(),
    };
    if let Err(error) = auth.engine().register(account, &caller).await {
        return refused(error, view);
    }
    let registered = Notice::Registered;
    match login_by_cookie(&auth, identifier, password, true, &headers, &caller).await {
        Ok((_, cookies)) => {
            let account = format!("{}/account", auth.0.base);
            let answer = match next {
                Some(next) if next.as_str() != account => super::see_other(next.as_str()),
                _ => super::done(&auth, "/account", registered),
            };
            Ok((cookies, answer).into_response())
        }
        // The account is there, whatever keeps its owner out for the moment.
        Err(error) => {
            tracing::info!(
                error = &error as &dyn std::error::Error,
                "somebody registered, but could not be logged in"
            );
            Ok(super::done(&auth, "/login", registered))
        }
    }
}

fn empty(auth: &Auth, page: Page, next: Option<&Next>) -> Register {
    Register {
        page,
        identifier: String::new(),
        next: next.map(|next| next.as_str().to_owned()).unwrap_or_default(),
        min_length: auth.engine().settings().password_min_length,
        identifier_error: None,
        password_errors: Vec::new(),
        error: None,
    }
}

fn refused(error: Error, view: Register) -> Result<Response, crate::failure::Failure> {
    let min_length = view.min_length;
    let view = match error.kind() {
        // The form has nothing else that could be malformed. 422 like its other fields, where the API says 400 of a request.
        ErrorKind::InvalidRequest => {
            let identifier_error = Some(words::IDENTIFIER_MALFORMED.into());
            let view = Register { identifier_error, error: look_below(), ..view };
            return Ok(super::show(StatusCode::UNPROCESSABLE_ENTITY, &view));
        }
        ErrorKind::IdentifierTaken => {
            Register { identifier_error: Some(words::IDENTIFIER_TAKEN.into()), error: look_below(), ..view }
        }
        ErrorKind::PasswordRejected => {
            let reasons = error.reasons().iter().map(|reason| words::password_reason(reason, min_length));
            Register { password_errors: reasons.collect(), error: look_below(), ..view }
        }
        ErrorKind::TooManyAttempts => {
            Register { error: Some(words::too_many_attempts(super::seconds(&error))), ..view }
        }
        ErrorKind::Overloaded => Register { error: Some(words::BUSY.into()), ..view },
        _ => return Err(error.into()),
    };
    Ok(super::show_refused(&error, &view))
}

fn look_below() -> Option<String> {
    Some(words::LOOK_BELOW.into())
}
