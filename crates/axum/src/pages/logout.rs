//! `/logout`: asks (a `GET` changes nothing), and logs out.

use axum::{extract::State, http::StatusCode, response::IntoResponse};
use symbolon::ErrorKind;
use symbolon_http::Session;

use super::{Answer, view::Logout, visitor::Visitor, words::Notice};
use crate::{
    Auth,
    address::Calling,
    api::sessions::{end_current, removal},
    parts::NoParams,
};

/// `GET /logout`.
pub(super) async fn show(State(auth): State<Auth>, visitor: Visitor) -> Answer {
    Ok(super::show(StatusCode::OK, &Logout { page: visitor.page(&auth) }))
}

/// `POST /logout`: 303 to the page that says so. Whoever is logged out already has nothing to be told of.
pub(super) async fn submit(
    State(auth): State<Auth>,
    session: Option<Session>,
    Calling(caller): Calling,
    _: NoParams,
) -> Answer {
    let elsewhere = || super::see_other(&format!("{}/logout", auth.0.base));
    let Some(Session(who)) = session else { return Ok(elsewhere()) };
    match end_current(&auth, &who, &caller).await {
        Ok(()) => {
            Ok((removal(&auth, &who), super::done(&auth, "/logout", Notice::LoggedOut)).into_response())
        }
        Err(error) if error.kind() == ErrorKind::NoSession => Ok(elsewhere()),
        Err(error) => Err(error.into()),
    }
}
