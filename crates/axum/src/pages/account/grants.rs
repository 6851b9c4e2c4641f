//! `/account/grants`: giving a job a login of its own. It wants a fresh login; the job's secrets are shown once, on the page that answers
//! the form.

use std::time::Duration;

use axum::{extract::State, http::StatusCode};
use symbolon::{
    ErrorKind,
    session::Via,
    token::{
        grant::{Giver, Offer},
        issue::Wish,
    },
};
use symbolon_http::Problem;

use super::{
    super::{
        Answer, show as show_page,
        view::{Choice, Given, Grants},
        visitor::Member,
        words::{self, When},
    },
    gone,
};
use crate::{
    Auth,
    address::Calling,
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
    member.is_fresh(&auth)?;
    Ok(show_page(StatusCode::OK, &view(&auth, &member, &Form::default())))
}

/// The form, as it was sent.
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
        label: form.text("label").to_owned(),
        scopes: choices(SCOPE, &token.scopes),
        audiences: choices(AUDIENCE, &token.audiences),
        ends: offered
            .into_iter()
            .map(|(value, text)| Choice { chosen: value == ends, value, text })
            .collect(),
        idle: words::wait(token.refresh_idle.as_secs()),
        label_error: None,
    }
}

fn ends_before(longest: Duration) -> impl Iterator<Item = (u32, &'static str)> {
    ENDS.into_iter().filter(move |(days, _)| DAY * *days < longest)
}

/// `POST /account/grants`: the job's tokens. The one form that is not answered with a redirect: what the page shows must stand nowhere
/// else.
pub(in crate::pages) async fn give(
    State(auth): State<Auth>,
    member: Member,
    Calling(caller): Calling,
    _: NoParams,
    form: Form,
) -> Answer {
    member.is_fresh(&auth)?;
    let offer = match offer(&auth, &form) {
        Ok(offer) => offer,
        Err(error) if error.kind() == ErrorKind::InvalidRequest => {
            let view = view(&auth, &member, &form);
            let view = Grants { label_error: Some(words::LABEL_REFUSED.into()), ..view };
            return Ok(show_page(StatusCode::UNPROCESSABLE_ENTITY, &view));
        }
        Err(error) => return Err(error.into()),
    };
    let session = member.who.session_id.ok_or_else(Problem::no_session)?;
    let giver = Giver { session, via: Via::Cookie, scope: None, caller: &caller };
    let given = auth.engine().give(&giver, &offer).await.map_err(gone)?;
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
    Ok(show_page(StatusCode::OK, &view))
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
