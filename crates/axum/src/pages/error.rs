//! Refusals as pages.
//!
//! Whoever refuses a request (an extractor, a handler, the router) does it with a problem document; here, on its way out, it becomes a
//! page. A missing login becomes the way to the login page, one that is not fresh the way to `/confirm`, and back. And every answer gets the headers of a page.

use axum::{
    Router,
    body::to_bytes,
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, HeaderValue, Method, header, request::Parts},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use symbolon_http::{Problem, headers};

use super::{view::ErrorPage, visitor::Visitor, words};
use crate::{Auth, address};

/// No problem document of ours is longer.
const LONGEST_PROBLEM: usize = 64 * 1024;

/// What a page needs of a problem document.
#[derive(Deserialize, Default)]
struct Told {
    code: String,
    instance: Option<String>,
}

/// Middleware of what people look at: refusals become pages, whatever the client says it accepts.
pub(super) async fn as_page(State(auth): State<Auth>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let seen = parts.clone();
    let answer = next.run(Request::from_parts(parts, body)).await;
    let mut answer = if is_problem(&answer) { dressed(&auth, seen, answer).await } else { answer };
    let fields = answer.headers_mut();
    fields.append(header::VARY, HeaderValue::from_static("Cookie"));
    headers::page(fields, auth.https());
    answer
}

/// Middleware of what programs fetch: refusals stay problems, except for a person who went there.
pub(super) async fn as_asked(State(auth): State<Auth>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let seen = prefers_html(&parts.headers).then(|| parts.clone());
    let mut answer = next.run(Request::from_parts(parts, body)).await;
    match seen {
        Some(seen) if is_problem(&answer) => {
            answer = dressed(&auth, seen, answer).await;
            headers::page(answer.headers_mut(), auth.https());
        }
        _ => headers::api(answer.headers_mut(), auth.https()),
    }
    answer
}

/// What answers where no route does, for a process that is only Symbolon: 404, as a page or as a problem.
pub(crate) fn fallback(auth: &Auth) -> Router {
    Router::new()
        .fallback(async || Problem::not_found())
        .layer(middleware::from_fn_with_state(auth.clone(), as_asked))
        .layer(auth.layer())
        .layer(middleware::from_fn_with_state(auth.clone(), address::determine))
}

/// 405; the router itself adds `Allow`.
pub(super) async fn method_not_allowed() -> Response {
    let mut answer = Problem::method_not_allowed("").into_response();
    answer.headers_mut().remove(header::ALLOW);
    answer
}

fn is_problem(answer: &Response) -> bool {
    answer.headers().get(header::CONTENT_TYPE).is_some_and(|value| value == "application/problem+json")
}

/// The page in the place of a problem; its status and fields stay.
async fn dressed(auth: &Auth, mut asked: Parts, answer: Response) -> Response {
    let (parts, body) = answer.into_parts();
    let body = to_bytes(body, LONGEST_PROBLEM).await.unwrap_or_default();
    let told: Told = serde_json::from_slice(&body).unwrap_or_default();
    match &*told.code {
        "no_session" => return super::see_other(&login_to(auth, &page(auth, &asked))),
        "fresh_login_required" => return super::see_other(&leading(auth, "confirm", &page(auth, &asked))),
        _ => {}
    }
    // Asked once more, for the masthead: of a refused write nobody is known.
    let visitor = Visitor::from_request_parts(&mut asked, auth).await.ok();
    let wait = parts.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let view = ErrorPage {
        page: super::page(auth, visitor.and_then(|visitor| visitor.user).as_deref(), None),
        status: parts.status.as_u16(),
        code: told.code,
        wait: wait.map(words::wait),
        instance: told.instance,
    };
    super::framed(parts, super::show(axum::http::StatusCode::OK, &view))
}

/// The page that was asked for, or that the form stands on: the one of its path, or the one above it.
fn page(auth: &Auth, asked: &Parts) -> String {
    let base = &auth.0.base;
    let path = asked.uri.path();
    let shows = || super::pages().iter().any(|row| row.path == path && row.methods.contains(&Method::GET));
    let page = match asked.method {
        Method::GET | Method::HEAD => path,
        _ if shows() => path,
        _ => path.rsplit_once('/').map_or(path, |(page, _)| page),
    };
    format!("{base}{page}")
}

/// The login page, and from there to a path of this origin.
pub(super) fn login_to(auth: &Auth, next: &str) -> String {
    leading(auth, "login", next)
}

fn leading(auth: &Auth, page: &str, next: &str) -> String {
    format!("{}/{page}?next={}", auth.0.base, utf8_percent_encode(next, NON_ALPHANUMERIC))
}

/// Whether a browser goes there for a person: it names HTML, and nothing of JSON before it.
fn prefers_html(request: &HeaderMap) -> bool {
    let lines = request.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
    let ranges: Vec<(String, f32)> = lines.flat_map(|line| line.split(',')).map(range).collect();
    let quality = |of: fn(&str) -> bool| {
        let qualities = ranges.iter().filter(|(name, _)| of(name)).map(|(_, quality)| *quality);
        qualities.fold(0.0, f32::max)
    };
    let html = quality(|name| matches!(name, "text/html" | "application/xhtml+xml"));
    html > 0.0 && html >= quality(|name| name.starts_with("application/") && name.ends_with("json"))
}

fn range(text: &str) -> (String, f32) {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default().to_ascii_lowercase();
    let quality =
        parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |text| text.parse().unwrap_or(0.0));
    (name, quality)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_want_pages_and_programs_do_not() {
        let prefers = |accept: &str| {
            prefers_html(&HeaderMap::from_iter([(header::ACCEPT, accept.parse::<HeaderValue>().unwrap())]))
        };
        for browser in [
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "TEXT/HTML",
            "application/json;q=0.5, text/html;q=0.6",
        ] {
            assert!(prefers(browser), "{browser}");
        }
        for program in [
            "*/*",
            "application/json",
            "application/json, text/html;q=0.9",
            "application/problem+json",
            "text/html;q=0",
            "text/html;q=x",
            "",
            ",",
        ] {
            assert!(!prefers(program), "{program}");
        }
        assert!(!prefers_html(&HeaderMap::new()));
    }
}
