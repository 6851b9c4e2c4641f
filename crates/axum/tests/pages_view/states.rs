//! The pages with data as the handlers would give it, in the states that look different.

use askama::Template;

use crate::view::{
    Account, Carrier, Choice, Confirm, Device, ErrorPage, Event, Explore, Given, Grants, Home, Login, Logout,
    Page, Register, Sessions,
};
use crate::words::{self, Notice, When};

const NOW: i64 = 1_763_114_520_000;
const MINUTE: i64 = 60_000;
const DAY: i64 = 86_400_000;

/// Every state, by a name for it. `text` stands wherever a user's own words may stand.
pub(crate) fn all(base: &str, text: &str) -> Vec<(String, String)> {
    let out = Page { base: base.into(), version: "0a1b2c".into(), registration: true, ..Page::default() };
    let signed = Page { signed_in: Some(text.into()), ..out.clone() };
    let dev = |page: &Page| Page { explore: true, ..page.clone() };
    let closed = Page { registration: false, ..out.clone() };
    let told = |page: &Page, notice| Page { notice: Some(notice), ..page.clone() };
    let mut pages = vec![
        page("home", &Home { page: out.clone() }),
        page("home-closed", &Home { page: closed.clone() }),
        page("home-dev", &Home { page: dev(&out) }),
        page("home-signed-in", &Home { page: dev(&signed) }),
        page("login", &login(&out, text, None)),
        page("login-wrong", &login(&out, text, Some(words::WRONG_CREDENTIALS))),
        page("login-wait", &login(&out, text, Some(&words::too_many_attempts(30)))),
        page("confirm", &confirm(&signed, text, None)),
        page("confirm-wrong", &confirm(&signed, text, Some(words::WRONG_PASSWORD))),
        page("register", &register(&out, text)),
        page("register-error", &Register { identifier: text.into(), ..failed_register(&out, text) }),
        page(
            "register-malformed",
            &Register {
                identifier: text.into(),
                identifier_error: Some(words::IDENTIFIER_MALFORMED.into()),
                ..register(&out, text)
            },
        ),
        page("register-closed", &register(&closed, text)),
        page("logout", &Logout { page: signed.clone() }),
        page("logout-done", &Logout { page: told(&out, Notice::LoggedOut) }),
        page("account", &account(&told(&signed, Notice::PasswordChanged), text)),
        page("account-errors", &failed_account(&signed, text)),
        page(
            "account-last-admin",
            &Account {
                delete_error: Some(words::LAST_ADMINISTRATOR.into()),
                ..account(&told(&signed, Notice::PasswordChanged), text)
            },
        ),
        page(
            "account-new",
            &Account {
                activity: Vec::new(),
                devices: 1,
                name: String::new(),
                ..account(&dev(&signed), text)
            },
        ),
        page("sessions", &sessions(&told(&signed, Notice::DeviceEnded), text)),
        page(
            "sessions-one",
            &Sessions {
                devices: vec![device(true, Carrier::Cookie, "Firefox on Linux")],
                error: None,
                page: signed.clone(),
            },
        ),
        page("sessions-error", &Sessions { error: Some(words::NOT_YOURS.into()), ..sessions(&signed, text) }),
        page("grants", &grants(&signed, text)),
        page("grants-plain", &Grants { scopes: Vec::new(), audiences: Vec::new(), ..grants(&signed, "") }),
        page(
            "grants-errors",
            &Grants { label_error: Some(words::LABEL_REFUSED.into()), ..grants(&signed, text) },
        ),
        page("given", &given(&signed, text)),
        page("given-bare", &Given { scope: String::new(), ..given(&signed, text) }),
        page("explore", &Explore { page: dev(&out), issuer: format!("http://127.0.0.1:7117{base}") }),
    ];
    let codes = [
        (400, "invalid_request"),
        (401, "no_session"),
        (403, "csrf_rejected"),
        (403, "forbidden"),
        (404, "not_found"),
        (405, "method_not_allowed"),
        (429, "too_many_attempts"),
        (500, "internal"),
        (503, "overloaded"),
        (503, "unavailable"),
    ];
    pages.extend(codes.map(|(status, code)| {
        let wait = matches!(status, 429 | 503).then(|| words::wait(120));
        let instance = (status >= 500).then(|| {
            format!("019a8207-6a30-7c51-b0f8-3d5c2a91e7b4{}", if text.contains('<') { text } else { "" })
        });
        page(
            &format!("error-{status}-{code}"),
            &ErrorPage { page: out.clone(), status, code: code.into(), wait, instance },
        )
    }));
    pages
}

pub(crate) fn login_with_next(next: &str) -> String {
    Login { next: next.into(), ..login(&Page { registration: true, ..Page::default() }, "", None) }
        .render()
        .unwrap()
}

fn page(name: &str, template: &impl Template) -> (String, String) {
    (name.into(), template.render().unwrap())
}

