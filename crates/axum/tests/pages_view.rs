//! Every page in each of its states, rendered without a server and held to the rules that make pages safe and usable: what users typed
//! comes out escaped, nothing is inline, nothing is foreign, every control has a label.
//!
//! `SYMBOLON_PAGES_OUT=<folder>` also writes the pages there, to look at (assets are expected beside them, under `assets/`).

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of a test fail by panicking"
)]

#[path = "pages_view/html.rs"]
mod html;
#[path = "pages_view/states.rs"]
mod states;
#[path = "../src/pages/view.rs"]
mod view;
#[path = "../src/pages/words.rs"]
mod words;

use std::fs;
use std::path::Path;

use words::{Notice, When};

const SCRIPT: &str = r#"</script><script>alert(1)</script>" onfocus='x' &<img src=x onerror=y>"#;
const CRATE: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn every_page_in_every_state_keeps_the_rules() {
    let out = std::env::var_os("SYMBOLON_PAGES_OUT");
    for (name, text) in states::all("", "ada@example.org") {
        html::check(&name, &text, "");
        if let Some(folder) = &out {
            fs::write(Path::new(folder).join(format!("{name}.html")), &text).unwrap();
        }
    }
}

#[test]
fn pages_under_a_prefix_link_only_under_it() {
    for (name, text) in states::all("/auth", "ada@example.org") {
        html::check(&name, &text, "/auth");
    }
}

#[test]
fn wp_01_script_in_any_text_comes_out_escaped() {
    for (name, text) in states::all("", SCRIPT) {
        html::check(&name, &text, "");
        for raw in ["<script>alert", "<img src=x", "</script><script>", "onfocus='x'", "\" onfocus"] {
            assert!(!text.contains(raw), "{name}: {raw} came through");
        }
    }
}

#[test]
fn wp_01_next_is_one_query_value_in_links() {
    let text = states::login_with_next("/a?b=c&d=\"><script>");
    assert!(text.contains("register?next=%2Fa%3Fb%3Dc%26d%3D%22%3E%3Cscript%3E\""), "{text}");
    assert!(text.contains(r#"name="next" value="/a?b=c&#38;d=&#34;&#62;&#60;script&#62;""#), "{text}");
}

#[test]
fn wp_02_nothing_is_marked_safe_and_no_page_embeds_data_in_a_script() {
    for name in [
        "base",
        "home",
        "login",
        "confirm",
        "register",
        "logout",
        "account",
        "account/sessions",
        "account/grants",
        "account/given",
        "error",
        "explore",
    ] {
        let template = fs::read_to_string(format!("{CRATE}/templates/{name}.html")).unwrap();
        assert!(!template.contains("|safe") && !template.contains("| safe"), "{name}");
        assert!(!template.contains("escape(\"none\""), "{name}");
    }
    for (name, text) in states::all("", SCRIPT) {
        for script in text.split("<script").skip(1) {
            let body = script.split_once('>').unwrap().1.split_once("</script>").unwrap().0;
            assert_eq!(body, "", "{name}: a script with content");
        }
    }
}

#[test]
fn wp_03_only_explore_runs_a_script() {
    for (name, text) in states::all("", "ada") {
        assert_eq!(text.contains("<script"), name.starts_with("explore"), "{name}");
    }
}

#[test]
fn wp_03_the_script_needs_nothing_that_the_policy_forbids() {
    let script = fs::read_to_string(format!("{CRATE}/assets/explore.js")).unwrap();
    let forbidden = [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        ".style",
        "setAttribute(\"style",
        "https://",
        "http://",
    ];
    for word in forbidden {
        assert!(!script.contains(word), "explore.js has {word}");
    }
    // The client that the page itself names, and no other module.
    assert_eq!(script.matches("import").count() - script.matches("imports").count(), 1);
    assert!(script.contains("await import(root.dataset.client)"));
}

#[test]
fn wp_07_the_stylesheet_and_the_logo_load_nothing() {
    for name in ["symbolon.css", "symbolon.svg"] {
        let asset = fs::read_to_string(format!("{CRATE}/assets/{name}")).unwrap();
        for word in ["url(", "@import", "@font-face", "<script", "style=", "https://"] {
            assert!(!asset.contains(word), "{name} has {word}");
        }
    }
}

#[test]
fn cr_38_no_password_field_ever_has_a_value() {
    for (name, text) in states::all("", "ada") {
        for tag in html::tags(&text).filter(|tag| tag.get("type") == Some("password")) {
            assert!(tag.get("value").is_none(), "{name}");
            assert!(matches!(tag.get("autocomplete"), Some("current-password" | "new-password")), "{name}");
            assert!(tag.get("maxlength").is_none() && tag.get("onpaste").is_none(), "{name}");
        }
    }
}

#[test]
fn a_failed_form_keeps_the_identifier() {
    for (name, text) in states::all("", "ada@example.org") {
        if name.starts_with("login-") || name.starts_with("register-error") || name == "register-malformed" {
            assert!(text.contains(r#"value="ada@example.org""#), "{name}");
            assert!(text.contains("<title>Error: "), "{name}");
        }
    }
}

#[test]
fn notices_have_codes_of_their_own_and_nothing_else_is_a_notice() {
    assert_eq!(Notice::AccountDeleted as usize + 1, Notice::ALL.len(), "ALL has every notice");
    for notice in Notice::ALL {
        assert_eq!(Notice::from_code(notice.code()), Some(notice));
        assert!(!notice.text().is_empty());
    }
    for other in ["", "Registered", "ended ", "<script>"] {
        assert_eq!(Notice::from_code(other), None);
    }
}

#[test]
fn every_reason_and_status_of_the_contract_has_words() {
    let unknown = words::password_reason("?", 15);
    for reason in ["too_short", "too_long", "common", "contains_identifier"] {
        assert_ne!(words::password_reason(reason, 15), unknown);
    }
    let unknown = words::error(418, "");
    for status in [400, 401, 403, 404, 405, 408, 409, 413, 414, 429, 431, 500, 503] {
        assert_ne!(words::error(status, ""), unknown, "{status}");
    }
    assert_ne!(words::error(403, "csrf_rejected"), words::error(403, "forbidden"));
    assert_ne!(words::error(503, "overloaded"), words::error(503, "unavailable"));
}

#[test]
fn times_and_waits_read_like_speech() {
    const NOW: i64 = 1_763_114_520_000; // 14 November 2025, 10:02:00 UTC
    let on = When::on(NOW);
    assert_eq!(
        (on.text.as_str(), on.datetime.as_str()),
        ("14 Nov 2025, 10:02 UTC", "2025-11-14T10:02:00.000Z")
    );
    let near = |seconds: i64| When::near(NOW + seconds * 1000, NOW).text;
    assert_eq!(near(0), "just now");
    assert_eq!(near(-61), "1 minute ago");
    assert_eq!(near(-7200), "2 hours ago");
    assert_eq!(near(6 * 86_400 + 5), "in 6 days");
    assert_eq!(near(7 * 86_400 - 1), "in 7 days");
    assert_eq!(near(-7 * 86_400 + 1), "6 days ago");
    assert_eq!(near(-40 * 86_400), "5 Oct 2025, 10:02 UTC");
    assert_eq!(When::on(i64::MAX).datetime, "9999-12-30T22:00:00.999Z");
    assert_eq!(words::wait(0), "1 second");
    assert_eq!(words::wait(30), "30 seconds");
    assert_eq!(words::wait(91), "2 minutes");
    assert_eq!(words::wait(3600), "1 hour");
    assert_eq!(words::wait(7200), "2 hours");
}
