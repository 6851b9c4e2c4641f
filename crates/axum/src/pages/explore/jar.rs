//! The page's own cookie jar.
//!
//! The cookies of the journey are real ones in the visitor's browser, which no script can read. They only have other names and a narrower
//! path, so that a journey neither ends nor replaces the visitor's own login.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::Auth;

/// Each cookie of ours with its name in the jar.
fn names(auth: &Auth) -> [(&str, String); 2] {
    let (cookie, name) = (&auth.0.settings.cookie, &auth.0.options.cookie_name);
    [
        (cookie.session_name(), format!("explore-{name}")),
        (cookie.known_name(), format!("explore-{name}-known")),
    ]
}

/// The `Cookie` header for a request of the journey; `None` when the jar is empty.
pub(super) fn take(auth: &Auth, browser: &HeaderMap) -> Option<HeaderValue> {
    let lines = browser.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs: Vec<(&str, &str)> =
        lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('=')).collect();
    let carried = names(auth).into_iter().filter_map(|(real, jarred)| {
        let value = pairs.iter().find(|(name, _)| *name == jarred).map(|(_, value)| *value)?;
        Some(format!("{real}={value}"))
    });
    let carried: Vec<String> = carried.collect();
    HeaderValue::try_from(carried.join("; ")).ok().filter(|_| !carried.is_empty())
}

/// What puts the cookies of an answer into the jar, or takes them out.
pub(super) fn keep(auth: &Auth, answer: &HeaderMap) -> Vec<(HeaderName, HeaderValue)> {
    let secure = if auth.https() { "; Secure" } else { "" };
    let path = format!("{}/explore", auth.0.base);
    let lines = answer.get_all(header::SET_COOKIE).iter().filter_map(|line| line.to_str().ok());
    let kept = lines.filter_map(|line| {
        let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
        let (name, value) = pair.split_once('=')?;
        let (_, jarred) = names(auth).into_iter().find(|(real, _)| *real == name)?;
        let age = attributes.split(';').map(str::trim).find(|one| one.starts_with("Max-Age="));
        let age = age.map_or(String::new(), |age| format!("; {age}"));
        let set = format!("{jarred}={value}; Path={path}{age}{secure}; HttpOnly; SameSite=Strict");
        let mut set = HeaderValue::try_from(set).ok()?;
        set.set_sensitive(true);
        Some((header::SET_COOKIE, set))
    });
    kept.collect()
}
