//! `/account`: profile, password, deletion, recent activity.

mod activity;
pub(super) mod grants;
pub(super) mod sessions;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
};
use serde_json::Value;
use symbolon::{
    Error, ErrorKind,
    audit::{Actor, By},
};

use super::{
    Answer,
    view::Account,
    visitor::Member,
    words::{self, Notice, When},
};
use crate::{
    Auth,
    address::Calling,
    api::sessions::{holder, removal, successor_cookie},
    failure::Failure,
    parts::{Form, NoParams},
};

/// The member of the profile that is shown and changed here; the others are the application's.
const NAME: &str = "name";
/// Most code points of a name.
const LONGEST_NAME: usize = 100;
/// Lines of recent activity.
const EVENTS: usize = 20;

/// `GET /account`.
pub(super) async fn show(State(auth): State<Auth>, member: Member) -> Answer {
    Ok(super::show(StatusCode::OK, &view(&auth, &member).await?))
}

async fn view(auth: &Auth, member: &Member) -> Result<Account, Failure> {
    let (engine, user) = (auth.engine(), &member.user);
    let devices = engine.sessions(user.id).await?.len();
    let events = engine.audit(Some(user.id), None, EVENTS).await?;
    let now = engine.now();
    Ok(Account {
        page: member.page(auth),
        identifier: user.identifier.clone(),
        since: When::on(user.created_at.as_millis()),
        name: user.profile.get(NAME).and_then(Value::as_str).unwrap_or_default().to_owned(),
        name_error: None,
        devices,
        min_length: engine.settings().password_min_length,
        password_error: None,
        current_error: None,
        new_errors: Vec::new(),
        delete_error: None,
        activity: events.iter().map(|row| activity::event(row, now)).collect(),
    })
}

/// `POST /account/profile`: sets the name, and leaves the rest of the profile as it is.
pub(super) async fn profile(State(auth): State<Auth>, member: Member, _: NoParams, form: Form) -> Answer {
    let name = form.text("name").trim();
    let refused = async || {
        let view = view(&auth, &member).await?;
        let view = Account { name: name.to_owned(), name_error: Some(words::NAME_REFUSED.into()), ..view };
        Ok(super::show(StatusCode::UNPROCESSABLE_ENTITY, &view))
    };
    if name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        return refused().await;
    }
    let mut profile = member.user.profile.clone();
    if name.is_empty() {
        profile.remove(NAME);
    } else {
        profile.insert(NAME.into(), name.into());
    }
    match auth.engine().set_profile(member.user.id, profile).await {
        Ok(_) => Ok(super::done(&auth, "/account", Notice::ProfileSaved)),
        // The other members leave no room for it.
        Err(error) if error.kind() == ErrorKind::InvalidRequest => refused().await,
        Err(error) => Err(gone(error)),
    }
}

/// `POST /account/password`: everything else of the user ends, and this browser goes on with a new session.
pub(super) async fn password(
    State(auth): State<Auth>,
    member: Member,
    Calling(caller): Calling,
    _: NoParams,
    headers: HeaderMap,
    form: Form,
) -> Answer {
    let new = form.text("new");
    if new != form.text("again") {
        let view = Account { new_errors: vec![words::NOT_THE_SAME.into()], ..view(&auth, &member).await? };
        return Ok(super::show(StatusCode::UNPROCESSABLE_ENTITY, &view));
    }
    let known = auth.0.settings.cookie.known(&headers);
    let holder = holder(&member.who, known.as_ref(), &caller)?;
    match auth.engine().change_password(&holder, form.text("current"), new).await {
        Ok(renewed) => {
            let cookie = successor_cookie(&auth, &renewed);
            Ok((cookie, super::done(&auth, "/account", Notice::PasswordChanged)).into_response())
        }
        Err(error) => {
            let view = view(&auth, &member).await?;
            let view = match error.kind() {
                ErrorKind::PasswordRejected => {
                    let reasons = error.reasons().iter();
                    let new_errors =
                        reasons.map(|reason| words::password_reason(reason, view.min_length)).collect();
                    Account { new_errors, ..view }
                }
                ErrorKind::InvalidCredentials | ErrorKind::InvalidRequest => {
                    Account { current_error: Some(words::WRONG_PASSWORD.into()), ..view }
                }
                _ => match later(&error) {
                    Some(sentence) => Account { password_error: Some(sentence), ..view },
                    None => return Err(gone(error)),
                },
            };
            Ok(super::show_refused(&error, &view))
        }
    }
}

/// `POST /account/delete`: the password again, which makes the login fresh, and then everything goes.
pub(super) async fn delete(
    State(auth): State<Auth>,
    member: Member,
    Calling(caller): Calling,
    _: NoParams,
    headers: HeaderMap,
    form: Form,
) -> Answer {
    if form.get("sure").is_none() {
        let view = Account { delete_error: Some(words::NOT_SURE.into()), ..view(&auth, &member).await? };
        return Ok(super::show(StatusCode::UNPROCESSABLE_ENTITY, &view));
    }
    let known = auth.0.settings.cookie.known(&headers);
    let holder = holder(&member.who, known.as_ref(), &caller)?;
    let renewed = match auth.engine().confirm(&holder, form.text("password"), false).await {
        Ok(renewed) => renewed,
        Err(error) => {
            let sentence = match error.kind() {
                ErrorKind::InvalidCredentials | ErrorKind::InvalidRequest => {
                    Some(words::WRONG_PASSWORD.into())
                }
                _ => later(&error),
            };
            let Some(sentence) = sentence else { return Err(gone(error)) };
            let view = Account { delete_error: Some(sentence), ..view(&auth, &member).await? };
            return Ok(super::show_refused(&error, &view));
        }
    };
    let id = member.user.id;
    // The confirmation ended the session that the browser still holds.
    let cookie = successor_cookie(&auth, &renewed);
    match auth.engine().delete_user(id, By::caller(Actor::User(id), &caller)).await {
        Err(error) if error.kind() == ErrorKind::Forbidden => {
            let delete_error = Some(words::LAST_ADMINISTRATOR.into());
            let view = Account { delete_error, ..view(&auth, &member).await? };
            Ok((cookie, super::show_refused(&error, &view)).into_response())
        }
        Err(error) if error.kind() != ErrorKind::NotFound => Ok((cookie, gone(error)).into_response()),
        // Deleted, by this call or by another at the same time.
        _ => Ok((removal(&auth, &member.who), super::done(&auth, "/logout", Notice::AccountDeleted))
            .into_response()),
    }
}

/// What passes by itself, in words.
fn later(error: &Error) -> Option<String> {
    match error.kind() {
        ErrorKind::TooManyAttempts => Some(words::too_many_attempts(super::seconds(error))),
        ErrorKind::Overloaded => Some(words::BUSY.into()),
        _ => None,
    }
}

/// A user deleted meanwhile is nobody who is logged in.
fn gone(error: Error) -> Failure {
    match error.kind() {
        ErrorKind::NotFound => symbolon_http::Problem::no_session().into(),
        _ => error.into(),
    }
}
