//! The pages: plain HTML forms that work without scripts. One file for each path, its view and template of the same name.
//!
//! Owns what a person sees and where a form leads. Refuses rules of its own: the engine decides, the extractors apply the CSRF rule, and
//! a page only says it in words (`words`) and markup (`view`).
//!
//! What holds on every page:
//! - A form that did what it says is answered 303, and the page it leads to says so (`?done=<code>`). One that did not comes back with
//!   the status the API would give, with what was typed, and without the password. Exception: `/account/grants` answers with the page
//!   that shows a job's tokens, once.
//! - A refusal is a page too; a missing login leads to `/login?next=…`, one that is not fresh enough to `/confirm?next=…` (`error`).
//! - Nothing is kept in a cache, framed, or loaded from elsewhere.
//! - Every address begins with the path that the router is mounted under.

mod account;
mod assets;
mod confirm;
mod error;
mod explore;
mod home;
mod login;
mod logout;
mod next;
mod register;
mod view;
mod visitor;
mod words;

use askama::Template;
use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderValue, Method, StatusCode, header},
    middleware,
    response::{Html, IntoResponse, Response},
    routing::{MethodRouter, get, post},
};
use symbolon::{Error, user::cache::CachedUser};
use symbolon_http::Problem;

use crate::{
    Auth,
    failure::{self, Failure},
    router::LONGEST_BODY,
};
use view::Page;
use words::Notice;

pub(crate) use error::fallback;

/// What a handler of a page answers. A failure becomes an error page on its way out.
type Answer = Result<Response, Failure>;

const GET: Method = Method::GET;
const POST: Method = Method::POST;

/// One row of the table.
struct Row {
    path: &'static str,
    methods: &'static [Method],
    handlers: MethodRouter<Auth>,
}

fn pages() -> Vec<Row> {
    let read = |path, handlers| Row { path, methods: &[GET], handlers };
    let form = |path, handlers| Row { path, methods: &[GET, POST], handlers };
    let act = |path, handlers| Row { path, methods: &[POST], handlers };
    vec![
        form("/register", get(register::show).post(register::submit)),
        form("/login", get(login::show).post(login::submit)),
        form("/logout", get(logout::show).post(logout::submit)),
        form("/confirm", get(confirm::show).post(confirm::submit)),
        read("/account", get(account::show)),
        act("/account/profile", post(account::profile)),
        act("/account/password", post(account::password)),
        act("/account/delete", post(account::delete)),
        form("/account/grants", get(account::grants::show).post(account::grants::give)),
        read("/account/sessions", get(account::sessions::show)),
        act("/account/sessions/end", post(account::sessions::end)),
        act("/account/sessions/end-others", post(account::sessions::end_others)),
        act("/account/sessions/end-all", post(account::sessions::end_all)),
    ]
}

fn start_page() -> Row {
    Row { path: "/", methods: &[GET], handlers: get(home::show) }
}

fn explore_page() -> Row {
    Row { path: "/explore", methods: &[GET], handlers: get(explore::show) }
}

/// What is fetched by a page rather than by a person.
fn fetched() -> Row {
    Row { path: "/assets/{name}", methods: &[GET], handlers: get(assets::show) }
}

/// Every path of a page with its methods, those of the development mode included.
pub(crate) fn inventory() -> Vec<(&'static str, &'static [Method])> {
    let rows = pages().into_iter().chain([start_page(), explore_page(), fetched()]);
    let mut all: Vec<_> = rows.map(|row| (row.path, row.methods)).collect();
    all.push((explore::CALL, &[POST]));
    all
}

/// The pages of this installation.
pub(crate) fn router(auth: &Auth) -> Router<Auth> {
    let options = &auth.0.options;
    let mut rows = pages();
    // An embedding application has a start page of its own, unless ours is below a path.
    if options.home || !auth.0.base.is_empty() {
        rows.push(start_page());
    }
    if options.explore {
        rows.push(explore_page());
    }
    let mut for_people = Router::new();
    for row in rows {
        for_people = for_people.route(row.path, row.handlers.fallback(error::method_not_allowed));
    }
    let for_people = for_people.layer(middleware::from_fn_with_state(auth.clone(), error::as_page));
    let fetched = fetched();
    let mut for_programs =
        Router::new().route(fetched.path, fetched.handlers.fallback(error::method_not_allowed));
    if options.explore {
        let call = explore::call(auth).fallback(error::method_not_allowed);
        for_programs = for_programs.route(explore::CALL, call);
    }
    let for_programs = for_programs.layer(middleware::from_fn_with_state(auth.clone(), error::as_asked));
    for_people.merge(for_programs).layer(DefaultBodyLimit::max(LONGEST_BODY))
}

/// What every page has around it.
fn page(auth: &Auth, user: Option<&CachedUser>, notice: Option<Notice>) -> Page {
    Page {
        base: auth.0.base.to_string(),
        version: assets::version().into(),
        signed_in: user.map(|user| user.identifier.clone()),
        registration: auth.engine().settings().registration_open,
        explore: auth.0.options.explore,
        notice,
    }
}

/// A page.
fn show(status: StatusCode, view: &impl Template) -> Response {
    match view.render() {
        Ok(text) => (status, Html(text)).into_response(),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "a page could not be rendered");
            Problem::internal(None).into_response()
        }
    }
}

/// The page of a form that was refused: with the status, and the fields such as `Retry-After`, that the API answers this error with.
fn show_refused(error: &Error, view: &impl Template) -> Response {
    let (refusal, _) = failure::problem(error).into_response().into_parts();
    framed(refusal, show(StatusCode::OK, view))
}

/// A page in the place of an answer, of which status and fields stay, those about its body excepted.
fn framed(mut answer: axum::http::response::Parts, page: Response) -> Response {
    let (own, body) = page.into_parts();
    if own.status.is_server_error() {
        // It could not be rendered, and says so.
        return Response::from_parts(own, body);
    }
    answer.headers.remove(header::CONTENT_LENGTH);
    answer.headers.extend(own.headers);
    Response::from_parts(answer, body)
}

/// 303 to a path of this origin, which is ASCII already.
fn see_other(path: &str) -> Response {
    match HeaderValue::try_from(path) {
        Ok(path) => (StatusCode::SEE_OTHER, [(header::LOCATION, path)]).into_response(),
        Err(_) => Problem::internal(None).into_response(),
    }
}

/// 303 to one of our pages, which says what was done.
fn done(auth: &Auth, path: &str, notice: Notice) -> Response {
    see_other(&format!("{}{path}?done={}", auth.0.base, notice.code()))
}

/// Seconds until another try, as `Retry-After` has them.
fn seconds(error: &Error) -> u64 {
    let wait = error.retry_after().unwrap_or_default();
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1)
}