fn login(page: &Page, text: &str, error: Option<&str>) -> Login {
    let identifier = if error.is_some() { text.into() } else { String::new() };
    Login {
        page: page.clone(),
        identifier,
        remember: true,
        next: "/account".into(),
        error: error.map(Into::into),
    }
}

fn register(page: &Page, text: &str) -> Register {
    Register {
        page: page.clone(),
        identifier: String::new(),
        next: text.into(),
        min_length: 15,
        identifier_error: None,
        password_errors: Vec::new(),
        error: None,
    }
}

fn failed_register(page: &Page, text: &str) -> Register {
    Register {
        identifier_error: Some(words::IDENTIFIER_TAKEN.into()),
        password_errors: vec![
            words::password_reason("too_short", 15),
            words::password_reason("common", 15),
            words::NOT_THE_SAME.into(),
        ],
        error: Some(words::LOOK_BELOW.into()),
        ..register(page, text)
    }
}

fn account(page: &Page, text: &str) -> Account {
    let event = |minutes: i64, what: &str, warning| Event {
        when: When::near(NOW - minutes * MINUTE, NOW),
        what: what.into(),
        device: if text.contains('<') { text.into() } else { "Firefox on Linux".into() },
        address: "203.0.113.7".into(),
        warning,
    };
    Account {
        page: page.clone(),
        identifier: text.into(),
        since: When::on(NOW - 400 * DAY),
        name: if text.contains('<') { text.into() } else { "Ada Lovelace".into() },
        name_error: None,
        devices: 4,
        min_length: 15,
        password_error: None,
        current_error: None,
        new_errors: Vec::new(),
        delete_error: None,
        activity: vec![
            event(0, "Changed the password", false),
            event(3, "Logged in", false),
            event(4, "Wrong password", true),
            event(60 * 26, "Ended the login of Safari on iPhone", false),
            event(60 * 24 * 45, "Registered", false),
        ],
    }
}

fn failed_account(page: &Page, text: &str) -> Account {
    Account {
        name_error: Some(words::NAME_REFUSED.into()),
        password_error: Some(words::BUSY.into()),
        current_error: Some(words::WRONG_PASSWORD.into()),
        new_errors: vec![words::password_reason("contains_identifier", 15)],
        delete_error: Some(words::NOT_SURE.into()),
        ..account(page, text)
    }
}

fn device(current: bool, carrier: Carrier, name: &str) -> Device {
    Device {
        id: "019a8207-6a30-7c51-b0f8-3d5c2a91e7b4".into(),
        name: name.into(),
        label: None,
        address: "203.0.113.7".into(),
        carrier,
        current,
        first_seen: When::on(NOW - 3 * DAY),
        last_seen: When::near(if current { NOW } else { NOW - 90 * MINUTE }, NOW),
        idle_end: When::near(NOW + 7 * DAY, NOW),
        last_end: When::on(NOW + 27 * DAY),
    }
}

fn confirm(page: &Page, text: &str, error: Option<&str>) -> Confirm {
    let (page, identifier) = (page.clone(), text.into());
    Confirm { page, identifier, next: "/orders?of=you".into(), error: error.map(str::to_owned) }
}

fn grants(page: &Page, text: &str) -> Grants {
    let choice = |value: &str, chosen| Choice { value: value.into(), text: value.into(), chosen };
    Grants {
        page: page.clone(),
        label: text.into(),
        scopes: vec![choice("scope:read", true), choice(text, false)],
        audiences: vec![choice("audience:https://api.example", false), choice(text, true)],
        ends: vec![choice("1", false), choice("", true)],
        idle: words::wait(14 * 86_400),
        label_error: None,
    }
}

fn given(page: &Page, text: &str) -> Given {
    Given {
        page: page.clone(),
        label: text.into(),
        scope: format!("read {text}"),
        refresh_token: format!("ref_{}", "A".repeat(64)),
        access_token: format!("{}.{}.{}", "e".repeat(80), "y".repeat(340), "J".repeat(86)),
        access_life: words::wait(300),
        idle: words::wait(14 * 86_400),
        ends: When::on(NOW + 30 * DAY),
        refresh_at: "http://127.0.0.1:7117/oauth/token".into(),
    }
}

fn sessions(page: &Page, text: &str) -> Sessions {
    let strange = if text.contains('<') { text } else { "Safari on iPhone" };
    let devices = vec![
        device(true, Carrier::Cookie, "Firefox on Linux"),
        Device {
            address: "2001:db8:85a3:8d3:1319:8a2e:370:7348".into(),
            ..device(false, Carrier::Cookie, strange)
        },
        device(false, Carrier::Token, "Photo importer 2.1"),
        Device { label: Some(text.into()), ..device(false, Carrier::Grant, "curl") },
    ];
    Sessions { page: page.clone(), devices, error: None }
}
