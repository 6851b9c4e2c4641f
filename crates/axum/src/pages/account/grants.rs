//! `/account/grants`: giving a job a login of its own, whose secrets are shown once, on the page that answers the form.

use std::time::Duration;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
};
use symbolon::{
    ErrorKind,
    session::{Issued, Via},
    token::{
        grant::{Giver, Offer},
        issue::Wish,
    },
};
use symbolon_http::Problem;

use super::{
    super::{
        Answer, show as show_page, show_refused,
        view::{Choice, Given, Grants},
        visitor::Member,
        words::{self, When},
    },
    gone, later,
};
use crate::{
    Auth,
    address::Calling,
    api::sessions::{holder, successor_cookie},
    parts::{Form, NoParams},
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Ends that are offered, in days, as far as they come before the longest.
const ENDS: [(u32, &str); 5] = [
    (1, "After a day"),
    (7, "After a week"),
    (30, "After 30 days"),
    (90, "After 90 days"),
    (365, "After a year"),
];
/// What stands before the name of a scope or an audience in a field's name: no field may stand there twice.
const SCOPE: &str = "scope:";
const AUDIENCE: &str = "audience:";

/// `GET /account/grants`.
pub(in crate::pages) async fn show(State(auth): State<Auth>, member: Member) -> Answer {
    Ok(show_page(StatusCode::OK, &view(&auth, &member, &Form::default())))
}

/// The form, as it was sent: all but the password.
fn view(auth: &Auth, member: &Member, form: &Form) -> Grants {
    let token = &auth.engine().settings().token;
    let choices = |prefix: &str, names: &[String]| -> Vec<Choice> {
        let choice = |name: &String| {
            let value = format!("{prefix}{name}");
            Choice { chosen: form.get(&value).is_some(), text: name.clone(), value }
        };
        names.iter().map(choice).collect()
    };
    let ends = form.text("ends");
    let mut offered: Vec<_> =
        ends_before(token.refresh_absolute).map(|(days, text)| (days.to_string(), text.to_owned())).collect();
    offered.push((String::new(), "As late as possible".into()));
    Grants {
        page: member.page(auth),
        identifier: member.user.identifier.clone(),
        label: form.text("label").to_owned(),
        scopes: choices(SCOPE, &token.scopes),
        audiences: choices(AUDIENCE, &token.audiences),
        ends: offered
            .into_iter()
            .map(|(value, text)| Choice { chosen: value == ends, value, text })
            .collect(),
        idle: words::wait(token.refresh_idle.as_secs()),
        label_error: None,
        password_error: None,
    }
}

fn ends_before(longest: Duration) -> impl Iterator<Item = (u32, &'static str)> {
    ENDS.into_iter().filter(move |(days, _)| DAY * *days < longest)
}

/// `POST /account/grants`: the password again, which makes the login fresh, and then the job's tokens. The one form that is not answered
/// with a redirect: what the page shows must stand nowhere else.
pub(in crate::pages) async fn give(
    State(auth): State<Auth>,
    member: Member,
    Calling(caller): Calling,
    _: NoParams,
    headers: HeaderMap,
    form: Form,
) -> Answer {
    // All that can be refused without the password is, before the confirmation ends the session that the browser holds.
    let offer = match offer(&auth, &form) {
        Ok(offer) => offer,
        Err(error) if error.kind() == ErrorKind::InvalidRequest => {
            let view = view(&auth, &member, &form);
            let view = Grants { label_error: Some(words::LABEL_REFUSED.into()), ..view };
            return Ok(show_page(StatusCode::UNPROCESSABLE_ENTITY, &view));
        }
        Err(error) => return Err(error.into()),
    };
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
            let view = Grants { password_error: Some(sentence), ..view(&auth, &member, &form) };
            return Ok(show_refused(&error, &view));
        }
    };
    let cookie = successor_cookie(&auth, &renewed);
    let Issued::Cookie { session, .. } = renewed.issued else {
        return Err(Problem::no_session().into());
    };
    let giver = Giver { session: session.id, via: Via::Cookie, scope: None, caller: &caller };
    let given = match auth.engine().give(&giver, &offer).await {
        Ok(given) => given,
        Err(error) => return Ok((cookie, gone(error)).into_response()),
    };
    let settings = auth.engine().settings();
    let view = Given {
        page: member.page(&auth),
        label: given.session.label.clone().unwrap_or_default(),
        scope: given.answer.scope.unwrap_or_default(),
        refresh_token: given.answer.refresh_token.unwrap_or_default(),
        access_token: given.answer.access_token,
        access_life: words::wait(given.answer.expires_in.as_secs()),
        idle: words::wait(settings.token.refresh_idle.as_secs()),
        ends: When::on(given.session.expires_at.as_millis()),
        refresh_at: format!("{}/oauth/token", settings.issuer),
    };
    Ok((cookie, show_page(StatusCode::OK, &view)).into_response())
}

/// What the form asks for. A choice that is not offered is a scope that is not to be had, or no end that counts.
fn offer(auth: &Auth, form: &Form) -> Result<Offer, symbolon::Error> {
    let engine = auth.engine();
    let chosen = |prefix: &str| {
        let names = form.names().filter_map(|name| name.strip_prefix(prefix)).map(str::to_owned);
        names.collect::<Vec<_>>()
    };
    let mut audience = chosen(AUDIENCE);
    if !audience.is_empty() {
        // The grant must be able to ask here who it is, and to end itself.
        audience.push(engine.settings().issuer.clone());
    }
    let wish = Wish { audience, scope: Some(chosen(SCOPE).join(" ")) };
    let ends = form.text("ends").parse::<u32>().ok();
    let end = ends_before(engine.settings().token.refresh_absolute).find(|(days, _)| Some(*days) == ends);
    engine.offer(form.text("label"), &wish, end.map(|(days, _)| engine.now().plus(DAY * days)))
}
